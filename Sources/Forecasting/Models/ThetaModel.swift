/// The dynamic optimised Theta model fitted to a series without a season.
///
/// The forecast is a weighted sum of a straight line, fitted anew in each period by all values so
/// far, and simple exponential smoothing of a line of curvature `θ`.
///
/// - SeeAlso: Fiorucci, Pellegrini, Louzada, Petropoulos & Koehler, *International Journal of
///   Forecasting* 32(4), 2016, doi:10.1016/j.ijforecast.2016.02.005.
package struct FittedTheta: Sendable {
  /// The weight of the newest value in the level.
  package let alpha: Double
  /// The curvature of the second line, at least 1; at 2 it is the Theta method of 2000.
  package let theta: Double
  /// The level before the first value.
  package let initialLevel: Double
  /// The mean of squared one-step errors.
  package let meanSquare: Double
  private let state: State

  private struct State {
    var level: Double
    var mean = 0.0
    var slope = 0.0
    var intercept = 0.0
    /// `(1 − α)` to the number of values.
    var decay = 1.0
    var count = 0.0

    init(level: Double) { self.level = level }

    /// The forecast of the next value.
    @inline(__always)
    func forecast(alpha: Double, share: Double) -> Double {
      level
        + share * (decay * intercept + (1 - decay * (1 - alpha)) / alpha * slope)
    }

    @inline(__always)
    mutating func add(_ value: Double, alpha: Double) {
      level = alpha * value + (1 - alpha) * level
      count += 1
      let next = ((count - 1) * mean + value) / count
      slope = count > 1 ? ((count - 2) * slope + 6 * (value - mean) / count) / (count + 1) : 0
      mean = next
      intercept = mean - slope * (count + 1) / 2
      decay *= 1 - alpha
    }
  }

  /// Fits level, smoothing and curvature by least squares of the one-step errors.
  ///
  /// The errors of the first two values are left out, since the line is not yet defined there.
  ///
  /// - Parameters:
  ///   - values: at least one, all known.
  ///   - fixed: the curvature where it is not to be fitted.
  ///   - evaluations: the most runs of the recursion.
  package init(_ values: [Double], theta fixed: Double? = nil, evaluations: Int = 300) {
    precondition(!values.isEmpty, "a Theta model of nothing")
    let lines = FittedTheta.lines(values)
    let first = values[0]
    let mean = values.reduce(0) { $0 + $1 / Double(values.count) }
    let spread = max(abs(mean), abs(first), 1e-9)
    // The level is searched as a share of the size of the series, so that all variables are near 1.
    var lower = [0.1, -.infinity]
    var upper = [0.99, Double.infinity]
    var start = [0.5, first / 2 / spread]
    var steps = [0.2, 0.2]
    if fixed == nil {
      lower.append(1)
      upper.append(1e4)
      start.append(2)
      steps.append(1)
    }
    let best: (point: [Double], value: Double)
    if values.count >= LevenbergMarquardt.longFrom, fixed == nil {
      best = FittedTheta.searchedByDerivatives(
        values, lines: lines, lower: lower, upper: upper, start: start, spread: spread)
    } else {
      let search = NelderMead(lower: lower, upper: upper, evaluations: evaluations)
      best = search.minimize(start: start, steps: steps) { point in
        FittedTheta.squares(
          values, lines: lines, alpha: point[0], theta: fixed ?? point[2], level: point[1] * spread)
      }
    }
    alpha = best.point[0]
    initialLevel = best.point[1] * spread
    theta = fixed ?? best.point[2]
    meanSquare = best.value / Double(max(1, values.count - 2))
    var state = State(level: initialLevel)
    for value in values { state.add(value, alpha: alpha) }
    self.state = state
  }

  /// The straight line through all values before each, which does not depend on what is searched.
  private static func lines(_ values: [Double]) -> [(intercept: Double, slope: Double)] {
    var lines: [(intercept: Double, slope: Double)] = []
    lines.reserveCapacity(values.count)
    var state = State(level: 0)
    for value in values {
      lines.append((state.intercept, state.slope))
      state.add(value, alpha: 0)
    }
    return lines
  }

  /// The sum of squared one-step errors but for those of the first two values.
  private static func squares(
    _ values: [Double], lines: [(intercept: Double, slope: Double)], alpha: Double, theta: Double,
    level start: Double
  ) -> Double {
    let (share, rest) = (1 - 1 / theta, 1 - alpha)
    var level = start
    var decay = 1.0
    var squares = 0.0
    for (index, value) in values.enumerated() {
      if index >= 2 {
        let (intercept, slope) = lines[index]
        let line = decay * intercept + (1 - decay * rest) / alpha * slope
        let error = value - (level + share * line)
        squares += error * error
      }
      level = alpha * value + rest * level
      decay *= rest
    }
    return squares
  }

  /// The search of a long series: smoothing, level and the share `1 − 1/θ`, in which and in the level
  /// forecasts are linear.
  private static func searchedByDerivatives(
    _ values: [Double], lines: [(intercept: Double, slope: Double)], lower: [Double],
    upper: [Double], start: [Double], spread: Double
  ) -> (point: [Double], value: Double) {
    func share(_ theta: Double) -> Double { 1 - 1 / theta }
    let search = LevenbergMarquardt(
      lower: [lower[0], lower[1], share(lower[2])], upper: [upper[0], upper[1], share(upper[2])])
    let best = search.minimize(start: [start[0], start[1], share(start[2])]) { point in
      let (alpha, share) = (point[0], point[2])
      let (inverse, rest) = (1 / point[0], 1 - point[0])
      var sums = ErrorSums()
      var level = point[1] * spread
      var levelSlope = 0.0
      var decay = 1.0
      var decaySlope = 0.0
      for (index, value) in values.enumerated() {
        if index >= 2 {
          let (intercept, slope) = lines[index]
          let reach = (1 - decay * rest) * inverse
          let reachSlope = (decay - decaySlope * rest - reach) * inverse
          let line = decay * intercept + reach * slope
          let lineSlope = decaySlope * intercept + reachSlope * slope
          sums.add(
            value - level - share * line,
            SIMD4(-levelSlope - share * lineSlope, -decay * spread, -line, 0))
        }
        levelSlope = value - level + rest * levelSlope
        level = alpha * value + rest * level
        decaySlope = rest * decaySlope - decay
        decay *= rest
      }
      return sums
    }
    return ([best.point[0], best.point[1], 1 / (1 - best.point[2])], best.value)
  }

  /// The point forecasts: each becomes a value of the next.
  package func forecast(horizon: Int) -> [Double] {
    var state = state
    let share = 1 - 1 / theta
    return (0..<horizon).map { _ in
      let forecast = state.forecast(alpha: alpha, share: share)
      state.add(forecast, alpha: alpha)
      return forecast
    }
  }
}
