extension FileFooter {
  /// The footer in the compact protocol.
  func encoded() -> [UInt8] {
    var writer = CompactWriter()
    writer.element { writer in
      writer.int32(1, version)
      writer.list(2, of: .structure, count: schema.count)
      for element in schema { writer.element(element.write) }
      writer.int64(3, rowCount)
      writer.list(4, of: .structure, count: rowGroups.count)
      for (ordinal, group) in rowGroups.enumerated() {
        writer.element { group.write(to: &$0, ordinal: ordinal) }
      }
      if !keyValues.isEmpty {
        writer.list(5, of: .structure, count: keyValues.count)
        for pair in keyValues {
          writer.element { writer in
            writer.string(1, pair.key)
            writer.string(2, pair.value)
          }
        }
      }
      if let createdBy { writer.string(6, createdBy) }
      // One "type-defined order" a column: without it readers must not trust the bounds.
      let leaves = schema.count { $0.physicalType != nil }
      writer.list(7, of: .structure, count: leaves)
      for _ in 0..<leaves { writer.element { $0.structure(1) { _ in } } }
    }
    return writer.bytes
  }
}

extension SchemaElement {
  /// Writes the fields of the node.
  func write(to writer: inout CompactWriter) {
    if let physicalType { writer.int32(1, physicalType.rawValue) }
    if let typeLength { writer.int32(2, typeLength) }
    if let repetition { writer.int32(3, repetition.rawValue) }
    writer.string(4, name)
    if let childCount { writer.int32(5, childCount) }
    if let convertedType { writer.int32(6, convertedType) }
    if let scale { writer.int32(7, scale) }
    if let precision { writer.int32(8, precision) }
    if let logicalType { writer.structure(10, logicalType.write) }
  }
}

extension LogicalType {
  /// Writes the member of the union.
  func write(to writer: inout CompactWriter) {
    switch self {
    case .string: writer.structure(1) { _ in }
    case .enumeration: writer.structure(4) { _ in }
    case .decimal(let scale, let precision):
      writer.structure(5) { writer in
        writer.int32(1, scale)
        writer.int32(2, precision)
      }
    case .date: writer.structure(6) { _ in }
    case .timestamp(let isAdjustedToUTC, let unit):
      writer.structure(8) { writer in
        writer.bool(1, isAdjustedToUTC)
        writer.structure(2) { $0.structure(unit.rawValue) { _ in } }
      }
    case .integer(let bitWidth, let isSigned):
      writer.structure(10) { writer in
        writer.int8(1, bitWidth)
        writer.bool(2, isSigned)
      }
    case .json: writer.structure(12) { _ in }
    case .uuid: writer.structure(14) { _ in }
    case .list: writer.structure(3) { _ in }
    case .other(let member): writer.structure(member) { _ in }
    }
  }
}

extension RowGroupRecord {
  /// Writes the fields of the row group.
  func write(to writer: inout CompactWriter, ordinal: Int) {
    writer.list(1, of: .structure, count: columns.count)
    for column in columns {
      writer.element { writer in
        writer.int64(2, 0)
        writer.structure(3, column.write)
      }
    }
    writer.int64(2, byteSize)
    writer.int64(3, rowCount)
    writer.int64(5, columns.first?.start ?? 0)
    writer.int64(6, columns.reduce(0) { $0 + $1.compressedSize })
    if ordinal <= 32767 { writer.int16(7, ordinal) }
  }
}

extension ColumnChunkRecord {
  /// Writes the fields of the column's metadata.
  func write(to writer: inout CompactWriter) {
    writer.int32(1, physicalType.rawValue)
    writer.list(2, of: .int32, count: encodings.count)
    for encoding in encodings { writer.element(encoding.rawValue) }
    writer.list(3, of: .binary, count: path.count)
    for name in path { writer.element(Array(name.utf8)) }
    writer.int32(4, codec.rawValue)
    writer.int64(5, valueCount)
    writer.int64(6, uncompressedSize)
    writer.int64(7, compressedSize)
    writer.int64(9, dataPageOffset)
    if let dictionaryPageOffset { writer.int64(11, dictionaryPageOffset) }
    writer.structure(12) { writer in
      if let nullCount = statistics.nullCount { writer.int64(3, nullCount) }
      if let maximum = statistics.maximum { writer.binary(5, maximum) }
      if let minimum = statistics.minimum { writer.binary(6, minimum) }
    }
  }
}
