package import AlmanacCore
package import Regression

/// What two models or recipes say of the same company-months, for which is better
/// (DECISIONS.md, D-521).
package struct RiskComparison: Sendable {
  /// A company-month, whichever panel it is a row of.
  private struct Place: Hashable {
    var company: Int
    var instant: Timestamp
  }

  private var logOdds: [Place: Double] = [:]

  /// What a recipe said of the months that its fits had not seen.
  ///
  /// - Parameters:
  ///   - model: the model with its judged rows.
  ///   - data: the rows it was learned from.
  package init(judged model: RiskModel, _ data: RiskRows) {
    for (row, value) in model.judged { logOdds[RiskComparison.place(row, data)] = value }
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
    for (row, value) in try RiskRecipe().served(model, data, since: cut) {
      logOdds[RiskComparison.place(row, data)] = value
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
    var sums: [Int: (sum: Double, count: Double)] = [:]
    var events = 0
    var rows = 0
    for row in data.rows.indices where !data.outcomes[row].isNaN {
      let place = RiskComparison.place(row, data)
      guard let own = logOdds[place], let others = other.logOdds[place] else { continue }
      let outcome = data.outcomes[row]
      sums[place.company, default: (0, 0)].sum +=
        RiskGate.loss(outcome, others) - RiskGate.loss(outcome, own)
      sums[place.company, default: (0, 0)].count += 1
      rows += 1
      if outcome == 1 { events += 1 }
    }
    guard min(events, rows - events) >= RiskRecipe().neededEvents else { return nil }
    let companies = sums.keys.sorted()
    return RiskGate.bootstrap(
      companies.map { sums[$0]?.sum ?? 0 }, companies.map { sums[$0]?.count ?? 0 })
  }

  private static func place(_ row: Int, _ data: RiskRows) -> Place {
    Place(company: data.rows[row].company, instant: data.asOf[data.rows[row].period])
  }
}
