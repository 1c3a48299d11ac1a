import AlmanacCore
import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

/// A reader who looks on while runs are published, rolled back and killed.
@Suite("A reader of the api", .database)
struct ReaderTests {
  /// What a reader may not meet.
  private struct Sight: Sendable {
    var mixed = 0
    var empty = 0
    var errors: [String] = []
    var publications: Set<String> = []
    var looks = 0
  }

  @Test("sees the whole of one publication at every look, whatever is killed meanwhile")
  func looking() throws {
    let place = try Workplace(isFilled: false)
    let all = "00000000-0000-0000-0000-000000000000"
    let rows = 40
    try place.sql(
      """
      INSERT INTO almanac.runs (run_id, pipeline, logical_date, settings_digest, status, started_at,
          finished_at, jobs, program_version)
        SELECT run, 'nightly', '2026-01-01', 's', 'succeeded', now(), now(), 1, 'v'
        FROM unnest('{11111111-0000-4000-8000-000000000001,22222222-0000-4000-8000-000000000002}'
          ::uuid[]) AS run;
      INSERT INTO predictions.revenue_forecasts SELECT '\(all)', run_id, 'total', '', 'day',
          date '2026-01-01' + d, d, 1, NULL, NULL, NULL, NULL, 'GBP', 'ridge', NULL, '2026-01-01',
          '2026-01-02', 'revenue', 'v', 'd', '2100-01-01'
        FROM almanac.runs, generate_series(1, \(rows)) AS d;
      INSERT INTO predictions.churn_risk SELECT '\(all)', run_id, 0.5, 0.5, 'high', 1, '[]', '[]',
          '2026-01-01', '2026-01-02', 'churn', 'v', 'd', '2100-01-01' FROM almanac.runs;
      INSERT INTO analytics.daily_metrics VALUES ('\(all)', 'm', '', '', '2026-01-01', 1, 1, NULL,
        'count', NULL, 'd');
      CREATE ROLE \(TestDatabase.current.name)_reader LOGIN IN ROLE almanac_reader;
      """)
    let commands = [
      ["publish", "--run", "11111111"], ["publish", "--run", "22222222"], ["rollback"],
    ].map { $0 + ["--target", place.url] }
    try #require(try place.almanac(commands[0]).status == 0)
    let url = try TestServer.url(
      database: TestDatabase.current.name, user: "\(TestDatabase.current.name)_reader")
    let isOver = Atomic(false)
    let seen = Mutex(Sight())
    let reader = DispatchGroup()
    DispatchQueue(label: "reader").async(group: reader) {
      var sight = Sight()
      do {
        let connection = try Connection(ConnectionSettings(url), purpose: .target)
        try connection.run("SELECT set_config('almanac.company_id', $1, false)", [all])
        while !isOver.load(ordering: .relaxed) {
          try Self.look(connection, rows: rows, &sight)
          Thread.sleep(forTimeInterval: 0.002)
        }
      } catch {
        sight.errors.append("\(error)")
      }
      seen.withLock { $0 = sight }
    }
    // Every second program is killed, at a moment that differs each time.
    var random = SplitMix64(seed: 11)
    for turn in 0..<12 {
      let program = try BackgroundProgram(
        try builtProgram(), commands[turn % 3], in: place.folder.url)
      let end =
        turn % 2 == 1 ? Duration.milliseconds(Int64(random.next() % 60)) : Duration.seconds(30)
      while program.isRunning, program.age < end { Thread.sleep(forTimeInterval: 0.001) }
      program.kill()
      while program.isRunning { Thread.sleep(forTimeInterval: 0.001) }
      // The server notices a little later that the holder of the lock is gone.
      while try place.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") != "0" {
        Thread.sleep(forTimeInterval: 0.005)
      }
    }
    isOver.store(true, ordering: .relaxed)
    reader.wait()
    let sight = seen.withLock { $0 }
    #expect(sight.mixed == 0 && sight.empty == 0 && sight.errors == [])
    #expect(sight.publications.count >= 4 && sight.looks > 20, "\(sight.looks)")
  }

  /// Looks at each view by a statement of its own, then at all of them at one instant.
  private static func look(_ connection: Connection, rows: Int, _ sight: inout Sight) throws {
    let queries = [
      "SELECT count(*) = \(rows), string_agg(DISTINCT publication_id || ' ' || run_id, ',') "
        + "FROM api.revenue_forecast_v1",
      "SELECT count(*) = 1, string_agg(DISTINCT publication_id || ' ' || run_id, ',') "
        + "FROM api.churn_risk_v1",
      "SELECT count(*) = 2, string_agg(DISTINCT publication_id || ' ' || run_id, ',') "
        + "FROM api.freshness_v1",
      "SELECT (api.metric('m') ->> 'stale') = 'false', api.metric('m') ->> 'publication_id'",
      "SELECT count(*) = 1, max(publication_id)::text FROM api.metrics_v1",
    ]
    func read(_ query: String) throws -> String {
      let row = try connection.query(query).row(0)
      if row[0] != "t" { sight.empty += 1 }
      let found = row[1] ?? ""
      if found.contains(",") { sight.mixed += 1 }
      return String(found.prefix { $0 != " " })
    }
    for query in queries { sight.publications.insert(try read(query)) }
    let together = try connection.transaction(.repeatableReadReadOnly()) {
      try queries.map { try read($0) }
    }
    if Set(together).count != 1 { sight.mixed += 1 }
    sight.looks += 1
  }
}
