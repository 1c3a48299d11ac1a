/// A complex exponential smoothing model fitted to a series.
///
/// Level and potential are the parts of one complex state that is smoothed by one complex weight,
/// which follows level and trend series without a choice between them.
///
/// - SeeAlso: Svetunkov, Kourentzes & Ord, *Naval Research Logistics* 69(8), 2022,
///   doi:10.1002/nav.22074.
package struct FittedCES: Sendable {
  /// How the season enters.
  package enum Season: String, Sendable {
    /// No season.
    case none
    /// One seasonal part per position with a real weight.
    case partial
    /// A second complex state per position.
    case full

    /// The number of parameters that count in an information criterion.
    func parameterCount(length: Int) -> Int {
      switch self {
      case .none: 5
      case .partial: 6 + length
      case .full: 7 + 2 * length
      }
    }
  }

  /// How the season enters.
  package let season: Season
  /// The parts of the complex weight, then those of the season.
  package let weights: [Double]
  /// Akaike's criterion corrected for short series, up to constants shared with exponential
  /// smoothing of an additive error.
  package let aicc: Double
  private let state: State

  private struct State {
    var level: Double
    var potential: Double
    /// The seasonal parts, that of the next period at `position`.
    var seasonLevel: [Double]
    var seasonPotential: [Double]
    var position = 0

    var forecast: Double { level + (seasonLevel.isEmpty ? 0 : seasonLevel[position]) }

    @inline(__always)
    mutating func add(_ error: Double, _ season: Season, _ weights: [Double], step: Int) {
      let (a0, a1) = (weights[0], weights[1])
      let newLevel = level - (1 - a1) * potential + (a0 - a1) * error
      potential = level + (1 - a0) * potential + (a0 + a1) * error
      level = newLevel
      switch season {
      case .none: return
      case .partial:
        seasonLevel[position] += weights[2] * error
      case .full:
        let (b0, b1) = (weights[2], weights[3])
        let (old, pot) = (seasonLevel[position], seasonPotential[position])
        seasonLevel[position] = old - (1 - b1) * pot + (b0 - b1) * error
        seasonPotential[position] = old + (1 - b0) * pot + (b0 + b1) * error
      }
      position += step
      if position == seasonLevel.count { position = 0 }
      if position < 0 { position = seasonLevel.count - 1 }
    }
  }

  /// Fits the weights by least squares of the one-step errors; `nil` where none gives finite ones.
  ///
  /// The state before the first value is found by running through the series and back.
  ///
  /// - Parameters:
  ///   - values: at least two, all known.
  ///   - season: how the season enters.
  ///   - seasonal: additive indices, that of the first period first; empty without a season.
  ///   - earlier: a fit to the first part of the series, to begin from.
  ///   - evaluations: the most runs of the recursion.
  package init?(
    _ values: [Double], season: Season, seasonal: [Double], start earlier: FittedCES? = nil,
    evaluations: Int = 300
  ) {
    let count = values.count
    guard count >= 2 else { return nil }
    let first = FittedCES.firstState(values, season: season, seasonal: seasonal)
    var lower = [0.01, 0.01]
    var upper = [1.8, 1.9]
    var start = [1.3, 1.0]
    switch season {
    case .none: break
    case .partial:
      lower.append(0.01)
      upper.append(1)
      start.append(0.1)
    case .full:
      lower += [0.01, 0.01]
      upper += [1.5, 1.5]
      start += [1.3, 1]
    }
    if let earlier { start = earlier.weights }
    let best: (point: [Double], value: Double)
    if count >= LevenbergMarquardt.longFrom {
      best = LevenbergMarquardt(lower: lower, upper: upper).minimize(start: start) {
        FittedCES.errorSums(values, season: season, seasonal: seasonal, weights: $0)
      }
    } else {
      let reach = earlier == nil ? 1.0 : 0.4
      let steps = start.indices.map { (season == .partial && $0 == 2 ? 0.1 : -0.2) * reach }
      let search = NelderMead(lower: lower, upper: upper, evaluations: evaluations)
      best = search.minimize(start: start, steps: steps) {
        FittedCES.run(values, first, season, $0).squares
      }
    }
    guard best.value.isFinite else { return nil }
    self.season = season
    weights = best.point
    state = FittedCES.run(values, first, season, best.point).state
    let number = Double(count)
    let parameters = Double(season.parameterCount(length: seasonal.count))
    let room = number - parameters - 1
    aicc =
      room > 0
      ? number * logarithm(max(best.value, 1e-300)) + 2 * parameters
        + 2 * parameters * (parameters + 1) / room : .infinity
  }

  /// Runs the recursion through the series, back and through it again, whose errors count.
  private static func run(
    _ values: [Double], _ first: State, _ season: Season, _ weights: [Double]
  ) -> (squares: Double, state: State) {
    var state = first
    for value in values { state.add(value - state.forecast, season, weights, step: 1) }
    if season != .none { state.position = (values.count - 1) % state.seasonLevel.count }
    var index = values.count - 1
    while index >= 0 {
      state.add(values[index] - state.forecast, season, weights, step: -1)
      index -= 1
    }
    state.position = 0
    var squares = 0.0
    for value in values {
      let error = value - state.forecast
      squares += error * error
      state.add(error, season, weights, step: 1)
    }
    return (squares, state)
  }

  /// The state that a run begins with.
  private static func firstState(
    _ values: [Double], season: Season, seasonal: [Double]
  ) -> State {
    let head = max(2, min(values.count, seasonal.isEmpty ? 10 : seasonal.count))
    let mean = values[..<head].reduce(0) { $0 + $1 / Double(head) }
    return State(
      level: mean, potential: mean / 1.1, seasonLevel: season != .none ? seasonal : [],
      seasonPotential: season == .full ? seasonal.map { $0 / 1.1 } : [])
  }

  /// The same run with the derivatives of its errors by the weights.
  static func errorSums(
    _ values: [Double], season: Season, seasonal: [Double], weights: SIMD4<Double>
  ) -> ErrorSums {
    let first = firstState(values, season: season, seasonal: seasonal)
    var state = first
    var slopes = Slopes(
      seasonLevel: [SIMD4<Double>](repeating: SIMD4(), count: first.seasonLevel.count),
      seasonPotential: [SIMD4<Double>](repeating: SIMD4(), count: first.seasonPotential.count))
    let list = [weights[0], weights[1], weights[2], weights[3]]
    for value in values {
      slopes.add(value - state.forecast, state, season, weights)
      state.add(value - state.forecast, season, list, step: 1)
    }
    if season != .none { state.position = (values.count - 1) % state.seasonLevel.count }
    var index = values.count - 1
    while index >= 0 {
      let error = values[index] - state.forecast
      slopes.add(error, state, season, weights)
      state.add(error, season, list, step: -1)
      index -= 1
    }
    state.position = 0
    var sums = ErrorSums()
    for value in values {
      let error = value - state.forecast
      sums.add(error, slopes.ofError(state))
      slopes.add(error, state, season, weights)
      state.add(error, season, list, step: 1)
    }
    return sums
  }

  /// The derivatives of a state by the weights.
  private struct Slopes {
    var level = SIMD4<Double>()
    var potential = SIMD4<Double>()
    var seasonLevel: [SIMD4<Double>]
    var seasonPotential: [SIMD4<Double>]

    /// Those of the error of the next value.
    @inline(__always)
    func ofError(_ state: State) -> SIMD4<Double> {
      seasonLevel.isEmpty ? -level : -(level + seasonLevel[state.position])
    }

    /// Moves on as a state does that has yet to take an error.
    @inline(__always)
    mutating func add(
      _ error: Double, _ state: State, _ season: Season, _ weights: SIMD4<Double>
    ) {
      let slope = ofError(state)
      var units = (WeightUnit.first, WeightUnit.second)
      FittedCES.move(
        &level, &potential, slope, error, held: state.potential, (weights[0], weights[1]), units)
      let position = state.position
      switch season {
      case .none: return
      case .partial:
        seasonLevel[position] += weights[2] * slope
        seasonLevel[position] += error * WeightUnit.third
      case .full:
        units = (WeightUnit.third, WeightUnit.fourth)
        FittedCES.move(
          &seasonLevel[position], &seasonPotential[position], slope, error,
          held: state.seasonPotential[position], (weights[2], weights[3]), units)
      }
    }
  }

  /// Moves the derivatives of a complex state on by those of its recursion, which are those of its
  /// parts and what the weights themselves do.
  @inline(__always)
  private static func move(
    _ level: inout SIMD4<Double>, _ potential: inout SIMD4<Double>, _ slope: SIMD4<Double>,
    _ error: Double, held: Double, _ weights: (Double, Double),
    _ units: (SIMD4<Double>, SIMD4<Double>)
  ) {
    let old = level
    level += (weights.0 - weights.1) * slope
    level -= (1 - weights.1) * potential
    level += error * units.0
    level += (held - error) * units.1
    potential *= 1 - weights.0
    potential += old
    potential += (weights.0 + weights.1) * slope
    potential += (error - held) * units.0
    potential += error * units.1
  }

  /// The point forecasts of the periods after the series.
  package func forecast(horizon: Int) -> [Double] {
    var state = state
    return (0..<horizon).map { _ in
      let forecast = state.forecast
      state.add(0, season, weights, step: 1)
      return forecast
    }
  }
}
