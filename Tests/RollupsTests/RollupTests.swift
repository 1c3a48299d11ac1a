import AlmanacCore
import Columns
import Rollups
import Testing

@Suite("Rollups written out by hand")
struct RollupTests {
  private func days(_ first: String, _ end: String) throws -> RollupBuckets {
    .days(try #require(CalendarDate(first))..<(try #require(CalendarDate(end))))
  }

  private func hours(_ first: String, _ end: String) throws -> RollupBuckets {
    .hours(try #require(Timestamp(first)).hour..<(try #require(Timestamp(end)).hour))
  }

  @Test("counts, distinct users, sums and extremes of one group")
  func oneGroup() throws {
    var first = try TestEvent("2024-05-01T10:00:00Z")
    first.user = id(7)
    first.amount = 12_5000
    first.duration = 30
    var second = try TestEvent("2024-05-01T10:59:59.999999Z")
    second.user = id(7)
    second.amount = -2_5000
    var third = try TestEvent("2024-05-01T10:30:00Z")
    third.duration = 12
    let table = try rollup(
      [batch([first, second, third])],
      into: hours("2024-05-01T00:00Z", "2024-05-02T00:00Z"), settings: settings())
    let start = try #require(Timestamp("2024-05-01T10:00Z"))
    #expect(
      try rows(table) == [
        ExpectedRow(
          company: id(1), eventType: "module_used", module: .zero, bucket: start.microseconds,
          eventCount: 3, uniqueUsers: 1, amountSum: 10_0000, amountMinimum: -2_5000,
          amountMaximum: 12_5000, durationSum: 42)
      ])
  }

  @Test("without an amount or a duration these are null, not zero")
  func nulls() throws {
    let table = try rollup(
      [batch([try TestEvent("2024-05-01T10:00:00Z")])], into: days("2024-05-01", "2024-05-02"),
      settings: settings())
    let row = try #require(try rows(table).first)
    #expect(row.amountSum == nil && row.amountMinimum == nil && row.amountMaximum == nil)
    #expect(row.durationSum == nil && row.uniqueUsers == 0)
  }

  @Test("an event on a boundary belongs to the later bucket")
  func boundary() throws {
    let table = try rollup(
      [
        batch([try TestEvent("2024-05-01T11:00:00Z"), try TestEvent("2024-05-01T10:59:59.999999Z")])
      ],
      into: hours("2024-05-01T10:00Z", "2024-05-01T12:00Z"), settings: settings())
    #expect(
      try rows(table).map { Timestamp(microseconds: $0.bucket).description }
        == ["2024-05-01T10:00:00Z", "2024-05-01T11:00:00Z"])
  }

  @Test("hours before 1970 round down")
  func beforeEpoch() throws {
    let table = try rollup(
      [batch([try TestEvent("1969-12-31T23:30:00Z")])],
      into: hours("1969-12-31T00:00Z", "1970-01-01T12:00Z"), settings: settings())
    #expect(try rows(table).map(\.bucket) == [-Timestamp.microsecondsPerHour])
  }

  @Test("a null module and the all-zero one are the same group")
  func noModule() throws {
    var explicit = try TestEvent("2024-05-01T10:00:00Z")
    explicit.module = .zero
    let table = try rollup(
      [batch([explicit, try TestEvent("2024-05-01T12:00:00Z")])],
      into: days("2024-05-01", "2024-05-02"), settings: settings())
    #expect(try rows(table).map(\.eventCount) == [2])
  }

