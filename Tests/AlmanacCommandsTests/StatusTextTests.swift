import AlmanacCore
import Testing

@testable import AlmanacCommands
@testable import Pipelines

@Suite("The text of almanac status")
struct StatusTextTests {
  /// A ledger with a failed run before a successful one.
  private static let usual = StatusReading(
    runs: [
      .init(
        id: "4b1f0c9e-0000-4000-8000-000000000002", pipeline: "nightly", date: "2026-01-31",
        status: "succeeded", startedAt: "2026-02-01 02:15", seconds: 83.4, error: nil),
      .init(
        id: "0a2d3e4f-0000-4000-8000-000000000001", pipeline: "nightly", date: "2026-01-31",
        status: "failed", startedAt: "2026-02-01 01:15", seconds: 0.31,
        error: "dataset refunds: the source has no table billing.refunds"),
    ],
    stages: [
      .init(
        name: "extract", status: "succeeded", rowsIn: 1_067_371, rowsOut: 1_067_371,
        seconds: 12.06),
      .init(
        name: "rollup", status: "succeeded", rowsIn: 805_620, rowsOut: 90_415, seconds: 4.449),
      .init(name: "publish", status: "succeeded", rowsIn: 96, rowsOut: 96, seconds: 0.004),
    ],
    publication: .init(
      id: "7", publishedAt: "2026-02-01 02:16", asOf: "2026-01-31",
      run: "4b1f0c9e-0000-4000-8000-000000000002", isStale: false),
    rollupDays: (739, "2024-01-24", "2026-01-31"), missingDays: [], daysBehind: 0)

  @Test("shows runs, stages and what is published")
  func golden() throws {
    let lines = StatusText(Self.usual).lines()
    expectFits(lines)
    try expectGolden(lines.joined(separator: "\n"), "status")
  }

  @Test("is one object in JSON and the runs in CSV", arguments: [OutputFormat.json, .csv])
  func formats(format: OutputFormat) throws {
    let lines = StatusText(Self.usual).lines(format)
    try expectGolden(lines.joined(separator: "\n"), "status-\(format.rawValue)")
  }

  @Test("shows why the newest run failed, what is stale and what is missing")
  func failed() throws {
    var status = Self.usual
    status.runs.reverse()
    status.stages = [
      .init(name: "extract", status: "failed", rowsIn: nil, rowsOut: nil, seconds: 0.3)
    ]
    status.publication?.isStale = true
    status.missingDays = ["2025-03-30", "2025-10-26"]
    let lines = StatusText(status).lines()
    expectFits(lines)
    try expectGolden(lines.joined(separator: "\n"), "status-failed")
  }

  @Test("says what to do before the first run")
  func empty() {
    var status = Self.usual
    status.runs = []
    #expect(StatusText(status).lines() == ["No run yet. Start one with `almanac run nightly`."])
  }

  @Test("says so where nothing is published, no stage ran and no day is done")
  func nothingYet() {
    var status = Self.usual
    status.publication = nil
    status.rollupDays = nil
    status.stages = []
    let lines = StatusText(status).lines()
    #expect(lines.contains("Published: nothing yet"))
    #expect(lines.contains("Rollups:   no day yet"))
    #expect(lines.contains("  none"))
  }

  @Test("tells how far the rollups are behind", arguments: [(0, "nothing"), (1_234, "1,234 days")])
  func behind(days: Int, words: String) {
    var status = Self.usual
    status.daysBehind = days
    #expect(StatusText(status).lines().last?.hasPrefix("Missing:   \(words)") == true)
  }

  @Test("fits 80 columns with long names, large numbers and errors of many lines")
  func extremes() {
    var status = Self.usual
    for index in status.runs.indices {
      status.runs[index].pipeline = String(repeating: "pipeline-", count: 12)
      status.runs[index].seconds = 1e9
      status.runs[index].error =
        String(repeating: "/a/long/path", count: 20) + "\nsecond line\n" + "and more "
    }
    for index in status.stages.indices {
      status.stages[index].name = String(repeating: "stage", count: 20)
      status.stages[index].rowsIn = 1_000_000_000_000
      status.stages[index].rowsOut = 1_000_000_000_000
    }
    status.publication?.id = "123456789"
    status.rollupDays = (1_000_000, "0001-01-01", "9999-12-31")
    status.missingDays = Array(repeating: "2000-01-01", count: 100_000)
    expectFits(StatusText(status).lines())
  }
}

@Suite("The contracts in almanac status")
struct StatusContractTests {
  private func line(_ contracts: StatusReading.Contracts?) -> String? {
    let status = StatusReading(
      runs: [
        .init(
          id: "4b1f0c9e-0000-4000-8000-000000000002", pipeline: "nightly", date: "2026-01-31",
          status: "failed", startedAt: "2026-02-01 02:15", seconds: 1, error: nil)
      ], stages: [], missingDays: [], daysBehind: 0, contracts: contracts)
    let lines = StatusText(status).lines()
    expectFits(lines)
    return lines.first { $0.hasPrefix("Contracts") }
  }

  @Test("are one line")
  func words() {
    #expect(line(nil) == nil)
    #expect(
      line(.init(checks: 31, failed: [], warned: [])) == "Contracts: 31 checks, none broken")
    #expect(
      line(.init(checks: 31, failed: ["events unique(event_id)"], warned: ["a b", "c d"]))
        == "Contracts: 31 checks, 1 failed: events unique(event_id), 2 warned: a b, …")
  }

  @Test("fit a terminal with long names")
  func long() {
    let name = String(repeating: "column, ", count: 40)
    #expect(line(.init(checks: 1, failed: [name, name], warned: [name]))?.last == "…")
  }
}
