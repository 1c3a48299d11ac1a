/// The least-squares solution of an overdetermined system, with what its precision rests on.
package struct LeastSquaresSolution: Equatable, Sendable {
  /// One coefficient per column; zero for the columns in ``aliased``.
  package let coefficients: [Double]
  /// The target minus the fitted values, one per row.
  package let residuals: [Double]
  /// The sum of squared residuals.
  package let residualSumOfSquares: Double
  /// `(XᵀX)⁻¹`, with rows and columns of zeros for the columns in ``aliased``.
  package let unscaledCovariance: Matrix
  /// The numerical rank of the design.
  package let rank: Int
  /// Columns dropped as combinations of earlier ones, ascending, counted from zero.
  package let aliased: [Int]

  /// The diagonal of `(XᵀX)⁻¹`, one value per column; zero for the columns in ``aliased``.
  package var unscaledVariances: [Double] { unscaledCovariance.diagonal }
}

extension Matrix {
  /// The least-squares solution of `Xβ = y` by QR and iterative refinement.
  ///
  /// Columns are first scaled to a length between 1 and 2 by powers of two, which loses no bit, so
  /// rank does not depend on the units of a column. Then solution and residuals are refined
  /// together, as unknowns of the augmented system `[I A; Aᵀ 0][r; x] = [y; 0]`, both held and
  /// their defects computed with twice the digits: refining the solution alone stops at the square
  /// of the condition number where the residuals are large. The inverse of the Gram matrix is
  /// refined in the same way as long as its cost stays small.
  ///
  /// - Parameters:
  ///   - target: `y`, one value per row.
  ///   - lowParts: what is to be added to the elements, where they are known to more than a
  ///     double's digits; `nil` where they are not.
  ///   - rankTolerance: as for ``OrderedQR``.
  /// - Returns: the solution, with rank 0 for a matrix without columns.
  /// - Throws: `.shapeMismatch` unless the target has one value per row and `lowParts` the shape
  ///   of the matrix; `.notFinite` for a NaN or an infinity in any.
  /// - Complexity: O(n·p²).
  /// - SeeAlso: Björck, *BIT* 7, 1967, doi:10.1007/BF01939321; *Numerical Methods for Least Squares
  ///   Problems*, SIAM 1996, section 2.9, doi:10.1137/1.9781611971484.
  package func leastSquares(
    target: [Double], lowParts: Matrix? = nil, rankTolerance: Double? = nil
  ) throws(LinearAlgebraError) -> LeastSquaresSolution {
    guard target.count == rowCount else {
      throw .shapeMismatch(expected: rowCount, actual: target.count)
    }
    if let lowParts {
      guard lowParts.rowCount == rowCount, lowParts.columnCount == columnCount else {
        throw .shapeMismatch(expected: columnMajor.count, actual: lowParts.columnMajor.count)
      }
      guard lowParts.isFinite else { throw .notFinite }
    }
    guard isFinite, allFinite(target) else { throw .notFinite }
    let scales = (0..<columnCount).map { column in
      withColumn(column) { powerOfTwoScale($0) }
    }
    // The target is scaled too, so that squares of it neither overflow nor vanish.
    let targetScale = powerOfTwoScale(target.span)
    let scaled = try scaledColumns(by: scales)
    let factors = try OrderedQR(scaled, tolerance: rankTolerance)
    let kept = factors.kept
    let system = AugmentedSystem(
      matrix: scaled.selecting(columns: kept),
      lowParts: try lowParts?.scaledColumns(by: scales).selecting(columns: kept),
      factors: factors)

    let none = [Double](repeating: 0, count: kept.count)
    let solution = try system.solve(
      target: target.map { $0 * targetScale }, moments: none,
      limit: rowCount * kept.count > 2_000_000 ? 3 : 12)
    var coefficients = [Double](repeating: 0, count: columnCount)
    for (position, column) in kept.enumerated() {
      coefficients[column] = solution.coefficients[position].rounded / targetScale * scales[column]
    }
    let sum = solution.residuals.reduce(DoubleDouble(0)) { $0 + $1 * $1 }.rounded

    let inverse = try system.gramInverse(refines: rowCount * kept.count * kept.count <= 4_000_000)
    var covariance = Matrix(zeroRowCount: columnCount, columnCount: columnCount)
    for (position, column) in kept.enumerated() {
      for (other, row) in kept.enumerated() {
        covariance[row, column] = inverse[other, position] * scales[row] * scales[column]
      }
    }
    return LeastSquaresSolution(
      coefficients: coefficients,
      residuals: solution.residuals.map { $0.rounded / targetScale },
      residualSumOfSquares: sum / targetScale / targetScale, unscaledCovariance: covariance,
      rank: kept.count, aliased: factors.aliased)
  }
}

