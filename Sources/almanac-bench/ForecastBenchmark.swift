import AlmanacCore
import Forecasting
import Glibc

/// Forecasts daily series of two years for 90 days.
struct ForecastBenchmark {
  /// The number of series of a run.
  static let seriesCount = 200

  /// How often each measure is taken.
  let runs: Int

  /// The seconds for 1,000 series on one thread and on two.
  func run() throws -> [Figure] {
    let series = (0..<ForecastBenchmark.seriesCount).map { TimeSeries.simulated(UInt64($0)) }
    let settings = ForecastSettings.defaults(for: .day)
    var first: [Forecast]?
    var seconds: [[Double]] = [[], []]
    for run in 1...runs {
      note("forecast: run \(run) of \(runs)")
      for threads in [1, 2] {
        let parts = (0..<threads).map { part in
          stride(from: part, to: series.count, by: threads).map { series[$0] }
        }
        let (forecasts, taken) = try timed {
          try inParallel(parts) { part in try part.map { try forecast($0, settings: settings) } }
        }
        seconds[threads - 1].append(taken)
        // Interleaved as they were dealt out.
        let ordered = series.indices.map { forecasts[$0 % threads][$0 / threads] }
        try check(ordered, against: first ?? ordered, horizon: settings.horizon)
        first = ordered
      }
    }
    return [1, 2].map { threads in
      Figure(
        measure: "forecast of 1,000 series, \(count(threads, "thread"))",
        ours: median(seconds[threads - 1]) * 1000 / Double(series.count))
    }
  }

  /// Throws unless all forecasts are finite, hold their intervals in each other and equal `first`.
  private func check(
    _ forecasts: [Forecast], against first: [Forecast], horizon: Int
  ) throws(BenchmarkError) {
    let sound = forecasts.count { $0.points.count == horizon && $0.points.allSatisfy(\.isSound) }
    guard sound == forecasts.count else {
      throw .wrongResult(
        of: "forecast", found: "\(sound) sound forecasts", expected: "\(forecasts.count)")
    }
    let equal = zip(forecasts, first).count { $0 == $1 }
    guard equal == forecasts.count else {
      throw .wrongResult(
        of: "forecast", found: "\(equal) forecasts as in the first run",
        expected: "\(forecasts.count)")
    }
  }
}

extension ForecastPoint {
  /// Whether all numbers are finite and each interval holds the forecast and the one before.
  fileprivate var isSound: Bool {
    var lower = predicted
    var upper = predicted
    for interval in intervals {
      guard interval.lower <= lower, interval.upper >= upper else { return false }
      lower = interval.lower
      upper = interval.upper
    }
    return intervals.count == 2 && lower.isFinite && upper.isFinite
  }
}

extension TimeSeries {
  /// Days, two years by default, with a level, a trend, a week, a year and noise, all drawn from `seed`.
  static func simulated(_ seed: UInt64, days: Int = 730) -> TimeSeries {
    var random = SplitMix64(seed: seed)
    let level = exp(3 + 5 * random.nextUnit())
    let growth = (random.nextUnit() - 0.3) / 730
    let yearly = 0.3 * random.nextUnit()
    let phase = random.nextUnit()
    let week = (0..<7).map { _ in 0.6 + 0.8 * random.nextUnit() }
    let noise = 0.02 + 0.2 * random.nextUnit()
    let values = (0..<days).map { day in
      let season = 1 + yearly * sin(2 * .pi * (Double(day) / 365.25 + phase))
      // The sum of twelve uniform draws is nearly normal.
      let normal = (0..<12).reduce(-6.0) { sum, _ in sum + random.nextUnit() }
      return level * (1 + growth * Double(day)) * season * week[day % 7] * exp(noise * normal)
    }
    return TimeSeries(
      grain: .day, start: CalendarDate(daysSinceEpoch: 19_724), values: values)
  }
}
