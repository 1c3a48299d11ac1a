/// A series taken apart into a trend, seasons and a remainder that sum to it.
package struct SeriesDecomposition: Equatable, Sendable {
  /// The trend.
  package let trend: [Double]
  /// The seasons, the shortest first.
  package let seasons: [(length: Int, values: [Double])]
  /// What is left.
  package let remainder: [Double]
  /// The weight of each value in the last round, 1 where nothing is robust; near 0 for a value
  /// that the rest does not speak for.
  package let weights: [Double]

  package static func == (left: SeriesDecomposition, right: SeriesDecomposition) -> Bool {
    left.trend == right.trend && left.remainder == right.remainder && left.weights == right.weights
      && left.seasons.elementsEqual(right.seasons) { $0 == $1 }
  }

  /// The share of what is not season that the trend explains, from 0 to 1.
  ///
  /// - SeeAlso: Wang, Smith & Hyndman, *Data Mining and Knowledge Discovery* 13(3), 2006,
  ///   doi:10.1007/s10618-005-0039-x.
  package var trendStrength: Double { strength(of: trend) }

  /// The same of one season, by its position in ``seasons``.
  package func seasonStrength(_ position: Int) -> Double {
    strength(of: seasons[position].values)
  }

  private func strength(of part: [Double]) -> Double {
    let whole = variance(zip(part, remainder).map { $0 + $1 })
    guard whole > 0 else { return 0 }
    return max(0, 1 - variance(remainder) / whole)
  }

  private func variance(_ values: [Double]) -> Double {
    let count = Double(max(1, values.count))
    let mean = values.reduce(0) { $0 + $1 / count }
    return values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) / count }
  }
}

/// Takes a series apart by local regression, robustly, for any number of seasons.
///
/// With one season this is the decomposition of Cleveland and others. With several each is found in
/// what the others leave, the shortest first, in two rounds; with none the trend alone is smoothed.
/// Robust weights are those of the last season found.
///
/// - Parameters:
///   - values: without gaps, at least one.
///   - lengths: the lengths of seasons; those that the series does not hold twice are left out.
///   - rounds: the rounds of robust weights; 0 for none.
/// - Returns: the parts, which sum to the values.
/// - Complexity: O(r·n·w) for r rounds, n values and the width w of the trend's window.
/// - SeeAlso: Bandara, Hyndman & Bergmeir, *International Journal of Operational Research* 52(1),
///   2025, doi:10.1504/IJOR.2025.143957.
package func decompose(
  _ values: [Double], lengths: [Int], rounds: Int = 5
) -> SeriesDecomposition {
  precondition(!values.isEmpty, "a decomposition of nothing")
  let lengths = Array(Set(lengths.filter { $0 >= 2 && values.count >= 2 * $0 })).sorted()
  guard !lengths.isEmpty else {
    let span = max(3, oddCeiling(Double(values.count) / 3))
    let trend = Loess.smooth(values, span: span, robustness: nil)
    return SeriesDecomposition(
      trend: trend, seasons: [], remainder: zip(values, trend).map { $0 - $1 },
      weights: [Double](repeating: 1, count: values.count))
  }
  var seasons = [[Double]](
    repeating: [Double](repeating: 0, count: values.count), count: lengths.count)
  var trend = values
  var weights = [Double](repeating: 1, count: values.count)
  var rest = values
  for _ in 0..<(lengths.count > 1 ? 2 : 1) {
    for (position, length) in lengths.enumerated() {
      for index in rest.indices { rest[index] += seasons[position][index] }
      // Longer seasons move more slowly from year to year.
      let parts = SeasonalTrend(length: length, span: 7 + 4 * (position + 1), rounds: rounds)
        .parts(rest)
      seasons[position] = parts.season
      trend = parts.trend
      weights = parts.weights
      for index in rest.indices { rest[index] -= seasons[position][index] }
    }
  }
  return SeriesDecomposition(
    trend: trend, seasons: zip(lengths, seasons).map { ($0, $1) },
    remainder: zip(rest, trend).map { $0 - $1 }, weights: weights)
}

