/// Forecasts that need no fit; all take known values, at least one.
package enum SimpleForecasts {
  /// The last value, held.
  package static func naive(_ values: [Double], horizon: Int) -> [Double] {
    [Double](repeating: values[values.count - 1], count: horizon)
  }

  /// The last season, repeated; naive for less than one.
  package static func seasonalNaive(
    _ values: [Double], length: Int, horizon: Int
  ) -> [Double] {
    guard length >= 1, values.count >= length else { return naive(values, horizon: horizon) }
    return (0..<horizon).map { values[values.count - length + $0 % length] }
  }

  /// The last value and, for each period, the mean change.
  package static func drift(_ values: [Double], horizon: Int) -> [Double] {
    let last = values[values.count - 1]
    guard values.count > 1 else { return naive(values, horizon: horizon) }
    let change = (last - values[0]) / Double(values.count - 1)
    return (1...horizon).map { last + Double($0) * change }
  }

  /// The mean of all values.
  package static func mean(_ values: [Double], horizon: Int) -> [Double] {
    let mean = values.reduce(0) { $0 + $1 / Double(values.count) }
    return [Double](repeating: mean, count: horizon)
  }

  /// The last value and, for each period, the mean change over the last three: what a growth rate
  /// read off the newest figures amounts to.
  package static func recentGrowth(_ values: [Double], horizon: Int) -> [Double] {
    drift(Array(values.suffix(4)), horizon: horizon)
  }
}
