/// Rows of a dataset as typed columns of equal length.
package struct Batch: Hashable, Sendable {
  /// The columns, in order; names are unique.
  package let columns: [Column]
  /// The number of rows of every column.
  package let rowCount: Int

  /// A batch of the given columns.
  ///
  /// - Parameters:
  ///   - columns: the columns, all of one length.
  ///   - rowCount: only needed where there is no column.
  package init(_ columns: [Column], rowCount: Int? = nil) {
    let count = columns.first?.rowCount ?? rowCount ?? 0
    for column in columns {
      precondition(
        column.rowCount == count,
        "column \(column.field.name) has \(column.rowCount) rows, the batch \(count)")
    }
    precondition(
      Set(columns.map(\.field.name)).count == columns.count, "two columns have one name")
    self.columns = columns
    self.rowCount = count
  }

  /// The fields of the columns, in order.
  package var fields: [Field] { columns.map(\.field) }

  /// The column of a name, or `nil` if there is none.
  package subscript(name: String) -> Column? { columns.first { $0.field.name == name } }

  /// The batch with only the named columns, in the given order; `nil` if one is missing.
  package func selecting(_ names: [String]) -> Batch? {
    let selected = names.compactMap { self[$0] }
    return selected.count == names.count ? Batch(selected, rowCount: rowCount) : nil
  }
}
