import AlmanacCore
import Columns

/// Collects the rows of a table of the contract, value by value in the order of its columns.
struct RowBuilder {
  let fields: [Field]
  private var columns: [ColumnBuilder]
  private var next = 0

  /// A builder without rows.
  init(_ fields: [Field]) {
    self.fields = fields
    columns = fields.map { ColumnBuilder($0) }
  }

  private mutating func place() -> Int {
    defer { next = next + 1 == columns.count ? 0 : next + 1 }
    return next
  }

  /// Adds an identifier.
  mutating func add(_ value: UUIDValue?) {
    let column = place()
    if let value { columns[column].append(value) } else { columns[column].appendNull() }
  }

  /// Adds a text.
  mutating func add(_ value: String?) {
    let column = place()
    if let value { columns[column].append(value) } else { columns[column].appendNull() }
  }

  /// Adds a whole number, an amount in ten-thousandths, or an instant in microseconds.
  mutating func add(_ value: Int64?) {
    let column = place()
    if let value { columns[column].append(value) } else { columns[column].appendNull() }
  }

  /// Adds a whole number.
  mutating func add(count value: Int?) { add(value.map { Int64($0) }) }

  /// Adds a wide whole number.
  mutating func add(wide value: Int128) { columns[place()].append(integer: value) }

  /// Adds a number.
  mutating func add(_ value: Double?) {
    let column = place()
    if let value { columns[column].append(value) } else { columns[column].appendNull() }
  }

  /// Adds a truth value.
  mutating func add(_ value: Bool) { columns[place()].append(value) }

  /// The rows; the builder is used up.
  consuming func finish() -> Batch {
    precondition(next == 0, "a row with \(next) values of \(columns.count)")
    return Batch(columns.map { $0.finish() })
  }
}
