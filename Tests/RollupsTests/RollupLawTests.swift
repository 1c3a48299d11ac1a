import AlmanacCore
import Columns
import Rollups
import Testing

@Suite("Laws of rollups on random histories")
struct RollupLawTests {
  @Test("equals a dictionary of sets", arguments: UInt64(0)..<150)
  func equalsOracle(seed: UInt64) throws {
    let history = try RandomHistory(seed: seed)
    let table = try rollup(
      [batch(history.events, plain: seed % 2 == 0)], into: history.buckets,
      settings: settingsWithRates(zone: history.zone))
    let expected = naiveRollup(history.events, into: history.buckets, zone: history.zone)
    #expect(try rows(table) == expected)
    #expect(table.batch.fields == RollupTable.fields(history.buckets.grain))
  }

  @Test("shuffling and splitting the rows change nothing", arguments: UInt64(0)..<100)
  func orderAndSplits(seed: UInt64) throws {
    let history = try RandomHistory(seed: seed)
    let settings = try settingsWithRates(zone: history.zone)
    let whole = try rollup([batch(history.events)], into: history.buckets, settings: settings)
    var random = SplitMix64(seed: seed &+ 1_000)
    var rest = history.events.shuffled(using: &random)[...]
    var parts: [Batch] = []
    while !rest.isEmpty {
      let size = Int.random(in: 1...rest.count, using: &random)
      parts.append(batch(Array(rest.prefix(size)), plain: random.next() % 2 == 0))
      rest = rest.dropFirst(size)
    }
    #expect(try rollup(parts, into: history.buckets, settings: settings) == whole)
  }

