/// The least-squares solution of an overdetermined system, with what its precision rests on.
package struct LeastSquaresSolution: Equatable, Sendable {
  /// One coefficient per column; zero for the columns in ``aliased``.
  package let coefficients: [Double]
  /// The target minus the fitted values, one per row.
  package let residuals: [Double]
  /// The diagonal of `(XᵀX)⁻¹`, one value per column; zero for the columns in ``aliased``.
  package let unscaledVariances: [Double]
  /// The numerical rank of the design.
  package let rank: Int
  /// Columns dropped as combinations of the others, ascending, counted from zero.
  package let aliased: [Int]
}

extension Matrix {
  /// The least-squares solution of `Xβ = y` by QR with column pivoting.
  ///
  /// Columns are first scaled to a length between 1 and 2 by powers of two, which loses no bit, so
  /// neither pivoting nor rank depends on the units of a column. Two steps of refinement with
  /// residuals in twice the working precision follow. Where the rank is short, the columns pivoted
  /// last get the coefficient zero.
  ///
  /// - Parameters:
  ///   - target: `y`, one value per row.
  ///   - rankTolerance: a diagonal element of `R` below this share of the largest counts as zero;
  ///     `nil` takes the larger dimension times the unit roundoff.
  /// - Returns: the solution, with rank 0 for a matrix without columns.
  /// - Throws: `.shapeMismatch` unless the target has one value per row; `.notFinite` for a NaN or
  ///   an infinity in either.
  /// - Complexity: O(n·p²).
  package func leastSquares(
    target: [Double], rankTolerance: Double? = nil
  ) throws(LinearAlgebraError) -> LeastSquaresSolution {
    guard target.count == rowCount else {
      throw .shapeMismatch(expected: rowCount, actual: target.count)
    }
    guard isFinite, allFinite(target) else { throw .notFinite }
    let scales = (0..<columnCount).map { column in
      withColumn(column) { powerOfTwoScale($0) }
    }
    let scaled = try scaledColumns(by: scales)
    let factorization = try PivotedQR(scaled)
    let tolerance = rankTolerance ?? Double(max(rowCount, columnCount)) * 0x1p-52
    let rank = factorization.rank(relativeTolerance: tolerance)

    var coefficients = [Double](repeating: 0, count: columnCount)
    var residuals = target
    for _ in 0..<3 where rank > 0 {
      let rotated = try factorization.transposedQTimes(residuals)
      let leading = try Matrix(
        rowCount: rank, columnCount: 1, columnMajor: Array(rotated.prefix(rank)))
      let correction = try factorization.solveR(leading).columnMajor
      for position in 0..<rank {
        coefficients[factorization.pivots[position]] += correction[position]
      }
      residuals = scaled.residuals(of: target, coefficients: coefficients)
    }

    // The rows of R⁻¹ have the squared lengths that stand on the diagonal of (RᵀR)⁻¹.
    let inverse = try factorization.solveR(Matrix.identity(rank))
    var variances = [Double](repeating: 0, count: columnCount)
    for position in 0..<rank {
      let length = (0..<rank).reduce(0) { $0 + inverse[position, $1] * inverse[position, $1] }
      let column = factorization.pivots[position]
      variances[column] = length * scales[column] * scales[column]
    }
    return LeastSquaresSolution(
      coefficients: coefficients.indices.map { coefficients[$0] * scales[$0] },
      residuals: residuals, unscaledVariances: variances, rank: rank,
      aliased: factorization.pivots.dropFirst(rank).sorted())
  }

  /// The target minus `Xβ`, as precise as if computed with twice the digits and then rounded.
  ///
  /// Each product and each sum carries its rounding error along in a second double.
  ///
  /// - SeeAlso: Ogita, Rump & Oishi, *SIAM Journal on Scientific Computing* 26(6), 2005,
  ///   doi:10.1137/030601818, algorithm 5.3.
  func residuals(of target: [Double], coefficients: [Double]) -> [Double] {
    var residuals = target
    var remainders = [Double](repeating: 0, count: rowCount)
    for column in 0..<columnCount where coefficients[column] != 0 {
      let start = column * rowCount
      let factor = -coefficients[column]
      for row in 0..<rowCount {
        let element = columnMajor[start + row]
        let product = factor * element
        let productError = (-product).addingProduct(factor, element)
        let old = residuals[row]
        let sum = old + product
        let part = sum - old
        let sumError = (old - (sum - part)) + (product - part)
        residuals[row] = sum
        remainders[row] += productError + sumError
      }
    }
    return residuals.indices.map { residuals[$0] + remainders[$0] }
  }
}

/// The power of two that brings the length of a column between 1 and 2; 1 for a column of zeros.
private func powerOfTwoScale(_ column: Span<Double>) -> Double {
  var largest = 0.0
  for row in column.indices { largest = max(largest, abs(column[row])) }
  guard largest > 0, largest.isNormal else { return 1 }
  let inverse = Double(
    sign: .plus, exponent: -max(-1021, min(1021, largest.exponent)), significand: 1)
  var sum = 0.0
  for row in column.indices {
    let value = column[row] * inverse
    sum += value * value
  }
  let length = sum.squareRoot()
  return inverse * Double(sign: .plus, exponent: -length.exponent, significand: 1)
}
