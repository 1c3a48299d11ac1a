package import Columns

/// Whether two numbers differ by at most `absolute` or by `relative` times the larger magnitude.
///
/// Equal infinities are close; NaN is close to nothing.
package func isClose(
  _ left: Double, _ right: Double, relative: Double = 0, absolute: Double = 0
) -> Bool {
  if left == right { return true }
  let difference = abs(left - right)
  return difference.isFinite
    && difference <= max(absolute, relative * max(abs(left), abs(right)))
}

/// Where two lists of rows first differ, in a line short enough for a report; `nil` if nowhere.
package func firstDifference(_ left: [[ColumnValue?]], _ right: [[ColumnValue?]]) -> String? {
  for (row, (leftRow, rightRow)) in zip(left, right).enumerated() where leftRow != rightRow {
    for (column, (leftValue, rightValue)) in zip(leftRow, rightRow).enumerated()
    where leftValue != rightValue {
      let texts = [leftValue, rightValue].map { $0.map { "\($0)" } ?? "null" }
      return "row \(row), column \(column): \(texts[0]) and \(texts[1])"
    }
    return "row \(row): \(leftRow.count) and \(rightRow.count) values"
  }
  return left.count == right.count ? nil : "\(left.count) and \(right.count) rows"
}

extension Batch {
  /// The values of all rows, whatever way the columns store them.
  package var rowValues: [[ColumnValue?]] {
    (0..<rowCount).map { row in columns.map { $0.value(row) } }
  }
}
