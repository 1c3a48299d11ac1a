/// Measures of forecasts against what happened, as the M competitions define them.
package enum ForecastMeasures {
  /// The mean of `200 |error| / (|actual| + |predicted|)`, in per cent, with 0 where both are zero.
  package static func smape(actual: [Double], predicted: [Double]) -> Double {
    mean(actual, predicted) { actual, predicted in
      let size = abs(actual) + abs(predicted)
      return size > 0 ? 200 * (abs(actual - predicted) / size) : 0
    }
  }

  /// The mean absolute error in units of ``changeScale(_:seasonLength:)`` of the training part;
  /// `nil` where that is zero.
  package static func mase(actual: [Double], predicted: [Double], scale: Double) -> Double? {
    scale > 0 ? mean(actual, predicted) { abs($0 - $1) } / scale : nil
  }

  /// The root of the mean squared error over the mean squared change of the training part; `nil`
  /// where that does not change.
  package static func rmsse(
    actual: [Double], predicted: [Double], training: [Double], seasonLength: Int
  ) -> Double? {
    let lag = max(1, seasonLength)
    guard training.count > lag else { return nil }
    var squares = 0.0
    for index in lag..<training.count {
      let change = training[index] - training[index - lag]
      squares += change * change
    }
    guard squares > 0 else { return nil }
    let scale = squares / Double(training.count - lag)
    return (mean(actual, predicted) { ($0 - $1) * ($0 - $1) } / scale).squareRoot()
  }

  /// The sum of absolute errors over the sum of absolute actual values; `nil` where that is zero.
  package static func wape(actual: [Double], predicted: [Double]) -> Double? {
    let size = actual.reduce(0) { $0 + abs($1) }
    guard size > 0 else { return nil }
    return mean(actual, predicted) { abs($0 - $1) } * Double(actual.count) / size
  }

  /// The mean of sMAPE and MASE, each over that of the reference method (Naive2 in the M4).
  package static func owa(
    smape: Double, mase: Double, referenceSMAPE: Double, referenceMASE: Double
  ) -> Double {
    (smape / referenceSMAPE + mase / referenceMASE) / 2
  }

  /// The pinball loss of a quantile.
  package static func pinball(actual: [Double], quantile: [Double], level: Double) -> Double {
    mean(actual, quantile) { actual, quantile in
      actual >= quantile ? level * (actual - quantile) : (1 - level) * (quantile - actual)
    }
  }

  /// The continuous ranked probability score of a set of quantiles: twice the mean pinball loss.
  ///
  /// - Parameters:
  ///   - actual: what happened.
  ///   - quantiles: forecasts by level, at least one.
  /// - Returns: the score, in the unit of the series.
  package static func crps(
    actual: [Double], quantiles: [(level: Double, values: [Double])]
  ) -> Double {
    let losses = quantiles.map {
      pinball(actual: actual, quantile: $0.values, level: $0.level)
    }
    return 2 * losses.reduce(0, +) / Double(losses.count)
  }

  /// The mean scaled interval score: width plus `2/α` times by how much actual values lie outside,
  /// in units of `scale`; `nil` where that is zero.
  ///
  /// - SeeAlso: Gneiting & Raftery, *JASA* 102(477), 2007, doi:10.1198/016214506000001437.
  package static func msis(
    actual: [Double], lower: [Double], upper: [Double], level: Double, scale: Double
  ) -> Double? {
    guard scale > 0, !actual.isEmpty else { return nil }
    let penalty = 2 / (1 - level)
    var sum = 0.0
    for (value, (low, high)) in zip(actual, zip(lower, upper)) {
      sum += (high - low) + penalty * (max(0, low - value) + max(0, value - high))
    }
    return sum / Double(actual.count) / scale
  }

  /// The share of actual values within their interval, ends included.
  package static func coverage(actual: [Double], lower: [Double], upper: [Double]) -> Double {
    let inside = zip(actual, zip(lower, upper)).count { $1.0 <= $0 && $0 <= $1.1 }
    return Double(inside) / Double(max(1, actual.count))
  }

  private static func mean(
    _ left: [Double], _ right: [Double], _ term: (Double, Double) -> Double
  ) -> Double {
    precondition(left.count == right.count, "\(left.count) and \(right.count) values")
    let sum = zip(left, right).reduce(0) { $0 + term($1.0, $1.1) }
    return sum / Double(max(1, left.count))
  }
}
