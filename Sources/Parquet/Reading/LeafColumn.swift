import Columns

/// A column of a file's schema that holds values.
struct LeafColumn {
  /// The names from the root to the column.
  let path: [String]
  /// The column's own node.
  let element: SchemaElement
  /// The nodes between the root and the column, outermost first.
  let parents: [SchemaElement]

  /// The name; that of the list where the column holds the elements of lists, else the parts of a
  /// nested column's path joined by dots.
  var name: String { isList ? path[0] : path.joined(separator: ".") }
  /// Whether a row's value may be missing.
  var isNullable: Bool { (parents.first ?? element).repetition == .optional }

  /// Whether the column holds the elements of lists, written as the format recommends: a list, in it
  /// a repeated group, in it the element.
  var isList: Bool {
    guard parents.count == 2, element.repetition != .repeated, parents[0].repetition != .repeated,
      parents[1].repetition == .repeated, parents[0].childCount == 1, parents[1].childCount == 1
    else { return false }
    return parents[0].logicalType == .list
      || parents[0].logicalType == nil && parents[0].convertedType == ConvertedType.list
  }

  /// The definition level of an element of a list.
  var elementLevel: UInt32 {
    1 + (isNullable ? 1 : 0) + (element.repetition == .optional ? 1 : 0)
  }

  /// The leaves of a schema tree, depth first, as row groups list them.
  static func leaves(of schema: [SchemaElement]) throws(DecodingFault) -> [LeafColumn] {
    var leaves: [LeafColumn] = []
    var position = 1
    guard let root = schema.first else { throw .corrupt("the schema is empty") }
    try visit(schema, &position, root, parents: [], path: [], &leaves)
    guard position == schema.count else { throw .corrupt("the schema has nodes left over") }
    return leaves
  }

  private static func visit(
    _ schema: [SchemaElement], _ position: inout Int, _ parent: SchemaElement,
    parents: [SchemaElement], path: [String], _ leaves: inout [LeafColumn]
  ) throws(DecodingFault) {
    guard path.count < 32 else { throw .unsupported("columns nested more than 32 deep") }
    for _ in 0..<max(0, parent.childCount ?? 0) {
      guard position < schema.count else { throw .corrupt("the schema lacks nodes") }
      let element = schema[position]
      position += 1
      let elementPath = path + [element.name]
      if element.physicalType == nil {
        try visit(
          schema, &position, element, parents: parents + [element], path: elementPath, &leaves)
      } else {
        leaves.append(LeafColumn(path: elementPath, element: element, parents: parents))
      }
    }
  }

  /// How the column's values become those of a batch.
  func conversion() throws(DecodingFault) -> ValueConversion {
    if isList, case .uuid = element.logicalType, element.physicalType == .fixedLengthByteArray {
      guard element.typeLength == 16 else { throw .corrupt("a UUID of another length than 16") }
      return .uuidList
    }
    guard path.count == 1, element.repetition != .repeated else {
      throw .unsupported(
        isList ? "lists of other values than identifiers" : "nested values")
    }
    switch element.physicalType {
    case .boolean: return .bool
    case .int32: return try int32Conversion()
    case .int64: return try int64Conversion()
    case .float: return .float32
    case .double: return .float64
    case .byteArray: return try byteArrayConversion()
    case .fixedLengthByteArray: return try fixedLengthConversion()
    case .int96: throw .unsupported("the physical type INT96")
    case nil: throw .corrupt("a column without a physical type")
    }
  }

  /// The column's field in a batch.
  func field() throws(DecodingFault) -> Field {
    Field(name, try conversion().columnType, isNullable: isNullable)
  }

  private func int32Conversion() throws(DecodingFault) -> ValueConversion {
    switch (element.logicalType, element.convertedType) {
    case (.date, _), (nil, ConvertedType.date): return .date
    case (.decimal, _), (nil, ConvertedType.decimal): return .decimal32(scale: try decimalScale())
    case (.integer(let width, let isSigned), _):
      if isSigned { return width <= 16 ? .int16 : .int32 }
      return width <= 16 ? .int32 : .unsigned32
    case (nil, ConvertedType.signed8), (nil, ConvertedType.signed16): return .int16
    case (nil, ConvertedType.unsigned32): return .unsigned32
    case (nil, nil), (nil, ConvertedType.signed32), (nil, ConvertedType.unsigned8),
      (nil, ConvertedType.unsigned16):
      return .int32
    default: throw .unsupported(meaning)
    }
  }

