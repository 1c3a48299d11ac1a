import Postgres

/// `almanac query` on two years of metrics and rollups, its start included.
///
/// The tables have the shape of the pipeline's: of all companies together 40 metrics a day and six
/// split by plan, of each company four metrics on most days and three groups of events.
struct QueryBenchmark {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions

  private static let database = "almanac_bench_query"
  private static let repetitions = 40
  /// The companies for which the target holds.
  private static let targetCompanies = 5_000

  private var companies: Int { max(20, options.rows / 2_000) }

  /// Answers each query some times, and checks each answer's number of lines.
  func run() throws -> [Figure] {
    try create()
    let company = "00000000-0000-4000-8000-000000000007"
    let queries: [(name: String, words: [String], lines: Int)] = [
      ("a metric by day", ["metric", "metric_3", "--format", "csv"], 731),
      (
        "a metric by plan and month",
        [
          "metric", "metric_1", "--by", "plan", "--grain", "month", "--from", "2025-01-01", "--to",
          "2025-12-31", "--format", "csv",
        ], 12 * 4 + 1
      ),
      (
        "a metric of a company", ["metric", "metric_2", "--company", company, "--format", "csv"],
        731
      ),
      (
        "a rollup of a company",
        ["rollup", "module_used", "--company", company, "--format", "csv"], 731
      ),
      ("a cohort", ["cohort", "signup", "--format", "csv"], 24 * 25 / 2 + 1),
      ("a funnel", ["funnel", "trial", "--format", "csv"], 730 * 3 + 1),
    ]
    return try queries.map { query in
      note("query: \(query.name)")
      let path = "\(options.folder)/query.csv"
      let line =
        ([options.almanac, "query"] + query.words + ["--target", url]).map(Shell.quoted)
        .joined(separator: " ") + " > " + Shell.quoted(path)
      var seconds: [Double] = []
      for _ in 0..<QueryBenchmark.repetitions {
        seconds.append(try timed { try Shell.run("exec " + line, program: "almanac") }.seconds)
        let lines = try InputFile(path: path).lineCount()
        guard lines == query.lines else {
          throw BenchmarkError.wrongResult(
            of: query.name, found: "\(lines) lines", expected: "\(query.lines)")
        }
      }
      return Figure(
        measure: "query \(query.name), p95", ours: percentile95(seconds),
        comparison: .share(atMost: 0.1),
        isAtTargetSize: companies >= QueryBenchmark.targetCompanies)
    }
  }

  private var url: String { options.url(database: QueryBenchmark.database) }

  private func percentile95(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted[min(sorted.count - 1, sorted.count * 95 / 100)]
  }

  private func create() throws {
    try options.createDatabase(QueryBenchmark.database)
    try Shell.run(
      [options.almanac, "init", "--target", url].map(Shell.quoted).joined(separator: " ")
        + " > /dev/null", program: "almanac")
    note("query: filling the tables for \(companies) companies")
    let connection = try options.connect(database: QueryBenchmark.database)
    try connection.runScript(script)
    try connection.run("VACUUM ANALYZE")
  }

  private var script: String {
    let zero = "'00000000-0000-0000-0000-000000000000'::uuid"
    return """
      SET synchronous_commit = off;
      CREATE TEMPORARY TABLE companies AS
      SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid AS id, n
      FROM generate_series(1, \(companies)) n;
      CREATE TEMPORARY TABLE days AS
      SELECT date '2024-01-01' + n AS day, n FROM generate_series(0, 729) n;
      INSERT INTO analytics.daily_metrics
        SELECT \(zero), 'metric_' || m, '', '', day, n * m, n * m, NULL::numeric, 'count', NULL, 'x',
          NULL::timestamptz
        FROM generate_series(1, 40) m, days
        UNION ALL
        SELECT \(zero), 'metric_' || m, 'plan', 'plan ' || p, day, n * p, n * p, NULL, 'count',
          NULL, 'x', NULL
        FROM generate_series(1, 6) m, generate_series(1, 4) p, days;
      INSERT INTO analytics.daily_metrics
        SELECT id, 'metric_' || m, '', '', day, d.n + c.n, d.n + c.n, NULL, 'count', NULL, 'x', NULL
        FROM companies c, generate_series(1, 4) m, days d ORDER BY 1, 2, 5;
      INSERT INTO analytics.monthly_metrics
        SELECT company_id, metric_name, dimension, dimension_value,
          date_trunc('month', date)::date, sum(value), sum(numerator), NULL, 'count', NULL, 'x',
          NULL
        FROM analytics.daily_metrics GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5;
      INSERT INTO analytics.daily_rollups
        SELECT id, type, \(zero), day, 1 + d.n, 1, NULL, NULL, NULL, 10
        FROM companies, (VALUES ('call_started'), ('module_used'), ('user_logged_in')) t (type),
          days d ORDER BY 1, 2, 4;
      INSERT INTO analytics.cohort_retention
        SELECT \(zero), 'signup', (date '2024-01-01' + make_interval(months => m))::date, p, 100,
          90, 1, 1, 1, 'USD', true, 'x'
        FROM generate_series(0, 23) m, generate_series(0, 23) p WHERE p < 24 - m;
      INSERT INTO analytics.funnels
        SELECT \(zero), 'trial', day, s, 'step ' || s, 10, 5, NULL, 0, 0.5, 'x'
        FROM days, generate_series(0, 2) s;
      """
  }
}

extension InputFile {
  /// The number of line feeds.
  func lineCount() throws(BenchmarkError) -> Int {
    try read(0..<byteCount).count { $0 == 10 }
  }
}
