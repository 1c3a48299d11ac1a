package import AlmanacCore
package import Regression

/// What two models or recipes say of the same rows, for which is better (DECISIONS.md, D-521).
package struct RiskComparison: Sendable {
  /// A company-month, or a charge of one, whichever panel it is a row of.
  private struct Place: Hashable {
    var part: String
    var company: Int
    var instant: Timestamp
    var group: String
    var subject: UUIDValue?
  }

  private var logOdds: [Place: Double] = [:]

  /// What says nothing yet.
  package init() {}

  /// What a recipe said of the months that its fits had not seen.
  ///
  /// - Parameters:
  ///   - model: the model with its judged rows.
  ///   - data: the rows it was learned from.
  package init(judged model: RiskModel, _ data: RiskRows) {
    add(judged: model, data)
  }

  /// What a model said of the months whose outcomes became known after it was fitted, its intercept
  /// moved each month.
  ///
  /// - Parameters:
  ///   - model: the model.
  ///   - data: rows with its features.
  ///   - cut: the instant up to which outcomes do not count.
  /// - Throws: `RegressionError` where a feature is missing.
  package init(
    _ model: RiskModel, _ data: RiskRows, since cut: Timestamp
  ) throws(RegressionError) {
    try add(model, data, since: cut)
  }

  /// Adds what ``init(judged:_:)`` takes, of one part of several.
  package mutating func add(judged model: RiskModel, _ data: RiskRows, part: String = "") {
    for (row, value) in model.judged { logOdds[RiskComparison.place(row, data, part)] = value }
  }

  /// Adds what ``init(_:_:since:)`` takes, of one part of several.
  package mutating func add(
    _ model: RiskModel, _ data: RiskRows, part: String = "", since cut: Timestamp
  ) throws(RegressionError) {
    for (row, value) in try RiskRecipe().served(model, data, since: cut) {
      logOdds[RiskComparison.place(row, data, part)] = value
    }
  }

  /// By how much the mean log loss is below another's on the rows that both say something of, with
  /// the 95 % interval of resampled companies.
  ///
  /// - Parameters:
  ///   - other: what it is compared with.
  ///   - data: the rows with their outcomes.
  /// - Returns: `nil` where fewer rows have the rarer outcome than a model needs: without any, the
  ///   lower of two probabilities would surely be the better one.
  package func gain(over other: RiskComparison, _ data: RiskRows) -> RiskGate.Interval? {
    gain(over: other, [("", data)])
  }

  /// The same of several parts together.
  package func gain(
    over other: RiskComparison, _ parts: [(name: String, data: RiskRows)],
    within limits: ParallelLimits = ParallelLimits()
  ) -> RiskGate.Interval? {
    var sums: [Int: (sum: Double, count: Double)] = [:]
    var events = 0
    var rows = 0
    for (name, data) in parts {
      for row in data.rows.indices where !data.outcomes[row].isNaN {
        let place = RiskComparison.place(row, data, name)
        guard let own = logOdds[place], let others = other.logOdds[place] else { continue }
        let outcome = data.outcomes[row]
        sums[place.company, default: (0, 0)].sum +=
          RiskGate.loss(outcome, others) - RiskGate.loss(outcome, own)
        sums[place.company, default: (0, 0)].count += 1
        rows += 1
        if outcome == 1 { events += 1 }
      }
    }
    guard min(events, rows - events) >= RiskRecipe().neededEvents else { return nil }
    let companies = sums.keys.sorted()
    return RiskGate.bootstrap(
      companies.map { sums[$0]?.sum ?? 0 }, companies.map { sums[$0]?.count ?? 0 },
      within: limits)
  }

  private static func place(_ row: Int, _ data: RiskRows, _ part: String) -> Place {
    Place(
      part: part, company: data.rows[row].company, instant: data.asOf[data.rows[row].period],
      group: data.groups.map { $0.names[$0.of[row]] } ?? "", subject: data.subjects?[row])
  }
}
