import AlmanacCore
import Billing
import Predictions

extension RiskDefinition {
  /// What is learned from a panel of this model, and said of its rows of now.
  ///
  /// - Parameters:
  ///   - panel: the panel, of the model's kind.
  ///   - kept: what gives each probability, where that was fitted before.
  ///   - bands: where bands begin; those of the definition where none are given.
  ///   - policy: when a refused charge may be tried again; that of the definition likewise.
  ///   - limits: what may go on side by side.
  ///   - convert: brings prices to the reporting currency.
  /// - Returns: what is said.
  /// - Throws: `RegressionError`.
  func forecast(
    _ panel: any RiskPanel, kept: [RiskSource]? = nil, bands: ChurnRisk.Bands? = nil,
    policy: RetryPolicy? = nil, limits: ParallelLimits, convert: UpsellForecast.Conversion
  ) throws -> any RiskForecast {
    let recipe = RiskRecipe(limits: limits)
    switch kind {
    case .churn:
      guard let panel = panel as? ChurnPanel else { preconditionFailure("a panel of churn") }
      guard let kept else {
        return try ChurnForecast(
          panel, features: features, recipe: recipe, bands: bands ?? self.bands)
      }
      return try ChurnForecast(
        panel, features: features, kept: (kept[0], kept[1]), bands: bands ?? self.bands)
    case .paymentFailure:
      guard let panel = panel as? PaymentPanel else { preconditionFailure("a panel of payments") }
      let policy = policy ?? payments?.policy ?? RetryPolicy()
      guard let kept else { return try PaymentForecast(panel, policy: policy, recipe: recipe) }
      return try PaymentForecast(panel, policy: policy, kept: kept[0])
    case .upsell:
      guard let panel = panel as? UpsellPanel else { preconditionFailure("a panel of upsell") }
      guard let kept else { return try UpsellForecast(panel, recipe: recipe, convert: convert) }
      return try UpsellForecast(panel, kept: (kept[0], kept[1]), convert: convert)
    }
  }
}

extension RiskDefinition.Kind {
  /// What is scored, in words.
  var subjects: String {
    switch self {
    case .churn, .upsell: "companies that pay now"
    case .paymentFailure: "charges to come"
    }
  }

  /// The table of what is said of companies.
  var table: PredictionTable {
    switch self {
    case .churn: .churnRisk
    case .paymentFailure: .paymentFailureRisk
    case .upsell: .upsellOpportunities
    }
  }
}

extension RiskReading {
  /// A price in the reporting currency by the rate of the logical date, over so many months; `nil`
  /// where there is no such rate.
  func converts(_ amount: Int128, _ currency: CurrencyCode, _ months: Int) -> Int128? {
    guard let book, let now = book.instants.last else { return nil }
    return try? book.input.rates.convert(
      amount, from: currency, to: book.settings.currency, on: now.adding(days: -1),
      dividedBy: months)
  }
}