  @Test("rows come by company, then bytes of the type, then module, then bucket")
  func order() throws {
    let events = try [(2, "a", 1), (1, "b", 2), (1, "a", 2), (1, "B", 1), (1, "a", 1)].map {
      company, type, module in
      var event = try TestEvent("2024-05-01T10:00:00Z")
      event.company = id(UInt64(company))
      event.eventType = type
      event.module = id(UInt64(module))
      return event
    }
    let table = try rollup(
      [batch(events)], into: days("2024-05-01", "2024-05-02"), settings: settings())
    #expect(
      try rows(table).map { "\($0.company.low)\($0.eventType)\($0.module.low)" }
        == ["1B1", "1a1", "1a2", "1b2", "2a1"])
  }

  @Test(
    "an instant falls on the local date of the zone",
    arguments: [
      // The clocks of London go forward at 01:00 UTC on 31 March: midnight is still 00:00 UTC.
      ("Europe/London", "2024-03-31T22:59:59Z", "2024-03-31"),
      ("Europe/London", "2024-03-31T23:00:00Z", "2024-04-01"),
      ("Europe/London", "2024-10-27T23:59:59Z", "2024-10-27"),
      ("Europe/London", "2024-10-26T23:00:00Z", "2024-10-27"),
      ("Pacific/Kiritimati", "2024-05-01T10:00:00Z", "2024-05-02"),
      ("Pacific/Kiritimati", "2024-05-01T09:59:59Z", "2024-05-01"),
      ("Etc/GMT+12", "2024-05-01T11:59:59Z", "2024-04-30"),
      ("Etc/GMT+12", "2024-05-01T12:00:00Z", "2024-05-01"),
      ("Asia/Kathmandu", "2024-05-01T18:14:59Z", "2024-05-01"),
      ("Asia/Kathmandu", "2024-05-01T18:15:00Z", "2024-05-02"),
      // Samoa crossed the date line: there was no 30 December 2011.
      ("Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29"),
      ("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"),
      // Clocks of Newfoundland went back at 00:01, so 30 October 1988 began twice.
      ("America/St_Johns", "1988-10-30T01:30:30Z", "1988-10-30"),
      ("America/St_Johns", "1988-10-30T01:31:00Z", "1988-10-29"),
      ("America/St_Johns", "1988-10-30T03:30:00Z", "1988-10-30"),
    ])
  func localDates(name: String, instant: String, date: String) throws {
    let expected = try #require(CalendarDate(date))
    let table = try rollup(
      [batch([try TestEvent(instant)])],
      into: .days(expected.adding(days: -3)..<expected.adding(days: 3)),
      settings: settings(zone: loadZone(name)))
    #expect(try rows(table).map(\.bucket) == [Int64(expected.daysSinceEpoch)])
  }

  @Test("sums of extreme amounts are exact beyond 64 bits")
  func wideSums() throws {
    let events = try [Int128(Int64.max), Int128(Int64.max), 1].map { amount in
      var event = try TestEvent("2024-05-01T10:00:00Z")
      event.amount = amount
      return event
    }
    let table = try rollup(
      [batch(events)], into: days("2024-05-01", "2024-05-02"), settings: settings())
    #expect(try rows(table).map(\.amountSum) == [Int128(Int64.max) * 2 + 1])
    #expect(try rows(table).map(\.amountMinimum) == [1])
  }

  @Test("no events give no rows, but all columns")
  func empty() throws {
    let table = try rollup([], into: days("2024-05-01", "2024-05-02"), settings: settings())
    #expect(table.rowCount == 0)
    #expect(table.batch.fields == RollupTable.fields(.day))
  }

  @Test("a dictionary with more entries than rows, none of them used, is no matter")
  func unusedEntries() throws {
    let start = try #require(Timestamp("2024-05-01T10:00:00Z"))
    let none = ValidityBitmap(repeating: false, count: 1)
    func events(company: Bool) -> Batch {
      let entries = UUIDStorage(values: (0..<9).map { id(UInt64($0)) }, codes: [7])
      let text = TextStorage(bytes: Array("ab".utf8), offsets: [0, 1, 2], codes: [1])
      return Batch([
        Column(Field("event_type", .text), .text(text)),
        Column(
          Field("company_id", .uuid, isNullable: true), .uuid(entries),
          validity: company ? nil : none),
        Column(Field("user_id", .uuid, isNullable: true), .uuid(entries), validity: none),
        Column(
          Field("timestamp", .timestamp),
          .int64([company ? start.microseconds : start.microseconds - 864_000_000_000])),
      ])
    }
    var settings = try settings()
    settings.moduleColumn = nil
    settings.amountColumn = nil
    settings.durationColumn = nil
    let buckets = try days("2024-05-01", "2024-05-02")
    var outside = RollupState(buckets, settings: settings)
    try outside.accumulate(events(company: false))
    var state = RollupState(buckets, settings: settings)
    try state.combine(outside)
    #expect(try state.finish().rowCount == 0)
    try outside.accumulate(events(company: true))
    var combined = RollupState(buckets, settings: settings)
    try combined.combine(outside)
    let row = try #require(try rows(combined.finish()).first)
    #expect(row.company == id(7) && row.eventType == "b" && row.uniqueUsers == 0)
    #expect(try rows(outside.finish()) == [row])
  }

  @Test("columns that the settings leave out are not needed")
  func optionalColumns() throws {
    var settings = try settings()
    settings.moduleColumn = nil
    settings.userColumn = nil
    settings.amountColumn = nil
    settings.durationColumn = nil
    var event = try TestEvent("2024-05-01T10:00:00Z")
    event.module = id(4)
    event.user = id(4)
    event.amount = 4
    event.currency = "EUR"
    let narrow = try #require(
      batch([event]).selecting(["event_type", "company_id", "timestamp"]))
    let row = try #require(
      try rows(rollup([narrow], into: days("2024-05-01", "2024-05-02"), settings: settings)).first)
    #expect(row.module == .zero && row.uniqueUsers == 0 && row.amountSum == nil)
    #expect(row.eventCount == 1)
  }
}

