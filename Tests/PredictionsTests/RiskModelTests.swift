import AlmanacCore
import Glibc
import Predictions
import Regression
import Simulation
import Testing

/// The churn recipe against the probabilities that a simulated world decides by.
@Suite("Churn model")
struct RiskModelTests {
  private static let end = CalendarDate(daysSinceEpoch: 20_453)

  /// One world for all cases.
  private static let shared = Result {
    try SimulatedChurn(
      World(
        WorldSettings(companies: 600, months: 16, seed: 4, kind: .logistic, end: end),
        zone: { _ in .utc }))
  }

  private func model(_ data: RiskRows) throws -> RiskModel {
    guard
      case .model(let model) = try RiskRecipe().learn(data, by: Self.end.adding(days: 1).startUTC)
    else {
      Issue.record("no model was fitted")
      throw RegressionError.unusableRows("no model")
    }
    return model
  }

  private func replacing(_ data: RiskRows, outcomes: [Double]) -> RiskRows {
    RiskRows(
      rows: data.rows, table: data.table, outcomes: outcomes, segments: data.segments,
      asOf: data.asOf, maturity: data.maturity)
  }

  @Test("judged months come close to what the true probabilities could do")
  func nearOracle() throws {
    let churn = try Self.shared.get()
    let model = try model(churn.data)
    let rows = model.judged.filter { churn.truth[$0.row] != nil }
    let outcomes = rows.map { churn.data.outcomes[$0.row] }
    let truth = try BinaryScores.areaUnderROC(rows.map { churn.truth[$0.row] ?? 0 }, outcomes)
    let found = try BinaryScores.areaUnderROC(rows.map(\.logOdds), outcomes)
    #expect(truth > 0.65)
    #expect(found - 0.5 >= 0.8 * (truth - 0.5), "\(found), the truth \(truth)")
    #expect(model.gate.scores.expectedCalibrationError < 0.03)
  }

  @Test("reasons sum to the log-odds of the probability")
  func reasonsSum() throws {
    let churn = try Self.shared.get()
    let model = try model(churn.data)
    for score in try model.scores(churn.data.table) {
      let sum = score.contributions.reduce(score.base, +)
      #expect(abs(sum - log(score.probability / (1 - score.probability))) < 1e-9)
    }
  }

  @Test("outcomes dealt out anew within each month are not published")
  func noSignal() throws {
    let data = try Self.shared.get().data
    var random = SplitMix64(seed: 11)
    var outcomes = data.outcomes
    for period in data.asOf.indices {
      let rows = data.rows.indices.filter { data.rows[$0].period == period }
      for (row, other) in zip(rows, rows.shuffled(using: &random)) {
        outcomes[row] = data.outcomes[other]
      }
    }
    let model = try model(replacing(data, outcomes: outcomes))
    #expect(!model.gate.failures.isEmpty)
    #expect(abs(model.gate.scores.rocAUC - 0.5) < 0.08)
  }

