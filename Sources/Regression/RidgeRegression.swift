package import LinearAlgebra

/// Settings of a ridge-penalised least-squares fit.
///
/// The fit minimises `Σ wᵢ (yᵢ − xᵢβ)² + λ Σ fⱼ sⱼ² βⱼ²`, with `λ` the penalty, `fⱼ` the penalty
/// factor of a column and `sⱼ` its scale: the column's weighted root mean square where
/// ``standardisesColumns`` is set, and 1 otherwise. No intercept is added; a column of ones with
/// factor 0 is one.
///
/// - SeeAlso: Hoerl & Kennard, *Technometrics* 12(1), 1970, doi:10.1080/00401706.1970.10488634.
package struct RidgeRegression: Equatable, Sendable {
  /// `λ`; zero gives ordinary least squares.
  ///
  /// Its unit is that of a sum of weights: the same `λ` counts for less as rows are added.
  package var penalty: Double
  /// The penalty factor of each column, or `nil` to penalise all alike with 1.
  ///
  /// With 0 a column is free of penalty.
  package var penaltyFactors: [Double]?
  /// Whether a column's penalty is made independent of its unit.
  package var standardisesColumns: Bool

  /// Settings with the given penalty.
  package init(
    penalty: Double, penaltyFactors: [Double]? = nil, standardisesColumns: Bool = false
  ) {
    self.penalty = penalty
    self.penaltyFactors = penaltyFactors
    self.standardisesColumns = standardisesColumns
  }

  /// Fits coefficients to a target by a Cholesky factorisation of the normal equations.
  ///
  /// - Parameters:
  ///   - design: one row per observation, one column per coefficient.
  ///   - target: one value per row.
  ///   - weights: one per row, not negative; `nil` weighs all rows alike with 1.
  /// - Returns: the fitted regression, with coefficients in units of target per unit of column.
  /// - Throws: `.shapeMismatch`, `.penaltyFactorCount`, `.invalidPenalty` or `.invalidWeights` for
  ///   inputs that do not fit; `.linearAlgebra(.notPositiveDefinite)` for collinear columns with no
  ///   penalty on them; `.linearAlgebra(.notFinite)` for a NaN or an infinity.
  /// - Complexity: O(n·p² + p³).
  package func fit(
    _ design: Matrix, _ target: [Double], weights: [Double]? = nil
  ) throws(RegressionError) -> FittedRidgeRegression {
    try RidgePath(
      design: design, weights: weights, penaltyFactors: penaltyFactors,
      standardisesColumns: standardisesColumns
    ).fit(target, penalty: penalty)
  }
}

/// A fitted ridge regression.
package struct FittedRidgeRegression: Equatable, Sendable {
  /// `β`, one per column of the design.
  package let coefficients: [Double]
  /// The square roots of the diagonal of `σ² A⁻¹GA⁻¹`, with `G = XᵀWX` and `A = G + λD`.
  ///
  /// They say how the estimate scatters around its own mean; the bias of the penalty is not in
  /// them. `nil` where no residual degree of freedom remains.
  package let standardErrors: [Double]?
  /// The penalty of the fit.
  package let penalty: Double
  /// The target minus the fitted values, one per row.
  package let residuals: [Double]
  /// The weighted sum of squared residuals.
  package let residualSumOfSquares: Double
  /// The trace of `A⁻¹G`: the number of columns without penalty, less with one.
  package let effectiveDegreesOfFreedom: Double

  /// The fitted values for new rows.
  ///
  /// Throws `.linearAlgebra(.shapeMismatch)` unless the design has one column per coefficient.
  package func predict(_ design: Matrix) throws(RegressionError) -> [Double] {
    try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      try design.times(coefficients)
    }
  }
}
