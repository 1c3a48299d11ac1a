import AlmanacCore
import Pipelines

/// What a run does while another one is at work.
enum IfRunning: String, CaseIterable {
  /// Waits until the other one has ended.
  case wait
  /// Does nothing, and that is fine.
  case skip
  /// Ends with the status that says to try again.
  case fail

  /// Takes `--if-running` from the command line.
  static func option(_ scanner: inout ArgumentScanner) throws(UsageError) -> IfRunning {
    guard let text = try scanner.value("--if-running") else { return .fail }
    guard let choice = IfRunning(rawValue: text) else {
      throw UsageError(
        "--if-running takes wait, skip or fail, not \(shown(text))"
          + Suggestion.didYouMean(text, among: allCases.map(\.rawValue)))
    }
    return choice
  }

  /// Runs, as long as nobody else does.
  ///
  /// - Parameters:
  ///   - log: told once of what is waited for, or why nothing is done.
  ///   - run: the run.
  /// - Returns: what the run did; `nil` if nothing was done.
  /// - Throws: what the run throws, an interruption among it.
  func perform(_ log: LogSink, _ run: () throws -> RunReport) throws -> RunReport? {
    var isTold = false
    while true {
      do {
        return try run()
      } catch let error as PipelineError {
        guard case .alreadyRunning(let holder) = error, self != .fail else { throw error }
        if self == .skip {
          log(.warning, "another run is at work (\(holder)); nothing is done")
          return nil
        }
        if !isTold { log(.info, "waiting for the end of another run (\(holder))") }
        isTold = true
        for _ in 0..<10 {
          try Interruption.check()
          Interruption.pause(milliseconds: 50)
        }
      }
    }
  }
}
