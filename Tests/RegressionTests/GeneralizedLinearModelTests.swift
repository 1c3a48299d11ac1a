import AlmanacCore
import LinearAlgebra
import Regression
import TestSupport
import Testing

@Suite struct GeneralizedLinearModelTests {
  /// Rows with two predictors and an outcome drawn from known coefficients.
  private func sample(
    _ seed: UInt64, rows: Int
  ) throws -> (design: Matrix, outcomes: [Double]) {
    var random = SplitMix64(seed: seed)
    var columns = [[Double](repeating: 1, count: rows), [], []]
    var outcomes: [Double] = []
    for _ in 0..<rows {
      let first = random.nextUnit() * 4 - 2
      let second = random.nextUnit() * 2000
      columns[1].append(first)
      columns[2].append(second)
      let mean = ModelFamily.logistic.mean(-0.5 + first - second / 2000)
      outcomes.append(random.nextUnit() < mean ? 1 : 0)
    }
    return (try Matrix(columns: columns), outcomes)
  }

  @Test("is the closed form for one group of two", arguments: [(7.0, 13.0, 9.0, 4.0)])
  func twoByTwo(yesA: Double, noA: Double, yesB: Double, noB: Double) throws {
    let design = try Matrix(columns: [[1, 1, 1, 1], [0, 0, 1, 1]])
    let fitted = try GeneralizedLinearModel(family: .logistic).fit(
      design, [1, 0, 1, 0], weights: [yesA, noA, yesB, noB])
    #expect(fitted.status == .converged)
    let base = logOdds(yesA, noA)
    #expect(isClose(fitted.coefficients[0], base, relative: 1e-12))
    #expect(isClose(fitted.coefficients[1], logOdds(yesB, noB) - base, relative: 1e-12))
    let errors = try #require(fitted.standardErrors)
    #expect(isClose(errors[0], (1 / yesA + 1 / noA).squareRoot(), relative: 1e-12))
    #expect(
      isClose(errors[1], (1 / yesA + 1 / noA + 1 / yesB + 1 / noB).squareRoot(), relative: 1e-12))
  }

  private func logOdds(_ yes: Double, _ no: Double) -> Double { logit(yes / (yes + no)) }

  @Test("has a gradient of zero, whatever the penalty", arguments: UInt64(0)..<8)
  func stationary(seed: UInt64) throws {
    let (design, outcomes) = try sample(seed, rows: 400)
    let penalty = [0, 0.1, 3, 50][Int(seed % 4)]
    let fitted = try GeneralizedLinearModel(
      family: .logistic, penalty: penalty, penaltyFactors: [0, 1, 1]
    ).fit(design, outcomes)
    #expect(fitted.status == .converged)
    let means = try design.times(fitted.coefficients).map { ModelFamily.logistic.mean($0) }
    let gradient = try design.transposedTimes(outcomes.indices.map { outcomes[$0] - means[$0] })
    for column in 0..<3 {
      let pull = column == 0 ? 0 : penalty * fitted.coefficients[column]
      #expect(isClose(gradient[column], pull, relative: 1e-7, absolute: 1e-6))
    }
  }

  @Test("counts a row of weight 2 as two rows, and one of weight 0 as none")
  func weights() throws {
    let (design, outcomes) = try sample(11, rows: 120)
    let weights = outcomes.indices.map { Double($0 % 3) }
    let repeated = outcomes.indices.flatMap { row in (0..<(row % 3)).map { _ in row } }
    let model = GeneralizedLinearModel(family: .logistic)
    let weighted = try model.fit(design, outcomes, weights: weights)
    let plain = try model.fit(
      design.selecting(rows: repeated), repeated.map { outcomes[$0] })
    for (left, right) in zip(weighted.coefficients, plain.coefficients) {
      #expect(isClose(left, right, relative: 1e-9))
    }
  }

  @Test("Poisson with an offset is the closed form for one mean")
  func poisson() throws {
    let exposure = [1.0, 2, 4]
    let fitted = try GeneralizedLinearModel(family: .poisson).fit(
      Matrix(columns: [[1, 1, 1]]), [2, 3, 9], offset: exposure.map { logit($0 / (1 + $0)) })
    #expect(isClose(fitted.coefficients[0], 0.6931471805599453, relative: 1e-11))
  }

  @Test("names what separates the classes and falls back on Firth's penalty")
  func separation() throws {
    let noise = [0.3, -0.2, 0.1, 0.4, -0.5, 0.2, -0.1, 0.6, -0.3, 0.1]
    let divider = (0..<10).map { Double($0) }
    let outcomes = divider.map { $0 < 5 ? 0.0 : 1.0 }
    let design = try Matrix(columns: [[Double](repeating: 1, count: 10), noise, divider])
    let fitted = try GeneralizedLinearModel(family: .logistic).fit(design, outcomes)
    guard case .complete(let columns) = fitted.separation else {
      Issue.record("\(String(describing: fitted.separation))")
      return
    }
    #expect(columns.contains(2))
    #expect(fitted.usedFirth && fitted.status == .converged)
    #expect(fitted.coefficients.allSatisfy { $0.isFinite && abs($0) < 20 })
    let never = try GeneralizedLinearModel(family: .logistic, firth: .never).fit(design, outcomes)
    #expect(never.separation != nil && !never.usedFirth)
    #expect(never.coefficients.allSatisfy { $0.isFinite })
  }

  @Test("Firth's estimate of one proportion adds half a row to each side")
  func firthProportion() throws {
    let fitted = try GeneralizedLinearModel(family: .logistic, firth: .always).fit(
      Matrix(columns: [[1, 1, 1, 1, 1]]), [1, 0, 0, 0, 0])
    #expect(isClose(fitted.coefficients[0], logOdds(1.5, 4.5), relative: 1e-7))
  }

  @Test("leaves out the later of two columns without penalty that are equal")
  func collinear() throws {
    let (design, outcomes) = try sample(4, rows: 200)
    let twice = try Matrix(columns: [0, 1, 1, 2].map { design.column($0) })
    let fitted = try GeneralizedLinearModel(family: .logistic).fit(twice, outcomes)
    let plain = try GeneralizedLinearModel(family: .logistic).fit(design, outcomes)
    #expect(fitted.aliased == [2])
    #expect(isClose(fitted.coefficients[3], plain.coefficients[2], relative: 1e-8))
  }

  @Test(
    "ends where rounding keeps steps from a tolerance, and has converged", arguments: UInt64(0)..<4)
  func rounding(seed: UInt64) throws {
    let (design, outcomes) = try sample(seed, rows: 3_000)
    let settings = GeneralizedLinearModel(family: .logistic, penalty: 1, tolerance: 1e-300)
    let fitted = try settings.fit(design, outcomes)
    #expect(fitted.status == .converged && fitted.iterations < 20, "seed \(seed)")
    var usual = settings
    usual.tolerance = 1e-12
    let found = try usual.fit(design, outcomes).coefficients
    for (one, other) in zip(found, fitted.coefficients) {
      #expect(isClose(one, other, relative: 1e-9), "seed \(seed)")
    }
  }

  @Test("gives the same bytes for any number of threads")
  func jobs() throws {
    let (design, outcomes) = try sample(8, rows: 40_000)
    let fits = try [1, 2, 7].map { jobs in
      try GeneralizedLinearModel(family: .logistic, jobs: jobs).fit(design, outcomes)
    }
    #expect(fits[0] == fits[1] && fits[1] == fits[2])
  }

  @Test("refuses targets outside the family and numbers that are not finite")
  func badInput() throws {
    let design = try Matrix(columns: [[1, 1]])
    #expect(throws: RegressionError.invalidTarget(.logistic)) {
      try GeneralizedLinearModel(family: .logistic).fit(design, [0, 2])
    }
    #expect(throws: RegressionError.invalidTarget(.poisson)) {
      try GeneralizedLinearModel(family: .poisson).fit(design, [-1, 2])
    }
    #expect(throws: RegressionError.linearAlgebra(.notFinite)) {
      try GeneralizedLinearModel(family: .logistic).fit(
        Matrix(columns: [[1, .nan]]), [0, 1])
    }
  }
}
