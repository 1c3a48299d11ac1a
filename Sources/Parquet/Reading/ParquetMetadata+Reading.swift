import AlmanacCore
import Columns

extension ParquetMetadata {
  /// What a footer tells.
  init(_ reader: FooterReader) {
    let footer = reader.footer
    var conversions: [ValueConversion?] = []
    var columns: [ColumnDescription] = []
    for leaf in reader.leaves {
      do throws(DecodingFault) {
        conversions.append(try leaf.conversion())
        columns.append(ColumnDescription(name: leaf.name, field: try leaf.field()))
      } catch {
        conversions.append(nil)
        let obstacle: String
        switch error {
        case .corrupt(let reason), .unrepresentable(let reason): obstacle = reason
        case .unsupported(let feature): obstacle = "\(feature) is not supported"
        case .tooLarge: obstacle = "it is too large"
        }
        columns.append(ColumnDescription(name: leaf.name, obstacle: obstacle))
      }
    }
    self.init(
      rowCount: footer.rowCount, columns: columns,
      rowGroups: footer.rowGroups.map { group in
        RowGroup(
          rowCount: group.rowCount,
          columns: zip(group.columns, conversions).map { ColumnChunk($0, $1) })
      },
      keyValues: footer.keyValues.map { .init(key: $0.key, value: $0.value) },
      createdBy: footer.createdBy)
  }
}

extension ParquetMetadata.ColumnChunk {
  /// What is known of a column's values of the given kind.
  fileprivate init(_ record: ColumnChunkRecord, _ conversion: ValueConversion?) {
    let statistics = record.statistics
    self.init(
      // Of lists, writers count those that are empty as well.
      nullCount: conversion == .uuidList ? nil : statistics.nullCount,
      minimum: statistics.minimum.flatMap { conversion?.value($0) },
      maximum: statistics.maximum.flatMap { conversion?.value($0) },
      compressedSize: record.compressedSize, uncompressedSize: record.uncompressedSize,
      dictionarySize: record.dictionarySize)
  }
}

extension ValueConversion {
  /// The value of a bound in the PLAIN encoding, `nil` if it has the wrong length or no equal here.
  fileprivate func value(_ bytes: [UInt8]) -> ColumnValue? {
    func number(_ size: Int) -> UInt64? {
      bytes.count == size ? bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } : nil
    }
    let number32 = number(4).map { Int32(truncatingIfNeeded: $0) }
    let number64 = number(8).map { Int64(bitPattern: $0) }
    switch self {
    case .bool: return bytes.count == 1 ? .bool(bytes[0] != 0) : nil
    case .int16, .int32, .decimal32: return number32.map { .integer(Int128($0)) }
    case .unsigned32: return number(4).map { .integer(Int128($0)) }
    case .date: return number32.map { .date(CalendarDate(daysSinceEpoch: $0)) }
    case .int64, .decimal64: return number64.map { .integer(Int128($0)) }
    case .unsigned64: return number(8).map { .integer(Int128($0)) }
    case .timestamp(.microseconds):
      return number64.map { .timestamp(Timestamp(microseconds: $0)) }
    case .timestamp: return nil
    case .decimalBytes:
      guard bytes.count <= 16, let first = bytes.first else { return nil }
      return .integer(bytes.reduce(first >= 128 ? -1 : 0) { $0 << 8 | Int128($1) })
    case .float32: return number(4).map { .float(Double(Float(bitPattern: UInt32($0)))) }
    case .float64: return number(8).map { .float(Double(bitPattern: $0)) }
    case .text, .json, .bytes: return .bytes(bytes)
    case .uuid, .uuidList:
      guard bytes.count == 16 else { return nil }
      let halves = [bytes[..<8], bytes[8...]].map { $0.reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
      return .uuid(UUIDValue(high: halves[0], low: halves[1]))
    }
  }
}
