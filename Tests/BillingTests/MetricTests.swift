import AlmanacCore
import Billing
import Columns
import Testing

@Suite("Metrics of ledger, payments and invoices")
struct MetricTests {
  /// A metric's values as text, for all companies or one, by period.
  private func values(
    _ rows: [MetricRow], _ metric: Metric, _ company: Character? = nil,
    _ dimension: MetricDimension = .none
  ) -> [String] {
    let owner = company.map(History.company) ?? .zero
    return rows.filter {
      $0.metric == metric && $0.company == owner && $0.dimension == dimension
    }.map { row in
      let period = row.date.day == 1 ? RevenueLedger.short(row.date) : row.date.description
      let member = dimension == .none ? "" : " \(row.member.low)"
      return "\(period)\(member) \(row.value.map(MetricTests.text) ?? "null")"
    }
  }

  /// Ten-billionths without the zeros at the end.
  static func text(_ tenBillionths: Int128) -> String {
    let digits = String(tenBillionths.magnitude)
    let filled = String(repeating: "0", count: max(0, 11 - digits.count)) + digits
    var fraction = String(filled.suffix(10))
    while fraction.last == "0" { fraction.removeLast() }
    return (tenBillionths < 0 ? "-" : "") + filled.dropLast(10)
      + (fraction.isEmpty ? "" : "." + fraction)
  }

  private func months(_ first: String, _ last: String) throws -> MetricPeriods {
    MetricPeriods(.month, from: try day(first), through: try day(last))
  }

  /// A stays, B grows and shrinks, C churns and comes back, D is new in March.
  private func fourCompanies() throws -> History {
    var history = History()
    try history.add("A", .new, "01-10", "100", plan: 1)
    try history.add("B", .new, "01-10", "50", plan: 2)
    try history.add("B", .upgrade, "02-10", "80", plan: 1)
    try history.add("B", .downgrade, "03-10", "60", plan: 1)
    try history.add("C", .new, "01-10", "50", plan: 2)
    try history.add("C", .cancel, "02-10", "50")
    try history.add("C", .reactivate, "03-10", "40", plan: 2)
    try history.add("D", .new, "03-10", "10", plan: 2)
    return history
  }

