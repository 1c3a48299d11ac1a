import AlmanacCore
import Billing
import Testing

/// Metrics of invoices and payments against a search through all rows, day by day.
@Suite("Metrics of invoices, searched")
struct InvoiceMetricTests {
  /// Random books of three companies over two months, much of it at midnight.
  private struct RandomBooks {
    var attempts: [PaymentAttempt] = []
    var transactions: [MoneyRow] = []
    var refunds: [MoneyRow] = []
    var notes: [MoneyRow] = []
    var invoices: [Invoice] = []
    var zones = CompanyZones(.utc)
    var rates: ExchangeRates

    init(seed: UInt64) throws {
      var random = SplitMix64(seed: seed)
      let start = try instant("2026-01-01")
      func at(_ range: ClosedRange<Int>) -> Timestamp {
        let hours = Int.random(in: range, using: &random) * random.pick([1, 1, 24])
        return Timestamp(
          microseconds: start.microseconds + Int64(hours % 1_400) * Timestamp.microsecondsPerHour)
      }
      func maybe(_ value: Timestamp) -> Timestamp? { random.next() % 2 == 0 ? value : nil }
      let codes = try [currency("USD"), currency("EUR")]
      rates = ExchangeRates(
        try (-8..<70).map { offset in
          ExchangeRate(
            base: codes[1], quote: codes[0], date: start.dateUTC.adding(days: offset),
            tenBillionths: 10_000_000_000 + Int128(random.next() % 2_000_000_000),
            recordedAt: try instant("2026-01-01"))
        })
      for number in 1...20 {
        let company = id(100 + number % 3)
        let code = random.pick(codes)
        invoices.append(
          Invoice(
            id: id(number), company: company, status: random.pick(InvoiceStatus.allCases),
            currency: code, total: Int128(random.next() % 1_000_000), issuedAt: maybe(at(0...600)),
            dueAt: maybe(at(0...900)), paidAt: maybe(at(0...1_300)), voidedAt: maybe(at(0...1_300)),
            recordedAt: start))
        for attempt in 0..<Int(random.next() % 3) {
          let transaction = id(1_000 + number * 10 + attempt)
          let amount = Int128(random.next() % 500_000)
          if random.next() % 3 != 0 {
            attempts.append(
              PaymentAttempt(
                id: id(5_000 + number * 10 + attempt), transaction: transaction,
                invoice: random.next() % 2 == 0 ? id(number) : nil, company: company,
                amount: amount, currency: random.pick(codes),
                outcome: random.pick(AttemptOutcome.allCases), attemptedAt: at(0...1_200),
                recordedAt: start))
          }
          transactions.append(
            MoneyRow(
              id: transaction, reference: id(number), company: company, amount: amount,
              currency: random.pick(codes), happenedAt: maybe(at(0...1_200)), recordedAt: start))
          if random.next() % 4 == 0 {
            refunds.append(
              MoneyRow(
                id: id(7_000 + number * 10 + attempt), reference: transaction, company: company,
                amount: amount / 2, currency: random.pick(codes), happenedAt: maybe(at(0...1_300)),
                recordedAt: start))
          }
        }
        if random.next() % 4 == 0 {
          notes.append(
            MoneyRow(
              id: id(9_000 + number), reference: id(number), company: company, amount: 90_000,
              currency: random.pick(codes), happenedAt: at(0...1_300), recordedAt: start))
        }
      }
      if seed % 2 == 0 { zones.own[id(101)] = try zone("Pacific/Kiritimati") }
      if seed % 3 == 0 { zones.own[id(102)] = try zone("America/New_York") }
    }

    func books() throws -> PaymentBooks {
      PaymentBooks(
        attempts: attempts, transactions: transactions, refunds: refunds, invoices: invoices,
        creditNotes: notes, rates: rates, zones: zones, currency: try currency("USD"))
    }

    /// Money by instant: what came in, went back or was credited, with its invoice.
    var moved:
      [(
        invoice: UUIDValue?, company: UUIDValue, at: Timestamp, amount: Int128,
        currency: CurrencyCode?, kind: String
      )]
    {
      var moved: [(UUIDValue?, UUIDValue, Timestamp, Int128, CurrencyCode?, String)] = []
      func owner(_ transaction: UUIDValue?) -> UUIDValue? {
        transactions.first { $0.id == transaction }?.reference
      }
      for attempt in attempts where attempt.outcome == .succeeded {
        moved.append(
          (
            attempt.invoice ?? owner(attempt.transaction), attempt.company, attempt.attemptedAt,
            attempt.amount, attempt.currency, "in"
          ))
      }
      for row in transactions where !attempts.contains(where: { $0.transaction == row.id }) {
        if let at = row.happenedAt {
          moved.append((row.reference, row.company, at, row.amount, row.currency, "in"))
        }
      }
      for row in refunds {
        if let at = row.happenedAt {
          moved.append((owner(row.reference), row.company, at, -row.amount, row.currency, "back"))
        }
      }
      for row in notes {
        if let at = row.happenedAt {
          moved.append((row.reference, row.company, at, row.amount, row.currency, "note"))
        }
      }
      return moved
    }
  }

