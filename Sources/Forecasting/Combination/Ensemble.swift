import Glibc

/// How a series is forecast by a combination of members.
package struct EnsembleSettings: Equatable, Sendable {
  /// The number of periods to forecast.
  package var horizon: Int
  /// The lengths of seasons in periods, such as `[12]`; 1 or nothing for none.
  package var seasonLengths: [Int]
  /// The members to combine.
  package var members = EnsembleMember.standard
  /// The most rolling origins.
  package var origins = 3
  /// The number of periods between origins; a third of the horizon where it is `nil`.
  package var originStep: Int?
  /// The fewest values before an origin; three seasons, or ten values, where it is `nil`.
  package var shortestHistory: Int?
  /// The number of errors per member at which its weight goes halfway to equal.
  ///
  /// Few errors say little about which member is best, and equal weights are hard to beat. With
  /// this many, half of what three origins of a year of months give, both count alike.
  ///
  /// - SeeAlso: Timmermann, *Handbook of Economic Forecasting* 1, 2006, chapter 4,
  ///   doi:10.1016/S1574-0706(05)01004-9.
  package var halfwayErrors = 18.0
  /// The power of a member's error whose inverse is its weight.
  ///
  /// The square is that of independent errors. Members of a series of many seasons are judged by some
  /// hundred errors, which say well which of them is better, and mostly err together: see
  /// ``sharpPower`` (DECISIONS.md, D-509).
  package var weightPower = 2
  /// Whether values below zero are impossible; without effect on a series that holds one.
  package var isNonnegative = true
  /// Which periods of the series, and of the horizon, are unlike others; `nil` for none.
  package var special: SpecialPeriods?
  /// The days of the series' months, and of the horizon's; `nil` for other periods, and for a level.
  package var months: MonthDays?
  /// The lengths of waves for ``EnsembleMember/harmonic``, ascending; those of the seasons where it is
  /// `nil`.
  package var waves: [Double]?
  /// What harmonic regressions of many series share.
  package var bases = HarmonicBases()
  /// The values of a series that this one is a part of, of the same periods and all known: seasonal
  /// indices are shrunk towards its; `nil` for none.
  package var parent: [Double]?
  /// Whether values that stand alone are left out of the fits.
  package var masksPulses = true
  /// What ``EnsembleMember/bottomUp`` says at the end and at origins.
  package var supplied: SuppliedForecasts?

  /// The ``weightPower`` for series of many seasons.
  package static let sharpPower = 6

  /// Settings with the standard members.
  package init(horizon: Int, seasonLengths: [Int]) {
    self.horizon = horizon
    self.seasonLengths = seasonLengths.filter { $0 > 1 }.sorted()
  }

  /// Takes the power ``sharpPower`` where a series holds many of its seasons.
  ///
  /// - Parameter count: the number of the series' periods.
  /// - Returns: whether it does.
  @discardableResult
  mutating func sharpenWeights(count: Int) -> Bool {
    let isOfManySeasons = EnsembleMember.isOfManySeasons(
      count: count, seasonLengths: seasonLengths)
    if isOfManySeasons { weightPower = EnsembleSettings.sharpPower }
    return isOfManySeasons
  }
}

/// The forecasts of a combination from one earlier point, with what happened.
package struct EnsembleOrigin: Equatable, Sendable {
  /// The number of periods before the origin.
  package let end: Int
  /// The forecasts of the combination; its weights come from targets before the origin.
  package let predicted: [Double]
  /// The values that followed, as far as they are known; NaN where unknown.
  package let actual: [Double]
  /// The expected size of errors by what lies before the origin, one per period ahead.
  package let scales: [Double]
}

/// A forecast by a combination of members.
package struct EnsembleForecast: Equatable, Sendable {
  /// The forecasts of the periods after the series.
  package let points: [Double]
  /// The members, in the order of ``weights``.
  package let members: [EnsembleMember]
  /// The share of each member; they sum to 1.
  package let weights: [Double]
  /// The forecasts of each member.
  package let memberPoints: [[Double]]
  /// The rolling origins, earliest first.
  package let origins: [EnsembleOrigin]
  /// The expected size of errors by the whole series, one per period ahead.
  package let scales: [Double]
  /// Whether values below zero were held impossible.
  package let isNonnegative: Bool
  /// The periods whose values stand alone and were left out of the last fit.
  package var pulses: [Int] = []
}

