import AlmanacCore
import Files
import TestSupport
import Testing

@testable import Pipelines

@Suite("The last time a schedule was due")
struct LatestDueTests {
  /// A zone whose clocks go forward at 01:00 UTC on 2026-03-29 and back on 2026-10-25.
  private static let zones: [ZoneRules] = [.utc] + [try? londonZone()].compactMap(\.self)

  private static func londonZone() throws -> ZoneRules {
    struct Missing: Error {}
    guard let file = try? FileSystem.read("/usr/share/zoneinfo/Europe/London"),
      let zone = ZoneRules(name: "Europe/London", file: file)
    else { throw Missing() }
    return zone
  }

  @Test(
    "is found in the zone",
    arguments: [
      ("15 2 * * *", "2026-11-29T02:15:00Z", "2026-11-29T02:15:00Z"),
      ("15 2 * * *", "2026-11-29T02:14:59Z", "2026-11-28T02:15:00Z"),
      ("*/20 * * * *", "2026-11-29T00:05:00Z", "2026-11-29T00:00:00Z"),
      ("0 6 * * mon", "2026-11-29T12:00:00Z", "2026-11-23T06:00:00Z"),
      ("0 6 1 * sun", "2026-11-29T12:00:00Z", "2026-11-29T06:00:00Z"),
      ("0 6 28 * sat", "2026-11-26T12:00:00Z", "2026-11-21T06:00:00Z"),
      ("0 0 29 2 *", "2026-11-29T12:00:00Z", "2024-02-29T00:00:00Z"),
    ])
  func utc(text: String, instant: String, due: String) throws {
    let schedule = try CronSchedule(text)
    let found = schedule.latest(upTo: try #require(Timestamp(instant)), zone: .utc)
    #expect(found?.due.description == due)
  }

  @Test(
    "is never ahead, and never more than a day back where it is due daily",
    arguments: UInt64(0)..<32)
  func daily(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let (hour, minute) = (Int(random.next() % 24), Int(random.next() % 60))
    let schedule = try CronSchedule("\(minute) \(hour) * * *")
    let instant = Timestamp(
      microseconds: 1_774_000_000_000_000 + Int64(random.next() % 31_536_000) * 1_000_000)
    for zone in Self.zones {
      let found = try #require(schedule.latest(upTo: instant, zone: zone))
      #expect(found.due <= instant)
      // A day has 25 hours at most.
      #expect(instant.microseconds - found.due.microseconds <= 25 * 3_600_000_000)
      #expect(zone.localDate(at: found.due) == found.date)
    }
  }
}
