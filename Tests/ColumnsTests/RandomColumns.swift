import AlmanacCore
import Columns

/// Every type of column.
let everyType: [ColumnType] = [
  .bool, .int16, .int32, .int64, .float32, .float64, .money, .text, .json, .bytes, .uuid, .uuidList,
  .date, .timestamp,
]

/// Random values of a type: few different ones, extremes and nulls among them.
func randomValues(
  _ type: ColumnType, count: Int, nulls: Bool, using random: inout SplitMix64
) -> [ColumnValue?] {
  (0..<count).map { _ in
    if nulls, random.next() % 4 == 0 { return nil }
    let small = Int64(random.next() % 7) - 3
    switch type {
    case .bool: return .bool(small > 0)
    case .int16: return .integer(Int128(small == 3 ? Int64(Int16.max) : small))
    case .int32: return .integer(Int128(small == 3 ? Int64(Int32.min) : small))
    case .int64: return .integer(Int128(small == 3 ? Int64.max : small == 2 ? Int64.min : small))
    case .decimal: return .integer(small == 3 ? Int128(Int64.max) * 9 : Int128(small))
    case .float32: return .float(small == 3 ? .infinity : Double(small) / 4)
    case .float64: return .float(small == 3 ? -.infinity : Double(small) / 3)
    case .text, .json, .bytes:
      return .text(
        ["", "a", "B", "longer than eight", "longer than eighty", "é", "ab"][Int(small + 3)])
    case .uuid: return .uuid(UUIDValue(high: UInt64(small + 3) / 2, low: UInt64(bitPattern: small)))
    case .uuidList:
      // Lists of which some begin as others do.
      return .uuids((0..<Int(random.next() % 4)).map { UUIDValue(high: 0, low: UInt64($0 / 2)) })
    case .date: return .date(CalendarDate(daysSinceEpoch: Int32(small)))
    case .timestamp:
      return .timestamp(Timestamp(microseconds: small == 3 ? .max : small * 1_000_000_007))
    }
  }
}

/// A column of the given values.
func column(_ name: String, _ type: ColumnType, _ values: [ColumnValue?]) -> Column {
  var builder = ColumnBuilder(Field(name, type, isNullable: true))
  for value in values { builder.append(value) }
  return builder.finish()
}

/// The same column with an entry of its own for each row, where it has a dictionary.
func plain(_ column: Column) -> Column {
  switch column.storage {
  case .uuid(let storage) where storage.codes != nil:
    let values = (0..<column.rowCount).map { column.isNull($0) ? .zero : storage.row($0) }
    return Column(column.field, .uuid(UUIDStorage(values: values)), validity: column.validity)
  case .uuidList(let lists) where lists.elements.codes != nil:
    let elements = UUIDStorage(values: (0..<lists.elements.rowCount).map(lists.elements.row))
    return Column(
      column.field, .uuidList(UUIDListStorage(elements: elements, offsets: lists.offsets)),
      validity: column.validity)
  case .text(let storage) where storage.codes != nil:
    var copy = TextStorage()
    for row in 0..<column.rowCount {
      if !column.isNull(row) { copy.bytes += storage.row(row) }
      copy.offsets.append(copy.bytes.count)
    }
    return Column(column.field, .text(copy), validity: column.validity)
  default: return column
  }
}

/// The values of a column, row by row.
func values(_ column: Column) -> [ColumnValue?] {
  (0..<column.rowCount).map { column.value($0) }
}