  private func int64Conversion() throws(DecodingFault) -> ValueConversion {
    switch (element.logicalType, element.convertedType) {
    case (.timestamp(_, let unit), _): return .timestamp(unit)
    case (nil, ConvertedType.timestampMilliseconds): return .timestamp(.milliseconds)
    case (nil, ConvertedType.timestampMicroseconds): return .timestamp(.microseconds)
    case (.decimal, _), (nil, ConvertedType.decimal): return .decimal64(scale: try decimalScale())
    case (.integer(_, let isSigned), _): return isSigned ? .int64 : .unsigned64
    case (nil, ConvertedType.unsigned64): return .unsigned64
    case (nil, nil), (nil, ConvertedType.signed64): return .int64
    default: throw .unsupported(meaning)
    }
  }

  private func byteArrayConversion() throws(DecodingFault) -> ValueConversion {
    switch (element.logicalType, element.convertedType) {
    case (.string, _), (.enumeration, _), (nil, ConvertedType.utf8),
      (nil, ConvertedType.enumeration):
      return .text(length: nil)
    case (.json, _), (nil, ConvertedType.json): return .json
    case (.decimal, _), (nil, ConvertedType.decimal):
      return .decimalBytes(length: nil, scale: try decimalScale())
    case (nil, nil), (nil, ConvertedType.bson): return .bytes(length: nil)
    default: throw .unsupported(meaning)
    }
  }

  private func fixedLengthConversion() throws(DecodingFault) -> ValueConversion {
    guard let length = element.typeLength.map({ Int($0) }), length > 0, length <= 1 << 20 else {
      throw .corrupt("a fixed length of \(element.typeLength ?? 0) bytes")
    }
    switch (element.logicalType, element.convertedType) {
    case (.uuid, _):
      guard length == 16 else { throw .corrupt("a UUID of \(length) bytes") }
      return .uuid
    case (.decimal, _), (nil, ConvertedType.decimal):
      guard length <= 16 else { throw .unsupported("decimals of more than 38 digits") }
      return .decimalBytes(length: length, scale: try decimalScale())
    case (.string, _): return .text(length: length)
    case (nil, nil): return .bytes(length: length)
    default: throw .unsupported(meaning)
    }
  }

  private func decimalScale() throws(DecodingFault) -> Int {
    var scale = element.scale ?? 0
    if case .decimal(let logicalScale, _) = element.logicalType { scale = logicalScale }
    guard scale >= 0, scale <= 38 else { throw .unsupported("decimals of scale \(scale)") }
    return Int(scale)
  }

  /// The meaning given to the values, in words for an error.
  private var meaning: String {
    if let logicalType = element.logicalType {
      if case .other(let member) = logicalType {
        let names = [2: "MAP", 3: "LIST", 7: "TIME", 11: "UNKNOWN", 13: "BSON", 15: "FLOAT16"]
        return "the logical type \(names[member] ?? "\(member)")"
      }
      return "a logical type that does not fit its physical type"
    }
    switch element.convertedType {
    case ConvertedType.timeMilliseconds, ConvertedType.timeMicroseconds:
      return "the converted type TIME"
    case ConvertedType.interval: return "the converted type INTERVAL"
    default: return "the converted type \(element.convertedType ?? -1)"
    }
  }
}

/// How the stored values of a column become those of a batch.
enum ValueConversion: Hashable {
  case bool
  case int16
  case int32
  case unsigned32
  case date
  case decimal32(scale: Int)
  case int64
  case unsigned64
  case timestamp(TimeUnit)
  case decimal64(scale: Int)
  case decimalBytes(length: Int?, scale: Int)
  case float32
  case float64
  case text(length: Int?)
  case json
  case bytes(length: Int?)
  case uuid
  case uuidList

  /// The type of the column in a batch.
  var columnType: ColumnType {
    switch self {
    case .bool: .bool
    case .int16: .int16
    case .int32: .int32
    case .date: .date
    case .unsigned32, .int64, .unsigned64: .int64
    case .timestamp: .timestamp
    case .decimal32(let scale), .decimal64(let scale), .decimalBytes(_, let scale):
      .decimal(scale: scale)
    case .float32: .float32
    case .float64: .float64
    case .text: .text
    case .json: .json
    case .bytes: .bytes
    case .uuid: .uuid
    case .uuidList: .uuidList
    }
  }

  /// The bytes that a row takes in memory at least.
  var rowSize: Int {
    switch self {
    case .bool: 1
    case .int16, .int32, .date, .float32, .text, .json, .bytes, .uuid: 4
    case .unsigned32, .decimal32, .int64, .unsigned64, .timestamp, .decimal64, .float64: 8
    // An offset for each row, and for each value a code.
    case .uuidList: 12
    case .decimalBytes: 16
    }
  }
}
