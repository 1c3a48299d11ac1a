package import AlmanacCore
package import Billing

// Rows of the source contract as a company produces them. Instants are microseconds since 1970 UTC,
// amounts ten-thousandths of the company's currency. `recordedAt` becomes `created_at`; `changedAt`
// is when anything about the row last became known, and becomes `updated_at` where there is one.

/// Why a subscription ended: `billing.subscriptions.cancel_reason`.
package enum CancelReason: String, CaseIterable, Sendable {
  case voluntary
  case payment
  case migration
  case other
}

/// Where a subscription stands: `billing.subscriptions.status`.
package enum SubscriptionStatus: String, CaseIterable, Sendable {
  case trialing
  case active
  case pastDue = "past_due"
  case paused
  case canceled
}

/// A row of `billing.subscriptions`.
package struct SubscriptionRow: Sendable {
  package let id: UUIDValue
  package let startedAt: Int64
  package let migratedFrom: UUIDValue?
  package let recordedAt: Int64
  package var planID: UUIDValue
  package var quantity: Int
  package var status: SubscriptionStatus
  package var trialEndsAt: Int64?
  package var periodStart: Int64?
  package var periodEnd: Int64?
  package var cancelAt: Int64?
  package var canceledAt: Int64?
  package var endedAt: Int64?
  package var cancelReason: CancelReason?
  package var changedAt: Int64
}

/// A row of `billing.subscription_changes`.
package struct ChangeRow: Sendable {
  package let id: UUIDValue
  package let subscriptionID: UUIDValue
  package let sequence: Int
  package let change: ChangeKind
  package let planID: UUIDValue
  package let module: Int?
  package let quantity: Int
  package let recurringAmount: Int64
  package let interval: BillingInterval
  package let requestedAt: Int64
  package let effectiveAt: Int64
  package let recordedAt: Int64
}

/// A row of `billing.invoices`.
package struct InvoiceRow: Sendable {
  package let id: UUIDValue
  package let subscriptionID: UUIDValue
  package let number: String
  package let reason: String
  package let subtotal: Int64
  package let tax: Int64
  package let issuedAt: Int64
  package let dueAt: Int64
  package let periodStart: Int64?
  package let periodEnd: Int64?
  package let recordedAt: Int64
  package var status: String
  package var amountPaid: Int64 = 0
  package var paidAt: Int64?
  package var voidedAt: Int64?
  package var uncollectibleAt: Int64?
  package var changedAt: Int64
  package var total: Int64 { subtotal + tax }
}

/// A row of `billing.transactions`; one for each invoice that is collected.
package struct TransactionRow: Sendable {
  package let id: UUIDValue
  package let invoice: Int
  package let channel: String
  package let providerID: String
  package let recordedAt: Int64
  package var amount: Int64
  package var method: Int
  package var status: String
  package var retries = 0
  package var lastRetryAt: Int64?
  package var nextRetryAt: Int64?
  package var errorMessage: String?
  package var succeededAt: Int64?
  package var changedAt: Int64
}

/// A row of `billing.payment_attempts`.
package struct AttemptRow: Sendable {
  package let id: UUIDValue
  package let invoice: Int
  package let method: Int
  package let number: Int
  package let amount: Int64
  package let outcome: String
  package let declineCode: String?
  package let declineClass: String?
  package let attemptedAt: Int64
  package let recordedAt: Int64
}

/// A row of `billing.payment_methods`.
package struct MethodRow: Sendable {
  package let id: UUIDValue
  package let kind: MethodKind
  package let brand: String?
  package let funding: String?
  package let recordedAt: Int64
  package var expiryMonth: Int?
  package var expiryYear: Int?
  package var isActive = true
  package var changedAt: Int64
}

/// What a payment method is: `billing.payment_methods.type`.
package enum MethodKind: Int, CaseIterable, Sendable {
  case card
  case bankAccount
  case paypal
}

/// A row of `billing.refunds`.
package struct RefundRow: Sendable {
  package let id: UUIDValue
  package let invoice: Int
  package let amount: Int64
  package let reason: String
  package let recordedAt: Int64
  package var status: String
  package var succeededAt: Int64?
  package var changedAt: Int64
}

/// A row of `billing.credit_notes`.
package struct CreditNoteRow: Sendable {
  package let id: UUIDValue
  package let invoice: Int
  package let amount: Int64
  package let reason: String
  package let issuedAt: Int64
  package let recordedAt: Int64
}

/// A row of `billing.users`.
package struct UserRow: Sendable {
  package let id: UUIDValue
  package let role: String
  package let invitedAt: Int64
  package let recordedAt: Int64
  package var activatedAt: Int64?
  package var lastSeenAt: Int64?
  package var deactivatedAt: Int64?
  package var changedAt: Int64
}
