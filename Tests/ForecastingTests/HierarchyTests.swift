import AlmanacCore
import Forecasting
import LinearAlgebra
import TestSupport
import Testing

@Suite("Reconciliation")
struct HierarchyTests {
  /// A total of three groups, and the groups of leaves.
  static func tree(groups: Int, leaves: Int) -> Hierarchy {
    var sums: [Hierarchy.Sum] = []
    let firstLeaf = 1 + groups
    for group in 0..<groups {
      let start = firstLeaf + group * leaves
      sums.append(.init(total: 1 + group, parts: Array(start..<(start + leaves))))
    }
    sums.append(.init(total: 0, parts: Array(1...groups)))
    return Hierarchy(count: firstLeaf + groups * leaves, sums: sums)
  }

  @Test("keeps every sum, moves nothing that is coherent", arguments: UInt64(0)..<16)
  func coherent(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let tree = Self.tree(groups: 3, leaves: 5)
    let forecasts = (0..<tree.count).map { _ in 10 * random.nextUnit() }
    let variances = (0..<tree.count).map { _ in 0.1 + random.nextUnit() }
    let result = try tree.reconciled(forecasts, variances: variances, isNonnegative: false)
    for sum in tree.sums {
      let parts = sum.parts.reduce(0) { $0 + result[$1] }
      #expect(isClose(result[sum.total], parts, absolute: 1e-9), "seed \(seed)")
    }
    let again = try tree.reconciled(result, variances: variances, isNonnegative: false)
    for (left, right) in zip(result, again) { #expect(isClose(left, right, absolute: 1e-9)) }
  }

  @Test(
    "shares totals out where it cannot project, whatever the order of the sums",
    arguments: UInt64(0)..<16)
  func sharedOut(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let tree = Self.tree(groups: 3, leaves: 5)
    // The total is also that of two nodes of another kind, one of them nothing.
    let others = Hierarchy.Sum(total: 0, parts: [tree.count, tree.count + 1])
    let isNonnegative = seed % 2 == 0
    for sums in [tree.sums + [others], (tree.sums + [others]).reversed()] {
      let hierarchy = Hierarchy(count: tree.count + 2, sums: sums)
      var forecasts = (0..<hierarchy.count).map { _ in 10 * random.nextUnit() - 3 }
      forecasts[0] = 20
      forecasts[tree.count] = 0
      // The leaves of one group come to nothing.
      for leaf in tree.sums[0].parts { forecasts[leaf] = 0 }
      let result = hierarchy.sharedOut(forecasts, isNonnegative: isNonnegative)
      #expect(result[0] == 20)
      for sum in sums {
        let parts = sum.parts.reduce(0) { $0 + result[$1] }
        #expect(isClose(result[sum.total], parts, absolute: 1e-9), "seed \(seed)")
      }
      if isNonnegative { #expect(result.allSatisfy { $0 >= 0 }, "seed \(seed)") }
    }
  }

  @Test("is the closest coherent point: the move is orthogonal to every coherent direction")
  func orthogonal() throws {
    let tree = Self.tree(groups: 2, leaves: 2)
    let forecasts = [50.0, 20, 25, 9, 8, 14, 15]
    let variances = [4.0, 2, 3, 1, 1.5, 1, 2]
    let result = try tree.reconciled(forecasts, variances: variances, isNonnegative: false)
    // A coherent direction for each leaf: the leaf, its group and the total rise together.
    for (leaf, group) in [(3, 1), (4, 1), (5, 2), (6, 2)] {
      var product = 0.0
      for node in [leaf, group, 0] {
        product += (result[node] - forecasts[node]) / variances[node]
      }
      #expect(isClose(product, 0, absolute: 1e-9))
    }
  }

  @Test("holds nodes at zero and still keeps every sum", arguments: UInt64(0)..<16)
  func nonnegative(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let tree = Self.tree(groups: 3, leaves: 6)
    let forecasts = (0..<tree.count).map { _ in 4 * random.nextUnit() - 1.5 }
    let result = try tree.reconciled(
      forecasts, variances: [Double](repeating: 1, count: tree.count), isNonnegative: true)
    #expect(result.allSatisfy { $0 >= 0 })
    for sum in tree.sums {
      let parts = sum.parts.reduce(0) { $0 + result[$1] }
      #expect(isClose(result[sum.total], parts, absolute: 1e-9), "seed \(seed)")
    }
  }

  @Test("whole units keep every sum and lie within one of the forecast", arguments: UInt64(0)..<8)
  func rounding(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let tree = Self.tree(groups: 4, leaves: 7)
    let raw = (0..<tree.count).map { _ in 1_000 * random.nextUnit() }
    let coherent = try tree.reconciled(
      raw, variances: [Double](repeating: 1, count: tree.count), isNonnegative: true)
    let units = tree.roundedUnits(coherent)
    for sum in tree.sums {
      #expect(units[sum.total] == sum.parts.reduce(0) { $0 + units[$1] }, "seed \(seed)")
    }
    for leaf in 5..<tree.count { #expect(abs(Double(units[leaf]) - coherent[leaf]) <= 1) }
    #expect(abs(Double(units[0]) - coherent[0]) <= 1)
  }

  @Test("with shared errors too, it is the closest coherent point", arguments: UInt64(0)..<8)
  func sharedErrorsOrthogonal(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let tree = Self.tree(groups: 2, leaves: 3)
    let forecasts = (0..<tree.count).map { _ in 20 * random.nextUnit() }
    let variances = (0..<tree.count).map { _ in 0.5 + random.nextUnit() }
    let factors = (0..<2).map { _ in (0..<tree.count).map { _ in 2 * random.nextUnit() - 0.5 } }
    let result = try tree.reconciled(
      forecasts, variances: variances, factors: factors, isNonnegative: false)
    for sum in tree.sums {
      let parts = sum.parts.reduce(0) { $0 + result[$1] }
      #expect(isClose(result[sum.total], parts, absolute: 1e-9), "seed \(seed)")
    }
    let covariance = (0..<tree.count).map { column in
      (0..<tree.count).map { row -> Double in
        let own = row == column ? variances[row] : 0
        return factors.reduce(own) { $0 + $1[row] * $1[column] }
      }
    }
    let move = zip(result, forecasts).map { $0 - $1 }
    let weighted = try CholeskyFactor(Matrix(columns: covariance)).solve(move)
    for leaf in 3..<tree.count {
      let group = 1 + (leaf - 3) / 3
      let product = weighted[leaf] + weighted[group] + weighted[0]
      #expect(isClose(product, 0, absolute: 1e-8), "seed \(seed)")
    }
  }

  @Test("finds the error that nodes share, and none among independent ones")
  func sharedErrors() throws {
    var random = SplitMix64(seed: 3)
    let common = (0..<40).map { _ in random.nextNormal() }
    let loadings = [3.0, 2, 1, -1]
    let errors = loadings.map { loading in
      common.map { error -> Double in loading * error + 0.3 * random.nextNormal() }
    }
    let (variances, factors) = Hierarchy.sharedErrors(errors)
    let factor = try #require(factors.first)
    for (found, loading) in zip(factor, loadings) {
      let expected: Double = loading * (factor[0] < 0 ? -1 : 1)
      #expect(abs(found - expected) < 0.4 * abs(loading) + 0.2)
    }
    #expect(variances.allSatisfy { $0 > 0 })
    let alone = (0..<6).map { _ in (0..<30).map { _ in random.nextNormal() } }
    let found = Hierarchy.sharedErrors(alone).factors.first ?? []
    #expect(found.allSatisfy { abs($0) < 0.6 })
    let exact = Hierarchy.sharedErrors([[0, 0, 0], [0, 0, 0]])
    #expect(exact.factors == [] && exact.variances == [1, 1])
  }

  @Test("ten thousand leaves")
  func wide() throws {
    let tree = Self.tree(groups: 40, leaves: 250)
    var random = SplitMix64(seed: 1)
    let forecasts = (0..<tree.count).map { _ in random.nextUnit() }
    let result = try tree.reconciled(
      forecasts, variances: [Double](repeating: 1, count: tree.count), isNonnegative: true)
    let leaves = result[41...].reduce(0, +)
    #expect(isClose(result[0], leaves, relative: 1e-9))
  }
}

@Suite("Measures")
struct ForecastMeasuresTests {
  @Test("have the values of a worked example")
  func worked() throws {
    let actual = [10.0, 20]
    let predicted = [12.0, 15]
    let smape = ForecastMeasures.smape(actual: actual, predicted: predicted)
    let expected: Double = (400.0 / 22 + 1_000.0 / 35) / 2
    #expect(isClose(smape, expected, relative: 1e-12))
    #expect(ForecastMeasures.mase(actual: actual, predicted: predicted, scale: 2) == 1.75)
    #expect(ForecastMeasures.mase(actual: actual, predicted: predicted, scale: 0) == nil)
    let wape = try #require(ForecastMeasures.wape(actual: actual, predicted: predicted))
    #expect(isClose(wape, 7.0 / 30, relative: 1e-12))
    let rmsse = try #require(
      ForecastMeasures.rmsse(
        actual: actual, predicted: predicted, training: [1, 3, 1], seasonLength: 1))
    let root: Double = (29.0 / 2 / 4).squareRoot()
    #expect(isClose(rmsse, root, relative: 1e-12))
    let score = try #require(
      ForecastMeasures.msis(actual: actual, lower: [8, 14], upper: [13, 18], level: 0.8, scale: 1))
    // Widths 5 and 4; the second value lies 2 above its interval.
    #expect(isClose(score, 14.5, relative: 1e-12))
    #expect(
      ForecastMeasures.coverage(actual: actual, lower: [8, 14], upper: [13, 18]) == 0.5)
    #expect(
      ForecastMeasures.owa(smape: 10, mase: 1, referenceSMAPE: 20, referenceMASE: 2) == 0.5)
  }

  @Test("pinball at the median is half the absolute error, and the score of medians alone is it")
  func pinball() {
    let actual = [10.0, 20]
    let median = [12.0, 15]
    #expect(ForecastMeasures.pinball(actual: actual, quantile: median, level: 0.5) == 1.75)
    #expect(ForecastMeasures.crps(actual: actual, quantiles: [(0.5, median)]) == 3.5)
  }
}

