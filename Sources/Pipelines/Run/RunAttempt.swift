import AlmanacCore
import Postgres

/// How far a request has come, over all attempts at it.
struct RunAttempt {
  /// The number of the attempt, from 1.
  var number = 1
  /// Whether the ledger knows of a run.
  var hasBegun = false
  /// The logical date, once it is known.
  var date: CalendarDate?
  /// The stages that the present attempt has done.
  var done: [String] = []
  /// The stages that failed, with what to say of them.
  var failed: [(stage: String, reason: String)] = []
  /// The stages that were not begun, or not any more.
  var left: [String] = []

  /// Says that the ledger has recorded a run.
  mutating func begin(_ date: CalendarDate) {
    hasBegun = true
    self.date = date
    (done, failed, left) = ([], [], [])
  }

  /// The failure of several that decides: the first that trying again does not mend, else the first.
  static func decisive(
    _ failed: [(name: String, error: any Error)]
  ) -> (name: String, error: any Error)? {
    failed.first { !$0.error.mayPass } ?? failed.first
  }

  /// What to say in front of the error that ends the run: what else failed, what is kept, what is not
  /// done, and the command that goes on.
  func lines(of request: RunRequest, after error: any Error) -> [String] {
    guard hasBegun, let date else { return [] }
    if case .interrupted? = error as? PipelineError { return [] }
    var lines = failed.filter { $0.reason != error.words }.map {
      "also failed: \($0.stage): \($0.reason)"
    }
    if !done.isEmpty { lines.append("done, and kept: " + done.joined(separator: ", ")) }
    if let first = failed.first {
      let undone = failed.map(\.stage) + left
      lines.append("not done: " + undone.joined(separator: ", ") + " (\(first.stage) failed)")
    }
    var words = request.words.isEmpty ? [request.pipeline] : request.words
    if !words.contains(where: { $0 == "--date" || $0.hasPrefix("--date=") }) {
      words += ["--date", date.description]
    }
    lines.append(
      (error.mayPass ? "to go on: " : "to go on once that is mended: ")
        + (["almanac", "run"] + words).map(shellWord).joined(separator: " "))
    return lines
  }
}

extension PipelineRunner {
  /// Waits for the next attempt after an error that may pass by itself, if the pipeline has one left.
  ///
  /// - Returns: whether there is another attempt; `false` at once where there is none.
  /// - Throws: ``PipelineError/interrupted(_:)``.
  func waits(for attempt: inout RunAttempt, after error: any Error) throws -> Bool {
    guard let policy = project.pipeline(request.pipeline)?.failures,
      attempt.number < policy.attempts, isWorthAnother(attempt, after: error)
    else { return false }
    let pause = policy.pause(
      before: attempt.number + 1, jitter: Double.random(in: 0..<1)
    ).components
    log(
      .warning,
      "attempt \(attempt.number) of \(policy.attempts) failed: \(error.words); the next one in "
        + "\(pause.seconds) s")
    let end = ContinuousClock.now + .seconds(pause.seconds)
    while ContinuousClock.now < end {
      try Interruption.check()
      Interruption.pause(milliseconds: 50)
    }
    attempt.number += 1
    return true
  }

  /// Whether an error may be gone in a while: of a run that the ledger knows, so that a mistyped
  /// address is told at once, or of a server that says that it is about to be there.
  private func isWorthAnother(_ attempt: RunAttempt, after error: any Error) -> Bool {
    switch error as? PipelineError {
    case .lockLost, .interrupted: return false
    // A session of the attempt before may take a moment to end.
    case .alreadyRunning: return attempt.number > 1
    default: break
    }
    if let error = error as? PostgresError, case .server(let failure) = error,
      failure.state == .cannotConnectNow
    {
      return true
    }
    return attempt.hasBegun && error.mayPass
  }
}
