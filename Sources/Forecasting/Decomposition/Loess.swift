/// Local regression on equally spaced values, as the seasonal-trend decomposition uses it.
///
/// - SeeAlso: Cleveland, Cleveland, McRae & Terpenning, *Journal of Official Statistics* 6(1), 1990.
enum Loess {
  /// The smooth value at a position, which may lie one step outside; `nil` where all weights are
  /// zero.
  ///
  /// - Parameters:
  ///   - values: the values at positions 0, 1, ….
  ///   - position: where to smooth.
  ///   - span: the number of values that weigh in, at least 2.
  ///   - range: the positions to use.
  ///   - robustness: a further weight per value, or `nil`.
  ///   - weights: room for one weight per value; what it holds does not matter.
  /// - Returns: the value of the local line.
  @inline(__always)
  static func value(
    _ values: [Double], at position: Double, span: Int, range: ClosedRange<Int>,
    robustness: [Double]?, weights: inout [Double]
  ) -> Double? {
    let count = values.count
    var reach = max(position - Double(range.lowerBound), Double(range.upperBound) - position)
    // A span beyond the series flattens the weights as if there were values outside it.
    if span > count { reach += Double((span - count) / 2) }
    let far = 0.999 * reach
    let near = 0.001 * reach
    var total = 0.0
    for index in range {
      let distance = abs(Double(index) - position)
      var weight = 0.0
      if distance <= far {
        weight = 1
        if distance > near {
          let share = distance / reach
          let rest = 1 - share * share * share
          weight = rest * rest * rest
        }
        if let robustness { weight *= robustness[index] }
      }
      weights[index] = weight
      total += weight
    }
    guard total > 0 else { return nil }
    var mean = 0.0
    for index in range {
      weights[index] /= total
      mean += weights[index] * Double(index)
    }
    if reach > 0 {
      var variance = 0.0
      for index in range {
        let distance = Double(index) - mean
        variance += weights[index] * distance * distance
      }
      // A line only where the positions differ enough for one.
      if variance.squareRoot() > 0.001 * Double(count - 1) {
        let slope = (position - mean) / variance
        for index in range { weights[index] *= slope * (Double(index) - mean) + 1 }
      }
    }
    var sum = 0.0
    for index in range { sum += weights[index] * values[index] }
    return sum
  }

  /// The smooth values at all positions; a value itself where all its weights are zero.
  static func smooth(_ values: [Double], span: Int, robustness: [Double]?) -> [Double] {
    let count = values.count
    guard count > 1 else { return values }
    var weights = [Double](repeating: 0, count: count)
    let width = min(span, count)
    let half = (span + 1) / 2
    return values.indices.map { index in
      let first = span >= count ? 0 : min(max(0, index + 1 - half), count - width)
      let smooth = value(
        values, at: Double(index), span: span, range: first...(first + width - 1),
        robustness: robustness, weights: &weights)
      return smooth ?? values[index]
    }
  }
}
