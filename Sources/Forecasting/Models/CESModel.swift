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
    let head = max(2, min(count, seasonal.isEmpty ? 10 : seasonal.count))
    let mean = values[..<head].reduce(0) { $0 + $1 / Double(head) }
    let usesSeason = season != .none
    func run(_ weights: [Double]) -> (Double, State) {
      var state = State(
        level: mean, potential: mean / 1.1, seasonLevel: usesSeason ? seasonal : [],
        seasonPotential: season == .full ? seasonal.map { $0 / 1.1 } : [])
      for value in values { state.add(value - state.forecast, season, weights, step: 1) }
      if usesSeason { state.position = (count - 1) % seasonal.count }
      var index = count - 1
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
    let reach = earlier == nil ? 1.0 : 0.4
    let steps = start.indices.map { (season == .partial && $0 == 2 ? 0.1 : -0.2) * reach }
    let search = NelderMead(lower: lower, upper: upper, evaluations: evaluations)
    let best = search.minimize(start: start, steps: steps) { run($0).0 }
    guard best.value.isFinite else { return nil }
    self.season = season
    weights = best.point
    state = run(best.point).1
    let number = Double(count)
    let parameters = Double(season.parameterCount(length: seasonal.count))
    let room = number - parameters - 1
    aicc =
      room > 0
      ? number * logarithm(max(best.value, 1e-300)) + 2 * parameters
        + 2 * parameters * (parameters + 1) / room : .infinity
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
