import Columns

/// How a column of a batch is described and laid out in a file.
struct ColumnPlan {
  let column: Column
  /// The column's node of the schema.
  let element: SchemaElement
  /// Whether decimals are written in 16 bytes.
  let isWide: Bool

  init(_ column: Column) {
    self.column = column
    var element = SchemaElement(name: column.field.name)
    element.repetition = column.field.isNullable || column.nullCount > 0 ? .optional : .required
    var isWide = false
    switch column.field.type {
    case .bool: element.physicalType = .boolean
    case .int16:
      element.physicalType = .int32
      element.convertedType = ConvertedType.signed16
      element.logicalType = .integer(bitWidth: 16, isSigned: true)
    case .int32: element.physicalType = .int32
    case .int64: element.physicalType = .int64
    case .float32: element.physicalType = .float
    case .float64: element.physicalType = .double
    case .decimal(let scale):
      precondition(scale >= 0 && scale <= 38, "\(column.field.name): a scale of \(scale)")
      isWide = scale > 18 || ColumnPlan.needsMoreThan18Digits(column.storage)
      element.physicalType = isWide ? .fixedLengthByteArray : .int64
      element.typeLength = isWide ? 16 : nil
      element.convertedType = ConvertedType.decimal
      element.scale = Int32(scale)
      element.precision = isWide ? 38 : 18
      element.logicalType = .decimal(scale: Int32(scale), precision: isWide ? 38 : 18)
    case .text:
      element.physicalType = .byteArray
      element.convertedType = ConvertedType.utf8
      element.logicalType = .string
    case .json:
      element.physicalType = .byteArray
      element.convertedType = ConvertedType.json
      element.logicalType = .json
    case .bytes: element.physicalType = .byteArray
    case .uuid:
      element.physicalType = .fixedLengthByteArray
      element.typeLength = 16
      element.logicalType = .uuid
    case .uuidList: preconditionFailure("\(column.field.name): lists cannot be written")
    case .date:
      element.physicalType = .int32
      element.convertedType = ConvertedType.date
      element.logicalType = .date
    case .timestamp:
      element.physicalType = .int64
      element.convertedType = ConvertedType.timestampMicroseconds
      element.logicalType = .timestamp(isAdjustedToUTC: true, unit: .microseconds)
    }
    self.element = element
    self.isWide = isWide
  }

  /// Whether a value has more digits than the format allows in 64 bits.
  private static func needsMoreThan18Digits(_ storage: ColumnStorage) -> Bool {
    guard case .int64(let values) = storage else { return true }
    let limit: Int64 = 1_000_000_000_000_000_000
    return values.contains { $0 <= -limit || $0 >= limit }
  }
}

/// The rows of a range that hold a value.
struct PresentRows {
  /// All rows of the range.
  let rows: Range<Int>
  /// Those that hold a value, `nil` when all do.
  let indices: [Int]?

  init(of column: Column, in rows: Range<Int>) {
    self.rows = rows
    guard let validity = column.validity else {
      indices = nil
      return
    }
    let indices = rows.filter { validity[$0] }
    self.indices = indices.count == rows.count ? nil : indices
  }

  /// The number of rows that hold a value.
  var count: Int { indices?.count ?? rows.count }

  /// The values of these rows.
  func values<Value>(of all: [Value]) -> ArraySlice<Value> {
    if let indices { return indices.map { all[$0] }[...] }
    return all[rows]
  }

  /// Which of the rows with a value lie in `range`, as positions among them.
  func positions(in range: Range<Int>) -> Range<Int> {
    guard let indices else {
      return range.lowerBound - rows.lowerBound..<range.upperBound - rows.lowerBound
    }
    return PresentRows.lowerBound(
      of: range.lowerBound, in: indices)..<PresentRows.lowerBound(
        of: range.upperBound, in: indices)
  }

  /// The position of the first index that is not below `row`.
  private static func lowerBound(of row: Int, in indices: [Int]) -> Int {
    var low = 0
    var high = indices.count
    while low < high {
      let middle = (low + high) / 2
      if indices[middle] < row { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
