import AlmanacCore
import Testing

@testable import AlmanacCommands
@testable import Pipelines

@Suite("The summary of a run")
struct RunSummaryTests {
  private static func report(scale: Int = 1) throws -> RunReport {
    var report = RunReport(
      run: "4b1f0c9e-0000-4000-8000-000000000002", pipeline: "nightly",
      date: try #require(CalendarDate("2011-12-09")))
    var extract = StageOutcome()
    for (name, rows) in [("events", 161_000), ("invoices", 53_628), ("transactions", 51_003)] {
      extract.note(name, rows * scale)
      extract.rowsIn += rows * scale
    }
    extract.rowsOut = extract.rowsIn
    extract.bytes = 9_876_543 * scale
    var rollup = StageOutcome()
    rollup.rowsIn = 161_000 * scale
    rollup.rowsOut = 290_415 * scale
    rollup.note("days", 739)
    rollup.note("days_computed", 738)
    var publish = StageOutcome()
    publish.rowsIn = 96
    publish.rowsOut = 96
    publish.note("publication", 3)
    report.stages = [
      .init(name: "extract", outcome: extract, seconds: 1.94),
      .init(name: "rollup", outcome: rollup, seconds: 61.5),
      .init(name: "publish", outcome: publish, seconds: 0.012),
    ]
    return report
  }

  private static func forecast(digits: Int) -> ForecastReading {
    let amount = String(repeating: "9", count: digits) + ".5000"
    return ForecastReading(
      months: ["2011-12", "2012-01"].map {
        ForecastReading.Month(
          month: $0, predicted: amount, lower80: "0.0000", upper80: amount,
          lower95: "-" + amount, upper95: amount)
      },
      methods: [
        .init(
          grain: "day", modelUsed: "harmonic_ridge", fallbackReason: nil, modelError: 0.3712,
          baselineError: 0.5, origins: 12),
        .init(
          grain: "month", modelUsed: "seasonal_naive",
          fallbackReason: "the history is too short to tell the model from the baseline",
          modelError: nil, baselineError: nil, origins: nil),
      ], currency: "GBP")
  }

  @Test("shows stages, forecast, backtest and tables")
  func golden() throws {
    var report = try Self.report()
    report.notices = ["events: 12 repeated rows within a day were left out"]
    let lines = RunSummary(
      report, forecast: Self.forecast(digits: 6), tableRows: [231_004, 59_411, 96],
      target: "almanac@/tmp/almanac-a1b2c3:5432/shop", dataPath: "var/data"
    ).lines()
    expectFits(lines)
    try expectGolden(lines.joined(separator: "\n"), "summary")
  }

  @Test("says of a finished date that nothing was done")
  func finished() throws {
    var report = try Self.report()
    report.stages = []
    report.wasFinished = true
    report.finishedAt = "2011-12-10 02:16:11 UTC"
    let lines = RunSummary(
      report, forecast: nil, tableRows: [1, 2, 3], target: "local", dataPath: "var/data"
    ).lines()
    expectFits(lines)
    try expectGolden(lines.joined(separator: "\n"), "summary-finished")
  }

  @Test("fits 80 columns whatever the amounts, in larger units if need be", arguments: 1...24)
  func amounts(digits: Int) throws {
    let lines = RunSummary(
      try Self.report(), forecast: Self.forecast(digits: digits), tableRows: [1, 2, 3],
      target: "local", dataPath: "var/data"
    ).lines()
    expectFits(lines)
    let title = try #require(lines.first { $0.hasPrefix("Revenue forecast") })
    #expect(title.hasSuffix("companies, GBP") == (digits <= 9))
    // The amount has no digit but 9, so it rounds to 1 and as many zeros.
    #expect(
      lines.contains { $0.hasPrefix("  2011-12") && $0.contains(" 1") && $0.contains("0 to ") })
  }

  @Test("fits 80 columns with long names and paths, large numbers and broken notices")
  func extremes() throws {
    var report = try Self.report(scale: 1_000_000_000)
    report.pipeline = String(repeating: "pipeline-", count: 12)
    report.notices = [String(repeating: "/path", count: 40) + " is\nnew", ""]
    report.stages[0].outcome.note(String(repeating: "dataset_", count: 20), Int.max)
    let path = String(repeating: "/directory", count: 12)
    let lines = RunSummary(
      report, forecast: Self.forecast(digits: 9), tableRows: [.max, 0, 1_000_000_000],
      target: "almanac@\(path):5432/shop", dataPath: path
    ).lines()
    expectFits(lines)
    // What is cut in the table of stages is whole in the line about the target.
    #expect(lines.map { $0.trimmingPrefix { $0 == " " } }.joined().contains(path))
  }
}
