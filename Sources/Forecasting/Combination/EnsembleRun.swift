/// A combination on its way from the first rolling origin to the end of a series.
struct EnsembleRun {
  /// The series before one end, as members see it.
  struct Part {
    /// The number of periods before the end, from the first known one.
    let end: Int
    /// The periods to forecast.
    let horizon: Int
    /// The values, without gaps, special periods and pulses.
    let values: [Double]
    /// The same without seasons, where that is known already.
    let adjusted: AdjustedSeries?
    /// What special periods bring.
    let effects: HolidayEffects?
    /// What months bring for their days.
    let days: MonthEffects?
    /// The periods of the series whose values stand alone.
    let pulses: [Int]
  }

  /// The settings.
  let settings: EnsembleSettings
  /// The ends: those of the origins, then that of the series.
  let ends: [Int]
  /// The first known period of the series.
  private let first: Int
  /// The values from there on; NaN where unknown.
  private let known: [Double]
  /// The same without gaps.
  private let series: [Double]
  private let special: SpecialPeriods?
  private let months: MonthDays?
  private let isNonnegative: Bool
  private var fits: MemberFits
  private var errors: MemberErrors
  private var origins: [EnsembleOrigin] = []
  /// The forecast, once that of the last end is made.
  private(set) var result: EnsembleForecast?

  /// The lengths of the waves of a harmonic regression.
  var waves: [Double] { settings.waves ?? settings.seasonLengths.map(Double.init) }

  /// A run before its first origin; `nil` where no value is known.
  init?(_ values: [Double], settings: EnsembleSettings) {
    guard let first = values.firstIndex(where: { !$0.isNaN }) else { return nil }
    self.first = first
    self.settings = settings
    let season = settings.seasonLengths.first ?? 1
    known = first == 0 ? values : Array(values[first...])
    let series = filled(known, seasonLength: season)
    self.series = series
    special = settings.special?.dropping(first)
    months = settings.months?.dropping(first)
    isNonnegative = settings.isNonnegative && series.allSatisfy { $0 >= 0 }
    fits = MemberFits(
      seasonLengths: settings.seasonLengths, waves: settings.waves, bases: settings.bases)
    errors = MemberErrors(members: settings.members)
    ends =
      originEnds(count: series.count, season: season, settings: settings) + [series.count]
  }

  /// The series before an end, as it was known there.
  func part(_ end: Int) -> Part {
    var part = end == series.count ? series : Array(series[..<end])
    let effects = special.map {
      HolidayEffects(part, isKnown: { !known[$0].isNaN }, special: $0)
    }
    if let effects { part = effects.removed(from: part) }
    let days = months.map {
      MonthEffects(
        part, isKnown: { !known[$0].isNaN }, months: $0,
        isSeasonal: settings.seasonLengths.contains(12))
    }
    if let days { part = days.removed(from: part) }
    let mask = settings.masksPulses ? PulseMask(part, seasonLengths: settings.seasonLengths) : nil
    return Part(
      end: end,
      horizon: end == series.count ? settings.horizon : min(settings.horizon, series.count - end),
      values: mask?.values ?? part, adjusted: mask?.adjusted, effects: effects, days: days,
      pulses: mask?.pulses.map { first + $0 } ?? [])
  }

  /// Forecasts from an end; ends come in order.
  ///
  /// - Parameters:
  ///   - part: the series before it.
  ///   - harmonics: its harmonic regression, where it was made beside others; `nil` to make it.
  mutating func forecast(_ part: Part, harmonics: FittedHarmonics??) {
    let all = memberForecasts(part, harmonics)
    let weights = errors.weights(
      before: part.end, halfway: settings.halfwayErrors, power: settings.weightPower)
    guard part.end < series.count else {
      result = EnsembleForecast(
        points: combined(all, weights), members: settings.members, weights: weights,
        memberPoints: all, origins: origins, scales: fits.errorScales,
        isNonnegative: isNonnegative, pulses: part.pulses)
      return
    }
    // Filled values are no evidence.
    let actual = Array(known[part.end..<(part.end + part.horizon)])
    origins.append(
      EnsembleOrigin(
        end: first + part.end, predicted: combined(all, weights), actual: actual,
        scales: fits.errorScales))
    errors.add(end: part.end, forecasts: all, actual: actual)
  }

