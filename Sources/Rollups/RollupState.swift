package import Columns

/// Events on their way to a rollup: takes batches, merges with other states, gives the table.
///
/// The result depends on the set of rows only, not on their order, on how they are cut into
/// batches or on how states are combined. Several threads each fill a state of their own and
/// combine them at the end; users are identified by their uuids, so distinct counts stay exact.
///
/// Rows are kept as codes until there are many, then reduced to groups with their distinct users:
/// what a state holds grows with the groups and their users, not with the rows.
package struct RollupState: Sendable {
  private let buckets: RollupBuckets
  private let settings: RollupSettings
  private let assignment: CompanyAssignment
  private let rowsBeforeReduction: Int
  private var dictionaries = RollupDictionaries()
  private var pending: [CodedEvents] = []
  private var pendingRows = 0
  private var reduced: RollupRun?
  /// The number of rows read so far, inside the interval or not.
  package private(set) var rowCount = 0
  /// The rates so far taken to convert amounts.
  package private(set) var rateUses: Set<RollupRateUse> = []
  /// The number of amounts so far left out because no currency is known for them.
  package private(set) var amountsWithoutCurrency = 0

  /// An empty state for the given buckets.
  ///
  /// - Parameters:
  ///   - buckets: the hours or days wanted; events outside are ignored.
  ///   - settings: zone, reporting currency and column names.
  ///   - rowsBeforeReduction: the number of rows kept before they are reduced to groups.
  package init(
    _ buckets: RollupBuckets, settings: RollupSettings, rowsBeforeReduction: Int = 12_000_000
  ) {
    precondition(
      buckets.count < Int(UInt32.max), "\(buckets.count) buckets are more than a rollup can hold")
    self.buckets = buckets
    self.settings = settings
    self.rowsBeforeReduction = rowsBeforeReduction
    assignment = CompanyAssignment(buckets, settings: settings)
  }

  /// Adds the rows of a batch.
  ///
  /// - Throws: `RollupError` for a missing column, a column of the wrong type, an event inside the
  ///   interval without company or type, an event without a time, or an amount in another currency
  ///   for which there is no rate. The state must not be used after an error.
  package mutating func accumulate(_ batch: Batch) throws(RollupError) {
    let reader = EventReader(batch: batch, settings: settings, rowsBefore: rowCount)
    var converter = AmountConverter(settings: settings, isHourly: buckets.grain == .hour)
    let (events, withoutCurrency) = try reader.coded(
      buckets: assignment, in: &dictionaries, converter: &converter)
    rateUses.formUnion(converter.uses)
    rowCount += batch.rowCount
    amountsWithoutCurrency += withoutCurrency
    try append(events)
  }

  /// Adds everything another state has taken; both must be for the same buckets and settings.
  ///
  /// - Throws: `RollupError.overflow` where a sum of amounts exceeds 128 bits.
  package mutating func combine(_ other: RollupState) throws(RollupError) {
    precondition(other.buckets == buckets, "states of different intervals")
    let translation = RollupCodeTranslation(from: other.dictionaries, into: &dictionaries)
    rowCount += other.rowCount
    amountsWithoutCurrency += other.amountsWithoutCurrency
    rateUses.formUnion(other.rateUses)
    if let run = other.reduced { try merge(run.translated(by: translation)) }
    for events in other.pending { try append(translation(events)) }
  }

  /// The rollup of everything taken.
  ///
  /// - Throws: `RollupError.overflow` where a sum does not fit its column.
  package consuming func finish() throws(RollupError) -> RollupTable {
    try reduce(isLast: true)
    return try RollupTable(
      reduced ?? RollupRun(keepsUsers: false), dictionaries: dictionaries, buckets: buckets,
      amountsWithoutCurrency: amountsWithoutCurrency, rateUses: rateUses.sorted())
  }

  private mutating func append(_ events: CodedEvents) throws(RollupError) {
    pending.append(events)
    pendingRows += events.rowCount
    if pendingRows >= rowsBeforeReduction { try reduce(isLast: false) }
  }

  /// Turns the rows kept so far into groups.
  ///
  /// Users are only kept where the groups may still meet others.
  private mutating func reduce(isLast: Bool) throws(RollupError) {
    guard !pending.isEmpty else { return }
    let run = RollupRun.aggregating(
      pending, bucketCount: buckets.count, dictionaries: dictionaries,
      keepingUsers: !isLast || reduced != nil)
    pending = []
    pendingRows = 0
    guard let run else { throw .overflow(column: settings.amountColumn ?? "amount") }
    try merge(run)
  }

  private mutating func merge(_ run: RollupRun) throws(RollupError) {
    guard let earlier = reduced else {
      reduced = run
      return
    }
    let merged = RollupRun.merging(earlier, run, order: GroupOrder(dictionaries))
    guard let merged else { throw .overflow(column: settings.amountColumn ?? "amount") }
    reduced = merged
  }
}

/// Counts, distinct users and sums of events per company, event type, module and bucket.
///
/// - Parameters:
///   - events: batches with the columns the settings name, in any order.
///   - buckets: the hours or days wanted; events outside are ignored.
///   - settings: zone, reporting currency and column names.
/// - Returns: the groups that have at least one event, in order of their key.
/// - Throws: `RollupError`, as `RollupState.accumulate(_:)` and `RollupState.finish()` do.
package func rollup(
  _ events: [Batch], into buckets: RollupBuckets, settings: RollupSettings
) throws(RollupError) -> RollupTable {
  var state = RollupState(buckets, settings: settings)
  for batch in events { try state.accumulate(batch) }
  return try state.finish()
}
