import Glibc

/// What is done to a number before a term sees it: missing values, extremes, a wide range.
package struct NumericPreparation: Codable, Equatable, Sendable {
  /// What stands for a missing value: the median of the training rows.
  package var median: Double
  /// Whether a column of its own says that the value was missing.
  package var hasIndicator: Bool
  /// The scale `s` of `sign(x)·log(1 + |x|/s)`; `nil` where values are taken as they are.
  package var logScale: Double?
  /// Values below are set to this, after the logarithm.
  package var lower: Double
  /// Values above are set to this, after the logarithm.
  package var upper: Double

  /// Learns the preparation from training values.
  ///
  /// - Parameters:
  ///   - values: NaN where missing; at least one finite value.
  ///   - takesLogarithm: whether to; `nil` where the values decide: a skewness above 0.5 that the
  ///     logarithm lowers.
  ///   - winsorises: whether values beyond the outer half percent on each side are drawn in;
  ///     otherwise the range of the training rows is the limit.
  ///   - ascending: the finite values in order, where they are known; they are sorted otherwise.
  package init(
    _ values: [Double], takesLogarithm: Bool?, winsorises: Bool, ascending: [Double]? = nil
  ) {
    let finite = ascending ?? values.filter(\.isFinite).sorted()
    let share = winsorises && finite.count >= 200 ? 0.005 : 0
    median = quantile(finite, 0.5)
    hasIndicator = finite.count < values.count
    let sizes = takesLogarithm == false ? [] : sortedSizes(finite)
    let scale = sizes.isEmpty ? 1 : max(quantile(sizes, 0.5), 1e-300)
    let low = quantile(finite, share)
    let high = quantile(finite, 1 - share)
    var isLogarithmic = takesLogarithm ?? false
    if takesLogarithm == nil {
      let clipped = finite.map { min(max($0, low), high) }
      let plain = abs(skewness(clipped))
      isLogarithmic =
        plain > 0.5 && abs(skewness(clipped.map { signedLogarithm($0, scale) })) < plain
    }
    logScale = isLogarithmic ? scale : nil
    lower = isLogarithmic ? signedLogarithm(low, scale) : low
    upper = isLogarithmic ? signedLogarithm(high, scale) : high
  }

  /// The prepared value of one number; an infinity counts as the extreme on its side.
  package func prepared(_ value: Double) -> Double {
    var result = value.isNaN ? median : value
    if let logScale { result = signedLogarithm(result, logScale) }
    return min(max(result, lower), upper)
  }

  /// The prepared values of numbers.
  func prepared(_ values: [Double]) -> [Double] {
    guard logScale == nil else { return values.map { prepared($0) } }
    let (median, lower, upper) = (median, lower, upper)
    return values.map { min(max($0.isNaN ? median : $0, lower), upper) }
  }

  /// The number whose prepared value this is.
  package func original(_ prepared: Double) -> Double {
    guard let logScale else { return prepared }
    let size = expm1(abs(prepared)) * logScale
    return prepared < 0 ? -size : size
  }
}

/// The sizes of those of some ascending values that are not zero, ascending.
private func sortedSizes(_ ascending: [Double]) -> [Double] {
  var negative = ascending.firstIndex { $0 >= 0 } ?? ascending.count
  var positive = ascending.firstIndex { $0 > 0 } ?? ascending.count
  var sizes: [Double] = []
  sizes.reserveCapacity(ascending.count)
  while negative > 0 || positive < ascending.count {
    let takesNegative =
      negative > 0
      && (positive == ascending.count || -ascending[negative - 1] <= ascending[positive])
    if takesNegative {
      negative -= 1
      sizes.append(-ascending[negative])
    } else {
      sizes.append(ascending[positive])
      positive += 1
    }
  }
  return sizes
}

private func signedLogarithm(_ value: Double, _ scale: Double) -> Double {
  let size = log1p(abs(value) / scale)
  return value < 0 ? -size : size
}

/// The quantile of sorted values, interpolated between ranks; 0 for none.
package func quantile(_ sorted: [Double], _ share: Double) -> Double {
  guard let first = sorted.first, let last = sorted.last else { return 0 }
  let position = share * Double(sorted.count - 1)
  let below = Int(position)
  guard below + 1 < sorted.count, below >= 0 else { return below < 0 ? first : last }
  let fraction = position - Double(below)
  return sorted[below] * (1 - fraction) + sorted[below + 1] * fraction
}

/// The third standardised moment; 0 for constant values.
func skewness(_ values: [Double]) -> Double {
  let (mean, deviation) = moments(values)
  guard deviation > 0, !values.isEmpty else { return 0 }
  return values.reduce(0) {
    let standard = ($1 - mean) / deviation
    return $0 + standard * standard * standard
  } / Double(values.count)
}

/// Mean and root mean squared deviation, without overflow for values near the largest double.
func moments(_ values: [Double]) -> (mean: Double, deviation: Double) {
  let largest = values.reduce(0) { max($0, abs($1)) }
  guard largest > 0, !values.isEmpty, largest.isFinite else { return (0, 0) }
  let count = Double(values.count)
  let mean = values.reduce(0) { $0 + $1 / largest } / count
  let variance =
    values.reduce(0) {
      let deviation = $1 / largest - mean
      return $0 + deviation * deviation
    } / count
  // A constant's deviation is rounding alone.
  let deviation = variance.squareRoot()
  return (mean * largest, deviation > 1e-13 * max(abs(mean), 1e-13) ? deviation * largest : 0)
}
