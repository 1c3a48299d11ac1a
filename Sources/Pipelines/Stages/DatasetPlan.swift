import AlmanacCore
import Codecs
import Columns
import Postgres

/// How one dataset is read: the queries, the types on the wire and what becomes of them.
struct DatasetPlan: Sendable {
  let definition: DatasetDefinition
  /// The table the rows come from, `nil` for a query.
  let table: SourceTable?
  /// The declared columns as they come over the wire.
  let wireFields: [Field]
  /// The declared columns as they are stored.
  let fields: [Field]
  /// What stands between `SELECT` and `FROM`, for each declared column.
  private let selectList: [String]
  /// The source as the whole of it is read.
  private let relation: String

  /// Resolves a dataset's definition against the source.
  ///
  /// - Throws: ``PipelineError`` naming the table or column that is missing or of a type that
  ///   cannot be read as declared, or a clock or key that arrives as text of which it is not, or
  ///   saying that its rows carry no transaction though the mode needs one; what the server reports
  ///   otherwise.
  init(_ definition: DatasetDefinition, on connection: Connection) throws {
    self.definition = definition
    switch definition.source {
    case .table(let schema, let name):
      let qualified = QualifiedName(schema: schema, name: name)
      guard let found = try SourceTable(qualified, on: connection) else {
        throw PipelineError.missingTable(dataset: definition.name, table: "\(schema).\(name)")
      }
      if !found.mayRead {
        throw PipelineError.unreadableTable(
          dataset: definition.name, table: "\(schema).\(name)")
      }
      if definition.readsByTransaction, let obstacle = found.obstacle {
        throw PipelineError.noTransactions(
          dataset: definition.name, table: "\(schema).\(name)", kind: obstacle,
          mode: definition.mode.rawValue)
      }
      table = found
    case .query: table = nil
    }
    relation = definition.sqlSource
    let displayed = definition.displayedSource
    var expressions: [String] = []
    for column in definition.allColumns {
      if column.expression == nil, let known = table?.columns, !known.contains(column.name) {
        throw PipelineError.missingColumn(
          dataset: definition.name, table: displayed, column: column.name,
          suggestion: Suggestion.didYouMean(column.name, among: known))
      }
      expressions.append(column.sql)
    }
    fields = definition.fields
    let selected = expressions
    let described = try definition.blamingQuery {
      try connection.describe(
        "SELECT \(selected.joined(separator: ", ")) FROM \(definition.sqlSource)",
        source: definition.sourceInFull)
    }
    var wireFields: [Field] = []
    for (index, field) in fields.enumerated() {
      guard let reading = ColumnReading(described[index], as: field.type) else {
        throw PipelineError.wrongType(
          dataset: definition.name, table: displayed, column: field.name,
          found: described[index].typeName, expected: field.type.declaredName)
      }
      if reading.isParsed, let role = definition.role(of: field.name) {
        throw PipelineError.roleAsText(
          dataset: definition.name, column: field.name, role: role,
          found: described[index].typeName,
          mend: definition.castDeclaration(of: field.name))
      }
      // A key that is held padded stays so: another text would be another row.
      let keepsPadding =
        described[index].typeOID == ColumnReading.paddedText && definition.key.contains(field.name)
      if let cast = reading.cast, !keepsPadding { expressions[index] += "::\(cast)" }
      wireFields.append(Field(field.name, reading.type, isNullable: field.isNullable))
    }
    self.wireFields = wireFields
    selectList = zip(expressions, fields).map { "\($0) AS \(quoteIdentifier($1.name))" }
  }

  /// The table that `LOCK` takes; `nil` for a query, a materialized view or a foreign table.
  var lockableTable: QualifiedName? { table.flatMap { $0.isLockable ? $0.name : nil } }

  /// The query that copies the rows of some blocks out that fulfil all conditions.
  func query(of piece: SourcePiece, where conditions: [String] = []) -> String {
    var list = selectList
    if definition.readsByTransaction {
      list.append("xmin AS \(quoteIdentifier(StoredColumn.xid))")
    }
    let conditions = piece.conditions + conditions
    return "SELECT \(list.joined(separator: ", ")) FROM \(source(of: piece))"
      + (conditions.isEmpty ? "" : " WHERE \(conditions.joined(separator: " AND "))")
  }

  /// The query that copies the keys of the rows of some blocks out.
  func keyQuery(of piece: SourcePiece) -> String {
    let list = keyIndices.map { selectList[$0] }
    let conditions = piece.conditions
    return "SELECT \(list.joined(separator: ", ")) FROM \(source(of: piece))"
      + (conditions.isEmpty ? "" : " WHERE \(conditions.joined(separator: " AND "))")
  }

  /// The fields of ``keyQuery(of:)``; no key is parsed here.
  var keyFields: [Field] { keyIndices.map { wireFields[$0] } }

  private var keyIndices: [Int] {
    definition.key.compactMap { name in fields.firstIndex { $0.name == name } }
  }

  /// The fields of ``query(of:where:)``.
  var queryFields: [Field] {
    wireFields + (definition.readsByTransaction ? [StoredColumn.xidField] : [])
  }

  /// What stands behind `FROM` for a piece: its relation alone, under the name of the table.
  func source(of piece: SourcePiece) -> String {
    guard let table, let part = piece.relation else { return relation }
    // Expressions of the dataset may name the table.
    let alias = part.oid == table.oid ? "" : " AS \(quoteIdentifier(table.name.name))"
    return "ONLY \(part.name.quoted)\(alias)"
  }
}

