import AlmanacCore
import Billing
import Columns
import Predictions
import Testing

@Suite("Daily revenue")
struct DailyRevenueTests {
  /// One attempt: transaction, outcome, amount in units, when it was made and when recorded.
  struct Attempt {
    var transaction: UInt64
    var outcome = "succeeded"
    var units: Int64
    var attempted: String
    var recorded: String?
    var currency = "GBP"
  }

  private static let gbp = CurrencyCode("GBP")

  private static func main(_ batches: [Batch]) -> AmountSource {
    AmountSource(
      dataset: "payment_attempts", batches: batches, amountColumn: "amount",
      currencyColumn: "currency", timeColumn: "attempted_at", recordedColumn: "created_at",
      identityColumn: "transaction_id", condition: ("outcome", "succeeded"))
  }

  private func batch(_ attempts: [Attempt]) throws -> Batch {
    var owner = ColumnBuilder(Field("transaction_id", .uuid))
    var outcome = ColumnBuilder(Field("outcome", .text))
    var amount = ColumnBuilder(Field("amount", .money))
    var currency = ColumnBuilder(Field("currency", .text))
    var attempted = ColumnBuilder(Field("attempted_at", .timestamp))
    var created = ColumnBuilder(Field("created_at", .timestamp))
    for attempt in attempts {
      owner.append(UUIDValue(high: 1, low: attempt.transaction))
      outcome.append(attempt.outcome)
      amount.append(attempt.units * Money.scale)
      currency.append(attempt.currency)
      attempted.append(try #require(Timestamp(attempt.attempted)))
      created.append(try #require(Timestamp(attempt.recorded ?? attempt.attempted)))
    }
    return Batch(
      [owner, outcome, amount, currency, attempted, created].map { builder in builder.finish() })
  }

  private func transactions(_ rows: [(id: UInt64, units: Int64, succeeded: String?)]) throws
    -> Batch
  {
    var identity = ColumnBuilder(Field("id", .uuid))
    var amount = ColumnBuilder(Field("amount", .money))
    var currency = ColumnBuilder(Field("currency", .text))
    var succeeded = ColumnBuilder(Field("succeeded_at", .timestamp, isNullable: true))
    var created = ColumnBuilder(Field("created_at", .timestamp))
    for row in rows {
      identity.append(UUIDValue(high: 1, low: row.id))
      amount.append(row.units * Money.scale)
      currency.append("GBP")
      if let text = row.succeeded {
        succeeded.append(try #require(Timestamp(text)))
      } else {
        succeeded.appendNull()
      }
      created.append(try #require(Timestamp("2026-01-01T00:00:00Z")))
    }
    return Batch([identity, amount, currency, succeeded, created].map { $0.finish() })
  }

  private func revenue(
    _ attempts: [Attempt], _ rows: [(id: UInt64, units: Int64, succeeded: String?)] = [],
    through date: String, zone: ZoneRules = .utc, rates: ExchangeRates? = nil
  ) throws -> DailyRevenue {
    try DailyRevenue(
      main: Self.main([try batch(attempts)]),
      alternative: AmountSource(
        dataset: "transactions", batches: [try transactions(rows)], amountColumn: "amount",
        currencyColumn: "currency", timeColumn: "succeeded_at", recordedColumn: "created_at",
        identityColumn: "id"), through: try #require(CalendarDate(date)), zone: zone,
      currency: try #require(DailyRevenueTests.gbp), rates: rates)
  }

  @Test("counts what succeeded, by the day of the attempt, with zeros between")
  func countsSuccess() throws {
    let series = try revenue(
      [
        Attempt(transaction: 1, units: 10, attempted: "2026-03-01T10:00:00Z"),
        Attempt(transaction: 2, outcome: "failed", units: 99, attempted: "2026-03-01T11:00:00Z"),
        Attempt(transaction: 3, units: 5, attempted: "2026-03-03T23:59:59.999999Z"),
        Attempt(transaction: 4, units: 7, attempted: "2026-03-01T12:00:00Z"),
      ], through: "2026-03-04")
    #expect(series.start == CalendarDate("2026-03-01"))
    #expect(series.amounts == [170_000, 0, 50_000, 0])
  }

  @Test("counts a transaction at its success only if it had no attempt at all")
  func countsTransactionsWithoutAttempts() throws {
    let series = try revenue(
      [Attempt(transaction: 1, outcome: "failed", units: 9, attempted: "2026-03-02T10:00:00Z")],
      [(1, 9, "2026-03-02T12:00:00Z"), (2, 4, "2026-03-02T12:00:00Z"), (3, 8, nil)],
      through: "2026-03-02")
    #expect(series.amounts == [40_000])
  }

  @Test("leaves out what happened or was recorded after the logical date had ended")
  func isPointInTime() throws {
    let known = Attempt(transaction: 1, units: 10, attempted: "2026-03-01T10:00:00Z")
    let series = try revenue(
      [
        known, Attempt(transaction: 2, units: 1, attempted: "2026-03-03T00:00:00Z"),
        Attempt(
          transaction: 3, units: 2, attempted: "2026-03-02T09:00:00Z",
          recorded: "2026-03-03T00:00:00Z"),
      ], through: "2026-03-02")
    #expect(series == (try revenue([known], through: "2026-03-02")))
    #expect(series.amounts == [100_000, 0])
  }

  @Test("refuses an amount in another currency and names it")
  func refusesForeignCurrency() throws {
    #expect(
      throws: PredictionError.foreignCurrency(
        dataset: "payment_attempts", currency: "EUR", reporting: try #require(Self.gbp))
    ) {
      try revenue(
        [
          Attempt(
            transaction: 1, units: 10, attempted: "2026-03-01T10:00:00Z", currency: "EUR")
        ], through: "2026-03-02")
    }
  }

  @Test("converts each amount at the rate of its own local date, rounded once")
  func convertsForeignCurrency() throws {
    let euro = try #require(CurrencyCode("EUR"))
    let pound = try #require(Self.gbp)
    let recorded = try #require(Timestamp("2026-03-01T06:00:00Z"))
    let rates = ExchangeRates(
      try [("2026-03-01", 8_000_000_000), ("2026-03-02", 3_333_333_333)].map { date, rate in
        ExchangeRate(
          base: euro, quote: pound, date: try #require(CalendarDate(date)),
          tenBillionths: rate, recordedAt: recorded)
      })
    func attempts(_ currency: String) -> [Attempt] {
      [
        Attempt(
          transaction: 1, units: 10, attempted: "2026-03-01T23:59:59Z", currency: currency),
        Attempt(transaction: 2, units: 1, attempted: "2026-03-02T00:00:00Z", currency: currency),
        Attempt(transaction: 3, units: 1, attempted: "2026-03-02T01:00:00Z", currency: currency),
        Attempt(transaction: 4, units: 5, attempted: "2026-03-02T02:00:00Z"),
      ]
    }
    let series = try revenue(attempts("EUR"), through: "2026-03-02", rates: rates)
    #expect(series.amounts == [80_000, 3_333 + 3_333 + 50_000])
    #expect(
      throws: PredictionError.conversion(
        .missingRate(
          from: try #require(CurrencyCode("USD")), to: pound,
          date: try #require(CalendarDate("2026-03-01"))))
    ) {
      try revenue(attempts("USD"), through: "2026-03-02", rates: rates)
    }
    #expect(
      throws: PredictionError.foreignCurrency(
        dataset: "payment_attempts", currency: "bitcoin", reporting: pound)
    ) {
      try revenue(attempts("bitcoin"), through: "2026-03-02", rates: rates)
    }
  }

  @Test("leaves out and counts days more than ten years back")
  func boundsHistory() throws {
    let series = try revenue(
      [
        Attempt(transaction: 1, units: 9, attempted: "0001-03-01T10:00:00Z"),
        Attempt(transaction: 2, units: 9, attempted: "2016-03-01T10:00:00Z"),
        Attempt(transaction: 3, units: 5, attempted: "2016-03-02T10:00:00Z"),
        Attempt(transaction: 4, units: 7, attempted: "2026-03-02T12:00:00Z"),
      ], through: "2026-03-02")
    #expect(series.daysLeftOut == 2)
    #expect(series.start == CalendarDate("2016-03-02"))
    #expect(series.amounts.count == DailyRevenue.longestHistory)
    #expect(series.amounts.reduce(0, +) == 120_000)
  }

  @Test("says so when nothing was known by the date")
  func refusesNoRevenue() throws {
    let date = try #require(CalendarDate("2026-03-02"))
    #expect(throws: PredictionError.noRevenue(through: date)) {
      try revenue(
        [Attempt(transaction: 1, units: 10, attempted: "2026-03-05T10:00:00Z")],
        through: "2026-03-02")
    }
  }

  @Test(
    "takes only whole months",
    arguments: [
      ("2026-01-01", 59, "2026-01-01", 2), ("2026-01-02", 58, "2026-02-01", 1),
      ("2026-01-01", 58, "2026-01-01", 1), ("2026-01-15", 10, "2026-02-01", 0),
      ("2024-02-01", 29, "2024-02-01", 1),
    ])
  func wholeMonths(start: String, days: Int, first: String, count: Int) throws {
    let series = DailyRevenue(
      start: try #require(CalendarDate(start)), amounts: [Int128](repeating: 1, count: days))
    let months = series.wholeMonths
    #expect(months.start == CalendarDate(first))
    #expect(months.amounts.count == count)
    for (index, amount) in months.amounts.enumerated() {
      let month = months.start.monthStart(adding: index)
      #expect(amount == Int128(month.daysInMonth))
    }
  }

  @Test(
    "adds up to the same total in whatever batches the rows come",
    arguments: 0..<20 as Range<UInt64>)
  func splittingChangesNothing(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let attempts = (0..<200).map { index in
      Attempt(
        transaction: UInt64(index), outcome: Bool.random(using: &random) ? "succeeded" : "failed",
        units: Int64.random(in: -50...5_000, using: &random),
        attempted: "2026-03-\(10 + Int.random(in: 0..<20, using: &random))T08:00:00Z")
    }
    let date = try #require(CalendarDate("2026-03-31"))
    let currency = try #require(Self.gbp)
    let whole = try DailyRevenue(
      main: Self.main([try batch(attempts)]), alternative: nil, through: date, zone: .utc,
      currency: currency)
    let cut = Int.random(in: 0...200, using: &random)
    let parts = try DailyRevenue(
      main: Self.main([
        try batch(Array(attempts[cut...].shuffled(using: &random))),
        try batch(Array(attempts[..<cut])),
      ]), alternative: nil, through: date, zone: .utc, currency: currency)
    #expect(whole == parts)
    let naive = attempts.filter { $0.outcome == "succeeded" }.reduce(0) { $0 + $1.units }
    #expect(whole.amounts.reduce(0, +) == Int128(naive * Money.scale))
  }
}
