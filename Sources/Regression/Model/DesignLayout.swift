import LinearAlgebra

/// The columns of several terms, side by side.
struct DesignLayout {
  var terms: [FittedTerm]
  /// A column of ones, then those of the terms: they lie in memory once.
  var design: Matrix
  /// The columns of each term, the ones not counted.
  var ranges: [Range<Int>] = []
  var names: [String] = []

  /// How much of a layout there is.
  struct Shape {
    var termCount: Int
    var width: Int
  }

  /// The number of columns besides the ones.
  var width: Int { design.columnCount - 1 }

  var shape: Shape { Shape(termCount: terms.count, width: width) }

  /// The columns of terms for the rows of a table.
  init(_ terms: [FittedTerm], _ table: Table) throws(RegressionError) {
    try self.init(
      rowCount: table.rowCount, reserving: terms.reduce(0) { $0 + $1.columnNames.count })
    for term in terms { try add((term, term.columns(of: table))) }
  }

  /// The ones alone, with room for a number of columns.
  init(rowCount: Int, reserving width: Int) throws(RegressionError) {
    terms = []
    design = Matrix(rowCount: rowCount, reservingColumns: width + 1)
    try append([Double](repeating: 1, count: rowCount))
  }

  private mutating func append(_ column: [Double]) throws(RegressionError) {
    do {
      try design.append(column)
    } catch {
      throw .linearAlgebra(error)
    }
  }

  /// Adds a term and its columns.
  mutating func add(
    _ added: (term: FittedTerm, columns: [[Double]])
  ) throws(RegressionError) {
    let (term, columns) = added
    terms.append(term)
    ranges.append(width..<(width + columns.count))
    for column in columns { try append(column) }
    names += term.columnNames
  }

  /// Removes what was added since.
  mutating func keep(_ shape: Shape) {
    design.removeLastColumns(width - shape.width)
    terms.removeLast(terms.count - shape.termCount)
    ranges.removeLast(ranges.count - shape.termCount)
    names.removeLast(names.count - shape.width)
  }
}
