import LinearAlgebra

/// What a least-squares fit without penalty says of itself.
package struct LeastSquaresSummary: Codable, Equatable, Sendable {
  /// The deviation of the errors, in units of the target; `nil` where no degree of freedom remains.
  package var residualDeviation: Double?
  /// Rows with a weight less rank.
  package var residualDegreesOfFreedom: Int
  /// The share of the sum of squares about the mean that the fit explains; `nil` for a constant
  /// target.
  package var rSquared: Double?
  /// ``rSquared`` less what columns explain by chance.
  package var adjustedRSquared: Double?
  /// The F statistic of all terms; `nil` where there is nothing to test, or no error.
  package var fStatistic: Double?
  /// The number of independent columns that it tests.
  package var testedDegreesOfFreedom: Int
  /// The probability of a larger statistic where no column matters.
  package var pValue: Double?
  /// The variance inflation factor of each coefficient but the intercept.
  ///
  /// `nil` for a column that is a combination of earlier ones, whose factor has no bound.
  package var inflationFactors: [Double?]

  /// The summary of a fit of a design whose first column is of ones.
  init(_ fitted: FittedLinearRegression, design: Matrix) {
    residualDeviation = fitted.residualVariance.map { $0.squareRoot() }
    residualDegreesOfFreedom = fitted.residualDegreesOfFreedom
    rSquared = fitted.rSquared
    adjustedRSquared = fitted.adjustedRSquared
    let test = fitted.fTest
    // JSON has no infinity: a fit without any error has no statistic.
    fStatistic = test.flatMap { $0.statistic.isFinite ? $0.statistic : nil }
    testedDegreesOfFreedom = fitted.rank - 1
    pValue = fStatistic == nil ? nil : test?.pValue
    inflationFactors = fitted.inflationFactors(design: design).dropFirst().map {
      $0.isFinite ? $0 : nil
    }
  }
}
