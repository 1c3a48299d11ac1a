import AlmanacCore
import Foundation
import LinearAlgebra
import Regression
import TestSupport
import Testing

/// Models without penalty, whose coefficients are in the units of the table.
@Suite struct OwnUnitsTests {
  /// A table of NIST's with columns x0, x1, … and y, and the model that its certificate is of.
  private func declared(
    _ reference: CertifiedRegression
  ) -> (table: Table, specification: ModelSpecification) {
    let width = reference.predictors.first?.count ?? 0
    var table = Table(rowCount: reference.target.count)
    for column in 0..<width {
      table.add("x\(column)", .numbers(reference.predictors.map { $0[column] }))
    }
    table.add("y", .numbers(reference.target))
    let kind: TermSpecification.Kind =
      if case .polynomial(let degree) = reference.shape {
        .polynomial(degree: degree)
      } else {
        .numeric
      }
    let terms = (0..<width).map { TermSpecification(column: "x\($0)", kind: kind) }
    return (
      table,
      ModelSpecification(target: "y", family: .linear, terms: terms, penalty: .fixed(0))
    )
  }

  @Test(
    "a declared model has NIST's certified digits, powers included",
    arguments: LinearRegressionTests.digits.filter { $0.0.shape != .throughOrigin })
  func certified(reference: CertifiedRegression, coefficients: Double, errors: Double) throws {
    let (table, specification) = declared(reference)
    let model = try specification.fit(table)
    let isFilip = reference.name == "Filip"
    let found = [model.intercept] + model.coefficients.joined()
    let worst = zip(found, reference.coefficients).map(correctDigits).min() ?? 0
    #expect(worst >= (isFilip ? 12 : coefficients), "\(reference.name): \(worst) digits")
    let worstError = zip(model.standardErrors, reference.standardErrors).map(correctDigits).min()
    #expect(
      (worstError ?? 0) >= (isFilip ? 12 : errors),
      "\(reference.name): \(worstError ?? 0) digits of standard errors")
  }

  @Test("scores on rows left out are those of fits without the row, for Filip too")
  func leftOut() throws {
    let reference = CertifiedText.filip
    let (table, specification) = declared(reference)
    let model = try specification.fit(table)
    let (high, low) = try reference.exactDesign()
    var sum = 0.0
    for row in reference.target.indices {
      let others = reference.target.indices.filter { $0 != row }
      let fitted = try LinearRegression().fit(
        high.selecting(rows: others), others.map { reference.target[$0] },
        lowParts: low.selecting(rows: others))
      var predicted = DoubleDouble(0)
      for (column, coefficient) in fitted.coefficients.enumerated() {
        let element = DoubleDouble(high[row, column]) + low[row, column]
        predicted = predicted + element * coefficient
      }
      let error = reference.target[row] - predicted.rounded
      sum += error * error
    }
    let expected = (sum / Double(reference.target.count)).squareRoot()
    let scores = try #require(model.numberScores)
    #expect(
      isClose(scores.rootMeanSquaredError, expected, relative: 1e-6),
      "\(scores.rootMeanSquaredError) and \(expected)")
  }

  @Test(
    "logistic and Poisson coefficients and errors are those of a fit of the columns as they are",
    arguments: [ModelFamily.logistic, .poisson], UInt64(0)..<3)
  func generalised(family: ModelFamily, seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var year: [Double] = []
    var size: [Double] = []
    var outcome: [Double] = []
    for row in 0..<300 {
      year.append(row % 23 == 0 ? .nan : 2000 + (random.nextUnit() * 20).rounded())
      size.append(1 + random.nextUnit() * 3)
      let curve = size[row] * (4 - size[row])
      let known = year[row].isNaN ? 0 : (year[row] - 2010) / 20
      let mean = family.mean(curve / 4 - 0.5 + known)
      outcome.append(
        family == .logistic
          ? (random.nextUnit() < mean ? 1 : 0) : (mean * 2 * random.nextUnit()).rounded())
    }
    var table = Table(rowCount: 300)
    table.add("year", .numbers(year))
    table.add("size", .numbers(size))
    table.add("y", .numbers(outcome))
    let model = try ModelSpecification(
      target: "y", family: family,
      terms: [
        TermSpecification(column: "year", kind: .numeric),
        TermSpecification(column: "size", kind: .polynomial(degree: 3)),
      ], penalty: .fixed(0)
    ).fit(table)
    let median = try #require(year.filter(\.isFinite).sorted().dropFirst(143).first)
    let columns = [
      [Double](repeating: 1, count: 300), year.map { $0.isNaN ? median : $0 },
      year.map { $0.isNaN ? 1 : 0 }, size, size.map { $0 * $0 }, size.map { $0 * $0 * $0 },
    ]
    let design = try Matrix(columns: columns)
    let reference = try GeneralizedLinearModel(
      family: family == .logistic ? .logistic : .poisson, tolerance: 1e-12
    ).fit(design, outcome)
    let found = [model.intercept] + model.coefficients.joined()
    for (left, right) in zip(found, reference.coefficients) {
      #expect(isClose(left, right, relative: 1e-7), "seed \(seed): \(left) and \(right)")
    }
    for (left, right) in zip(model.standardErrors, try #require(reference.standardErrors)) {
      #expect(isClose(left, right, relative: 1e-7), "seed \(seed): \(left) and \(right)")
    }
    let predictor = try design.times(reference.coefficients)
    for (left, right) in zip(try model.linearPredictor(table), predictor) {
      #expect(isClose(left, right, relative: 1e-8, absolute: 1e-8), "seed \(seed)")
    }
    #expect(model.terms.allSatisfy { $0.isStandardised == false })
  }

  @Test("numbers too large or too small for their coefficients' variances stay standardised")
  func extremes() throws {
    var random = SplitMix64(seed: 4)
    for (scale, degree) in [(1e300, 1), (Double.leastNormalMagnitude / 100, 1), (1e60, 2)] {
      let x = (0..<80).map { _ in scale * (random.nextUnit() + 0.1) }
      var table = Table(rowCount: 80)
      table.add("x", .numbers(x))
      table.add("y", .numbers(x.map { $0 / scale * 2 + random.nextUnit() }))
      let model = try ModelSpecification(
        target: "y", family: .linear,
        terms: [TermSpecification(column: "x", kind: .polynomial(degree: degree))],
        penalty: .fixed(0)
      ).fit(table)
      #expect(model.terms[0].isStandardised == true)
      #expect(model.standardErrors.allSatisfy { $0.isFinite && $0 > 0 })
      #expect(model.coefficients.joined().allSatisfy { $0.isFinite })
      #expect(abs(model.coefficients[0][0]) > 0.1)
    }
  }
}
