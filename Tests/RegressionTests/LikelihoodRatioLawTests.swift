import AlmanacCore
import Foundation
import TestSupport
import Testing

@testable import Regression

/// Likelihood-ratio tests of terms and models, held against closed forms and against each other.
@Suite struct LikelihoodRatioLawTests {
  /// A table of categories, one text column per name, and an outcome.
  private func table(_ columns: [(String, [Int])], _ outcome: [Double]) -> Table {
    var table = Table(rowCount: outcome.count)
    for (name, levels) in columns {
      let count = (levels.max() ?? 0) + 1
      table.add(
        name,
        .texts(codes: levels.map { Int32($0) }, levels: (0..<count).map { "level \($0)" }))
    }
    table.add("y", .numbers(outcome))
    return table
  }

  private func fit(
    _ table: Table, _ family: ModelFamily, _ names: [String],
    penalty: ModelSpecification.Penalty = .fixed(0), weight: String? = nil, offset: String? = nil,
    jobs: Int? = nil
  ) throws -> FittedModel {
    try ModelSpecification(
      target: "y", family: family,
      terms: names.map {
        TermSpecification(column: $0, kind: .categorical(minimumCount: 1, maximumLevels: 50))
      }, weight: weight, penalty: penalty, interactions: false, offset: offset
    ).fit(table, jobs: jobs)
  }

  /// Rows of two categories, the second of which depends on the first.
  private func drawn(
    _ family: ModelFamily, seed: UInt64
  ) -> (columns: [(String, [Int])], outcome: [Double]) {
    var random = SplitMix64(seed: seed)
    var first: [Int] = []
    var second: [Int] = []
    var outcome: [Double] = []
    for _ in 0..<400 {
      let kind = Int(random.next() % 4)
      let other = random.nextUnit() < 0.6 ? kind % 3 : Int(random.next() % 3)
      first.append(kind)
      second.append(other)
      let predictor = Double(kind) / 4 - Double(other) / 3
      outcome.append(
        family == .logistic
          ? (random.nextUnit() < family.mean(predictor) ? 1 : 0)
          : (family.mean(predictor) * 3 * random.nextUnit()).rounded())
    }
    return ([("a", first), ("b", second)], outcome)
  }

