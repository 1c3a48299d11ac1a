import LinearAlgebra
import Regression
import TestSupport
import Testing

@Suite struct LinearRegressionTests {
  @Test(
    "agrees with NIST's certified values",
    arguments: [(CertifiedRegression.norris, 1e-12), (CertifiedRegression.longley, 1e-11)])
  func certified(reference: CertifiedRegression, tolerance: Double) throws {
    let fitted = try LinearRegression().fit(reference.design(), reference.target)
    for (value, expected) in zip(fitted.coefficients, reference.coefficients) {
      #expect(isClose(value, expected, relative: tolerance), "\(value) for \(expected)")
    }
    let standardErrors = try #require(fitted.standardErrors)
    for (value, expected) in zip(standardErrors, reference.standardErrors) {
      #expect(isClose(value, expected, relative: tolerance), "\(value) for \(expected)")
    }
    #expect(
      isClose(
        fitted.residualSumOfSquares, reference.residualSumOfSquares, relative: tolerance))
    #expect(
      fitted.residualDegreesOfFreedom == reference.target.count - reference.coefficients.count)
  }

  @Test("has no standard errors where the fit is exact by count")
  func saturated() throws {
    let fitted = try LinearRegression().fit(Matrix(columns: [[1, 1], [0, 1]]), [3, 5])
    #expect(fitted.standardErrors == nil)
    #expect(zip(fitted.coefficients, [3, 2]).allSatisfy { isClose($0, $1, relative: 1e-14) })
  }

  @Test("refuses a target of another length")
  func mismatch() {
    #expect(throws: RegressionError.shapeMismatch(designRows: 2, otherRows: 1)) {
      try LinearRegression().fit(Matrix(columns: [[1, 2]]), [1])
    }
  }
}

extension CertifiedRegression {
  /// The design with a column of ones in front.
  func design() throws -> Matrix {
    let width = predictors.first?.count ?? 0
    return try Matrix(
      columns: [[Double](repeating: 1, count: target.count)]
        + (0..<width).map { column in predictors.map { $0[column] } })
  }
}
