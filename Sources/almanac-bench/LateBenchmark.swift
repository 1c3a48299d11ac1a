import AlmanacCore
import Postgres

/// Rolls events up through the pipeline, and then a batch of late ones over all days.
struct LateBenchmark {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions
  /// The events.
  let workload: EventWorkload

  /// The events that come late.
  private static let lateEvents = 1_000
  /// The most that they may take of the time of all events.
  private static let lateShare = 0.05
  /// The most memory that rolling up may take, in MB.
  private static let memory = 1_500.0

  /// The figures of late batches beside rolling everything up, whose tables must be the same.
  func run() throws -> [Figure] {
    _ = try NightSource(workload, options: options)
    let connection = try options.connect(database: NightSource.database)
    try connection.runScript(
      """
      CREATE TABLE public.exchange_rates AS
      SELECT base, 'USD' AS quote, date '2025-12-31' + n AS rate_date,
        (1 + 0.001 * n)::numeric(20, 10) AS rate, timestamptz '2026-01-01 00:00Z' AS created_at
      FROM generate_series(0, 120) AS n, (VALUES ('EUR'), ('GBP')) AS b (base);
      """)
    let place = try NightPlace(
      "late", bound: nil, options: options, database: NightSource.database,
      stages: "extract: all, rollup: {grains: [hour, day, month]}")
    func rollup(_ process: NightProcess) -> Double { process.seconds["rollup"] ?? .nan }
    // All months of the events are closed by then, so their values are restated.
    var date = CalendarDate(daysSinceEpoch: 20_548)
    note("late: all events")
    let first = try NightProcess.run(place, date: date)
    var peak = first.peakBytes
    var late: [Double] = []
    for run in 1...options.runs {
      note("late: batch \(run) of \(options.runs)")
      try connection.runScript(
        """
        SELECT setseed(0.\(run));
        INSERT INTO public.events
        SELECT gen_random_uuid(), event_type, company_id, user_id, module_id, amount, currency,
          metadata, "timestamp", now()
        FROM public.events TABLESAMPLE SYSTEM (1) REPEATABLE (\(run))
        ORDER BY random() LIMIT \(LateBenchmark.lateEvents);
        """)
      date = date.adding(days: 1)
      let process = try NightProcess.run(place, date: date)
      late.append(rollup(process))
      peak = max(peak, process.peakBytes)
    }
    let tables = try digests(connection)
    note("late: all events again")
    let again = try NightProcess.run(place, date: date, isForced: true)
    let expected = try digests(connection)
    guard tables == expected else {
      throw BenchmarkError.wrongResult(
        of: "late events", found: tables.joined(separator: "; "),
        expected: expected.joined(separator: "; "))
    }
    let isAtTargetSize = options.rows >= BenchmarkOptions.targetRows
    return [
      Figure(
        measure: "late events, rollup / of all events", ours: median(late),
        peer: median([rollup(first), rollup(again)]),
        comparison: .share(atMost: LateBenchmark.lateShare), isAtTargetSize: isAtTargetSize),
      Figure(
        measure: "peak memory of extracting and rolling up, MB",
        ours: Double(max(peak, again.peakBytes)) / 1e6,
        comparison: .share(atMost: LateBenchmark.memory), isAtTargetSize: isAtTargetSize),
    ]
  }

  /// The number of rows of each table and a digest of them.
  private func digests(_ connection: Connection) throws -> [String] {
    try ["hourly_rollups", "daily_rollups", "daily_rollup_recordings", "monthly_rollups"].map {
      let rows = try connection.query(
        """
        SELECT count(*) || ' rows, ' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)
        FROM analytics.\($0) AS t
        """)
      return "\($0) \(rows[0, 0] ?? "")"
    }
  }
}
