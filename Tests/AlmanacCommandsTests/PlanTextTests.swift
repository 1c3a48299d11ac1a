import AlmanacCore
import Testing

@testable import AlmanacCommands
@testable import Pipelines

@Suite("The text of a plan")
struct PlanTextTests {
  private func plan() throws -> PipelinePlan {
    let first = try #require(CalendarDate("2026-01-30"))
    let last = try #require(CalendarDate("2026-01-31"))
    var rollup = StageOutlook(
      "rollup", .run, ["2 days, 2026-01-30 to 2026-01-31: not computed yet"])
    rollup.days = StageOutlook.Days(count: 2, first: first, last: last)
    rollup.rows = 28_400
    rollup.seconds = 0.42
    var metrics = StageOutlook("metrics", .look, ["nothing is known to differ"])
    metrics.rows = 120_000
    metrics.seconds = 63.2
    rollup.lateDates = [first]
    return PipelinePlan(
      pipeline: "nightly", date: last, finished: nil,
      reason: "there was no run for 2026-01-31 yet",
      stages: [
        rollup, metrics,
        StageOutlook(
          "publish", .nothing, ["readers keep the forecasts as of 2026-02-01, which are newer"]),
      ], notices: ["a notice, \"quoted\""],
      glance: .counted([first: 3, last: 2], since: "2026-01-31T02:00:00.000000Z"))
  }

  @Test("is the same in three formats", arguments: OutputFormat.allCases)
  func golden(format: OutputFormat) throws {
    let lines = PlanText(try plan()).lines(format)
    if format == .table { expectFits(lines) }
    try expectGolden(lines.joined(separator: "\n"), "plan-\(format.rawValue)")
  }

  @Test("tells a program whether the source was looked at, and why not")
  func source() throws {
    var plan = try plan()
    plan.glance = .unknown(reason: "the source cannot be reached")
    let unknown = PlanText(plan).lines(.json).joined()
    #expect(unknown.contains(#""looked_at":false,"since":null,"new_events":null"#))
    #expect(unknown.contains(#""reason":"the source cannot be reached"},"late_days":null"#))
    plan.glance = nil
    #expect(PlanText(plan).lines(.json).joined().contains(#""source":null,"late_days":null"#))
  }

  @Test("says so where nothing is left to do, and where no time is known")
  func others() throws {
    var plan = try plan()
    for index in plan.stages.indices { plan.stages[index].seconds = nil }
    #expect(
      PlanText(plan).lines(.table).contains(
        "How long it takes is not known before the first run."))
    plan.finished = ("4b1f0c9e-0000-4000-8000-000000000002", "2026-02-01 02:16:00 UTC")
    plan.stages = []
    let lines = PlanText(plan).lines(.table)
    #expect(lines[0] == "Plan of nightly for 2026-01-31: nothing to do")
    #expect(lines[1].contains("4b1f0c9e") && !lines[1].contains("4b1f0c9e-"))
  }
}
