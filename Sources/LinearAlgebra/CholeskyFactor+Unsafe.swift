import CLAPACK

/// The Cholesky factorisation of a symmetric positive definite matrix.
///
/// Only the upper triangle of the matrix is read.
package struct CholeskyFactor: Sendable {
  /// The upper triangular factor `U` of `UᵀU`; what lies below the diagonal is undefined.
  private var factor: Matrix

  /// The number of rows and columns.
  package var order: Int { factor.rowCount }

  /// Factors a symmetric matrix; calls LAPACK `dpotrf`.
  ///
  /// Throws `.shapeMismatch` unless it is square, `.notFinite` for a NaN or an infinity, and
  /// `.notPositiveDefinite` if a leading minor is not positive.
  ///
  /// - Complexity: O(p³).
  package init(_ matrix: Matrix) throws(LinearAlgebraError) {
    guard matrix.rowCount == matrix.columnCount else {
      throw .shapeMismatch(expected: matrix.rowCount, actual: matrix.columnCount)
    }
    guard matrix.isFinite else { throw .notFinite }
    factor = matrix
    let order = Int32(matrix.rowCount)
    guard order > 0 else { return }
    BLASLibrary.useOneThread
    let info = unsafe factor.columnMajor.withUnsafeMutableBufferPointer { elements in
      unsafe LAPACKE_dpotrf(columnMajorLayout, upperTriangle, order, elements.baseAddress, order)
    }
    if let error = LinearAlgebraError(info: info, from: .dpotrf) { throw error }
  }

  /// The solution of the system with this matrix and one right-hand side; calls LAPACK `dpotrs`.
  ///
  /// Throws `.shapeMismatch` unless there is one value per row, `.notFinite` for a NaN or an
  /// infinity.
  package func solve(_ rightHandSide: [Double]) throws(LinearAlgebraError) -> [Double] {
    let columns = try Matrix(
      rowCount: rightHandSide.count, columnCount: 1, columnMajor: rightHandSide)
    return try solve(columns).columnMajor
  }

  /// The solutions of the systems with this matrix and each column as right-hand side.
  ///
  /// Throws as the other `solve` does.
  package func solve(_ rightHandSides: Matrix) throws(LinearAlgebraError) -> Matrix {
    guard rightHandSides.rowCount == order else {
      throw .shapeMismatch(expected: order, actual: rightHandSides.rowCount)
    }
    guard rightHandSides.isFinite else { throw .notFinite }
    var solution = rightHandSides
    guard order > 0, solution.columnCount > 0 else { return solution }
    BLASLibrary.useOneThread
    let leading = Int32(order)
    let count = Int32(solution.columnCount)
    let info = unsafe factor.columnMajor.withUnsafeBufferPointer { factor in
      unsafe solution.columnMajor.withUnsafeMutableBufferPointer { solution in
        unsafe LAPACKE_dpotrs(
          columnMajorLayout, upperTriangle, leading, count, factor.baseAddress, leading,
          solution.baseAddress, leading)
      }
    }
    if let error = LinearAlgebraError(info: info, from: .dpotrs) { throw error }
    return solution
  }

  /// The inverse of the matrix, both triangles filled; calls LAPACK `dpotri`.
  package func inverse() throws(LinearAlgebraError) -> Matrix {
    var inverse = factor
    guard order > 0 else { return inverse }
    BLASLibrary.useOneThread
    let leading = Int32(order)
    let info = unsafe inverse.columnMajor.withUnsafeMutableBufferPointer { elements in
      unsafe LAPACKE_dpotri(
        columnMajorLayout, upperTriangle, leading, elements.baseAddress, leading)
    }
    if let error = LinearAlgebraError(info: info, from: .dpotri) { throw error }
    for column in 0..<order {
      for row in 0..<column { inverse[column, row] = inverse[row, column] }
    }
    return inverse
  }
}

/// LAPACKE's name for storage column by column.
let columnMajorLayout: Int32 = LAPACK_COL_MAJOR
/// LAPACK's letter for the upper triangle.
let upperTriangle = CChar(bitPattern: UInt8(ascii: "U"))
