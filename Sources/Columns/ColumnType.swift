/// What the values of a column mean; how they are stored follows from it.
package enum ColumnType: Hashable, Sendable {
  /// True or false.
  case bool
  /// A whole number of 16, 32 or 64 bits.
  case int16
  case int32
  case int64
  /// An IEEE 754 number of 32 or 64 bits.
  case float32
  case float64
  /// An exact decimal number, stored as whole units of `10^-scale`; money has scale 4.
  case decimal(scale: Int)
  /// Unicode text.
  case text
  /// A JSON document as text.
  case json
  /// Raw bytes.
  case bytes
  /// A universally unique identifier.
  case uuid
  /// A list of universally unique identifiers, which may be empty and has no nulls in it.
  case uuidList
  /// A calendar date.
  case date
  /// An instant in microseconds, UTC.
  case timestamp

  /// Money in ten-thousandths of the unit.
  package static let money = ColumnType.decimal(scale: 4)
}

/// The name, type and nullability of a column.
package struct Field: Hashable, Sendable {
  /// The column's name, unique within its batch.
  package var name: String
  /// What the values mean.
  package var type: ColumnType
  /// Whether a value may be missing.
  package var isNullable: Bool

  /// A field with the given parts.
  package init(_ name: String, _ type: ColumnType, isNullable: Bool = false) {
    self.name = name
    self.type = type
    self.isNullable = isNullable
  }
}
