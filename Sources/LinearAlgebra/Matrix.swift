/// A dense matrix of doubles, stored column by column as BLAS and LAPACK expect.
///
/// Element `(row, column)` lies at `column * rowCount + row` of ``columnMajor``. Either dimension
/// may be zero. Dimensions stay within the 32-bit indices of LAPACK.
package struct Matrix: Equatable, Sendable {
  /// The number of rows.
  package let rowCount: Int
  /// The number of columns.
  package private(set) var columnCount: Int
  /// The elements, column after column.
  package internal(set) var columnMajor: [Double]

  /// A matrix with the given elements, column after column.
  ///
  /// Throws `.unsupportedShape` for a negative dimension or one beyond 2³¹ − 1, `.shapeMismatch`
  /// if the number of elements is not the product of the dimensions.
  package init(
    rowCount: Int, columnCount: Int, columnMajor: [Double]
  ) throws(LinearAlgebraError) {
    let limit = Int(Int32.max)
    let (size, overflow) = rowCount.multipliedReportingOverflow(by: columnCount)
    guard (0...limit).contains(rowCount), (0...limit).contains(columnCount), !overflow else {
      throw .unsupportedShape(rowCount: rowCount, columnCount: columnCount)
    }
    guard columnMajor.count == size else {
      throw .shapeMismatch(expected: size, actual: columnMajor.count)
    }
    self.rowCount = rowCount
    self.columnCount = columnCount
    self.columnMajor = columnMajor
  }

  /// A matrix with the given columns, all of one length.
  ///
  /// Without columns the matrix has no rows either. Throws `.shapeMismatch` if the lengths differ.
  package init(columns: [[Double]]) throws(LinearAlgebraError) {
    let rowCount = columns.first?.count ?? 0
    var elements: [Double] = []
    elements.reserveCapacity(rowCount * columns.count)
    for column in columns {
      guard column.count == rowCount else {
        throw .shapeMismatch(expected: rowCount, actual: column.count)
      }
      elements += column
    }
    try self.init(rowCount: rowCount, columnCount: columns.count, columnMajor: elements)
  }

  /// A matrix without columns that can take some without moving.
  ///
  /// - Precondition: the number of rows is within 0 and 2³¹ − 1.
  package init(rowCount: Int, reservingColumns count: Int) {
    self.init(zeroRowCount: rowCount, columnCount: 0)
    columnMajor.reserveCapacity(rowCount * count)
  }

  /// Makes room for `count` columns in all, so that appending them moves the elements once at most.
  package mutating func reserveColumns(_ count: Int) {
    columnMajor.reserveCapacity(rowCount * count)
  }

  /// Appends a column; throws `.shapeMismatch` unless it has one value per row.
  package mutating func append(_ column: [Double]) throws(LinearAlgebraError) {
    guard column.count == rowCount else {
      throw .shapeMismatch(expected: rowCount, actual: column.count)
    }
    columnMajor += column
    columnCount += 1
  }

  /// Removes the last columns.
  ///
  /// - Precondition: there are as many.
  package mutating func removeLastColumns(_ count: Int) {
    columnMajor.removeLast(count * rowCount)
    columnCount -= count
  }

  /// A matrix of zeros.
  ///
  /// - Precondition: both dimensions are within 0 and 2³¹ − 1.
  package init(zeroRowCount rowCount: Int, columnCount: Int) {
    precondition(
      (0...Int(Int32.max)).contains(rowCount) && (0...Int(Int32.max)).contains(columnCount),
      "a matrix of \(rowCount) rows and \(columnCount) columns is not supported")
    self.rowCount = rowCount
    self.columnCount = columnCount
    self.columnMajor = [Double](repeating: 0, count: rowCount * columnCount)
  }

  /// The identity of the given order.
  package static func identity(_ order: Int) -> Matrix {
    var matrix = Matrix(zeroRowCount: order, columnCount: order)
    for index in 0..<order { matrix[index, index] = 1 }
    return matrix
  }

  /// The element in a row and column, both counted from zero.
  ///
  /// - Precondition: `row` and `column` are inside the matrix.
  package subscript(row: Int, column: Int) -> Double {
    get {
      precondition(row >= 0 && row < rowCount, "row \(row) of \(rowCount)")
      return columnMajor[column * rowCount + row]
    }
    set {
      precondition(row >= 0 && row < rowCount, "row \(row) of \(rowCount)")
      columnMajor[column * rowCount + row] = newValue
    }
  }

  /// A copy of one column.
  package func column(_ column: Int) -> [Double] {
    Array(columnMajor[(column * rowCount)..<((column + 1) * rowCount)])
  }

  /// Calls `body` with one column, without a copy.
  package func withColumn<Result, Failure: Error>(
    _ column: Int, _ body: (Span<Double>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(columnMajor.span.extracting((column * rowCount)..<((column + 1) * rowCount)))
  }

  /// The diagonal of a square matrix, or the leading part of it otherwise.
  package var diagonal: [Double] {
    (0..<min(rowCount, columnCount)).map { columnMajor[$0 * rowCount + $0] }
  }

  /// Whether every element is a finite number.
  package var isFinite: Bool { allFinite(columnMajor) }
}

/// Whether every value is a finite number.
func allFinite(_ values: [Double]) -> Bool {
  // A finite value times zero is zero; NaN and infinities give NaN. Eight sums side by side, since
  // one alone would wait for each addition.
  var sums = SIMD8<Double>(repeating: 0)
  let whole = values.count / 8 * 8
  var start = 0
  while start < whole {
    var part = SIMD8<Double>()
    for lane in 0..<8 { part[lane] = values[start + lane] }
    sums += part * 0
    start += 8
  }
  var sum = sums.sum()
  for position in whole..<values.count { sum += values[position] * 0 }
  return sum == 0
}
