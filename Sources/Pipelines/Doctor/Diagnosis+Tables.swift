import AlmanacCore
import Postgres

/// The tables of the source: who may read and write them, what row-level security hides, and which
/// indexes help.
extension Diagnosis {
  /// A table as the catalogue of the source has it, readable or not.
  private struct Table {
    let dataset: String
    let schema: String
    let name: QualifiedName
    let isUsable: Bool
    let mayRead: Bool
    let mayReadColumns: Bool
    let mayWrite: Bool
    /// Partitions and the table itself that row-level security filters for this role.
    let filtered: Int

    /// Looks a table up; `nil` if there is none.
    init?(_ dataset: String, _ schema: String, _ table: String, on connection: Connection) throws {
      let rows = try connection.query(
        """
        WITH RECURSIVE members (oid) AS (
          SELECT c.oid FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
          UNION
          SELECT inhrelid FROM pg_catalog.pg_inherits JOIN members ON inhparent = members.oid)
        SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS usable,
          pg_catalog.has_table_privilege(c.oid, 'SELECT') AS readable,
          pg_catalog.has_any_column_privilege(c.oid, 'SELECT') AS columns,
          pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') AS writable,
          (SELECT pg_catalog.count(*) FROM members
            WHERE pg_catalog.row_security_active(members.oid)) AS filtered
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        """, [schema, table])
      guard rows.count == 1 else { return nil }
      self.dataset = dataset
      self.schema = schema
      name = QualifiedName(schema: schema, name: table)
      isUsable = rows[0, "usable"] == "t"
      mayRead = rows[0, "readable"] == "t"
      mayReadColumns = rows[0, "columns"] == "t"
      mayWrite = rows[0, "writable"] == "t"
      filtered = rows[0, "filtered"].flatMap { Int($0) } ?? 0
    }
  }

  /// Rights and row-level security.
  ///
  /// - Returns: the names of the datasets that can be read, or whose table is not there at all.
  mutating func examineTables(_ side: Side, _ datasets: [DatasetDefinition]) -> Set<String> {
    var readable: Set<String> = []
    look("source rights") { diagnosis in
      let role = quoteIdentifier(try side.role())
      let before = diagnosis.findings.count
      var tables: [Table] = []
      for definition in datasets {
        if case .table(let schema, let name) = definition.source {
          guard let table = try Table(definition.name, schema, name, on: side.connection) else {
            // Whether it has to be there is said by what holds datasets against the source.
            readable.insert(definition.name)
            continue
          }
          tables.append(table)
          guard diagnosis.allowsReading(table, definition, role: role) else { continue }
        }
        if try diagnosis.canBeRead(definition, side) { readable.insert(definition.name) }
      }
      if diagnosis.findings.count == before {
        diagnosis.add("source rights", .ok, "all of \(datasets.count) datasets may be read")
      }
      try diagnosis.examineExcess(side, tables, role: role)
      try diagnosis.examineStatistics(side, datasets, role: role)
    }
    return readable
  }

  /// Whether the rights on a table suffice and no policy filters it.
  private mutating func allowsReading(
    _ table: Table, _ definition: DatasetDefinition, role: String
  ) -> Bool {
    let allowed =
      table.mayRead || !definition.readsByTransaction && table.mayReadColumns
    guard table.isUsable, allowed else {
      let schema = quoteIdentifier(table.schema)
      let grants = [
        table.isUsable ? nil : "GRANT USAGE ON SCHEMA \(schema) TO \(role);",
        allowed ? nil : "GRANT SELECT ON \(table.name.quoted) TO \(role);",
      ]
      add(
        "source rights", .error, "dataset \(table.dataset): \(table.name) may not be read",
        fix: grants.compactMap(\.self).joined(separator: " "), status: .noPermission)
      return false
    }
    guard table.filtered == 0 else {
      add(
        "source row security", .error,
        "dataset \(table.dataset): row-level security of \(table.name) hides rows from the role",
        fix: "ALTER ROLE \(role) BYPASSRLS;", status: .noPermission)
      return false
    }
    return true
  }

  /// Whether the server would begin to read a dataset, tables behind views and queries included.
  private mutating func canBeRead(_ definition: DatasetDefinition, _ side: Side) throws -> Bool {
    do throws(PostgresError) {
      _ = try side.connection.query(
        "EXPLAIN (COSTS OFF) SELECT \(definition.allColumns.map(\.sql).joined(separator: ", ")) "
          + "FROM \(definition.sqlSource)")
      return true
    } catch {
      guard case .server(let failure) = error, failure.state == .insufficientPrivilege else {
        // What is wrong otherwise is told where columns are resolved.
        return true
      }
      let role = quoteIdentifier(try side.role())
      let isFiltered = failure.message.contains("row-level security")
      add(
        isFiltered ? "source row security" : "source rights", .error,
        "dataset \(definition.name): \(failure.message)",
        fix: isFiltered
          ? "ALTER ROLE \(role) BYPASSRLS;" : "GRANT SELECT ON … TO \(role);",
        status: .noPermission)
      return false
    }
  }

