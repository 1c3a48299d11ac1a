package import LinearAlgebra

/// Settings of an ordinary least-squares fit by QR with column pivoting.
///
/// The slower and more precise companion of ``RidgeRegression``: it never forms the Gram matrix,
/// so it loses no more digits than the condition number of the design itself costs.
package struct LinearRegression: Equatable, Sendable {
  /// Settings; there is nothing to set.
  package init() {}

  /// Fits coefficients to a target.
  ///
  /// - Parameters:
  ///   - design: one row per observation, one column per coefficient; the intercept, if wanted,
  ///     is a column of ones.
  ///   - target: one value per row.
  /// - Returns: the fitted regression; columns that are combinations of others are named in
  ///   `aliased` and have the coefficient zero.
  /// - Throws: `.shapeMismatch` unless design and target have the same rows;
  ///   `.linearAlgebra(.notFinite)` for a NaN or an infinity.
  /// - Complexity: O(n·p²).
  package func fit(
    _ design: Matrix, _ target: [Double]
  ) throws(RegressionError) -> FittedLinearRegression {
    guard target.count == design.rowCount else {
      throw .shapeMismatch(designRows: design.rowCount, otherRows: target.count)
    }
    let solution = try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      try design.leastSquares(target: target)
    }
    let sumOfSquares = solution.residuals.reduce(0) { $0 + $1 * $1 }
    let remaining = design.rowCount - solution.rank
    let residualVariance = remaining > 0 ? sumOfSquares / Double(remaining) : nil
    return FittedLinearRegression(
      coefficients: solution.coefficients,
      standardErrors: residualVariance.map { variance in
        solution.unscaledVariances.map { ($0 * variance).squareRoot() }
      },
      residuals: solution.residuals, residualSumOfSquares: sumOfSquares,
      residualDegreesOfFreedom: remaining, aliased: solution.aliased)
  }
}

/// A fitted ordinary least-squares regression.
package struct FittedLinearRegression: Equatable, Sendable {
  /// One coefficient per column; zero for the columns in ``aliased``.
  package let coefficients: [Double]
  /// One per column, zero for the columns in ``aliased``; `nil` where no residual degree of
  /// freedom remains.
  package let standardErrors: [Double]?
  /// The target minus the fitted values, one per row.
  package let residuals: [Double]
  /// The sum of squared residuals.
  package let residualSumOfSquares: Double
  /// Rows less rank.
  package let residualDegreesOfFreedom: Int
  /// Columns dropped as combinations of the others, ascending, counted from zero.
  package let aliased: [Int]
}
