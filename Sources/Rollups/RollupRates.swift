package import AlmanacCore

/// What one unit of a currency is worth in the reporting currency, as an exact fraction.
package struct RollupRate: Hashable, Sendable {
  /// Units of the reporting currency, over ``denominator``.
  package var numerator: UInt128
  /// Units of the other currency; positive.
  package var denominator: UInt128

  /// A rate of the given parts.
  package init(numerator: UInt128, denominator: UInt128) {
    precondition(denominator > 0, "a rate over zero")
    self.numerator = numerator
    self.denominator = denominator
  }
}

/// That amounts of a currency were converted at the rate of a day.
package struct RollupRateUse: Hashable, Sendable, Comparable {
  /// The currency of the amounts.
  package var currency: CurrencyCode
  /// The local date whose rate was taken.
  package var date: CalendarDate
  /// The date of the bucket that the amounts belong to: the UTC date of an hour, else the local one.
  package var bucketDate: CalendarDate

  /// The use of a rate in a bucket.
  package init(currency: CurrencyCode, date: CalendarDate, bucketDate: CalendarDate) {
    self.currency = currency
    self.date = date
    self.bucketDate = bucketDate
  }

  /// Orders by bucket, then by date and currency.
  package static func < (left: RollupRateUse, right: RollupRateUse) -> Bool {
    (left.bucketDate, left.date, left.currency) < (right.bucketDate, right.date, right.currency)
  }
}

/// Converts the amounts of one batch, each rounded once, and remembers the rates it took.
///
/// The rate is that of the event's local date (DECISIONS.md, D-150, D-151), also in an hour that
/// belongs to another date in UTC. Zero is zero in every currency and needs no rate.
struct AmountConverter {
  private let settings: RollupSettings
  /// Whether the buckets are hours.
  private let isHourly: Bool
  private(set) var uses: Set<RollupRateUse> = []
  private var rates: [UInt64: RollupRate] = [:]

  init(settings: RollupSettings, isHourly: Bool) {
    self.settings = settings
    self.isHourly = isHourly
  }

  /// An amount of `currency`, which is not the reporting one, at an instant of a local date.
  mutating func convert(
    _ amount: Int128, from currency: CurrencyCode, at instant: Timestamp, on date: CalendarDate
  ) throws(RollupError) -> Int128 {
    if amount == 0 { return 0 }
    let rate = try rate(of: currency, on: date, at: instant)
    guard
      let converted = scaledHalfEven(amount, by: rate.numerator, over: rate.denominator)
    else { throw .overflow(column: settings.amountColumn ?? "amount") }
    return converted
  }

  private mutating func rate(
    of currency: CurrencyCode, on date: CalendarDate, at instant: Timestamp
  ) throws(RollupError) -> RollupRate {
    let bucketDate = isHourly ? instant.dateUTC : date
    let ahead = UInt64(bucketDate.distance(to: date) + 2)
    let key =
      UInt64(currency.packed) << 40 | ahead << 32
      | UInt64(UInt32(bitPattern: date.daysSinceEpoch))
    if let known = rates[key] { return known }
    guard let find = settings.rate else { throw .missingRate(currency: currency, date: date) }
    guard let rate = find(currency, date) else {
      throw .noRate(currency: currency, reporting: settings.currency, date: date)
    }
    rates[key] = rate
    uses.insert(RollupRateUse(currency: currency, date: date, bucketDate: bucketDate))
    return rate
  }
}
