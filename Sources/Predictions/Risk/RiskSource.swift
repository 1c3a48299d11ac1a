package import AlmanacCore
import Regression

/// What gives one of the probabilities of a model of what may happen to companies.
package enum RiskSource: Sendable {
  /// The model, which passed its gate.
  case model(RiskModel)
  /// The share of rows to which it happened stands in; `nil` where none is known. The model that was
  /// refused, if there was one.
  case baseline(rate: Double?, reason: String, refused: RiskModel?)

  /// The label of the share that stands in for a model.
  package static let baselineName = RiskBaseline.baseRate.rawValue

  /// Why the baseline stands in; `nil` for a model.
  package var reason: String? {
    if case .baseline(_, let reason, _) = self { return reason }
    return nil
  }

  /// The model where it is published.
  package var published: RiskModel? {
    if case .model(let model) = self { return model }
    return nil
  }

  /// The model, published or refused.
  package var fitted: RiskModel? {
    switch self {
    case .model(let model): model
    case .baseline(_, _, let refused): refused
    }
  }

  /// What was learned, as far as its gate lets it through.
  package init(_ result: RiskRecipe.Result) {
    switch result {
    case .baseline(let rate, let refusal):
      self = .baseline(rate: rate, reason: refusal.description, refused: nil)
    case .model(let model):
      let failures = model.gate.failures
      self =
        failures.isEmpty
        ? .model(model)
        : .baseline(
          rate: model.baseRate, reason: "the model is " + failures.joined(separator: ", "),
          refused: model)
    }
  }

  /// The same with its intercept, or the share that stands in, moved to what is known by an instant.
  ///
  /// - Throws: `RegressionError` where a feature is missing.
  func refreshed(_ data: RiskRows, by cut: Timestamp) throws(RegressionError) -> RiskSource {
    switch self {
    case .model(let model): .model(try RiskRecipe().refreshed(model, data, by: cut))
    case .baseline(_, let reason, let refused):
      .baseline(rate: RiskRecipe().baseRate(data, by: cut), reason: reason, refused: refused)
    }
  }

  /// The score of each row; `nil` where nothing is known.
  ///
  /// - Throws: `RegressionError` where a feature is missing.
  func scores(
    _ table: Table, groups: RiskGroups? = nil
  ) throws(RegressionError) -> [RiskModel.Score]? {
    switch self {
    case .model(let model): return try model.scores(table, groups: groups)
    case .baseline(let rate, _, _):
      guard let rate else { return nil }
      let score = RiskModel.Score(probability: rate, base: logit(rate), contributions: [])
      return [RiskModel.Score](repeating: score, count: table.rowCount)
    }
  }

  /// Why a score is what it is, largest first, without the base.
  func reasons(
    _ score: RiskModel.Score, _ features: [FeatureSpecification], _ panel: FeaturePanel, row: Int
  ) -> [Reason] {
    switch self {
    case .model(let model):
      Reason.all(
        of: score, names: model.reasonNames, features: features, panel: panel, row: row)
    case .baseline(_, let reason, _):
      [
        Reason(
          feature: RiskSource.baselineName, value: score.probability, contribution: 0,
          text: "the share of all companies, since there is no model: \(reason)")
      ]
    }
  }

  /// How far each feature of a table is from what the model learned from, the farthest first; none
  /// without a model (DECISIONS.md, D-524).
  func drift(_ table: Table) -> [RiskDrift] {
    guard case .model(let model) = self, let reference = model.fitted.drift else { return [] }
    let limit = RiskDrift.limit(rows: table.rowCount)
    // What is kept of the score is from before the calibration, so only features are looked at.
    return reference.findings(table, predictions: []).compactMap { finding in
      finding.column.map { feature in
        RiskDrift(
          feature: feature, stabilityIndex: finding.stabilityIndex, limit: limit)
      }
    }
  }
}

/// How far a feature of the companies that are scored is from what was learned from.
package struct RiskDrift: Equatable, Sendable {
  /// The feature.
  package var feature: String
  /// Its population stability index.
  package var stabilityIndex: Double
  /// The index from which it is warned of.
  package var limit: Double
  /// Whether it has moved much, and more than chance makes of as few rows (DECISIONS.md, D-524).
  package var isWarned: Bool { stabilityIndex > limit }

  /// The index from which a feature has moved much.
  package static let large = 0.25

  /// What chance alone exceeds in one feature of a thousand, times rows: the 99.9 % point of
  /// chi-square with ten degrees of freedom, since there are ten bins and one for missing values.
  static let chance = 29.59

  /// The index from which a feature of so many rows is warned of.
  static func limit(rows: Int) -> Double { max(large, chance / Double(max(1, rows))) }
}

/// One of the probabilities that a model of what may happen to companies gives.
package struct RiskPart: Sendable {
  /// Its name in the ledger, such as `days_0_30`.
  package let name: String
  /// What it is about, in words.
  package let title: String
  /// What it is learned from.
  package let rows: RiskRows
  /// Whether its gate has a say in which version serves.
  package let decides: Bool

  /// A part of the given kind.
  package init(name: String, title: String, rows: RiskRows, decides: Bool) {
    self.name = name
    self.title = title
    self.rows = rows
    self.decides = decides
  }
}

/// What a model of what may happen to companies learns from and says something of.
package protocol RiskPanel: Sendable {
  /// The companies, which rows name by position.
  var companies: [UUIDValue] { get }
  /// The probabilities to learn.
  var parts: [RiskPart] { get }
  /// Now: what is not known by then is not learned from.
  var cut: Timestamp { get }
}

extension RiskPanel {
  /// The last instant.
  package var cut: Timestamp {
    let asOf = parts[0].rows.asOf
    return asOf[asOf.count - 1]
  }
}

/// What a model of what may happen to companies learned, or why it did not.
package protocol RiskForecast: Sendable {
  /// What gives each probability, in the order of the panel's parts.
  var sources: [RiskSource] { get }
  /// How far features of now are from what was learned from, by the name of the part, the farthest
  /// first.
  var drifts: [(part: String, drift: RiskDrift)] { get }
}
