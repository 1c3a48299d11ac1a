import AlmanacCore
import Billing
import Columns
import Testing

@Suite("Exchange rates")
struct ExchangeRatesTests {
  private func converted(
    _ amount: String, _ pair: String, _ date: String, by rates: ExchangeRates
  ) throws -> String {
    Money.text(
      try rates.convert(
        try money(amount), from: try currency(String(pair.prefix(3))),
        to: try currency(String(pair.suffix(3))), on: try day(date)))
  }

  private func found(
    _ pair: String, _ date: String, in rates: ExchangeRates
  ) throws -> ConversionRate {
    try rates.rate(
      from: try currency(String(pair.prefix(3))), to: try currency(String(pair.suffix(3))),
      on: try day(date)
    ).get()
  }

  @Test("takes the latest rate on or before the date, up to seven days old")
  func takesLatestRate() throws {
    let rates = ExchangeRates([
      try rate("EURUSD", "2026-01-05", "1.10"), try rate("EURUSD", "2026-01-07", "1.20"),
    ])
    #expect(try converted("100", "EURUSD", "2026-01-05", by: rates) == "110.0000")
    #expect(try converted("100", "EURUSD", "2026-01-06", by: rates) == "110.0000")
    #expect(try converted("100", "EURUSD", "2026-01-07", by: rates) == "120.0000")
    #expect(try converted("100", "EURUSD", "2026-01-14", by: rates) == "120.0000")
    let failure = ConversionFailure.missingRate(
      from: try currency("EUR"), to: try currency("USD"), date: try day("2026-01-15"))
    #expect(throws: failure) { try converted("100", "EURUSD", "2026-01-15", by: rates) }
    #expect(throws: ConversionFailure.self) {
      try converted("100", "EURUSD", "2026-01-04", by: rates)
    }
  }

  @Test("a missing rate names the currencies and the day, and what to do")
  func namesWhatIsMissing() throws {
    let failure = ConversionFailure.missingRate(
      from: try currency("EUR"), to: try currency("USD"), date: try day("2026-01-15"))
    #expect(
      failure.description
        == "there is no exchange rate from EUR to USD for 2026-01-15 or the 7 days before it;"
        + " add one to exchange_rates")
    #expect(failure.exitStatus == AlmanacCore.ExitStatus.badData)
  }

  @Test("zero needs no rate, and neither does a currency itself")
  func needsNoRate() throws {
    let rates = ExchangeRates([])
    #expect(try converted("0", "EURUSD", "2026-01-15", by: rates) == "0.0000")
    #expect(try converted("12.3456", "USDUSD", "2026-01-15", by: rates) == "12.3456")
    #expect(try found("USDUSD", "2026-01-15", in: rates).rows.isEmpty)
  }

  @Test("a direct pair goes before an inverse one, that before a common currency")
  func prefersDirectPair() throws {
    let direct = try rate("EURUSD", "2026-01-01", "1.10")
    let inverse = try rate("USDEUR", "2026-01-05", "0.8")
    let legs = [try rate("EURGBP", "2026-01-06", "0.9"), try rate("GBPUSD", "2026-01-06", "1.5")]
    let all = ExchangeRates([direct, inverse] + legs)
    #expect(try found("EURUSD", "2026-01-06", in: all).rows == [direct])
    let withoutDirect = ExchangeRates([inverse] + legs)
    #expect(try found("EURUSD", "2026-01-06", in: withoutDirect).rows == [inverse])
    #expect(try converted("100", "EURUSD", "2026-01-06", by: withoutDirect) == "125.0000")
    let withLegs = ExchangeRates(legs)
    #expect(try found("EURUSD", "2026-01-06", in: withLegs).rows == legs)
    #expect(try converted("100", "EURUSD", "2026-01-06", by: withLegs) == "135.0000")
    #expect(try found("EURUSD", "2026-01-09", in: all).rows == [inverse])
  }

  @Test("of several common currencies the freshest serves, of equals the first in the alphabet")
  func choosesCommonCurrency() throws {
    let old = [try rate("EURCHF", "2026-01-06", "1"), try rate("CHFUSD", "2026-01-02", "1.2")]
    let first = [try rate("EURGBP", "2026-01-04", "1"), try rate("USDGBP", "2026-01-05", "0.8")]
    let second = [try rate("EURJPY", "2026-01-04", "160"), try rate("USDJPY", "2026-01-06", "150")]
    let rates = ExchangeRates(old + second + first)
    #expect(try found("EURUSD", "2026-01-06", in: rates).rows == first)
    #expect(try found("EURUSD", "2026-01-06", in: ExchangeRates(second + old)).rows == second)
  }

  @Test("a rate corrected later replaces the one before it once it is recorded")
  func knowsOnlyWhatWasRecorded() throws {
    let rows = [
      try rate("EURUSD", "2026-01-05", "1.10", recorded: "2026-01-05 06:00"),
      try rate("EURUSD", "2026-01-05", "1.15", recorded: "2026-01-09 12:00"),
      try rate("EURUSD", "2026-01-06", "1.30", recorded: "2026-01-06 06:00"),
    ]
    for (cut, expected) in [
      ("2026-01-05 05:59", ""), ("2026-01-05 06:00", "110.0000"),
      ("2026-01-09 11:59", "110.0000"), ("2026-01-09 12:00", "115.0000"),
    ] {
      let known = ExchangeRates(rows.reversed(), knownBy: try instant(cut))
      let text = try? converted("100", "EURUSD", "2026-01-05", by: known)
      #expect(text ?? "" == expected, "at \(cut)")
    }
  }

  @Test(
    "currencies of 0, 2 and 3 decimals convert to the ten-thousandth, rounded once, half to even",
    arguments: [
      ("JPYUSD", "0.0067340067", "1000", "6.7340"), ("KWDUSD", "3.2515", "1.234", "4.0124"),
      ("USDJPY", "148.5", "0.01", "1.4850"), ("USDKWD", "0.30755", "0.1", "0.0308"),
      ("USDEUR", "0.5", "0.0001", "0.0000"), ("USDEUR", "0.5", "0.0003", "0.0002"),
      ("USDEUR", "0.5", "-0.0003", "-0.0002"), ("USDEUR", "0.5", "-0.0005", "-0.0002"),
      ("USDJPY", "148.5", "99999999999.9999", "14849999999999.9852"),
    ])
  func convertsAnyDecimals(pair: String, rateText: String, amount: String, expected: String) throws
  {
    let rates = ExchangeRates([try rate(pair, "2026-01-05", rateText)])
    #expect(try converted(amount, pair, "2026-01-05", by: rates) == expected)
  }

  @Test("leaves out and counts rates that cannot be meant")
  func countsUnusableRows() throws {
    let rates = ExchangeRates([
      try rate("EURUSD", "2026-01-05", "0"), try rate("EURUSD", "2026-01-05", "-1"),
      try rate("USDUSD", "2026-01-05", "2"), try rate("EURUSD", "2026-01-04", "1.10"),
    ])
    #expect(rates.unusableRows == 3)
    #expect(try converted("100", "EURUSD", "2026-01-05", by: rates) == "110.0000")
  }

  @Test("an amount too large to be written down is a failure and not a wrong number")
  func refusesOverflow() throws {
    let rates = ExchangeRates([try rate("EURUSD", "2026-01-05", "900000000")])
    let failure = ConversionFailure.outOfRange(
      from: try currency("EUR"), to: try currency("USD"), date: try day("2026-01-05"))
    #expect(throws: failure) {
      try rates.convert(
        Int128.max / 2, from: try currency("EUR"), to: try currency("USD"),
        on: try day("2026-01-05"))
    }
  }

  @Test("scaling agrees with numbers of any size", arguments: UInt64(0)..<64)
  func scalesExactly(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    func number(_ random: inout SplitMix64) -> UInt128 {
      let wide = UInt128(random.next()) << 64 | UInt128(random.next())
      return wide >> UInt128(random.next() % 128)
    }
    for _ in 0..<200 {
      let magnitude = number(&random) >> 1
      let numerator = number(&random)
      var denominator = max(1, number(&random))
      if random.next() % 4 == 0 { denominator = max(2, denominator & ~1 >> (random.next() % 100)) }
      let value = random.next() % 2 == 0 ? Int128(magnitude) : -Int128(magnitude)
      guard let result = scaledHalfEven(value, by: numerator, over: denominator) else {
        let exact = BigNatural(magnitude) * BigNatural(numerator)
        let limit = BigNatural(UInt128(Int128.max)) * BigNatural(denominator)
        #expect(exact > limit, "\(value) × \(numerator) ÷ \(denominator)")
        continue
      }
      #expect(result == 0 || (result < 0) == (value < 0))
      #expect(
        BigNatural.isHalfEven(
          result.magnitude, of: magnitude, times: BigNatural(numerator),
          over: BigNatural(denominator)), "\(value) × \(numerator) ÷ \(denominator) = \(result)")
    }
  }

  @Test("halves go to the even neighbour", arguments: [(1, 0), (3, 2), (5, 2), (-7, -4), (9, 4)])
  func halvesGoToEven(value: Int, half: Int) {
    #expect(scaledHalfEven(Int128(value), by: 1, over: 2) == Int128(half))
    // The same with a product wider than 128 bits.
    let wide = UInt128(1) << 126
    #expect(scaledHalfEven(Int128(value), by: wide, over: wide * 2) == Int128(half))
  }

  @Test("rates and amounts agree with a search through all rows", arguments: UInt64(0)..<100)
  func agreesWithSearch(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let codes = try ["USD", "EUR", "GBP", "JPY", "KWD"].map { try currency($0) }
    let start = try day("2026-01-01")
    let rows = (0..<random.pick([3, 20, 60])).map { _ in
      ExchangeRate(
        base: random.pick(codes), quote: random.pick(codes),
        date: start.adding(days: Int.random(in: 0..<30, using: &random)),
        tenBillionths: Int128(random.next() >> random.pick([10, 30, 50])),
        recordedAt: Timestamp(
          microseconds: start.startUTC.microseconds
            + Int64(random.next() % 40) * Timestamp.microsecondsPerDay))
    }
    let cut = Timestamp(
      microseconds: start.startUTC.microseconds + 30 * Timestamp.microsecondsPerDay)
    let rates = ExchangeRates(rows, knownBy: cut)
    let oracle = RateSearch(rows: rows.filter { $0.recordedAt <= cut }, currencies: codes.sorted())
    for _ in 0..<60 {
      let (from, to) = (random.pick(codes), random.pick(codes))
      let date = start.adding(days: Int.random(in: -2..<40, using: &random))
      let amount = Int128(Int64(bitPattern: random.next()) >> random.pick([0, 20, 45]))
      let parts = random.pick([1, 3, 12])
      let way = oracle.way(from: from, to: to, on: date)
      let result = Result { () throws(ConversionFailure) in
        try rates.convert(amount, from: from, to: to, on: date, dividedBy: parts)
      }
      guard let way else {
        let failure = ConversionFailure.missingRate(from: from, to: to, date: date)
        #expect(result == (amount == 0 ? .success(0) : .failure(failure)))
        continue
      }
      #expect(try rates.rate(from: from, to: to, on: date).get().rows == way.map(\.row))
      let (numerator, denominator) = RateSearch.fraction(of: way)
      if result == .failure(.outOfRange(from: from, to: to, date: date)) {
        let limit = BigNatural(ExchangeRates.largestAmount.magnitude)
        #expect(
          BigNatural(amount.magnitude) * numerator
            > limit * denominator * BigNatural(UInt128(parts)))
        continue
      }
      let converted = try result.get()
      #expect(
        BigNatural.isHalfEven(
          converted.magnitude, of: amount.magnitude, times: numerator,
          over: denominator * BigNatural(UInt128(parts))))
      #expect(converted == 0 || (converted < 0) == (amount < 0))
    }
  }

  @Test("reads the rows of the source's table")
  func readsRows() throws {
    var base = ColumnBuilder(Field("base", .text))
    var quote = ColumnBuilder(Field("quote", .text))
    var date = ColumnBuilder(Field("rate_date", .date))
    var rates = ColumnBuilder(Field("rate", .decimal(scale: 10)))
    var recorded = ColumnBuilder(Field("created_at", .timestamp))
    let row = try rate("EURUSD", "2026-01-05", "1.1023456789")
    base.append("EUR")
    quote.append("USD")
    date.append(row.date)
    rates.append(integer: row.tenBillionths)
    recorded.append(row.recordedAt)
    let batch = Batch([base, quote, date, rates, recorded].map { $0.finish() })
    #expect(try ExchangeRate.rows(in: [batch, batch]) == [row, row])
    let failure = BillingError.missingColumn(dataset: "exchange_rates", column: "created_at")
    let partial = try #require(batch.selecting(["base", "quote", "rate_date", "rate"]))
    #expect(throws: failure) { try ExchangeRate.rows(in: [partial]) }
  }
}

