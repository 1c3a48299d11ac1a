/// Where an invoice stands: `billing.invoices.status`.
package enum InvoiceStatus: String, CaseIterable, Sendable {
  case draft
  case open
  case paid
  case pastDue = "past_due"
  case void
  case uncollectible
}

/// Why an invoice was made: `billing.invoices.billing_reason`.
package enum BillingReason: String, CaseIterable, Sendable {
  case create
  case cycle
  case update
  case manual
}

/// Where a transaction stands: `billing.transactions.status`.
///
/// `succeeded_at` keeps its value when the status becomes `refunded`.
package enum TransactionStatus: String, CaseIterable, Sendable {
  case pending
  case processing
  case succeeded
  case failed
  case refunded
}

/// Through which channel a transaction is collected: `billing.transactions.payment_method`.
package enum PaymentChannel: String, CaseIterable, Sendable {
  case stripe
  case paypal
  case bankTransfer = "bank_transfer"
}

/// How an attempt to collect ended: `billing.payment_attempts.outcome`.
package enum AttemptOutcome: String, CaseIterable, Sendable {
  case succeeded
  case failed
  case actionRequired = "action_required"
}

/// What kind of refusal an attempt met: `billing.payment_attempts.decline_class`.
package enum DeclineClass: String, CaseIterable, Sendable {
  case hard
  case soft
  case never
  case technical
  case authentication
}

/// Where a refund stands: `billing.refunds.status`.
package enum RefundStatus: String, CaseIterable, Sendable {
  case pending
  case succeeded
  case failed
}
