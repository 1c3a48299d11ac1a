import AlmanacCore
import Testing

@testable import Pipelines

/// How long a plan says that its stages take together.
@Suite("The time of a plan")
struct PlanTimeTests {
  /// A plan of stages that take the given seconds and read from stages before them.
  private func plan(
    _ stages: [(name: String, seconds: Double?, inputs: Set<String>)], threads: Int
  ) throws -> PipelinePlan {
    var plan = PipelinePlan(
      pipeline: "nightly", date: try #require(CalendarDate("2026-01-31")), reason: "")
    plan.threads = threads
    for (name, seconds, inputs) in stages {
      var outlook = StageOutlook(name, .run, [])
      outlook.seconds = seconds
      plan.stages.append(outlook)
      plan.inputs[name] = inputs
    }
    return plan
  }

  @Test("is that of the longest way where there are threads, and the sum where there is one")
  func ways() throws {
    let stages: [(name: String, seconds: Double?, inputs: Set<String>)] = [
      ("extract", 10, []), ("rollup", 8, ["extract"]), ("metrics", 5, ["extract"]),
      ("usage", 4, ["extract", "rollup"]), ("fit", 6, ["extract", "metrics"]),
      ("publish", nil, ["extract", "rollup", "metrics", "usage", "fit"]),
    ]
    #expect(try plan(stages, threads: 1).seconds == 33)
    // 10, then rollup and usage beside metrics and fit.
    #expect(try plan(stages, threads: 2).seconds == 22)
    #expect(try plan(stages, threads: 8).seconds == 22)
    // What a stage reads from need not be in the plan.
    #expect(try plan(Array(stages[3...3]), threads: 2).seconds == 4)
    #expect(try plan([("check", nil, [])], threads: 2).seconds == nil)
    #expect(try plan([], threads: 2).seconds == nil)
  }

  @Test("is never shorter than the longest way or a fair share, nor longer than the sum")
  func bounds() throws {
    for seed in UInt64(1)...300 {
      var random = SplitMix64(seed: seed)
      let count = Int(random.next() % 12) + 1
      var stages: [(name: String, seconds: Double?, inputs: Set<String>)] = []
      var ways: [Double] = []
      for index in 0..<count {
        let seconds = Double(random.next() % 50)
        let inputs = (0..<index).filter { _ in random.next() % 3 == 0 }
        stages.append(("s\(index)", seconds, Set(inputs.map { "s\($0)" })))
        ways.append(seconds + (inputs.map { ways[$0] }.max() ?? 0))
      }
      let sum = stages.reduce(0) { $0 + ($1.seconds ?? 0) }
      let longest = try #require(ways.max())
      #expect(try plan(stages, threads: 1).seconds == sum, "seed \(seed)")
      #expect(try plan(stages, threads: count).seconds == longest, "seed \(seed)")
      for threads in 2...4 {
        let found = try #require(try plan(stages, threads: threads).seconds)
        #expect(found >= max(longest, sum / Double(threads)) - 1e-9, "seed \(seed)")
        // Graham's bound of list schedules.
        let bound = sum / Double(threads) + longest * (1 - 1 / Double(threads))
        #expect(found <= bound + 1e-9, "seed \(seed)")
      }
    }
  }
}
