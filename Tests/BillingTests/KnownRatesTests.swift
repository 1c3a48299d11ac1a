import AlmanacCore
import Billing
import Testing

@Suite("Rates as they were known")
struct KnownRatesTests {
  private static let scale = Timestamp.microsecondsPerDay

  @Test(
    "before an instant a rate is that of the rows recorded by then, else the first one recorded",
    arguments: UInt64(0)..<40)
  func againstSearch(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let codes = try ["USD", "EUR", "GBP", "JPY"].map { try currency($0) }
    let start = try day("2026-01-01")
    func recorded(_ days: Int) -> Timestamp {
      Timestamp(microseconds: start.startUTC.microseconds + Int64(days) * Self.scale)
    }
    let rows = (0..<random.pick([4, 20, 80])).map { _ in
      let offset = Int.random(in: 0..<20, using: &random)
      return ExchangeRate(
        base: random.pick(codes), quote: random.pick(codes), date: start.adding(days: offset),
        tenBillionths: Int128(random.next() >> 30) + 1,
        recordedAt: recorded(offset + random.pick([0, 0, 1, 9, 30])))
    }
    // The first of each pair and day; of those recorded together that of least value.
    var first: [[String]: ExchangeRate] = [:]
    for row in rows {
      let key = [row.base.description, row.quote.description, row.date.description]
      if let other = first[key],
        (other.recordedAt, other.tenBillionths) <= (row.recordedAt, row.tenBillionths)
      {
        continue
      }
      first[key] = row
    }
    let early = RateSearch(rows: Array(first.values), currencies: codes.sorted())
    let all = ExchangeRates(rows.shuffled(using: &random))
    for _ in 0..<80 {
      let cut = recorded(Int.random(in: -2..<40, using: &random))
      let known = RateSearch(
        rows: rows.filter { $0.recordedAt < cut }, currencies: codes.sorted())
      let (from, to) = (random.pick(codes), random.pick(codes))
      let date = start.adding(days: Int.random(in: -2..<30, using: &random))
      let way = known.way(from: from, to: to, on: date) ?? early.way(from: from, to: to, on: date)
      let found = all.known(before: cut).rate(from: from, to: to, on: date)
      #expect((try? found.get())?.rows == way?.map(\.row))
      // Two limits are the earlier of them.
      let later = all.known(before: recorded(50)).known(before: cut)
      #expect(later.known(before: recorded(60)).rate(from: from, to: to, on: date) == found)
    }
  }

  @Test("a ledger of an instant has the rates recorded before it, whatever is recorded later")
  func ledgers() throws {
    var isMoved = false
    for seed in UInt64(0)..<12 {
      var random = SplitMix64(seed: seed + 100)
      let ledger = try RandomLedger(seed: seed)
      let instants = [40, 70, 100].map {
        Timestamp(microseconds: ledger.rateRows[0].recordedAt.microseconds + $0 * Self.scale)
      }
      // Corrections, before and after all of the instants.
      let corrected = ledger.rateRows.map { row in
        var row = row
        row.tenBillionths = row.tenBillionths * 11 / 10
        row.recordedAt = Timestamp(
          microseconds: row.recordedAt.microseconds
            + Int64(Int.random(in: 1..<200, using: &random)) * Self.scale)
        return row
      }
      let rows = ledger.rateRows + corrected
      let last = instants[2]
      let doubled = rows.map { row in
        var row = row
        if row.recordedAt >= last { row.tenBillionths *= 2 }
        return row
      }
      var (one, other) = (ledger.input, ledger.input)
      one.rates = ExchangeRates(rows)
      other.rates = ExchangeRates(doubled)
      for instant in instants {
        let found = try RevenueLedger(one.known(before: instant), settings: ledger.settings)
        #expect(
          try RevenueLedger(other.known(before: instant), settings: ledger.settings) == found)
        var plain = ledger.input
        plain.rates = ExchangeRates(rows.filter { $0.recordedAt < instant })
        plain.end = instant
        plain.knownBy = Timestamp(microseconds: instant.microseconds - 1)
        #expect(try RevenueLedger(plain, settings: ledger.settings) == found)
        var now = other
        now.end = instant
        now.knownBy = plain.knownBy
        if try RevenueLedger(now, settings: ledger.settings) != found { isMoved = true }
      }
    }
    #expect(isMoved, "no rate recorded later had a say in any ledger")
  }

  @Test("what is to be paid is in money of the rates that were known")
  func owed() throws {
    let start = try instant("2026-01-01")
    let invoice = Invoice(
      id: id(1), company: id(101), status: .draft, currency: try currency("EUR"), total: 1_000_000,
      issuedAt: nil, dueAt: nil, paidAt: nil, voidedAt: nil, recordedAt: start)
    let books = PaymentBooks(
      invoices: [invoice],
      rates: ExchangeRates([
        try rate("EURUSD", "2026-01-20", "1.10"),
        try rate("EURUSD", "2026-01-20", "2.20", recorded: "2026-01-21 00:00"),
      ]), zones: CompanyZones(.utc), currency: try currency("USD"))
    let then = try books.invoicesToPay(
      at: try day("2026-01-20"), before: try instant("2026-01-21"))
    #expect(then.map(\.owed) == [1_100_000])
    let later = try books.invoicesToPay(
      at: try day("2026-01-21"), before: try instant("2026-01-22"))
    #expect(later.map(\.owed) == [2_200_000])
  }
}
