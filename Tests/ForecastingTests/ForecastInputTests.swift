import AlmanacCore
import Forecasting
import Foundation
import Regression
import TestSupport
import Testing

@Suite struct ForecastInputTests {
  /// A name and the values of a series no model should choke on.
  struct OddSeries: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let values: [Double]

    static let all: [OddSeries] = {
      var random = SplitMix64(seed: 1)
      let noise = (0..<100).map { _ in random.nextUnit() }
      var gaps = noise
      for index in stride(from: 0, to: 100, by: 3) { gaps[index] = .nan }
      var spike = [Double](repeating: 0, count: 100)
      spike[50] = 1e6
      return [
        OddSeries(testDescription: "two values", values: [1, 2]),
        OddSeries(testDescription: "five values", values: [5, 1, 4, 2, 3]),
        OddSeries(testDescription: "a season and one", values: Array(noise.prefix(13))),
        OddSeries(testDescription: "constant", values: [Double](repeating: 7, count: 100)),
        OddSeries(testDescription: "zero", values: [Double](repeating: 0, count: 100)),
        OddSeries(testDescription: "one spike", values: spike),
        OddSeries(testDescription: "negative", values: noise.map { -$0 }),
        OddSeries(testDescription: "both signs", values: noise.map { $0 - 0.5 }),
        OddSeries(testDescription: "1e15", values: noise.map { $0 * 1e15 }),
        OddSeries(testDescription: "1e100", values: noise.map { $0 * 1e100 }),
        OddSeries(testDescription: "subnormal", values: noise.map { $0 * 1e-300 * 1e-10 }),
        OddSeries(
          testDescription: "all sizes", values: noise.map { pow(10, 180 * $0 - 90) }),
        OddSeries(testDescription: "gaps", values: gaps),
        OddSeries(
          testDescription: "unknown ends",
          values: [.nan, .nan] + noise + [Double](repeating: .nan, count: 20)),
        OddSeries(
          testDescription: "known ends", values: [1] + [Double](repeating: .nan, count: 98) + [2]),
      ]
    }()
  }

  @Test("answers with sound numbers", arguments: OddSeries.all, Grain.allCases)
  func odd(series: OddSeries, grain: Grain) throws {
    for horizon in [1, 10] {
      var settings = ForecastSettings.defaults(for: grain)
      settings.horizon = horizon
      let forecast = try forecast(
        TimeSeries(grain: grain, start: newYear2020, values: series.values), settings: settings)
      #expect(forecast.points.count == horizon)
      #expect(forecast.isSound)
      #expect((forecast.modelUsed == .harmonicRidge) == (forecast.fallbackReason == nil))
      if series.values.allSatisfy({ $0.isNaN || $0 >= 0 }) {
        #expect(forecast.points.allSatisfy { $0.intervals.allSatisfy { $0.lower >= 0 } })
      }
    }
  }

  @Test(
    "says what is missing from a series too short", arguments: [[], [3], [.nan], [.nan, 4, .nan]])
  func tooShort(values: [Double]) {
    let known = values.count { !$0.isNaN }
    #expect(throws: ForecastingError.tooFewValues(known: known, needed: 2)) {
      try forecast(
        TimeSeries(grain: .day, start: newYear2020, values: values),
        settings: .defaults(for: .day))
    }
  }

  @Test(
    "refuses infinities and sizes beyond 1e100", arguments: [Double.infinity, -.infinity, 1e101])
  func outOfRange(value: Double) {
    #expect(throws: ForecastingError.valueOutOfRange(position: 2)) {
      try forecast(
        TimeSeries(grain: .day, start: newYear2020, values: [1, 2, value]),
        settings: .defaults(for: .day))
    }
  }

  @Test("refuses a series that leaves the calendar", arguments: Grain.allCases)
  func calendar(grain: Grain) throws {
    let late = try #require(CalendarDate(year: 9999, month: 12, day: 1))
    for start in [late, CalendarDate(daysSinceEpoch: .max), CalendarDate(daysSinceEpoch: .min)] {
      #expect(throws: ForecastingError.outsideCalendar) {
        try forecast(
          TimeSeries(grain: grain, start: start, values: [1, 2, 3]),
          settings: .defaults(for: grain))
      }
    }
  }

  @Test("refuses settings that make no sense")
  func invalidSettings() {
    let changes: [(String, (inout ForecastSettings) -> Void)] = [
      ("horizon", { $0.horizon = 0 }), ("levels", { $0.levels = [1] }),
      ("levels", { $0.levels = [] }), ("penalties", { $0.penalties = [0] }),
      ("penalties", { $0.penalties = [.nan] }), ("trendDampings", { $0.trendDampings = [1.1] }),
      ("scales", { $0.scales = [.logarithm] }), ("origins", { $0.origins = 0 }),
      ("originStep", { $0.originStep = 0 }), ("weeklyHarmonics", { $0.weeklyHarmonics = 4 }),
    ]
    for (name, change) in changes {
      var settings = ForecastSettings.defaults(for: .month)
      change(&settings)
      let error = #expect(throws: ForecastingError.self) {
        try forecast(.seasonalMonths(24, seed: 1), settings: settings)
      }
      guard case .invalidSetting(let refused, _) = error else {
        Issue.record("\(name) gave \(String(describing: error))")
        continue
      }
      #expect(refused == name)
    }
  }

  @Test("labels what it publishes by the length of the history")
  func labels() throws {
    func used(_ grain: Grain, _ count: Int) throws -> ForecastMethod {
      var random = SplitMix64(seed: 3)
      return try forecast(
        .from2020(grain, count: count) { _ in 10 + random.nextUnit() },
        settings: .defaults(for: grain)
      ).modelUsed
    }
    #expect(try used(.day, 6) == .mean)
    #expect(try used(.day, 8) == .seasonalNaive)
    #expect(try used(.month, 11) == .naive)
    #expect(try used(.month, 12) == .seasonalNaive)
  }

  @Test("describes each error in one line and gives it an exit status")
  func descriptions() {
    let errors: [(ForecastingError, Int32)] = [
      (.tooFewValues(known: 1, needed: 2), 66), (.valueOutOfRange(position: 3), 65),
      (.outsideCalendar, 65), (.invalidSetting(name: "horizon", allowed: "above 0"), 78),
      (.regression(.invalidWeights), 65),
    ]
    for (error, status) in errors {
      #expect(error.exitStatus.rawValue == status)
      #expect(!error.description.contains("\n"))
    }
  }
}