  @Test("outcomes that were not known at a month's end do not change what was said at it")
  func judgedWithoutHindsight() throws {
    let data = try Self.shared.get().data
    let first = try model(data)
    // The last judged month: all outcomes that were not known by its end are turned round.
    let period = try #require(first.judged.map { data.rows[$0.row].period }.max())
    let changed = data.outcomes.indices.map { row in
      data.maturity[data.rows[row].period] <= data.asOf[period] || data.outcomes[row].isNaN
        ? data.outcomes[row] : 1 - data.outcomes[row]
    }
    let second = try model(replacing(data, outcomes: changed))
    let before = first.judged.filter { data.rows[$0.row].period <= period }
    #expect(before.map(\.row) == second.judged.map(\.row))
    for (one, other) in zip(before, second.judged) { #expect(one.logOdds == other.logOdds) }
  }

  @Test("two recipes differ by the mean loss of the months that both were judged on")
  func comparison() throws {
    let data = try Self.shared.get().data
    var table = Table(rowCount: data.rows.count)
    table.add("seats", try #require(data.table["seats"]))
    let poor = RiskRows(
      rows: data.rows, table: table, outcomes: data.outcomes, segments: data.segments,
      asOf: data.asOf, maturity: data.maturity)
    let (full, single) = (try model(data), try model(poor))
    let (one, other) = (
      RiskComparison(judged: full, data), RiskComparison(judged: single, poor)
    )
    let gain = try #require(one.gain(over: other, data))
    #expect(gain.lower > 0 && gain.lower < gain.estimate && gain.estimate < gain.upper)
    let said = Dictionary(uniqueKeysWithValues: single.judged.map { ($0.row, $0.logOdds) })
    func loss(_ row: Int, _ logOdds: Double) -> Double {
      log(1 + exp(data.outcomes[row] == 1 ? -logOdds : logOdds))
    }
    let differences = full.judged.compactMap { row, logOdds in
      said[row].map { loss(row, $0) - loss(row, logOdds) }
    }
    #expect(
      abs(gain.estimate - differences.reduce(0, +) / Double(differences.count)) < 1e-12)
    let back = try #require(other.gain(over: one, data))
    #expect(abs(back.estimate + gain.estimate) < 1e-12 && back.upper < 0)
    let same = try #require(one.gain(over: one, data))
    #expect(same.estimate == 0 && same.lower == 0 && same.upper == 0)
    // The rows of two companies taken for several of one: the mean is that of all of them still.
    let joined = RiskRows(
      rows: data.rows.map { PanelRow(company: $0.company / 2, period: $0.period) },
      table: data.table, outcomes: data.outcomes, segments: data.segments, asOf: data.asOf,
      maturity: data.maturity,
      subjects: data.rows.map { UUIDValue(high: 1, low: UInt64($0.company)) })
    let together = try #require(
      RiskComparison(judged: full, joined).gain(
        over: RiskComparison(judged: single, joined), joined))
    #expect(abs(together.estimate - gain.estimate) < 1e-12)
  }

  @Test("a kept model is held to months it had not seen, and to no few of them")
  func servedModel() throws {
    let data = try Self.shared.get().data
    let model = try model(data)
    let judged = RiskComparison(judged: model, data)
    // Learned from everything, it looks better than the recipe did on months it had not seen.
    let all = try #require(
      try RiskComparison(model, data, since: data.asOf[0]).gain(over: judged, data))
    #expect(all.estimate > 0)
    let last = try #require(data.maturity.last)
    #expect(try RiskComparison(model, data, since: last).gain(over: judged, data) == nil)
    let few = data.outcomes.enumerated().map { $0.offset % 40 == 0 ? $0.element : .nan }
    #expect(judged.gain(over: judged, replacing(data, outcomes: few)) == nil)
  }

  @Test("too little of anything is a refusal that names it, with the rate beside it")
  func refusals() throws {
    let data = try Self.shared.get().data
    func refusal(_ data: RiskRows, by cut: Timestamp) throws -> RiskRefusal? {
      guard case .baseline(_, let refusal) = try RiskRecipe().learn(data, by: cut) else {
        return nil
      }
      return refusal
    }
    let end = Self.end.adding(days: 1).startUTC
    let none = replacing(data, outcomes: data.outcomes.map { $0.isNaN ? .nan : 0 })
    #expect(try refusal(none, by: end) == .tooFewEvents(0, needed: 20))
    let early = try refusal(data, by: data.maturity[4])
    guard case .shortHistory(let months, 8) = early else {
      Issue.record("\(String(describing: early))")
      return
    }
    #expect(months <= 5)
    let company = data.rows[0].company
    let lone = data.rows.indices.map { data.rows[$0].company == company ? data.outcomes[$0] : .nan }
    #expect(try refusal(replacing(data, outcomes: lone), by: end) == .tooFewCompanies(1))
    let still = RiskRows(
      rows: data.rows,
      table: {
        var table = Table(rowCount: data.rows.count)
        table.add("same", .numbers(data.rows.map { _ in 3 }))
        return table
      }(), outcomes: data.outcomes, segments: data.segments, asOf: data.asOf,
      maturity: data.maturity)
    #expect(try refusal(still, by: end) == .noFeature)
  }
}
