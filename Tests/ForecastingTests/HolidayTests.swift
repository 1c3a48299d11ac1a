import AlmanacCore
import Forecasting
import Foundation
import TestSupport
import Testing

@Suite("Holidays")
struct HolidayTests {
  static func date(_ text: String) throws -> CalendarDate { try #require(CalendarDate(text)) }

  @Test(
    "Easter falls where almanacs have it",
    arguments: [
      "1818-03-22", "1943-04-25", "1961-04-02", "2000-04-23", "2008-03-23", "2011-04-24",
      "2019-04-21", "2024-03-31", "2025-04-20", "2026-04-05", "2038-04-25",
    ])
  func easter(text: String) throws {
    let day = try Self.date(text)
    #expect(Holiday(name: "easter", rule: .easter(0)).days(in: day.year) == [day])
  }

  @Test("Easter is a Sunday from 22 March to 25 April")
  func easterLaws() throws {
    for year in 1583...4099 {
      let day = try #require(Holiday(name: "e", rule: .easter(0)).days(in: year).first)
      #expect(day.weekday == 7)
      #expect(day.month == 3 ? day.day >= 22 : day.month == 4 && day.day <= 25)
    }
  }

  @Test("a weekday is counted from either end of its month")
  func weekdays() throws {
    func days(_ weekday: Int, _ nth: Int, _ month: Int) -> [String] {
      Holiday(name: "x", rule: .weekday(weekday, nth: nth, month: month)).days(in: 2026)
        .map(\.description)
    }
    #expect(days(4, 4, 11) == ["2026-11-26"])
    #expect(days(1, -1, 5) == ["2026-05-25"])
    #expect(days(1, 1, 9) == ["2026-09-07"])
    #expect(days(7, -1, 2) == ["2026-02-22"])
    #expect(days(5, 5, 10) == ["2026-10-30"])
    #expect(days(1, 5, 2) == [])
    #expect(days(1, -5, 2) == [])
    let payday = Holiday(name: "x", rule: .monthDay(31)).days(in: 2024)
    #expect(payday.count == 12)
    #expect(payday.allSatisfy { $0.day == $0.daysInMonth })
    #expect(Holiday(name: "x", rule: .date(month: 2, day: 29)).days(in: 2025).isEmpty)
  }

  @Test("days, hours, weeks and months each know what they hold")
  func periods() throws {
    let christmas = Holiday(name: "c", rule: .date(month: 12, day: 25), before: 1)
    func special(_ labels: [String], _ horizon: Int) throws -> [Int] {
      let days = try labels.map { Int(try Self.date($0).daysSinceEpoch) }
      let axis = try TimeAxis(labels: days, kind: .date)
      return try #require(
        SpecialPeriods(axis, count: axis.count, horizon: horizon, holidays: [christmas])
      ).kinds
    }
    #expect(try special(["2025-12-22", "2025-12-23"], 4) == [-1, -1, 0, 1, -1, -1])
    #expect(try special(["2025-12-14", "2025-12-21"], 1) == [-1, 0, -1])
    #expect(try special(["2025-10-31", "2025-11-30"], 2) == [-1, -1, 0, -1])
    let hours = (0..<3).map { Int(20_446 * 86_400) + $0 * 43_200 }  // 2025-12-24
    let axis = try TimeAxis(labels: hours, kind: .moment)
    let found = try #require(
      SpecialPeriods(axis, count: 3, horizon: 3, holidays: [christmas]))
    #expect(found.kinds == [0, 0, 1, 1, -1, -1])
    #expect(found.cycle == 14)
    let numbers = try TimeAxis(labels: [1, 2, 3], kind: .number)
    #expect(SpecialPeriods(numbers, count: 3, horizon: 3, holidays: [christmas]) == nil)
  }

  /// Two years of days with a weekly season and a little noise; on the 10th of each month `factor`.
  static func days(factor: Double, noise: Double, seed: UInt64) -> (
    values: [Double], special: SpecialPeriods
  ) {
    let start = CalendarDate(daysSinceEpoch: 19_723)  // Monday, 2024-01-01
    var random = SplitMix64(seed: seed)
    let values = (0..<730).map { day in
      let weekday = [1.0, 1.1, 1.2, 1.1, 1.3, 0.6, 0.5][day % 7]
      let isSpecial = start.adding(days: day).day == 10
      return 1_000 * weekday * (isSpecial ? factor : 1) * (1 + noise * (random.nextUnit() - 0.5))
    }
    let special = SpecialPeriods(
      grain: .day, start: start, count: 730, horizon: 28,
      holidays: [Holiday(name: "tenth", rule: .monthDay(10))])
    return (values, special)
  }

  @Test(
    "a day that brings less is forecast to, and its neighbours as if it were not",
    arguments: [0.0, 0.4, 1.7])
  func effect(factor: Double) throws {
    let (values, special) = Self.days(factor: factor, noise: 0.1, seed: 5)
    let plain = Self.days(factor: 1, noise: 0.1, seed: 5).values
    var settings = EnsembleSettings(horizon: 28, seasonLengths: [7])
    let ordinary = try #require(ensembleForecast(plain, settings: settings))
    settings.special = special
    let found = try #require(ensembleForecast(values, settings: settings))
    for ahead in 0..<28 {
      // 2026-01-10 is the tenth day after the series.
      let expected = ordinary.points[ahead] * (special.kinds[730 + ahead] < 0 ? 1 : factor)
      #expect(isClose(found.points[ahead], expected, absolute: 40), "ahead \(ahead)")
    }
    #expect(special.kinds[730...].filter { $0 >= 0 }.count == 1)
  }

  @Test("chance is not taken for an effect", arguments: UInt64(0)..<8)
  func chance(seed: UInt64) throws {
    let (values, special) = Self.days(factor: 1, noise: 0.4, seed: seed)
    var settings = EnsembleSettings(horizon: 28, seasonLengths: [7])
    settings.members = [.seasonalNaive]
    let plain = try #require(ensembleForecast(values, settings: settings))
    settings.special = special
    let found = try #require(ensembleForecast(values, settings: settings))
    for ahead in 0..<28 {
      #expect(
        isClose(found.points[ahead], plain.points[ahead], relative: 0.05),
        "seed \(seed), ahead \(ahead)")
    }
  }

  @Test("of values with zeros a difference is taken, and one time is enough where nothing varies")
  func difference() throws {
    let start = CalendarDate(daysSinceEpoch: 19_723)
    var values = (0..<70).map { $0 % 7 < 5 ? 100.0 : 0 }
    values[36] += 60  // a Tuesday
    let special = SpecialPeriods(
      grain: .day, start: start, count: 70, horizon: 7,
      holidays: [
        Holiday(name: "sale", rule: .dates([start.adding(days: 36), start.adding(days: 72)]))
      ])
    var settings = EnsembleSettings(horizon: 7, seasonLengths: [7])
    settings.members = [.seasonalNaive]
    settings.special = special
    let found = try #require(ensembleForecast(values, settings: settings))
    #expect(found.points == [100, 100, 160, 100, 100, 0, 0])
  }

  @Test("an effect at an origin comes from what was known there", arguments: UInt64(0)..<3)
  func noLeak(seed: UInt64) throws {
    let (values, special) = Self.days(factor: 0.4, noise: 0.2, seed: seed)
    var settings = EnsembleSettings(horizon: 28, seasonLengths: [7])
    settings.members = [.theta, .seasonalNaive]
    settings.special = special
    let forecast = try #require(ensembleForecast(values, settings: settings))
    let last = try #require(forecast.origins.last)
    let changed = values.enumerated().map { $0 < last.end ? $1 : $1 * 3 + 50 }
    let other = try #require(ensembleForecast(changed, settings: settings))
    #expect(other.origins.last?.predicted == last.predicted)
  }
}
