package import AlmanacCore

/// Where a ledger's changes come from.
package enum LedgerSource: String, CaseIterable, Sendable {
  /// From `subscription_changes`.
  case changes
  /// From the periods of invoices, because there are no changes (DECISIONS.md, D-163).
  case invoices
}

extension SubscriptionChange {
  /// The changes that the invoices of subscriptions show, for sources without
  /// `subscription_changes` (DECISIONS.md, D-163).
  ///
  /// An invoice says what its subscription is worth from the start of its period to the end; the
  /// identity of a change is that of the invoice. Trials, pauses and migrations cannot be seen.
  ///
  /// - Parameters:
  ///   - invoices: rows of `invoices`, in any order.
  ///   - cut: invoices recorded after it are not known; `nil` for no limit.
  /// - Returns: the changes by subscription and sequence.
  package static func shown(
    by invoices: some Sequence<Invoice>, knownBy cut: Timestamp? = nil
  ) -> [SubscriptionChange] {
    let periods = invoices.compactMap { invoice -> InvoicedPeriod? in
      if let cut, invoice.recordedAt > cut { return nil }
      return InvoicedPeriod(invoice)
    }.sorted { left, right in
      if left.subscription != right.subscription { return left.subscription < right.subscription }
      if left.start != right.start { return left.start < right.start }
      return left.end != right.end ? left.end < right.end : left.invoice.id < right.invoice.id
    }
    var changes: [SubscriptionChange] = []
    var start = 0
    while start < periods.count {
      var end = start
      while end < periods.count, periods[end].subscription == periods[start].subscription {
        end += 1
      }
      append(InvoicedPeriod.added(periods[start..<end]), to: &changes)
      start = end
    }
    return changes
  }

  /// The changes of one subscription from its periods by start.
  private static func append(_ periods: [InvoicedPeriod], to changes: inout [SubscriptionChange]) {
    var sequence: Int64 = 0
    func change(
      _ kind: ChangeKind, _ period: InvoicedPeriod, at instant: Timestamp
    ) -> SubscriptionChange {
      sequence += 1
      return SubscriptionChange(
        id: period.invoice.id, subscription: period.subscription, company: period.invoice.company,
        sequence: sequence, kind: kind, recurringAmount: period.amount,
        periodMonths: period.months, currency: period.invoice.currency, effectiveAt: instant,
        recordedAt: period.invoice.recordedAt)
    }
    for (index, period) in periods.enumerated() {
      let goesOn = index > 0 && periods[index - 1].reaches(period)
      changes.append(
        change(index == 0 ? .new : goesOn ? .quantity : .reactivate, period, at: period.start))
      if index + 1 == periods.count || !period.reaches(periods[index + 1]) {
        changes.append(change(.cancel, period, at: period.end))
      }
    }
  }
}

/// The time that an invoice of a subscription is for.
private struct InvoicedPeriod {
  let invoice: Invoice
  /// The subscription, or the company where none is named.
  let subscription: UUIDValue
  let start: Timestamp
  let end: Timestamp
  /// What the period costs before tax.
  var amount: Int128

  /// The period of an invoice that bills one; `nil` for any other invoice.
  init?(_ invoice: Invoice) {
    guard let start = invoice.periodStart, let end = invoice.periodEnd, start < end,
      start.isWithinCalendar, end.isWithinCalendar, invoice.status != .draft,
      invoice.status != .void, invoice.voidedAt == nil, invoice.reason != .manual,
      invoice.reason != .update
    else { return nil }
    self.invoice = invoice
    subscription = invoice.subscription ?? invoice.company
    self.start = start
    self.end = end
    amount = invoice.subtotal ?? invoice.total
  }

  /// The length in whole months of a twelfth of a year, at least one.
  var months: Int {
    let days = Double(end.microseconds - start.microseconds) / Double(Timestamp.microsecondsPerDay)
    return max(1, Int((days / 30.4375).rounded()))
  }

  /// Whether the next period begins before a day has passed without one.
  func reaches(_ next: InvoicedPeriod) -> Bool {
    next.start.microseconds - end.microseconds < Timestamp.microsecondsPerDay
  }

  /// Periods of one subscription with equal starts and ends together: parts of one amount.
  static func added(_ periods: ArraySlice<InvoicedPeriod>) -> [InvoicedPeriod] {
    var added: [InvoicedPeriod] = []
    for period in periods {
      if let last = added.last, last.start == period.start, last.end == period.end,
        last.invoice.currency == period.invoice.currency
      {
        added[added.count - 1].amount += period.amount
      } else {
        added.append(period)
      }
    }
    return added
  }
}
