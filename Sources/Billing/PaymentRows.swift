package import AlmanacCore
package import Columns

/// A row of `billing.payment_attempts`, as far as metrics need it.
package struct PaymentAttempt: Hashable, Sendable {
  /// The attempt.
  package var id: UUIDValue
  /// What it collects.
  package var transaction: UUIDValue?
  /// The invoice it pays.
  package var invoice: UUIDValue?
  /// The company that pays.
  package var company: UUIDValue
  /// Ten-thousandths of the currency.
  package var amount: Int128
  /// The currency; `nil` where it is not three letters.
  package var currency: CurrencyCode?
  /// How it ended.
  package var outcome: AttemptOutcome
  /// When it was made.
  package var attemptedAt: Timestamp
  /// When it was recorded.
  package var recordedAt: Timestamp

  /// An attempt of the given parts.
  package init(
    id: UUIDValue, transaction: UUIDValue?, invoice: UUIDValue?, company: UUIDValue,
    amount: Int128, currency: CurrencyCode?, outcome: AttemptOutcome, attemptedAt: Timestamp,
    recordedAt: Timestamp
  ) {
    self.id = id
    self.transaction = transaction
    self.invoice = invoice
    self.company = company
    self.amount = amount
    self.currency = currency
    self.outcome = outcome
    self.attemptedAt = attemptedAt
    self.recordedAt = recordedAt
  }

  /// The rows of batches of `payment_attempts`.
  package static func rows(in batches: [Batch]) throws(BillingError) -> [PaymentAttempt] {
    var rows: [PaymentAttempt] = []
    var table = TableReader(dataset: "payment_attempts")
    for batch in batches {
      table.start(batch)
      let ids = try table.identifiers("id")
      let transactions = try table.identifiers("transaction_id")
      let invoices = try table.identifiers("invoice_id")
      let companies = try table.identifiers("company_id")
      let amounts = try table.amounts("amount")
      let currencies = try table.currencies("currency")
      let outcomes = try table.words("outcome") { AttemptOutcome(rawValue: $0) }
      let attempted = try table.instants("attempted_at")
      let recorded = try table.instants("created_at")
      for row in 0..<batch.rowCount {
        guard let outcome = outcomes(row) else { throw table.unknown("outcome", row) }
        rows.append(
          PaymentAttempt(
            id: try table.required(ids(row), "id", row), transaction: transactions(row),
            invoice: invoices(row),
            company: try table.required(companies(row), "company_id", row),
            amount: amounts(row) ?? 0, currency: currencies(row), outcome: outcome,
            attemptedAt: try table.required(attempted(row), "attempted_at", row),
            recordedAt: try table.required(recorded(row), "created_at", row)))
      }
    }
    return rows
  }
}

/// Money that moved, or that an invoice was lowered by, at an instant: a row of `transactions`,
/// `refunds` or `credit_notes`, as far as metrics need it.
package struct MoneyRow: Hashable, Sendable {
  /// The row.
  package var id: UUIDValue
  /// The invoice of a transaction or credit note, the transaction of a refund.
  package var reference: UUIDValue?
  /// The company.
  package var company: UUIDValue
  /// Ten-thousandths of the currency.
  package var amount: Int128
  /// The currency; `nil` where it is not three letters.
  package var currency: CurrencyCode?
  /// When the money moved or the note was issued; `nil` where it has not.
  package var happenedAt: Timestamp?
  /// When the row was recorded.
  package var recordedAt: Timestamp

  /// A row of the given parts.
  package init(
    id: UUIDValue, reference: UUIDValue?, company: UUIDValue, amount: Int128,
    currency: CurrencyCode?, happenedAt: Timestamp?, recordedAt: Timestamp
  ) {
    self.id = id
    self.reference = reference
    self.company = company
    self.amount = amount
    self.currency = currency
    self.happenedAt = happenedAt
    self.recordedAt = recordedAt
  }

  /// The rows of batches of `transactions`; they happened at `succeeded_at`.
  package static func transactions(in batches: [Batch]) throws(BillingError) -> [MoneyRow] {
    try rows(in: batches, of: "transactions", reference: "invoice_id", time: "succeeded_at")
  }

  /// The rows of batches of `refunds`; only those with status `succeeded` happened.
  package static func refunds(in batches: [Batch]) throws(BillingError) -> [MoneyRow] {
    try rows(
      in: batches, of: "refunds", reference: "transaction_id", time: "succeeded_at",
      status: RefundStatus.succeeded.rawValue)
  }

  /// The rows of batches of `credit_notes`.
  package static func creditNotes(in batches: [Batch]) throws(BillingError) -> [MoneyRow] {
    try rows(in: batches, of: "credit_notes", reference: "invoice_id", time: "issued_at")
  }

  private static func rows(
    in batches: [Batch], of dataset: String, reference: String, time: String, status: String? = nil
  ) throws(BillingError) -> [MoneyRow] {
    var rows: [MoneyRow] = []
    var table = TableReader(dataset: dataset)
    for batch in batches {
      table.start(batch)
      let ids = try table.identifiers("id")
      let references = try table.identifiers(reference)
      let companies = try table.identifiers("company_id")
      let amounts = try table.amounts("amount")
      let currencies = try table.currencies("currency")
      let times = try table.instants(time)
      let recorded = try table.instants("created_at")
      let holds: (Int) -> Bool? =
        status == nil ? { _ in true } : try table.words("status") { $0 == status }
      for row in 0..<batch.rowCount {
        rows.append(
          MoneyRow(
            id: try table.required(ids(row), "id", row), reference: references(row),
            company: try table.required(companies(row), "company_id", row),
            amount: amounts(row) ?? 0, currency: currencies(row),
            happenedAt: holds(row) == true ? times(row) : nil,
            recordedAt: try table.required(recorded(row), "created_at", row)))
      }
    }
    return rows
  }
}

