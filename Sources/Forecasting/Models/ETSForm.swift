/// The form of an exponential smoothing model: how errors, trend and season enter.
package struct ETSForm: Equatable, Hashable, Sendable {
  /// How errors enter.
  package enum ErrorKind: Sendable {
    /// Errors of one size at every level.
    case additive
    /// Errors in proportion to the forecast.
    case multiplicative
  }
  /// How the trend goes on.
  package enum TrendKind: Sendable {
    /// The level stays.
    case none
    /// A slope that stays.
    case additive
    /// A slope that fades.
    case damped
  }
  /// How the season enters.
  package enum SeasonKind: Sendable {
    /// No season.
    case none
    /// Season added to the level.
    case additive
    /// Level times season.
    case multiplicative
  }

  /// How errors enter.
  package let error: ErrorKind
  /// How the trend goes on.
  package let trend: TrendKind
  /// How the season enters.
  package let season: SeasonKind

  /// A form of three parts.
  package init(error: ErrorKind, trend: TrendKind, season: SeasonKind) {
    self.error = error
    self.trend = trend
    self.season = season
  }

  /// The usual letters, such as `MAdM` or `ANN`.
  package var name: String {
    let first = error == .additive ? "A" : "M"
    let second = trend == .none ? "N" : trend == .additive ? "A" : "Ad"
    let third = season == .none ? "N" : season == .additive ? "A" : "M"
    return first + second + third
  }

  /// The forms a series is open to.
  ///
  /// Multiplicative parts need values above zero. An additive error with a multiplicative season
  /// is left out: its variance grows without bound where a season is close to zero.
  package static func all(isPositive: Bool, isSeasonal: Bool) -> [ETSForm] {
    var forms: [ETSForm] = []
    for error in isPositive ? [ErrorKind.additive, .multiplicative] : [.additive] {
      for season in isSeasonal ? [SeasonKind.none, .additive, .multiplicative] : [.none] {
        if season == .multiplicative, error == .additive { continue }
        for trend in [TrendKind.none, .additive, .damped] {
          forms.append(ETSForm(error: error, trend: trend, season: season))
        }
      }
    }
    return forms
  }

  /// The number of parameters that count in an information criterion: smoothing weights, damping,
  /// initial states (of a season all but one, since they are normalised) and the variance.
  func parameterCount(seasonLength: Int) -> Int {
    let trendCount = trend == .none ? 0 : trend == .additive ? 2 : 3
    return 3 + trendCount + (season == .none ? 0 : seasonLength)
  }
}
