import AlmanacCore
import Billing
import Synchronization

/// What the stages of a run find out once for all of them.
///
/// Whoever asks first finds it out, and others wait for that, unless they are to end: each lock is held
/// for as long as it takes. They are taken in the order in which they stand here, if more than one is.
final class RunMemo: Sendable {
  /// The billing records up to an instant.
  struct Billing: Sendable {
    /// What they were read by.
    var settings: LedgerSettings
    /// The instant.
    var end: Timestamp
    /// What was read.
    var records: BillingRecords
  }

  /// What a plan found of the events in the source, by which the rollup stage foresees its days; `nil`
  /// in a run, and where nothing will be extracted.
  let glance = Mutex<SourceGlance?>(nil)
  /// What the extract stage noticed of each dataset, for the check stage.
  let findings = Mutex<[String: DatasetFindings]>([:])
  /// What the fit stage found, for the predict stage.
  let fits = Mutex<[String: FittedModel]>([:])
  /// The same of models of what may happen to companies.
  let riskFits = Mutex<[String: FittedRisk]>([:])
  /// The billing records, once they were read.
  let billing = Mutex<Billing?>(nil)
  /// The zones of companies, once they were read.
  let zones = Mutex<OwnedZones?>(nil)

  /// Finds something out where nobody has, or waits for whoever is about it.
  ///
  /// - Throws: what `body` throws; ``PipelineError`` where the stage that waits is to end.
  static func once<Value: Sendable, Result: Sendable>(
    _ memo: borrowing Mutex<Value>, _ body: (inout Value) throws -> Result
  ) throws -> Result {
    while true {
      if let result = try memo.withLockIfAvailable({ try body(&$0) }) { return result }
      try Interruption.check()
      Interruption.pause(milliseconds: 2)
    }
  }
}
