import AlmanacCore
import Billing

// What companies are asked to pay (D-204, D-206), and what is taken off again.
extension CompanySimulator {
  /// Issues the invoice of a subscription for its present period, or for the rest of it.
  mutating func bill(_ index: Int, at: Int64, reason: BillingReason, amount: Int64? = nil) {
    let subscription = state.subscriptions[index]
    let subtotal = amount ?? subscription.recurring
    let start = reason == .update ? at : subscription.periodStart
    let taxed = Double(subtotal * profile.country.tax) / 1_000
    issue(
      subscription: index, subtotal: subtotal, tax: profile.currency.rounded(taxed), at: at,
      period: (start, subscription.periodEnd), reason: reason)
  }

  /// Issues an invoice; one of zero or less is settled by being issued.
  private mutating func issue(
    subscription: Int, subtotal: Int64, tax: Int64, at: Int64, period: (Int64, Int64)?,
    reason: BillingReason, isCollected: Bool = true
  ) {
    let ordinal = state.invoiceCount
    state.invoiceCount += 1
    let total = subtotal + tax
    let isBank = state.method.kind == .bankAccount
    let dueAt = at + (isBank ? 14 : 3) * microsecondsPerDay
    let isSettled = total <= 0
    if let record {
      let recordedAt = recorded(.invoice, ordinal, at)
      record.invoices.append(
        InvoiceRow(
          id: identifier(.invoice, ordinal),
          subscriptionID: identifier(.subscription, state.subscriptions[subscription].ordinal),
          number: "I\(profile.index + 1)-\(ordinal + 1)", reason: reason.rawValue,
          subtotal: subtotal, tax: tax, issuedAt: at, dueAt: dueAt, periodStart: period?.0,
          periodEnd: period?.1, recordedAt: recordedAt, status: isSettled ? "paid" : "open",
          amountPaid: isSettled ? total : 0, paidAt: isSettled ? at : nil, changedAt: recordedAt))
      emitMoney(.invoiceGenerated, total, at: at)
      emitMoney(.invoiceSent, total, at: at + 2 * microsecondsPerMinute)
    }
    guard !isSettled, isCollected else { return }
    state.collections.append(
      Collection(invoice: ordinal, subscription: subscription, due: total))
    state.plan(.markOverdue(invoice: ordinal), at: dueAt)
    let place = draws.unit(.timing, ordinal, 10)
    let wait = isBank ? 2 + 16 * place * place : (0.5 + 23 * place) / 24
    state.plan(.collect(invoice: ordinal), at: at + Int64(wait * Double(microsecondsPerDay)))
    if isBank, draws.unit(.lifecycle, ordinal, 30) < 0.02 {
      state.plan(.creditOpenInvoice(invoice: ordinal), at: at + microsecondsPerDay)
    }
  }

  /// Adds an event with an amount of the company's currency.
  func emitMoney(_ type: EventType, _ amount: Int64, at: Int64) {
    emit(
      type, at: at, user: nil, details: .money, value: amount,
      code: UInt8(state.method.kind.rawValue))
  }

  /// Issues the invoices of the stories that are about amounts.
  mutating func issueSpecialInvoice(_ script: Script, at: Int64) {
    func issue(_ amount: Int64, isCollected: Bool = true) {
      self.issue(
        subscription: state.main, subtotal: amount, tax: 0, at: at, period: nil, reason: .manual,
        isCollected: isCollected)
    }
    let unit = profile.currency.minorUnit
    switch script {
    case .zeroAmount: issue(0)
    case .negativeAmount: issue(-unit * 1_250)
    case .fifteenDigits:
      // A slip of the keyboard: 15 digits before the point, taken back within the hour.
      let ordinal = state.invoiceCount
      issue(123_456_789_012_345 * 10_000, isCollected: false)
      state.plan(.voidInvoice(invoice: ordinal), at: at + 50 * microsecondsPerMinute)
    default: issue(unit * 20_000)
    }
  }

  /// Takes an invoice back that nothing was paid of.
  mutating func voidInvoice(_ invoice: Int, at: Int64) {
    guard let record else { return }
    let total = record.invoices[invoice].total
    updateInvoice(invoice, at: at) { row in
      row.status = "void"
      row.voidedAt = at
    }
    emitMoney(.invoiceVoided, total, at: at)
  }

  /// Changes the row of an invoice.
  func updateInvoice(_ invoice: Int, at: Int64, _ change: (inout InvoiceRow) -> Void) {
    guard let record else { return }
    change(&record.invoices[invoice])
    let known = CompanySimulator.known(record.invoices[invoice].recordedAt, at)
    record.invoices[invoice].changedAt = max(record.invoices[invoice].changedAt, known)
  }

