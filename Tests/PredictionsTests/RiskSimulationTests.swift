import AlmanacCore
import Glibc
import Regression
import Testing

@testable import Predictions

/// Months of companies whose outcomes are decided by features with known coefficients, in small; the
/// benchmark `risk-simulations` has the worlds of full size.
private struct KnownWorld {
  let rows: RiskRows
  let cut: Timestamp

  static let coefficients = [0.8, -0.5, 0.0]

  init(seed: UInt64, companies: Int, months: Int = 12, signal: Double = 1) throws {
    var random = SplitMix64(seed: seed)
    func normal() -> Double {
      (-2 * log(1 - random.nextUnit())).squareRoot() * cos(2 * .pi * random.nextUnit())
    }
    let start = CalendarDate(daysSinceEpoch: 19_723)
    let instants = (1...months).map { start.monthStart(adding: $0) }
    var rows: [PanelRow] = []
    var columns = [[Double]](repeating: [], count: Self.coefficients.count)
    var outcomes: [Double] = []
    for company in 0..<companies {
      // Features of one company are alike from month to month.
      var state = Self.coefficients.map { _ in normal() }
      for period in 0..<months {
        state = state.map { 0.8 * $0 + 0.6 * normal() }
        rows.append(PanelRow(company: company, period: period))
        for index in state.indices { columns[index].append(state[index]) }
        let logit = zip(Self.coefficients, state).reduce(-1.5) { $0 + signal * $1.0 * $1.1 }
        outcomes.append(random.nextUnit() < 1 / (1 + exp(-logit)) ? 1 : 0)
      }
    }
    var table = Table(rowCount: rows.count)
    for (index, column) in columns.enumerated() { table.add("x\(index)", .numbers(column)) }
    let asOf = instants.map(\.startUTC)
    cut = start.monthStart(adding: months + 1).startUTC
    self.rows = RiskRows(
      rows: rows, table: table, outcomes: outcomes, segments: rows.map { $0.company % 3 },
      asOf: asOf, maturity: Array(asOf.dropFirst()) + [cut])
  }
}

@Suite("Simulations of risks")
struct RiskSimulationTests {
  @Test("95 % intervals of unpenalised fits hold the coefficients as often as they say")
  func coverage() throws {
    let simulations = 60
    var inside = [Int](repeating: 0, count: KnownWorld.coefficients.count)
    for seed in 1...simulations {
      let world = try KnownWorld(seed: UInt64(seed), companies: 80)
      var table = world.rows.table
      table.add("outcome", .numbers(world.rows.outcomes))
      let model = try ModelSpecification(
        target: "outcome", family: .logistic, positive: "1",
        terms: world.rows.table.names.map {
          TermSpecification(column: $0, kind: .numeric, winsorises: false)
        }, penalty: .fixed(0), interactions: false, calibrates: false
      ).fit(table).clusteringErrors(
        table, target: world.rows.outcomes, groups: world.rows.rows.map(\.company))
      for (index, truth) in KnownWorld.coefficients.enumerated() {
        guard case .numeric(_, _, let deviation) = model.terms[index].state else { continue }
        let error = model.standardErrors[index + 1] / deviation
        if abs(model.coefficients[index][0] / deviation - truth) <= 1.96 * error {
          inside[index] += 1
        }
      }
    }
    // 95 % of 180 and of 60, within three standard errors.
    #expect((162...179).contains(inside.reduce(0, +)), "\(inside) of \(simulations)")
    #expect(inside.allSatisfy { $0 >= 51 }, "\(inside) of \(simulations)")
  }

  @Test("worlds without signal hardly ever publish a model")
  func silence() throws {
    var published: [Int] = []
    for seed in 1...8 {
      let world = try KnownWorld(seed: UInt64(1_000 + seed), companies: 60, signal: 0)
      guard case .model(let model) = try RiskRecipe().learn(world.rows, by: world.cut) else {
        continue
      }
      if model.gate.failures.isEmpty { published.append(1_000 + seed) }
    }
    #expect(published.count <= 1, "seeds \(published)")
  }

  @Test("outcomes that are dealt within months cannot be foretold, those that were not can")
  func dealt() throws {
    let world = try KnownWorld(seed: 5, companies: 120)
    var random = SplitMix64(seed: 6)
    func area(_ rows: RiskRows) throws -> (found: Double, chance: ClosedRange<Double>) {
      guard case .model(let model) = try RiskRecipe().learn(rows, by: world.cut) else {
        throw RegressionError.unusableRows("no model")
      }
      let scores = model.judged.map(\.logOdds)
      let judged = model.judged.map(\.row)
      let areas = try (0..<400).map { _ in
        let other = rows.dealingOutcomes(using: &random)
        return try BinaryScores.areaUnderROC(scores, judged.map { other.outcomes[$0] })
      }.sorted()
      return (
        try BinaryScores.areaUnderROC(scores, judged.map { rows.outcomes[$0] }),
        areas[2]...areas[397]
      )
    }
    let dealt = world.rows.dealingOutcomes(using: &random)
    for period in 0..<12 {
      func yes(_ rows: RiskRows) -> Double {
        rows.rows.indices.filter { rows.rows[$0].period == period }.reduce(0) {
          $0 + rows.outcomes[$1]
        }
      }
      #expect(yes(dealt) == yes(world.rows))
    }
    #expect(dealt.outcomes != world.rows.outcomes)
    let none = try area(dealt)
    #expect(none.chance.contains(none.found), "\(none)")
    let some = try area(world.rows)
    #expect(some.found > some.chance.upperBound + 0.05, "\(some)")
  }
}
