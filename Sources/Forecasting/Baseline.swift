/// The naive methods a model must beat.
enum Baseline {
  /// The naive method for a series with this many periods of history.
  ///
  /// From one season on the last season repeats. With less, a month is forecast by the last month,
  /// and a day by the mean, since one day says little about the other weekdays.
  static func method(grain: Grain, length: Int) -> ForecastMethod {
    if length >= grain.seasonLength { return .seasonalNaive }
    return grain == .month ? .naive : .mean
  }

  /// The forecasts of a naive method from an origin; no value at or after `end` is read.
  ///
  /// Seasonal naive takes the last known value of the same season position, and the mean of what
  /// is known for positions never seen.
  ///
  /// - Precondition: at least one value before `end` is known.
  static func forecast(
    _ method: ForecastMethod, series: TimeSeries, end: Int, horizon: Int
  ) -> [Double] {
    let window = TrainingWindow(series, end: end)
    let mean = window.values.reduce(0) { $0 + $1 / Double(window.values.count) }
    switch method {
    case .harmonicRidge:
      preconditionFailure("\(method.rawValue) is not a naive method")
    case .mean:
      return [Double](repeating: mean, count: horizon)
    case .naive:
      return [Double](repeating: window.values.last ?? mean, count: horizon)
    case .seasonalNaive:
      let season = series.grain.seasonLength
      return (0..<horizon).map { ahead in
        var period = end + ahead
        while period >= end { period -= season }
        while period >= 0 {
          if !series.values[period].isNaN { return series.values[period] }
          period -= season
        }
        return mean
      }
    }
  }
}
