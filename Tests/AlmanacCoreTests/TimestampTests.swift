import AlmanacCore
import Foundation
import Testing

@Suite("Timestamp")
struct TimestampTests {
  @Test("text survives printing and reading", arguments: UInt64(0)..<50)
  func roundTrip(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    for _ in 0..<50 {
      let instant = Timestamp(
        microseconds: Int64.random(
          in: -62_135_596_800_000_000...253_402_300_799_999_999, using: &random))
      #expect(Timestamp(instant.description) == instant)
    }
  }

  @Test("seconds agree with Foundation's ISO 8601", arguments: UInt64(0)..<50)
  func foundation(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let seconds = Int64.random(in: -10_000_000_000...10_000_000_000, using: &random)
    let date = Date(timeIntervalSince1970: Double(seconds))
    #expect(Timestamp(microseconds: seconds * 1_000_000).description == date.ISO8601Format())
  }

  @Test(
    "reads offsets, fractions and short forms",
    arguments: [
      ("1970-01-01T00:00Z", 0), ("1970-01-01 00:00:01Z", 1_000_000),
      ("1970-01-01T00:00:00.5Z", 500_000), ("1970-01-01T00:00:00.000001Z", 1),
      ("1970-01-01T02:00:00+02", 0), ("1970-01-01T05:45:00+0545", 0),
      ("1970-01-01T05:45+05:45", 0), ("1969-12-31T12:00:00-12:00", 0),
      ("1969-12-31T23:59:59.999999Z", -1), ("1970-01-01T00:00:00.0000001Z", 0),
      ("1970-01-01T00:00:00.123456789Z", 123_457), ("1970-01-01T00:00:59.9999999+00", 60_000_000),
    ])
  func reads(text: String, microseconds: Int64) {
    #expect(Timestamp(text)?.microseconds == microseconds)
  }

  @Test(
    "refuses other texts",
    arguments: [
      "1970-01-01", "1970-01-01T00:00", "1970-01-01T24:00Z", "1970-01-01T00:60Z",
      "1970-01-01T00:00:60Z", "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00.000000x1Z",
      "1970-01-01T00:00+0:200", "1970-01-01T00:00+02:", "1970-01-01T00:00+:02",
      "1970-01-01T00:00+16", "1970-01-01T00:00+02:60", "1970-01-01T00:00Zx", "1970-01-01x00:00Z",
      "1970-01-01T00:00 Z", "1970-02-30T00:00Z", "",
    ])
  func refuses(text: String) {
    #expect(Timestamp(text) == nil)
  }

  @Test("days and hours hold their instants, also before 1970", arguments: UInt64(0)..<50)
  func buckets(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let instant = Timestamp(
      microseconds: Int64.random(in: -4_000_000_000_000_000...4_000_000_000_000_000, using: &random)
    )
    let day = instant.dateUTC
    #expect(day.startUTC <= instant && instant < day.adding(days: 1).startUTC)
    let hour = instant.hour
    #expect(hour.start <= instant)
    #expect(instant < HourBucket(hoursSinceEpoch: hour.hoursSinceEpoch + 1).start)
  }

  @Test("a boundary belongs to the later day and hour")
  func boundary() {
    let midnight = CalendarDate(daysSinceEpoch: 5).startUTC
    #expect(midnight.dateUTC.daysSinceEpoch == 5)
    #expect(Timestamp(microseconds: midnight.microseconds - 1).dateUTC.daysSinceEpoch == 4)
    #expect(Timestamp(microseconds: -1).hour.hoursSinceEpoch == -1)
  }
}
