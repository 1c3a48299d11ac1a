import Columns

/// How a column is described and laid out in a file.
struct ColumnPlan {
  let field: Field
  /// The column's nodes of the schema, the outermost first.
  let elements: [SchemaElement]
  /// Whether decimals are written in 16 bytes.
  let isWide: Bool

  /// Whether the column may have nulls.
  var isOptional: Bool { field.isNullable }

  /// Whether rows hold lists.
  var isList: Bool { field.type == .uuidList }

  /// The names from the column to the node that holds values.
  var path: [String] { elements.map(\.name) }

  /// How values are laid out.
  var physicalType: PhysicalType { elements.last?.physicalType ?? .boolean }

  /// The plan of a column that suits all values of a batch.
  init(_ column: Column) {
    var field = column.field
    field.isNullable = field.isNullable || column.nullCount > 0
    self.init(field, isWide: ColumnPlan.needsMoreThan18Digits(column))
  }

  /// The plan of a field, decimals in 16 bytes where that is asked for or the scale needs it.
  init(_ field: Field, isWide wantsWide: Bool) {
    self.field = field
    var element = SchemaElement(name: field.name)
    element.repetition = field.isNullable ? .optional : .required
    var isWide = false
    var inner: [SchemaElement] = []
    switch field.type {
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
      precondition(scale >= 0 && scale <= 38, "\(field.name): a scale of \(scale)")
      isWide = wantsWide || scale > 18
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
    case .uuidList:
      element.childCount = 1
      element.convertedType = ConvertedType.list
      element.logicalType = .list
      inner = ColumnPlan.identifierList
    case .date:
      element.physicalType = .int32
      element.convertedType = ConvertedType.date
      element.logicalType = .date
    case .timestamp:
      element.physicalType = .int64
      element.convertedType = ConvertedType.timestampMicroseconds
      element.logicalType = .timestamp(isAdjustedToUTC: true, unit: .microseconds)
    }
    elements = [element] + inner
    self.isWide = isWide
  }

  /// The nodes below a list: each list repeats its elements, which are never null.
  private static let identifierList: [SchemaElement] = {
    var list = SchemaElement(name: "list")
    list.repetition = .repeated
    list.childCount = 1
    var element = SchemaElement(name: "element")
    element.physicalType = .fixedLengthByteArray
    element.typeLength = 16
    element.repetition = .required
    element.logicalType = .uuid
    return [list, element]
  }()

  /// Whether a decimal of a column has more digits than the format allows in 64 bits.
  static func needsMoreThan18Digits(_ column: Column) -> Bool {
    guard case .decimal = column.field.type else { return false }
    let limit: Int64 = 1_000_000_000_000_000_000
    switch column.storage {
    case .int64(let values):
      guard let (least, greatest) = leastAndGreatest(values[...]) else { return false }
      return least <= -limit || greatest >= limit
    case .int128(let values):
      return values.contains { $0 <= -Int128(limit) || $0 >= Int128(limit) }
    default: return false
    }
  }
}
