import AlmanacCore
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

  /// Four columns, the last of which is nearly the sum of the first two, and a target.
  private func nearlyCollinear(_ seed: UInt64) -> (columns: [[Double]], target: [Double]) {
    var random = SplitMix64(seed: seed)
    var columns = [[Double]](repeating: [], count: 4)
    var target: [Double] = []
    for _ in 0..<60 {
      let row = (0..<3).map { _ in random.nextUnit() * 5 }
      for column in 0..<3 { columns[column].append(row[column]) }
      columns[3].append(row[0] + row[1] + random.nextUnit())
      target.append(row[0] - row[2] + random.nextUnit())
    }
    return (columns, target)
  }

  @Test(
    "variance inflation is 1/(1 − R²) of each column's regression on the others",
    arguments: UInt64(0)..<4)
  func inflation(seed: UInt64) throws {
    let (columns, target) = nearlyCollinear(seed)
    let ones = [Double](repeating: 1, count: 60)
    let weights = (0..<60).map { Double($0 % 4) + 0.5 }
    for weights in [nil, weights] {
      let design = try Matrix(columns: [ones] + columns)
      let found = try LinearRegression().fit(design, target, weights: weights)
        .inflationFactors(design: design)
      #expect(found[0].isNaN)
      for column in 0..<4 {
        let others = columns.indices.filter { $0 != column }.map { columns[$0] }
        let share = try #require(
          try LinearRegression().fit(
            Matrix(columns: [ones] + others), columns[column], weights: weights
          ).rSquared)
        let expected = 1 / (1 - share)
        #expect(isClose(found[column + 1], expected, relative: 1e-11), "seed \(seed)")
        if weights == nil {
          let alone = try varianceInflationFactors(Matrix(columns: columns))
          #expect(isClose(alone[column], expected, relative: 1e-9), "seed \(seed)")
        }
      }
    }
  }

  @Test("an exactly collinear column has no bound of its variance, and is named")
  func collinear() throws {
    let (drawn, target) = nearlyCollinear(9)
    // Eighths are exact, so the last column is exactly a combination of the first two.
    let coarse = drawn.map { $0.map { ($0 * 8).rounded() / 8 } }
    let columns = [coarse[0], coarse[1], coarse[2], zip(coarse[0], coarse[1]).map { $0 - 2 * $1 }]
    let factors = try varianceInflationFactors(Matrix(columns: columns))
    for column in [0, 1, 3] { #expect(factors[column] == .infinity) }
    #expect(factors[2] > 1 && factors[2] < 2)
    var table = Table(rowCount: target.count)
    for (column, name) in ["first", "second", "third", "fourth"].enumerated() {
      table.add(name, .numbers(columns[column]))
    }
    table.add("y", .numbers(target))
    let model = try ModelSpecification(
      target: "y",
      terms: ["first", "second", "third", "fourth"].map {
        TermSpecification(column: $0, kind: .numeric)
      }, penalty: .fixed(0)
    ).fit(table)
    #expect(
      model.notes.contains("fourth is a combination of earlier columns and has no coefficient"))
    #expect(model.coefficients[3] == [0])
    let summary = try #require(model.leastSquares)
    #expect(summary.residualDegreesOfFreedom == 56 && summary.testedDegreesOfFreedom == 3)
    let kept = try varianceInflationFactors(Matrix(columns: Array(columns.prefix(3))))
    #expect(summary.inflationFactors.count == 4 && summary.inflationFactors[3] == nil)
    for (left, right) in zip(summary.inflationFactors.prefix(3), kept) {
      let factor = try #require(left)
      #expect(isClose(factor, right, relative: 1e-10))
    }
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
