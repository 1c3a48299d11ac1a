import AlmanacCore
import Codecs
package import Postgres

/// The digest of a run's rows: equal digests, equal tables.
///
/// SHA-256 over the rows of each table ordered by key, in PostgreSQL's binary form, without the
/// columns that name a run or a moment of the clock: `run_id`, `publication_id`, `recorded_cut`,
/// `generated_at`, `restated_at`, `valid_until`. Tables without a row are left out, so a new version
/// that adds a table it has nothing for yet gives the same digest. Restatements are left out: they
/// are the history of what changed, which a run from scratch has not.
package struct RunDigest: Sendable, Equatable {
  /// One table's share.
  package struct Table: Sendable, Equatable {
    /// The table as `schema.name`.
    package var name: String
    /// The number of rows.
    package var rows: Int
    /// The digest of the rows in hexadecimal.
    package var sha256: String
  }

  /// The run whose predictions were read.
  package var run: String
  /// The tables, in a fixed order.
  package var tables: [Table]
  /// The digest over all tables.
  package var sha256: String

  private static let leftOut: Set<String> = [
    "run_id", "publication_id", "recorded_cut", "generated_at", "restated_at", "valid_until",
  ]

  /// Reads the tables of a run under one snapshot.
  ///
  /// Rollups are those of every date; predictions are the run's own.
  ///
  /// - Parameters:
  ///   - connection: a connection to the target.
  ///   - run: the run; `nil` is the one published last.
  /// - Throws: ``PipelineError/noSuchRun(what:)`` if there is none.
  package init(_ connection: Connection, run: String?) throws {
    (self.run, tables, sha256) = try connection.transaction(.repeatableReadReadOnly(snapshot: nil))
    {
      let chosen = try RunDigest.choose(connection, run: run)
      let tables = try RunDigest.keyedTables(connection).map { table in
        try RunDigest.digest(table, run: chosen, on: connection)
      }.filter { $0.rows > 0 }
      let text = tables.map { "\($0.name) \($0.rows) \($0.sha256)\n" }.joined()
      return (chosen, tables, SHA256.hexadecimalDigest(of: text))
    }
  }

  private static func choose(_ connection: Connection, run: String?) throws -> String {
    if let run {
      guard UUIDValue(run) != nil else {
        throw PipelineError.noSuchRun(what: "\"\(run)\" is not a run's identifier")
      }
      let rows = try connection.query(
        "SELECT run_id FROM almanac.runs WHERE run_id = $1", [run])
      guard rows.count == 1 else {
        throw PipelineError.noSuchRun(what: "there is no run \(run)")
      }
      return run
    }
    return try LedgerReading(connection).publishedRun().description
  }

  /// A table to digest: its columns and its key.
  private struct KeyedTable {
    var name: String
    var columns: [(name: String, isText: Bool)]
    var key: [String]
  }

  /// The tables of `analytics` and `predictions` with a primary key, by name.
  ///
  /// Restatements tell how the values came about, and a run from scratch has none.
  private static func keyedTables(_ connection: Connection) throws -> [KeyedTable] {
    let rows = try connection.query(
      """
      SELECT n.nspname || '.' || c.relname AS relation, a.attname AS column,
        a.atttypid IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype) AS is_text,
        coalesce(array_position(i.indkey::int2[], a.attnum), -1) AS position
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary
      JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE n.nspname IN ('analytics', 'predictions') AND c.relkind IN ('r', 'p')
        AND n.nspname || '.' || c.relname <> 'analytics.restatements'
      ORDER BY n.nspname::text COLLATE "C", c.relname::text COLLATE "C", a.attnum
      """)
    var tables: [KeyedTable] = []
    var positions: [[String: Int]] = []
    for row in 0..<rows.count {
      guard let name = rows[row, "relation"], let column = rows[row, "column"] else { continue }
      if tables.last?.name != name {
        tables.append(KeyedTable(name: name, columns: [], key: []))
        positions.append([:])
      }
      if leftOut.contains(column) { continue }
      tables[tables.count - 1].columns.append((column, rows[row, "is_text"] == "t"))
      if let position = rows[row, "position"].flatMap({ Int($0) }), position >= 0 {
        positions[positions.count - 1][column] = position
      }
    }
    for index in tables.indices {
      tables[index].key = positions[index].sorted { $0.value < $1.value }.map(\.key)
    }
    return tables
  }

  private static func digest(
    _ table: KeyedTable, run: String, on connection: Connection
  ) throws -> Table {
    let columns = table.columns.map { quoteIdentifier($0.name) }.joined(separator: ", ")
    let texts = Set(table.columns.filter(\.isText).map(\.name))
    let key = table.key.map {
      quoteIdentifier($0) + (texts.contains($0) ? " COLLATE \"C\"" : "")
    }.joined(separator: ", ")
    let filter =
      table.name.hasPrefix("predictions.") && table.name != "predictions.outcomes"
      ? " WHERE run_id = \(quoteLiteral(run))" : ""
    var hash = SHA256()
    try connection.copyOutBytes(
      "SELECT \(columns) FROM \(table.name)\(filter) ORDER BY \(key)", source: table.name
    ) { hash.update($0) }
    let count = try connection.query("SELECT count(*) AS rows FROM \(table.name)\(filter)")
    return Table(
      name: table.name, rows: count[0, "rows"].flatMap { Int($0) } ?? 0,
      sha256: SHA256.hexadecimal(hash.finalize()))
  }
}