/// The mean absolute difference of values one season apart, of neighbours for a series that is no
/// longer than a season; the unit of scaled errors.
///
/// - SeeAlso: Hyndman & Koehler, *International Journal of Forecasting* 22(4), 2006,
///   doi:10.1016/j.ijforecast.2006.03.001.
package func changeScale(_ values: [Double], seasonLength: Int) -> Double {
  for lag in [max(1, seasonLength), 1] where values.count > lag {
    var sum = 0.0
    var count = 0.0
    for index in lag..<values.count {
      let change = abs(values[index] - values[index - lag])
      if change.isNaN { continue }
      sum += change
      count += 1
    }
    if count > 0 { return sum / count }
  }
  return 0
}

/// Forecasts a series by a weighted mean of members.
///
/// The weight of a member is the inverse of the square, or with many seasons of the sixth power
/// (D-509), of its mean absolute error over the rolling origins, each origin's errors set against the
/// mean of all members there. It is then moved towards equal weights, the less the more errors there
/// are. With errors enough a member more than twice as wrong as the best takes no part. Weights used at an origin come from targets before it. A
/// series too short for an origin has equal weights, and forecasts nothing on logarithms (D-332).
/// What special periods bring more or less than others is taken out of the series before members
/// see it and put into their forecasts; at an origin as it was known there (D-500). So is what months
/// bring for their lengths and working days (D-501). Values that stand alone are left out (D-504).
///
/// - Parameters:
///   - values: the series; NaN where unknown, which is filled by ``filled(_:seasonLength:)``.
///     Infinite values are not allowed.
///   - settings: the horizon, seasons and members.
/// - Returns: the forecast, or `nil` where no value is known.
/// - Complexity: O(o·m·n) for o origins, m members and n values.
package func ensembleForecast(
  _ values: [Double], settings: EnsembleSettings
) -> EnsembleForecast? {
  guard var run = EnsembleRun(values, settings: settings) else { return nil }
  for end in run.ends { run.forecast(run.part(end), harmonics: nil) }
  return run.result
}

/// The ends of the rolling origins, ascending.
///
/// The last lies one step before the end. The first leaves three seasons to fit to, or ten values
/// without a season, so that no member is judged on less than it needs.
func originEnds(count: Int, season: Int, settings: EnsembleSettings) -> [Int] {
  let step = max(1, settings.originStep ?? settings.horizon / 3)
  let shortest = settings.shortestHistory ?? (season > 1 ? 3 * season : 10)
  var ends: [Int] = []
  var end = count - step
  while end >= shortest, ends.count < settings.origins {
    ends.append(end)
    end -= step
  }
  return ends.reversed()
}

/// A series with its unknown values filled: by the line between the neighbours of a gap, on the
/// series without its season where that is known, and by the nearest value at the ends.
package func filled(_ values: [Double], seasonLength: Int) -> [Double] {
  guard values.contains(where: \.isNaN) else { return values }
  var result = lineFilled(values)
  guard seasonLength > 1, values.count >= 2 * seasonLength else { return result }
  // What the line puts into a gap flattens the season; each round takes most of that back.
  for _ in 0..<3 {
    guard
      let season = SeasonalIndices(result, length: seasonLength, kind: .additive, isShrunk: true)
    else { break }
    let back = season.seasonal(lineFilled(season.adjusted(values)), from: 0)
    result = values.indices.map { values[$0].isNaN ? back[$0] : values[$0] }
  }
  return result
}

private func lineFilled(_ values: [Double]) -> [Double] {
  var result = values
  var last: Int?
  for index in values.indices where !values[index].isNaN {
    if let last, index > last + 1 {
      let step = (values[index] - values[last]) / Double(index - last)
      for gap in (last + 1)..<index { result[gap] = values[last] + step * Double(gap - last) }
    } else if last == nil {
      for gap in 0..<index { result[gap] = values[index] }
    }
    last = index
  }
  if let last {
    for gap in stride(from: last + 1, to: values.count, by: 1) { result[gap] = values[last] }
  }
  return result
}
