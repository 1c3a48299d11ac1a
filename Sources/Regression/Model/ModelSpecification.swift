/// A model as it is declared: what to predict, from which terms, how strongly held back.
package struct ModelSpecification: Codable, Equatable, Sendable {
  /// How the penalty is found.
  package enum Penalty: Codable, Equatable, Sendable {
    /// The value with the least loss on rows left out.
    case chosen
    /// This value, for standardised columns and a loss summed over rows; 0 for none.
    case fixed(Double)
  }

  /// The column to predict.
  package var target: String
  /// What is predicted; `nil` where the values of the target decide.
  package var family: ModelFamily?
  /// For probabilities the value of the target that counts as yes; `nil` for the larger of two
  /// numbers or one of the usual words (`yes`, `true`, `1`), or else the rarer value.
  package var positive: String?
  /// The terms; `nil` for one per usable column, as the values suggest.
  package var terms: [TermSpecification]?
  /// Columns that are not used.
  package var ignored: [String]
  /// The column with a weight per row, if any.
  package var weight: String?
  /// The column that is added to the predictor with coefficient 1, if any, such as the logarithm of
  /// an exposure.
  package var offset: String?
  /// The penalty.
  package var penalty: Penalty
  /// Which rows are left out to judge penalties, interactions and calibration; `nil` for each row by
  /// itself.
  package var validation: Validation?
  /// Whether effects of terms may depend on each other, where that predicts better.
  package var interactions: Bool
  /// Whether probabilities are calibrated on rows left out, where that predicts better.
  package var calibrates: Bool

  /// A model of the given parts.
  package init(
    target: String, family: ModelFamily? = nil, positive: String? = nil,
    terms: [TermSpecification]? = nil, ignored: [String] = [], weight: String? = nil,
    penalty: Penalty = .chosen, interactions: Bool = true, calibrates: Bool = true,
    validation: Validation? = nil, offset: String? = nil
  ) {
    self.target = target
    self.family = family
    self.positive = positive
    self.terms = terms
    self.ignored = ignored
    self.weight = weight
    self.penalty = penalty
    self.interactions = interactions
    self.calibrates = calibrates
    self.validation = validation
    self.offset = offset
  }
}
