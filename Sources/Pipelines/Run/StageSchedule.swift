import AlmanacCore
import Synchronization

/// The stages of a run on their way: which may begin, which are at work, and what came of the others
/// (DECISIONS.md, D-565).
///
/// A stage may begin once all that it reads from are done. Where several may, they begin in the
/// pipeline's order, as far as threads and memory suffice; a stage that is alone may always begin.
final class StageSchedule: Sendable {
  /// What is known of a stage before it begins.
  struct Item: Sendable {
    /// What the stage does.
    var kind: StageKind
    /// The stage.
    var stage: any Stage
    /// The kinds among those of the run that it reads from, and those that they read from.
    var inputs: Set<StageKind>
    /// How long it may take.
    var limit: Duration?
    /// Whether what does not read from it goes on where it fails.
    var isContinued: Bool
    /// What earlier runs took.
    var history: StageHistory?
  }

  /// A stage that begins.
  struct Turn: Sendable {
    /// The stage.
    var item: Item
    /// The number of the stage in the run, from 1.
    var number: Int
    /// What its threads share.
    var scope: StageScope
  }

  /// What came of the stages, in the pipeline's order.
  struct Outcome: Sendable {
    /// The stages that are done.
    var done: [RunReport.StageReport] = []
    /// The stages that failed.
    var failed: [(name: String, error: any Error)] = []
    /// The stages that were not begun because one that they read from was not done, its number and
    /// the name of that one.
    var skipped: [(name: String, number: Int, input: String)] = []
    /// The stages that were not begun otherwise.
    var left: [String] = []
    /// What ended the run, whatever the stages' policies say.
    var fatal: [any Error] = []
  }

  private enum Progress {
    case waiting
    case atWork(StageScope)
    case done(RunReport.StageReport)
    case failed(any Error)
    /// One that it reads from was not done.
    case skipped(input: String)
  }

  private struct State {
    var progress: [Progress]
    var isStopped = false
    /// The threads on their way to a stage.
    var coming = 0
    /// Whether a session was refused since a stage ended.
    var lacksSessions = false
    var fatal: [any Error] = []

    var atWork: [StageScope] {
      progress.compactMap { if case .atWork(let scope) = $0 { scope } else { nil } }
    }
  }

  private let items: [Item]
  private let run: String
  private let budget: ThreadBudget
  private let follow: @Sendable (RunPosition) -> Void
  private let state: Mutex<State>

  /// A schedule of the stages of a run, in the pipeline's order; `follow` is told of each change.
  init(
    _ items: [Item], run: String, budget: ThreadBudget,
    follow: @escaping @Sendable (RunPosition) -> Void
  ) {
    self.items = items
    self.run = run
    self.budget = budget
    self.follow = follow
    state = Mutex(State(progress: items.map { _ in .waiting }))
  }

  /// Takes the next stage that may begin, which counts as at work from now on.
  ///
  /// - Parameter isComing: whether the thread that asks was on its way to a stage until now.
  /// - Returns: the stage; `nil` where none may begin now.
  func next(isComing: Bool = false) -> Turn? {
    state.withLock { state in
      if isComing { state.coming -= 1 }
      defer { settleWant(state) }
      guard let index = ready(state).first else { return nil }
      let scope = StageScope(stage: items[index].stage.name, budget: budget)
      state.progress[index] = .atWork(scope)
      tell(state)
      return Turn(item: items[index], number: index + 1, scope: scope)
    }
  }

  /// Whether there is a stage for one more thread, which counts as on its way from now on.
  func expectThread() -> Bool {
    state.withLock { state in
      guard wantsThread(state) else { return false }
      state.coming += 1
      return true
    }
  }

  /// Says that a thread that was expected does not come.
  ///
  /// - Parameter lacksSession: whether it got no session, which keeps others from trying until a
  ///   stage has ended.
  /// - Returns: whether that is news.
  @discardableResult
  func dismissThread(lacksSession: Bool = false) -> Bool {
    state.withLock { state in
      state.coming -= 1
      let isNews = lacksSession && !state.lacksSessions
      if lacksSession { state.lacksSessions = true }
      settleWant(state)
      return isNews
    }
  }

  /// Records that a stage is done.
  func finish(_ turn: Turn, _ report: RunReport.StageReport) {
    end(turn) { $0.progress[turn.number - 1] = .done(report) }
  }

