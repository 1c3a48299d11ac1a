package import AlmanacCore

extension PaymentBooks {
  /// `invoices_pending`, `invoices_overdue` and `overdue_amount` at the end of each period
  /// (DECISIONS.md, D-166).
  ///
  /// By days a company has rows where a value changes and on the last days of months, by months in
  /// every month, always only where the value is not zero; all companies together have one a period.
  ///
  /// - Throws: ``BillingError``: a missing rate, or an amount without a currency.
  package func invoiceMetrics(_ periods: MetricPeriods) throws(BillingError) -> [MetricRow] {
    var rates: Set<RateUse> = []
    return try invoiceMetrics(periods, rates: &rates)
  }

  /// The same, adding to `rates` those that what is owed, and what settled it, was converted by.
  package func invoiceMetrics(
    _ periods: MetricPeriods, rates: inout Set<RateUse>
  ) throws(BillingError) -> [MetricRow] {
    var rows = MetricCollector(
      periods, metrics: [.invoicesPending, .invoicesOverdue, .overdueAmount])
    let dues = try owedByDate(&rates)
    var byCompany: [UUIDValue: [Invoice]] = [:]
    for invoice in invoices { byCompany[invoice.company, default: []].append(invoice) }
    // The day before the first decides whether the first brings a change.
    let days =
      periods.grain == .day
      ? periods.starts.first.map {
        MetricPeriods(.day, from: $0.adding(days: -1), through: $0.adding(days: periods.count - 1))
      } ?? periods : periods
    var totals = InvoiceStates(count: days.count)
    for (company, invoices) in byCompany {
      var states = InvoiceStates(count: days.count)
      for invoice in invoices {
        try add(invoice, dues[invoice.id] ?? [], to: &states, days, &rates)
      }
      states.add(to: &rows, company, offset: days.count - periods.count)
      totals.add(states)
    }
    for index in periods.starts.indices {
      let day = index + days.count - periods.count
      rows.setTotal(.invoicesPending, at: index, totals.pending[day])
      rows.setTotal(.invoicesOverdue, at: index, totals.overdue[day])
      rows.setTotal(.overdueAmount, at: index, totals.owed[day])
    }
    return rows.finish()
  }

  /// The invoices that are to be paid at the end of a date, with what is still owed on them.
  ///
  /// Those of D-166 that are pending then, but for uncollectible ones, and drafts, which are still to
  /// be issued.
  ///
  /// - Parameters:
  ///   - date: the date, by which payments, refunds and credit notes count.
  ///   - end: the end of the date: what was recorded, paid or void from then on is not known, rates included.
  /// - Returns: invoices on which more than 0 is owed, with that in the reporting currency, by
  ///   identifier; `nil` where there is no rate of the date for its currency, or none is named.
  /// - Throws: ``BillingError``: a missing rate, or an amount without a currency, of what was settled.
  package func invoicesToPay(
    at date: CalendarDate, before end: Timestamp
  ) throws(BillingError) -> [(invoice: Invoice, owed: Int128?)] {
    var books = self
    books.rates = rates.known(before: end)
    var uses: Set<RateUse> = []
    let settled = try books.owedByDate(&uses)
    var found: [(invoice: Invoice, owed: Int128?)] = []
    for invoice in invoices where invoice.recordedAt < end && invoice.status != .uncollectible {
      guard invoice.status == .draft || invoice.pendingFrom != nil,
        invoice.closedAt.map({ $0 >= end }) ?? true
      else { continue }
      var owed = invoice.total
      for settlement in settled[invoice.id] ?? [] where settlement.date <= date {
        owed -= settlement.amount
      }
      guard owed > 0 else { continue }
      found.append(
        (
          invoice,
          try? books.converted(
            owed, from: invoice.currency, to: currency, on: date, dataset: "invoices")
        ))
    }
    return found.sorted { $0.invoice.id < $1.invoice.id }
  }

  /// What changed on a date in what is owed on an invoice.
  private struct Settlement {
    var date: CalendarDate
    /// What was settled, in the invoice's currency; negative where it was given back.
    var amount: Int128
  }

