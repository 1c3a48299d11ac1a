/// The methods a combination is made of, or that stand alone.
package enum EnsembleMember: String, CaseIterable, Sendable {
  /// Exponential smoothing, its forms weighted by Akaike's criterion.
  case exponentialSmoothing = "ets"
  /// Dynamic optimised Theta on the seasonally adjusted series.
  case theta
  /// The same on logarithms.
  case logTheta = "log_theta"
  /// Complex exponential smoothing.
  case complexSmoothing = "ces"
  /// Exponential smoothing of sums of several periods, averaged over the lengths of these sums.
  case aggregatedSmoothing = "aggregated_ets"
  /// Theta of sums of several periods, likewise.
  case aggregatedTheta = "aggregated_theta"
  /// Local and global trend of the seasonally adjusted series, sampled.
  case globalTrend = "global_trend"
  /// Level, one or two seasons and autoregressive errors, smoothed.
  case seasonalSmoothing = "seasonal_smoothing"
  /// The same on logarithms.
  case logSeasonalSmoothing = "log_seasonal_smoothing"
  /// A regression on waves, a slope that may change, and autoregressive errors.
  case harmonic
  /// The value one season earlier, of the longest season.
  case seasonalNaive = "seasonal_naive"
  /// The same of the shortest season.
  case shortSeasonalNaive = "short_seasonal_naive"
  /// The last value.
  case naive
  /// The last value and the mean change.
  case drift
  /// The mean of all values.
  case mean
  /// Probability and size of demand, for series that are mostly zero.
  case intermittent = "tsb"
  /// What ``SuppliedForecasts`` say, else the last value.
  case bottomUp = "bottom_up"

  /// What is combined where nothing else is asked for.
  ///
  /// Members differ in scale (levels and logarithms), in what they minimise and in the length of
  /// their periods, so that their errors differ too; all extrapolate with restraint. The set and
  /// its equal prior weights follow what did well in the M competitions rather than any one series (D-331).
  ///
  /// - SeeAlso: Petropoulos & Svetunkov, *International Journal of Forecasting* 36(1), 2020,
  ///   doi:10.1016/j.ijforecast.2019.01.006; Kourentzes, Petropoulos & Trapero, ibid. 30(2), 2014,
  ///   doi:10.1016/j.ijforecast.2013.09.006; Kolassa, ibid. 27(2), 2011,
  ///   doi:10.1016/j.ijforecast.2010.04.006.
  package static let standard: [EnsembleMember] = [
    .exponentialSmoothing, .theta, .logTheta, .complexSmoothing, .aggregatedSmoothing,
    .aggregatedTheta,
  ]

  /// What is combined instead for a short series of years, quarters or periods without a season: the
  /// sums of ``aggregatedSmoothing`` and ``aggregatedTheta`` are one or three there, mostly those forecasts
  /// again, and a global trend is of another kind (DECISIONS.md, D-592).
  package static let fewPeriods: [EnsembleMember] = [
    .exponentialSmoothing, .theta, .logTheta, .complexSmoothing, .globalTrend,
  ]

  /// What is combined instead for a series of many seasons, such as hours and days: it says enough
  /// about its season, and about the members, for ones that smooth each position by itself.
  package static let manySeasons: [EnsembleMember] = [
    .seasonalSmoothing, .logSeasonalSmoothing, .complexSmoothing, .shortSeasonalNaive,
    .seasonalNaive, .theta,
  ]

  /// The members that can be made from a series alone.
  package static let ofSeries = allCases.filter { $0 != .bottomUp }

  /// The fewest whole seasons, of at least five periods each, for ``manySeasons``.
  static let fewestOfMany = 24

  /// The members that are combined where none are asked for.
  ///
  /// With two seasons or more, of five periods or more, a harmonic regression is one of them: its trend
  /// and waves are of another kind than what others smooth (D-503). Where there is one season only, its
  /// seasonal naive forecast counts once (D-509).
  package static func usual(count: Int, seasonLengths: [Int]) -> [EnsembleMember] {
    let season = seasonLengths.first ?? 1
    if season <= FittedGlobalTrend.longestSeason, count <= FittedGlobalTrend.mostValues {
      return fewPeriods
    }
    guard season >= 5 else { return standard }
    guard count >= 2 * season else { return standard }
    guard isOfManySeasons(count: count, seasonLengths: seasonLengths) else {
      return standard + [.harmonic]
    }
    let members =
      seasonLengths.count > 1 ? manySeasons : manySeasons.filter { $0 != .shortSeasonalNaive }
    return members + [.harmonic]
  }

  /// Whether a series holds enough of its shortest season for ``manySeasons``.
  ///
  /// - Parameters:
  ///   - count: the number of its periods.
  ///   - seasonLengths: the lengths of its seasons in periods, ascending.
  /// - Returns: whether it does, with a season of five periods or more.
  package static func isOfManySeasons(count: Int, seasonLengths: [Int]) -> Bool {
    guard let season = seasonLengths.first, season >= 5 else { return false }
    return count >= fewestOfMany * season
  }
}