  /// Records that a stage failed.
  ///
  /// - Returns: whether stages that do not read from it are done nonetheless, and there are any.
  func fail(_ turn: Turn, _ error: any Error) -> Bool {
    end(turn) { state in
      state.progress[turn.number - 1] = .failed(error)
      guard turn.item.isContinued, !state.isStopped else {
        state.isStopped = true
        return false
      }
      skipReaders(&state)
      return state.progress.contains {
        switch $0 {
        case .waiting, .atWork: true
        case .done, .failed, .skipped: false
        }
      }
    }
  }

  /// Records an error after which no further stage may begin; a stage at work that met it has failed.
  func stop(_ error: any Error, during turn: Turn? = nil) {
    guard let turn else {
      return state.withLock { state in
        state.isStopped = true
        state.fatal.append(error)
      }
    }
    end(turn) { state in
      state.progress[turn.number - 1] = .failed(error)
      state.isStopped = true
      state.fatal.append(error)
    }
  }

  /// Takes note of the memory that the process has, for the stages at work.
  func note(memory: Int) {
    for scope in state.withLock({ $0.atWork }) { scope.note(memory: memory) }
  }

  /// What came of the stages.
  var outcome: Outcome {
    state.withLock { state in
      var outcome = Outcome(fatal: state.fatal)
      for (index, item) in items.enumerated() {
        let name = item.stage.name
        switch state.progress[index] {
        case .waiting: outcome.left.append(name)
        // Its thread is gone without a word, which no path does.
        case .atWork: outcome.left.append(name)
        case .done(let report): outcome.done.append(report)
        case .failed(let error): outcome.failed.append((name, error))
        case .skipped(let input):
          outcome.skipped.append((name, index + 1, input))
          outcome.left.append(name)
        }
      }
      return outcome
    }
  }

  private func end<Result>(_ turn: Turn, _ record: (inout State) -> Result) -> Result {
    turn.scope.end()
    return state.withLock { state in
      let result = record(&state)
      state.lacksSessions = false
      tell(state)
      return result
    }
  }

  /// Whether more stages may begin than threads are on their way.
  private func wantsThread(_ state: State) -> Bool {
    !state.lacksSessions && ready(state).count > state.coming
  }

  /// Has lent threads back only as long as a stage waits for one.
  private func settleWant(_ state: State) {
    if !wantsThread(state) { budget.wantNone() }
  }

  /// The stages that may begin: all they read from is done, and there is memory for each.
  private func ready(_ state: State) -> [Int] {
    if state.isStopped { return [] }
    let isAlone = state.atWork.isEmpty
    return items.indices.filter { index in
      guard case .waiting = state.progress[index],
        items[index].inputs.allSatisfy({ isDone($0, state) })
      else { return false }
      return isAlone || budget.hasRoom(for: items[index].history?.memory)
    }
  }

  private func isDone(_ kind: StageKind, _ state: State) -> Bool {
    items.indices.allSatisfy { index in
      if items[index].kind != kind { return true }
      if case .done = state.progress[index] { return true }
      return false
    }
  }

  /// Takes out what reads from a stage that was not done.
  private func skipReaders(_ state: inout State) {
    for (index, item) in items.enumerated() {
      guard case .waiting = state.progress[index] else { continue }
      let input = items.indices.first { other in
        switch state.progress[other] {
        case .failed, .skipped: item.inputs.contains(items[other].kind)
        case .waiting, .atWork, .done: false
        }
      }
      if let input { state.progress[index] = .skipped(input: items[input].stage.name) }
    }
  }

  private func tell(_ state: State) {
    var position = RunPosition(run: run, usualSeconds: items.map { $0.history?.seconds })
    for (index, item) in items.enumerated() {
      switch state.progress[index] {
      case .waiting, .skipped: break
      case .atWork:
        position.stages.append(RunPosition.Stage(name: item.stage.name, number: index + 1))
      case .done, .failed: position.finished.insert(index + 1)
      }
    }
    follow(position)
  }
}

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
    let outcome: StageOutcome
    do {
      try context.ledger.beginStage(stage.name, sequence: turn.number)
      if let limit = turn.item.limit { Interruption.setLimit(limit, on: turn.scope) }
      outcome = try stage.run(in: context)
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
