/// Everything a company produced: its rows, its events, and the truth behind them.
///
/// A class, because the simulator that fills it is a value that forward simulations copy; those
/// have none and leave no trace.
package final class CompanyRecord {
  /// Who it is about.
  package let profile: CompanyProfile
  /// When the company's row was recorded.
  package let recordedAt: Int64
  /// When the company was deleted.
  package internal(set) var deletedAt: Int64?
  package internal(set) var users: [UserRow] = []
  package internal(set) var subscriptions: [SubscriptionRow] = []
  package internal(set) var changes: [ChangeRow] = []
  package internal(set) var invoices: [InvoiceRow] = []
  /// One for each invoice that is collected, found by ``transactionOfInvoice``.
  package internal(set) var transactions: [TransactionRow] = []
  package internal(set) var attempts: [AttemptRow] = []
  package internal(set) var methods: [MethodRow] = []
  package internal(set) var refunds: [RefundRow] = []
  package internal(set) var creditNotes: [CreditNoteRow] = []
  /// The events in the order in which they came about, each once.
  package internal(set) var events: [SimulatedEvent] = []
  /// The decisions, with the probabilities they were drawn by.
  package internal(set) var decisions: [Decision] = []
  /// The state at the end of each month.
  package internal(set) var monthStates: [MonthState] = []
  /// The retries that were planned.
  package internal(set) var retries: [RetryChoice] = []

  var transactionOfInvoice: [Int: Int] = [:]
  /// Events that are not part of a day's ordinary use; numbers their identities.
  var eventCount = 0

  init(_ profile: CompanyProfile, recordedAt: Int64) {
    self.profile = profile
    self.recordedAt = recordedAt
  }
}

/// A decision that was drawn, and by which probability.
package struct Decision: Sendable {
  /// What was asked.
  package let question: Question
  /// When, in microseconds since 1970: the end of a month, or an attempt.
  package let at: Int64
  /// The module, for adoption.
  package let module: Int?
  /// The position of the attempt, for payment failure.
  package let attempt: Int?
  /// The covariates, in the order of ``Question/covariates``.
  package let covariates: [Double]
  /// The probability of yes.
  package let probability: Double
  /// Whether it was yes.
  package let outcome: Bool
}

/// What a company was at the end of a month, as far as decisions depend on it.
package struct MonthState: Sendable {
  /// The end of the month, midnight UTC, in microseconds since 1970.
  package let at: Int64
  /// Monthly recurring revenue in US dollars at the usual rate.
  package let mrrDollars: Double
  /// 0 to 3.
  package let tier: Int
  package let seats: Int
  /// A bit for each module owned.
  package let modules: UInt8
  /// The unobserved level of use, on a log scale.
  package let vigour: Double
  /// Whether a cancellation is scheduled.
  package let isCancelScheduled: Bool
}

/// When a refused payment is tried again, and by which chance that time was chosen.
package struct RetryChoice: Sendable {
  /// The position of the refused attempt.
  package let attempt: Int
  /// Hours from the refusal to the next attempt.
  package let hours: Int
  /// The probability of these hours under the whole policy.
  package let propensity: Double
  /// Whether they were drawn at random.
  package let isRandomised: Bool
  /// The hours at which success is most likely, and the probability then.
  package let bestHours: Int
  package let bestProbability: Double
  /// The probability of success at the chosen hours.
  package let chosenProbability: Double
}
