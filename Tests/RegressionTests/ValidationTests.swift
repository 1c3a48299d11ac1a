import AlmanacCore
import Glibc
import LinearAlgebra
import TestSupport
import Testing

@testable import Regression

@Suite struct ValidationTests {
  private struct Drawn {
    var design: Matrix
    var target: [Double]
    var weights: [Double]
  }

  private func drawn(_ family: ModelFamily, seed: UInt64, rows: Int) throws -> Drawn {
    var random = SplitMix64(seed: seed)
    let columns = (0..<4).map { _ in (0..<rows).map { _ in random.nextUnit() * 4 - 2 } }
    let target = (0..<rows).map { row in
      let predictor = columns[0][row] - columns[1][row] / 2
      return family == .linear
        ? predictor + random.nextUnit() * 4
        : random.nextUnit() < ModelFamily.logistic.mean(predictor) ? 1.0 : 0
    }
    return Drawn(
      design: try Matrix(columns: [[Double](repeating: 1, count: rows)] + columns), target: target,
      weights: (0..<rows).map { _ in random.nextUnit() + 0.5 })
  }

  private let penalties = (0..<10).map { 300 / Double(1 << (2 * $0)) }

  private func path(_ family: ModelFamily, _ drawn: Drawn) -> PenaltyPath {
    PenaltyPath(
      family: family, design: drawn.design, target: drawn.target, weights: drawn.weights,
      penaltyFactors: [0, 1, 1, 1, 1], fixedPenalties: [0, 0, 0, 0, 0], jobs: 1,
      judgedRows: 10_000)
  }

  @Test(
    "rare outcomes and long tails do not lead away from the maximum", arguments: UInt64(0)..<40)
  func rareOutcomes(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let rows = 2_000
    func normal() -> Double {
      (-2 * log(1 - random.nextUnit())).squareRoot() * cos(2 * .pi * random.nextUnit())
    }
    var columns = [[Double](repeating: 1, count: rows)]
    for spread in 1...8 {
      let values = (0..<rows).map { _ in exp(Double(spread) / 2 * normal()) }
      let (mean, deviation) = moments(values)
      columns.append(values.map { ($0 - mean) / deviation })
    }
    let target = (0..<rows).map { row in
      let predictor = columns[1...].enumerated().reduce(-4.0) { sum, column in
        sum + (column.offset % 2 == 0 ? 1.5 : -1.5) * column.element[row]
      }
      return random.nextUnit() < ModelFamily.logistic.mean(predictor) ? 1.0 : 0
    }
    let design = try Matrix(columns: columns)
    let factors = [0.0] + [Double](repeating: 1, count: 8)
    let path = PenaltyPath(
      family: .logistic, design: design, target: target, weights: nil, penaltyFactors: factors,
      fixedPenalties: [Double](repeating: 0, count: 9), jobs: 1, judgedRows: 10_000)
    let zeros = [Double](repeating: 0, count: 9)
    let (found, _) = try path.minimise(penalty: 0.1, start: zeros, curvature: nil)
    let model = GeneralizedLinearModel(
      family: .logistic, penalty: 0.1, penaltyFactors: factors, tolerance: 1e-9, jobs: 1)
    let fitted = try model.fit(design, target)
    #expect(fitted.status == .converged)
    for (left, right) in zip(found, fitted.coefficients) {
      #expect(abs(left - right) < 1e-3 * (1 + abs(right)), "seed \(seed)")
    }
    // A start from which no step leads back is left.
    let far = try model.fit(
      design, target, start: found.enumerated().map { $0 == 0 ? -2e9 : $1 })
    #expect(far.status == .converged)
    #expect(far.logLikelihood >= fitted.logLikelihood - 1e-6, "seed \(seed)")
  }

  @Test(
    "the approximate penalty is within one grid step of the exact one",
    arguments: [ModelFamily.logistic, .poisson, .linear], UInt64(0)..<4)
  func oneGridStep(family: ModelFamily, seed: UInt64) throws {
    let drawn = try drawn(family, seed: seed, rows: 60)
    let start = [Double](repeating: 0, count: 5)
    let quick = try path(family, drawn).points(penalties: penalties, start: start)
    let exact = try path(family, drawn).points(
      penalties: penalties, start: start,
      plan: ValidationPlan(folds: 60, rowCount: 60, seed: seed))
    let found = try #require(quick.indices.min { quick[$0].loss < quick[$1].loss })
    let best = try #require(exact.indices.min { exact[$0].loss < exact[$1].loss })
    #expect(abs(found - best) <= 1, "seed \(seed): steps \(found) and \(best)")
    if family == .linear {
      #expect(isClose(quick[found].loss, exact[found].loss, relative: 1e-9))
    }
  }

