import AlmanacCore
import Foundation
import Testing

@Suite("Zones of companies")
struct CompanyZonesTests {
  private func zone(_ name: String) throws -> ZoneRules {
    let file = try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/" + name))
    return try #require(ZoneRules(name: name, file: Array(file)))
  }

  private func id(_ number: UInt64) -> UUIDValue { UUIDValue(high: 0, low: number) }

  private func day(_ text: String) throws -> CalendarDate { try #require(CalendarDate(text)) }

  @Test("a date is over for a company once it has ended there, for all once for every one")
  func datesOver() throws {
    let zones = CompanyZones(
      .utc,
      own: [
        id(1): try zone("Etc/GMT+12"), id(2): try zone("Pacific/Kiritimati"),
        id(3): try zone("America/New_York"),
      ])
    let over = DatesOver(zones, at: try #require(Timestamp("2026-03-09T04:00:00Z")))
    // New York has had summer time since the 8th: the date ends at four o'clock UTC.
    #expect(over.isOver(try day("2026-03-08"), id(3)))
    #expect(over.last(id(3)) == (try day("2026-03-08")))
    #expect(over.last(id(1)) == (try day("2026-03-07")))
    #expect(over.last(id(2)) == (try day("2026-03-08")))
    #expect(over.last(id(4)) == (try day("2026-03-08")))
    #expect(over.last == (try day("2026-03-07")) && over.last(.zero) == over.last)
    #expect(!over.isOver(try day("2026-03-08"), .zero))
    #expect(over.pending(try day("2026-03-08")) == 1 && over.pending(over.last) == 0)
    let earlier = DatesOver(zones, at: try #require(Timestamp("2026-03-09T03:59:59Z")))
    #expect(earlier.pending(try day("2026-03-08")) == 2)
  }

  @Test("with one zone for all, the last date is over for everyone when it ends")
  func shared() throws {
    let zones = CompanyZones(try zone("Asia/Kathmandu"))
    let date = try day("2026-03-08")
    let over = DatesOver(zones, at: zones.standard.start(of: date.adding(days: 1)))
    #expect(zones.areShared && over.last == date && over.lastOfStandard == date)
    #expect(over.isOver(date, id(1)) && over.pending(date) == 0)
    #expect(zones.utcDays(of: date...date) == (try day("2026-03-07"))...date)
    #expect(zones.dates(ofUTCDay: date) == date...date.adding(days: 1))
  }

  @Test("the UTC days of local dates hold every instant of them in any zone")
  func utcDays() throws {
    let names = ["Etc/GMT+12", "Pacific/Kiritimati", "Asia/Kathmandu", "America/St_Johns"]
    let date = try day("2026-03-08")
    for name in names {
      let zones = CompanyZones(.utc, own: [id(1): try zone(name)])
      let days = zones.utcDays(of: date...date)
      let own = zones.zone(of: id(1))
      #expect(days.contains(own.start(of: date).dateUTC))
      let end = own.start(of: date.adding(days: 1)).microseconds - 1
      #expect(days.contains(Timestamp(microseconds: end).dateUTC))
      for day in days {
        #expect(zones.dates(ofUTCDay: day).contains(own.localDate(at: day.startUTC)))
      }
    }
  }
}
