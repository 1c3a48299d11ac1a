package import AlmanacCore
package import Columns

/// A row of `billing.exchange_rates`: what one unit of `base` cost in `quote` on a day.
package struct ExchangeRate: Hashable, Sendable {
  /// The currency one unit of which is priced.
  package var base: CurrencyCode
  /// The currency the price is in.
  package var quote: CurrencyCode
  /// The day the rate is for.
  package var date: CalendarDate
  /// Units of `quote` for one unit of `base`, in ten-billionths (`numeric(20,10)`).
  package var tenBillionths: Int128
  /// When the row was recorded.
  package var recordedAt: Timestamp

  /// Ten-billionths in one.
  package static let scale: UInt128 = 10_000_000_000

  /// A rate of the given parts.
  package init(
    base: CurrencyCode, quote: CurrencyCode, date: CalendarDate, tenBillionths: Int128,
    recordedAt: Timestamp
  ) {
    self.base = base
    self.quote = quote
    self.date = date
    self.tenBillionths = tenBillionths
    self.recordedAt = recordedAt
  }
}

/// Why an amount cannot be converted.
package enum ConversionFailure: ExitStatusConvertible, Hashable {
  /// No rate of the day, nor of the seven days before it, leads from one currency to the other.
  case missingRate(from: CurrencyCode, to: CurrencyCode, date: CalendarDate)
  /// The converted amount, or the rate between the currencies, is too large to be written down.
  case outOfRange(from: CurrencyCode, to: CurrencyCode, date: CalendarDate)

  /// One line that names the currencies and the day.
  package var description: String {
    switch self {
    case .missingRate(let from, let to, let date):
      "there is no exchange rate from \(from) to \(to) for \(date) or the"
        + " \(ExchangeRates.longestAge) days before it; add one to exchange_rates"
    case .outOfRange(let from, let to, let date):
      "an amount of \(date) in \(from) is too large in \(to); check the amount and the rate"
    }
  }

  /// 65: bad data.
  package var exitStatus: ExitStatus { .badData }
}

/// That amounts of one currency were converted at the rate of a day.
///
/// ``ExchangeRates/rate(from:to:on:)`` gives the rows behind it, to be stored beside the amounts.
package struct RateUse: Hashable, Sendable, Comparable {
  /// The currency of the amounts.
  package var source: CurrencyCode
  /// The currency they were converted into.
  package var target: CurrencyCode
  /// The local date they belong to.
  package var date: CalendarDate

  /// A use of a rate.
  package init(source: CurrencyCode, target: CurrencyCode, date: CalendarDate) {
    self.source = source
    self.target = target
    self.date = date
  }

  /// Orders by date, then by currency.
  package static func < (left: RateUse, right: RateUse) -> Bool {
    (left.date, left.source, left.target) < (right.date, right.source, right.target)
  }
}

/// The rate an amount is converted by, as an exact fraction, and the rows it was made of.
package struct ConversionRate: Hashable, Sendable {
  /// Units of the target currency, over ``denominator``.
  package let numerator: UInt128
  /// Units of the original currency; positive.
  package let denominator: UInt128
  /// The rows used, in the order of the way: none where the currencies are the same, two where a
  /// common currency lies between them.
  package let rows: [ExchangeRate]
}

