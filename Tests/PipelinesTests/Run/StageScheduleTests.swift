import AlmanacCore
import Synchronization
import Testing

@testable import Pipelines

@Suite("The schedule of stages")
struct StageScheduleTests {
  private struct Idle: Stage {
    let name: String

    func run(in context: RunContext) throws -> StageOutcome { StageOutcome() }
    func outlook(in context: RunContext) throws -> StageOutlook { StageOutlook(name, .run, []) }
  }

  private struct Failure: Error {}

  /// A schedule of stages of the shipped pipeline, and what was told of its position.
  private final class Place: Sendable {
    let positions = Mutex<[RunPosition]>([])
    let memory = Mutex(0)

    func schedule(
      _ kinds: [StageKind] = StageKind.allCases, threads: Int = 4, limit: Int = .max,
      growth: [StageKind: Int] = [:], stopping: Set<StageKind> = []
    ) -> (schedule: StageSchedule, budget: ThreadBudget) {
      let budget = ThreadBudget(threads: threads, memory: limit) { [self] in
        memory.withLock { $0 }
      }
      let items = kinds.map { kind in
        StageSchedule.Item(
          kind: kind, stage: Idle(name: kind.rawValue),
          inputs: Set(kind.inputs).intersection(kinds), limit: nil,
          isContinued: !stopping.contains(kind),
          history: growth[kind].map { StageHistory(rows: 1, seconds: 2, memory: $0) })
      }
      let schedule = StageSchedule(items, run: "r", budget: budget) { [self] position in
        positions.withLock { $0.append(position) }
      }
      return (schedule, budget)
    }
  }

  private static func report(_ turn: StageSchedule.Turn) -> RunReport.StageReport {
    RunReport.StageReport(name: turn.item.stage.name, outcome: StageOutcome(), seconds: 1)
  }

  /// The stages that may begin now, each of which is then at work.
  private func begin(_ schedule: StageSchedule) -> [StageSchedule.Turn] {
    var turns: [StageSchedule.Turn] = []
    while let turn = schedule.next() { turns.append(turn) }
    return turns
  }

  private func names(_ turns: [StageSchedule.Turn]) -> [String] { turns.map(\.item.stage.name) }

