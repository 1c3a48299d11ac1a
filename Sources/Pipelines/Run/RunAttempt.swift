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

  /// The error of several that decides: the first that trying again does not mend, else the first.
  static func decisive(_ errors: [any Error]) -> (any Error)? {
    errors.first { !$0.mayPass } ?? errors.first
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
  /// Does the stages of a run in order.
  ///
  /// Where a stage fails and the pipeline says so, those that do not read what it writes are done
  /// nonetheless (DECISIONS.md, D-560); then the error that decides is thrown.
  func perform(
    _ opening: Opening, in context: RunContext, _ attempt: inout RunAttempt,
    _ report: inout RunReport
  ) throws {
    let (pipeline, ledger) = (opening.pipeline, context.ledger)
    attempt.left = opening.stages.map(\.work.name)
    let history = try LedgerReading(opening.connection).stageHistory(pipeline: pipeline.name)
    let usual = opening.stages.map { history[$0.work.name]?.seconds }
    var errors: [any Error] = []
    var undone: Set<StageKind> = []
    for (index, (kind, stage)) in opening.stages.enumerated() {
      try Interruption.check()
      if let input = opening.stages.map(\.kind).first(where: {
        undone.contains($0) && pipeline.inputs(of: kind).contains($0)
      }) {
        undone.insert(kind)
        try ledger.skipStage(
          stage.name, sequence: index + 1,
          reason: "it reads what \(input.rawValue) writes, which was not done")
        continue
      }
      follow(
        RunPosition(
          run: context.run.description, stage: stage.name, number: index + 1, usualSeconds: usual))
      try ledger.beginStage(stage.name, sequence: index + 1)
      attempt.left.removeAll { $0 == stage.name }
      do {
        let done = try perform(stage, limit: pipeline.failures.timeouts[kind], in: context)
        report.stages.append(done)
        attempt.done.append(stage.name)
        report.notices += done.outcome.notices
        for notice in done.outcome.notices { log(.warning, "\(stage.name): \(notice)") }
      } catch {
        let reason = error.words
        attempt.failed.append((stage.name, reason))
        noteDamage(error, in: context.directory)
        guard leavesRunAlive(error) else { throw error }
        errors.append(error)
        guard pipeline.failures.action(on: kind) == .continue,
          (try? ledger.failStage(stage.name, error: reason)) != nil
        else { throw RunAttempt.decisive(errors) ?? error }
        undone.insert(kind)
        let others = opening.stages[(index + 1)...].map(\.kind).filter {
          !pipeline.inputs(of: $0).contains(where: undone.contains)
        }
        if !others.isEmpty {
          log(.warning, "\(stage.name) failed: \(reason); what does not read from it goes on")
        }
      }
    }
    if let error = RunAttempt.decisive(errors) { throw error }
  }

  /// Does one stage, within its limit.
  private func perform(
    _ stage: any Stage, limit: Duration?, in context: RunContext
  ) throws -> RunReport.StageReport {
    let clock = ContinuousClock()
    let start = clock.now
    if let limit { Interruption.setLimit(limit, on: stage.name) }
    defer { if limit != nil { Interruption.lift() } }
    let outcome: StageOutcome
    do {
      outcome = try stage.run(in: context)
      try context.ledger.finishStage(stage.name, outcome)
    } catch {
      throw Interruption.explain(error)
    }
    let elapsed = (clock.now - start).components
    return RunReport.StageReport(
      name: stage.name, outcome: outcome,
      seconds: Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18)
  }

  /// Whether other stages can be done after an error of one.
  private func leavesRunAlive(_ error: any Error) -> Bool {
    switch error as? PipelineError {
    case .interrupted, .lockLost: false
    default: true
    }
  }

  /// Keeps a damaged part in mind, so that the next extraction replaces it.
  private func noteDamage(_ error: any Error, in directory: DataDirectory) {
    if case .damagedPart(let path, _)? = error as? PipelineError {
      try? DamageList(directory: directory.path).add([path])
    }
  }

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
