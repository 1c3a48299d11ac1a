import AlmanacCore
import Forecasting
import Foundation
import TestSupport
import Testing

@Suite struct ForecastTests {
  private func settings(
    _ grain: Grain, horizon: Int, change: (inout ForecastSettings) -> Void = { _ in }
  ) -> ForecastSettings {
    var settings = ForecastSettings.defaults(for: grain)
    settings.horizon = horizon
    change(&settings)
    return settings
  }

  @Test("recovers a sinusoid on a straight trend")
  func recovery() throws {
    let truth: (Int) -> Double = { 500 + 2 * Double($0) + 40 * sin(2 * .pi * Double($0) / 12) }
    let series = TimeSeries.from2020(.month, count: 60, truth)
    let forecast = try forecast(
      series,
      settings: settings(.month, horizon: 12) {
        $0.trendDampings = [1]
        $0.penalties = [1e-6]
        $0.scales = [.level]
      })
    #expect(forecast.modelUsed == .harmonicRidge)
    for point in forecast.points {
      #expect(isClose(point.predicted, truth(59 + point.horizon), relative: 1e-4))
    }
  }

  @Test("publishes the model on a seasonal series with a trend", arguments: UInt64(0)..<4)
  func modelWins(seed: UInt64) throws {
    let months = try forecast(
      .seasonalMonths(60, noise: 4, seed: seed), settings: settings(.month, horizon: 6))
    #expect(months.modelUsed == .harmonicRidge)
    #expect(months.fallbackReason == nil)
    #expect(months.gate.modelPasses)
    let days = try forecast(
      .seasonalDays(740, seed: seed), settings: settings(.day, horizon: 28))
    #expect(days.modelUsed == .harmonicRidge)
    let model = try #require(days.backtest.model)
    let baseline = try #require(days.backtest.baseline)
    #expect(model.mae < baseline.mae)
    #expect(model.count == baseline.count)
  }

  @Test("publishes seasonal naive where the season changes its shape only slowly")
  func baselineWins() throws {
    var random = SplitMix64(seed: 11)
    // A rough seasonal pattern that yearly harmonics cannot follow, repeated to the bit.
    let pattern = (0..<7).map { _ in 100 + 100 * random.nextUnit() }
    let series = TimeSeries.from2020(.day, count: 200) { pattern[$0 % 7] }
    let forecast = try forecast(series, settings: settings(.day, horizon: 14))
    #expect(forecast.modelUsed == .seasonalNaive)
    let reason = try #require(forecast.fallbackReason)
    #expect(reason.contains("not better than seasonal_naive"))
    for point in forecast.points {
      #expect(point.predicted == pattern[(199 + point.horizon) % 7])
    }
  }

  @Test("follows the value of a unit: scaled values give scaled forecasts", arguments: [1e-6, 1e9])
  func scale(factor: Double) throws {
    let series = TimeSeries.seasonalMonths(48, seed: 2)
    let plain = try forecast(series, settings: settings(.month, horizon: 6))
    let scaled = try forecast(
      series.mapValues { $0 * factor }, settings: settings(.month, horizon: 6))
    #expect(plain.modelUsed == scaled.modelUsed)
    for (left, right) in zip(plain.points, scaled.points) {
      #expect(isClose(left.predicted * factor, right.predicted, relative: 1e-8))
      for (inner, outer) in zip(left.intervals, right.intervals) {
        #expect(isClose(inner.upper * factor, outer.upper, relative: 1e-8))
      }
    }
  }

  @Test("on levels, shifted values give shifted forecasts")
  func shift() throws {
    let series = TimeSeries.seasonalDays(200, seed: 3)
    let levels = settings(.day, horizon: 21) {
      $0.scales = [.level]
      $0.isNonnegative = false
    }
    let plain = try forecast(series, settings: levels)
    let shifted = try forecast(series.mapValues { $0 - 1_000 }, settings: levels)
    #expect(plain.modelUsed == shifted.modelUsed)
    for (left, right) in zip(plain.points, shifted.points) {
      #expect(isClose(left.predicted - 1_000, right.predicted, absolute: 1e-7))
    }
  }

