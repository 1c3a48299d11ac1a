import Columns
import Files
import Pipelines
import Postgres

/// Reads the tables of a subject, in the order of their keys.
struct ExportReading {
  let connection: Connection
  let subject: ExportSubject
  /// The company, as text of a uuid; all rows if nil.
  let company: String?

  /// The publication in force and the last computed interval.
  func state() throws -> String {
    let rows = try connection.query(
      """
      SELECT (SELECT coalesce(max(publication_id), 0) FROM almanac.published) || ' '
        || coalesce((SELECT max(finished_at) FROM almanac.intervals)::text, '-') AS state
      """)
    let state = rows[0, "state"] ?? ""
    if subject == .predictions, state.hasPrefix("0 ") { throw ExportError.nothingPublished }
    return state
  }

  /// The tables that have a row to export.
  func tables(_ wanted: String?) throws -> [String] {
    try (wanted.map { [$0] } ?? subject.tables).filter { table in
      try connection.query("SELECT 1 FROM \(source(table)) LIMIT 1").count == 1
    }
  }

  /// Copies a table into a file.
  func copy(_ table: String, to path: String, format: ExportFormat) throws -> WrittenFile {
    let key = try connection.query(
      """
      SELECT string_agg(quote_ident(a.attname) || CASE WHEN a.attcollation = 0 THEN ''
        ELSE ' COLLATE pg_catalog."C"' END, ', ' ORDER BY k.place) AS columns
      FROM pg_catalog.pg_index AS i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place),
        pg_catalog.pg_attribute AS a
      WHERE i.indrelid = $1::regclass AND i.indisprimary AND a.attrelid = i.indrelid
        AND a.attnum = k.number
      """, ["\(subject.schema).\(table)"])
    let query = "SELECT * FROM \(source(table)) ORDER BY \(key[0, "columns"] ?? "1")"
    let described = try connection.describe(query, source: table)
    let fields = try described.map { column in
      guard let type = ColumnType(exporting: column) else {
        throw ExportError.unsuitable(table: table, column: column.name)
      }
      return Field(column.name, type, isNullable: true)
    }
    let documents = described.filter { $0.wireType == .json || $0.wireType == .jsonb }
    var writer = try ExportWriter(
      path, fields, documents: Set(documents.map(\.name)), format: format)
    _ = try connection.copyOut(query, fields: fields, rowsPerBatch: 16_384, source: table) {
      try Interruption.check()
      try writer.append($0)
    }
    return try writer.finish()
  }

  /// The rows of a table: of predictions those that are published.
  private func source(_ table: String) -> String {
    var conditions: [String] = []
    if subject == .predictions {
      conditions.append(
        """
        (run_id, model) IN (SELECT r.run_id, r.model FROM almanac.published_runs AS r
          WHERE r.publication_id = (SELECT max(publication_id) FROM almanac.published))
        """)
    }
    if let company { conditions.append("company_id = \(quoteLiteral(company))") }
    let filter = conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND ")
    return "(SELECT * FROM \(subject.schema).\(table)\(filter)) AS exported"
  }
}

extension ColumnType {
  /// The type for a column of a table; nil for one that no file can hold.
  fileprivate init?(exporting column: ResultField) {
    switch column.wireType {
    case .bool: self = .bool
    case .int16: self = .int16
    case .int32: self = .int32
    case .int64, .uint32: self = .int64
    case .float32: self = .float32
    case .float64: self = .float64
    case .text, .json, .jsonb: self = .text
    case .uuid: self = .uuid
    case .uuidArray: self = .uuidList
    case .date: self = .date
    case .timestamp: self = .timestamp
    case .bytea: self = .bytes
    case .numeric:
      // As PostgreSQL writes it: numeric(28,4).
      let scale = column.typeName.split(separator: ",").last?.prefix { $0.isNumber }
      guard let scale = scale.flatMap({ Int($0) }) else { return nil }
      self = .decimal(scale: scale)
    case nil: return nil
    }
  }
}