  /// Forecasts of all members, held within reach of the series.
  private mutating func memberForecasts(
    _ part: Part, _ harmonics: FittedHarmonics??
  ) -> [[Double]] {
    let bound = Reach(part.values)
    let supplied = settings.supplied?.points(before: first + part.end)
    let parent = settings.parent.map { Array($0[first..<(first + part.end)]) }
    return fits.forecasts(
      part.values, members: settings.members, horizon: part.horizon, parent: parent,
      supplied: supplied, known: part.adjusted, harmonics: harmonics
    ).map { forecast in
      var held = forecast.map { bound.held($0) }
      held = part.days?.applied(to: held, from: part.end) ?? held
      return part.effects?.applied(to: held, from: part.end) ?? held
    }
  }

  /// The weighted mean of forecasts.
  private func combined(_ forecasts: [[Double]], _ weights: [Double]) -> [Double] {
    let horizon = forecasts.first?.count ?? 0
    return (0..<horizon).map { ahead in
      var sum = 0.0
      for (weight, forecast) in zip(weights, forecasts) { sum += weight * forecast[ahead] }
      return isNonnegative ? max(0, sum) : sum
    }
  }
}

/// The range that forecasts are held in, so that no extrapolation runs away.
struct Reach {
  private let lower: Double
  private let upper: Double
  private let centre: Double

  /// The range of the values, widened on either side by its own width and the size of the values.
  init(_ values: [Double]) {
    let (low, high) = SeriesLoops.range(values)
    let width = (high - low) + max(abs(low), abs(high))
    lower = low - width
    upper = high + width
    centre = values[values.count - 1]
  }

  func held(_ value: Double) -> Double {
    value.isNaN ? centre : min(max(value, lower), upper)
  }
}

/// The errors of members at rolling origins.
struct MemberErrors {
  private let members: [EnsembleMember]
  private var count: Int { members.count }
  private var origins: [(end: Int, absolute: [[Double]])] = []

  /// How many times the smallest error a member may have and still take part, once there are
  /// errors enough to say so.
  private static let largestRatio = 2.0

  init(members: [EnsembleMember]) { self.members = members }

  mutating func add(end: Int, forecasts: [[Double]], actual: [Double]) {
    let absolute = forecasts.map { forecast in
      zip(forecast, actual).map { abs($0 - $1) }
    }
    origins.append((end, absolute))
  }

  /// The members that share: Theta of logarithms only where there are origins to speak for or
  /// against it, since growth in proportion to the level, wrongly assumed, runs away.
  private func sharing(used: Int) -> [Bool] {
    let isGuarded = used == 0 && members.contains(.theta)
    return members.map { $0 != .logTheta || !isGuarded }
  }

  /// The weights from targets before `end`.
  ///
  /// - Parameters:
  ///   - end: the origin they are for.
  ///   - halfway: the number of errors at which weights go halfway to equal.
  ///   - power: the power of the mean relative error whose inverse is a weight before that.
  /// - Returns: one weight for each member; they sum to 1.
  func weights(before end: Int, halfway: Double, power: Int) -> [Double] {
    var sums = [Double](repeating: 0, count: count)
    var used = 0
    var targets = 0
    for origin in origins {
      let reach = end - origin.end
      let means = origin.absolute.map { errors in
        var sum = 0.0
        var known = 0.0
        for error in errors.prefix(reach) where !error.isNaN {
          sum += error
          known += 1
        }
        return known > 0 ? sum / known : .nan
      }
      let mean = means.reduce(0, +) / Double(count)
      guard mean.isFinite, mean > 0 else { continue }
      for member in 0..<count { sums[member] += means[member] / mean }
      used += 1
      targets += min(reach, origin.absolute[0].count)
    }
    let shares = sharing(used: used)
    guard used > 0 else { return shares.map { $0 ? 1 / Double(shares.count { $0 }) : 0 } }
    // A member without any error would take all the weight; a thousandth of the mean is close.
    let least = sums.min() ?? 0
    let isTrimmed = Double(targets) >= halfway
    let kept = zip(sums, shares).map {
      $1 && (!isTrimmed || $0 <= MemberErrors.largestRatio * least)
    }
    let equal = kept.map { $0 ? 1 / Double(kept.count { $0 }) : 0 }
    let inverse = zip(sums, kept).map { sum, isSharing in
      let error = max(sum / Double(used), 1e-3)
      return isSharing ? 1 / (0..<power).reduce(1) { product, _ in product * error } : 0
    }
    let total = inverse.reduce(0, +)
    let equalShare = halfway / (halfway + Double(targets))
    return zip(inverse, equal).map { equalShare * $1 + (1 - equalShare) * $0 / total }
  }
}
