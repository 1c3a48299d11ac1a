import CLAPACK

/// The eigenvalues and eigenvectors of a symmetric matrix.
package struct SymmetricEigen: Sendable {
  /// The eigenvalues, ascending.
  package let values: [Double]
  /// The eigenvectors of length 1, one column per eigenvalue; the largest component is positive.
  package let vectors: Matrix

  /// Decomposes a matrix of which only the upper triangle is read; calls LAPACK `dsyevd`.
  ///
  /// Throws `.shapeMismatch` unless it is square, `.notFinite` for a NaN or an infinity,
  /// `.notConverged` where the iteration fails.
  ///
  /// - Complexity: O(p³).
  package init(_ matrix: Matrix) throws(LinearAlgebraError) {
    guard matrix.rowCount == matrix.columnCount else {
      throw .shapeMismatch(expected: matrix.rowCount, actual: matrix.columnCount)
    }
    guard matrix.isFinite else { throw .notFinite }
    var vectors = matrix
    var values = [Double](repeating: 0, count: matrix.rowCount)
    if !values.isEmpty {
      BLASLibrary.useOneThread
      let order = Int32(matrix.rowCount)
      let info = unsafe vectors.columnMajor.withUnsafeMutableBufferPointer { vectors in
        unsafe values.withUnsafeMutableBufferPointer { values in
          unsafe LAPACKE_dsyevd(
            columnMajorLayout, CChar(bitPattern: UInt8(ascii: "V")), upperTriangle, order,
            vectors.baseAddress, order, values.baseAddress)
        }
      }
      if let error = LinearAlgebraError(info: info, from: .dsyevd) { throw error }
    }
    for column in values.indices where vectors.largestComponent(ofColumn: column) < 0 {
      vectors.negate(column: column)
    }
    self.values = values
    self.vectors = vectors
  }
}

/// The thin singular value decomposition of a matrix, `A = UΣVᵀ`.
package struct SingularValues: Sendable {
  /// The singular values, descending.
  package let values: [Double]
  /// `U`, one column per singular value.
  package let left: Matrix
  /// `V`, one column per singular value; the largest component of each is positive.
  package let right: Matrix

  /// Decomposes a matrix; calls LAPACK `dgesdd`.
  ///
  /// Throws `.notFinite` for a NaN or an infinity, `.notConverged` where the iteration fails.
  ///
  /// - Complexity: O(n·p²).
  package init(_ matrix: Matrix) throws(LinearAlgebraError) {
    guard matrix.isFinite else { throw .notFinite }
    let size = min(matrix.rowCount, matrix.columnCount)
    var scratch = matrix
    var values = [Double](repeating: 0, count: size)
    var left = Matrix(zeroRowCount: matrix.rowCount, columnCount: size)
    var transposedRight = Matrix(zeroRowCount: size, columnCount: matrix.columnCount)
    if size > 0 {
      BLASLibrary.useOneThread
      let rows = Int32(matrix.rowCount)
      let columns = Int32(matrix.columnCount)
      let info = unsafe scratch.columnMajor.withUnsafeMutableBufferPointer { scratch in
        unsafe values.withUnsafeMutableBufferPointer { values in
          unsafe left.columnMajor.withUnsafeMutableBufferPointer { left in
            unsafe transposedRight.columnMajor.withUnsafeMutableBufferPointer { right in
              unsafe LAPACKE_dgesdd(
                columnMajorLayout, CChar(bitPattern: UInt8(ascii: "S")), rows, columns,
                scratch.baseAddress, rows, values.baseAddress, left.baseAddress, rows,
                right.baseAddress, Int32(size))
            }
          }
        }
      }
      if let error = LinearAlgebraError(info: info, from: .dgesdd) { throw error }
    }
    var right = Matrix(zeroRowCount: matrix.columnCount, columnCount: size)
    for column in 0..<size {
      for row in 0..<matrix.columnCount { right[row, column] = transposedRight[column, row] }
      if right.largestComponent(ofColumn: column) < 0 {
        right.negate(column: column)
        left.negate(column: column)
      }
    }
    self.values = values
    self.left = left
    self.right = right
  }
}

extension Matrix {
  /// The component of a column that is largest in size, the first of several.
  fileprivate func largestComponent(ofColumn column: Int) -> Double {
    var largest = 0.0
    for row in 0..<rowCount where abs(self[row, column]) > abs(largest) {
      largest = self[row, column]
    }
    return largest
  }

  fileprivate mutating func negate(column: Int) {
    for row in 0..<rowCount { self[row, column] = -self[row, column] }
  }
}