  @Test("a value planted later changes no forecast made before it", arguments: [30, 40, 50])
  func noLookAhead(planted: Int) throws {
    let series = TimeSeries.seasonalMonths(60, seed: 4)
    var values = series.values
    values[planted] *= 7
    let changed = TimeSeries(grain: .month, start: series.start, values: values)
    let before = try forecast(series, settings: settings(.month, horizon: 6)).backtest
    let after = try forecast(changed, settings: settings(.month, horizon: 6)).backtest
    #expect(before.origins.map(\.end) == after.origins.map(\.end))
    var compared = 0
    for (left, right) in zip(before.origins, after.origins) where left.end <= planted {
      #expect(left.penalty == right.penalty)
      #expect(left.scale == right.scale)
      for ahead in 0..<6 where left.end + ahead != planted {
        #expect(left.modelErrors[ahead] == right.modelErrors[ahead])
        #expect(left.baselineErrors[ahead] == right.baselineErrors[ahead])
        compared += 1
      }
    }
    #expect(planted == 30 || compared > 0)
  }

  @Test("holds about as many values as its levels say, on stationary noise")
  func coverage() throws {
    var inside = [0, 0]
    var total = 0
    for seed in UInt64(0)..<40 {
      var random = SplitMix64(seed: seed)
      let values = (0..<96).map { _ in 100 + 10 * random.nextNormal() }
      let series = TimeSeries(
        grain: .month, start: newYear2020, values: Array(values.prefix(84)))
      let forecast = try forecast(series, settings: settings(.month, horizon: 12))
      for point in forecast.points {
        total += 1
        let actual = values[83 + point.horizon]
        for (index, interval) in point.intervals.enumerated()
        where interval.lower <= actual && actual <= interval.upper {
          inside[index] += 1
        }
      }
    }
    let shares = inside.map { Double($0) / Double(total) }
    #expect((0.74...0.90).contains(shares[0]), "80 % intervals hold \(shares[0])")
    #expect((0.90...0.99).contains(shares[1]), "95 % intervals hold \(shares[1])")
  }

  @Test("widths never shrink with the horizon or the level", arguments: UInt64(0)..<6)
  func widths(seed: UInt64) throws {
    let series = TimeSeries.seasonalDays(400, seed: seed).mapValues { $0 - 100 }
    let forecast = try forecast(series, settings: settings(.day, horizon: 30))
    #expect(forecast.isSound)
    for (near, far) in zip(forecast.points, forecast.points.dropFirst()) {
      for (left, right) in zip(near.intervals, far.intervals) {
        #expect(right.upper - far.predicted >= left.upper - near.predicted - 1e-9)
      }
    }
  }

  @Test("gives equal results on every run, also at the same time")
  func deterministic() async throws {
    let series = TimeSeries.seasonalDays(300, seed: 9)
    let settings = settings(.day, horizon: 14)
    let first = try forecast(series, settings: settings)
    let others = try await withThrowingTaskGroup(of: Forecast.self) { group in
      for _ in 0..<4 { group.addTask { try forecast(series, settings: settings) } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(others.allSatisfy { $0 == first })
  }

  @Test("numbers the points from the period after the last one")
  func periods() throws {
    let months = try forecast(
      .seasonalMonths(30, seed: 1), settings: settings(.month, horizon: 3))
    #expect(
      months.points.map(\.periodStart.description) == ["2022-07-01", "2022-08-01", "2022-09-01"])
    #expect(months.points.map(\.horizon) == [1, 2, 3])
    #expect(months.trainingStart.description == "2020-01-01")
    #expect(months.trainingEnd.description == "2022-06-01")
    let days = try forecast(.seasonalDays(59, seed: 1), settings: settings(.day, horizon: 2))
    #expect(days.points.map(\.periodStart.description) == ["2020-02-29", "2020-03-01"])
  }

  @Test("forecasts zero for a weekday on which nothing ever happens")
  func closedWeekday() throws {
    let open = TimeSeries.seasonalDays(400, seed: 5)
    let values = open.values.enumerated().map { $0.offset % 7 == 2 ? 0 : $0.element }
    let series = TimeSeries(grain: .day, start: open.start, values: values)
    let forecast = try forecast(series, settings: settings(.day, horizon: 14))
    #expect(forecast.modelUsed == .harmonicRidge)
    for point in forecast.points {
      #expect((point.predicted == 0) == ((399 + point.horizon) % 7 == 2))
    }
  }

  @Test("keeps a steep trend within reason far out")
  func runaway() throws {
    let series = TimeSeries.from2020(.day, count: 120) { 10 * exp(0.05 * Double($0)) }
    let forecast = try forecast(series, settings: settings(.day, horizon: 365))
    let largest = series.values.max() ?? 0
    #expect(forecast.isSound)
    #expect(forecast.points.allSatisfy { $0.predicted <= 10 * largest })
  }
}