/// The smallest odd whole number at or above a value.
private func oddCeiling(_ value: Double) -> Int {
  let whole = Int(value.rounded(.up))
  return whole % 2 == 0 ? whole + 1 : whole
}

/// The seasonal-trend decomposition by local lines.
struct SeasonalTrend {
  /// The length of the season.
  let length: Int
  /// The seasons that the season of one position is smoothed over; odd.
  let span: Int
  /// The rounds of robust weights.
  let rounds: Int

  /// How often season and trend are found in what the other leaves, per round.
  private static let inner = 2

  /// The parts of a series that holds at least two seasons.
  func parts(
    _ values: [Double]
  ) -> (trend: [Double], season: [Double], weights: [Double]) {
    let trendSpan = oddCeiling(1.5 * Double(length) / (1 - 1.5 / Double(span)))
    let lowSpan = oddCeiling(Double(length))
    var trend = [Double](repeating: 0, count: values.count)
    var season = trend
    var weights: [Double]?
    for round in 0...rounds {
      for _ in 0..<SeasonalTrend.inner {
        let detrended = zip(values, trend).map { $0 - $1 }
        let cycles = smoothedCycles(detrended, weights: weights)
        var low = movingMean(cycles, length)
        low = movingMean(low, length)
        low = movingMean(low, 3)
        low = Loess.smooth(low, span: lowSpan, robustness: nil)
        season = values.indices.map { cycles[length + $0] - low[$0] }
        trend = Loess.smooth(
          zip(values, season).map { $0 - $1 }, span: trendSpan, robustness: weights)
      }
      if round < rounds {
        weights = robustWeights(values.indices.map { values[$0] - trend[$0] - season[$0] })
      }
    }
    return (trend, season, weights ?? [Double](repeating: 1, count: values.count))
  }

  /// Each position of the season smoothed by itself and carried on for one season at either end.
  private func smoothedCycles(_ values: [Double], weights: [Double]?) -> [Double] {
    var result = [Double](repeating: 0, count: values.count + 2 * length)
    for position in 0..<length {
      let places = Array(stride(from: position, to: values.count, by: length))
      let cycle = places.map { values[$0] }
      let robust = weights.map { weights in places.map { weights[$0] } }
      let smooth = Loess.smooth(cycle, span: span, robustness: robust)
      var room = [Double](repeating: 0, count: cycle.count)
      let width = min(span, cycle.count)
      let before = Loess.value(
        cycle, at: -1, span: span, range: 0...(width - 1), robustness: robust, weights: &room)
      let after = Loess.value(
        cycle, at: Double(cycle.count), span: span,
        range: (cycle.count - width)...(cycle.count - 1), robustness: robust, weights: &room)
      result[position] = before ?? smooth[0]
      for (number, value) in smooth.enumerated() {
        result[position + (number + 1) * length] = value
      }
      result[position + (cycle.count + 1) * length] = after ?? smooth[smooth.count - 1]
    }
    return result
  }

  private func movingMean(_ values: [Double], _ width: Int) -> [Double] {
    var sum = values[..<width].reduce(0, +)
    var result = [sum / Double(width)]
    for index in stride(from: width, to: values.count, by: 1) {
      sum += values[index] - values[index - width]
      result.append(sum / Double(width))
    }
    return result
  }

  /// Bisquare weights by six times the median size of the remainder.
  private func robustWeights(_ remainder: [Double]) -> [Double] {
    let sizes = remainder.map { abs($0) }
    let sorted = sizes.sorted()
    let count = sorted.count
    let limit = 3 * (sorted[count / 2] + sorted[count - count / 2 - 1])
    guard limit > 0 else { return [Double](repeating: 1, count: count) }
    return sizes.map { size in
      if size <= 0.001 * limit { return 1 }
      if size > 0.999 * limit { return 0 }
      let share = size / limit
      return (1 - share * share) * (1 - share * share)
    }
  }
}
