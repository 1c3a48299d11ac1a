/// One series to be forecast.
package struct SeriesInput: Equatable, Sendable {
  /// Its values, one per period without gaps; NaN where unknown.
  package let values: [Double]
  /// The lengths of its seasons; empty without one.
  package let seasonLengths: [Int]
  /// Which of its periods, and of those to forecast, are unlike others; `nil` for none.
  package let special: SpecialPeriods?
  /// The days of its months and of those to forecast; `nil` where its periods are no months.
  package let months: MonthDays?
  /// The lengths of its waves; those of the seasons where it is `nil`.
  package let waves: [Double]?

  /// A series with its seasons.
  package init(
    values: [Double], seasonLengths: [Int], special: SpecialPeriods? = nil,
    months: MonthDays? = nil, waves: [Double]? = nil
  ) {
    self.waves = waves
    self.values = values
    self.special = special
    self.months = months
    self.seasonLengths = seasonLengths.filter { $0 > 1 }.sorted()
  }
}

/// The forecast of one series of many, with its intervals.
package struct SeriesForecast: Equatable, Sendable {
  /// The forecasts.
  package let points: [Double]
  /// Per level the lower ends.
  package let lower: [[Double]]
  /// Per level the upper ends.
  package let upper: [[Double]]
  /// What was used: `ensemble` or the name of a member.
  package let modelUsed: String
  /// Why a simple method was used, in words; `nil` for the combination.
  package let fallbackReason: String?
  /// The combination with its weights and origins.
  package let ensemble: EnsembleForecast
  /// How the widths of the intervals were found.
  package let intervalMethod: IntervalMethod
}

/// What a series is, as far as it decides the members (D-334).
enum SeriesKind: Equatable {
  /// Enough different values for the combination.
  case ordinary
  /// The reason for one simple method.
  case simple(EnsembleMember, reason: String)

  /// The fewest known values that a combination is fitted to.
  static let fewestValues = 6
  /// The share of zeros above which a series is intermittent.
  static let intermittentShare = 0.5

  init(_ values: [Double]) {
    let known = values.filter { !$0.isNaN }
    let zeros = known.count { $0 == 0 }
    if known.allSatisfy({ $0 == known[0] }) {
      self = .simple(
        .naive, reason: known.count == 1 ? "only one value is known" : "all values are equal")
    } else if known.count < SeriesKind.fewestValues {
      self = .simple(.naive, reason: "only \(known.count) values are known")
    } else if Double(zeros) > SeriesKind.intermittentShare * Double(known.count) {
      self = .simple(.intermittent, reason: "more than half of the values are zero")
    } else {
      self = .ordinary
    }
  }
}

/// Three origins where a hundred series or more share their errors, up to twelve where a series
/// is alone.
func originCount(poolSize: Int, settings: EnsembleSettings) -> Int {
  min(12, max(settings.origins, 100 / max(1, poolSize)))
}

/// The second half for one series: intervals from the pooled errors.
///
/// - Parameters:
///   - entry: the first half.
///   - pool: the errors of its group; `nil` where no series of it has an origin.
///   - levels: ascending, each between 0 and 1.
///   - horizon: the number of periods ahead.
/// - Returns: the whole forecast.
package func withIntervals(
  _ entry: SeriesEnsemble, pool: PooledIntervals?, levels: [Double], horizon: Int
) -> SeriesForecast {
  let (ensemble, model, reason) = entry
  let widths =
    pool?.halfWidths(ensemble)
    ?? unjudgedWidths(ensemble, levels: levels, horizon: horizon)
  let floor = ensemble.isNonnegative ? 0 : -Double.infinity
  return SeriesForecast(
    points: ensemble.points,
    lower: widths.map { width in
      ensemble.points.indices.map { max(floor, ensemble.points[$0] - width[$0]) }
    },
    upper: widths.map { width in ensemble.points.indices.map { ensemble.points[$0] + width[$0] } },
    modelUsed: model, fallbackReason: reason, ensemble: ensemble,
    intervalMethod: pool?.method ?? .studentT)
}

/// Half-widths where no series has an origin: Student's t times the one-step error, which grows
/// with the root of the horizon as that of a random walk does.
func unjudgedWidths(
  _ ensemble: EnsembleForecast, levels: [Double], horizon: Int
) -> [[Double]] {
  levels.map { level in
    let quantile = StudentT.twoSidedQuantile(level: level, degreesOfFreedom: 3)
    return (1...horizon).map { quantile * (ensemble.scales.first ?? 0) * Double($0).squareRoot() }
  }
}