  /// Notes that an invoice was not paid in time.
  mutating func markOverdue(_ invoice: Int, at: Int64) {
    guard let index = state.collections.firstIndex(where: { $0.invoice == invoice }) else { return }
    state.collections[index].isOverdue = true
    state.subscriptions[state.collections[index].subscription].overdue += 1
    update(state.collections[index].subscription, at: at)
    updateInvoice(invoice, at: at) { $0.status = "past_due" }
    emitMoney(.invoiceOverdue, state.collections[index].due, at: at)
  }

  /// Ends the collection of an invoice, paid or not.
  mutating func close(_ index: Int, at: Int64) {
    let collection = state.collections.remove(at: index)
    guard collection.isOverdue else { return }
    state.subscriptions[collection.subscription].overdue -= 1
    update(collection.subscription, at: at)
  }

  // MARK: Credit and refunds

  /// Lowers an open invoice, so that less is collected.
  mutating func creditOpenInvoice(_ invoice: Int, at: Int64) {
    guard let index = state.collections.firstIndex(where: { $0.invoice == invoice }),
      state.collections[index].attempts == 0
    else { return }
    let amount = profile.currency.rounded(Double(state.collections[index].due) * 0.2)
    guard amount > 0, amount < state.collections[index].due else { return }
    state.collections[index].due -= amount
    addCreditNote(invoice, amount: amount, reason: "goodwill", at: at)
  }

  private mutating func addCreditNote(_ invoice: Int, amount: Int64, reason: String, at: Int64) {
    let ordinal = state.creditCount
    state.creditCount += 1
    record?.creditNotes.append(
      CreditNoteRow(
        id: identifier(.credit, ordinal), invoice: invoice, amount: amount, reason: reason,
        issuedAt: at, recordedAt: recorded(.credit, ordinal, at)))
    emitMoney(.creditNoteIssued, amount, at: at)
  }

  /// Gives part of a paid invoice back: a credit note, and a refund that takes a day or two.
  mutating func refund(_ invoice: Int, percent: Int, reason: String = "requested", at: Int64) {
    let ordinal = state.refundCount
    guard let record, let position = record.transactionOfInvoice[invoice],
      record.transactions[position].succeededAt != nil
    else { return }
    let paid = record.transactions[position].amount
    let refunded = record.refunds.filter { $0.invoice == invoice }.reduce(0) { $0 + $1.amount }
    let amount = min(
      paid - refunded, profile.currency.rounded(Double(paid) * Double(percent) / 100))
    guard amount > 0 else { return }
    state.refundCount += 1
    addCreditNote(invoice, amount: amount, reason: reason, at: at)
    let recordedAt = recorded(.refund, ordinal, at)
    record.refunds.append(
      RefundRow(
        id: identifier(.refund, ordinal), invoice: invoice, amount: amount, reason: reason,
        recordedAt: recordedAt, status: "pending", changedAt: recordedAt))
    state.plan(
      .settleRefund(ordinal),
      at: at + Int64((0.2 + 2 * draws.unit(.timing, ordinal, 11)) * Double(microsecondsPerDay)))
  }

  /// Completes a refund.
  mutating func settleRefund(_ refund: Int, at: Int64) {
    guard let record else { return }
    record.refunds[refund].status = "succeeded"
    record.refunds[refund].succeededAt = at
    record.refunds[refund].changedAt = CompanySimulator.known(
      record.refunds[refund].recordedAt, at)
    emitMoney(.paymentRefunded, record.refunds[refund].amount, at: at)
    let invoice = record.refunds[refund].invoice
    guard let position = record.transactionOfInvoice[invoice] else { return }
    let refunded = record.refunds.filter { $0.invoice == invoice && $0.succeededAt != nil }
      .reduce(0) { $0 + $1.amount }
    if refunded == record.transactions[position].amount {
      record.transactions[position].status = "refunded"
      record.transactions[position].changedAt = max(
        record.transactions[position].changedAt,
        CompanySimulator.known(record.transactions[position].recordedAt, at))
    }
  }

  /// The company's bank asks for a payment back; half of these are lost.
  mutating func dispute(_ invoice: Int, at: Int64) {
    guard let record, let position = record.transactionOfInvoice[invoice] else { return }
    emitMoney(.paymentDisputed, record.transactions[position].amount, at: at)
    if draws.unit(.lifecycle, invoice, 31) < 0.5 {
      refund(invoice, percent: 100, reason: "dispute", at: at + microsecondsPerHour)
    }
  }
}
