extension FileFooter {
  /// Reads a footer.
  init(_ reader: inout CompactReader) throws(DecodingFault) {
    var last = 0
    var hasSchema = false
    while let field = try reader.field(after: &last) {
      switch field.id {
      case 1: version = try reader.int32(field)
      case 2:
        hasSchema = true
        for _ in 0..<(try reader.list(field, of: .structure)) {
          schema.append(try SchemaElement(&reader))
        }
      case 3: rowCount = try reader.count(field)
      case 4:
        for _ in 0..<(try reader.list(field, of: .structure)) {
          rowGroups.append(try RowGroupRecord(&reader))
        }
      case 5:
        for _ in 0..<(try reader.list(field, of: .structure)) {
          keyValues.append(try KeyValue(&reader))
        }
      case 6: createdBy = try reader.string(field)
      default: try reader.skip(field)
      }
    }
    guard hasSchema else { throw .corrupt("the footer has no schema") }
  }
}

extension FileFooter.KeyValue {
  /// Reads one pair; a missing value is empty.
  init(_ reader: inout CompactReader) throws(DecodingFault) {
    key = ""
    value = ""
    var last = 0
    while let field = try reader.field(after: &last) {
      switch field.id {
      case 1: key = try reader.string(field)
      case 2: value = try reader.string(field)
      default: try reader.skip(field)
      }
    }
  }
}

extension SchemaElement {
  /// Reads one node of the schema.
  init(_ reader: inout CompactReader) throws(DecodingFault) {
    var last = 0
    while let field = try reader.field(after: &last) {
      switch field.id {
      case 1:
        let number = try reader.int32(field)
        guard let type = PhysicalType(rawValue: number) else {
          throw .unsupported("physical type \(number)")
        }
        physicalType = type
      case 2: typeLength = try reader.int32(field)
      case 3:
        let number = try reader.int32(field)
        guard let value = Repetition(rawValue: number) else {
          throw .corrupt("repetition \(number)")
        }
        repetition = value
      case 4: name = try reader.string(field)
      case 5: childCount = try reader.int32(field)
      case 6: convertedType = try reader.int32(field)
      case 7: scale = try reader.int32(field)
      case 8: precision = try reader.int32(field)
      case 10:
        try reader.expectStructure(field)
        logicalType = try LogicalType(&reader)
      default: try reader.skip(field)
      }
    }
  }
}

extension LogicalType {
  /// Reads a member of the union.
  init(_ reader: inout CompactReader) throws(DecodingFault) {
    var result: LogicalType?
    var last = 0
    while let field = try reader.field(after: &last) {
      switch field.id {
      case 5:
        try reader.expectStructure(field)
        let (scale, precision) = try LogicalType.pair(&reader)
        result = .decimal(scale: scale, precision: precision)
      case 8:
        try reader.expectStructure(field)
        result = try LogicalType.timestamp(&reader)
      case 10:
        try reader.expectStructure(field)
        result = try LogicalType.integer(&reader)
      default:
        try reader.skip(field)
        switch field.id {
        case 1: result = .string
        case 3: result = .list
        case 4: result = .enumeration
        case 6: result = .date
        case 12: result = .json
        case 14: result = .uuid
        default: result = .other(field.id)
        }
      }
    }
    guard let result else { throw .corrupt("an empty logical type") }
    self = result
  }

  private static func pair(
    _ reader: inout CompactReader
  ) throws(DecodingFault) -> (Int32, Int32) {
    var first: Int32 = 0
    var second: Int32 = 0
    var last = 0
    while let field = try reader.field(after: &last) {
      switch field.id {
      case 1: first = try reader.int32(field)
      case 2: second = try reader.int32(field)
      default: try reader.skip(field)
      }
    }
    return (first, second)
  }

