import AlmanacCore

extension PipelineRunner {
  /// The most stages that are at work at the same time: what reads what `check` lets through, and once
  /// rollups are done what reads them.
  static let maximumStages = 5

  /// Does the stages of a run, those that do not read from each other at the same time.
  ///
  /// Where a stage fails and the pipeline says so, those that do not read what it writes are done
  /// nonetheless (DECISIONS.md, D-560); otherwise no further one begins, and those at work are
  /// brought to their end. Then the error that decides is thrown.
  func perform(
    _ opening: Opening, in context: RunContext, _ attempt: inout RunAttempt,
    _ report: inout RunReport
  ) throws {
    let budget = ThreadBudget(
      threads: request.jobs, memory: request.memory,
      residentMemory: { MachineMemory.resident })
    let schedule = StageSchedule(
      try items(opening), run: context.run.description, budget: budget, follow: follow)
    let sampling = Ticker(everyMilliseconds: 100) {
      schedule.note(memory: MachineMemory.resident)
    }
    let (fence, settings, branch) = (context.lock.fence, request.target, context.branching())
    let hire: @Sendable (ThreadCrew) -> Void = { crew in
      while schedule.expectThread() {
        guard budget.takeForStage() else {
          schedule.dismissThread()
          return
        }
        guard crew.recruit() else {
          schedule.dismissThread()
          return budget.give()
        }
      }
    }
    ThreadCrew.work { crew in
      budget.whenFree({ hire(crew) }) {
        perform(schedule, in: context) { hire(crew) }
        budget.give()
        crew.join()
      }
    } beside: { crew in
      // It may have been asked for by a thread of another stage, whose limit is not its own.
      StageScope.$current.withValue(nil) {
        do {
          let lock = try RunLock(joining: fence, settings: settings)
          perform(schedule, in: branch(lock), isComing: true) { hire(crew) }
        } catch {
          // It leaves the stage to the others.
          if schedule.dismissThread(lacksSession: true) {
            log(.warning, "no session for a further stage, others are waited for: \(error.words)")
          }
        }
        budget.give()
      }
    }
    sampling.stop()
    try conclude(schedule.outcome, in: context, &attempt, &report)
  }

  /// The stages with what is known of them.
  private func items(_ opening: Opening) throws -> [StageSchedule.Item] {
    let pipeline = opening.pipeline
    let history = try LedgerReading(opening.connection).stageHistory(pipeline: pipeline.name)
    let kinds = Set(opening.stages.map(\.kind))
    return opening.stages.map { kind, stage in
      StageSchedule.Item(
        kind: kind, stage: stage, inputs: pipeline.inputs(of: kind).intersection(kinds),
        limit: pipeline.failures.timeouts[kind],
        isContinued: pipeline.failures.action(on: kind) == .continue,
        history: history[stage.name])
    }
  }

  /// Does stages one after the other on the caller's thread, until none may begin.
  ///
  /// - Parameters:
  ///   - schedule: the stages.
  ///   - context: what those on this thread work in.
  ///   - isComing: whether the schedule expects this thread.
  ///   - hire: called when one has begun, for those that may begin beside it.
  private func perform(
    _ schedule: StageSchedule, in context: RunContext, isComing: Bool = false, hire: () -> Void
  ) {
    var isComing = isComing
    while true {
      do {
        try Interruption.check()
      } catch {
        return schedule.stop(error)
      }
      guard let turn = schedule.next(isComing: isComing) else { return }
      isComing = false
      hire()
      StageScope.$current.withValue(turn.scope) {
        do {
          let done = try perform(turn, in: context)
          for notice in done.outcome.notices { log(.warning, "\(done.name): \(notice)") }
          schedule.finish(turn, done)
        } catch {
          noteDamage(error, in: context.directory)
          guard leavesRunAlive(error) else { return schedule.stop(error, during: turn) }
          let reason = error.words
          // Where that cannot be recorded, the end of the run records it, or the next run.
          guard (try? context.ledger.failStage(turn.item.stage.name, error: reason)) != nil else {
            return schedule.stop(error, during: turn)
          }
          if schedule.fail(turn, error) {
            log(
              .warning,
              "\(turn.item.stage.name) failed: \(reason); what does not read from it goes on")
          }
        }
      }
    }
  }

  /// Does one stage, within its limit.
  private func perform(
    _ turn: StageSchedule.Turn, in context: RunContext
  ) throws -> RunReport.StageReport {
    let clock = ContinuousClock()
    let start = clock.now
    let stage = turn.item.stage
    var outcome: StageOutcome
    do {
      try context.ledger.beginStage(stage.name, sequence: turn.number)
      if let limit = turn.item.limit { Interruption.setLimit(limit, on: turn.scope) }
      outcome = try stage.run(in: context)
      if turn.tellsZones { outcome.notices += context.zoneNotices() }
      turn.scope.note(memory: MachineMemory.resident)
      try context.ledger.finishStage(stage.name, outcome, memory: turn.scope.memoryGrowth)
    } catch {
      throw Interruption.explain(error)
    }
    let elapsed = (clock.now - start).components
    return RunReport.StageReport(
      name: stage.name, outcome: outcome,
      seconds: Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18)
  }

  /// Records what came of the stages, and throws the error that decides.
  private func conclude(
    _ outcome: StageSchedule.Outcome, in context: RunContext, _ attempt: inout RunAttempt,
    _ report: inout RunReport
  ) throws {
    report.stages = outcome.done
    report.notices += outcome.done.flatMap(\.outcome.notices)
    attempt.done = outcome.done.map(\.name)
    attempt.failed = outcome.failed.map { ($0.name, $0.error.words) }
    attempt.left = outcome.left
    if outcome.fatal.isEmpty {
      for (name, number, input) in outcome.skipped {
        try context.ledger.skipStage(
          name, sequence: number, reason: "it reads what \(input) writes, which was not done")
      }
    }
    // A signal and a lost lock come first; that a failure could not be recorded changes nothing.
    let decisive =
      outcome.failed.first { !leavesRunAlive($0.error) } ?? RunAttempt.decisive(outcome.failed)
    let ending = outcome.fatal.first { !leavesRunAlive($0) }
    guard let error = ending ?? decisive?.error ?? outcome.fatal.first else { return }
    var position = RunPosition(run: context.run.description)
    position.endedBy = decisive?.name
    follow(position)
    throw error
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
}
