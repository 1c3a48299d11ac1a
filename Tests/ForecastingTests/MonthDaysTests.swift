import AlmanacCore
import Forecasting
import Foundation
import TestSupport
import Testing

@Suite("Lengths of months and working days")
struct MonthDaysTests {
  private static let start = CalendarDate(daysSinceEpoch: 16_436)  // 2015-01-01

  @Test("are those of the calendar")
  func calendar() throws {
    let days = MonthDays(from: Self.start, count: 132)
    for index in 0..<132 {
      let month = Self.start.monthStart(adding: index)
      let length = Double(month.daysInMonth)
      // Day by day, without any arithmetic of weeks.
      let working = (0..<month.daysInMonth).count { month.adding(days: $0).weekday <= 5 }
      #expect(abs((1 + days.lengths[index]) * 365.2425 / 12 - length) < 1e-9)
      #expect(abs((1 + days.workingShares[index]) * 5 / 7 * length - Double(working)) < 1e-9)
    }
    // In 400 years every weekday begins as many months, and the lengths come round.
    let cycle = MonthDays(from: Self.start, count: 4_800)
    #expect(abs(cycle.lengths.reduce(0, +)) < 1e-6)
  }

  @Test("are known of monthly labels only, whatever their day of the month")
  func axes() throws {
    let first = try TimeAxis(
      labels: ["2024-01-01", "2024-02-01", "2024-03-01"].map(Self.day), kind: .date)
    let last = try TimeAxis(
      labels: ["2024-01-31", "2024-02-29", "2024-03-31"].map(Self.day), kind: .date)
    let found = try #require(MonthDays(first, count: 3, horizon: 2))
    #expect(found == MonthDays(from: CalendarDate(daysSinceEpoch: 19_723), count: 5))
    #expect(MonthDays(last, count: 3, horizon: 2) == found)
    for labels in [["2024-01-01", "2024-04-01"], ["2024-01-01", "2024-01-02"]] {
      #expect(
        MonthDays(
          try TimeAxis(labels: labels.map(Self.day), kind: .date), count: 2, horizon: 1) == nil)
    }
    #expect(MonthDays(try TimeAxis(labels: [1, 2], kind: .number), count: 2, horizon: 1) == nil)
  }

  private static func day(_ text: String) throws -> Int {
    Int(try #require(CalendarDate(text)).daysSinceEpoch)
  }

  /// Months that are sums of days: working days bring `working`, other ones `weekend`, both with a
  /// trend and noise; with a yearly season if asked for.
  private static func months(
    _ count: Int, working: Double, weekend: Double, noise: Double, season: Double = 0, seed: UInt64
  ) -> [Double] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { index in
      let month = start.monthStart(adding: index)
      let sum = (0..<month.daysInMonth).reduce(0.0) {
        $0 + (month.adding(days: $1).weekday <= 5 ? working : weekend)
      }
      let level = 1 + 0.004 * Double(index) + season * sin(2 * .pi * Double(index) / 12)
      return sum * level * (1 + noise * random.nextNormal())
    }
  }

  /// The errors of forecasts with and without the months' days, summed over horizons and seeds.
  private func errors(
    _ seeds: Range<UInt64>, count: Int, season: Int, _ make: (UInt64) -> [Double]
  ) throws -> (with: Double, without: Double) {
    var sums = (with: 0.0, without: 0.0)
    for seed in seeds {
      let all = make(seed)
      var settings = EnsembleSettings(horizon: 12, seasonLengths: season > 1 ? [season] : [])
      let known = Array(all[..<count])
      let without = try #require(ensembleForecast(known, settings: settings))
      settings.months = MonthDays(from: Self.start, count: count + 12)
      let with = try #require(ensembleForecast(known, settings: settings))
      for ahead in 0..<12 {
        sums.without += abs(without.points[ahead] - all[count + ahead])
        sums.with += abs(with.points[ahead] - all[count + ahead])
      }
    }
    return sums
  }

  @Test("more than halve the errors of what every day, or every working day, adds to")
  func flows() throws {
    let even = try errors(0..<10, count: 30, season: 1) {
      Self.months(42, working: 100, weekend: 100, noise: 0.005, seed: $0)
    }
    #expect(even.with < 0.5 * even.without, "\(even)")
    let working = try errors(0..<10, count: 30, season: 1) {
      Self.months(42, working: 100, weekend: 10, noise: 0.005, seed: $0)
    }
    #expect(working.with < 0.5 * working.without, "\(working)")
    // The season of a year knows the lengths of months; the working days it does not.
    let seasonal = try errors(0..<10, count: 60, season: 12) {
      Self.months(72, working: 100, weekend: 10, noise: 0.005, season: 0.2, seed: $0)
    }
    #expect(seasonal.with < 0.7 * seasonal.without, "\(seasonal)")
  }

  @Test("hardly move what no day adds to, nor what is mostly chance")
  func levels() throws {
    var random = SplitMix64(seed: 0)
    let level = try errors(0..<30, count: 48, season: 1) { seed in
      random = SplitMix64(seed: seed)
      var value = 1000.0
      return (0..<60).map { _ in
        value *= 1 + 0.02 * random.nextNormal()
        return value
      }
    }
    #expect(level.with < 1.02 * level.without, "\(level)")
    let noisy = try errors(0..<30, count: 48, season: 12) {
      Self.months(60, working: 50, weekend: 50, noise: 0.2, season: 0.3, seed: $0)
    }
    #expect(noisy.with < 1.03 * noisy.without, "\(noisy)")
  }

  @Test("are without effect on few months, and on series with a value of zero or less")
  func withoutEffect() throws {
    for values in [
      Self.months(23, working: 100, weekend: 0, noise: 0, seed: 1),
      [0] + Self.months(40, working: 100, weekend: 0, noise: 0, seed: 1),
    ] {
      var settings = EnsembleSettings(horizon: 6, seasonLengths: [])
      let without = ensembleForecast(values, settings: settings)
      settings.months = MonthDays(from: Self.start, count: values.count + 6)
      #expect(ensembleForecast(values, settings: settings) == without)
    }
  }

  @Test("of an origin are learned from what lies before it", arguments: [1, 12])
  func noLookAhead(season: Int) throws {
    let values = Self.months(60, working: 100, weekend: 20, noise: 0.01, seed: 9)
    var settings = EnsembleSettings(horizon: 6, seasonLengths: season > 1 ? [season] : [])
    settings.months = MonthDays(from: Self.start, count: 66)
    let whole = try #require(ensembleForecast(values, settings: settings))
    let origin = try #require(whole.origins.first)
    var changed = values
    for index in origin.end..<60 { changed[index] *= 3 + Double(index % 4) }
    let other = try #require(ensembleForecast(changed, settings: settings))
    #expect(other.origins.first?.predicted == origin.predicted)
    #expect(other.points != whole.points)
  }
}