  @Test("of one category it is the closed form of a contingency table", arguments: UInt64(0)..<4)
  func contingency(seed: UInt64) throws {
    let (columns, outcome) = drawn(.logistic, seed: seed)
    let model = try fit(table(columns, outcome), .logistic, ["a"])
    var expected = 0.0
    for value in [0.0, 1] {
      let share = Double(outcome.count { $0 == value }) / 400
      for level in 0..<4 {
        let rows = columns[0].1.indices.filter { columns[0].1[$0] == level }
        let count = Double(rows.count { outcome[$0] == value })
        if count > 0 { expected += 2 * count * log(count / (Double(rows.count) * share)) }
      }
    }
    let tests = try #require(model.likelihoodRatios)
    let term = try #require(tests.terms.first ?? nil)
    #expect(term.degreesOfFreedom == 3 && tests.reason == nil)
    #expect(isClose(term.statistic, expected, relative: 1e-9), "seed \(seed)")
    let whole = try #require(tests.model)
    #expect(isClose(whole.statistic, expected, relative: 1e-9))
    #expect(
      isClose(
        term.pValue, Distributions.chiSquareUpper(expected, degreesOfFreedom: 3), relative: 1e-8))
  }

  @Test(
    "a term's statistic is what the model loses without it, with weights and an offset",
    arguments: [ModelFamily.logistic, .poisson], UInt64(0)..<3)
  func differences(family: ModelFamily, seed: UInt64) throws {
    let (columns, outcome) = drawn(family, seed: seed)
    var rows = table(columns, outcome)
    rows.add("w", .numbers(outcome.indices.map { Double($0 % 3) + 1 }))
    rows.add("o", .numbers(outcome.indices.map { Double($0 % 5) / 10 }))
    func tests(_ names: [String]) throws -> LikelihoodRatioTests {
      try #require(
        try fit(rows, family, names, weight: "w", offset: "o").likelihoodRatios)
    }
    let both = try tests(["a", "b"])
    let whole = try #require(both.model)
    #expect(whole.degreesOfFreedom == 5)
    for (index, other) in ["b", "a"].enumerated() {
      let test = try #require(both.terms[index])
      let rest = try #require(try tests([other]).model)
      #expect(test.degreesOfFreedom == [3, 2][index])
      #expect(
        isClose(test.statistic, whole.statistic - rest.statistic, relative: 1e-8, absolute: 1e-8),
        "seed \(seed)")
    }
  }

  @Test("degrees of freedom are those that the other terms leave")
  func aliased() throws {
    let (columns, outcome) = drawn(.logistic, seed: 8)
    let coarse = columns[0].1.map { $0 / 2 }
    let model = try fit(
      table([columns[0], ("half", coarse)], outcome), .logistic, ["a", "half"])
    #expect(model.notes.contains { $0.hasPrefix("half=level") && $0.contains("combination") })
    let tests = try #require(model.likelihoodRatios)
    let whole = try #require(tests.model)
    #expect(whole.degreesOfFreedom == 3)
    let alone = try #require(
      try fit(table([("half", coarse)], outcome), .logistic, ["half"]).likelihoodRatios?.model)
    let term = try #require(tests.terms[0])
    #expect(term.degreesOfFreedom == 2 && tests.terms[1] == nil)
    #expect(tests.missing == [nil, .redundant])
    #expect(isClose(term.statistic, whole.statistic - alone.statistic, relative: 1e-8))
  }

  @Test("a term whose fit without it does not converge is told from one that others say")
  func notConverged() throws {
    let (columns, outcome) = drawn(.logistic, seed: 8)
    let rows = table(columns + [("half", columns[0].1.map { $0 / 2 })], outcome)
    func tests(_ names: [String], steps: Int) throws -> LikelihoodRatioTests {
      var whole = try ModelFit(
        ModelSpecification(
          target: "y", family: .logistic,
          terms: names.map {
            TermSpecification(column: $0, kind: .categorical(minimumCount: 1, maximumLevels: 50))
          }, penalty: .fixed(0), interactions: false), rows, 1)
      let layout = try whole.firstLayout()
      var settings = GeneralizedLinearModel(family: .logistic, tolerance: 1e-9)
      let fitted = try settings.fit(layout.design, whole.target.values)
      settings.maximumIterations = steps
      return try whole.likelihoodRatios(layout, settings, fitted, covariance: fitted.covariance)
    }
    // Columns held at zero, and columns left out where others are combinations.
    let plain = try tests(["a", "b"], steps: 1)
    #expect(plain.terms == [nil, nil] && plain.missing == [.notConverged, .notConverged])
    #expect(plain.model != nil && plain.reason == nil)
    let aliased = try tests(["a", "b", "half"], steps: 1)
    #expect(aliased.missing == [.notConverged, .notConverged, .redundant])
    let enough = try tests(["a", "b", "half"], steps: 50)
    #expect(enough.terms.map { $0 == nil } == [false, false, true])
    #expect(enough.missing == [nil, nil, .redundant])
    #expect(try tests(["a", "b"], steps: 50).missing == nil)
  }

  @Test("separated classes are tested by Firth's penalised likelihood")
  func firth() throws {
    // Two groups: 7 of 20 say yes, and all of 6 do.
    let groups = [Int](repeating: 0, count: 20) + [Int](repeating: 1, count: 6)
    let outcome = groups.indices.map { $0 < 7 || $0 >= 20 ? 1.0 : 0 }
    let model = try fit(table([("a", groups)], outcome), .logistic, ["a"])
    #expect(model.notes.contains { $0.contains("Firth") })
    // The penalised likelihood of each group is that of half a row more of each class.
    func maximum(_ yes: Double, _ no: Double) -> Double {
      yes * log(yes / (yes + no)) + no * log(no / (yes + no))
    }
    let expected = 2 * (maximum(7.5, 13.5) + maximum(6.5, 0.5) - maximum(14, 14))
    let tests = try #require(model.likelihoodRatios)
    let term = try #require(tests.terms[0])
    #expect(term.degreesOfFreedom == 1)
    #expect(isClose(term.statistic, expected, relative: 1e-8), "\(term.statistic) \(expected)")
    let whole = try #require(tests.model)
    #expect(isClose(whole.statistic, expected, relative: 1e-8))
  }

  @Test(
    "slow steps of separated classes reach their maximum",
    arguments: UInt64(0)..<6, [200, 2_000])
  func slowFirth(seed: UInt64, count: Int) throws {
    var random = SplitMix64(seed: seed)
    let columns = (0..<4).map { _ in
      (0..<count).map { _ in (0..<4).reduce(-2.0) { sum, _ in sum + random.nextUnit() } }
    }
    var rows = Table(rowCount: count)
    for (index, column) in columns.enumerated() { rows.add("x\(index)", .numbers(column)) }
    rows.add("y", .numbers(columns[0].map { $0 > 0.3 ? 1 : 0 }))
    let model = try ModelSpecification(
      target: "y", family: .logistic,
      terms: columns.indices.map { TermSpecification(column: "x\($0)", kind: .numeric) },
      penalty: .fixed(0), interactions: false
    ).fit(rows)
    #expect(model.notes.contains { $0.contains("Firth") }, "seed \(seed)")
    let tests = try #require(model.likelihoodRatios)
    #expect(tests.model != nil, "seed \(seed): \(tests.reason ?? "")")
  }

  @Test("a category without an event does not keep counts from converging", arguments: [3, 120])
  func emptyCategory(mean: Int) throws {
    let groups = (0..<2_000).map { $0 / 1_000 }
    // Counts around the mean in one category, none in the other.
    let outcome = groups.indices.map { groups[$0] == 0 ? Double(mean - 1 + $0 % 3) : 0 }
    let model = try fit(table([("a", groups)], outcome), .poisson, ["a"])
    #expect(!model.notes.contains { $0.contains("did not converge") })
    #expect(try #require(model.likelihoodRatios).model != nil)
  }

  @Test("a penalised model has none and says why")
  func penalised() throws {
    let (columns, outcome) = drawn(.logistic, seed: 3)
    for penalty in [ModelSpecification.Penalty.chosen, .fixed(2)] {
      let tests = try #require(
        try fit(table(columns, outcome), .logistic, ["a", "b"], penalty: penalty).likelihoodRatios)
      #expect(tests.model == nil && tests.terms.isEmpty)
      #expect(tests.reason?.contains("penalised") == true)
    }
  }

  @Test("does not depend on the number of threads")
  func threads() throws {
    let (columns, outcome) = drawn(.poisson, seed: 5)
    let rows = table(columns, outcome)
    let model = try fit(rows, .poisson, ["a", "b"], jobs: 1)
    #expect(try fit(rows, .poisson, ["a", "b"], jobs: 4) == model)
  }
}

@Suite("The time that tests of terms may take")
struct TestedDesignTests {
  @Test("counts the passes of each fit, and those of Firth's twice")
  func passes() {
    // 5·10¹⁰ products of rows, squared columns and terms where fits begin near their maximum.
    #expect(ModelFit.canTest(rows: 50_000, columns: 100, terms: 100, firthPasses: nil))
    #expect(!ModelFit.canTest(rows: 50_001, columns: 100, terms: 100, firthPasses: nil))
    #expect(ModelFit.canTest(rows: 1_250, columns: 100, terms: 100, firthPasses: 100))
    #expect(!ModelFit.canTest(rows: 1_251, columns: 100, terms: 100, firthPasses: 100))
    #expect(!ModelFit.canTest(rows: 2_500, columns: 100, terms: 100, firthPasses: 51))
    #expect(!ModelFit.canTest(rows: 10, columns: 301, terms: 1, firthPasses: nil))
  }
}
