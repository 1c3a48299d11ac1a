package import LinearAlgebra

/// Settings of an ordinary or weighted least-squares fit by QR with refinement.
///
/// The slower and more precise companion of ``RidgeRegression``: it never forms the Gram matrix,
/// and solution and residuals are refined with twice the digits.
package struct LinearRegression: Equatable, Sendable {
  /// Whether a column of ones is in the design, or a combination of columns that is one; R² and F
  /// are then taken about the mean.
  package var hasIntercept: Bool

  /// Settings.
  package init(hasIntercept: Bool = true) {
    self.hasIntercept = hasIntercept
  }

  /// Fits coefficients to a target.
  ///
  /// - Parameters:
  ///   - design: one row per observation, one column per coefficient; the intercept, if wanted,
  ///     is a column of ones.
  ///   - target: one value per row.
  ///   - weights: one per row, not negative and not all zero; `nil` weighs all rows alike with 1.
  ///     A row of weight 0 is as good as absent.
  ///   - lowParts: what is to be added to the design where it is known to more than a double's
  ///     digits, as for powers.
  /// - Returns: the fitted regression; columns that are combinations of earlier ones are named in
  ///   `aliased` and have the coefficient zero.
  /// - Throws: `.shapeMismatch` unless design, target and weights have the same rows;
  ///   `.invalidWeights`; `.linearAlgebra(.notFinite)` for a NaN or an infinity.
  /// - Complexity: O(n·p²).
  package func fit(
    _ design: Matrix, _ target: [Double], weights: [Double]? = nil, lowParts: Matrix? = nil
  ) throws(RegressionError) -> FittedLinearRegression {
    guard target.count == design.rowCount else {
      throw .shapeMismatch(designRows: design.rowCount, otherRows: target.count)
    }
    try checkWeights(weights, rowCount: design.rowCount)
    return try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      let roots = weights?.map { $0.squareRoot() }
      let solution: LeastSquaresSolution
      if let roots {
        solution = try design.scaledRows(by: roots).leastSquares(
          target: target.indices.map { target[$0] * roots[$0] },
          lowParts: lowParts?.scaledRows(by: roots))
      } else {
        solution = try design.leastSquares(target: target, lowParts: lowParts)
      }
      let effectiveRows = weights?.count { $0 > 0 } ?? design.rowCount
      let residuals: [Double]
      if weights == nil {
        residuals = solution.residuals
      } else {
        let fitted = try design.times(solution.coefficients)
        residuals = target.indices.map { target[$0] - fitted[$0] }
      }
      return FittedLinearRegression(
        coefficients: solution.coefficients, unscaledCovariance: solution.unscaledCovariance,
        residuals: residuals, weights: weights,
        residualSumOfSquares: solution.residualSumOfSquares,
        totalSumOfSquares: sumOfSquares(target, weights, aboutMean: hasIntercept),
        residualDegreesOfFreedom: effectiveRows - solution.rank,
        rank: solution.rank, hasIntercept: hasIntercept, aliased: solution.aliased)
    }
  }
}

/// The weighted squares of values about their mean, or about zero.
private func sumOfSquares(
  _ values: [Double], _ weights: [Double]?, aboutMean: Bool
) -> Double {
  var mean = DoubleDouble(0)
  if aboutMean {
    var sum = DoubleDouble(0)
    var total = DoubleDouble(0)
    for row in values.indices {
      let weight = weights?[row] ?? 1
      sum = sum + DoubleDouble(values[row], times: weight)
      total = total + weight
    }
    guard total.high > 0 else { return 0 }
    mean = sum / total
  }
  var squares = DoubleDouble(0)
  for row in values.indices {
    let deviation = DoubleDouble(values[row]) - mean
    squares = squares + deviation * deviation * (weights?[row] ?? 1)
  }
  return squares.rounded
}

