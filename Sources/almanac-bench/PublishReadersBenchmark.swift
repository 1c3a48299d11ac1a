import AlmanacCore
import Dispatch
import FoundationEssentials
import Glibc
import Pipelines
import Postgres
import Synchronization

/// Readers who look at every view while nights publish and are killed.
///
/// Several connections ask together 200 times a second, in turn with single statements and with all
/// views in one `REPEATABLE READ` transaction. Meanwhile processes copy a run and publish it, some
/// of which are killed at a random moment. What the readers may never see is a view without rows,
/// rows of two publications, or an error.
struct PublishReadersBenchmark {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions

  /// The word of a command line that asks for one publication; connection, run and rows follow.
  static let command = "publish-run"
  private static let publications = 50
  private static let kills = 10
  private static let requestsPerSecond = 200.0
  /// Readers with a connection of their own: one would wait for each of its answers.
  private static let readers = 8

  /// What readers met.
  private struct Sight: Sendable {
    var mixed = 0
    var empty = 0
    var errors = 0
    var requests = 0
    var publications: Set<String> = []
    var longest = 0.0

    mutating func add(_ other: Sight) {
      mixed += other.mixed
      empty += other.empty
      errors += other.errors
      requests += other.requests
      publications.formUnion(other.publications)
      longest = max(longest, other.longest)
    }
  }

  /// Publishes with kills, reading all the while.
  func run() throws -> [Figure] {
    let place = try PublishPlace(options, database: "almanac_bench_readers")
    let rows = max(1_000, options.rows / 200)
    try PublishReadersBenchmark.publish(place.url, run: 0, rows: rows)
    try options.connect(database: place.database).runScript(PublishReadersBenchmark.analytics)
    let isOver = Atomic(false)
    let sight = Mutex(Sight())
    let reading = DispatchGroup()
    for number in 0..<Self.readers {
      DispatchQueue(label: "reader \(number)").async(group: reading) {
        let seen = read(place, from: number, until: isOver)
        sight.withLock { $0.add(seen) }
      }
    }
    var random = SplitMix64(seed: 7)
    var published = 0
    var killed = 0
    var number = 0
    note("publish: \(Self.publications) publications, \(Self.kills) kills")
    let seconds = try timed {
      while published < Self.publications || killed < Self.kills {
        number += 1
        let isKilled =
          killed < Self.kills
          && (published >= Self.publications || random.next() % 6 == 0)
        let delay = Double(random.next() % 1_000) / 1_000 * 0.3
        if try attempt(place, run: number, rows: rows, killedAfter: isKilled ? delay : nil) {
          published += 1
        } else {
          killed += 1
        }
      }
    }.seconds
    isOver.store(true, ordering: .relaxed)
    reading.wait()
    let seen = sight.withLock { $0 }
    note("publish: \(seen.requests) requests in \(seconds) s, longest \(seen.longest) s")
    guard seen.publications.count >= Self.publications / 2, seen.requests > Self.publications else {
      throw BenchmarkError.wrongResult(
        of: "a reader", found: "\(seen.publications.count) publications, \(seen.requests) requests",
        expected: "most of \(Self.publications)")
    }
    return [("mixed", seen.mixed), ("empty", seen.empty), ("errors", seen.errors)].map {
      Figure(
        measure: "publish: readers, \($0.0), a number", ours: Double($0.1),
        comparison: .share(atMost: 0))
    } + [
      Figure(measure: "publish: readers, requests a second", ours: Double(seen.requests) / seconds)
    ]
  }

  /// Whether a process of its own published; it is killed after some seconds if asked for.
  private func attempt(
    _ place: PublishPlace, run: Int, rows: Int, killedAfter delay: Double?
  ) throws -> Bool {
    let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let words = [program, Self.command, place.url, String(run), String(rows)].map(Shell.quoted)
    let line = words.joined(separator: " ")
    guard let delay else {
      try Shell.run("exec \(line)", program: Self.command)
      return true
    }
    let status = Result {
      try Shell.run("exec timeout -s KILL \(delay + 0.01) \(line)", program: Self.command)
    }
    // The lock of the killed process is free once the server has noticed that it is gone.
    let connection = try options.connect(database: place.database)
    while try connection.query(
      "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND database = "
        + "(SELECT oid FROM pg_database WHERE datname = current_database())"
    ).count > 0 {
      try connection.run("SELECT pg_sleep(0.01)")
    }
    if case .success = status { return true }
    return false
  }

  /// Copies and publishes a run, for a process of its own.
  static func publish(_ arguments: [String]) throws {
    guard arguments.count == 3, let run = Int(arguments[1]), let rows = Int(arguments[2]) else {
      throw BenchmarkError.usage("\(command) takes a connection, a run and a number of rows")
    }
    try publish(arguments[0], run: run, rows: rows)
  }

  private static func publish(_ url: String, run: Int, rows: Int) throws {
    let settings = try ConnectionSettings(url)
    let lock = try RunLock(
      try Connection(settings, purpose: .target, applicationName: "almanac-bench"),
      settings: settings, run: .zero, holder: "almanac-bench")
    let name = PublishPlace.run(run)
    try lock.copyPredictions(
      PublishPlace.forecasts(run: run, rows: rows), into: .revenueForecasts, run: name,
      model: PublishPlace.model)
    try lock.write { try $0.runScript(predictions(run: name)) }
    try Publisher(lock).publish(
      RunPredictions(lock.connection, run: name), pipeline: "bench")
    // Of older runs only the last one is kept, so that the tables stay small.
    try lock.write { connection in
      for table in PredictionTable.allCases {
        try connection.run(
          """
          DELETE FROM \(table.name) WHERE run_id NOT IN (
            SELECT run_id FROM almanac.published_runs
            WHERE publication_id >= (SELECT max(publication_id) - 3 FROM almanac.published))
          """)
      }
    }
  }

