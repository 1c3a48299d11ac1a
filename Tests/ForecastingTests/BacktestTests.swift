import AlmanacCore
import Forecasting
import Foundation
import TestSupport
import Testing

@Suite struct BacktestTests {
  private func backtest(_ series: TimeSeries, horizon: Int) throws -> Forecast {
    var settings = ForecastSettings.defaults(for: series.grain)
    settings.horizon = horizon
    return try forecast(series, settings: settings)
  }

  @Test("scores of the baseline equal a plain computation from the series")
  func baselineScores() throws {
    let series = TimeSeries.seasonalMonths(48, seed: 8)
    let forecast = try backtest(series, horizon: 3)
    var errors: [Double] = []
    var actuals: [Double] = []
    var scaled: [Double] = []
    for origin in forecast.backtest.origins where origin.isJudging {
      let changes = (12..<origin.end).map { abs(series.values[$0] - series.values[$0 - 12]) }
      let naive = changes.reduce(0, +) / Double(changes.count)
      for ahead in 0..<min(3, 48 - origin.end) {
        let actual = series.values[origin.end + ahead]
        let error = actual - series.values[origin.end + ahead - 12]
        #expect(origin.baselineErrors[ahead] == error)
        errors.append(abs(error))
        actuals.append(abs(actual))
        scaled.append(abs(error) / naive)
      }
    }
    let scores = try #require(forecast.backtest.baseline)
    let count = Double(errors.count)
    #expect(scores.count == errors.count)
    #expect(isClose(scores.mae, errors.reduce(0, +) / count, relative: 1e-12))
    let squares = errors.reduce(0) { $0 + $1 * $1 }
    #expect(isClose(scores.rmse, (squares / count).squareRoot(), relative: 1e-12))
    let wape = try #require(scores.wape)
    #expect(isClose(wape, errors.reduce(0, +) / actuals.reduce(0, +), relative: 1e-12))
    let mase = try #require(scores.mase)
    #expect(isClose(mase, scaled.reduce(0, +) / count, relative: 1e-12))
  }

  @Test("steps by weeks, the last origin one week before the end")
  func origins() throws {
    let forecast = try backtest(.seasonalDays(740, seed: 2), horizon: 28)
    let ends = forecast.backtest.origins.map(\.end)
    #expect(ends.last == 733)
    #expect(zip(ends, ends.dropFirst()).allSatisfy { $1 - $0 == 7 })
    #expect(ends.allSatisfy { $0 >= 548 })
    #expect(forecast.gate.judgingOrigins == forecast.backtest.origins.count { $0.isJudging })
  }

  @Test("a short series is backtested day by day over its later half")
  func shortSeries() throws {
    let forecast = try backtest(.seasonalDays(60, seed: 2), horizon: 7)
    let ends = forecast.backtest.origins.map(\.end)
    #expect(ends.first == 30)
    #expect(ends.last == 59)
    #expect(forecast.backtest.origins.prefix(3).allSatisfy { !$0.isJudging })
  }

  @Test("model and baseline are scored on the same forecasts")
  func sameCells() throws {
    var series = TimeSeries.seasonalMonths(48, seed: 3)
    var values = series.values
    for index in [30, 41, 44] { values[index] = .nan }
    series = TimeSeries(grain: .month, start: series.start, values: values)
    let backtest = try backtest(series, horizon: 4).backtest
    #expect(backtest.model?.count == backtest.baseline?.count)
    for scores in backtest.horizons { #expect(scores.model?.count == scores.baseline?.count) }
    for origin in backtest.origins {
      for ahead in 0..<4 where origin.end + ahead < 48 {
        #expect((origin.baselineErrors[ahead] == nil) == values[origin.end + ahead].isNaN)
      }
    }
  }

  @Test("switches yearly terms on with a year and a half of history")
  func yearlyTerms() throws {
    func hasYearly(_ count: Int) throws -> Bool {
      try backtest(.seasonalMonths(count, seed: 1), horizon: 3).coefficients
        .contains { $0.name.hasPrefix("yearly") }
    }
    #expect(try hasYearly(17) == false)
    #expect(try hasYearly(18))
  }

  @Test("gates on the mean over horizons of the mean absolute errors")
  func gate() throws {
    let forecast = try backtest(.seasonalMonths(60, seed: 6), horizon: 6)
    let errors = forecast.backtest.horizons.compactMap { $0.model?.mae }
    let error = try #require(forecast.gate.modelError)
    #expect(isClose(error, errors.reduce(0, +) / Double(errors.count), relative: 1e-12))
    #expect(forecast.gate.checks.map(\.name) == ["enough_judging_origins", "beats_seasonal_naive"])
    #expect(forecast.gate.modelPasses == forecast.gate.checks.allSatisfy(\.passed))
  }

  @Test("publishes the baseline where too few origins judge, and says so")
  func tooFewOrigins() throws {
    var settings = ForecastSettings.defaults(for: .month)
    settings.minimumJudgingOrigins = 500
    let forecast = try forecast(.seasonalMonths(60, seed: 6), settings: settings)
    #expect(forecast.modelUsed == .seasonalNaive)
    #expect(forecast.fallbackReason?.contains("too short to judge") == true)
    for point in forecast.points {
      let season = TimeSeries.seasonalMonths(60, seed: 6).values[47 + point.horizon]
      #expect(point.predicted == season)
    }
  }
}