/// A fitted least-squares regression.
package struct FittedLinearRegression: Equatable, Sendable {
  /// One coefficient per column; zero for the columns in ``aliased``.
  package let coefficients: [Double]
  /// `(XᵀWX)⁻¹`, zero in the rows and columns of ``aliased``.
  package let unscaledCovariance: Matrix
  /// The target minus the fitted values, one per row.
  package let residuals: [Double]
  /// The weights of the fit.
  package let weights: [Double]?
  /// The weighted sum of squared residuals.
  package let residualSumOfSquares: Double
  /// The weighted squares of the target about its mean, or about zero without an intercept.
  package let totalSumOfSquares: Double
  /// Rows with a weight less rank.
  package let residualDegreesOfFreedom: Int
  /// The number of independent columns.
  package let rank: Int
  /// Whether the sums of squares are taken about the mean.
  package let hasIntercept: Bool
  /// Columns dropped as combinations of earlier ones, ascending, counted from zero.
  package let aliased: [Int]

  /// The variance of the errors; `nil` where no residual degree of freedom remains.
  package var residualVariance: Double? {
    residualDegreesOfFreedom > 0 ? residualSumOfSquares / Double(residualDegreesOfFreedom) : nil
  }

  /// One per column, zero for the columns in ``aliased``; `nil` where no residual degree of
  /// freedom remains.
  package var standardErrors: [Double]? {
    residualVariance.map { variance in
      unscaledCovariance.diagonal.map { ($0 * variance).squareRoot() }
    }
  }

  /// The covariance of the coefficients under equal variances.
  package var covariance: Matrix? {
    residualVariance.map { variance in
      var scaled = unscaledCovariance
      for column in 0..<scaled.columnCount {
        for row in 0..<scaled.rowCount { scaled[row, column] *= variance }
      }
      return scaled
    }
  }

  /// The share of the sum of squares the fit explains; `nil` for a constant target.
  package var rSquared: Double? {
    totalSumOfSquares > 0 ? 1 - residualSumOfSquares / totalSumOfSquares : nil
  }

  /// `R²` less what columns explain by chance; `nil` where no degree of freedom remains.
  package var adjustedRSquared: Double? {
    guard let rSquared, residualDegreesOfFreedom > 0 else { return nil }
    let total = residualDegreesOfFreedom + rank - (hasIntercept ? 1 : 0)
    return 1 - (1 - rSquared) * Double(total) / Double(residualDegreesOfFreedom)
  }

  /// The F statistic of all columns but the intercept, with its degrees of freedom and the
  /// probability of a larger one; `nil` where there is nothing to test.
  package var fTest: (statistic: Double, numerator: Int, denominator: Int, pValue: Double)? {
    let numerator = rank - (hasIntercept ? 1 : 0)
    guard numerator > 0, let variance = residualVariance else { return nil }
    let statistic =
      (totalSumOfSquares - residualSumOfSquares) / Double(numerator) / variance
    return (
      statistic, numerator, residualDegreesOfFreedom,
      Distributions.fUpper(statistic, Double(numerator), Double(residualDegreesOfFreedom))
    )
  }

  /// The t statistic of each coefficient and the probability of a larger one in size.
  ///
  /// - Parameter standardErrors: others than the classical ones, such as robust ones.
  /// - Returns: `nil` without standard errors; NaN in the places of ``aliased``.
  package func tTests(
    standardErrors: [Double]? = nil
  ) -> (statistics: [Double], pValues: [Double])? {
    guard let errors = standardErrors ?? self.standardErrors else { return nil }
    let statistics = coefficients.indices.map { coefficients[$0] / errors[$0] }
    return (
      statistics,
      statistics.map {
        Distributions.studentTwoSided($0, degreesOfFreedom: Double(residualDegreesOfFreedom))
      }
    )
  }

  /// Standard errors that hold where variances differ between rows (HC1).
  ///
  /// - SeeAlso: MacKinnon & White, *Journal of Econometrics* 29(3), 1985,
  ///   doi:10.1016/0304-4076(85)90158-7.
  package func robustStandardErrors(design: Matrix) throws(RegressionError) -> [Double]? {
    guard residualDegreesOfFreedom > 0 else { return nil }
    let rows = Double(residualDegreesOfFreedom + rank)
    let scores = scoreFactors()
    return try sandwich(
      meat: wrappingLinearAlgebra { () throws(LinearAlgebraError) in
        try design.scaledRows(by: scores).gram()
      }, correction: rows / Double(residualDegreesOfFreedom))
  }

  /// Standard errors that hold where rows of one group depend on each other.
  ///
  /// With the correction `G/(G − 1) · (n − 1)/(n − p)` for few groups.
  ///
  /// - Parameters:
  ///   - design: the design of the fit.
  ///   - groups: the group of each row, counted from zero.
  /// - Returns: one per column; `nil` with fewer than two groups.
  /// - Throws: `.shapeMismatch` unless there is one group per row.
  /// - SeeAlso: Liang & Zeger, *Biometrika* 73(1), 1986, doi:10.1093/biomet/73.1.13.
  package func clusteredStandardErrors(
    design: Matrix, groups: [Int]
  ) throws(RegressionError) -> [Double]? {
    guard groups.count == design.rowCount else {
      throw .shapeMismatch(designRows: design.rowCount, otherRows: groups.count)
    }
    let used = Set(groups).count
    guard used > 1, residualDegreesOfFreedom > 0 else { return nil }
    let meat = try clusteredMeat(
      columnCount: design.columnCount, column: design.column, scores: scoreFactors(),
      groups: groups)
    let rows = Double(residualDegreesOfFreedom + rank)
    let correction =
      Double(used) / Double(used - 1) * (rows - 1) / Double(residualDegreesOfFreedom)
    return try sandwich(meat: meat, correction: correction)
  }

  /// The variance inflation factor of each column, `1/(1 − R²)` of its regression on the others.
  ///
  /// By `(XᵀWX)⁻¹ⱼⱼ Σ w (xⱼ − x̄ⱼ)²`, so as precise as the fit.
  ///
  /// - Parameter design: the design of the fit, with its intercept.
  /// - Returns: one per column; infinity for the columns in ``aliased``, NaN for a constant one.
  package func inflationFactors(design: Matrix) -> [Double] {
    let dropped = Set(aliased)
    return (0..<design.columnCount).map { column in
      let squares = sumOfSquares(design.column(column), weights, aboutMean: true)
      if dropped.contains(column), squares > 0 { return .infinity }
      return squares > 0 ? unscaledCovariance[column, column] * squares : .nan
    }
  }

  private func scoreFactors() -> [Double] {
    guard let weights else { return residuals }
    return residuals.indices.map { residuals[$0] * weights[$0] }
  }

  private func sandwich(meat: Matrix, correction: Double) throws(RegressionError) -> [Double] {
    try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      try unscaledCovariance.times(meat).times(unscaledCovariance).diagonal.map {
        (max(0, $0) * correction).squareRoot()
      }
    }
  }
}