  /// Rights that reading does not need.
  private mutating func examineExcess(_ side: Side, _ tables: [Table], role: String) throws {
    let rows = try side.connection.query(
      "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user")
    let check = "source rights too many"
    let names = tables.map(\.name.quoted).joined(separator: ", ")
    if rows[0, "rolsuper"] == "t" {
      let schemas = Set(tables.map { quoteIdentifier($0.schema) }).sorted()
      add(
        check, .warning, "the role \(role) is a superuser, while reading tables is enough",
        fix: "CREATE ROLE almanac_source LOGIN; "
          + "GRANT USAGE ON SCHEMA \(schemas.joined(separator: ", ")) TO almanac_source; "
          + "GRANT SELECT ON \(names) TO almanac_source;")
      return
    }
    let written = tables.filter(\.mayWrite)
    guard let first = written.first else {
      add(check, .ok, "none: the role \(role) cannot change a mapped table")
      return
    }
    let others = written.count > 1 ? " and \(written.count - 1) more" : ""
    add(
      check, .warning, "the role \(role) may change \(first.name)\(others); reading is enough",
      fix: "REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON "
        + written.map(\.name.quoted).joined(separator: ", ") + " FROM \(role);")
  }

  /// `increment_bound` needs to see when transactions of others began.
  private mutating func examineStatistics(
    _ side: Side, _ datasets: [DatasetDefinition], role: String
  ) throws {
    guard let bounded = datasets.first(where: { $0.incrementBound != nil }) else { return }
    let rows = try side.connection.query(
      "SELECT pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') AS allowed")
    guard rows[0, "allowed"] != "t" else { return }
    add(
      "source rights", .warning,
      "dataset \(bounded.name): increment_bound does not help, since the role may not see when "
        + "transactions began", fix: "GRANT pg_monitor TO \(role);")
  }

  /// Indexes that the definitions count on.
  mutating func examineIndexes(_ side: Side, _ datasets: [DatasetDefinition]) {
    look("source indexes") { diagnosis in
      let before = diagnosis.findings.count
      for definition in datasets {
        guard case .table(let schema, let name) = definition.source else { continue }
        for (column, use) in definition.indexedColumns {
          // An index on an expression of the dataset's own is hard to tell from another.
          guard let declared = definition[column: column], declared.expression == nil,
            let isPartitioned = try diagnosis.lacksIndex(
              schema, name, column: column, on: side.connection)
          else { continue }
          let table = QualifiedName(schema: schema, name: name)
          diagnosis.add(
            "source indexes", .warning,
            "dataset \(definition.name): \(use) reads \(table) by \(column), which no index begins "
              + "with",
            fix: "CREATE INDEX \(isPartitioned ? "" : "CONCURRENTLY ")ON \(table.quoted) "
              + "(\(quoteIdentifier(column)));")
        }
      }
      if diagnosis.findings.count == before {
        diagnosis.add("source indexes", .ok, "every column that is searched by has one")
      }
    }
  }

  /// Whether a table that can have one has no valid index that begins with a column: then whether it
  /// is partitioned, else `nil`.
  private func lacksIndex(
    _ schema: String, _ table: String, column: String, on connection: Connection
  ) throws -> Bool? {
    let rows = try connection.query(
      """
      SELECT c.relkind = 'p' AS partitioned,
        EXISTS (SELECT FROM pg_catalog.pg_index i
          WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL
            AND i.indkey[0] = a.attnum) AS found
      FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = $3
      WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'm')
      """, [schema, table, column])
    guard rows.count == 1, rows[0, "found"] != "t" else { return nil }
    return rows[0, "partitioned"] == "t"
  }
}

extension DatasetDefinition {
  /// The columns by which the source is searched, each with what does so.
  fileprivate var indexedColumns: [(column: String, use: String)] {
    var found: [(column: String, use: String)] = []
    if incrementBound != nil, let recordedColumn {
      found.append((recordedColumn, "increment_bound"))
    }
    if mode == .overlap, let updatedColumn { found.append((updatedColumn, "mode overlap")) }
    if wantsSourceCounts, let timeColumn { found.append((timeColumn, "matches_source")) }
    return found
  }
}
