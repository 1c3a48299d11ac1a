import AlmanacCore
import Testing

@testable import Regression

@Suite("Order of a column")
struct ColumnOrderTests {
  /// Numbers with ties, both zeros, infinities, tiny ones and gaps.
  private func column(_ random: inout SplitMix64, _ count: Int) -> [Double] {
    let tiny = Double.leastNonzeroMagnitude
    let special = [0, -0.0, .infinity, -.infinity, .nan, tiny, -tiny, 1e308, -1e308]
    return (0..<count).map { _ in
      switch random.next() % 4 {
      case 0: special[Int(random.next() % UInt64(special.count))]
      case 1: Double(Int(random.next() % 9)) - 4
      case 2: random.nextUnit() - 0.5
      default: (random.nextUnit() - 0.5) * 1e12
      }
    }
  }

  @Test("rows are in the order that a stable sort gives", arguments: [1, 2, 3, 4, 5, 6])
  func order(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let values = column(&random, [0, 1, 2, 40, 900, 5_000][Int(seed - 1)])
    let present = values.indices.filter { !values[$0].isNaN }
      .sorted { (values[$0], $0) < (values[$1], $1) }
    let missing = values.indices.filter { values[$0].isNaN }
    #expect(ascendingRows(values) == (present + missing).map { Int32($0) }, "seed \(seed)")
  }

  @Test("the numbers of some rows are those that sorting them gives", arguments: [1, 2, 3])
  func ascending(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let values = column(&random, 2_000)
    let isChosen = values.map { _ in random.next() % 3 == 0 }
    let sorted = zip(values, isChosen).filter { $0.1 && $0.0.isFinite }.map(\.0).sorted()
    #expect(ColumnOrder(values).ascending(isChosen) == sorted, "seed \(seed)")
  }

  @Test("the area is the share of pairs in order, ties half", arguments: [1, 2, 3])
  func area(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let values = column(&random, 300)
    let outcomes = values.map { _ in random.next() % 4 == 0 ? 1.0 : 0 }
    let isChosen = values.map { _ in random.next() % 3 > 0 }
    let rows = values.indices.filter { isChosen[$0] && !values[$0].isNaN }
    var wins = 0.0
    var pairs = 0.0
    for yes in rows where outcomes[yes] == 1 {
      for no in rows where outcomes[no] == 0 {
        pairs += 1
        wins += values[yes] > values[no] ? 1 : values[yes] == values[no] ? 0.5 : 0
      }
    }
    let found = try #require(ColumnOrder(values).areaUnderROC(outcomes, isChosen))
    #expect(abs(found - wins / pairs) < 1e-12, "seed \(seed)")
    let none = outcomes.map { _ in 0.0 }
    #expect(ColumnOrder(values).areaUnderROC(none, isChosen) == nil)
  }

  @Test("a fit that is not described predicts the same, whether or not the order is known")
  func fits() throws {
    var random = SplitMix64(seed: 9)
    let count = 4_000
    let size = (0..<count).map { _ in random.next() % 9 == 0 ? Double.nan : random.nextUnit() * 8 }
    let step = (0..<count).map { _ in Double(random.next() % 5) }
    let kind = (0..<count).map { _ in Int32(random.next() % 4) - 1 }
    let outcomes = (0..<count).map { row in
      random.nextUnit() < 0.05 + 0.03 * step[row] + (size[row] > 4 ? 0.2 : 0) ? 1.0 : 0
    }
    var table = Table(rowCount: count)
    table.add("size", .numbers(size))
    table.add("step", .numbers(step))
    table.add("kind", .texts(codes: kind, levels: ["a", "b", "c"]))
    table.add("outcome", .numbers(outcomes))
    let specification = ModelSpecification(
      target: "outcome", family: .logistic, positive: "1",
      terms: [
        TermSpecification(column: "size", kind: .numeric, winsorises: true),
        TermSpecification(column: "step", kind: .spline(knots: 4)),
        TermSpecification(
          column: "kind", kind: .categorical(minimumCount: 30, maximumLevels: 20)),
      ], penalty: .fixed(1), interactions: false, calibrates: false)
    let all = [Bool](repeating: true, count: count)
    let full = try specification.fit(table)
    let known = try specification.fit(
      table, ascending: ["size": ColumnOrder(size).ascending(all)])
    #expect(full == known)
    let bare = try specification.fit(table, describes: false)
    #expect(bare.scores == nil && bare.standardErrors.isEmpty && bare.drift == nil)
    let (one, other) = (try full.linearPredictor(table), try bare.linearPredictor(table))
    #expect(zip(one, other).allSatisfy { abs($0 - $1) < 1e-8 })
  }
}