/// Exchange rates as known at a cut, by pair and day (DECISIONS.md, D-150, D-151).
///
/// The rate of a local date is that of the latest `rate_date` on or before it, at most seven days
/// old: the direct pair if there is one, else its inverse, else through one common currency.
package struct ExchangeRates: Sendable {
  /// The most days a rate may be old.
  package static let longestAge = 7
  /// The largest amount there may be, in ten-thousandths: what a `numeric(28,10)` can hold.
  ///
  /// It leaves room for the sum of as many amounts as memory holds.
  package static let largestAmount: Int128 = 10_000_000_000_000_000_000_000

  /// Which of the rows are looked at.
  private enum Knowledge {
    /// All, of each day the last recorded.
    case all
    /// Those recorded before an instant, of each day the last recorded.
    case before(Timestamp)
    /// All, of each day the first recorded.
    case first
  }

  /// The rows of one pair by ascending date, those of a date in the order in which they were recorded.
  private var pairs: [UInt64: [ExchangeRate]] = [:]
  /// The currencies each currency has a pair with, in either direction, alphabetically.
  private var partners: [CurrencyCode: [CurrencyCode]] = [:]
  /// The last date whose rates are read, which later dates have as well.
  ///
  /// `nil` for no limit.
  private var lastDate: CalendarDate?
  private var knowledge = Knowledge.all
  /// Rows left out because their rate is zero or negative, or base and quote are the same.
  package private(set) var unusableRows = 0

  /// The rates among `rows` that were recorded by the cut.
  ///
  /// Of several rows for one pair and day the last recorded counts. A rate that is zero or less, or
  /// from a currency to itself, cannot be meant; it is left out and counted.
  ///
  /// - Parameters:
  ///   - rows: rows of `exchange_rates` in any order.
  ///   - cut: rows recorded after it are not known; `nil` for no limit.
  package init(_ rows: some Sequence<ExchangeRate>, knownBy cut: Timestamp? = nil) {
    for row in rows where cut.map({ row.recordedAt <= $0 }) ?? true {
      guard row.tenBillionths > 0, row.base != row.quote else {
        unusableRows += 1
        continue
      }
      pairs[ExchangeRates.key(row.base, row.quote), default: []].append(row)
    }
    for key in pairs.keys {
      pairs[key]?.sort { left, right in
        if left.date != right.date { return left.date < right.date }
        return left.recordedAt != right.recordedAt
          ? left.recordedAt < right.recordedAt : left.tenBillionths < right.tenBillionths
      }
    }
    var sets: [CurrencyCode: Set<CurrencyCode>] = [:]
    for rows in pairs.values {
      sets[rows[0].base, default: []].insert(rows[0].quote)
      sets[rows[0].quote, default: []].insert(rows[0].base)
    }
    partners = sets.mapValues { $0.sorted() }
  }

  /// The same rates as they were after a date: what is to happen later is converted at its rate.
  package func held(after date: CalendarDate) -> ExchangeRates {
    var rates = self
    rates.lastDate = min(date, lastDate ?? date)
    return rates
  }

  /// The same rates as they were known before an instant (DECISIONS.md, D-516).
  ///
  /// Where no rate of a day had been recorded by then, as where years of rates were loaded at once, it
  /// is the one that was recorded first. All rows are shared, so this costs nothing.
  package func known(before instant: Timestamp) -> ExchangeRates {
    var rates = self
    if case .before(let other) = knowledge {
      rates.knowledge = .before(min(instant, other))
    } else {
      rates.knowledge = .before(instant)
    }
    return rates
  }

  /// The rate between two currencies on a local date.
  ///
  /// The rate from a currency to itself is 1. Among several common currencies the one whose older
  /// row is the most recent is taken, and of equals the first in the alphabet.
  ///
  /// - Complexity: a binary search; through a common currency, two for each partner.
  package func rate(
    from source: CurrencyCode, to target: CurrencyCode, on date: CalendarDate
  ) -> Result<ConversionRate, ConversionFailure> {
    if source == target {
      return .success(ConversionRate(numerator: 1, denominator: 1, rows: []))
    }
    let date = min(date, lastDate ?? date)
    let found = rate(from: source, to: target, on: date, knowledge)
    guard case .failure(.missingRate) = found, case .before = knowledge else { return found }
    return rate(from: source, to: target, on: date, .first)
  }

  private func rate(
    from source: CurrencyCode, to target: CurrencyCode, on date: CalendarDate,
    _ knowledge: Knowledge
  ) -> Result<ConversionRate, ConversionFailure> {
    if let leg = leg(from: source, to: target, on: date, knowledge) {
      return .success(
        ConversionRate(numerator: leg.numerator, denominator: leg.denominator, rows: [leg.row]))
    }
    var best: (age: CalendarDate, first: Leg, second: Leg)?
    for common in partners[source] ?? [] where common != target {
      guard let first = leg(from: source, to: common, on: date, knowledge),
        let second = leg(from: common, to: target, on: date, knowledge)
      else { continue }
      let age = min(first.row.date, second.row.date)
      if best.map({ age > $0.age }) ?? true { best = (age, first, second) }
    }
    guard let best else { return .failure(.missingRate(from: source, to: target, date: date)) }
    guard
      let product = fractionProduct(
        (best.first.numerator, best.first.denominator),
        (best.second.numerator, best.second.denominator))
    else { return .failure(.outOfRange(from: source, to: target, date: date)) }
    return .success(
      ConversionRate(
        numerator: product.numerator, denominator: product.denominator,
        rows: [best.first.row, best.second.row]))
  }

  /// An amount in another currency, rounded once, halves to even.
  ///
  /// - Parameters:
  ///   - amount: ten-thousandths of `source`.
  ///   - source: the currency of the amount.
  ///   - target: the currency asked for.
  ///   - date: the local date the amount belongs to.
  ///   - parts: what the amount is divided by in the same step, such as the months of a period; at
  ///     least 1.
  /// - Returns: ten-thousandths of `target`, at most ``largestAmount``; zero needs no rate.
  /// - Throws: ``ConversionFailure`` where there is no rate, or no room for the result.
  package func convert(
    _ amount: Int128, from source: CurrencyCode, to target: CurrencyCode, on date: CalendarDate,
    dividedBy parts: Int = 1
  ) throws(ConversionFailure) -> Int128 {
    precondition(parts > 0, "an amount divided by \(parts)")
    if amount == 0 { return 0 }
    let rate = try rate(from: source, to: target, on: date).get()
    let largest = ExchangeRates.largestAmount.magnitude
    let (denominator, overflows) =
      rate.denominator.multipliedReportingOverflow(by: UInt128(parts))
    guard !overflows,
      let converted = scaledHalfEven(amount, by: rate.numerator, over: denominator),
      converted.magnitude <= largest
    else { throw .outOfRange(from: source, to: target, date: date) }
    return converted
  }

  /// A row that leads from one currency to another, with the direction worked in.
  private struct Leg {
    var numerator: UInt128
    var denominator: UInt128
    var row: ExchangeRate
  }

  private func leg(
    from source: CurrencyCode, to target: CurrencyCode, on date: CalendarDate,
    _ knowledge: Knowledge
  ) -> Leg? {
    if let row = row(base: source, quote: target, on: date, knowledge) {
      return Leg(
        numerator: row.tenBillionths.magnitude, denominator: ExchangeRate.scale, row: row)
    }
    guard let row = row(base: target, quote: source, on: date, knowledge) else { return nil }
    return Leg(numerator: ExchangeRate.scale, denominator: row.tenBillionths.magnitude, row: row)
  }

  /// The latest row of a pair on or before a date that is known and not too old.
  private func row(
    base: CurrencyCode, quote: CurrencyCode, on date: CalendarDate, _ knowledge: Knowledge
  ) -> ExchangeRate? {
    guard let rows = pairs[ExchangeRates.key(base, quote)] else { return nil }
    var low = 0
    var high = rows.count
    while low < high {
      let middle = (low + high) / 2
      if rows[middle].date <= date { low = middle + 1 } else { high = middle }
    }
    func isRecent(_ row: Int) -> Bool {
      row >= 0 && rows[row].date.distance(to: date) <= ExchangeRates.longestAge
    }
    var row = low - 1
    switch knowledge {
    case .all: break
    case .before(let instant):
      while isRecent(row), rows[row].recordedAt >= instant { row -= 1 }
    case .first:
      while row > 0, rows[row - 1].date == rows[row].date { row -= 1 }
    }
    return isRecent(row) ? rows[row] : nil
  }

  private static func key(_ base: CurrencyCode, _ quote: CurrencyCode) -> UInt64 {
    UInt64(base.packed) << 32 | UInt64(quote.packed)
  }
}

extension ExchangeRate {
  /// The rows of batches of `exchange_rates`.
  ///
  /// - Throws: ``BillingError``: a column that is missing or of another type, or a row without a
  ///   value or with a currency that is not three letters.
  package static func rows(in batches: [Batch]) throws(BillingError) -> [ExchangeRate] {
    var rows: [ExchangeRate] = []
    var table = TableReader(dataset: "exchange_rates")
    for batch in batches {
      table.start(batch)
      let bases = try table.currencies("base")
      let quotes = try table.currencies("quote")
      let dates = try table.dates("rate_date")
      let rates = try table.decimals("rate", scale: 10)
      let recorded = try table.instants("created_at")
      rows.reserveCapacity(rows.count + batch.rowCount)
      for row in 0..<batch.rowCount {
        rows.append(
          ExchangeRate(
            base: try table.required(bases(row), "base", row),
            quote: try table.required(quotes(row), "quote", row),
            date: try table.required(dates(row), "rate_date", row),
            tenBillionths: try table.required(rates(row), "rate", row),
            recordedAt: try table.required(recorded(row), "created_at", row)))
      }
    }
    return rows
  }
}
