import AlmanacCore
import Codecs
import Columns
import Postgres

/// How one dataset is read: the query, the types on the wire and what becomes of them.
struct DatasetPlan: Sendable {
  let definition: DatasetDefinition
  /// The table or view that `LOCK` takes; `nil` for a query, a materialized view or a foreign table.
  let lockableTable: QualifiedName?
  let tableOID: String?
  /// About how many rows there are; `nil` where the server has no estimate.
  let expectedRows: Int?
  /// The query to copy out.
  let query: String
  /// The columns as they come over the wire.
  let wireFields: [Field]
  /// The columns as they are stored.
  let fields: [Field]

  /// Resolves a dataset's definition against the source.
  ///
  /// - Throws: ``PipelineError`` naming the table or column that is missing or of a type that
  ///   cannot be read as declared; what the server reports otherwise.
  init(_ definition: DatasetDefinition, on connection: Connection) throws {
    self.definition = definition
    let relation: String
    var known: [String]?
    switch definition.source {
    case .table(let schema, let name):
      let table = QualifiedName(schema: schema, name: name)
      let rows = try connection.query(
        """
        SELECT oid, relkind IN ('r', 'p', 'v') AS lockable, relkind IN ('v', 'm', 'f') AS derived,
          CASE WHEN reltuples > 0 AND relkind <> 'v' THEN reltuples::int8 END AS expected
        FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass($1)
        """, [table.quoted])
      guard rows.count == 1, let oid = rows[0, "oid"] else {
        throw PipelineError.missingTable(dataset: definition.name, table: "\(schema).\(name)")
      }
      guard definition.mode != .append || rows[0, "derived"] != "t" else {
        throw PipelineError.noWatermark(dataset: definition.name, table: "\(schema).\(name)")
      }
      expectedRows = rows[0, "expected"].flatMap { Int($0) }
      let columns = try connection.query(
        """
        SELECT attname FROM pg_catalog.pg_attribute
        WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum
        """, [oid])
      known = (0..<columns.count).compactMap { columns[$0, "attname"] }
      lockableTable = rows[0, "lockable"] == "t" ? table : nil
      tableOID = oid
      relation = table.quoted
    case .query:
      lockableTable = nil
      tableOID = nil
      expectedRows = nil
      relation = definition.sqlSource
    }
    let displayed = definition.displayedSource
    var expressions: [String] = []
    for column in definition.allColumns {
      if column.expression == nil, let known, !known.contains(column.name) {
        throw PipelineError.missingColumn(
          dataset: definition.name, table: displayed, column: column.name,
          suggestion: Suggestion.didYouMean(column.name, among: known))
      }
      expressions.append(column.sql)
    }
    fields = definition.fields
    let described = try connection.describe(
      "SELECT \(expressions.joined(separator: ", ")) FROM \(relation)",
      source: definition.sourceInFull)
    var wireFields: [Field] = []
    for (index, field) in fields.enumerated() {
      guard let reading = ColumnReading(described[index], as: field.type) else {
        throw PipelineError.wrongType(
          dataset: definition.name, table: displayed, column: field.name,
          found: described[index].typeName, expected: field.type.declaredName)
      }
      if let cast = reading.cast { expressions[index] += "::\(cast)" }
      wireFields.append(Field(field.name, reading.type, isNullable: field.isNullable))
    }
    self.wireFields = wireFields
    let list = zip(expressions, fields).map { "\($0) AS \(quoteIdentifier($1.name))" }
    query = "SELECT \(list.joined(separator: ", ")) FROM \(relation)"
  }

  /// Copies the rows out and writes them as parts.
  func extract(
    on connection: Connection, to writer: PartWriter, progress: ProgressSink = .silent
  ) throws -> DatasetExtraction {
    var partitioner = DayPartitioner(
      dataset: definition.name, time: definition.timeColumn,
      order: [definition.timeColumn].compactMap { $0 } + definition.key, writer: writer)
    var lifting = LiftedColumns(wireFields: wireFields, fields: fields, key: definition.key)
    let rows = try connection.copyOut(
      query, fields: wireFields, source: definition.sourceInFull, key: definition.key
    ) { batch in
      try partitioner.add(try lifting.parse(batch, dataset: definition.name))
      progress.report(dataset: definition.name, rows: batch.rowCount, bytes: batch.valueBytes)
    }
    var extraction = DatasetExtraction(rows: rows, parts: try partitioner.finish())
    extraction.findings.lifted = lifting.lifted
    extraction.notices = lifting.notices(
      dataset: definition.name, roundedOnWire: connection.lastCopyCounters.roundedValues)
    return extraction
  }
}

