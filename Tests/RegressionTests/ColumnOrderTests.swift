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

  @Test("a part has the numbers and the area of its rows", arguments: [1, 2, 3])
  func part(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let values = column(&random, 300)
    let outcomes = values.map { _ in random.next() % 4 == 0 ? 1.0 : 0 }
    let since = values.map { _ -> UInt16 in
      let number = random.next() % 5
      return number == 4 ? ColumnOrder.never : UInt16(number)
    }
    let order = ColumnOrder(values, since: since, outcomes: outcomes)
    for number in 0..<4 {
      let rows = values.indices.filter { since[$0] <= number }
      let part = order.part(number)
      #expect(
        part.ascending == rows.map { values[$0] }.filter(\.isFinite).sorted(), "seed \(seed)")
      var wins = 0.0
      var pairs = 0.0
      for yes in rows where outcomes[yes] == 1 && !values[yes].isNaN {
        for no in rows where outcomes[no] == 0 && !values[no].isNaN {
          pairs += 1
          wins += values[yes] > values[no] ? 1 : values[yes] == values[no] ? 0.5 : 0
        }
      }
      #expect(abs((part.areaUnderROC ?? .nan) - wins / pairs) < 1e-12, "seed \(seed)")
    }
    #expect(order.part(3).ascending.count > order.part(0).ascending.count)
  }

  @Test("an area needs both outcomes")
  func oneOutcome() {
    let since = [UInt16](repeating: 0, count: 3)
    let order = ColumnOrder([1, 2, .nan], since: since, outcomes: [0, 0, 1])
    #expect(order.part(0).areaUnderROC == nil)
    #expect(ColumnOrder([1, 2, 3], since: since, outcomes: [1, 1, 1]).part(0).areaUnderROC == nil)
    #expect(ColumnOrder([1, 2, 3], since: since, outcomes: [0, 0, 1]).part(0).areaUnderROC == 1)
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
    let order = ColumnOrder(
      size, since: [UInt16](repeating: 0, count: count), outcomes: outcomes)
    let full = try specification.fit(table)
    let known = try specification.fit(table, ascending: ["size": order.part(0).ascending])
    #expect(full == known)
    let bare = try specification.fit(table, detail: .nothing)
    #expect(bare.scores == nil && bare.standardErrors.isEmpty && bare.drift == nil)
    let some = try specification.fit(table, detail: .errors)
    #expect(some.scores == nil && some.drift?.columns == full.drift?.columns)
    #expect(some.standardErrors.count == full.standardErrors.count)
    for (one, other) in zip(some.standardErrors, full.standardErrors) {
      #expect(abs(one - other) < 1e-9 * other)
    }
    let expected = try full.linearPredictor(table)
    for fit in [bare, some] {
      let found = try fit.linearPredictor(table)
      #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-8 })
    }
  }
}
