import AlmanacCore
import Rollups
import Testing

/// A rollup by a dictionary of sets, one event at a time: slow, obvious, and nothing in common
/// with the kernel.
func naiveRollup(
  _ events: [TestEvent], into buckets: RollupBuckets, zone: ZoneRules
) -> [ExpectedRow] {
  struct Key: Hashable {
    var company: UUIDValue
    var eventType: String
    var module: UUIDValue
    var bucket: Int64
  }
  var groups: [Key: [TestEvent]] = [:]
  for event in events {
    guard let at = event.at else { continue }
    let bucket: Int64
    switch buckets {
    case .hours(let range):
      // Compares instants, so it does not share the kernel's division.
      guard at >= range.lowerBound.start, at < range.upperBound.start else { continue }
      var start = range.lowerBound.start.microseconds
      while start + Timestamp.microsecondsPerHour <= at.microseconds {
        start += Timestamp.microsecondsPerHour
      }
      bucket = start
    case .days(let range):
      let date = zone.localDate(at: at)
      guard range.contains(date) else { continue }
      bucket = Int64(date.daysSinceEpoch)
    case .months(let first, let count):
      // Compares what is written, so it does not share the kernel's table of days.
      let month = String(zone.localDate(at: at).description.prefix(7))
      let known = (0..<count).map { first.monthStart(adding: $0) }
      guard let start = known.first(where: { $0.description.hasPrefix(month) }) else { continue }
      bucket = Int64(start.daysSinceEpoch)
    case .span(let range):
      guard range.contains(zone.localDate(at: at)) else { continue }
      bucket = 0
    }
    guard let company = event.company, let eventType = event.eventType else { continue }
    let key = Key(
      company: company, eventType: eventType, module: event.module ?? .zero, bucket: bucket)
    groups[key, default: []].append(event)
  }
  return groups.map { key, events in
    let amounts = events.compactMap { dollars(of: $0, zone: zone) }
    let durations = events.compactMap(\.duration)
    return ExpectedRow(
      company: key.company, eventType: key.eventType, module: key.module, bucket: key.bucket,
      eventCount: Int64(events.count), uniqueUsers: Int64(Set(events.compactMap(\.user)).count),
      amountSum: amounts.isEmpty ? nil : amounts.reduce(0, +), amountMinimum: amounts.min(),
      amountMaximum: amounts.max(),
      durationSum: durations.isEmpty ? nil : durations.reduce(Int128(0)) { $0 + Int128($1) })
  }.sorted { left, right in
    if left.company != right.company { return left.company < right.company }
    if left.eventType != right.eventType {
      return left.eventType.utf8.lexicographicallyPrecedes(right.eventType.utf8)
    }
    return left.module != right.module ? left.module < right.module : left.bucket < right.bucket
  }
}

/// The rates of the random histories, in thousandths of a dollar: they change from day to day.
///
/// The yen has no decimals in daily use, the euro two and the dinar three.
func thousandths(_ currency: String, on date: CalendarDate) -> Int {
  let base = ["EUR": 1_083, "JPY": 7, "KWD": 3_255][currency] ?? 0
  return base == 0 ? 0 : base + Int(date.daysSinceEpoch % 5)
}

/// What an event's amount is in dollars: by decimal digits, and nothing in common with the kernel.
private func dollars(of event: TestEvent, zone: ZoneRules) -> Int128? {
  guard let amount = event.amount, let currency = event.currency, let at = event.at else {
    return nil
  }
  if currency.uppercased() == "USD" { return amount }
  let product = amount * Int128(thousandths(currency, on: zone.localDate(at: at)))
  let (whole, rest) = (product / 1_000, abs(product % 1_000))
  let isUp = rest > 500 || (rest == 500 && whole % 2 != 0)
  return isUp ? whole + (product < 0 ? -1 : 1) : whole
}

/// Settings with the rates of the random histories.
func settingsWithRates(zone: ZoneRules) throws -> RollupSettings {
  var settings = try settings(zone: zone)
  settings.rate = { currency, date in
    let rate = thousandths(currency.description, on: date)
    return rate == 0 ? nil : RollupRate(numerator: UInt128(rate), denominator: 1_000)
  }
  return settings
}

/// A random history: few companies, types and modules, so that groups have many rows, and a start
/// near a change of offset in most of the zones used.
struct RandomHistory {
  var events: [TestEvent]
  var zone: ZoneRules
  var buckets: RollupBuckets

  static let zones = [
    "UTC", "Europe/London", "America/New_York", "Pacific/Kiritimati", "Etc/GMT+12",
    "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia", "Africa/Casablanca",
    "Australia/Lord_Howe",
  ]

  init(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    func pick<Element>(_ choices: [Element]) -> Element {
      choices[Int.random(in: 0..<choices.count, using: &random)]
    }
    zone = try loadZone(pick(RandomHistory.zones))
    let firstDay = try #require(
      CalendarDate(
        pick(["2011-12-28", "2024-03-08", "2024-03-29", "2024-10-25", "2040-10-26", "1988-10-28"])))
    let days = Int.random(in: 1...9, using: &random)
    let companies = (0..<Int.random(in: 1...6, using: &random)).map { _ in
      UUIDValue(high: random.next() % 3, low: random.next())
    }
    let users = (0..<Int.random(in: 1...40, using: &random)).map { id(UInt64($0)) }
    let modules = (0..<Int.random(in: 1...4, using: &random)).map { id(UInt64($0)) }
    let eventTypes = ["a", "B", "user_logged_in", "user_logged", "", "éclair", "zz"]
    let span = Int64(days) * Timestamp.microsecondsPerDay
    let step = pick([Timestamp.microsecondsPerHour, 1_800_000_000, 1])
    events = (0..<pick([0, 1, 30, 400])).map { _ in
      let offset = Int64.random(in: -Timestamp.microsecondsPerDay...span, using: &random)
      var event = TestEvent(
        at: Timestamp(microseconds: firstDay.startUTC.microseconds + offset / step * step))
      event.company = pick(companies)
      event.eventType = pick(eventTypes)
      event.module = random.next() % 4 == 0 ? nil : pick(modules)
      event.user = random.next() % 5 == 0 ? nil : pick(users)
      event.duration = random.next() % 3 == 0 ? nil : Int64(random.next() % 90_000)
      switch random.next() % 20 {
      case 0...3: event.amount = nil
      case 4: event.amount = seed % 3 == 0 ? Int128(Int64.max) * 5_000 : Int128(Int64.max)
      case 5: event.amount = Int128(Int64.min)
      case 6: event.amount = 0
      default: event.amount = Int128(Int64.random(in: -1_000_000...5_000_000, using: &random))
      }
      event.currency = random.next() % 10 == 0 ? nil : pick(["USD", "usd", "EUR", "JPY", "KWD"])
      return event
    }
    let first = firstDay.adding(days: Int.random(in: -2...2, using: &random))
    let last = first.adding(days: Int.random(in: 0...9, using: &random))
    buckets =
      switch random.next() % 4 {
      case 0: .days(first..<last)
      case 1: .hours(first.startUTC.hour..<last.startUTC.hour)
      case 2: .months(first: first.monthStart, count: Int.random(in: 0...3, using: &random))
      default: .span(first..<last)
      }
  }
}
