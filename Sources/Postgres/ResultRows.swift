/// The rows of a query, each value as PostgreSQL's text or null.
package struct ResultRows: Hashable, Sendable {
  /// The names of the columns, in order.
  package let columns: [String]
  /// The number of rows.
  package let count: Int
  /// All values, row by row.
  private let values: [String?]

  /// Rows of the given parts; `values` holds them row by row.
  init(columns: [String], count: Int, values: [String?]) {
    precondition(values.count == columns.count * count, "\(values.count) values")
    self.columns = columns
    self.count = count
    self.values = values
  }

  /// The value in a row, counted from 0, and a column, which must exist; `nil` for null.
  package subscript(row: Int, column: String) -> String? {
    guard let index = columns.firstIndex(of: column) else {
      preconditionFailure("the query has no column \(column), only \(columns)")
    }
    return self[row, index]
  }

  /// The value in a row and a column, both counted from 0; `nil` for null.
  package subscript(row: Int, column: Int) -> String? {
    precondition(columns.indices.contains(column), "column \(column) of \(columns.count)")
    precondition(row >= 0 && row < count, "row \(row) of \(count)")
    return values[row * columns.count + column]
  }

  /// The values of one row, in the order of the columns.
  package func row(_ row: Int) -> [String?] {
    precondition(row >= 0 && row < count, "row \(row) of \(count)")
    return Array(values[(row * columns.count)..<((row + 1) * columns.count)])
  }
}