  @Test("with a zone for each company gives each its own rollup", arguments: UInt64(0)..<100)
  func companyZones(seed: UInt64) throws {
    let history = try RandomHistory(seed: seed)
    var random = SplitMix64(seed: seed &+ 3_000)
    var settings = try settingsWithRates(zone: .utc)
    let companies = Set(history.events.compactMap(\.company)).sorted()
    for company in companies where random.next() % 4 > 0 {
      settings.zones.own[company] = try loadZone(
        try #require(RandomHistory.zones.randomElement(using: &random)))
    }
    // Of days those that are over at some instant between them; of others all.
    var over: DatesOver?
    if case .days(let days) = history.buckets, seed % 2 == 0 {
      let end = days.lowerBound.adding(days: Int(random.next() % 9)).startUTC
      over = DatesOver(settings.zones, at: end)
    }
    settings.over = over
    let whole = try rows(
      try rollup(
        [batch(history.events, plain: seed % 3 == 0)], into: history.buckets, settings: settings))
    var expected: [ExpectedRow] = []
    for company in companies {
      let zone = settings.zones.zone(of: company)
      let own = try rollup(
        [batch(history.events.filter { $0.company == company })], into: history.buckets,
        settings: settingsWithRates(zone: zone))
      expected += try rows(own).filter { row in
        guard let over else { return true }
        // Told apart from the code: a date is over when the next one has begun.
        let next = CalendarDate(daysSinceEpoch: Int32(row.bucket + 1))
        return zone.start(of: next) <= over.end
      }
    }
    #expect(whole == expected, "seed \(seed)")
  }

  @Test("combining states and reducing early change nothing", arguments: UInt64(0)..<100)
  func statesCombine(seed: UInt64) throws {
    let history = try RandomHistory(seed: seed)
    let settings = try settingsWithRates(zone: history.zone)
    let whole = try rollup([batch(history.events)], into: history.buckets, settings: settings)
    var random = SplitMix64(seed: seed &+ 2_000)
    var states = try (0..<3).map { _ in
      RollupState(
        history.buckets, settings: settings,
        rowsBeforeReduction: try #require([1, 20, 100_000].randomElement(using: &random)))
    }
    for event in history.events {
      try states[Int(random.next() % 3)].accumulate(batch([event]))
    }
    var combined = states[2]
    try combined.combine(states[0])
    try combined.combine(states[1])
    #expect(combined.rowCount == history.events.count)
    #expect(try combined.finish() == whole)
  }

  @Test("a narrower interval gives the rows of the wider one that lie in it", arguments: 0..<60)
  func cutEqualsFilter(seed: Int) throws {
    let history = try RandomHistory(seed: UInt64(seed))
    let settings = try settingsWithRates(zone: history.zone)
    let wide = try rollup([batch(history.events)], into: history.buckets, settings: settings)
    let narrower: RollupBuckets
    let limits: Range<Int64>
    switch history.buckets {
    case .hours(let range):
      let middle = HourBucket(
        hoursSinceEpoch: (range.lowerBound.hoursSinceEpoch + range.upperBound.hoursSinceEpoch) / 2)
      narrower = .hours(middle..<range.upperBound)
      limits = middle.start.microseconds..<range.upperBound.start.microseconds
    case .days(let range):
      let middle = range.lowerBound.adding(days: history.buckets.count / 2)
      narrower = .days(middle..<range.upperBound)
      limits = Int64(middle.daysSinceEpoch)..<Int64(range.upperBound.daysSinceEpoch)
    case .months(let first, let count):
      narrower = .months(first: first.monthStart(adding: count / 2), count: count - count / 2)
      limits =
        Int64(
          first.monthStart(adding: count / 2).daysSinceEpoch)..<Int64(
          first.monthStart(adding: count).daysSinceEpoch)
    case .span(let range):
      // A span has no smaller parts that it would be made of.
      narrower = .span(range)
      limits = 0..<1
    }
    let cut = try rollup([batch(history.events)], into: narrower, settings: settings)
    #expect(try rows(cut) == rows(wide).filter { limits.contains($0.bucket) })
  }

  @Test("hours of UTC days add up to the days", arguments: UInt64(0)..<60)
  func hoursAddUp(seed: UInt64) throws {
    let history = try RandomHistory(seed: seed)
    let first = try #require(
      history.events.compactMap(\.at).min()?.dateUTC ?? CalendarDate("2024-01-01"))
    let end = (history.events.compactMap(\.at).max()?.dateUTC ?? first).adding(days: 1)
    let input = [batch(history.events)]
    let hourly = try rollup(
      input, into: .hours(first.startUTC.hour..<end.startUTC.hour),
      settings: settingsWithRates(zone: .utc))
    let daily = try rollup(
      input, into: .days(first..<end), settings: settingsWithRates(zone: .utc))
    func total(_ table: RollupTable) throws -> [Int128] {
      let rows = try rows(table)
      return [
        rows.reduce(0) { $0 + Int128($1.eventCount) }, rows.reduce(0) { $0 + ($1.amountSum ?? 0) },
        rows.reduce(0) { $0 + ($1.durationSum ?? 0) }, rows.compactMap(\.amountMinimum).min() ?? 0,
        rows.compactMap(\.amountMaximum).max() ?? 0,
      ]
    }
    #expect(try total(hourly) == total(daily))
    #expect(try total(daily)[0] == Int128(history.events.count))
  }

  @Test("many rows of many users in one group count each user once")
  func largeGroup() throws {
    var random = SplitMix64(seed: 5)
    let events = try (0..<30_000).map { _ in
      var event = try TestEvent("2024-05-01T10:15:00Z")
      event.user = id(random.next() % 7_000)
      return event
    }
    let day = try #require(CalendarDate("2024-05-01"))
    let table = try rollup(
      [batch(events)], into: .days(day..<day.adding(days: 1)), settings: settings())
    #expect(try rows(table).map(\.uniqueUsers) == [Int64(Set(events.map(\.user)).count)])
  }

  @Test("more than 64 bits of key are sorted as well")
  func longKeys() throws {
    // 2^20 hours, 3,000 types and 3,000 modules make a sort word of 76 bits with its 32 of place.
    let start = HourBucket(hoursSinceEpoch: 0)
    var random = SplitMix64(seed: 8)
    let events = (0..<3_000).map { index in
      var event = TestEvent(
        at: Timestamp(microseconds: Int64(random.next() >> 44) * Timestamp.microsecondsPerHour))
      event.eventType = "type_\(index)"
      event.module = id(UInt64(index))
      return event
    }
    let buckets = RollupBuckets.hours(start..<HourBucket(hoursSinceEpoch: 1 << 20))
    let doubled = events + events
    let table = try rollup([batch(doubled)], into: buckets, settings: settings())
    // The oracle's search for the hour is linear in the interval, so it is given the short way.
    #expect(table.rowCount == 3_000)
    for row in try rows(table) {
      let event = try #require(events.first { $0.eventType == row.eventType })
      #expect(row.module == event.module && row.eventCount == 2)
      #expect(row.bucket == event.at?.microseconds)
    }
  }
}