@Suite("Time axis")
struct TimeAxisTests {
  /// Days since 1970 of a date.
  private func day(_ text: String) throws -> Int {
    Int(try #require(CalendarDate(text)).daysSinceEpoch)
  }

  @Test("months on the same day, and on the last one")
  func months() throws {
    let first = try TimeAxis(
      labels: [day("2026-01-01"), day("2026-02-01"), day("2026-04-01")], kind: .date)
    #expect(first.step == .months(1) && first.count == 4 && first.periods == [0, 1, 3])
    let may = try day("2026-05-01")
    #expect(first.label(4) == may)
    let last = try TimeAxis(labels: [day("2026-01-31"), day("2026-02-28")], kind: .date)
    let ends = [try day("2026-03-31"), try day("2026-04-30")]
    #expect([last.label(2), last.label(3)] == ends)
    let quarters = try TimeAxis(labels: [day("2025-10-01"), day("2026-01-01")], kind: .date)
    #expect(quarters.step == .months(3) && quarters.step.usualSeasons == [4])
  }

  @Test("days, weeks, hours and numbers")
  func others() throws {
    let days = try TimeAxis(labels: [10, 11, 14], kind: .date)
    #expect(days.step == .days(1))
    let weeks = try TimeAxis(labels: [10, 17, 24], kind: .date)
    #expect(weeks.step == .days(7))
    let hours = try TimeAxis(labels: [0, 3_600, 7_200], kind: .moment)
    #expect(hours.step == .seconds(3_600) && hours.step.usualSeasons == [24, 168])
    let one = try TimeAxis(labels: [5], kind: .number)
    #expect(one.step == .count(1))
    let numbers = try TimeAxis(labels: [3, 5, 9], kind: .number)
    #expect(numbers.spread([1, 2, 3]).count == 4)
  }

  @Test("refuses duplicates, mixed steps and absurd gaps")
  func refusals() {
    #expect(throws: AxisError.duplicate(position: 1)) {
      try TimeAxis(labels: [1, 1], kind: .number)
    }
    #expect(throws: AxisError.irregular) {
      try TimeAxis(labels: [0, 7, 14, 21, 22, 29, 36], kind: .date)
    }
    #expect(throws: AxisError.sparse) {
      try TimeAxis(labels: [1, 2, 3, 4, 5, 100_000], kind: .number)
    }
  }
}