  @Test(
    "states of days and revenue agree with a search through all rows", arguments: UInt64(0)..<40)
  func agreesWithSearch(seed: UInt64) throws {
    let random = try RandomBooks(seed: seed)
    let books = try random.books()
    let periods = MetricPeriods(.day, from: try day("2026-01-05"), through: try day("2026-02-20"))
    let states = try books.invoiceMetrics(periods)
    let revenue = try books.revenueMetrics(periods)
    let usd = try currency("USD")
    for date in periods.starts {
      var expected: [Metric: Int128] = [:]
      for invoice in random.invoices {
        let zone = random.zones.zone(of: invoice.company)
        let end = zone.start(of: date.adding(days: 1))
        func isBefore(_ instant: Timestamp?) -> Bool { instant.map { $0 < end } ?? false }
        let isSettled =
          isBefore(invoice.paidAt) || isBefore(invoice.voidedAt) || invoice.status == .draft
          || (invoice.status == .paid && invoice.paidAt == nil)
          || (invoice.status == .void && invoice.voidedAt == nil)
        guard isBefore(invoice.issuedAt), !isSettled else { continue }
        expected[.invoicesPending, default: 0] += 1
        guard isBefore(invoice.dueAt) else { continue }
        expected[.invoicesOverdue, default: 0] += 1
        var owed = invoice.total
        for row in random.moved where row.invoice == invoice.id && row.at < end {
          owed -= try random.rates.convert(
            row.amount, from: try #require(row.currency), to: try #require(invoice.currency),
            on: zone.localDate(at: row.at))
        }
        expected[.overdueAmount, default: 0] += try random.rates.convert(
          max(owed, 0), from: try #require(invoice.currency), to: usd, on: date)
      }
      for row in random.moved where row.kind != "note" {
        let zone = random.zones.zone(of: row.company)
        guard row.at >= zone.start(of: date), row.at < zone.start(of: date.adding(days: 1)) else {
          continue
        }
        // A refund's sign is turned before it is converted, which half-even does not notice.
        let amount = try random.rates.convert(
          row.amount, from: try #require(row.currency), to: usd, on: date)
        expected[.revenueNet, default: 0] += amount
        if row.kind == "in" { expected[.revenue, default: 0] += amount }
      }
      for metric in [
        Metric.invoicesPending, .invoicesOverdue, .overdueAmount, .revenue, .revenueNet,
      ] {
        let found = (states + revenue).first {
          $0.company == .zero && $0.metric == metric && $0.date == date
        }
        #expect(found?.numerator == expected[metric] ?? 0, "\(metric.name) of \(date)")
      }
    }
  }

  @Test("an invoice to be paid without a rate is still to be paid, at no known amount")
  func withoutRate() throws {
    let random = try RandomBooks(seed: 7)
    let start = try instant("2026-01-01")
    func invoice(_ number: Int, _ code: String) throws -> Invoice {
      Invoice(
        id: id(number), company: id(101), status: .draft, currency: try currency(code),
        total: 120_000, issuedAt: nil, dueAt: nil, paidAt: nil, voidedAt: nil, recordedAt: start)
    }
    let books = PaymentBooks(
      invoices: [try invoice(1, "USD"), try invoice(2, "CHF"), try invoice(3, "EUR")],
      rates: random.rates, zones: random.zones, currency: try currency("USD"))
    let found = try books.invoicesToPay(
      at: try day("2026-01-20"), before: try instant("2026-01-21"))
    #expect(found.map(\.invoice.id) == [id(1), id(2), id(3)])
    #expect(found[0].owed == 120_000 && found[1].owed == nil)
    #expect(try #require(found[2].owed) >= 120_000)
  }

  @Test(
    "months add up the revenue of their days and end as their last day",
    arguments: UInt64(0)..<40)
  func monthsOfDays(seed: UInt64) throws {
    let books = try RandomBooks(seed: seed).books()
    let (first, last) = (try day("2026-01-01"), try day("2026-02-28"))
    let days = MetricPeriods(.day, from: first, through: last)
    let months = MetricPeriods(.month, from: first, through: last)
    let daily = try books.revenueMetrics(days)
    for row in try books.revenueMetrics(months) {
      let own = daily.filter {
        $0.company == row.company && $0.metric == row.metric && $0.date.monthStart == row.date
      }
      #expect(own.reduce(0) { $0 + $1.numerator } == row.numerator)
    }
    let states = try books.invoiceMetrics(days)
    for row in try books.invoiceMetrics(months) {
      let end = row.date.adding(days: row.date.daysInMonth - 1)
      #expect(
        states.first { $0.company == row.company && $0.metric == row.metric && $0.date == end }?
          .numerator == row.numerator)
    }
    let end = try instant("2026-06-01")
    let rates = books.collectionMetrics(days, end: end)
    for row in books.collectionMetrics(months, end: end) where row.company == .zero {
      let own = rates.filter {
        $0.company == .zero && $0.metric == row.metric && $0.date.monthStart == row.date
      }
      #expect(own.reduce(0) { $0 + $1.numerator } == row.numerator)
      #expect(own.reduce(0) { $0 + ($1.denominator ?? 0) } == row.denominator)
    }
  }
}