  @Test("lets a stage begin when all it reads from is done, and others beside it")
  func waves() {
    let place = Place()
    let (schedule, _) = place.schedule()
    var waves: [[String]] = []
    while true {
      let turns = begin(schedule)
      if turns.isEmpty { break }
      waves.append(names(turns))
      for turn in turns.reversed() { schedule.finish(turn, Self.report(turn)) }
    }
    #expect(
      waves == [
        ["extract"], ["check"], ["rollup", "metrics", "cohorts", "funnels"],
        ["fit", "usage", "anomalies"], ["predict"], ["publish"],
      ])
    // The pipeline's order, whatever the order of their ends.
    #expect(schedule.outcome.done.map(\.name) == StageKind.allCases.map(\.rawValue))
    #expect(schedule.outcome.failed.isEmpty && schedule.outcome.left.isEmpty)
  }

  @Test("begins with what most stages follow one after the other, else in the pipeline's order")
  func longestWay() {
    for seed in UInt64(1)...200 {
      var random = SplitMix64(seed: seed)
      let count = Int(random.next() % 9)
      let reads = (0..<count).map { stage in (0..<stage).filter { _ in random.next() % 3 == 0 } }
      let order = StageSchedule.order(count: count) { reads[$0].contains($1) }
      /// The longest way from a stage on, by trying all ways.
      func way(_ stage: Int) -> Int {
        1 + ((0..<count).filter { reads[$0].contains(stage) }.map(way).max() ?? 0)
      }
      #expect(order.sorted() == Array(0..<count), "seed \(seed)")
      for (first, second) in zip(order, order.dropFirst()) {
        #expect(
          way(first) > way(second) || way(first) == way(second) && first < second, "seed \(seed)")
      }
      // What a stage reads from has a longer way, so that it is before it.
      for stage in 0..<count {
        for input in reads[stage] { #expect(way(input) > way(stage), "seed \(seed)") }
      }
    }
  }

  @Test("never has a stage at work beside one that it reads from, in any order of ends")
  func anyOrder() throws {
    var widest = 0
    for seed in UInt64(0)..<200 {
      var random = SplitMix64(seed: seed)
      let (schedule, _) = Place().schedule()
      var atWork: [StageSchedule.Turn] = []
      var done: Set<StageKind> = []
      while true {
        // Some of those that may begin.
        while random.next() % 3 > 0, let turn = schedule.next() { atWork.append(turn) }
        if atWork.isEmpty {
          guard let turn = schedule.next() else { break }
          atWork.append(turn)
        }
        for turn in atWork {
          #expect(done.isSuperset(of: turn.item.inputs), "seed \(seed), \(turn.item.kind)")
        }
        widest = max(widest, atWork.count)
        let turn = atWork.remove(at: Int(random.next() % UInt64(atWork.count)))
        schedule.finish(turn, Self.report(turn))
        done.insert(turn.item.kind)
      }
      #expect(done.count == StageKind.allCases.count, "seed \(seed)")
    }
    #expect(widest == PipelineRunner.maximumStages)
  }

  @Test("skips what reads from a failed stage, and does the rest")
  func failing() throws {
    let (schedule, _) = Place().schedule()
    for _ in 0..<2 {
      let turn = try #require(schedule.next())
      schedule.finish(turn, Self.report(turn))
    }
    let turns = begin(schedule)
    #expect(schedule.fail(turns[0], Failure()))
    for turn in turns.dropFirst() { schedule.finish(turn, Self.report(turn)) }
    let rest = begin(schedule)
    #expect(names(rest) == ["anomalies"])
    schedule.finish(rest[0], Self.report(rest[0]))
    let outcome = schedule.outcome
    #expect(outcome.failed.map(\.name) == ["rollup"])
    #expect(outcome.skipped.map(\.name) == ["usage", "fit", "predict", "publish"])
    #expect(outcome.skipped.map(\.input) == ["rollup", "rollup", "rollup", "predict"])
    #expect(outcome.skipped.map(\.number) == [7, 9, 10, 11])
    #expect(outcome.left == ["usage", "fit", "predict", "publish"])
    #expect(outcome.fatal.isEmpty)
  }

  @Test("begins nothing more where a failure is to stop the run, and keeps what is at work")
  func stopping() throws {
    let (schedule, _) = Place().schedule(
      [.rollup, .metrics, .anomalies, .usage], stopping: [.rollup])
    let turns = begin(schedule)
    #expect(names(turns) == ["rollup", "metrics"])
    #expect(!schedule.fail(turns[0], Failure()))
    schedule.finish(turns[1], Self.report(turns[1]))
    #expect(schedule.next() == nil)
    #expect(schedule.outcome.done.map(\.name) == ["metrics"])
    #expect(schedule.outcome.left == ["anomalies", "usage"])
    #expect(schedule.outcome.skipped.isEmpty)
  }

  @Test("begins nothing more after a signal")
  func signal() throws {
    let (schedule, _) = Place().schedule()
    let turn = try #require(schedule.next())
    schedule.stop(PipelineError.interrupted(.terminate), during: turn)
    #expect(schedule.next() == nil && !schedule.expectThread())
    #expect(schedule.outcome.failed.map(\.name) == ["extract"])
    #expect(schedule.outcome.fatal.count == 1)
  }

  @Test("expects one thread for each stage that may begin, and none while sessions are refused")
  func threads() throws {
    let (schedule, budget) = Place().schedule(
      [.rollup, .metrics, .cohorts], threads: 2)
    let first = try #require(schedule.next())
    #expect(schedule.expectThread() && schedule.expectThread() && !schedule.expectThread())
    // Both are on their way; the budget has one thread for them.
    #expect(budget.takeForStage() && !budget.takeForStage())
    #expect(budget.isWanted)
    schedule.dismissThread()
    #expect(budget.isWanted, "one stage still has nobody")
    let second = try #require(schedule.next(isComing: true))
    #expect(budget.isWanted && schedule.expectThread())
    #expect(schedule.dismissThread(lacksSession: true))
    #expect(!budget.isWanted && !schedule.expectThread())
    schedule.finish(second, Self.report(second))
    #expect(schedule.expectThread() && !schedule.expectThread())
    #expect(schedule.next(isComing: true)?.item.kind == .cohorts)
    #expect(!schedule.expectThread() && !budget.isWanted)
    schedule.finish(first, Self.report(first))
  }

  @Test("says of a failure beside one that stops the run that nothing goes on")
  func stoppingTwice() throws {
    let (schedule, _) = Place().schedule(
      [.rollup, .metrics, .anomalies, .usage], stopping: [.rollup])
    let turns = begin(schedule)
    #expect(!schedule.fail(turns[0], Failure()))
    #expect(!schedule.fail(turns[1], Failure()))
    #expect(schedule.outcome.skipped.isEmpty)
    #expect(schedule.outcome.failed.map(\.name) == ["rollup", "metrics"])
  }

  @Test("holds a stage back for which there is no memory, unless it is alone")
  func memory() throws {
    let place = Place()
    let kinds: [StageKind] = [.rollup, .metrics, .cohorts, .funnels]
    let (schedule, _) = place.schedule(
      kinds, limit: 100, growth: [.rollup: 500, .metrics: 60, .cohorts: 20])
    place.memory.withLock { $0 = 50 }
    // The first is alone, the second does not fit, the third does; the last counts as 25.
    let turns = begin(schedule)
    #expect(names(turns) == ["rollup", "cohorts", "funnels"])
    place.memory.withLock { $0 = 90 }
    for turn in turns.dropLast() { schedule.finish(turn, Self.report(turn)) }
    #expect(schedule.next() == nil)
    schedule.finish(turns[2], Self.report(turns[2]))
    #expect(schedule.next()?.item.kind == .metrics)
  }

  @Test("tells which stages are at work, and measures by how much they made the process grow")
  func position() throws {
    let place = Place()
    let (schedule, _) = place.schedule([.rollup, .metrics], growth: [.rollup: 1, .metrics: 1])
    place.memory.withLock { $0 = 10 }
    let turns = begin(schedule)
    for bytes in [30, 70, 40] { schedule.note(memory: bytes) }
    #expect(turns.map(\.scope.memoryGrowth) == [60, 60])
    schedule.finish(turns[0], Self.report(turns[0]))
    let last = try #require(place.positions.withLock { $0 }.last)
    #expect(last.stages == [RunPosition.Stage(name: "metrics", number: 2)])
    #expect(last.finished == [1])
    #expect(last.usualSeconds == [2, 2])
  }
}