/// A row of `billing.invoices`, as far as metrics need it.
package struct Invoice: Hashable, Sendable {
  /// The invoice.
  package var id: UUIDValue
  /// The company that owes.
  package var company: UUIDValue
  /// The subscription it is for.
  package var subscription: UUIDValue?
  /// Where it stands.
  package var status: InvoiceStatus
  /// Why it was made; `nil` where nothing known is said.
  package var reason: BillingReason?
  /// The currency; `nil` where it is not three letters.
  package var currency: CurrencyCode?
  /// Before tax, in ten-thousandths.
  package var subtotal: Int128?
  /// What is owed, in ten-thousandths.
  package var total: Int128
  /// When it was issued.
  package var issuedAt: Timestamp?
  /// When it is due.
  package var dueAt: Timestamp?
  /// When it was paid in full.
  package var paidAt: Timestamp?
  /// When it was made void.
  package var voidedAt: Timestamp?
  /// Where the service it is for begins.
  package var periodStart: Timestamp?
  /// Where that service ends.
  package var periodEnd: Timestamp?
  /// When it was recorded.
  package var recordedAt: Timestamp

  /// An invoice of the given parts.
  package init(
    id: UUIDValue, company: UUIDValue, subscription: UUIDValue? = nil, status: InvoiceStatus,
    reason: BillingReason? = nil, currency: CurrencyCode?, subtotal: Int128? = nil, total: Int128,
    issuedAt: Timestamp?, dueAt: Timestamp? = nil, paidAt: Timestamp? = nil,
    voidedAt: Timestamp? = nil, periodStart: Timestamp? = nil, periodEnd: Timestamp? = nil,
    recordedAt: Timestamp
  ) {
    self.id = id
    self.company = company
    self.subscription = subscription
    self.status = status
    self.reason = reason
    self.currency = currency
    self.subtotal = subtotal
    self.total = total
    self.issuedAt = issuedAt
    self.dueAt = dueAt
    self.paidAt = paidAt
    self.voidedAt = voidedAt
    self.periodStart = periodStart
    self.periodEnd = periodEnd
    self.recordedAt = recordedAt
  }

  /// The rows of batches of `invoices`.
  package static func rows(in batches: [Batch]) throws(BillingError) -> [Invoice] {
    var rows: [Invoice] = []
    var table = TableReader(dataset: "invoices")
    for batch in batches {
      table.start(batch)
      rows.reserveCapacity(rows.count + batch.rowCount)
      try append(table, batch.rowCount, to: &rows)
    }
    return rows
  }

  private static func append(
    _ table: TableReader, _ rowCount: Int, to rows: inout [Invoice]
  ) throws(BillingError) {
    let ids = try table.identifiers("id")
    let companies = try table.identifiers("company_id")
    let subscriptions = try table.identifiers("subscription_id")
    let statuses = try table.words("status") { InvoiceStatus(rawValue: $0) }
    let reasons = try table.words("billing_reason") { BillingReason(rawValue: $0) }
    let currencies = try table.currencies("currency")
    let subtotals = try table.amounts("subtotal")
    let totals = try table.amounts("total")
    let issued = try table.instants("issued_at")
    let due = try table.instants("due_at")
    let paid = try table.instants("paid_at")
    let voided = try table.instants("voided_at")
    let starts = try table.instants("period_start")
    let ends = try table.instants("period_end")
    let recorded = try table.instants("created_at")
    for row in 0..<rowCount {
      guard let status = statuses(row) else { throw table.unknown("status", row) }
      rows.append(
        Invoice(
          id: try table.required(ids(row), "id", row),
          company: try table.required(companies(row), "company_id", row),
          subscription: subscriptions(row), status: status, reason: reasons(row),
          currency: currencies(row), subtotal: subtotals(row), total: totals(row) ?? 0,
          issuedAt: issued(row), dueAt: due(row), paidAt: paid(row), voidedAt: voided(row),
          periodStart: starts(row), periodEnd: ends(row),
          recordedAt: try table.required(recorded(row), "created_at", row)))
    }
  }
}
