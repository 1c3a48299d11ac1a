import AlmanacCore
import Foundation
import Testing

@Suite("CalendarDate")
struct CalendarDateTests {
  private static let calendar: Calendar = {
    var calendar = Calendar(identifier: .iso8601)
    calendar.timeZone = .gmt
    return calendar
  }()

  @Test("agrees with Foundation's calendar on every third day from 1600 to 2400")
  func agreesWithFoundation() throws {
    let first = try #require(CalendarDate(year: 1600, month: 1, day: 1))
    let end = try #require(CalendarDate(year: 2400, month: 1, day: 1))
    for date in stride(from: first, to: end, by: 3) {
      let parts = CalendarDateTests.calendar.dateComponents(
        [.year, .month, .day, .weekday],
        from: Date(timeIntervalSince1970: Double(date.daysSinceEpoch) * 86_400))
      let (year, month, day) = date.parts
      let isoWeekday = ((try #require(parts.weekday)) + 5) % 7 + 1
      if year != parts.year || month != parts.month || day != parts.day
        || date.weekday != isoWeekday
      {
        Issue.record("\(date) is \(parts)")
        return
      }
    }
  }

  @Test("the years 1 to 9999 begin and end with the days that are named")
  func ends() {
    #expect(CalendarDate.earliest == CalendarDate("0001-01-01"))
    #expect(CalendarDate.latest == CalendarDate("9999-12-31"))
  }

  @Test("every day from year 1 to 9999 survives its parts, and days are consecutive")
  func roundTrip() throws {
    var expected = try #require(CalendarDate(year: 1, month: 1, day: 1))
    for year in 1...9999 {
      for month in 1...12 {
        for day in 1...CalendarDate.daysInMonth(year: year, month: month) {
          guard CalendarDate(year: year, month: month, day: day) == expected,
            expected.parts == (year, month, day)
          else {
            Issue.record("\(year)-\(month)-\(day) became \(expected)")
            return
          }
          expected = expected.adding(days: 1)
        }
      }
    }
    #expect(expected.daysSinceEpoch == 2_932_897)
  }

  @Test("text survives printing and reading", arguments: UInt64(0)..<20)
  func text(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<100 {
      let date = CalendarDate(
        daysSinceEpoch: Int32.random(in: -719_162...2_932_896, using: &random))
      #expect(CalendarDate(date.description) == date)
      #expect(date.description.count == 10)
    }
  }

  @Test(
    "refuses what is no day",
    arguments: [
      "2023-02-29", "1900-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "2024-04-31",
      "0000-01-01", "2024-1-01", "2024/01/01", "2024-01-01 ", "+024-01-01", "", "２024-01-01",
    ])
  func refuses(text: String) {
    #expect(CalendarDate(text) == nil)
  }

  @Test("accepts leap days", arguments: ["2024-02-29", "2000-02-29", "1600-02-29"])
  func leapDays(text: String) {
    #expect(CalendarDate(text)?.description == text)
  }

  @Test("months are counted from the first of the month, across years")
  func months() throws {
    let date = try #require(CalendarDate("2024-03-31"))
    #expect(date.monthStart.description == "2024-03-01")
    #expect(date.daysInMonth == 31)
    #expect(date.monthStart(adding: -1).description == "2024-02-01")
    #expect(date.monthStart(adding: -15).description == "2022-12-01")
    #expect(date.monthStart(adding: 10).description == "2025-01-01")
  }

  @Test("adding months one by one equals adding them at once", arguments: -40...40)
  func monthsAdd(months: Int) throws {
    var stepped = try #require(CalendarDate("2024-07-15")).monthStart
    let start = stepped
    for _ in 0..<months.magnitude { stepped = stepped.monthStart(adding: months.signum()) }
    #expect(start.monthStart(adding: months) == stepped)
  }

  @Test("a month outside the years 1 to 9999 is a programmer's mistake")
  func outside() async {
    await #expect(processExitsWith: .failure) {
      _ = CalendarDate(daysSinceEpoch: 0).monthStart(adding: 12 * 9_000)
    }
  }
}
