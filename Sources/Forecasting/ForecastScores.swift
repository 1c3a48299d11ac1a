/// The errors of one method over a set of forecasts.
package struct ForecastScores: Equatable, Sendable {
  /// The number of forecasts scored.
  package let count: Int
  /// The mean absolute error, in the unit of the series.
  package let mae: Double
  /// The root mean square error, in the unit of the series.
  package let rmse: Double
  /// The sum of absolute errors over the sum of absolute actual values; `nil` if that is zero.
  package let wape: Double?
  /// The mean of `200 |error| / (|actual| + |predicted|)`, in per cent, with 0 where both are zero.
  package let smape: Double
  /// The mean absolute error, each error divided by the in-sample error of seasonal naive at its
  /// origin; `nil` where no such scale is above zero.
  ///
  /// - SeeAlso: Hyndman & Koehler, *International Journal of Forecasting* 22(4), 2006,
  ///   doi:10.1016/j.ijforecast.2006.03.001.
  package let mase: Double?

  /// The scores of forecasts, or `nil` if there are none.
  init?(_ cells: [ScoredCell]) {
    guard !cells.isEmpty else { return nil }
    let number = Double(cells.count)
    var absolute = 0.0
    var squared = 0.0
    var actuals = 0.0
    var symmetric = 0.0
    var scaled = 0.0
    var scaledCount = 0
    for cell in cells {
      let error = abs(cell.actual - cell.predicted)
      absolute += error
      squared += error * error
      actuals += abs(cell.actual)
      let size = abs(cell.actual) + abs(cell.predicted)
      if size > 0 { symmetric += 200 * (error / size) }
      if cell.naiveScale > 0, (error / cell.naiveScale).isFinite {
        scaled += error / cell.naiveScale
        scaledCount += 1
      }
    }
    count = cells.count
    mae = absolute / number
    rmse = (squared / number).squareRoot()
    wape = actuals > 0 ? absolute / actuals : nil
    smape = symmetric / number
    mase = scaledCount > 0 ? scaled / Double(scaledCount) : nil
  }
}

/// One forecast of a backtest with what happened.
struct ScoredCell {
  let actual: Double
  let predicted: Double
  /// The in-sample mean absolute error of seasonal naive before the origin.
  let naiveScale: Double
}

/// The mean absolute difference of values one season apart, of neighbours where the known part is
/// shorter than that, and 0 where there is no pair.
func naiveScale(_ series: TimeSeries, end: Int) -> Double {
  for lag in [series.grain.seasonLength, 1] {
    var sum = 0.0
    var count = 0
    for period in stride(from: lag, to: end, by: 1) {
      let change = abs(series.values[period] - series.values[period - lag])
      if !change.isNaN {
        sum += change
        count += 1
      }
    }
    if count > 0 { return sum / Double(count) }
  }
  return 0
}
