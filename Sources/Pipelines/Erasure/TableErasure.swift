import AlmanacCore
import Postgres

/// Takes a company, or a user of one, out of every table of the target, within one transaction
/// (DECISIONS.md, D-557).
///
/// Rows of aggregates keep their numbers and get another company, one that stands for nobody. All
/// other rows that name the one to forget go; so do those of schema `almanac` but for the texts around
/// the name. The tables and their columns are asked of the server, so a new one is not overlooked.
struct TableErasure {
  /// The company.
  let company: UUIDValue
  /// The user; `nil` if the whole company is to be forgotten.
  let user: UUIDValue?
  /// What stands for the one that is forgotten.
  let standIn: UUIDValue

  /// A table and the rows that changed.
  typealias Removal = LedgerPruning.Removal

  /// Aggregates that hold nothing of a company but its identifier and numbers.
  private static let aggregates: Set<String> = [
    "analytics.hourly_rollups", "analytics.daily_rollups", "analytics.monthly_rollups",
    "analytics.daily_rollup_recordings", "analytics.daily_metrics", "analytics.monthly_metrics",
    "analytics.mrr_movements", "analytics.cohort_retention", "analytics.funnels",
    "analytics.restatements", "almanac.company_zones",
  ]

  private struct Table {
    var name: QualifiedName
    var columns: [(name: String, type: String)]

    var isAggregate: Bool { TableErasure.aggregates.contains("\(name.schema).\(name.name)") }
  }

  /// Does it, in the transaction that the connection is in.
  ///
  /// - Returns: the tables of which rows changed.
  func run(on connection: Connection) throws -> [Removal] {
    var removals: [Removal] = []
    for table in try TableErasure.tables(on: connection) {
      var rows = 0
      if user == nil, table.isAggregate { rows += try rename(table, on: connection) }
      rows +=
        table.name.schema == "almanac"
        ? try redact(table, on: connection)
        : try delete(table, on: connection)
      if rows > 0 {
        removals.append(Removal(table: "\(table.name.schema).\(table.name.name)", rows: rows))
      }
    }
    return removals
  }

  private var subject: UUIDValue { user ?? company }

  /// The tables with columns that may hold an identifier.
  private static func tables(on connection: Connection) throws -> [Table] {
    let rows = try connection.query(
      """
      SELECT n.nspname AS schema, c.relname AS relation, a.attname AS column, t.typname AS type
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
      WHERE n.nspname IN ('almanac', 'analytics', 'predictions') AND c.relkind IN ('r', 'p')
        AND NOT c.relispartition AND c.relname NOT IN ('forgotten', 'migrations')
        AND t.typname IN ('uuid', '_uuid', 'text', 'varchar', '_text', 'json', 'jsonb')
        AND a.attgenerated = ''
      ORDER BY n.nspname::text COLLATE "C", c.relname::text COLLATE "C", a.attnum
      """)
    var tables: [Table] = []
    for row in 0..<rows.count {
      guard let schema = rows[row, "schema"], let relation = rows[row, "relation"],
        let column = rows[row, "column"], let type = rows[row, "type"]
      else { continue }
      let name = QualifiedName(schema: schema, name: relation)
      if tables.last?.name != name { tables.append(Table(name: name, columns: [])) }
      tables[tables.count - 1].columns.append((column, type))
    }
    return tables
  }

  /// Lets an aggregate belong to nobody.
  private func rename(_ table: Table, on connection: Connection) throws -> Int {
    let causes = table.columns.contains { $0.name == "cause_change_ids" }
    return try connection.run(
      "UPDATE \(table.name) SET company_id = $2::uuid\(causes ? ", cause_change_ids = '{}'" : "") "
        + "WHERE company_id = $1::uuid", [company.description, standIn.description])
  }

  /// The condition that a row names the one to forget, `$1`, somewhere; of a user only rows of the
  /// company, `$2`, count where rows have one.
  private func condition(_ table: Table) -> String {
    let named = table.columns.map { column in
      let name = quoteIdentifier(column.name)
      return switch column.type {
      case "uuid": "\(name) = ($1::text)::uuid"
      case "_uuid": "($1::text)::uuid = ANY (\(name))"
      case "_text": "pg_catalog.strpos(pg_catalog.lower(\(name)::text), $1::text) > 0"
      case "json", "jsonb": "pg_catalog.strpos(pg_catalog.lower(\(name)::text), $1::text) > 0"
      default: "pg_catalog.strpos(pg_catalog.lower(\(name)), $1::text) > 0"
      }
    }.joined(separator: " OR ")
    let hasCompany = table.columns.contains { $0.name == "company_id" }
    return user == nil
      ? "(\(named))"
      : "(\(named)) AND \(hasCompany ? "company_id = ($2::text)::uuid" : "$2::text IS NOT NULL")"
  }

  private var parameters: [String] {
    user == nil ? [company.description] : [subject.description, company.description]
  }

  /// Removes rows; what publications say of how many there are is mended.
  private func delete(_ table: Table, on connection: Connection) throws -> Int {
    let isPredicted = PredictionTable.allCases.contains { $0.name == table.name }
    guard isPredicted else {
      return try connection.run(
        "DELETE FROM \(table.name) WHERE \(condition(table))", parameters)
    }
    let rows = try connection.query(
      """
      WITH gone AS (DELETE FROM \(table.name) WHERE \(condition(table)) RETURNING run_id, model),
        counted AS (SELECT run_id, model, count(*) AS rows FROM gone GROUP BY run_id, model),
        mended AS (UPDATE almanac.published_runs AS p SET rows = p.rows - counted.rows FROM counted
          WHERE p.run_id = counted.run_id AND p.model = counted.model RETURNING 1)
      SELECT coalesce(sum(rows), 0) AS rows, (SELECT count(*) FROM mended) AS mended FROM counted
      """, parameters)
    return rows[0, "rows"].flatMap { Int($0) } ?? 0
  }

  /// Lets texts and documents of the ledger name nobody.
  private func redact(_ table: Table, on connection: Connection) throws -> Int {
    let texts = table.columns.filter { $0.type != "uuid" && $0.type != "_uuid" }
    if texts.isEmpty { return 0 }
    let target = texts.map { column in
      let name = quoteIdentifier(column.name)
      let type = column.type == "_text" ? "text[]" : column.type
      return "\(name) = pg_catalog.regexp_replace(\(name)::text, $1::text, "
        + "'\(standIn.description)', 'gi')::\(type)"
    }.joined(separator: ", ")
    let only = Table(name: table.name, columns: texts)
    let condition = only.columns.map { column in
      "pg_catalog.strpos(pg_catalog.lower(\(quoteIdentifier(column.name))::text), $1::text) > 0"
    }.joined(separator: " OR ")
    return try connection.run(
      "UPDATE \(table.name) SET \(target) WHERE \(condition)", [subject.description])
  }
}
