extension Matrix {
  /// The Gram matrix `XᵀWX`, with `W` the diagonal of the weights or the identity.
  ///
  /// Symmetric to the bit. Throws `.shapeMismatch` unless there is one weight per row.
  ///
  /// - Precondition: no weight is negative.
  /// - Complexity: O(n·p²); a weighted Gram also copies the matrix once.
  package func gram(weights: [Double]? = nil) throws(LinearAlgebraError) -> Matrix {
    guard let weights else { return transposedTimesSelf() }
    return try scaledRows(by: weights.map { $0.squareRoot() }).transposedTimesSelf()
  }

  /// The moments `XᵀWy` of the columns with a target.
  ///
  /// Throws `.shapeMismatch` unless target and weights have one value per row.
  package func moments(
    with target: [Double], weights: [Double]? = nil
  ) throws(LinearAlgebraError) -> [Double] {
    guard let weights else { return try transposedTimes(target) }
    guard weights.count == target.count else {
      throw .shapeMismatch(expected: target.count, actual: weights.count)
    }
    return try transposedTimes(target.indices.map { target[$0] * weights[$0] })
  }

  /// The matrix with each row multiplied by a factor.
  package func scaledRows(by factors: [Double]) throws(LinearAlgebraError) -> Matrix {
    guard factors.count == rowCount else {
      throw .shapeMismatch(expected: rowCount, actual: factors.count)
    }
    var scaled = self
    for column in 0..<columnCount {
      let start = column * rowCount
      for row in 0..<rowCount { scaled.columnMajor[start + row] *= factors[row] }
    }
    return scaled
  }

  /// The matrix with each column multiplied by a factor.
  package func scaledColumns(by factors: [Double]) throws(LinearAlgebraError) -> Matrix {
    guard factors.count == columnCount else {
      throw .shapeMismatch(expected: columnCount, actual: factors.count)
    }
    var scaled = self
    for column in 0..<columnCount {
      let start = column * rowCount
      for row in 0..<rowCount { scaled.columnMajor[start + row] *= factors[column] }
    }
    return scaled
  }
}
