import AlmanacCore
import Billing
import Columns

/// Builds the rows of one table of the source contract, column by column.
struct TableAssembly {
  private let table: SourceTable
  private let rowCount: Int
  private var columns: [String: Column] = [:]

  /// A table of `rowCount` rows without any column yet.
  init(_ table: SourceTable, rowCount: Int) {
    self.table = table
    self.rowCount = rowCount
  }

  /// Sets a column row by row.
  mutating func set(_ name: String, _ value: (Int) -> ColumnValue?) {
    guard let field = table.field(name) else {
      preconditionFailure("\(table.qualifiedName) has no column \(name)")
    }
    var builder = ColumnBuilder(field)
    for row in 0..<rowCount { builder.append(value(row)) }
    columns[name] = builder.finish()
  }

  /// Sets a column to one value.
  mutating func set(_ name: String, to value: ColumnValue) {
    set(name) { _ in value }
  }

  /// The finished batch; columns that were not set are null.
  consuming func finish() -> (table: SourceTable, batch: Batch) {
    for field in table.fields where columns[field.name] == nil {
      set(field.name) { _ in nil }
    }
    return (table, Batch(table.fields.compactMap { columns[$0.name] }, rowCount: rowCount))
  }
}
