/// The state of an exponential smoothing model between two periods.
package struct ETSState: Equatable, Sendable {
  /// The level after the last period.
  package var level: Double
  /// The slope after the last period; 0 without a trend.
  package var slope: Double
  /// The seasonal parts, the one of the next period first; empty without a season.
  package var season: [Double]
}

/// The weights of an exponential smoothing model.
package struct ETSWeights: Equatable, Sendable {
  /// The weight `α` of the newest error in the level.
  package var level: Double
  /// The weight `β` of the newest error in the slope.
  package var slope: Double
  /// The weight `γ` of the newest error in the season.
  package var season: Double
  /// The damping `φ` of the slope in each period; 1 keeps it.
  package var damping: Double
}

extension ETSForm {
  /// What a run of the recursion leaves: sums over the known values.
  struct Run {
    /// The sum of squared errors, relative ones for a multiplicative error.
    var squares = 0.0
    /// The sum of the logarithms of the forecasts; 0 for an additive error.
    var logarithms = 0.0
    /// The number of known values.
    var count = 0

    /// Twice the negative logarithm of the likelihood, without the constants.
    var criterion: Double {
      let number = Double(count)
      // A perfect fit has no likelihood; the bound keeps it finite and comparable.
      return number * logarithm(max(squares, 1e-300)) + 2 * logarithms
    }
  }

  /// Runs the recursion through `values` and leaves `state` at their end.
  ///
  /// An unknown value (NaN) is passed over as if the forecast had come true. The point forecasts
  /// of additive and multiplicative errors are the same; only their likelihoods differ.
  ///
  /// - Parameters:
  ///   - values: the series.
  ///   - weights: the weights.
  ///   - state: the state before the first value, then that after the last.
  ///   - fitted: called with each position and its one-step forecast.
  /// - Returns: the sums that the likelihood is made of.
  @inline(__always)
  func run(
    _ values: [Double], weights: ETSWeights, state: inout ETSState,
    fitted: (Int, Double) -> Void = { _, _ in }
  ) -> Run {
    var run = Run()
    var level = state.level
    var slope = state.slope
    let seasonCount = state.season.count
    var position = 0
    var product = 1.0
    let isRelative = error == .multiplicative
    for index in values.indices {
      let base = level + weights.damping * slope
      let seasonal = seasonCount > 0 ? state.season[position] : 0
      let forecast: Double
      switch season {
      case .none: forecast = base
      case .additive: forecast = base + seasonal
      case .multiplicative: forecast = base * seasonal
      }
      fitted(index, forecast)
      let value = values[index]
      var error = value - forecast
      if error.isNaN {
        error = 0
      } else {
        run.count += 1
        if isRelative {
          // The logarithm of a product of sixteen costs a sixteenth of sixteen logarithms.
          guard forecast > 0 else {
            run.squares = .infinity
            return run
          }
          let relative = error / forecast
          run.squares += relative * relative
          product *= forecast
          if run.count % 16 == 0 || product > 1e200 || product < 1e-200 {
            run.logarithms += logarithm(product)
            product = 1
          }
        } else {
          run.squares += error * error
        }
      }
      switch season {
      case .none:
        level = base + weights.level * error
        slope = weights.damping * slope + weights.slope * error
      case .additive:
        level = base + weights.level * error
        slope = weights.damping * slope + weights.slope * error
        state.season[position] = seasonal + weights.season * error
      case .multiplicative:
        level = base + weights.level * error / seasonal
        slope = weights.damping * slope + weights.slope * error / seasonal
        state.season[position] = seasonal + weights.season * error / base
      }
      position += 1
      if position >= seasonCount { position = 0 }
    }
    run.logarithms += isRelative ? logarithm(product) : 0
    state.level = level
    state.slope = slope
    if position > 0 {
      state.season = Array(state.season[position...] + state.season[..<position])
    }
    return run
  }

  /// The point forecasts after a state.
  func forecast(_ state: ETSState, weights: ETSWeights, horizon: Int) -> [Double] {
    var reach = 0.0
    var step = 1.0
    return (0..<horizon).map { ahead in
      step *= weights.damping
      reach += step
      let base = state.level + (trend == .none ? 0 : reach * state.slope)
      switch season {
      case .none: return base
      case .additive: return base + state.season[ahead % state.season.count]
      case .multiplicative: return base * state.season[ahead % state.season.count]
      }
    }
  }
}