/// The equations `r + Ax = f, Aᵀr = g` of a factored matrix of full rank.
private struct AugmentedSystem {
  /// `A`, scaled and without aliased columns.
  let matrix: Matrix
  /// What is to be added to `A`.
  let lowParts: Matrix?
  /// The factorisation of `A`.
  let factors: OrderedQR

  struct Solution {
    var residuals: [DoubleDouble]
    var coefficients: [DoubleDouble]
  }

  /// Solves for one right-hand side, refining at most `limit` times.
  func solve(
    target: [Double], moments: [Double], limit: Int
  ) throws(LinearAlgebraError) -> Solution {
    var solution = Solution(
      residuals: [DoubleDouble](repeating: DoubleDouble(0), count: matrix.rowCount),
      coefficients: [DoubleDouble](repeating: DoubleDouble(0), count: factors.rank))
    var lastChange = Double.infinity
    for _ in 0..<limit {
      let (rowDefects, columnDefects) = defects(of: solution, target, moments)
      let (rowChanges, columnChanges) = try correction(rowDefects, columnDefects)
      var change = 0.0
      var size = 0.0
      for column in columnChanges.indices {
        change = max(change, abs(columnChanges[column]))
        size = max(size, abs(solution.coefficients[column].high))
      }
      // Past the digits of the numbers themselves the corrections stop shrinking.
      guard change < lastChange / 2 || change == 0 else { break }
      for row in rowChanges.indices {
        solution.residuals[row] = solution.residuals[row] + rowChanges[row]
      }
      for column in columnChanges.indices {
        solution.coefficients[column] = solution.coefficients[column] + columnChanges[column]
      }
      lastChange = change
      let rowChange = rowChanges.reduce(0) { max($0, abs($1)) }
      let rowSize = solution.residuals.reduce(0) { max($0, abs($1.high)) }
      if change <= 1e-26 * size, rowChange <= 1e-22 * rowSize { break }
    }
    return solution
  }

  /// `(AᵀA)⁻¹`.
  func gramInverse(refines: Bool) throws(LinearAlgebraError) -> Matrix {
    let rank = factors.rank
    var inverse = Matrix(zeroRowCount: rank, columnCount: rank)
    if refines {
      let nothing = [Double](repeating: 0, count: matrix.rowCount)
      for column in 0..<rank {
        var unit = [Double](repeating: 0, count: rank)
        unit[column] = -1
        let solution = try solve(target: nothing, moments: unit, limit: 8)
        for row in 0..<rank { inverse[row, column] = solution.coefficients[row].rounded }
      }
    } else {
      for column in 0..<rank {
        var unit = [Double](repeating: 0, count: rank)
        unit[column] = 1
        let half = try factors.solveR(unit, transposes: true)
        let whole = try factors.solveR(half, transposes: false)
        for row in 0..<rank { inverse[row, column] = whole[row] }
      }
    }
    for column in 0..<rank {
      for row in 0..<column {
        let mean = (inverse[row, column] + inverse[column, row]) / 2
        inverse[row, column] = mean
        inverse[column, row] = mean
      }
    }
    return inverse
  }

  /// `f − r − Ax` and `g − Aᵀr`, each sum with twice the digits.
  private func defects(
    of solution: Solution, _ target: [Double], _ moments: [Double]
  ) -> ([Double], [Double]) {
    let rowCount = matrix.rowCount
    var rows = target.indices.map { -solution.residuals[$0] + target[$0] }
    var columns: [Double] = []
    for column in 0..<factors.rank {
      let start = column * rowCount
      let coefficient = -solution.coefficients[column]
      var sum = DoubleDouble(moments[column])
      for row in 0..<rowCount {
        var element = DoubleDouble(matrix.columnMajor[start + row])
        if let lowParts { element = element + lowParts.columnMajor[start + row] }
        rows[row] = rows[row] + coefficient * element
        sum = sum - solution.residuals[row] * element
      }
      columns.append(sum.rounded)
    }
    return (rows.map(\.rounded), columns)
  }

  /// The solution of the system in working precision.
  private func correction(
    _ rowDefects: [Double], _ columnDefects: [Double]
  ) throws(LinearAlgebraError) -> ([Double], [Double]) {
    let rank = factors.rank
    var rotated = try factors.q(times: rowDefects, transposes: true)
    let leading = try factors.solveR(columnDefects, transposes: true)
    let coefficients = try factors.solveR(
      (0..<rank).map { rotated[$0] - leading[$0] }, transposes: false)
    for position in 0..<rank { rotated[position] = leading[position] }
    return (try factors.q(times: rotated, transposes: false), coefficients)
  }
}

/// The power of two that brings the length of a column between 1 and 2; 1 for a column of zeros.
func powerOfTwoScale(_ column: Span<Double>) -> Double {
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
