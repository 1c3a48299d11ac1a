/// How a series is forecast, backtested and judged.
package struct ForecastSettings: Equatable, Sendable {
  /// The number of periods to forecast.
  package var horizon: Int
  /// The levels of the prediction intervals, each between 0 and 1.
  package var levels: [Double]
  /// Pairs of sine and cosine with a period of one week; days only, 3 describe any weekly pattern.
  package var weeklyHarmonics: Int
  /// Pairs of sine and cosine with a period of one year.
  package var yearlyHarmonics: Int
  /// The number of places at which the slope of the trend may change, spread evenly over the
  /// training window.
  package var changepoints: Int
  /// The dampings to choose from: the slope of the trend is multiplied by one of them in each
  /// period after the last known one.
  ///
  /// A slope fitted to a few months says little about the next year, and undamped it runs away: at
  /// 1 it is kept for ever, at 0 the trend stays where it ended.
  ///
  /// - SeeAlso: Gardner & McKenzie, *Management Science* 31(10), 1985,
  ///   doi:10.1287/mnsc.31.10.1237.
  package var trendDampings: [Double]
  /// The ridge penalties to choose from.
  package var penalties: [Double]
  /// The scales of the response to choose from; level, which is open to any series, is among them.
  package var scales: [ResponseScale]
  /// The largest number of backtest origins.
  package var origins: Int
  /// The number of periods between backtest origins, where the series is long enough.
  package var originStep: Int
  /// The smallest number of judging origins at which the model may be published.
  package var minimumJudgingOrigins: Int
  /// Whether values below zero are impossible, so that forecasts and intervals end there; without
  /// effect on a series that holds one.
  package var isNonnegative: Bool

  /// The settings for a grain: 90 days or 12 months ahead, intervals at 80 and 95 %.
  ///
  /// Days have a saturated weekly pattern, six yearly harmonics and ten changepoints; months five
  /// yearly harmonics and ten changepoints. Both hold the trend or fade its slope by
  /// a tenth per month. Penalties
  /// run from 0.01 to 10,000 in steps of √10.
  package static func defaults(for grain: Grain) -> ForecastSettings {
    let penalties = [
      0.01, 0.0316, 0.1, 0.316, 1, 3.16, 10, 31.6, 100, 316, 1_000, 3_160, 10_000,
    ]
    switch grain {
    case .day:
      return ForecastSettings(
        horizon: 90, levels: [0.8, 0.95], weeklyHarmonics: 3, yearlyHarmonics: 6,
        changepoints: 10, trendDampings: [0, 0.9965], penalties: penalties,
        scales: ResponseScale.allCases, origins: 52, originStep: 7, minimumJudgingOrigins: 4,
        isNonnegative: true)
    case .month:
      return ForecastSettings(
        horizon: 12, levels: [0.8, 0.95], weeklyHarmonics: 0, yearlyHarmonics: 5,
        changepoints: 10, trendDampings: [0, 0.9], penalties: penalties,
        scales: ResponseScale.allCases, origins: 24, originStep: 1, minimumJudgingOrigins: 4,
        isNonnegative: true)
    }
  }

  /// Throws `.invalidSetting` for the first setting that makes no sense.
  func validate() throws(ForecastingError) {
    func check(_ holds: Bool, _ name: String, _ allowed: String) throws(ForecastingError) {
      guard holds else { throw .invalidSetting(name: name, allowed: allowed) }
    }
    try check((1...10_000).contains(horizon), "horizon", "between 1 and 10000")
    try check(
      !levels.isEmpty && levels.allSatisfy { $0 > 0 && $0 < 1 }, "levels",
      "one or more numbers above 0 and below 1")
    try check((0...3).contains(weeklyHarmonics), "weeklyHarmonics", "between 0 and 3")
    try check((0...100).contains(yearlyHarmonics), "yearlyHarmonics", "between 0 and 100")
    try check((0...100).contains(changepoints), "changepoints", "between 0 and 100")
    try check(
      !trendDampings.isEmpty && trendDampings.allSatisfy { $0 >= 0 && $0 <= 1 }, "trendDampings",
      "one or more numbers between 0 and 1")
    try check(
      !penalties.isEmpty && penalties.allSatisfy { $0 > 0 && $0.isFinite }, "penalties",
      "one or more numbers above 0")
    try check(
      scales.contains(.level), "scales", "level, and square_root and logarithm if wanted")
    try check((1...1_000).contains(origins), "origins", "between 1 and 1000")
    try check((1...10_000).contains(originStep), "originStep", "between 1 and 10000")
    try check(
      (1...1_000).contains(minimumJudgingOrigins), "minimumJudgingOrigins", "between 1 and 1000")
  }
}