  @Test("one pass judges a ridge as fits without the rows do", arguments: UInt64(0)..<4)
  func ridge(seed: UInt64) throws {
    let drawn = try drawn(.linear, seed: seed, rows: 90)
    let plan = ValidationPlan(folds: 5, rowCount: 90, seed: seed)
    let validation = try RidgeValidation(
      design: drawn.design, target: drawn.target, weights: drawn.weights, plan: plan, jobs: 1)
    let again = try RidgeValidation(
      design: drawn.design, target: drawn.target, weights: drawn.weights, plan: plan, jobs: 7)
    for penalty in [0.1, 10.0] {
      var sum = 0.0
      for fold in plan.folds {
        let training = (0..<90).filter { fold.training.contains(plan.blocks[$0]) }
        let fitted = try RidgePath(
          design: drawn.design.selecting(rows: training),
          weights: training.map { drawn.weights[$0] }
        ).fit(training.map { drawn.target[$0] }, penalty: penalty)
        for row in 0..<90 where plan.blocks[row] == fold.judged {
          let predicted = try drawn.design.selecting(rows: [row]).times(fitted.coefficients)[0]
          sum +=
            drawn.weights[row] * (drawn.target[row] - predicted)
            * (drawn.target[row] - predicted)
        }
      }
      let mean = sum / drawn.weights.reduce(0, +)
      let penalties = [Double](repeating: penalty, count: 5)
      #expect(isClose(try validation.meanSquaredError(penalties: penalties), mean, relative: 1e-10))
      #expect(
        try again.meanSquaredError(penalties: penalties)
          == validation.meanSquaredError(penalties: penalties))
    }
  }

  @Test("plans keep groups together, and judge windows by earlier rows", arguments: UInt64(0)..<8)
  func plans(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let groups = (0..<200).map { _ in "g\(random.next() % 30)" as String? }
    let grouped = ValidationPlan(groups: groups, folds: 4, seed: seed)
    for label in Set(groups) {
      #expect(
        Set(groups.indices.filter { groups[$0] == label }.map { grouped.blocks[$0] }).count == 1)
    }
    #expect(grouped == ValidationPlan(groups: groups, folds: 4, seed: seed))
    #expect(grouped.blockCount == 4 && grouped.judgedRows.count == 200)
    let times = (0..<200).map { _ in Double(random.next() % 40) }
    let rolling = ValidationPlan(times: times, origins: 5)
    #expect(rolling.folds.count == 5)
    for fold in rolling.folds {
      let before = times.indices.filter { fold.training.contains(rolling.blocks[$0]) }
      let after = times.indices.filter { rolling.blocks[$0] == fold.judged }
      #expect(before.map { times[$0] }.max() ?? 0 < after.map { times[$0] }.min() ?? 0)
    }
    let folds = ValidationPlan(folds: 7, rowCount: 200, seed: seed)
    let sizes = (0..<7).map { fold in folds.blocks.count { $0 == fold } }
    #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
  }

  @Test("a declared validation judges the model by its own folds")
  func declared() throws {
    var random = SplitMix64(seed: 3)
    var table = Table(rowCount: 600)
    let x = (0..<600).map { _ in random.nextUnit() * 4 - 2 }
    table.add("x", .numbers(x))
    table.add("day", .numbers((0..<600).map { Double($0 / 3) }))
    table.add("who", .numbers((0..<600).map { Double($0 % 50) }))
    table.add(
      "y", .numbers(x.map { random.nextUnit() < ModelFamily.logistic.mean($0) ? 1 : 0 }))
    for (validation, judged) in [
      (Validation.folds(5, seed: 1), 600), (.grouped(column: "who", folds: 5, seed: 1), 600),
      (.rolling(column: "day", origins: 3), 450),
    ] {
      let model = try ModelSpecification(
        target: "y", terms: [TermSpecification(column: "x", kind: .numeric)],
        validation: validation
      ).fit(table, jobs: 2)
      #expect(model.scores?.count == judged)
      #expect(model.coefficients[0][0] > 0)
    }
    #expect(throws: RegressionError.missingColumn("no")) {
      try ModelSpecification(target: "y", validation: .grouped(column: "no", folds: 5, seed: 1))
        .fit(table)
    }
  }
}
