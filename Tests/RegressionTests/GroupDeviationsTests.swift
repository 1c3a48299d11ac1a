import AlmanacCore
import Glibc
import Regression
import Testing

/// Groups of rows whose outcomes follow one feature, some groups with more yes than others.
@Suite("Fits of groups that lean on a common one")
struct GroupDeviationsTests {
  /// The common fit and the deviations of groups of the given sizes and intercepts.
  private func fitted(
    _ groups: [(rows: Int, intercept: Double)], slope: (Int) -> Double = { _ in 1 }, seed: UInt64
  ) throws -> (common: FittedModel, deviations: [[Double]], table: Table, of: [Int], yes: [Double])
  {
    var random = SplitMix64(seed: seed)
    var of: [Int] = []
    var values: [Double] = []
    var outcomes: [Double] = []
    for (group, (rows, intercept)) in groups.enumerated() {
      for _ in 0..<rows {
        let value = random.nextUnit() * 4 - 2
        of.append(group)
        values.append(value)
        let mean = 1 / (1 + exp(-(intercept + slope(group) * value)))
        outcomes.append(random.nextUnit() < mean ? 1 : 0)
      }
    }
    var table = Table(rowCount: of.count)
    table.add("x", .numbers(values))
    var training = table
    training.add("y", .numbers(outcomes))
    let common = try ModelSpecification(
      target: "y", family: .logistic, positive: "1",
      terms: [TermSpecification(column: "x", kind: .numeric)], penalty: .fixed(0),
      interactions: false, calibrates: false
    ).fit(training)
    return (
      common,
      try common.groupDeviations(table, target: outcomes, groups: of, count: groups.count), table,
      of, outcomes
    )
  }

  @Test("a group with few events is pulled to it, one with many is not", arguments: UInt64(0)..<6)
  func pulled(seed: UInt64) throws {
    // Large groups differ by two on the logit; a small one has the rate of the lowest of them.
    let (common, deviations, _, of, yes) = try fitted(
      [(4_000, -3), (4_000, -2), (4_000, -1), (30, -3)], seed: seed)
    func free(_ group: Int) -> Double {
      let rows = of.indices.filter { of[$0] == group }
      let share = (rows.reduce(0) { $0 + yes[$1] } + 0.5) / Double(rows.count + 1)
      return log(share / (1 - share))
    }
    let spread = deviations[2][0] - deviations[0][0]
    #expect(abs(spread - 2) < 0.4, "seed \(seed): \(spread)")
    #expect(deviations[0][0] < -0.7 && deviations[2][0] > 0.5, "seed \(seed)")
    // The small one goes towards the common fit, compared with the large one of the same rate.
    #expect(abs(deviations[3][0]) < abs(deviations[0][0]), "seed \(seed): \(deviations)")
    #expect(deviations[3].allSatisfy { abs($0) < 4 }, "seed \(seed): \(free(3))")
    #expect(common.coefficients[0].count == 1)
  }

  @Test("groups that do not differ have next to no deviations", arguments: UInt64(0)..<6)
  func alike(seed: UInt64) throws {
    let (_, deviations, _, _, _) = try fitted(
      (0..<8).map { _ in (1_500, -2.0) }, seed: seed)
    for group in deviations {
      #expect(group.allSatisfy { abs($0) < 0.25 }, "seed \(seed): \(deviations)")
    }
  }

  @Test("slopes of their own are found where rows abound")
  func slopes() throws {
    let (common, deviations, _, _, _) = try fitted(
      (0..<6).map { _ in (3_000, -1.0) }, slope: { $0 < 3 ? 0.4 : 1.6 }, seed: 3)
    for group in 0..<6 {
      let own = common.adding(deviations[group])
      #expect((own.coefficients[0][0] > common.coefficients[0][0]) == (group >= 3))
    }
    // One standard deviation of x is 2 / √3.
    let low = common.adding(deviations[0]).coefficients[0][0] * 3.0.squareRoot() / 2
    #expect(abs(low - 0.4) < 0.15, "\(low)")
  }

  @Test("with more rows a group comes closer to what it is by itself")
  func growing() throws {
    var last = Double.infinity
    for rows in [20, 200, 2_000] {
      let found =
        try (UInt64(0)..<5).map { seed in
          let (common, deviations, _, _, _) = try fitted(
            [(3_000, -2), (3_000, -1.5), (3_000, -2.5), (rows, 0)], seed: seed)
          // The mean of x is near 0, so the intercepts are those of the draws.
          return abs(common.adding(deviations[3]).intercept)
        }.reduce(0, +) / 5
      #expect(found < last, "\(rows) rows: \(found)")
      last = found
    }
    #expect(last < 0.2)
  }

  @Test("a group without rows has the common fit")
  func empty() throws {
    let (common, _, table, _, yes) = try fitted([(500, -1), (500, 0)], seed: 1)
    let found = try common.groupDeviations(
      table, target: yes, groups: [Int](repeating: 2, count: 1_000), count: 4)
    #expect(found.count == 4)
    #expect(found[0] == [0, 0] && found[3] == [0, 0])
    #expect(try common.adding(found[0]).linearPredictor(table) == common.linearPredictor(table))
  }
}
