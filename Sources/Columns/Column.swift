package import AlmanacCore

/// One column of a batch: a field, its values and which of them are null.
package struct Column: Hashable, Sendable {
  /// Name, type and nullability.
  package let field: Field
  /// The values.
  package let storage: ColumnStorage
  /// Which rows hold a value; `nil` when all do.
  package let validity: ValidityBitmap?

  /// A column of the given parts.
  ///
  /// A bitmap without a null is dropped. The storage must fit the field's type and the bitmap must
  /// have a bit for each row.
  package init(_ field: Field, _ storage: ColumnStorage, validity: ValidityBitmap? = nil) {
    precondition(storage.fits(field.type), "\(field.name): storage does not fit \(field.type)")
    if let validity {
      precondition(
        validity.count == storage.rowCount,
        "\(field.name): \(validity.count) bits for \(storage.rowCount) rows")
    }
    self.field = field
    self.storage = storage
    self.validity = validity?.nullCount == 0 ? nil : validity
  }

  /// The number of rows.
  package var rowCount: Int { storage.rowCount }
  /// The number of rows without a value.
  package var nullCount: Int { validity?.nullCount ?? 0 }
  /// Whether the row has no value.
  package func isNull(_ row: Int) -> Bool { validity.map { !$0[row] } ?? false }

  /// The value of a row as the widest type of its kind, `nil` for null.
  ///
  /// Meant for edges and tests; kernels switch over ``storage`` once and work on arrays.
  package func value(_ row: Int) -> ColumnValue? {
    if isNull(row) { return nil }
    switch storage {
    case .bool(let values): return .bool(values[row])
    case .int32(let values):
      return field.type == .date
        ? .date(CalendarDate(daysSinceEpoch: values[row])) : .integer(Int128(values[row]))
    case .int64(let values):
      return field.type == .timestamp
        ? .timestamp(Timestamp(microseconds: values[row])) : .integer(Int128(values[row]))
    case .int128(let values): return .integer(values[row])
    case .float32(let values): return .float(Double(values[row]))
    case .float64(let values): return .float(values[row])
    case .text(let values): return .bytes(Array(values.row(row)))
    case .uuid(let values): return .uuid(values.row(row))
    case .uuidList(let lists): return .uuids(lists.row(row))
    }
  }
}

/// A single value; whole numbers and decimals (in their column's units) are both `integer`.
package enum ColumnValue: Hashable, Sendable {
  /// True or false.
  case bool(Bool)
  /// A whole number, or the scaled units of a decimal.
  case integer(Int128)
  /// A floating-point number.
  case float(Double)
  /// Text, JSON or raw bytes.
  case bytes([UInt8])
  /// An identifier.
  case uuid(UUIDValue)
  /// A list of identifiers.
  case uuids([UUIDValue])
  /// A date.
  case date(CalendarDate)
  /// An instant.
  case timestamp(Timestamp)

  /// A text value.
  package static func text(_ text: String) -> ColumnValue { .bytes(Array(text.utf8)) }
}

extension ColumnValue: Comparable {
  /// Orders values of one kind as PostgreSQL orders them with the `C` collation; values of
  /// different kinds by kind.
  package static func < (left: ColumnValue, right: ColumnValue) -> Bool {
    switch (left, right) {
    case (.bool(let left), .bool(let right)): !left && right
    case (.integer(let left), .integer(let right)): left < right
    case (.float(let left), .float(let right)): left < right
    case (.bytes(let left), .bytes(let right)): left.lexicographicallyPrecedes(right)
    case (.uuid(let left), .uuid(let right)): left < right
    case (.uuids(let left), .uuids(let right)): left.lexicographicallyPrecedes(right)
    case (.date(let left), .date(let right)): left < right
    case (.timestamp(let left), .timestamp(let right)): left < right
    default: left.kind < right.kind
    }
  }

  private var kind: Int {
    switch self {
    case .bool: 0
    case .integer: 1
    case .float: 2
    case .bytes: 3
    case .uuid: 4
    case .date: 5
    case .timestamp: 6
    case .uuids: 7
    }
  }
}