@Suite("What stops a rollup")
struct RollupErrorTests {
  private func daily(_ events: [TestEvent]) throws -> RollupTable {
    let day = try #require(CalendarDate("2024-05-01"))
    return try rollup(
      [batch(events)], into: .days(day..<day.adding(days: 1)), settings: settings())
  }

  @Test("an amount in another currency names the currency and the local day")
  func foreignCurrency() throws {
    var event = try TestEvent("2024-05-01T10:00:00Z")
    event.amount = 1
    event.currency = "EUR"
    let expected = RollupError.missingRate(
      currency: try #require(CurrencyCode("EUR")), date: try #require(CalendarDate("2024-05-01")))
    #expect(throws: expected) { try daily([event]) }
    #expect(expected.exitStatus == .badData)
    for part in ["2024-05-01", "in EUR", "`currency: EUR`", "exchange_rates"] {
      #expect(expected.description.contains(part))
    }
  }

  @Test("another currency without an amount, or outside the interval, is no matter")
  func harmlessCurrency() throws {
    var noAmount = try TestEvent("2024-05-01T10:00:00Z")
    noAmount.currency = "EUR"
    var outside = try TestEvent("2024-05-02T00:00:00Z")
    outside.amount = 1
    outside.currency = "EUR"
    outside.company = nil
    #expect(try rows(daily([noAmount, outside])).map(\.eventCount) == [1])
  }

  @Test("an amount without a usable currency is left out and counted", arguments: [nil, "", "US$"])
  func noCurrency(currency: String?) throws {
    var event = try TestEvent("2024-05-01T10:00:00Z")
    event.amount = 5
    var unknown = event
    unknown.currency = currency
    let table = try daily([event, unknown])
    #expect(try rows(table).map(\.amountSum) == [5])
    #expect(try rows(table).map(\.eventCount) == [2])
    #expect(table.amountsWithoutCurrency == 1)
  }

  @Test("an event without company, type or time names dataset, column and row")
  func missingValues() throws {
    let good = try TestEvent("2024-05-01T10:00:00Z")
    var noCompany = good
    noCompany.company = nil
    var noType = good
    noType.eventType = nil
    var noTime = good
    noTime.at = nil
    for (event, column) in [
      (noCompany, "company_id"), (noType, "event_type"), (noTime, "timestamp"),
    ] {
      let expected = RollupError.missingValue(dataset: "events", column: column, row: 3)
      #expect(throws: expected) { try daily([good, good, event]) }
      #expect(expected.exitStatus == .badData)
    }
  }

  @Test("a missing column and a wrong type say so")
  func columns() throws {
    let day = try #require(CalendarDate("2024-05-01"))
    let buckets = RollupBuckets.days(day..<day.adding(days: 1))
    let whole = batch([try TestEvent("2024-05-01T10:00:00Z")])
    let missing = RollupError.missingColumn(dataset: "events", column: "user_id")
    #expect(throws: missing) {
      try rollup(
        [Batch(whole.columns.filter { $0.field.name != "user_id" })], into: buckets,
        settings: settings())
    }
    #expect(missing.exitStatus == .missingInput)
    var swapped = try settings()
    swapped.userColumn = "event_type"
    #expect(
      throws: RollupError.wrongType(dataset: "events", column: "event_type", expected: "a uuid")
    ) {
      try rollup([whole], into: buckets, settings: swapped)
    }
  }

  @Test("a sum of durations beyond 64 bits is refused")
  func durationOverflow() throws {
    var event = try TestEvent("2024-05-01T10:00:00Z")
    event.duration = .max
    #expect(throws: RollupError.overflow(column: "duration_ms_sum")) { try daily([event, event]) }
  }

  @Test("a sum of amounts beyond 128 bits is refused")
  func amountOverflow() throws {
    var event = try TestEvent("2024-05-01T10:00:00Z")
    event.amount = .max
    #expect(throws: RollupError.overflow(column: "amount")) { try daily([event, event]) }
  }
}
