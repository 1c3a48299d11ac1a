import AlmanacCore
import Postgres
import Testing

@testable import AlmanacCommands
@testable import Pipelines

@Suite("The summary of a run")
struct RunSummaryTests {
  /// Rows of each table.
  private static let rows = (1...11).map { RowCount($0) }

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
    var metrics = StageOutcome()
    metrics.rowsIn = 212_400 * scale
    metrics.rowsOut = 59_253 * scale
    metrics.note("periods_written", 763)
    var cohorts = StageOutcome()
    cohorts.note("cohorts", 25)
    cohorts.note("cohorts_written", 2)
    var funnels = StageOutcome()
    funnels.note("months", 25)
    funnels.note("months_written", 3)
    var publish = StageOutcome()
    publish.rowsIn = 96
    publish.rowsOut = 96
    publish.note("publication", 3)
    report.stages = [
      .init(name: "extract", outcome: extract, seconds: 1.94),
      .init(name: "rollup", outcome: rollup, seconds: 61.5),
      .init(name: "metrics", outcome: metrics, seconds: 2.31),
      .init(name: "cohorts", outcome: cohorts, seconds: 0.08),
      .init(name: "funnels", outcome: funnels, seconds: 0.41),
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
          lower95: "-" + amount, upper95: amount,
          known: $0 == "2011-12" ? (amount, "2011-12-09") : nil)
      },
      methods: [
        .init(
          grain: "day", modelUsed: "harmonic_ridge", fallbackReason: nil, modelError: 7_424.4,
          baselineError: 10_000, origins: 12),
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
      report, forecast: Self.forecast(digits: 6),
      tableRows: .success(
        [231_004, 59_411, 41_250, 18_003, 4_120, 312, 9_876, 1_204, 618, 12, 96].map {
          RowCount($0)
        }),
      target: "almanac@/tmp/almanac-a1b2c3:5432/shop", dataPath: "var/data"
    ).lines()
    expectFits(lines)
    try expectGolden(lines.joined(separator: "\n"), "summary")
  }

  @Test("marks a number of rows that was not counted, and says it to the thousand")
  func estimates() {
    #expect(RowCount(4_912_870).description == "4,912,870")
    #expect(RowCount(4_912_870, isEstimated: true).description == "~4,913,000")
  }

  @Test("says of a finished date that nothing was done")
  func finished() throws {
    var report = try Self.report()
    report.stages = []
    report.wasFinished = true
    report.finishedAt = "2011-12-10 02:16:11 UTC"
    let lines = RunSummary(
      report, forecast: nil, tableRows: nil, target: "local", dataPath: "var/data"
    ).lines()
    expectFits(lines)
    try expectGolden(lines.joined(separator: "\n"), "summary-finished")
  }

  @Test("fits 80 columns whatever the amounts, in larger units if need be", arguments: 1...24)
  func amounts(digits: Int) throws {
    let lines = RunSummary(
      try Self.report(), forecast: Self.forecast(digits: digits), tableRows: .success(Self.rows),
      target: "local", dataPath: "var/data"
    ).lines()
    expectFits(lines)
    let title = try #require(lines.first { $0.hasPrefix("Revenue forecast") })
    #expect(title.hasSuffix("companies, GBP") == (digits <= 9))
    // The amount has no digit but 9, so it rounds to 1 and as many zeros.
    #expect(
      lines.contains { $0.hasPrefix("  2011-12") && $0.contains(" 1") && $0.contains("0 to ") })
    #expect(lines.contains { $0.hasPrefix("  2011-12: 1") && $0.hasSuffix(" by 2011-12-09") })
  }

  @Test("gives for a refused model the ratio that the gate's reason names")
  func oneMeasure() throws {
    var forecast = Self.forecast(digits: 6)
    forecast.methods[1].modelError = 40_560
    forecast.methods[1].baselineError = 10_000
    forecast.methods[1].fallbackReason =
      "the model was not better than seasonal_naive in the backtest: 405.6 % of its mean absolute"
      + " error"
    let lines = RunSummary(
      try Self.report(), forecast: forecast, tableRows: .success(Self.rows), target: "local",
      dataPath: "var/data"
    ).lines()
    expectFits(lines)
    let title = try #require(lines.first { $0.hasPrefix("Backtest: ") })
    #expect(title.contains("mean absolute error"))
    let row = try #require(lines.first { $0.hasPrefix("  month  seasonal_naive") })
    #expect(row.split(separator: " ").suffix(5).prefix(4) == ["40,560", "10,000", "405.6", "%"])
    #expect(lines.count { $0.contains("405.6 %") } == 2)
  }

  @Test("fits 80 columns whatever the errors", arguments: [0.001, 1e6, 1e9, 1e12, 9e14, 1e24])
  func errors(size: Double) throws {
    var forecast = Self.forecast(digits: 6)
    forecast.methods[0].modelError = size
    forecast.methods[0].baselineError = size / 3
    let lines = RunSummary(
      try Self.report(), forecast: forecast, tableRows: .success(Self.rows), target: "local",
      dataPath: "var/data"
    ).lines()
    expectFits(lines)
    #expect(lines.contains { $0.hasPrefix("  day") && $0.contains("  300.0 %") })
  }

  @Test("warns, and shows what it knows, where the target cannot be read any more")
  func unreadable() throws {
    let target = try ConnectionSettings("host=/nonexistent dbname=shop user=almanac")
    let lines = try RunSummary(try Self.report(), target: target, dataPath: "var/data").lines()
    expectFits(lines)
    #expect(lines.first == "nightly for 2011-12-09: run 4b1f0c9e, 1 min 06 s")
    #expect(lines.count { $0.hasPrefix("warning: the run is complete") } == 1)
    #expect(!lines.contains { $0.contains("hourly_rollups") })
  }

  @Test("fits 80 columns with long names and paths, large numbers and broken notices")
  func extremes() throws {
    var report = try Self.report(scale: 1_000_000_000)
    report.pipeline = String(repeating: "pipeline-", count: 12)
    report.notices = [String(repeating: "/path", count: 40) + " is\nnew", ""]
    report.stages[0].outcome.note(String(repeating: "dataset_", count: 20), Int.max)
    let path = String(repeating: "/directory", count: 12)
    let lines = RunSummary(
      report, forecast: Self.forecast(digits: 9),
      tableRows: .success(
        [.max, 0, 1_000_000_000, 1, 2, 3, 4, 5, 6, 7, 8].map { RowCount($0) }),
      target: "almanac@\(path):5432/shop", dataPath: path
    ).lines()
    expectFits(lines)
    // What is cut in the table of stages is whole in the line about the target.
    #expect(lines.map { $0.trimmingPrefix { $0 == " " } }.joined().contains(path))
  }
}
