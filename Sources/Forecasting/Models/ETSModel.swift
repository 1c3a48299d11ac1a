/// An exponential smoothing model fitted to a series.
///
/// - SeeAlso: Hyndman, Koehler, Ord & Snyder, *Forecasting with Exponential Smoothing*, 2008,
///   doi:10.1007/978-3-540-71918-2.
package struct FittedETS: Sendable {
  /// The form.
  package let form: ETSForm
  /// The weights.
  package let weights: ETSWeights
  /// The state before the first value.
  package let initial: ETSState
  /// The state after the last value.
  package let final: ETSState
  /// Twice the negative logarithm of the likelihood, without the constants that all forms share.
  package let criterion: Double
  /// Akaike's criterion corrected for short series; infinite where there are too few values.
  package let aicc: Double

  /// The point forecasts of the periods after the series.
  package func forecast(horizon: Int) -> [Double] {
    form.forecast(final, weights: weights, horizon: horizon)
  }

  /// The one-step forecasts within the series.
  package func fitted(_ values: [Double]) -> [Double] {
    var state = initial
    var result = [Double](repeating: .nan, count: values.count)
    _ = form.run(values, weights: weights, state: &state) { result[$0] = $1 }
    return result
  }
}

extension ETSForm {
  /// The bounds of `α`, of `β` and `γ` as shares of what `α` leaves them, and of `φ`.
  ///
  /// A slope damped by less than 0.8 is gone after a few periods and one damped by more than 0.98
  /// is not told from one that stays.
  private static let lower = [1e-4, 1e-4, 1e-4, 0.8]
  private static let upper = [0.9999, 0.9999, 0.9999, 0.98]

  /// Fits weights, level and slope by maximum likelihood; the seasonal start is given.
  ///
  /// - Parameters:
  ///   - values: the series; NaN where unknown, values above zero for multiplicative parts.
  ///   - seasonal: the seasonal parts before the first value, the one of the first period first;
  ///     empty without a season.
  ///   - start: a fit of this form to the first part of the series, to begin from.
  ///   - evaluations: the most runs of the recursion.
  /// - Returns: the fit, or `nil` where no weights give finite errors.
  package func fit(
    _ values: [Double], seasonal: [Double], start: FittedETS? = nil, evaluations: Int = 400
  ) -> FittedETS? {
    let seasonal = season == .none ? [] : seasonal
    var (level, slope, spread) = startingLine(values, seasonal: seasonal)
    guard level.isFinite, slope.isFinite else { return nil }
    if let start {
      level = start.initial.level
      slope = start.initial.slope
      spread /= 4
    }
    let reach = start == nil ? 1.0 : 0.4
    let known = start?.weights
    let hasTrend = trend != .none
    let hasSeason = season != .none
    let isDamped = trend == .damped

    // Variables in order: α, β share, γ share, φ, level, slope; those the form lacks are left out.
    var lower = [ETSForm.lower[0]]
    var upper = [ETSForm.upper[0]]
    var point = [known?.level ?? (hasSeason ? 0.3 : 0.4)]
    var steps = [0.2 * reach]
    func add(_ low: Double, _ high: Double, _ value: Double, _ step: Double) {
      lower.append(low)
      upper.append(high)
      point.append(value)
      steps.append(step)
    }
    if hasTrend {
      let share = known.map { $0.slope / $0.level } ?? 0.1
      add(ETSForm.lower[1], ETSForm.upper[1], share, 0.2 * reach)
    }
    if hasSeason {
      let share = known.map { $0.season / (1 - $0.level) } ?? 0.05
      add(ETSForm.lower[2], ETSForm.upper[2], share, 0.15 * reach)
    }
    if isDamped { add(ETSForm.lower[3], ETSForm.upper[3], known?.damping ?? 0.95, -0.05 * reach) }
    add(-.infinity, .infinity, level, spread)
    if hasTrend { add(-.infinity, .infinity, slope, spread / 4) }

    func unpack(_ point: [Double]) -> (ETSWeights, ETSState) {
      var next = 1
      let alpha = point[0]
      var beta = 0.0
      var gamma = 0.0
      var phi = 1.0
      if hasTrend {
        beta = alpha * point[next]
        next += 1
      }
      if hasSeason {
        gamma = (1 - alpha) * point[next]
        next += 1
      }
      if isDamped {
        phi = point[next]
        next += 1
      }
      let level = point[next]
      let slope = hasTrend ? point[next + 1] : 0
      return (
        ETSWeights(level: alpha, slope: beta, season: gamma, damping: phi),
        ETSState(level: level, slope: slope, season: seasonal)
      )
    }
    let search = NelderMead(lower: lower, upper: upper, evaluations: evaluations)
    let best = search.minimize(start: point, steps: steps) { point in
      var (weights, state) = unpack(point)
      return run(values, weights: weights, state: &state).criterion
    }
    guard best.value.isFinite else { return nil }
    let (weights, initial) = unpack(best.point)
    var final = initial
    let count = run(values, weights: weights, state: &final).count
    let parameters = Double(parameterCount(seasonLength: seasonal.count))
    let room = Double(count) - parameters - 1
    let aicc =
      room > 0
      ? best.value + 2 * parameters + 2 * parameters * (parameters + 1) / room : Double.infinity
    return FittedETS(
      form: self, weights: weights, initial: initial, final: final, criterion: best.value,
      aicc: aicc)
  }

  /// A line through the first values without their season, and the size of its errors.
  private func startingLine(
    _ values: [Double], seasonal: [Double]
  ) -> (level: Double, slope: Double, spread: Double) {
    var times: [Double] = []
    var adjusted: [Double] = []
    for (index, value) in values.enumerated() where !value.isNaN {
      times.append(Double(index + 1))
      switch season {
      case .none: adjusted.append(value)
      case .additive: adjusted.append(value - seasonal[index % seasonal.count])
      case .multiplicative: adjusted.append(value / seasonal[index % seasonal.count])
      }
      if adjusted.count >= max(10, 2 * seasonal.count) { break }
    }
    let count = Double(adjusted.count)
    guard count > 0 else { return (.nan, .nan, .nan) }
    let meanTime = times.reduce(0, +) / count
    let mean = adjusted.reduce(0) { $0 + $1 / count }
    var covariance = 0.0
    var variance = 0.0
    for (time, value) in zip(times, adjusted) {
      covariance += (time - meanTime) * (value - mean)
      variance += (time - meanTime) * (time - meanTime)
    }
    let slope = variance > 0 ? covariance / variance : 0
    var squares = 0.0
    for (time, value) in zip(times, adjusted) {
      let error = value - mean - slope * (time - meanTime)
      squares += error * error
    }
    let spread = max((squares / count).squareRoot(), 1e-3 * abs(mean), 1e-12)
    if trend == .none { return (mean, 0, spread) }
    return (mean - slope * meanTime, slope, spread)
  }
}
