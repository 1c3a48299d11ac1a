package import AlmanacCore

/// Payments, refunds, invoices and credit notes as known at a cut: what metrics of money are made
/// of.
package struct PaymentBooks: Sendable {
  /// Money that came in.
  struct Payment {
    var company: UUIDValue
    var invoice: UUIDValue?
    var amount: Int128
    var currency: CurrencyCode?
    var at: Timestamp
    var dataset: String
  }

  let attempts: [PaymentAttempt]
  let transactions: [MoneyRow]
  let refunds: [MoneyRow]
  let invoices: [Invoice]
  let creditNotes: [MoneyRow]
  var rates: ExchangeRates
  let zones: CompanyZones
  let currency: CurrencyCode
  /// The invoice of each transaction.
  private let invoiceOfTransaction: [UUIDValue: UUIDValue]

  /// The rows recorded by the cut.
  ///
  /// - Parameters:
  ///   - attempts: rows of `payment_attempts`.
  ///   - transactions: rows of `transactions`; one that attempts refer to counts by these.
  ///   - refunds: rows of `refunds`.
  ///   - invoices: rows of `invoices`, in the version to be told about.
  ///   - creditNotes: rows of `credit_notes`.
  ///   - rates: the exchange rates as known at the cut.
  ///   - zones: whose days count.
  ///   - currency: the reporting currency.
  ///   - cut: rows recorded after it are not known; `nil` for no limit.
  package init(
    attempts: [PaymentAttempt] = [], transactions: [MoneyRow] = [], refunds: [MoneyRow] = [],
    invoices: [Invoice] = [], creditNotes: [MoneyRow] = [], rates: ExchangeRates,
    zones: CompanyZones, currency: CurrencyCode, knownBy cut: Timestamp? = nil
  ) {
    func isKnown(_ recordedAt: Timestamp) -> Bool { cut.map { recordedAt <= $0 } ?? true }
    self.attempts = attempts.filter { isKnown($0.recordedAt) }
    self.transactions = transactions.filter { isKnown($0.recordedAt) }
    self.refunds = refunds.filter { isKnown($0.recordedAt) }
    self.invoices = invoices.filter { isKnown($0.recordedAt) }
    self.creditNotes = creditNotes.filter { isKnown($0.recordedAt) }
    self.rates = rates
    self.zones = zones
    self.currency = currency
    var owners: [UUIDValue: UUIDValue] = [:]
    for row in self.transactions { owners[row.id] = row.reference }
    invoiceOfTransaction = owners
  }

  /// The local date of a company at an instant.
  func localDate(_ company: UUIDValue, _ instant: Timestamp) -> CalendarDate {
    zones.zone(of: company).localDate(at: instant)
  }

  /// An amount in another currency at the rate of a date.
  func converted(
    _ amount: Int128, from source: CurrencyCode?, to target: CurrencyCode, on date: CalendarDate,
    dataset: String
  ) throws(BillingError) -> Int128 {
    if amount == 0 { return 0 }
    guard let source else { throw .missingCurrency(dataset: dataset) }
    do {
      return try rates.convert(amount, from: source, to: target, on: date)
    } catch { throw .conversion(error) }
  }

  /// The invoice an attempt pays: its own, or that of its transaction.
  func invoice(of attempt: PaymentAttempt) -> UUIDValue? {
    attempt.invoice ?? attempt.transaction.flatMap { invoiceOfTransaction[$0] }
  }

  /// The invoice of each attempt that names one, or whose transaction does.
  package var invoicesOfAttempts: [UUIDValue: UUIDValue] {
    var found: [UUIDValue: UUIDValue] = [:]
    for attempt in attempts { found[attempt.id] = invoice(of: attempt) }
    return found
  }

  /// The invoice a refund gives money back of.
  func invoice(ofRefund refund: MoneyRow) -> UUIDValue? {
    refund.reference.flatMap { invoiceOfTransaction[$0] }
  }

  /// Succeeded attempts, and transactions without any attempt that succeeded (D-004).
  var payments: [Payment] {
    let tried = Set(attempts.compactMap(\.transaction))
    let byAttempts = attempts.filter { $0.outcome == .succeeded }.map { attempt in
      Payment(
        company: attempt.company, invoice: invoice(of: attempt), amount: attempt.amount,
        currency: attempt.currency, at: attempt.attemptedAt, dataset: "payment_attempts")
    }
    let alone = transactions.compactMap { row -> Payment? in
      guard let at = row.happenedAt, !tried.contains(row.id) else { return nil }
      return Payment(
        company: row.company, invoice: row.reference, amount: row.amount, currency: row.currency,
        at: at, dataset: "transactions")
    }
    return byAttempts + alone
  }

  /// The first local date on which something was paid, refunded, issued or tried, `nil` without any.
  package var firstDate: CalendarDate? {
    var first: CalendarDate?
    func see(_ company: UUIDValue, _ at: Timestamp?) {
      guard let at else { return }
      let date = localDate(company, at)
      if first.map({ date < $0 }) ?? true { first = date }
    }
    for row in attempts { see(row.company, row.attemptedAt) }
    for row in transactions + refunds + creditNotes { see(row.company, row.happenedAt) }
    for row in invoices { see(row.company, row.issuedAt) }
    return first
  }

  /// `revenue` and `revenue_net` (DECISIONS.md, D-165).
  ///
  /// A company has a row where the amount is not zero, all companies together one a period.
  ///
  /// - Throws: ``BillingError``: a missing rate, or an amount without a currency.
  package func revenueMetrics(_ periods: MetricPeriods) throws(BillingError) -> [MetricRow] {
    var received: [UUIDValue: [Int: Int128]] = [:]
    var net: [UUIDValue: [Int: Int128]] = [:]
    for payment in payments {
      let date = localDate(payment.company, payment.at)
      guard let index = periods.index(of: date) else { continue }
      let amount = try converted(
        payment.amount, from: payment.currency, to: currency, on: date, dataset: payment.dataset)
      received[payment.company, default: [:]][index, default: 0] += amount
      net[payment.company, default: [:]][index, default: 0] += amount
    }
    for refund in refunds {
      guard let at = refund.happenedAt else { continue }
      let date = localDate(refund.company, at)
      guard let index = periods.index(of: date) else { continue }
      net[refund.company, default: [:]][index, default: 0] -= try converted(
        refund.amount, from: refund.currency, to: currency, on: date, dataset: "refunds")
    }
    var rows = MetricCollector(periods, metrics: [.revenue, .revenueNet])
    for (metric, sums) in [(Metric.revenue, received), (.revenueNet, net)] {
      for (company, amounts) in sums {
        for (index, amount) in amounts { rows.add(company, metric, at: index, amount) }
      }
    }
    return rows.finish()
  }

  /// The exchange rates that ``revenueMetrics(_:)`` takes, by date and currency.
  package func revenueRateUses(_ periods: MetricPeriods) -> [RateUse] {
    var uses: Set<RateUse> = []
    func use(_ amount: Int128, _ source: CurrencyCode?, _ company: UUIDValue, _ at: Timestamp) {
      let date = localDate(company, at)
      guard amount != 0, let source, source != currency, periods.index(of: date) != nil else {
        return
      }
      uses.insert(RateUse(source: source, target: currency, date: date))
    }
    for payment in payments { use(payment.amount, payment.currency, payment.company, payment.at) }
    for refund in refunds {
      if let at = refund.happenedAt { use(refund.amount, refund.currency, refund.company, at) }
    }
    return uses.sorted()
  }

  /// `payment_failure_rate` and `payment_recovery_rate` (DECISIONS.md, D-167).
  ///
  /// An invoice belongs to the period of its first attempt. The recovery rate is null, as 0 over 0,
  /// until 30 days after the period are over.
  ///
  /// - Parameters:
  ///   - periods: days or months.
  ///   - end: where time ends.
  /// - Returns: rows by company, metric and period.
  package func collectionMetrics(_ periods: MetricPeriods, end: Timestamp) -> [MetricRow] {
    let window = 30 * Timestamp.microsecondsPerDay
    var first: [UUIDValue: PaymentAttempt] = [:]
    var paid: [UUIDValue: Timestamp] = [:]
    for attempt in attempts {
      guard let invoice = invoice(of: attempt), attempt.attemptedAt < end else { continue }
      if first[invoice].map({ (attempt.attemptedAt, attempt.id) < ($0.attemptedAt, $0.id) }) ?? true
      {
        first[invoice] = attempt
      }
      if attempt.outcome == .succeeded {
        paid[invoice] = min(paid[invoice] ?? attempt.attemptedAt, attempt.attemptedAt)
      }
    }
    for invoice in invoices {
      guard let at = invoice.paidAt else { continue }
      paid[invoice.id] = min(paid[invoice.id] ?? at, at)
    }
    var rows = MetricCollector(periods, metrics: [.paymentFailureRate, .paymentRecoveryRate])
    var counts: [CompanyPeriod: (tried: Int128, failed: Int128, recovered: Int128)] = [:]
    for (invoice, attempt) in first {
      guard let index = periods.index(of: localDate(attempt.company, attempt.attemptedAt)) else {
        continue
      }
      var count = counts[CompanyPeriod(attempt.company, index)] ?? (0, 0, 0)
      count.tried += 1
      if attempt.outcome == .failed {
        count.failed += 1
        let limit = attempt.attemptedAt.microseconds + window
        if let at = paid[invoice], at.microseconds < limit { count.recovered += 1 }
      }
      counts[CompanyPeriod(attempt.company, index)] = count
    }
    for (key, count) in counts {
      rows.add(key.company, .paymentFailureRate, at: key.index, count.failed, over: count.tried)
      let over = zones.zone(of: key.company).start(of: periods.lastDay(key.index).adding(days: 1))
      guard over.microseconds + window <= end.microseconds else { continue }
      rows.add(
        key.company, .paymentRecoveryRate, at: key.index, count.recovered, over: count.failed)
    }
    return rows.finish()
  }

  /// A company in a period.
  private struct CompanyPeriod: Hashable {
    var company: UUIDValue
    var index: Int

    init(_ company: UUIDValue, _ index: Int) {
      self.company = company
      self.index = index
    }
  }
}
