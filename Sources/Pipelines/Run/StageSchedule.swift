import AlmanacCore
import Synchronization

/// The stages of a run on their way: which may begin, which are at work, and what came of the others
/// (DECISIONS.md, D-565).
///
/// A stage may begin once all that it reads from are done. Where several may, the one that most stages
/// follow one after the other is first (DECISIONS.md, D-604), as far as threads and memory suffice; a
/// stage that is alone may always begin.
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
    /// Whether what is to be said of the zones of companies is said with this stage.
    var tellsZones: Bool
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
  /// The places of the items in the order in which they begin where several may.
  private let order: [Int]
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
    order = StageSchedule.order(count: items.count) { later, earlier in
      items[later].inputs.contains(items[earlier].kind)
    }
    self.run = run
    self.budget = budget
    self.follow = follow
    state = Mutex(State(progress: items.map { _ in .waiting }))
  }

  /// The order in which stages begin where several may: first what most stages follow one after the
  /// other, so that a long way is not begun last; among equals as the pipeline has them.
  ///
  /// - Parameters:
  ///   - count: the number of stages.
  ///   - reads: whether the first stage reads from the second, which comes before it.
  /// - Returns: the places of the stages.
  static func order(count: Int, reads: (Int, Int) -> Bool) -> [Int] {
    var ways = [Int](repeating: 1, count: count)
    for stage in (0..<count).reversed() {
      for reader in (stage + 1)..<max(stage + 1, count) where reads(reader, stage) {
        ways[stage] = max(ways[stage], ways[reader] + 1)
      }
    }
    return (0..<count).sorted { ways[$0] != ways[$1] ? ways[$0] > ways[$1] : $0 < $1 }
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
      let teller = items.firstIndex { $0.kind == .extract } ?? 0
      return Turn(
        item: items[index], number: index + 1, scope: scope, tellsZones: index == teller)
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
    func record(_ state: inout State) {
      if let turn { state.progress[turn.number - 1] = .failed(error) }
      state.isStopped = true
      state.fatal.append(error)
    }
    if let turn { end(turn, record) } else { state.withLock { record(&$0) } }
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
        // None is at work any more once the threads have ended.
        case .waiting, .atWork: outcome.left.append(name)
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
    return order.filter { index in
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