/// The variance inflation factor of each column given the others and an intercept.
///
/// The diagonal of the inverse of the columns' correlation matrix. The columns must not include
/// the intercept.
///
/// - Returns: one per column; infinity for all columns of a set that is collinear, NaN for a
///   constant column.
/// - Throws: `.linearAlgebra(.notFinite)` for a NaN or an infinity.
package func varianceInflationFactors(_ columns: Matrix) throws(RegressionError) -> [Double] {
  var centred: [[Double]] = []
  for column in 0..<columns.columnCount {
    let values = columns.column(column)
    guard let summary = UnivariateSummary(values) else { return [] }
    let length = (summary.standardDeviation ?? 0) * Double(max(1, values.count - 1)).squareRoot()
    centred.append(values.map { length > 0 ? ($0 - summary.mean) / length : 0 })
  }
  return try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
    let eigen = try SymmetricEigen(try Matrix(columns: centred).gram())
    return (0..<columns.columnCount).map { column in
      guard centred[column].contains(where: { $0 != 0 }) else { return .nan }
      var sum = 0.0
      for (index, value) in eigen.values.enumerated() {
        let loading = eigen.vectors[column, index] * eigen.vectors[column, index]
        if value > 1e-12 {
          sum += loading / value
        } else if loading > 1e-12 {
          return .infinity
        }
      }
      return sum
    }
  }
}

/// Refuses weights that are no weights.
func checkWeights(_ weights: [Double]?, rowCount: Int) throws(RegressionError) {
  guard let weights else { return }
  guard weights.count == rowCount else {
    throw .shapeMismatch(designRows: rowCount, otherRows: weights.count)
  }
  guard weights.allSatisfy({ $0.isFinite && $0 >= 0 }),
    weights.isEmpty || weights.contains(where: { $0 > 0 })
  else { throw .invalidWeights }
}