  // MARK: Reading

  private func read(
    _ place: PublishPlace, from first: Int, until isOver: borrowing Atomic<Bool>
  ) -> Sight {
    var sight = Sight()
    guard let connection = try? options.connect(database: place.database),
      (try? connection.run("SET ROLE almanac_admin")) != nil,
      let names = try? connection.query(
        """
        SELECT c.oid::regclass::text FROM pg_catalog.pg_class AS c
        WHERE relnamespace = 'api'::regnamespace AND relkind = 'v' ORDER BY 1
        """)
    else {
      sight.errors = 1
      return sight
    }
    let views = (0..<names.count).compactMap { names[$0, 0] }
    let clock = ContinuousClock()
    var due = clock.now
    var turn = first
    while !isOver.load(ordering: .relaxed) {
      let start = clock.now
      do {
        if turn % (views.count + 1) < views.count {
          try look(at: [views[turn % (views.count + 1)]], connection, &sight)
        } else {
          try connection.transaction(.repeatableReadReadOnly(snapshot: nil)) {
            try look(at: views, connection, &sight)
          }
        }
      } catch {
        sight.errors += 1
      }
      turn += 1
      sight.requests += 1
      sight.longest = max(sight.longest, (clock.now - start) / .seconds(1))
      // What a slow answer delayed is made up for, up to a second.
      due = max(
        due.advanced(by: .seconds(Double(Self.readers) / Self.requestsPerSecond)),
        clock.now.advanced(by: .seconds(-1)))
      pause(until: due)
    }
    return sight
  }

  /// Looks at views that have to agree.
  private func look(at views: [String], _ connection: Connection, _ sight: inout Sight) throws {
    var found: Set<String> = []
    for view in views {
      let rows = try connection.query(
        "SELECT DISTINCT publication_id FROM \(view)")
      if rows.count == 0 { sight.empty += 1 }
      for row in 0..<rows.count { found.insert(rows[row, 0] ?? "") }
    }
    if found.count > 1 { sight.mixed += 1 }
    sight.publications.formUnion(found)
  }

  private func pause(until instant: ContinuousClock.Instant) {
    let left = (instant - ContinuousClock().now) / .seconds(1)
    if left > 0 { usleep(UInt32(left * 1_000_000)) }
  }

  // MARK: Rows

  /// A few rows of the other predictions.
  private static func predictions(run: String) -> String {
    let origin = """
      '2024-10-03', '2024-10-04 00:00Z', 'revenue', 'v1', '0123456789', '2100-01-01 00:00Z'
      """
    let companies = "generate_series(1, 100) AS n"
    let company = "('0000000a-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid"
    return """
      INSERT INTO predictions.revenue_forecasts (company_id, run_id, measure, scope, scope_id, grain,
          period_start, horizon, predicted, lower_80, upper_80, lower_95, upper_95, currency,
          model_used, as_of, recorded_cut, model, model_version, feature_digest, valid_until)
        SELECT \(company), '\(run)', 'mrr', 'total', '', 'day', '2024-10-04', 1, 5, 4, 6, 3, 7, 'USD',
          'ridge', \(origin) FROM \(companies);
      INSERT INTO predictions.churn_risk SELECT \(company), '\(run)', 0.5, 0.5, 'high', 1, '[]', '[]',
        \(origin) FROM \(companies);
      INSERT INTO predictions.upsell_opportunities SELECT \(company), '\(run)', 'tier_upgrade',
        \(company), 0.5, 1, 1, '[]', \(origin) FROM \(companies);
      INSERT INTO predictions.payment_failure_risk SELECT \(company), '\(run)', \(company), \(company),
        NULL, 0.5, 1, NULL, NULL, NULL, NULL, NULL, '[]', \(origin) FROM \(companies);
      INSERT INTO predictions.payment_method_risk SELECT \(company), '\(run)', \(company), 0.5, NULL,
        '[]', \(origin) FROM \(companies);
      """
  }

  /// A row of each table of analytics, so that no view may be empty.
  private static let analytics = """
    INSERT INTO analytics.daily_rollups VALUES (gen_random_uuid(), 't', gen_random_uuid(),
      '2024-10-01', 1, 1);
    INSERT INTO analytics.daily_metrics VALUES (gen_random_uuid(), 'm', '', '', '2024-10-01', 1, 1,
      NULL, 'count', NULL, 'd');
    INSERT INTO analytics.cohort_retention VALUES (gen_random_uuid(), 'signup', '2024-09-01', 0, 1, 1,
      1, 1, 1, 'USD', true, 'd');
    INSERT INTO analytics.funnels VALUES (gen_random_uuid(), 'f', '2024-10-01', 0, 's', 1, 1, NULL, 0,
      1, 'd');
    INSERT INTO analytics.anomalies VALUES (gen_random_uuid(), 'm', '2024-10-01', 1, 1, 1, 1, 1,
      'spike');
    INSERT INTO analytics.agent_metrics VALUES (gen_random_uuid(), gen_random_uuid(), '2024-10-01',
      1, 0, 0, 0);
    INSERT INTO analytics.module_usage_periods VALUES (gen_random_uuid(), gen_random_uuid(),
      '2024-09-01', gen_random_uuid(), '2024-10-01', 1, 1, NULL, true);
    INSERT INTO analytics.mrr_movements VALUES (gen_random_uuid(), '2024-09-01', 'new', 1, 'USD', '{}',
      'changes', 'd');
    INSERT INTO analytics.reports VALUES (gen_random_uuid(), gen_random_uuid(), 'r', 't', '{}', '{}',
      '[]', now());
    """
}
