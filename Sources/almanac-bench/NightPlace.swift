import AlmanacCore
import Columns
import FoundationEssentials
import Pipelines
import Postgres

/// A project and a data folder that extract the events of a database night by night.
struct NightPlace {
  /// The pipeline's name.
  static let pipeline = "night"
  /// The dataset's columns that are compared with the server's.
  static let fields = EventWorkload.allFields

  /// The sizes and paths of the run.
  let options: BenchmarkOptions
  /// The folder of definitions.
  let projectPath: String
  /// The folder of snapshots.
  let dataPath: String
  /// The connection string of the database that is source and target.
  let connection: String

  /// Writes the definitions of a new place, whose `increment_bound` is `bound`, for a pipeline of
  /// some stages; what an earlier run left there is removed.
  init(
    _ name: String, bound: String?, options: BenchmarkOptions, database: String,
    stages: String = "extract: all, check"
  ) throws {
    self.options = options
    let folder = "\(options.folder)/night-\(name)"
    projectPath = folder + "/project"
    dataPath = folder + "/data"
    connection = "host='\(options.socketFolder)' user=postgres dbname=\(database)"
    let files = FileManager.default
    if files.fileExists(atPath: folder) { try files.removeItem(atPath: folder) }
    for kind in ["pipelines", "models", "datasets"] {
      try files.createDirectory(
        atPath: projectPath + "/" + kind, withIntermediateDirectories: true)
    }
    let pipeline = """
      {pipeline: \(NightPlace.pipeline), schedule: "0 2 * * *", currency: USD,
       stages: [\(stages)]}
      """
    let events = """
      dataset: events
      from: public.events
      time: timestamp
      recorded: created_at
      \(bound.map { "increment_bound: \($0)" } ?? "")
      key: event_id
      tenant: company_id
      mode: append
      columns:
        event_type: text
        user_id: uuid
        module_id: uuid?
        amount: money(currency)?
        currency: text
      checks:
        - {unique: event_id, max_share: 1%, level: warn}
        - {foreign_key: {company_id: companies}}
      """
    let companies = """
      dataset: companies
      from: public.companies
      key: company_id
      mode: full
      columns:
        users: int
      """
    let rates = """
      dataset: exchange_rates
      from: public.exchange_rates
      optional: true
      key: [base, quote, rate_date, created_at]
      recorded: created_at
      mode: append
      columns:
        base: text
        quote: text
        rate_date: date
        rate: decimal(10)
        created_at: timestamp
      """
    for (path, text) in [
      ("datasets/exchange_rates", rates), ("pipelines/\(NightPlace.pipeline)", pipeline),
      ("datasets/events", events),
      ("datasets/companies", companies),
    ] {
      try writeFile(Array((text + "\n").utf8), to: "\(projectPath)/\(path).yaml")
    }
  }

  /// The totals of the columns of the rows that count, and the size of their files in bytes.
  func stored() throws -> (totals: [ColumnTotals], bytes: Int) {
    let directory = try DataDirectoryReading(path: dataPath)
    let reader = PartReader(path: dataPath, manifest: directory.manifest)
    var totals = [ColumnTotals](repeating: ColumnTotals(), count: NightPlace.fields.count)
    // Day by day, so that memory holds one of them.
    for day in Set(directory.manifest.days(of: "events").dates).sorted() {
      let batches = try reader.read(
        "events", days: day...day, columns: NightPlace.fields.map(\.name))
      for index in totals.indices {
        for batch in batches { totals[index].add(batch.columns[index]) }
      }
    }
    return (totals, try directory.dataset("events").bytes)
  }

