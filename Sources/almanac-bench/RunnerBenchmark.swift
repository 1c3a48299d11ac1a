import AlmanacCore
import FoundationEssentials
import Postgres

/// Whole nights of a simulated business by the program itself, as cron calls it: the first one, one with
/// a week of new rows, one with nothing to do, a plan, and the mere start.
struct RunnerBenchmark {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions

  private static let database = "almanac_bench_run"
  private static let months = 24
  private static let seed = 7
  /// The days after which about one row in a hundred is new.
  private static let newDays = 7
  private static let repetitions = 20

  /// A company of a large world makes about 14,400 events in the 24 months; those who sign up late, fewer.
  private static let eventsPerCompany = 14_300
  private var companies: Int {
    max(1, (options.rows + RunnerBenchmark.eventsPerCompany - 1) / RunnerBenchmark.eventsPerCompany)
  }

  private var url: String { options.url(database: RunnerBenchmark.database) }
  private var folder: String { "\(options.folder)/run" }

  /// Runs the nights, and holds what they wrote against the source.
  func run() throws -> [Figure] {
    guard let end = CalendarDate("2026-06-30") else { preconditionFailure("a date that exists") }
    try prepare(end)
    let connection = try options.connect(database: RunnerBenchmark.database)
    func events() throws -> Int {
      try connection.query("SELECT count(*) FROM app.events")[0, 0].flatMap { Int($0) } ?? 0
    }
    let before = try events()
    note("run: the first night of \(before) events")
    let first = try ProgramRun.measure(night(end), options)
    try check(end, on: connection)
    note("run: \(RunnerBenchmark.newDays) more days")
    for _ in 0..<RunnerBenchmark.newDays {
      _ = try ProgramRun.measure(
        [options.almanac, "simulate", "--continue", "day", "--target", url, "--quiet"], options)
    }
    let added = try events() - before
    let date = end.adding(days: RunnerBenchmark.newDays)
    let next = try ProgramRun.measure(night(date), options)
    try check(date, on: connection)
    let size = "\(before / 100_000)e5 events"
    let isAtTargetSize = before >= BenchmarkOptions.targetRows
    return [
      Figure(
        measure: "first night, \(size), \(companies) companies", ours: first.seconds,
        comparison: .share(atMost: 60), isAtTargetSize: isAtTargetSize),
      Figure(
        measure: "its peak memory, MB", ours: Double(first.peakMemory) / 1e6,
        comparison: .share(atMost: 1_000), isAtTargetSize: isAtTargetSize),
      Figure(
        measure: "a night with \(added) new events", ours: next.seconds,
        comparison: .share(atMost: 10), isAtTargetSize: isAtTargetSize),
      Figure(
        measure: "its peak memory, MB", ours: Double(next.peakMemory) / 1e6,
        comparison: .share(atMost: 1_000), isAtTargetSize: isAtTargetSize),
      Figure(
        measure: "a night with nothing to do", ours: try repeated(night(date)),
        comparison: .share(atMost: 0.3), isAtTargetSize: isAtTargetSize),
      Figure(
        measure: "a plan of the next night", ours: try repeated(plan(date.adding(days: 1))),
        comparison: .share(atMost: 0.2), isAtTargetSize: isAtTargetSize),
      Figure(
        measure: "start: almanac --version", ours: try repeated([options.almanac, "--version"]),
        comparison: .share(atMost: 0.02)),
    ]
  }

  private func night(_ date: CalendarDate) -> [String] {
    [options.almanac, "run"] + place(date) + ["--quiet"]
  }

  private func plan(_ date: CalendarDate) -> [String] {
    [options.almanac, "plan"] + place(date)
  }

  private func place(_ date: CalendarDate) -> [String] {
    [
      "nightly", "--date", date.description, "--source", url, "--target", url, "--data",
      "\(folder)/data", "--project", "\(folder)/project",
    ]
  }

  /// The median of some runs' times.
  private func repeated(_ words: [String]) throws -> Double {
    median(
      try (0..<RunnerBenchmark.repetitions).map { _ in
        try ProgramRun.measure(words, options).seconds
      })
  }

  /// A database with the business, and a project that reports in its currency.
  private func prepare(_ end: CalendarDate) throws {
    try options.createDatabase(RunnerBenchmark.database)
    note("run: simulating \(companies) companies over \(RunnerBenchmark.months) months")
    _ = try ProgramRun.measure(
      [
        options.almanac, "simulate", "--companies", "\(companies)", "--months",
        "\(RunnerBenchmark.months)", "--seed", "\(RunnerBenchmark.seed)", "--end",
        end.description, "--target", url, "--quiet",
      ], options)
    try options.connect(database: RunnerBenchmark.database).run("VACUUM ANALYZE")
    let target = Shell.quoted(folder)
    try Shell.run(
      "rm -rf \(target) && mkdir -p \(target)/project && cp -r pipelines models datasets "
        + "\(target)/project && sed -i 's/^currency: .*/currency: USD/' "
        + "\(target)/project/pipelines/nightly.yaml", program: "cp")
    _ = try ProgramRun.measure([options.almanac, "init", "--target", url], options)
  }

  /// Throws unless rollups hold each event up to a date once, and forecasts of it are shown.
  private func check(_ date: CalendarDate, on connection: Connection) throws {
    let rows = try connection.query(
      """
      SELECT (SELECT sum(event_count) FROM analytics.daily_rollups) || ' '
          || (SELECT sum(event_count) FROM analytics.hourly_rollups) AS found,
        count(DISTINCT event_id) || ' ' || count(DISTINCT event_id) AS expected,
        (SELECT as_of FROM almanac.published ORDER BY publication_id DESC LIMIT 1) AS shown
      FROM app.events WHERE ("timestamp" AT TIME ZONE 'UTC')::date <= $1
      """, [date.description])
    guard let found = rows[0, "found"], found == rows[0, "expected"],
      rows[0, "shown"] == date.description
    else {
      throw BenchmarkError.wrongResult(
        of: "the night of \(date)",
        found: "\(rows[0, "found"] ?? "nothing"), shown \(rows[0, "shown"] ?? "nothing")",
        expected: "\(rows[0, "expected"] ?? ""), shown \(date)")
    }
  }
}
