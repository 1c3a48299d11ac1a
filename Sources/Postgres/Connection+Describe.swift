import Columns

/// A column of a query's result.
package struct ResultField: Hashable, Sendable {
  /// The column's name.
  package let name: String
  /// The oid of its type; of a domain, that of the type below it.
  package let typeOID: UInt32
  /// The type as PostgreSQL writes it, such as `numeric(12,2)`.
  package let typeName: String
  /// The format of its values, `nil` for a type that is not supported.
  package let wireType: WireType?
}

/// A column of a table that is written to.
struct TargetColumn: Hashable {
  let typeName: String
  let wireType: WireType?
}

extension Connection {
  /// The columns of a query's result; nothing is run.
  ///
  /// Errors name `source`.
  package func describe(
    _ query: String, source: String = "a query"
  ) throws(PostgresError) -> [ResultField] {
    try describe(query, during: "describing \(source)")
  }

  /// The columns of a query's result, with a name for errors.
  func describe(_ query: String, during: String) throws(PostgresError) -> [ResultField] {
    try refuseZeroBytes(query, [])
    let prepared = handle.prepare(query)
    if let failure = failure(prepared, during: during, expecting: .done) { throw failure }
    let result = handle.describePrepared()
    if let failure = failure(result, during: during, expecting: .done) { throw failure }
    let columns = 0..<result.columnCount
    if columns.isEmpty { return [] }
    let oids = columns.map { String(result.columnType($0)) }
    let modifiers = columns.map { String(result.columnModifier($0)) }
    let types = try self.query(
      """
      SELECT pg_catalog.format_type(t.oid, c.modifier) AS name, t.typtype AS kind,
        t.typname AS type
      FROM ROWS FROM (
        pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::int4[])
      ) WITH ORDINALITY AS c (type, modifier, position)
      JOIN pg_catalog.pg_type t ON t.oid = c.type ORDER BY c.position
      """, ["{\(oids.joined(separator: ","))}", "{\(modifiers.joined(separator: ","))}"])
    guard types.count == columns.count else {
      throw .unexpectedAnswer(during: during, answer: "\(types.count) types")
    }
    return columns.map { column in
      ResultField(
        name: result.columnName(column), typeOID: result.columnType(column),
        typeName: types[column, "name"] ?? "",
        wireType: WireType(
          oid: result.columnType(column), kind: types[column, "kind"],
          name: types[column, "type"]))
    }
  }

  /// The columns of a table by name, looked up once for each table.
  ///
  /// - Throws: `PostgresError.missingTable` if there is no such table.
  func columns(of table: QualifiedName) throws(PostgresError) -> [String: TargetColumn] {
    if let known = targetColumns[table] { return known }
    let rows = try query(
      """
      WITH RECURSIVE columns AS (
        SELECT a.attname, a.atttypid AS type, a.atttypmod AS modifier
        FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT c.attname, t.typbasetype, t.typtypmod
        FROM columns c JOIN pg_catalog.pg_type t ON t.oid = c.type WHERE t.typtype = 'd'
      )
      SELECT c.attname AS column, t.oid, t.typtype AS kind, t.typname AS type,
        pg_catalog.format_type(t.oid, c.modifier) AS name
      FROM columns c JOIN pg_catalog.pg_type t ON t.oid = c.type WHERE t.typtype <> 'd'
      """, [table.schema, table.name])
    guard rows.count > 0 else { throw .missingTable(table.description) }
    var columns: [String: TargetColumn] = [:]
    for row in 0..<rows.count {
      columns[rows[row, "column"] ?? ""] = TargetColumn(
        typeName: rows[row, "name"] ?? "",
        wireType: WireType(
          oid: rows[row, "oid"].flatMap { UInt32($0) } ?? 0, kind: rows[row, "kind"],
          name: rows[row, "type"]))
    }
    targetColumns[table] = columns
    return columns
  }
}

extension WireType {
  /// The format of any type, from its entry in `pg_type`.
  ///
  /// Enumerations and the extension type `citext` are text on the wire.
  fileprivate init?(oid: UInt32, kind: String?, name: String?) {
    if let known = WireType(oid: oid) {
      self = known
    } else if kind == "e" || name == "citext" {
      self = .text
    } else {
      return nil
    }
  }
}
