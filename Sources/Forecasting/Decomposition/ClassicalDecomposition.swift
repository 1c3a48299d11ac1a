import Glibc

/// The seasonal indices of a series by moving averages.
///
/// - SeeAlso: Makridakis, Wheelwright & Hyndman, *Forecasting: Methods and Applications*, 1998,
///   chapter 3.
package struct SeasonalIndices: Equatable, Sendable {
  /// How the season enters.
  package enum Kind: Sendable {
    /// Values are level plus index; the indices sum to 0.
    case additive
    /// Values are level times index; the indices have the mean 1.
    case multiplicative
  }

  /// How the season enters.
  package let kind: Kind
  /// The indices, that of the first period of the series first.
  package let indices: [Double]

  /// Indices that do nothing.
  package static func none(length: Int) -> SeasonalIndices {
    SeasonalIndices(kind: .additive, indices: [Double](repeating: 0, count: max(1, length)))
  }

  /// Given indices.
  package init(kind: Kind, indices: [Double]) {
    self.kind = kind
    self.indices = indices
  }

  /// The indices of a series, shrunk by their uncertainty; `nil` for less than two seasons.
  ///
  /// Each value is set against the centred moving average of one season; the index of a season
  /// position is the mean of these. The indices are then shrunk towards no season, or towards those
  /// of a parent, by the share of their distance from it that sampling alone explains, as James and
  /// Stein do with means.
  ///
  /// - Parameters:
  ///   - values: the series without gaps; above zero for a multiplicative season.
  ///   - length: the length of the season in periods.
  ///   - kind: how the season enters.
  ///   - isShrunk: whether the indices are shrunk.
  ///   - parent: the indices of a series that this one is a part of; not looked at where they are of
  ///     another kind or length.
  /// - SeeAlso: Miller & Williams, *International Journal of Forecasting* 19(4), 2003,
  ///   doi:10.1016/S0169-2070(02)00077-8.
  package init?(
    _ values: [Double], length: Int, kind: Kind, isShrunk: Bool, parent: SeasonalIndices? = nil
  ) {
    guard length >= 2, values.count >= 2 * length else { return nil }
    let trend = centredMovingAverage(values, length: length)
    let (sums, squares, counts) = SeriesLoops.seasonalSums(
      values, trend: trend, length: length, kind: kind)
    guard counts.allSatisfy({ $0 > 0 }) else { return nil }
    var means = sums.indices.map { sums[$0] / Double(counts[$0]) }
    let centre = means.reduce(0, +) / Double(length)
    var target = [Double](repeating: kind == .additive ? 0 : 1, count: length)
    if let parent, parent.kind == kind, parent.indices.count == length { target = parent.indices }
    for index in means.indices {
      means[index] = kind == .additive ? means[index] - centre : means[index] / centre
    }
    if isShrunk {
      // The variance of a mean within its position, against the variance between positions.
      var within = 0.0
      var freedom = 0.0
      for index in means.indices {
        let mean = sums[index] / Double(counts[index])
        within += squares[index] - Double(counts[index]) * mean * mean
        freedom += Double(counts[index] - 1)
      }
      let between = zip(means, target).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      let perPosition = Double(counts.reduce(0, +)) / Double(length)
      if freedom > 0, between > 0, length > 3 {
        let sampling = max(0, within / freedom) / perPosition
        let weight = min(1, max(0, Double(length - 3) * sampling / between))
        for index in means.indices {
          means[index] = target[index] + (1 - weight) * (means[index] - target[index])
        }
      }
    }
    self.kind = kind
    indices = means
  }

  /// The index of a period counted from the first of the series.
  package func index(_ period: Int) -> Double { indices[period % indices.count] }

  /// The series without its season.
  package func adjusted(_ values: [Double]) -> [Double] {
    switch kind {
    case .additive: combined(values, from: 0) { $0 - $1 }
    case .multiplicative: combined(values, from: 0) { $0 / $1 }
    }
  }

  /// Values of the periods from `first` on with the season put back.
  package func seasonal(_ values: [Double], from first: Int) -> [Double] {
    switch kind {
    case .additive: combined(values, from: first) { $0 + $1 }
    case .multiplicative: combined(values, from: first) { $0 * $1 }
    }
  }

  /// Values of the periods from `first` on, each with its index.
  @inline(__always)
  private func combined(
    _ values: [Double], from first: Int, _ combine: (Double, Double) -> Double
  ) -> [Double] {
    guard !values.isEmpty else { return [] }
    return SeriesLoops.seasonal(values, indices, from: first % indices.count, combine)
  }
}

/// The centred moving average over one season, with half weights at both ends of an even one; NaN
/// where it would reach beyond the series.
func centredMovingAverage(_ values: [Double], length: Int) -> [Double] {
  var result = [Double](repeating: .nan, count: values.count)
  let half = length / 2
  guard values.count > 2 * half else { return result }
  let isEven = length % 2 == 0
  for (start, whole) in SeriesLoops.slidingSums(values, window: 2 * half + 1).enumerated() {
    var sum = whole
    if isEven { sum -= (values[start] + values[start + 2 * half]) / 2 }
    result[start + half] = sum / Double(length)
  }
  return result
}

/// Whether a series repeats after `length` periods: the autocorrelation there is larger than
/// chance allows at 90 %, given the shorter ones.
///
/// - SeeAlso: Assimakopoulos & Nikolopoulos, *International Journal of Forecasting* 16(4), 2000,
///   doi:10.1016/S0169-2070(00)00066-2.
package func isSeasonal(_ values: [Double], length: Int) -> Bool {
  guard length >= 2, values.count >= 3 * length else { return false }
  let correlations = autocorrelations(values, through: length)
  guard let last = correlations.last, last.isFinite else { return false }
  let before = correlations.dropLast().reduce(0) { $0 + $1 * $1 }
  let limit = 1.645 * ((1 + 2 * before) / Double(values.count)).squareRoot()
  return abs(last) > limit
}

/// The autocorrelations at lags 1 to `last`.
package func autocorrelations(_ values: [Double], through last: Int) -> [Double] {
  let mean = values.reduce(0) { $0 + $1 / Double(values.count) }
  let centred = values.map { $0 - mean }
  let variance = centred.reduce(0) { $0 + $1 * $1 }
  guard last >= 1 else { return [] }
  return (1...last).map { lag in
    var sum = 0.0
    for index in stride(from: lag, to: centred.count, by: 1) {
      sum += centred[index] * centred[index - lag]
    }
    return variance > 0 ? sum / variance : 0
  }
}
