package import AlmanacCore
package import Regression

/// What the churn model learned, or why it did not, and what it says of the companies that pay now.
package struct ChurnForecast: Sendable {
  /// What gives one of the two probabilities.
  package typealias Source = RiskSource

  /// What is said of one company.
  package struct Row: Sendable {
    /// The company.
    package var company: UUIDValue
    /// The probability of the next 30 days.
    package var probability: Double
    /// That of the next 90; `nil` where nothing is known of days 31 to 90.
    package var probability90: Double?
    /// The band of ``probability``.
    package var band: ChurnRisk.Band
    /// MRR times ``probability90``, in ten-thousandths.
    package var expectedLoss: Int128?
    /// Why, largest first and the base last.
    ///
    /// The base is the calibrated log-odds of the average company; the contributions sum to the
    /// log-odds of ``probability`` (DECISIONS.md, D-520).
    package var reasons: [Reason]
  }

  /// What gives the probability of days 0 to 30.
  package let first: Source
  /// What gives that of days 31 to 90.
  package let second: Source
  /// One for each company that pays now, by identifier; none where no share is known.
  package let rows: [Row]

  /// How far each feature of the companies that pay now is from what was learned from, the farthest
  /// first.
  ///
  /// Empty without a model of days 0 to 30. Scheduled companies are left out, as in learning.
  package let drift: [RiskDrift]

  /// Learns from a panel and scores its rows of now.
  ///
  /// - Parameters:
  ///   - panel: the panel.
  ///   - features: the features it has.
  ///   - recipe: how a risk is learned.
  ///   - bands: where bands begin.
  /// - Throws: `RegressionError`.
  package init(
    _ panel: ChurnPanel, features: [FeatureSpecification], recipe: RiskRecipe = RiskRecipe(),
    bands: ChurnRisk.Bands
  ) throws(RegressionError) {
    try self.init(
      panel, features: features, first: Source(try recipe.learn(panel.first, by: panel.cut)),
      second: Source(try recipe.learn(panel.second, by: panel.cut)), bands: bands)
  }

  /// Scores the rows of now with models that were fitted before, their intercepts, and a share that
  /// stands in for one, moved to what is known now.
  ///
  /// - Parameters:
  ///   - panel: the panel.
  ///   - features: the features it has, those of the models among them.
  ///   - kept: what gives the two probabilities.
  ///   - bands: where bands begin.
  /// - Throws: `RegressionError`.
  package init(
    _ panel: ChurnPanel, features: [FeatureSpecification], kept: (first: Source, second: Source),
    bands: ChurnRisk.Bands
  ) throws(RegressionError) {
    try self.init(
      panel, features: features, first: try kept.first.refreshed(panel.first, by: panel.cut),
      second: try kept.second.refreshed(panel.second, by: panel.cut), bands: bands)
  }

  private init(
    _ panel: ChurnPanel, features: [FeatureSpecification], first: Source, second: Source,
    bands: ChurnRisk.Bands
  ) throws(RegressionError) {
    self.first = first
    self.second = second
    let today = Array(panel.today)
    var table = Table(rowCount: today.count)
    for name in panel.features.table.names {
      if let column = panel.features.table[name] { table.add(name, column.selecting(today)) }
    }
    drift = first.drift(
      table.selecting(rows: today.indices.filter { !panel.scheduled[today[$0]] }))
    guard !today.isEmpty, let scores = try first.scores(table) else {
      rows = []
      return
    }
    let later = try second.scores(table)
    var rows: [Row] = []
    for (position, row) in today.enumerated() {
      let score = scores[position]
      var probability = score.probability
      var reasons = first.reasons(score, features, panel.features, row: row)
      if panel.scheduled[row] {
        probability = panel.measured.rate
        reasons = [
          Reason(
            feature: RiskAction.scheduled, value: 1, contribution: logit(probability) - score.base,
            text: "the end of its subscriptions within 30 days is recorded already")
        ]
      }
      var second = later.map { $0[position].probability }
      if panel.scheduledLater[row], !panel.scheduled[row] { second = panel.measuredLater.rate }
      let risk = ChurnRisk(
        first: probability, second: second ?? 0, mrr: panel.recurring[row], bands: bands)
      rows.append(
        Row(
          company: panel.companies[panel.first.rows[row].company], probability: risk.probability,
          probability90: second == nil ? nil : risk.probability90, band: risk.band,
          expectedLoss: second == nil ? nil : risk.expectedLoss,
          reasons: reasons + [.base(score.base)]))
    }
    self.rows = rows
  }

  /// The label of the share of companies that stands in for a model.
  package static let baselineName = RiskSource.baselineName
}

extension ChurnForecast: RiskForecast {
  package var sources: [RiskSource] { [first, second] }

  package var drifts: [(part: String, drift: RiskDrift)] {
    drift.map { (ChurnPanel.partNames[0], $0) }
  }
}
