import Glibc
import LinearAlgebra
import Regression
import TestSupport
import Testing

func logarithm10(_ value: Double) -> Double { log10(value) }

@Suite struct LinearRegressionTests {
  /// The set, and the digits of the worst coefficient and the worst standard error.
  static let digits: [(CertifiedRegression, Double, Double)] = [
    (CertifiedText.norris, 13, 12), (CertifiedText.pontius, 13, 12),
    (CertifiedText.noInt1, 14, 12), (CertifiedText.noInt2, 14, 12),
    (CertifiedText.wampler1, 14, 12), (CertifiedText.wampler2, 12.5, 12),
    (CertifiedText.wampler3, 14, 12), (CertifiedText.wampler4, 14, 12),
    (CertifiedText.wampler5, 14, 12), (CertifiedText.longley, 13.5, 12),
    (CertifiedText.filip, 7.5, 7),
  ]

  @Test("has NIST's certified digits from columns of doubles", arguments: digits)
  func certified(reference: CertifiedRegression, coefficients: Double, errors: Double) throws {
    try expectDigits(reference, coefficients, errors, exact: false)
  }

  @Test("has the digits of Filip where powers are carried to twice the digits")
  func exactPowers() throws {
    try expectDigits(CertifiedText.filip, 12, 12, exact: true)
    try expectDigits(CertifiedText.wampler5, 14, 12, exact: true)
  }

  private func expectDigits(
    _ reference: CertifiedRegression, _ coefficients: Double, _ errors: Double, exact: Bool
  ) throws {
    let (high, low) = try reference.exactDesign()
    let fitted = try LinearRegression(hasIntercept: reference.shape != .throughOrigin).fit(
      high, reference.target, lowParts: exact ? low : nil)
    #expect(fitted.aliased.isEmpty)
    let worst = zip(fitted.coefficients, reference.coefficients).map(correctDigits).min() ?? 0
    #expect(worst >= coefficients, "\(reference.name): \(worst) digits")
    let standardErrors = try #require(fitted.standardErrors)
    let worstError = zip(standardErrors, reference.standardErrors).map(correctDigits).min() ?? 0
    #expect(worstError >= errors, "\(reference.name): \(worstError) digits of standard errors")
    let rSquared = try #require(fitted.rSquared)
    #expect(
      isClose(rSquared, reference.rSquared, relative: reference.name == "Filip" ? 1e-9 : 1e-13))
    if reference.fStatistic.isFinite {
      let test = try #require(fitted.fTest)
      #expect(isClose(test.statistic, reference.fStatistic, relative: 1e-7))
    }
  }

  @Test(
    "has NIST's certified digits of mean, deviation and autocorrelation",
    arguments: [
      (CertifiedText.lew, 13.0, 13.0), (CertifiedText.lottery, 13, 13),
      (CertifiedText.mavro, 12.5, 13), (CertifiedText.michelso, 13, 13),
      (CertifiedSummary.accuracy[0], 13, 13), (CertifiedSummary.accuracy[1], 13, 13),
      (CertifiedSummary.accuracy[2], 9, 12), (CertifiedSummary.accuracy[3], 8, 10.5),
    ])
  func summaries(reference: CertifiedSummary, deviation: Double, correlation: Double) throws {
    let summary = try #require(UnivariateSummary(reference.values))
    #expect(correctDigits(summary.mean, reference.mean) >= 14)
    let worst = correctDigits(try #require(summary.standardDeviation), reference.standardDeviation)
    #expect(worst >= deviation, "\(worst) digits")
    let lag = correctDigits(
      try #require(summary.lagOneAutocorrelation), reference.autocorrelation)
    #expect(lag >= correlation, "\(lag) digits")
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