/// What reading one dataset gave.
struct DatasetExtraction: Sendable {
  var rows: Int
  var parts: [Manifest.Part]
  var notices: [String] = []
  var findings = DatasetFindings()
}

extension Batch {
  /// About the size of the values on the wire: without lengths, and dictionaries written out.
  fileprivate var valueBytes: Int {
    columns.reduce(0) { sum, column in
      switch column.storage {
      case .bool: sum + rowCount
      case .int32, .float32: sum + 4 * rowCount
      case .int64, .float64: sum + 8 * rowCount
      case .int128, .uuid: sum + 16 * rowCount
      case .text(let storage):
        sum + (storage.entryCount == 0
          ? 0 : storage.bytes.count * rowCount / storage.entryCount)
      }
    }
  }
}

/// How a column of the source is read as its declared type.
struct ColumnReading {
  /// The type on the wire.
  var type: ColumnType
  /// The type to cast to in SQL, if the server's own does not fit.
  var cast: String?
  /// Whether text arrives that is parsed here.
  var isParsed = false

  /// The way to read a column of the source as `target`, or `nil` if there is no lossless one.
  ///
  /// A `timestamp` without zone is no instant, and binary floating point is no exact decimal: both
  /// need a cast by somebody who knows what they mean.
  init?(_ source: ResultField, as target: ColumnType) {
    let timestampWithoutZone: UInt32 = 1114
    guard let wire = source.wireType, source.typeOID != timestampWithoutZone else { return nil }
    switch (target, wire) {
    case (.text, .text), (.json, .json), (.json, .jsonb), (.uuid, .uuid), (.bool, .bool),
      (.date, .date), (.timestamp, .timestamp), (.bytes, .bytea), (.decimal, .numeric),
      (.int64, .int64), (.int32, .int32), (.int16, .int16), (.float64, .float64),
      (.float32, .float32):
      self.init(target)
    case (.int64, .int32), (.int64, .int16), (.int64, .uint32):
      self.init(target, cast: "pg_catalog.int8")
    case (.int32, .int16): self.init(target, cast: "pg_catalog.int4")
    case (.float64, .float32): self.init(target, cast: "pg_catalog.float8")
    case (.decimal, .int16), (.decimal, .int32), (.decimal, .int64):
      self.init(target, cast: "pg_catalog.numeric")
    case (.decimal, .text), (.int64, .text), (.uuid, .text), (.timestamp, .text), (.date, .text),
      (.bool, .text), (.float64, .text):
      self.init(.text)
      isParsed = true
    default: return nil
    }
  }

  private init(_ type: ColumnType, cast: String? = nil) {
    self.type = type
    self.cast = cast
  }
}

extension DatasetDefinition {
  /// The table as `schema.name`, or words for a query, for messages.
  var displayedSource: String {
    switch source {
    case .table(let schema, let name): "\(schema).\(name)"
    case .query: "the query of dataset \(name)"
    }
  }

  /// The source with the dataset's name or file, for messages of the server.
  var sourceInFull: String {
    switch source {
    case .table: "\(displayedSource) (dataset \(name))"
    case .query: "\(displayedSource) (datasets/\(name).yaml)"
    }
  }

  /// The digest of the definition.
  var digest: String { SHA256.hexadecimalDigest(of: canonicalText) }
}

extension ColumnType {
  /// The type as a dataset file declares it.
  var declaredName: String {
    switch self {
    case .bool: "bool"
    case .int16: "smallint"
    case .int32, .int64: "int"
    case .float32, .float64: "float"
    case .decimal(let scale): scale == Money.decimals ? "money" : "decimal(\(scale))"
    case .text: "text"
    case .json: "json"
    case .bytes: "bytes"
    case .uuid: "uuid"
    case .date: "date"
    case .timestamp: "timestamp"
    }
  }
}
