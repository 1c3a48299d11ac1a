import FoundationEssentials
import Pipelines
import Postgres

/// Reads of one company at a time, through row-level security, with eight clients of pgbench.
///
/// The table holds five runs, of which one is published. A transaction of pgbench sets the company
/// and asks; both statements count.
struct PublishReadsBenchmark {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions

  private static let database = "almanac_bench_reads"
  private static let runCount = 5
  private static let clients = 8
  private static let seconds = 10
  private static let targetRows = 10_000_000

  private var companies: Int { max(20, options.rows / Self.runCount / PublishPlace.days) }

  /// Fills the table, and measures each way of reading.
  func run() throws -> [Figure] {
    let place = try PublishPlace(options, database: Self.database)
    note("publish: filling the table for \(companies) companies")
    let connection = try options.connect(database: Self.database)
    try connection.runScript(script)
    try connection.run("VACUUM ANALYZE predictions.revenue_forecasts")
    try connection.run("VACUUM ANALYZE predictions.churn_risk")
    let company = "'0000000a-0000-4000-8000-' || lpad((:company)::text, 12, '0')"
    let days = PublishPlace.days
    return try [
      (
        "api.revenue_forecast",
        "1 / (json_array_length(api.revenue_forecast(grain => 'day') -> 'rows') = \(days))::int"
      ),
      (
        "api.revenue_forecast_v1",
        "1 / ((SELECT count(*) FROM api.revenue_forecast_v1 WHERE grain = 'day') = \(days))::int"
      ),
      (
        "api.churn_risk",
        "1 / (api.churn_risk((\(company))::uuid) ->> 'model' = 'revenue')::int"
      ),
    ].map { name, expression in
      let file = "\(options.folder)/read.sql"
      try writeFile(
        Array(
          """
          \\set company random(0, \(companies - 1))
          SELECT set_config('almanac.company_id', \(company), false);
          SELECT \(expression);

          """.utf8), to: file)
      let milliseconds = try measure(place, file)
      return Figure(
        measure: "publish: \(name) of a company, \(Self.clients) clients, p95",
        ours: milliseconds / 1_000, comparison: .share(atMost: 0.005),
        isAtTargetSize: options.rows >= Self.targetRows)
    }
  }

  /// The 95th percentile of the latencies, in milliseconds.
  private func measure(_ place: PublishPlace, _ file: String) throws -> Double {
    let folder = "\(options.folder)/pgbench"
    let pgbench =
      options.psql.hasSuffix("/psql") ? options.psql.dropLast(4) + "pgbench" : "pgbench"
    try Shell.run(
      "rm -rf \(Shell.quoted(folder)) && mkdir \(Shell.quoted(folder))", program: "mkdir")
    for (prefix, seconds) in [("warm", 2), ("log", Self.seconds)] {
      let words = [
        String(pgbench), "-n", "-M", "prepared", "-c", String(Self.clients), "-j", "2", "-T",
        String(seconds), "-l", "--log-prefix=\(folder)/\(prefix)", "-f", file, "-h",
        options.socketFolder, "-U", "almanac_bench_reader", Self.database,
      ]
      try Shell.run(
        words.map(Shell.quoted).joined(separator: " ") + " > /dev/null 2>&1", program: "pgbench")
    }
    var latencies: [Int] = []
    for name in try FileManager.default.contentsOfDirectory(atPath: folder)
    where name.hasPrefix("log") {
      let text = try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
      latencies += text.split(separator: "\n").compactMap { line in
        let words = line.split(separator: " ")
        return words.count > 2 ? Int(words[2]) : nil
      }
    }
    guard latencies.count > 100 else {
      throw BenchmarkError.wrongResult(
        of: "pgbench", found: "\(latencies.count) transactions", expected: "more than 100")
    }
    latencies.sort()
    note("publish: \(latencies.count) transactions, median \(latencies[latencies.count / 2]) us")
    return Double(latencies[latencies.count * 95 / 100]) / 1_000
  }

  private var script: String {
    let runs = (1...Self.runCount).map { "'\(PublishPlace.run($0))'" }.joined(separator: ", ")
    let origin = """
      '2024-10-03', '2024-10-04 00:00Z', 'revenue', 'v1', '0123456789', '2100-01-01 00:00Z'
      """
    let company = "('0000000a-0000-4000-8000-' || lpad(c::text, 12, '0'))::uuid"
    let published = PublishPlace.run(Self.runCount)
    return """
      SET synchronous_commit = off;
      DO $$ BEGIN
        IF to_regrole('almanac_bench_reader') IS NULL THEN
          CREATE ROLE almanac_bench_reader LOGIN IN ROLE almanac_reader;
        END IF;
      END $$;
      INSERT INTO predictions.revenue_forecasts
        SELECT \(company), run, 'total', '', 'day', date '2024-10-04' + d, d + 1, 100.5 + c + d, 90,
          \(companies) + 200, 80, \(companies) + 300, 'USD', 'ridge', NULL, \(origin)
        FROM unnest(ARRAY[\(runs)]::uuid[]) AS run, generate_series(0, \(companies - 1)) AS c,
          generate_series(0, \(PublishPlace.days - 1)) AS d;
      INSERT INTO predictions.churn_risk
        SELECT \(company), run, 0.5, NULL, 'high', 10,
          '[{"feature": "f", "value": 1, "contribution": 0.5, "text": "because"}]', '[]', \(origin)
        FROM unnest(ARRAY[\(runs)]::uuid[]) AS run, generate_series(0, \(companies - 1)) AS c;
      INSERT INTO almanac.published (pipeline, run_id, token, as_of, valid_until)
        VALUES ('bench', '\(published)', 1, '2024-10-03', '2100-01-01');
      INSERT INTO almanac.published_runs
        SELECT publication_id, 'revenue', '\(published)', 'v1', '2024-10-03', now(), '2100-01-01',
          \(companies * PublishPlace.days) FROM almanac.published;
      """
  }
}
