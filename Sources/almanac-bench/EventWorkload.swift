import AlmanacCore
import Columns
import Postgres

/// The event table of a benchmark, in a database of its own, created when it is first asked for.
///
/// 5,000 companies and 50 event types of which few are frequent and many rare, 200,000 users of
/// whom each belongs to one company, 20 modules, and 90 days from 2026-01-01 in time order with up
/// to ten minutes of disorder. 15 % of the amounts and 20 % of the modules are null. Sums are the
/// same in every run; only event_id is not.
final class EventWorkload {
  /// The columns that are read for a rollup.
  static let rollupFields = [
    Field("event_type", .text), Field("company_id", .uuid), Field("user_id", .uuid),
    Field("module_id", .uuid, isNullable: true), Field("amount", .money, isNullable: true),
    Field("timestamp", .timestamp),
  ]
  /// All columns but the JSON document.
  static let allFields =
    [Field("event_id", .uuid)] + rollupFields
    + [Field("currency", .text), Field("created_at", .timestamp)]
  /// The first day of the events.
  static let firstDate = CalendarDate(daysSinceEpoch: 20_454)
  /// The number of days; the disorder reaches into the last of them.
  static let dayCount = 91

  /// The name of the database.
  static let database = "almanac_bench"
  private let options: BenchmarkOptions
  private var isCreated = false
  private var columnTotals: [String: ColumnTotals]?

  /// The workload for the size that `options` name.
  init(options: BenchmarkOptions) {
    self.options = options
  }

  /// What a connection needs to reach the events.
  func settings() throws -> ConnectionSettings {
    try options.settings(database: EventWorkload.database)
  }

  /// A connection string for the drivers of peers.
  var url: String { options.url(database: EventWorkload.database) }

  /// A shell command that reads a query by binary COPY with the server's own client.
  func psqlCommand(_ query: String) -> String {
    let copy = "COPY (\(query)) TO STDOUT (FORMAT binary)"
    let words = [
      options.psql, "-XAtq", "-h", options.socketFolder, "-U", "postgres", "-d",
      EventWorkload.database, "-c", copy,
    ]
    return words.map(Shell.quoted).joined(separator: " ") + " > /dev/null"
  }

  /// The query for some columns.
  func query(_ fields: [Field], condition: String = "") -> String {
    let names = fields.map { quoteIdentifier($0.name) }.joined(separator: ", ")
    return "SELECT \(names) FROM public.events" + (condition.isEmpty ? "" : " WHERE \(condition)")
  }

  /// Conditions that each select one half of the table's pages.
  func halves() throws -> [String] {
    let pages = try connect().query(
      "SELECT pg_relation_size('public.events') / current_setting('block_size')::int / 2")
    let middle = pages[0, 0] ?? "0"
    return ["ctid < '(\(middle),0)'", "ctid >= '(\(middle),0)'"]
  }

  /// The totals of the named columns as the server counts them.
  func expectedTotals(_ fields: [Field]) throws -> [ColumnTotals] {
    let all: [String: ColumnTotals]
    if let columnTotals {
      all = columnTotals
    } else {
      let fields = EventWorkload.allFields
      let columns = fields.flatMap(ColumnTotals.expressions).joined(separator: ", ")
      let row = try connect().query("SELECT \(columns) FROM public.events").row(0)
      let totals = fields.indices.map {
        ColumnTotals(count: number(row[2 * $0]), total: number(row[2 * $0 + 1]))
      }
      all = Dictionary(uniqueKeysWithValues: zip(fields.map(\.name), totals))
      columnTotals = all
    }
    return fields.compactMap { all[$0.name] }
  }

  /// The totals of a rollup as the server aggregates it.
  ///
  /// Users are made distinct by grouping, which takes a hash table where DISTINCT would sort.
  func expectedRollup(bucket: String) throws -> RollupTotals {
    let connection = try connect()
    try connection.runScript("SET work_mem = '2GB'; SET hash_mem_multiplier = 2")
    let row = try connection.query(
      """
      SELECT count(*), sum(events), sum(users), trunc(sum(amount) * 10000)
      FROM (
        SELECT sum(events) AS events, count(user_id) AS users, sum(amount) AS amount
        FROM (
          SELECT company_id, event_type, module_id, user_id,
            date_trunc('\(bucket)', "timestamp" AT TIME ZONE 'UTC') AS bucket,
            count(*) AS events, sum(amount) AS amount
          FROM public.events GROUP BY 1, 2, 3, 4, 5) AS per_user
        GROUP BY company_id, event_type, module_id, bucket) AS per_group
      """
    ).row(0)
    return RollupTotals(
      groups: Int(number(row[0])), events: Int(number(row[1])), users: Int(number(row[2])),
      amount: Int(number(row[3])))
  }

  private func connect() throws -> Connection {
    try create()
    return try options.connect(database: EventWorkload.database)
  }

  /// Makes the database and the table, unless they are there.
  func create() throws {
    guard !isCreated else { return }
    isCreated = true
    let server = try options.connect(database: "postgres")
    // Several runs beside one server share the events, if they want as many.
    let existing = try server.query(
      "SELECT shobj_description(oid, 'pg_database') FROM pg_database"
        + " WHERE datname = '\(EventWorkload.database)'")
    if existing.count == 1, existing[0, 0] == "\(options.rows) events" { return }
    note("creating \(options.rows) events")
    try server.run("CREATE DATABASE \(EventWorkload.database) TEMPLATE template0")
    let connection = try options.connect(database: EventWorkload.database)
    try connection.runScript(EventWorkload.script(rows: options.rows))
    try connection.run("VACUUM (ANALYZE, FREEZE) public.events")
    try connection.run("COMMENT ON DATABASE \(EventWorkload.database) IS '\(options.rows) events'")
  }
}

/// A whole number the server gave as text; 0 for null.
private func number(_ text: String?) -> Int128 {
  text.flatMap { Int128($0) } ?? 0
}
