import AlmanacCore
import Forecasting
import Foundation

extension SplitMix64 {
  /// A draw from the standard normal distribution, by Box and Muller.
  mutating func nextNormal() -> Double {
    let radius = (-2 * log(1 - nextUnit())).squareRoot()
    return radius * cos(2 * .pi * nextUnit())
  }
}

/// The first of January 2020, a Wednesday.
let newYear2020 = CalendarDate(daysSinceEpoch: 18_262)

extension TimeSeries {
  /// A series from the start of 2020 with one value per period.
  static func from2020(
    _ grain: Grain, count: Int, _ value: (Int) -> Double
  ) -> TimeSeries {
    TimeSeries(grain: grain, start: newYear2020, values: (0..<count).map(value))
  }

  /// Months with a level of 100, a trend, a yearly season and noise.
  static func seasonalMonths(
    _ count: Int, trend: Double = 1, noise: Double = 2, seed: UInt64
  ) -> TimeSeries {
    var random = SplitMix64(seed: seed)
    return from2020(.month, count: count) { month in
      100 + trend * Double(month) + 20 * sin(2 * .pi * Double(month) / 12)
        + noise * random.nextNormal()
    }
  }

  /// Days with a level of 100, a trend, a weekly and a yearly season and noise.
  static func seasonalDays(_ count: Int, noise: Double = 5, seed: UInt64) -> TimeSeries {
    var random = SplitMix64(seed: seed)
    return from2020(.day, count: count) { day in
      let yearly = 20 * sin(2 * .pi * Double(day) / 365.25)
      return 100 + 0.05 * Double(day) + yearly + (day % 7 == 3 ? 30 : 0)
        + noise * random.nextNormal()
    }
  }

  /// The same periods with other values.
  func mapValues(_ transform: (Double) -> Double) -> TimeSeries {
    TimeSeries(grain: grain, start: start, values: values.map(transform))
  }
}

extension Forecast {
  /// Whether every point is finite and its intervals are nested around it.
  var isSound: Bool {
    points.allSatisfy { point in
      let bounds = point.intervals.flatMap { [$0.lower, $0.upper] } + [point.predicted]
      let isNested = zip(point.intervals, point.intervals.dropFirst()).allSatisfy {
        $1.lower <= $0.lower && $0.upper <= $1.upper
      }
      return bounds.allSatisfy(\.isFinite) && isNested
        && point.intervals.allSatisfy { $0.lower <= point.predicted && point.predicted <= $0.upper }
    }
  }
}