  /// The size of the files in bytes, once they hold what the server has, each repeated key once.
  @discardableResult
  func check(_ measure: String) throws -> Int {
    let server = try Connection(
      ConnectionSettings(connection), purpose: .target, applicationName: "almanac-bench")
    let fields = NightPlace.fields
    let columns = fields.flatMap(ColumnTotals.expressions).joined(separator: ", ")
    let row = try server.query(
      "SELECT \(columns) FROM public.events WHERE currency <> '\(NightSource.repeatedCurrency)'"
    ).row(0)
    let expected = fields.indices.map { index in
      ColumnTotals(
        count: row[2 * index].flatMap { Int128($0) } ?? 0,
        total: row[2 * index + 1].flatMap { Int128($0) } ?? 0)
    }
    let (totals, bytes) = try stored()
    try ColumnTotals.check(totals, fields, against: expected, measure: measure)
    return bytes
  }
}

/// The database of a benchmark of nights: a copy of the events to which rows are added.
struct NightSource {
  /// Its name.
  static let database = "almanac_bench_night"
  /// The currency of rows that repeat the key of an older one on another day.
  static let repeatedCurrency = "XXX"

  private let options: BenchmarkOptions

  /// Makes the database anew, with an index on the recorded clock.
  init(_ workload: EventWorkload, options: BenchmarkOptions) throws {
    self.options = options
    try workload.create()
    note("night: copying the events")
    let server = try options.connect(database: "postgres")
    try server.run("DROP DATABASE IF EXISTS \(NightSource.database)")
    try server.run(
      "CREATE DATABASE \(NightSource.database) TEMPLATE \(EventWorkload.database)"
        + " STRATEGY file_copy")
    let connection = try connect()
    try connection.run("CREATE INDEX ON public.events (created_at)")
    try Migrator(connection).migrate()
  }

  private func connect() throws -> Connection {
    try options.connect(database: NightSource.database)
  }

  /// Adds one row for every hundred: seven in ten of a new day, the others late, to any old day; and
  /// ten that repeat the key of an older row on another day.
  func addRows(night: Int) throws {
    try connect().runScript(
      """
      SELECT setseed(0.\(night));
      INSERT INTO public.events
      SELECT gen_random_uuid(), event_type, company_id, user_id, module_id, amount, currency,
        metadata, CASE WHEN random() < 0.7
          THEN timestamptz '2026-04-01 00:00:00+00' + (\(night) + random()) * interval '1 day'
          ELSE "timestamp" END, now()
      FROM public.events TABLESAMPLE SYSTEM (2) REPEATABLE (\(night))
      WHERE currency <> '\(NightSource.repeatedCurrency)' LIMIT \(options.rows / 100);
      INSERT INTO public.events
      SELECT event_id, event_type, company_id, user_id, module_id, amount,
        '\(NightSource.repeatedCurrency)', metadata, "timestamp" + interval '2 days', now()
      FROM public.events WHERE currency <> '\(NightSource.repeatedCurrency)' LIMIT 10;
      """)
  }

  /// The seconds of the server's own scan of the table by the transactions that wrote its rows.
  func scan() throws -> Double {
    let query =
      "SET max_parallel_workers_per_gather = 0; "
      + "SELECT count(*) FROM public.events WHERE age(xmin) BETWEEN 0 AND 1"
    let words = [
      options.psql, "-XAtq", "-h", options.socketFolder, "-U", "postgres", "-d",
      NightSource.database, "-c", query,
    ]
    let line = words.map(Shell.quoted).joined(separator: " ") + " > /dev/null"
    return try timed { try Shell.run(line, program: "psql") }.seconds
  }

  /// The seconds in which the server's own client reads all rows over one connection.
  func copy() throws -> Double {
    let names = NightPlace.fields.map { quoteIdentifier($0.name) }.joined(separator: ", ")
    let words = [
      options.psql, "-XAtq", "-h", options.socketFolder, "-U", "postgres", "-d",
      NightSource.database, "-c",
      "COPY (SELECT \(names) FROM public.events) TO STDOUT (FORMAT binary)",
    ]
    let line = words.map(Shell.quoted).joined(separator: " ") + " > /dev/null"
    return try timed { try Shell.run(line, program: "psql") }.seconds
  }
}