  /// Payments, refunds and credit notes of each invoice by local date, in its currency.
  private func owedByDate(
    _ rates: inout Set<RateUse>
  ) throws(BillingError) -> [UUIDValue: [Settlement]] {
    var currencies: [UUIDValue: CurrencyCode] = [:]
    for invoice in invoices { currencies[invoice.id] = invoice.currency }
    var settled: [UUIDValue: [Settlement]] = [:]
    func settle(
      _ invoice: UUIDValue?, _ company: UUIDValue, _ at: Timestamp, _ amount: Int128,
      _ currency: CurrencyCode?, _ dataset: String, _ rates: inout Set<RateUse>
    ) throws(BillingError) {
      guard let invoice, let target = currencies[invoice] else { return }
      let date = localDate(company, at)
      let converted = try converted(
        amount, from: currency, to: target, on: date, dataset: dataset)
      if let currency, currency != target, amount != 0 {
        rates.insert(RateUse(source: currency, target: target, date: date))
      }
      settled[invoice, default: []].append(Settlement(date: date, amount: converted))
    }
    for payment in payments {
      try settle(
        payment.invoice, payment.company, payment.at, payment.amount, payment.currency,
        payment.dataset, &rates)
    }
    for refund in refunds {
      guard let at = refund.happenedAt else { continue }
      try settle(
        invoice(ofRefund: refund), refund.company, at, -refund.amount, refund.currency, "refunds",
        &rates)
    }
    for note in creditNotes {
      guard let at = note.happenedAt else { continue }
      try settle(
        note.reference, note.company, at, note.amount, note.currency, "credit_notes", &rates)
    }
    return settled
  }

  /// Adds an invoice to the periods at whose ends it is pending.
  private func add(
    _ invoice: Invoice, _ settlements: [Settlement], to states: inout InvoiceStates,
    _ periods: MetricPeriods, _ rates: inout Set<RateUse>
  ) throws(BillingError) {
    guard let issued = invoice.pendingFrom, let first = periods.starts.first,
      let last = periods.starts.indices.last.map({ periods.lastDay($0) })
    else { return }
    let issuedOn = localDate(invoice.company, issued)
    let closedOn = invoice.closedAt.map { localDate(invoice.company, $0) }
    let dueOn = invoice.dueAt.map { localDate(invoice.company, $0) }
    guard issuedOn <= last, closedOn.map({ $0 > first }) ?? true else { return }
    let start = issuedOn <= first ? 0 : periods.index(of: issuedOn) ?? periods.count
    for index in start..<periods.count {
      let day = periods.lastDay(index)
      if let closedOn, closedOn <= day { break }
      states.pending[index] += 1
      guard let dueOn, dueOn <= day else { continue }
      states.overdue[index] += 1
      var owed = invoice.total
      for settlement in settlements where settlement.date <= day { owed -= settlement.amount }
      if owed > 0 {
        states.owed[index] += try converted(
          owed, from: invoice.currency, to: currency, on: day, dataset: "invoices")
        if let source = invoice.currency, source != currency {
          rates.insert(RateUse(source: source, target: currency, date: day))
        }
      }
    }
  }
}

extension Invoice {
  /// From when it is owed; `nil` where it never is: a draft, or one whose end has no date.
  fileprivate var pendingFrom: Timestamp? {
    switch status {
    case .draft: nil
    case .void where voidedAt == nil, .paid where paidAt == nil: nil
    default: issuedAt
    }
  }

  /// When it stopped being owed: paid or void, whichever was first.
  fileprivate var closedAt: Timestamp? {
    guard let paidAt else { return voidedAt }
    return voidedAt.map { min($0, paidAt) } ?? paidAt
  }
}

/// The invoices of a company, or of all, at the ends of periods.
private struct InvoiceStates {
  var pending: [Int128]
  var overdue: [Int128]
  var owed: [Int128]

  init(count: Int) {
    pending = [Int128](repeating: 0, count: count)
    overdue = pending
    owed = pending
  }

  mutating func add(_ other: InvoiceStates) {
    for index in pending.indices {
      pending[index] += other.pending[index]
      overdue[index] += other.overdue[index]
      owed[index] += other.owed[index]
    }
  }

  /// Adds the rows of a company: where a value changes, at ends of months, and for every month.
  ///
  /// `offset` is the number of days before the first period.
  func add(to rows: inout MetricCollector, _ company: UUIDValue, offset: Int) {
    let periods = rows.periods
    for (metric, values) in [
      (Metric.invoicesPending, pending), (.invoicesOverdue, overdue), (.overdueAmount, owed),
    ] {
      for (index, start) in periods.starts.enumerated() {
        let value = values[index + offset]
        let isShown =
          periods.grain == .month || start.day == start.daysInMonth
          || value != values[index + offset - 1]
        if isShown { rows.add(company, metric, at: index, value) }
      }
    }
  }
}