@Suite("The threads of a run")
struct ThreadBudgetTests {
  @Test("are lent to parts of a stage up to their number, and while memory is left")
  func parts() {
    let memory = Mutex(0)
    let budget = ThreadBudget(threads: 3, memory: 100) { memory.withLock { $0 } }
    #expect(budget.takeForPart() && budget.takeForPart())
    #expect(!budget.takeForPart())
    budget.give()
    memory.withLock { $0 = 100 }
    #expect(!budget.takeForPart())
    memory.withLock { $0 = 99 }
    #expect(budget.takeForPart())
  }

  @Test("are kept for a stage that waits for one, which is told when one comes free")
  func wanted() {
    let budget = ThreadBudget(threads: 2, memory: .max) { 0 }
    let calls = Mutex(0)
    #expect(budget.takeForPart())
    #expect(!budget.takeForStage() && budget.isWanted)
    let count: @Sendable () -> Void = { calls.withLock { $0 += 1 } }
    budget.whenFree(count) {
      budget.give()
      #expect(!budget.takeForPart())
      #expect(budget.takeForStage() && !budget.isWanted)
      // Nobody waits any more.
      budget.give()
    }
    #expect(calls.withLock { $0 } == 1)
    #expect(budget.takeForPart())
  }

  @Test("do all items in order, whoever lends and takes them back meanwhile", arguments: [1, 2, 5])
  func items(threads: Int) throws {
    let budget = ThreadBudget(threads: threads, memory: .max) { 0 }
    let scope = StageScope(stage: "s", budget: budget)
    let most = Mutex((now: 0, most: 0))
    let results = try StageScope.$current.withValue(scope) {
      try mapConcurrently(
        Array(0..<400), jobs: 8, context: { #expect(StageScope.currentStage == "s") },
        work: { _, item in
          most.withLock {
            $0.now += 1
            $0.most = max($0.most, $0.now)
          }
          // A stage comes and goes every few items.
          if item % 7 == 0, budget.takeForStage() { budget.give() }
          if item % 11 == 0 { budget.wantNone() }
          Interruption.pause(milliseconds: 1)
          most.withLock { $0.now -= 1 }
          return item
        })
    }
    #expect(results == Array(0..<400))
    #expect(most.withLock { $0.most } <= threads)
    // All threads came back.
    budget.wantNone()
    for _ in 1..<threads { #expect(budget.takeForPart()) }
    #expect(!budget.takeForPart())
  }

  @Test("find out once what several ask for, and need not wait where they are to end")
  func memo() throws {
    let memo = Mutex<Int?>(nil)
    let budget = ThreadBudget(threads: 4, memory: .max) { 0 }
    let scope = StageScope(stage: "slow", budget: budget)
    #expect(scope.stop(.timedOut(stage: "slow", seconds: 1)))
    try RunMemo.once(memo) { value in
      value = 7
      StageScope.$current.withValue(scope) {
        #expect(throws: PipelineError.self) { try RunMemo.once(memo) { $0 } }
      }
    }
    #expect(try RunMemo.once(memo) { $0 } == 7)
  }

  @Test("begin no further piece of a stage whose time is over, and go on with others")
  func limit() throws {
    let budget = ThreadBudget(threads: 4, memory: .max) { 0 }
    let (slow, other) = (
      StageScope(stage: "slow", budget: budget), StageScope(stage: "other", budget: budget)
    )
    #expect(slow.stop(.timedOut(stage: "slow", seconds: 1)))
    #expect(!slow.stop(.timedOut(stage: "slow", seconds: 2)))
    func work(_ scope: StageScope) throws -> [Int] {
      try StageScope.$current.withValue(scope) {
        try mapConcurrently([1, 2, 3], jobs: 3, context: {}, work: { _, item in item })
      }
    }
    #expect(throws: PipelineError.self) { try work(slow) }
    #expect(try work(other) == [1, 2, 3])
    other.end()
    #expect(!other.stop(.timedOut(stage: "other", seconds: 1)))
  }
}