  @Test("metrics of months are those of a table made by hand")
  func monthly() throws {
    let ledger = try fourCompanies().ledger(through: "04-01")
    let rows = ledger.monthlyMetrics(try months("2026-01-01", "2026-03-31"))
    #expect(values(rows, .mrr) == ["01 200", "02 180", "03 210"])
    #expect(values(rows, .arr) == ["01 2400", "02 2160", "03 2520"])
    #expect(values(rows, .customersActive) == ["01 3", "02 2", "03 4"])
    #expect(values(rows, .arpa) == ["01 66.6666666667", "02 90", "03 52.5"])
    #expect(values(rows, .customersNew) == ["01 3", "02 0", "03 1"])
    #expect(values(rows, .customersChurned) == ["01 0", "02 1", "03 0"])
    #expect(values(rows, .logoChurnRate) == ["01 null", "02 0.3333333333", "03 0"])
    #expect(values(rows, .grossMRRChurnRate) == ["01 null", "02 0.25", "03 0.1111111111"])
    // (50 − 30) ÷ 200 and (20 − 40) ÷ 180.
    #expect(values(rows, .netMRRChurnRate) == ["01 null", "02 0.1", "03 -0.1111111111"])
    #expect(values(rows, .quickRatio) == ["01 null", "02 0.6", "03 2.5"])
    #expect(values(rows, .netRevenueRetention) == ["01 null", "02 null", "03 null"])
    #expect(
      values(rows, .mrr, nil, .plan) == [
        "01 1 100", "02 1 180", "03 1 160", "01 2 100", "03 2 50",
      ])
    // Mean churn: none in January, 0.3333333333 in February, 0.1666666666 in March.
    #expect(values(rows, .ltv) == ["01 null", "02 270.000000027", "03 315.000000126"])
    // Stored in ten-billionths, as the churn rates themselves are.
    #expect(
      rows.filter { $0.metric == .ltv }.map(\.scaledDenominator) == [
        0, 3_333_333_333, 1_666_666_666,
      ])
    #expect(values(rows, .mrr, "C") == ["01 50", "03 40"])
    #expect(values(rows, .logoChurnRate, "C") == ["02 1"])
  }

  @Test("the margin scales the value of a customer's lifetime")
  func margin() throws {
    let ledger = try fourCompanies().ledger(through: "04-01")
    let rows = ledger.monthlyMetrics(try months("2026-02-01", "2026-02-28"), margin: 8_000)
    #expect(values(rows, .ltv) == ["02 216.0000000216"])
  }

  @Test("retention compares with the companies active twelve months ago")
  func retention() throws {
    var history = History()
    try history.add("A", .new, "2025-01-10", "100")
    try history.add("A", .upgrade, "2025-06-10", "150")
    try history.add("B", .new, "2025-01-10", "100")
    try history.add("B", .downgrade, "2025-06-10", "70")
    try history.add("C", .new, "2025-01-10", "100")
    try history.add("C", .cancel, "2025-06-10", "100")
    try history.add("D", .new, "2025-06-10", "1000")
    let rows = try history.ledger(through: "02-01").monthlyMetrics(
      try months("2025-12-01", "2026-01-31"))
    #expect(values(rows, .netRevenueRetention) == ["2025-12 null", "01 0.7333333333"])
    #expect(values(rows, .grossRevenueRetention) == ["2025-12 null", "01 0.5666666667"])
    #expect(values(rows, .netRevenueRetention, "A") == ["01 1.5"])
    #expect(values(rows, .netRevenueRetention, "C") == [])
  }

  @Test("metrics of days change on the day of the change, wherever the range begins")
  func daily() throws {
    let history = try fourCompanies()
    let ledger = try history.ledger(through: "04-01")
    let whole = ledger.dailyMetrics(
      MetricPeriods(.day, from: try day("2026-01-01"), through: try day("2026-03-31")),
      zones: history.zones)
    #expect(
      values(whole, .mrr, "B") == [
        "2026-01-10 50", "2026-01-31 50", "2026-02-10 80", "2026-02-28 80", "2026-03-10 60",
        "2026-03-31 60",
      ])
    for first in ["2026-01-10", "2026-01-31", "2026-02-10", "2026-02-11", "2026-03-10"] {
      let start = try day(first)
      let part = ledger.dailyMetrics(
        MetricPeriods(.day, from: start, through: try day("2026-03-31")), zones: history.zones)
      #expect(part == whole.filter { $0.date >= start })
    }
    for row in whole where row.company == .zero && row.metric == .mrr {
      let end = row.date.adding(days: 1).startUTC
      #expect(row.numerator == ledger.companies.reduce(0) { $0 + $1.amount(atEnd: end) })
    }
  }

  @Test("all companies' rows are the sums of the companies' parts", arguments: UInt64(0)..<60)
  func addsUp(seed: UInt64) throws {
    var random = try RandomLedger(seed: seed)
    random.input.zones = CompanyZones(.utc)
    let ledger = try RevenueLedger(random.input, settings: random.settings)
    guard let first = ledger.months.first, let last = ledger.months.last else { return }
    let periods = MetricPeriods(
      .month, from: first, through: last.monthStart(adding: 1).adding(days: -1))
    let rows = ledger.monthlyMetrics(periods)
    for row in rows where row.company == .zero && row.dimension == .none && row.metric != .ltv {
      let own = rows.filter {
        $0.company != .zero && $0.metric == row.metric && $0.date == row.date
          && $0.dimension == .none
      }
      #expect(own.reduce(0) { $0 + $1.numerator } == row.numerator, "\(row)")
    }
    for (month, total) in zip(ledger.months, ledger.totals) {
      for dimension in [MetricDimension.none, .plan, .module] {
        let parts = rows.filter {
          $0.company == .zero && $0.metric == .mrr && $0.date == month && $0.dimension == dimension
        }
        #expect(parts.reduce(0) { $0 + $1.numerator } == total)
      }
    }
    // Days end as months do.
    let days = ledger.dailyMetrics(
      MetricPeriods(.day, from: first, through: periods.lastDay(periods.count - 1)),
      zones: random.input.zones)
    for row in rows where row.metric == .mrr && row.dimension == .none && row.company == .zero {
      guard ledger.companies.allSatisfy({ $0.level(ofMonth: row.date)?.isComplete ?? true }) else {
        continue
      }
      let end = row.date.adding(days: row.date.daysInMonth - 1)
      #expect(
        days.first { $0.company == .zero && $0.metric == .mrr && $0.date == end }?.numerator
          == row.numerator)
    }
  }

  // Payments and invoices

  private func attempt(
    _ number: Int, _ company: Character, _ at: String, _ amount: String, invoice: Int? = nil,
    transaction: Int? = nil, _ outcome: AttemptOutcome = .succeeded, in code: String? = "USD",
    recorded: String? = nil
  ) throws -> PaymentAttempt {
    let instant = try History.instant(at)
    return PaymentAttempt(
      id: id(number), transaction: transaction.map { id($0) }, invoice: invoice.map { id($0) },
      company: History.company(company), amount: try money(amount),
      currency: try code.map { try currency($0) }, outcome: outcome, attemptedAt: instant,
      recordedAt: try recorded.map { try History.instant($0) } ?? instant)
  }

  private func moved(
    _ number: Int, _ company: Character, _ at: String?, _ amount: String, of reference: Int,
    in code: String = "USD"
  ) throws -> MoneyRow {
    MoneyRow(
      id: id(number), reference: id(reference), company: History.company(company),
      amount: try money(amount), currency: try currency(code),
      happenedAt: try at.map { try History.instant($0) },
      recordedAt: try History.instant(at ?? "01-01"))
  }

  private func books(
    attempts: [PaymentAttempt] = [], transactions: [MoneyRow] = [], refunds: [MoneyRow] = [],
    invoices: [Invoice] = [], creditNotes: [MoneyRow] = [], rates: [ExchangeRate] = [],
    zones: CompanyZones = CompanyZones(.utc), knownBy: String? = nil
  ) throws -> PaymentBooks {
    PaymentBooks(
      attempts: attempts, transactions: transactions, refunds: refunds, invoices: invoices,
      creditNotes: creditNotes, rates: ExchangeRates(rates), zones: zones,
      currency: try currency("USD"), knownBy: try knownBy.map { try History.instant($0) })
  }

  private func days(_ first: String, _ last: String) throws -> MetricPeriods {
    MetricPeriods(.day, from: try day("2026-" + first), through: try day("2026-" + last))
  }

  @Test("revenue is succeeded attempts, transactions without attempts, and net of refunds")
  func revenue() throws {
    let books = try books(
      attempts: [
        try attempt(1, "A", "02-02 10:00", "100", transaction: 11),
        try attempt(2, "A", "02-02 11:00", "70", transaction: 12, .failed),
        try attempt(3, "B", "02-03 23:59", "50", in: "EUR"),
        try attempt(4, "B", "02-04", "9", in: nil, recorded: "02-09"),
      ],
      transactions: [
        try moved(11, "A", "02-02 10:00", "100", of: 21), try moved(12, "A", "02-04", "70", of: 22),
        try moved(13, "A", "02-04", "5", of: 23), try moved(14, "A", nil, "3", of: 24),
      ],
      refunds: [
        try moved(31, "A", "02-04", "30", of: 11), try moved(32, "B", nil, "30", of: 11),
        try moved(33, "C", "02-03", "4", of: 11),
      ], rates: [try rate("EURUSD", "2026-02-01", "1.10")], knownBy: "02-08")
    let rows = try books.revenueMetrics(try days("02-02", "02-04"))
    #expect(
      values(rows, .revenue) == ["2026-02-02 100", "2026-02-03 55", "2026-02-04 5"])
    #expect(
      values(rows, .revenueNet) == ["2026-02-02 100", "2026-02-03 51", "2026-02-04 -25"])
    #expect(values(rows, .revenueNet, "C") == ["2026-02-03 -4"])
    #expect(values(rows, .revenue, "C") == [])
    let uses = books.revenueRateUses(try days("02-02", "02-04"))
    #expect(
      uses == [
        RateUse(
          source: try currency("EUR"), target: try currency("USD"), date: try day("2026-02-03"))
      ])
    let month = try books.revenueMetrics(try months("2026-02-01", "2026-02-28"))
    #expect(values(month, .revenue) == ["02 160"])
    #expect(values(month, .revenueNet, "A") == ["02 75"])
  }

  @Test("revenue in a currency without a rate, or without a currency, stops")
  func revenueWithoutRate() throws {
    let periods = try days("02-02", "02-04")
    #expect(
      throws: BillingError.conversion(
        .missingRate(
          from: try currency("EUR"), to: try currency("USD"), date: try day("2026-02-03")))
    ) {
      try books(attempts: [try attempt(3, "B", "02-03", "50", in: "EUR")]).revenueMetrics(periods)
    }
    #expect(throws: BillingError.missingCurrency(dataset: "payment_attempts")) {
      try books(attempts: [try attempt(3, "B", "02-03", "50", in: nil)]).revenueMetrics(periods)
    }
  }

  @Test("revenue belongs to the local date of the company")
  func localDates() throws {
    let zones = CompanyZones(
      .utc,
      own: [
        History.company("B"): try zone("Pacific/Kiritimati"),
        History.company("C"): try zone("Etc/GMT+12"),
      ])
    let rows = try books(
      attempts: try ["A", "B", "C"].enumerated().map { number, company in
        try attempt(number, company, "02-03 11:00", "10")
      }, zones: zones
    ).revenueMetrics(try days("02-02", "02-04"))
    #expect(values(rows, .revenue) == ["2026-02-02 10", "2026-02-03 10", "2026-02-04 10"])
  }

  private func invoice(
    _ number: Int, _ company: Character, _ total: String, issued: String?, due: String? = nil,
    paid: String? = nil, voided: String? = nil, _ status: InvoiceStatus = .open,
    in code: String = "USD"
  ) throws -> Invoice {
    Invoice(
      id: id(number), company: History.company(company), status: status,
      currency: try currency(code), total: try money(total),
      issuedAt: try issued.map { try History.instant($0) },
      dueAt: try due.map { try History.instant($0) },
      paidAt: try paid.map { try History.instant($0) },
      voidedAt: try voided.map { try History.instant($0) },
      recordedAt: try History.instant(issued ?? "01-01"))
  }

  @Test("invoices are pending from issue to payment, overdue after their due date")
  func invoices() throws {
    let invoices = [
      try invoice(1, "A", "100", issued: "02-01 09:00", due: "02-03 12:00", paid: "02-05 08:00"),
      try invoice(2, "A", "40", issued: "02-02", due: "02-02 18:00", voided: "02-04"),
      try invoice(3, "B", "7", issued: "02-02", paid: nil, .paid),
      try invoice(4, "B", "7", issued: "02-02", .draft),
      try invoice(5, "B", "7", issued: "02-02", .void),
      try invoice(6, "B", "60", issued: "02-02", due: "02-03", in: "EUR"),
    ]
    let books = try books(
      attempts: [try attempt(1, "A", "02-04", "30", invoice: 1, transaction: 11)],
      transactions: [try moved(11, "A", "02-04", "30", of: 1)],
      refunds: [try moved(31, "A", "02-05", "30", of: 11)], invoices: invoices,
      creditNotes: [
        try moved(41, "A", "02-03", "10", of: 2), try moved(42, "B", "02-04", "80", of: 6),
      ],
      rates: [
        try rate("EURUSD", "2026-02-01", "1.10"), try rate("EURUSD", "2026-02-04", "1.20"),
        try rate("EURUSD", "2026-02-25", "1.20"),
      ])
    let rows = try books.invoiceMetrics(try days("02-01", "02-05"))
    #expect(
      values(rows, .invoicesPending) == [
        "02 1", "2026-02-02 3", "2026-02-03 3", "2026-02-04 2", "2026-02-05 1",
      ])
    #expect(
      values(rows, .invoicesOverdue) == [
        "02 0", "2026-02-02 1", "2026-02-03 3", "2026-02-04 2", "2026-02-05 1",
      ])
    // 40; 40 − 10 + 100 + 66; 100 − 30 and nothing of B; nothing, since A has paid.
    #expect(
      values(rows, .overdueAmount) == [
        "02 0", "2026-02-02 40", "2026-02-03 196", "2026-02-04 70", "2026-02-05 0",
      ])
    #expect(
      values(rows, .invoicesPending, "A") == [
        "02 1", "2026-02-02 2", "2026-02-04 1",
      ])
    for first in ["02-02", "02-03", "02-04", "02-05"] {
      let part = try books.invoiceMetrics(try days(first, "02-05"))
      let start = try day("2026-" + first)
      #expect(part == rows.filter { $0.date >= start })
    }
    let month = try books.invoiceMetrics(try months("2026-02-01", "2026-02-28"))
    #expect(values(month, .invoicesPending) == ["02 1"])
  }

  @Test("an invoice fails by its first attempt and recovers within 30 days, once they are over")
  func failures() throws {
    let books = try books(
      attempts: [
        try attempt(1, "A", "02-02 10:00", "1", invoice: 1),
        try attempt(2, "A", "02-02 11:00", "1", invoice: 2, .failed),
        try attempt(3, "A", "02-03 11:00", "1", invoice: 2, .failed),
        try attempt(4, "A", "02-04 11:00", "1", invoice: 2),
        try attempt(5, "B", "02-02 12:00", "1", invoice: 3, .failed),
        try attempt(6, "B", "03-04 12:00", "1", invoice: 3),
        try attempt(7, "B", "02-02 13:00", "1", invoice: 4, .actionRequired),
        try attempt(8, "B", "02-03 13:00", "1", invoice: 5, .failed),
      ], invoices: [try invoice(5, "B", "1", issued: "02-01", paid: "02-20", .paid)])
    let end = try History.instant("03-05")
    let rows = books.collectionMetrics(try days("02-02", "02-04"), end: end)
    #expect(
      values(rows, .paymentFailureRate) == ["2026-02-02 0.5", "2026-02-03 1", "2026-02-04 null"])
    // The 30 days of 3 February end with 5 March.
    #expect(
      values(rows, .paymentRecoveryRate) == [
        "2026-02-02 0.5", "2026-02-03 null", "2026-02-04 null",
      ])
    let later = books.collectionMetrics(
      try days("02-02", "02-04"), end: try History.instant("03-06"))
    #expect(
      values(later, .paymentRecoveryRate) == ["2026-02-02 0.5", "2026-02-03 1", "2026-02-04 null"])
    #expect(values(later, .paymentFailureRate, "A") == ["2026-02-02 0.5"])
  }

  @Test("metrics are in the order of their names, which are all different")
  func names() {
    let names = Metric.allCases.map(\.name)
    #expect(names == Set(names).sorted())
    #expect(names.count == 20)
  }

  @Test("rows are ordered by company, metric, dimension, member and date, each key once")
  func order() throws {
    let ledger = try fourCompanies().ledger(through: "04-01")
    let keys = ledger.monthlyMetrics(try months("2026-01-01", "2026-03-31")).map { row in
      [row.company, row.member].map(\.description) + [
        row.metric.name, "\(row.dimension.rawValue)", row.date.description,
      ]
    }.map { [$0[0], $0[2], $0[3], $0[1], $0[4]].joined(separator: " ") }
    #expect(keys == Set(keys).sorted())
  }

  @Test("every metric has a unit, and its values are ten-billionths of it")
  func units() throws {
    for metric in Metric.allCases where metric != .ltv {
      let row = MetricRow(
        company: .zero, metric: metric, date: try day("2026-01-01"), numerator: 10_000)
      #expect(row.value == (metric.unit == .money ? 10_000_000_000 : 100_000_000_000_000))
    }
    let negative = MetricRow(
      company: .zero, metric: .quickRatio, date: try day("2026-01-01"), numerator: 1,
      denominator: -4)
    #expect(negative.value == -2_500_000_000)
  }
}
