/// Prediction intervals of several series from the errors of all of them.
///
/// Errors of the combination at rolling origins are divided by the size that the series before each
/// origin lets expect, so that errors of different series compare, and pooled per horizon. The
/// half-width of a series at a horizon is the conformal quantile of the pooled ones, times the size
/// to expect of its own, times how much larger or smaller its own errors were than the pool's. That last
/// factor is moved towards 1 by as much as it rests on few origins (D-333).
///
/// - SeeAlso: ``PredictionIntervals`` for the quantile and its rank.
package struct PooledIntervals: Sendable {
  /// Per level, in the order of `levels`, one scaled half-width per horizon.
  package let scaledWidths: [[Double]]
  /// How they were found.
  package let method: IntervalMethod
  /// The levels, ascending.
  package let levels: [Double]
  /// The mean scaled absolute error per horizon.
  private let meanErrors: [Double]

  /// The number of origins at which a series' own errors count as much as the pool's.
  private static let halfwayOrigins = 8.0
  /// The most that a series' own errors widen or narrow its intervals.
  private static let reach = 4.0

  /// The pool of the errors of series; `nil` without any.
  package init?(_ forecasts: [EnsembleForecast], levels: [Double], horizon: Int) {
    var errors = [[Double]](repeating: [], count: horizon)
    for forecast in forecasts {
      for origin in forecast.origins {
        for (ahead, (predicted, actual)) in zip(origin.predicted, origin.actual).enumerated() {
          let error = abs(actual - predicted) / origin.scales[ahead]
          if error.isFinite { errors[ahead].append(error) }
        }
      }
    }
    guard errors.contains(where: { !$0.isEmpty }) else { return nil }
    let intervals = PredictionIntervals(absoluteErrors: errors, levels: levels)
    scaledWidths = intervals.halfWidths
    method = intervals.method
    self.levels = levels
    meanErrors = errors.map { list in
      list.isEmpty ? .nan : list.reduce(0, +) / Double(list.count)
    }
  }

  /// The half-widths of one series: per level one per horizon.
  package func halfWidths(_ forecast: EnsembleForecast) -> [[Double]] {
    let factor = ownFactor(forecast)
    return scaledWidths.map { widths in
      zip(widths, forecast.scales).map { $0 * $1 * factor }
    }
  }

  /// The shrunk ratio of the series' own errors to the pool's.
  private func ownFactor(_ forecast: EnsembleForecast) -> Double {
    var sum = 0.0
    var origins = 0.0
    for origin in forecast.origins {
      var ratio = 0.0
      var count = 0.0
      for (ahead, (predicted, actual)) in zip(origin.predicted, origin.actual).enumerated() {
        let error = abs(actual - predicted) / origin.scales[ahead] / meanErrors[ahead]
        guard error.isFinite else { continue }
        ratio += error
        count += 1
      }
      guard count > 0 else { continue }
      sum += ratio / count
      origins += 1
    }
    guard origins > 0 else { return 1 }
    let weight = origins / (origins + PooledIntervals.halfwayOrigins)
    let ratio = min(max(sum / origins, 1 / PooledIntervals.reach), PooledIntervals.reach)
    return 1 + weight * (ratio - 1)
  }
}