  private static func timestamp(
    _ reader: inout CompactReader
  ) throws(DecodingFault) -> LogicalType {
    var isAdjustedToUTC = false
    var unit: TimeUnit?
    var last = 0
    while let field = try reader.field(after: &last) {
      switch field.id {
      case 1: isAdjustedToUTC = try reader.bool(field)
      case 2:
        try reader.expectStructure(field)
        var lastMember = 0
        while let member = try reader.field(after: &lastMember) {
          unit = TimeUnit(rawValue: member.id)
          try reader.skip(member)
        }
      default: try reader.skip(field)
      }
    }
    guard let unit else { throw .unsupported("a timestamp of an unknown unit") }
    return .timestamp(isAdjustedToUTC: isAdjustedToUTC, unit: unit)
  }

  private static func integer(
    _ reader: inout CompactReader
  ) throws(DecodingFault) -> LogicalType {
    var bitWidth: Int8 = 0
    var isSigned = true
    var last = 0
    while let field = try reader.field(after: &last) {
      switch field.id {
      case 1: bitWidth = Int8(clamping: try reader.integer(field))
      case 2: isSigned = try reader.bool(field)
      default: try reader.skip(field)
      }
    }
    return .integer(bitWidth: bitWidth, isSigned: isSigned)
  }
}

extension RowGroupRecord {
  /// Reads a row group.
  init(_ reader: inout CompactReader) throws(DecodingFault) {
    var last = 0
    while let field = try reader.field(after: &last) {
      switch field.id {
      case 1:
        for _ in 0..<(try reader.list(field, of: .structure)) {
          columns.append(try ColumnChunkRecord(chunk: &reader))
        }
      case 2: byteSize = try reader.count(field)
      case 3: rowCount = try reader.count(field)
      default: try reader.skip(field)
      }
    }
  }
}

extension ColumnChunkRecord {
  /// Reads the outer structure of a column in a row group.
  init(chunk reader: inout CompactReader) throws(DecodingFault) {
    var record: ColumnChunkRecord?
    var last = 0
    while let field = try reader.field(after: &last) {
      switch field.id {
      case 1: throw .unsupported("columns in other files")
      case 3:
        try reader.expectStructure(field)
        record = try ColumnChunkRecord(metadata: &reader)
      case 8, 9: throw .unsupported("encryption")
      default: try reader.skip(field)
      }
    }
    guard let record else { throw .corrupt("a column without metadata") }
    self = record
  }

  private init(metadata reader: inout CompactReader) throws(DecodingFault) {
    var last = 0
    while let field = try reader.field(after: &last) {
      switch field.id {
      case 1:
        let number = try reader.int32(field)
        guard let type = PhysicalType(rawValue: number) else {
          throw .unsupported("physical type \(number)")
        }
        physicalType = type
      case 3:
        for _ in 0..<(try reader.list(field, of: .binary)) {
          path.append(String(decoding: try reader.binary(), as: UTF8.self))
        }
      case 4:
        let number = try reader.int32(field)
        guard let value = PageCodec(rawValue: number) else {
          throw .unsupported("compression \(number)")
        }
        codec = value
      case 5: valueCount = try reader.count(field)
      case 6: uncompressedSize = try reader.count(field)
      case 7: compressedSize = try reader.count(field)
      case 9: dataPageOffset = try reader.count(field)
      case 11: dictionaryPageOffset = try reader.count(field)
      case 12:
        try reader.expectStructure(field)
        statistics = try StatisticsRecord(&reader)
      default: try reader.skip(field)
      }
    }
  }
}

extension StatisticsRecord {
  /// Reads bounds; the older fields 1 and 2, of unclear order, are passed over.
  init(_ reader: inout CompactReader) throws(DecodingFault) {
    var last = 0
    while let field = try reader.field(after: &last) {
      switch field.id {
      case 3: nullCount = try reader.count(field)
      case 5: maximum = try reader.binary(field)
      case 6: minimum = try reader.binary(field)
      default: try reader.skip(field)
      }
    }
  }
}