/// The rate of a date by looking at every row: no dictionary, no order, no search.
struct RateSearch {
  var rows: [ExchangeRate]
  var currencies: [CurrencyCode]

  typealias Leg = (row: ExchangeRate, isInverse: Bool)

  private func leg(_ from: CurrencyCode, _ to: CurrencyCode, _ date: CalendarDate) -> Leg? {
    for isInverse in [false, true] {
      var best: ExchangeRate?
      for row in rows where row.base == (isInverse ? to : from) {
        guard row.quote == (isInverse ? from : to), row.tenBillionths > 0, row.date <= date,
          row.date >= date.adding(days: -7)
        else { continue }
        guard let other = best else {
          best = row
          continue
        }
        let isLater =
          row.date != other.date
          ? row.date > other.date
          : row.recordedAt != other.recordedAt
            ? row.recordedAt > other.recordedAt : row.tenBillionths > other.tenBillionths
        if isLater { best = row }
      }
      if let best { return (best, isInverse) }
    }
    return nil
  }

  func way(from: CurrencyCode, to: CurrencyCode, on date: CalendarDate) -> [Leg]? {
    if from == to { return [] }
    if let direct = leg(from, to, date) { return [direct] }
    let ways = currencies.filter { $0 != from && $0 != to }.compactMap { common -> [Leg]? in
      guard let first = leg(from, common, date), let second = leg(common, to, date) else {
        return nil
      }
      return [first, second]
    }
    let freshest = ways.map { min($0[0].row.date, $0[1].row.date) }.max()
    return ways.first { min($0[0].row.date, $0[1].row.date) == freshest }
  }

  static func fraction(of way: [Leg]) -> (BigNatural, BigNatural) {
    var (numerator, denominator) = (BigNatural(1), BigNatural(1))
    for leg in way {
      let rate = BigNatural(leg.row.tenBillionths.magnitude)
      let one = BigNatural(10_000_000_000)
      numerator = numerator * (leg.isInverse ? one : rate)
      denominator = denominator * (leg.isInverse ? rate : one)
    }
    return (numerator, denominator)
  }
}