/// The columns that are stored beside the declared ones.
enum StoredColumn {
  /// The transaction that wrote the row, widened to 64 bits.
  static let xid = "_source_xid"
  /// Its field.
  static let xidField = Field(xid, .int64)
}

/// Some blocks of a relation, or all rows of a source.
struct SourcePiece: Hashable, Sendable {
  /// The relation; `nil` for the whole source, read by its own name.
  var relation: SourceRelation?
  /// The first block.
  var start = 0
  /// The block after the last one; `nil` for all that follow, those included that are added later.
  var end: Int?

  /// The conditions that choose the blocks.
  var conditions: [String] {
    guard relation != nil else { return [] }
    return (start > 0 ? ["ctid >= '(\(start),0)'::pg_catalog.tid"] : [])
      + (end.map { ["ctid < '(\($0),0)'::pg_catalog.tid"] } ?? [])
  }

  /// The number of blocks that there were when the catalogue was asked.
  var blocks: Int {
    guard let relation else { return .max }
    return max(0, min(end ?? .max, relation.blocks) - start)
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
    // A padded text means the same without its padding, as the server's own comparisons have it.
    case (.text, .text) where source.typeOID == ColumnReading.paddedText:
      self.init(target, cast: "pg_catalog.text")
    case (.text, .text), (.json, .json), (.json, .jsonb), (.uuid, .uuid),
      (.uuidList, .uuidArray), (.bool, .bool),
      (.date, .date), (.timestamp, .timestamp), (.bytes, .bytea), (.decimal, .numeric),
      (.int64, .int64), (.int32, .int32), (.int16, .int16), (.float64, .float64),
      (.float32, .float32):
      self.init(target)
    // There is no cast of an xid.
    case (.int64, .uint32): self.init(target)
    case (.int64, .int32), (.int64, .int16): self.init(target, cast: "pg_catalog.int8")
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

  /// `char(n)`, whose values are filled up with blanks.
  fileprivate static let paddedText: UInt32 = 1042

  private init(_ type: ColumnType, cast: String? = nil) {
    self.type = type
    self.cast = cast
  }
}

extension DatasetDefinition {
  /// What to say where the dataset is optional and its table is not there, `nil` otherwise.
  func absence(on connection: Connection) throws -> String? {
    guard isOptional, case .table(let schema, let table) = source,
      try SourceTable(QualifiedName(schema: schema, name: table), on: connection) == nil
    else { return nil }
    return "\(name): the source has no table \(displayedSource), or its schema may not be used; "
      + "what needs it is switched off"
  }

  /// Does something with the dataset's query; what the server has against it is a fault of the file.
  ///
  /// - Throws: ``PipelineError/unusableQuery(dataset:reason:)``; what `body` throws otherwise.
  func blamingQuery<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as PostgresError {
      guard case .query = source, case .server(let failure) = error,
        error.exitStatus == .internalError
      else { throw error }
      throw PipelineError.unusableQuery(dataset: name, reason: failure.message)
    }
  }

  /// The key of the dataset's file that makes a column date or identify rows, `nil` if none does.
  ///
  /// Such a column is never parsed here: a value that is malformed would become null, and its row
  /// get another day, or the key of another row (DECISIONS.md, D-141).
  fileprivate func role(of column: String) -> String? {
    switch column {
    case timeColumn: "time"
    case recordedColumn: "recorded"
    case updatedColumn: "updated"
    default: key.contains(column) ? "key" : nil
    }
  }

  /// The line of the dataset's file that has the server cast a column to its declared type.
  fileprivate func castDeclaration(of name: String) -> String {
    guard let column = self[column: name] else { return name }
    return "\(name): \(column.typeText) = \(column.sql)::\(column.type.serverName)"
  }

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

  /// Whether rows are read by the transactions that wrote them, which are stored with them.
  var readsByTransaction: Bool { mode == .append || mode == .changes }

  /// The digest of all that decides which rows there are and what they hold: not of comments, and
  /// not of checks.
  var digest: String {
    var text = "dataset 2\n\(sqlSource)\nmode \(mode.rawValue)\nkey \(key.joined(separator: ","))\n"
    text += "time \(timeColumn ?? "")\nrecorded \(recordedColumn ?? "")\n"
    text += "tenant \(tenantColumn ?? "")\n"
    for column in allColumns {
      text += "\(column.name) \(column.typeText) \(JSONText.quoted(column.sql))\n"
    }
    return SHA256.hexadecimalDigest(of: text)
  }
}

extension ColumnType {
  /// The type of the server that holds the same values, as SQL names it.
  fileprivate var serverName: String {
    switch self {
    case .bool: "boolean"
    case .int16: "smallint"
    case .int32: "integer"
    case .int64: "bigint"
    case .float32: "real"
    case .float64: "double precision"
    case .decimal: "numeric"
    case .text: "text"
    case .json: "jsonb"
    case .bytes: "bytea"
    case .uuid: "uuid"
    case .uuidList: "uuid[]"
    case .date: "date"
    case .timestamp: "timestamptz"
    }
  }

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
    case .uuidList: "uuids"
    case .date: "date"
    case .timestamp: "timestamp"
    }
  }
}
