/// Exponential smoothing of a level and of one or two seasons, with autoregressive errors, fitted
/// to a series of many seasons such as hours with days and weeks.
///
/// All parts are additive. A one-step error moves the level and the two seasonal positions of its
/// period; what is left of it is carried on by a factor per period.
///
/// - SeeAlso: Taylor, *Journal of the Operational Research Society* 54(8), 2003,
///   doi:10.1057/palgrave.jors.2601589.
package struct FittedSeasonalSmoothing: Sendable {
  /// The weights of an error in the level, in each season, and the factor of errors.
  package let weights: [Double]
  private let state: State

  private struct State {
    var level: Double
    var first: [Double]
    var second: [Double]
    /// The error of the newest value before its autoregressive part.
    var rest = 0.0
    var firstPosition = 0
    var secondPosition = 0

    var base: Double { level + first[firstPosition] + second[secondPosition] }

    @inline(__always)
    mutating func advance() {
      firstPosition += 1
      if firstPosition == first.count { firstPosition = 0 }
      secondPosition += 1
      if secondPosition == second.count { secondPosition = 0 }
    }
  }

  /// The bounds of the weights and of the factor.
  private static let highest = [0.9, 0.9, 0.9, 0.98]

  /// Fits the weights by least squares of the one-step errors after the first season; `nil` where
  /// no season is left.
  ///
  /// - Parameters:
  ///   - values: all known.
  ///   - lengths: one or two lengths of seasons, ascending; one that the series does not hold
  ///     twice is left out. Indices of the second are shrunk, so that it costs little where
  ///     there is none.
  ///   - evaluations: the most runs of the recursion.
  package init?(_ values: [Double], lengths: [Int], evaluations: Int = 60) {
    let lengths = lengths.filter { $0 >= 2 && values.count >= 2 * $0 }
    guard let shortest = lengths.first,
      let first = SeasonalIndices(values, length: shortest, kind: .additive, isShrunk: false)
    else { return nil }
    let longer = lengths.dropFirst().first.flatMap {
      SeasonalIndices(first.adjusted(values), length: $0, kind: .additive, isShrunk: true)
    }
    let span = longer?.indices.count ?? shortest
    let level = values[..<span].reduce(0) { $0 + $1 / Double(span) }
    let hasSecond = longer != nil
    let start = State(level: level, first: first.indices, second: longer?.indices ?? [0])
    let search = LevenbergMarquardt(
      lower: [0, 0, 0, 0], upper: FittedSeasonalSmoothing.highest, evaluations: evaluations)
    let best = search.minimize(start: [0.05, 0.1, 0.1, 0.5]) {
      FittedSeasonalSmoothing.run(values, start, $0, hasSecond: hasSecond).sums
    }
    guard best.value.isFinite else { return nil }
    weights = best.point
    let final = SIMD4(best.point[0], best.point[1], best.point[2], best.point[3])
    state = FittedSeasonalSmoothing.run(values, start, final, hasSecond: hasSecond).state
  }

  /// Runs the recursion with the derivatives of its errors by the weights.
  private static func run(
    _ values: [Double], _ start: State, _ weights: SIMD4<Double>, hasSecond: Bool
  ) -> (sums: ErrorSums, state: State) {
    var state = start
    var sums = ErrorSums()
    let (alpha, delta, factor) = (weights[0], weights[1], weights[3])
    let omega = hasSecond ? weights[2] : 0
    let third = hasSecond ? WeightUnit.third : SIMD4()
    var level = SIMD4<Double>()
    var first = [SIMD4<Double>](repeating: SIMD4(), count: state.first.count)
    var second = [SIMD4<Double>](repeating: SIMD4(), count: state.second.count)
    var rest = SIMD4<Double>()
    for (period, value) in values.enumerated() {
      let (near, far) = (state.firstPosition, state.secondPosition)
      let error = value - state.base
      let slope = -(level + first[near] + second[far])
      let surprise = error - factor * state.rest
      let surpriseSlope = slope - factor * rest - state.rest * WeightUnit.fourth
      if period >= state.first.count { sums.add(surprise, surpriseSlope) }
      state.level += alpha * surprise
      level += alpha * surpriseSlope + surprise * WeightUnit.first
      state.first[near] += delta * surprise
      first[near] += delta * surpriseSlope + surprise * WeightUnit.second
      state.second[far] += omega * surprise
      second[far] += omega * surpriseSlope + surprise * third
      state.rest = error
      rest = slope
      state.advance()
    }
    return (sums, state)
  }

  /// The point forecasts of the periods after the series.
  package func forecast(horizon: Int) -> [Double] {
    var state = state
    return (0..<horizon).map { _ in
      state.rest *= weights[3]
      let forecast = state.base + state.rest
      state.advance()
      return forecast
    }
  }
}
