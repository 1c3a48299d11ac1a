import CLAPACK

extension Matrix {
  /// The product of the matrix and a vector.
  ///
  /// Throws `.shapeMismatch` unless the vector has one value per column. Calls BLAS `dgemv`.
  package func times(_ vector: [Double]) throws(LinearAlgebraError) -> [Double] {
    guard vector.count == columnCount else {
      throw .shapeMismatch(expected: columnCount, actual: vector.count)
    }
    return gemv(CblasNoTrans, vector, resultCount: rowCount)
  }

  /// The product of the transposed matrix and a vector.
  ///
  /// Throws `.shapeMismatch` unless the vector has one value per row. Calls BLAS `dgemv`.
  package func transposedTimes(_ vector: [Double]) throws(LinearAlgebraError) -> [Double] {
    guard vector.count == rowCount else {
      throw .shapeMismatch(expected: rowCount, actual: vector.count)
    }
    return gemv(CblasTrans, vector, resultCount: columnCount)
  }

  /// The product of two matrices.
  ///
  /// Throws `.shapeMismatch` unless `right` has as many rows as this matrix has columns. Calls
  /// BLAS `dgemm`.
  package func times(_ right: Matrix) throws(LinearAlgebraError) -> Matrix {
    guard right.rowCount == columnCount else {
      throw .shapeMismatch(expected: columnCount, actual: right.rowCount)
    }
    return gemm(CblasNoTrans, right, resultRows: rowCount)
  }

  /// The product of the transposed matrix and another.
  ///
  /// Throws `.shapeMismatch` unless `right` has as many rows as this matrix. Calls BLAS `dgemm`.
  package func transposedTimes(_ right: Matrix) throws(LinearAlgebraError) -> Matrix {
    guard right.rowCount == rowCount else {
      throw .shapeMismatch(expected: rowCount, actual: right.rowCount)
    }
    return gemm(CblasTrans, right, resultRows: columnCount)
  }

  private func gemm(_ transpose: CBLAS_TRANSPOSE, _ right: Matrix, resultRows: Int) -> Matrix {
    var product = Matrix(zeroRowCount: resultRows, columnCount: right.columnCount)
    guard rowCount > 0, columnCount > 0, right.columnCount > 0 else { return product }
    BLASLibrary.useOneThread
    let inner = right.rowCount
    unsafe columnMajor.withUnsafeBufferPointer { left in
      unsafe right.columnMajor.withUnsafeBufferPointer { right in
        unsafe product.columnMajor.withUnsafeMutableBufferPointer { result in
          unsafe cblas_dgemm(
            CblasColMajor, transpose, CblasNoTrans, Int32(resultRows),
            Int32(product.columnCount), Int32(inner), 1, left.baseAddress, Int32(rowCount),
            right.baseAddress, Int32(inner), 0, result.baseAddress, Int32(resultRows))
        }
      }
    }
    return product
  }

  /// The symmetric product of the transposed matrix and the matrix, both triangles filled.
  ///
  /// Calls BLAS `dsyrk`, which computes one triangle, so the result is symmetric to the bit.
  ///
  /// - Complexity: O(n·p²) for n rows and p columns.
  func transposedTimesSelf() -> Matrix {
    var gram = Matrix(zeroRowCount: columnCount, columnCount: columnCount)
    guard rowCount > 0, columnCount > 0 else { return gram }
    BLASLibrary.useOneThread
    unsafe columnMajor.withUnsafeBufferPointer { source in
      unsafe gram.columnMajor.withUnsafeMutableBufferPointer { result in
        unsafe cblas_dsyrk(
          CblasColMajor, CblasUpper, CblasTrans, Int32(columnCount), Int32(rowCount), 1,
          source.baseAddress, Int32(rowCount), 0, result.baseAddress, Int32(columnCount))
      }
    }
    for column in 0..<columnCount {
      for row in 0..<column { gram[column, row] = gram[row, column] }
    }
    return gram
  }

  private func gemv(
    _ transpose: CBLAS_TRANSPOSE, _ vector: [Double], resultCount: Int
  ) -> [Double] {
    var product = [Double](repeating: 0, count: resultCount)
    guard rowCount > 0, columnCount > 0 else { return product }
    BLASLibrary.useOneThread
    unsafe columnMajor.withUnsafeBufferPointer { matrix in
      unsafe vector.withUnsafeBufferPointer { vector in
        unsafe product.withUnsafeMutableBufferPointer { result in
          unsafe cblas_dgemv(
            CblasColMajor, transpose, Int32(rowCount), Int32(columnCount), 1, matrix.baseAddress,
            Int32(rowCount), vector.baseAddress, 1, 0, result.baseAddress, 1)
        }
      }
    }
    return product
  }
}

/// The sums of products of values with those so many places before them, one per lag from 0 through
/// `last`; zero for a lag that no pair has.
///
/// Calls BLAS `ddot`.
///
/// - Precondition: `last` is not negative.
package func laggedProducts(_ values: [Double], through last: Int) -> [Double] {
  BLASLibrary.useOneThread
  return unsafe values.withUnsafeBufferPointer { values in
    (0...last).map { lag in
      guard lag < values.count, let start = values.baseAddress else { return 0 }
      return unsafe cblas_ddot(Int32(values.count - lag), start, 1, start + lag, 1)
    }
  }
}
