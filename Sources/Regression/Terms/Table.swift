/// A column of a table to fit or score, with missing values.
package enum TableColumn: Equatable, Sendable {
  /// Numbers; NaN where a value is missing.
  case numbers([Double])
  /// Texts as indices into `levels`; −1 where a value is missing.
  case texts(codes: [Int32], levels: [String])

  /// The number of rows.
  package var rowCount: Int {
    switch self {
    case .numbers(let values): values.count
    case .texts(let codes, _): codes.count
    }
  }

  /// The column of the given rows, in the given order.
  package func selecting(_ rows: [Int]) -> TableColumn {
    switch self {
    case .numbers(let values): .numbers(rows.map { values[$0] })
    case .texts(let codes, let levels): .texts(codes: rows.map { codes[$0] }, levels: levels)
    }
  }

  /// Whether both hold the same values in the same rows, missing ones in the same places.
  func hasSameValues(as other: TableColumn) -> Bool {
    switch (self, other) {
    case (.numbers(let left), .numbers(let right)):
      left.elementsEqual(right) { $0 == $1 || ($0.isNaN && $1.isNaN) }
    default: labels == other.labels
    }
  }

  /// The values as texts, as a category is named: whole numbers without a decimal point; `nil`
  /// where a value is missing.
  package var labels: [String?] {
    switch self {
    case .numbers(let values): values.map { $0.isNaN ? nil : label(of: $0) }
    case .texts(let codes, let levels): codes.map { $0 < 0 ? nil : levels[Int($0)] }
    }
  }

  /// ``labels`` with each text once: for every row the position of its own, −1 where a value is
  /// missing.
  ///
  /// A text may have several positions, or none of the rows.
  var coded: (codes: [Int32], labels: [String]) {
    switch self {
    case .texts(let codes, let levels): return (codes, levels)
    case .numbers(let values):
      var positions: [Double: Int32] = [:]
      var found: [Double] = []
      var last = (value: Double.nan, code: Int32(-1))
      let codes = values.map { value -> Int32 in
        if value == last.value { return last.code }
        if value.isNaN { return -1 }
        let code = positions[value] ?? Int32(found.count)
        if Int(code) == found.count {
          positions[value] = code
          found.append(value)
        }
        last = (value, code)
        return code
      }
      return (codes, found.map { label(of: $0) })
    }
  }

  /// The values as numbers, NaN where missing or not a number.
  package var numbers: [Double] {
    switch self {
    case .numbers(let values): return values
    case .texts(let codes, let levels):
      let values = levels.map { Double($0) ?? .nan }
      return codes.map { $0 < 0 ? .nan : values[Int($0)] }
    }
  }
}

/// A number as the name of a category.
package func label(of value: Double) -> String {
  if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
  return "\(value)"
}

/// Named columns of one length, which may be read when they are asked for.
package struct Table: Equatable, Sendable {
  /// The names of the columns, in order; no name occurs twice.
  package private(set) var names: [String] = []
  /// The number of rows.
  package let rowCount: Int
  private var columns: [String: StoredColumn] = [:]

  /// A table without columns.
  package init(rowCount: Int) { self.rowCount = rowCount }

  /// Adds a column.
  ///
  /// - Precondition: it has as many rows as the table, and its name is new.
  package mutating func add(_ name: String, _ column: TableColumn) {
    precondition(column.rowCount == rowCount, "column \(name)")
    add(name, .held(column))
  }

  /// Adds a column that is read anew whenever it is asked for, so that a table larger than memory
  /// can be fitted a column at a time.
  ///
  /// - Parameters:
  ///   - name: a new name.
  ///   - read: gives the column, with as many rows as the table, each time the same; or `nil` where
  ///     it cannot, in which case the table has no such column. The caller learns why by itself.
  package mutating func add(_ name: String, reading read: @escaping @Sendable () -> TableColumn?) {
    add(name, .read(read))
  }

  private mutating func add(_ name: String, _ column: StoredColumn) {
    precondition(columns[name] == nil, "column \(name)")
    names.append(name)
    columns[name] = column
  }

  /// The column of a name, or `nil` if there is none.
  package subscript(name: String) -> TableColumn? { columns[name]?.column }

  /// The table of the given rows, in the given order.
  ///
  /// Columns that are read stay so, unless few of their rows are left.
  package func selecting(rows: [Int]) -> Table {
    var selected = Table(rowCount: rows.count)
    for name in names {
      guard let stored = columns[name] else { continue }
      if case .read(let read) = stored, rows.count > rowCount / 8 {
        selected.add(name, reading: { read()?.selecting(rows) })
      } else if let column = stored.column {
        selected.add(name, column.selecting(rows))
      }
    }
    return selected
  }
}

/// A column that a table holds, or how it is read.
private enum StoredColumn: Equatable, Sendable {
  case held(TableColumn)
  case read(@Sendable () -> TableColumn?)

  var column: TableColumn? {
    switch self {
    case .held(let column): column
    case .read(let read): read()
    }
  }

  static func == (left: StoredColumn, right: StoredColumn) -> Bool { left.column == right.column }
}
