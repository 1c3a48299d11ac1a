import CLAPACK

/// The QR factorisation of a matrix with column pivoting, `AP = QR`.
///
/// At each step the column with the largest remaining norm comes next, so the diagonal of `R`
/// falls in size and shows the numerical rank.
///
/// - SeeAlso: Golub & Van Loan, *Matrix Computations*, 4th edition, section 5.4.2.
package struct PivotedQR: Sendable {
  /// `R` in the upper triangle, the reflectors of `Q` below it.
  private let factors: Matrix
  /// The scalar factors of the reflectors.
  private let reflectorScales: [Double]
  /// For each position of `AP` the column of `A` that stands there, counted from zero.
  package let pivots: [Int]

  /// Factors a matrix; calls LAPACK `dgeqp3`.
  ///
  /// Throws `.notFinite` for a NaN or an infinity.
  ///
  /// - Complexity: O(n·p²).
  package init(_ matrix: Matrix) throws(LinearAlgebraError) {
    guard matrix.isFinite else { throw .notFinite }
    var elements = matrix
    var scales = [Double](repeating: 0, count: min(matrix.rowCount, matrix.columnCount))
    var order = [Int32](repeating: 0, count: matrix.columnCount)
    let rows = Int32(matrix.rowCount)
    let columns = Int32(matrix.columnCount)
    if rows > 0, columns > 0 {
      BLASLibrary.useOneThread
      let info = unsafe elements.columnMajor.withUnsafeMutableBufferPointer { elements in
        unsafe order.withUnsafeMutableBufferPointer { order in
          unsafe scales.withUnsafeMutableBufferPointer { scales in
            unsafe LAPACKE_dgeqp3(
              columnMajorLayout, rows, columns, elements.baseAddress, rows, order.baseAddress,
              scales.baseAddress)
          }
        }
      }
      if let error = LinearAlgebraError(info: info, from: .dgeqp3) { throw error }
      pivots = order.map { Int($0) - 1 }
    } else {
      pivots = Array(0..<matrix.columnCount)
    }
    factors = elements
    reflectorScales = scales
  }

  /// The number of diagonal elements of `R` larger than `relativeTolerance` times the first.
  package func rank(relativeTolerance: Double) -> Int {
    let diagonal = factors.diagonal
    guard let first = diagonal.first, first != 0 else { return 0 }
    return diagonal.prefix { abs($0) > relativeTolerance * abs(first) }.count
  }

  /// The product of the transposed `Q` and a vector; calls LAPACK `dormqr`.
  package func transposedQTimes(_ vector: [Double]) throws(LinearAlgebraError) -> [Double] {
    guard vector.count == factors.rowCount else {
      throw .shapeMismatch(expected: factors.rowCount, actual: vector.count)
    }
    guard allFinite(vector) else { throw .notFinite }
    var product = vector
    guard factors.rowCount > 0, factors.columnCount > 0 else { return product }
    BLASLibrary.useOneThread
    let rows = Int32(factors.rowCount)
    let info = unsafe factors.columnMajor.withUnsafeBufferPointer { elements in
      unsafe reflectorScales.withUnsafeBufferPointer { scales in
        unsafe product.withUnsafeMutableBufferPointer { product in
          unsafe LAPACKE_dormqr(
            columnMajorLayout, leftSide, transposed, rows, 1, Int32(scales.count),
            elements.baseAddress, rows, scales.baseAddress, product.baseAddress, rows)
        }
      }
    }
    if let error = LinearAlgebraError(info: info, from: .dormqr) { throw error }
    return product
  }

  /// Solves the leading `rank` by `rank` system of `R`, or of its transpose, for each column.
  ///
  /// Calls LAPACK `dtrtrs`. Throws `.shapeMismatch` unless the right-hand side has `rank` rows,
  /// `.singular` if an element of that part of the diagonal is zero.
  package func solveR(
    _ rightHandSides: Matrix, transposed transposes: Bool = false
  ) throws(LinearAlgebraError) -> Matrix {
    let rank = rightHandSides.rowCount
    guard rank <= reflectorScales.count else {
      throw .shapeMismatch(expected: reflectorScales.count, actual: rank)
    }
    guard rightHandSides.isFinite else { throw .notFinite }
    var solution = rightHandSides
    guard rank > 0, solution.columnCount > 0 else { return solution }
    BLASLibrary.useOneThread
    let count = Int32(solution.columnCount)
    let info = unsafe factors.columnMajor.withUnsafeBufferPointer { elements in
      unsafe solution.columnMajor.withUnsafeMutableBufferPointer { solution in
        unsafe LAPACKE_dtrtrs(
          columnMajorLayout, upperTriangle, transposes ? transposed : untransposed, nonUnit,
          Int32(rank), count, elements.baseAddress, Int32(factors.rowCount), solution.baseAddress,
          Int32(rank))
      }
    }
    if let error = LinearAlgebraError(info: info, from: .dtrtrs) { throw error }
    return solution
  }
}

private let leftSide = CChar(bitPattern: UInt8(ascii: "L"))
private let transposed = CChar(bitPattern: UInt8(ascii: "T"))
private let untransposed = CChar(bitPattern: UInt8(ascii: "N"))
private let nonUnit = CChar(bitPattern: UInt8(ascii: "N"))
