package import AlmanacCore
package import Billing
import Glibc
package import Regression

/// An invoice that is to be paid.
package struct DueInvoice: Hashable, Sendable {
  /// The invoice.
  package var id: UUIDValue
  /// The company that owes.
  package var company: UUIDValue
  /// When it is due; `nil` where that is not said.
  package var dueAt: Timestamp?
  /// What is still owed, in ten-thousandths of the reporting currency; `nil` where it cannot be
  /// converted.
  package var owed: Int128?
  /// When the source means to charge it next; `nil` where that is not said.
  package var nextTry: ScheduledTry?

  /// An invoice of the given parts.
  package init(
    id: UUIDValue, company: UUIDValue, dueAt: Timestamp?, owed: Int128?,
    nextTry: ScheduledTry? = nil
  ) {
    self.id = id
    self.company = company
    self.dueAt = dueAt
    self.owed = owed
    self.nextTry = nextTry
  }
}

/// What the model of failing payments learned, or why it did not, and what it says of invoices to be
/// paid and of payment methods.
package struct PaymentForecast: Sendable {
  /// What is said of an invoice and a method that it may be charged to.
  package struct InvoiceRow: Sendable {
    package var company: UUIDValue
    package var invoice: UUIDValue
    package var method: UUIDValue
    package var dueAt: Timestamp?
    /// The probability that the next charge fails.
    package var probability: Double
    /// What is owed, in ten-thousandths of the reporting currency; `nil` where it cannot be
    /// converted.
    package var amountAtRisk: Int128?
    /// The class of refusal to expect; `nil` where none is known.
    package var declineClass: DeclineClass?
    /// The best time to try again, of an invoice whose latest charge by the method failed; `nil`
    /// without a model, and where no limit leaves one.
    package var retryAt: Timestamp?
    /// The probability that a try then succeeds.
    package var retrySuccess: Double?
    /// Another method of the company that is likelier to succeed.
    package var alternative: UUIDValue?
    /// The probability that a try with it succeeds.
    package var alternativeSuccess: Double?
    /// Why, largest first and the base last.
    package var reasons: [Reason]
  }

  /// What is said of a payment method.
  package struct MethodRow: Sendable {
    package var company: UUIDValue
    package var method: UUIDValue
    /// The probability that a first charge of the usual amount fails.
    package var probability: Double
    /// Days until the card expires, negative after it; `nil` where nothing expires.
    package var expiresInDays: Int?
    /// Why, largest first and the base last.
    package var reasons: [Reason]
  }

  /// What gives the probabilities.
  package let source: RiskSource
  /// By company, invoice and method; none where no share is known.
  package let invoices: [InvoiceRow]
  /// By company and method; none where no share is known.
  package let methods: [MethodRow]
  /// How far each feature of the charges to come is from what was learned from, the farthest first.
  package let drift: [RiskDrift]

  /// Learns from a panel and scores what is to be paid.
  ///
  /// - Parameters:
  ///   - panel: the panel.
  ///   - policy: within which limits it may be tried again.
  ///   - recipe: how a risk is learned.
  /// - Throws: `RegressionError`.
  package init(
    _ panel: PaymentPanel, policy: RetryPolicy, recipe: RiskRecipe = RiskRecipe()
  ) throws(RegressionError) {
    try self.init(
      panel, policy: policy,
      source: RiskSource(try recipe.learn(panel.rows, by: panel.cut)))
  }

  /// Scores what is to be paid with a model that was fitted before, its intercept moved to what is
  /// known now.
  ///
  /// - Parameters:
  ///   - panel: a panel with the features of the model.
  ///   - policy: within which limits it may be tried again.
  ///   - kept: what gives the probabilities.
  /// - Throws: `RegressionError`.
  package init(
    _ panel: PaymentPanel, policy: RetryPolicy, kept: RiskSource
  ) throws(RegressionError) {
    try self.init(
      panel, policy: policy, source: try kept.refreshed(panel.rows, by: panel.cut))
  }

  private init(
    _ panel: PaymentPanel, policy: RetryPolicy, source: RiskSource
  ) throws(RegressionError) {
    self.source = source
    var scoring = PaymentScoring(panel, policy: policy, source: source)
    let invoices = try scoring.invoices(panel.due)
    self.invoices = invoices.rows
    methods = try scoring.methods()
    drift = source.drift(panel.history.table(panel.features, of: invoices.charges))
  }

  /// The name of the only probability in the ledger.
  package static let part = "next_charge"

  /// The name of the reason of a method that may never be charged again.
  package static let neverCharged = "never_charged_again"
}

extension PaymentForecast: RiskForecast {
  package var sources: [RiskSource] { [source] }

  package var drifts: [(part: String, drift: RiskDrift)] {
    drift.map { (PaymentForecast.part, $0) }
  }
}
