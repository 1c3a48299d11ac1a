import CLAPACK
import Glibc

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

extension CholeskyFactor {
  /// The squared lengths of the rows of `XU⁻¹`: the quadratic forms `xᵀA⁻¹x` of the given rows.
  ///
  /// Calls BLAS `dtrsm`. Throws `.shapeMismatch` unless the rows have one value per row of `A`.
  ///
  /// - Complexity: O(m·p²) for m rows.
  package func quadraticForms(rowsOf matrix: Matrix) throws(LinearAlgebraError) -> [Double] {
    guard matrix.columnCount == order else {
      throw .shapeMismatch(expected: order, actual: matrix.columnCount)
    }
    var forms = [Double](repeating: 0, count: matrix.rowCount)
    guard order > 0, matrix.rowCount > 0 else { return forms }
    var solution = matrix
    BLASLibrary.useOneThread
    unsafe factor.columnMajor.withUnsafeBufferPointer { factor in
      unsafe solution.columnMajor.withUnsafeMutableBufferPointer { solution in
        unsafe cblas_dtrsm(
          CblasColMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit,
          Int32(matrix.rowCount), Int32(order), 1, factor.baseAddress, Int32(order),
          solution.baseAddress, Int32(matrix.rowCount))
      }
    }
    for column in 0..<order {
      let start = column * matrix.rowCount
      for row in 0..<matrix.rowCount {
        let value = solution.columnMajor[start + row]
        forms[row] += value * value
      }
    }
    return forms
  }

  /// The logarithm of the determinant of the matrix.
  package var logDeterminant: Double {
    factor.diagonal.reduce(0) { $0 + 2 * log($1) }
  }

  /// The smallest over the largest diagonal element of the factor, squared: near zero where the
  /// columns are close to collinear.
  package var diagonalRatio: Double {
    let diagonal = factor.diagonal
    guard let least = diagonal.min(), let most = diagonal.max(), most > 0 else { return 1 }
    return (least / most) * (least / most)
  }
}
