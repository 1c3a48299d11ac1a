import Glibc

/// Fits members to a series that grows from origin to origin.
///
/// Each origin begins from what the one before it found, which is most of the way; it never sees a
/// value at or after its own end.
struct MemberFits {
  /// The lengths of seasons, shortest first; empty without a season.
  let seasonLengths: [Int]
  private var smoothing: [ETSForm: FittedETS] = [:]
  private var aggregated: [Int: [ETSForm: FittedETS]] = [:]
  /// Theta of the present origin.
  ///
  /// Its surface has several valleys, so each origin begins anew.
  private var theta: FittedTheta?
  /// The deviation of the errors of the present origin's harmonic regression; `nil` without a fit.
  private var harmonicDeviation: Double?
  private var complex: [FittedCES.Season: FittedCES] = [:]
  /// Exponential smoothing at the present origin, as long as that of sums of one period has been the
  /// same at all of them: without a season both are fitted to the same values, from the same ones on.
  private var plainSmoothing: [Double]?
  /// Whether both were the same until now.
  private var isPlain = true
  /// Where the walk through the parameters of a global trend was at the origin before.
  private var globalTrend: GlobalTrendWalk?

  /// The longest season that enters a model as states of its own; longer ones are removed first.
  private static let longestModelled = 24
  /// How much worse by Akaike's criterion a form may be at one origin and still be fitted at the
  /// next; its weight there is below one in 500.
  private static let pruning = 12.0
  /// The shortest series that forms are dropped for: on a shorter one the criterion's penalty falls
  /// too fast from origin to origin.
  private static let prunedFrom = 40
  /// The fewest sums of several periods that a model is fitted to.
  private static let fewestSums = 5

  private let waves: [Double]
  private let bases: HarmonicBases

  init(seasonLengths: [Int], waves: [Double]? = nil, bases: HarmonicBases = HarmonicBases()) {
    self.seasonLengths = seasonLengths
    self.waves = waves ?? seasonLengths.map(Double.init)
    self.bases = bases
  }

  /// The expected size of errors at the last origin, one per period ahead; the unit in which errors
  /// of different series, origins and horizons compare.
  private(set) var errorScales: [Double] = []

  /// What members share at one origin.
  private struct Origin {
    let values: [Double]
    let horizon: Int
    let adjustment: SeasonalAdjustment
    let adjusted: [Double]
    /// The series for harmonic regressions, where the caller has it.
    let levelled: [Double]?
    /// The season modelled by states, and the indices it starts from; 1 without.
    let length: Int
    let additive: SeasonalIndices?
    let multiplicative: SeasonalIndices?
    /// The most runs of a recursion in one fit.
    let evaluations: Int
  }

  /// The forecasts of the periods after `values`, one per member.
  ///
  /// - Parameters:
  ///   - values: at least one, all known and finite.
  ///   - members: what to forecast with.
  ///   - horizon: the number of periods ahead.
  ///   - parent: values of a series that this one is a part of, of the same periods; `nil` for none.
  ///   - supplied: what was forecast from more than the values, for as many periods or more.
  ///   - known: the same values without their seasons; not looked at where there is a parent, whose
  ///     seasons are others; `nil` to find them.
  ///   - harmonics: the fit of the harmonic regression, where it was made beside others; `nil` to make
  ///     it.
  /// - Returns: the forecasts, in the order of the members.
  mutating func forecasts(
    _ values: [Double], members: [EnsembleMember], horizon: Int, parent: [Double]? = nil,
    supplied: [Double]? = nil, known: AdjustedSeries? = nil, harmonics: FittedHarmonics?? = nil
  ) -> [[Double]] {
    let known = parent == nil ? known : nil
    let adjustment =
      known?.adjustment
      ?? SeasonalAdjustment(
        values, lengths: seasonLengths,
        parent: parent.map { SeasonalAdjustment($0, lengths: seasonLengths) })
    let isPositive = values.allSatisfy { $0 > 0 }
    let only = adjustment.parts.count == 1 ? adjustment.parts[0].indices.count : 1
    let length = only <= MemberFits.longestModelled ? only : 1
    let hasStates = members.contains { $0 == .exponentialSmoothing || $0 == .complexSmoothing }
    let origin = Origin(
      values: values, horizon: horizon, adjustment: adjustment,
      adjusted: known?.adjusted ?? adjustment.adjusted(values),
      levelled: members.contains(.harmonic) ? known?.levelled : nil, length: length,
      additive: hasStates
        ? SeasonalIndices(values, length: length, kind: .additive, isShrunk: false) : nil,
      multiplicative: hasStates && isPositive
        ? SeasonalIndices(values, length: length, kind: .multiplicative, isShrunk: false) : nil,
      evaluations: 250)
    theta = nil
    harmonicDeviation = nil
    plainSmoothing = nil
    let forecasts = members.map { member in
      switch member {
      case .exponentialSmoothing: smoothed(origin)
      case .theta: theta(origin)
      case .logTheta: logTheta(origin)
      case .complexSmoothing: complexSmoothed(origin)
      case .aggregatedSmoothing: aggregated(origin, isTheta: false)
      case .aggregatedTheta: aggregated(origin, isTheta: true)
      case .globalTrend: globallyTrended(origin)
      case .harmonic: harmonic(origin, harmonics)
      case .seasonalNaive:
        SimpleForecasts.seasonalNaive(values, length: seasonLengths.last ?? 1, horizon: horizon)
      case .shortSeasonalNaive:
        SimpleForecasts.seasonalNaive(values, length: seasonLengths.first ?? 1, horizon: horizon)
      case .seasonalSmoothing: seasonallySmoothed(origin)
      case .logSeasonalSmoothing: logSeasonallySmoothed(origin)
      case .naive: SimpleForecasts.naive(values, horizon: horizon)
      case .drift: SimpleForecasts.drift(values, horizon: horizon)
      case .mean: SimpleForecasts.mean(values, horizon: horizon)
      case .intermittent: FittedTSB(values).forecast(horizon: horizon)
      case .bottomUp:
        supplied.map { Array($0.prefix(horizon)) }
          ?? SimpleForecasts.naive(values, horizon: horizon)
      }
    }
    if members == [.harmonic], let harmonicDeviation {
      errorScales = scales(origin, step: harmonicDeviation, alpha: 0)
      return forecasts
    }
    let reference =
      members.contains(.theta)
      ? theta : FittedTheta(origin.adjusted, theta: 2, evaluations: MemberFits.quickEvaluations)
    errorScales = scales(
      origin, step: reference?.meanSquare.squareRoot() ?? 0, alpha: reference?.alpha ?? 0)
    return forecasts
  }

  /// The sizes of errors that a fit of Theta and the changes of the series let expect.
  ///
  /// Two measures with errors of their own are averaged, geometrically: the one-step errors of the
  /// fit, which grow with the horizon as those of exponential smoothing do, and the mean change over
  /// a season. A multiplicative season widens and narrows both.
  private func scales(_ origin: Origin, step: Double, alpha: Double) -> [Double] {
    let change = changeScale(origin.values, seasonLength: seasonLengths.first ?? 1)
    return (0..<origin.horizon).map { ahead in
      var scale = step * (1 + Double(ahead) * alpha * alpha).squareRoot()
      if change > 0, scale > 0 { scale = (scale * change).squareRoot() } else { scale += change }
      for part in origin.adjustment.parts where part.kind == .multiplicative {
        scale *= max(MemberFits.smallestIndex, part.index(origin.values.count + ahead))
      }
      return scale
    }
  }

  /// The smallest share to which a season narrows an interval.
  private static let smallestIndex = 0.05

  /// The runs of the recursion that are enough for a size of errors.
  private static let quickEvaluations = 60

  private mutating func smoothed(_ origin: Origin) -> [Double] {
    // A season too long for states is removed first.
    let isModelled = origin.length > 1 || origin.adjustment.parts.isEmpty
    let values = isModelled ? origin.values : origin.adjusted
    let mean = MemberFits.weighted(
      values, fits: &smoothing, additive: origin.additive,
      multiplicative: origin.multiplicative, horizon: origin.horizon,
      evaluations: origin.evaluations)
    isPlain = isPlain && origin.adjustment.parts.isEmpty && origin.additive == nil
    if isPlain { plainSmoothing = mean }
    return isModelled ? mean : origin.adjustment.seasonal(mean, from: origin.values.count)
  }

  /// The forecasts of all forms weighted by Akaike's criterion; `fits` holds those of the origin
  /// before and then those of this one.
  private static func weighted(
    _ values: [Double], fits: inout [ETSForm: FittedETS], additive: SeasonalIndices?,
    multiplicative: SeasonalIndices?, horizon: Int, evaluations: Int
  ) -> [Double] {
    let isPositive = values.allSatisfy { $0 > 0 }
    let forms = ETSForm.all(
      isPositive: isPositive, isSeasonal: additive != nil)
    // A series that has just become long enough for a season begins anew.
    let hadSeason = fits.keys.contains { $0.season != .none }
    let goesOn = !fits.isEmpty && (additive == nil || hadSeason)
    if !goesOn { fits = [:] }
    var found: [FittedETS] = []
    for form in forms {
      let before = fits[form]
      if goesOn && before == nil { continue }
      let seasonal: [Double]
      switch form.season {
      case .none: seasonal = []
      case .additive: seasonal = additive?.indices ?? []
      case .multiplicative:
        guard let multiplicative else { continue }
        seasonal = multiplicative.indices
      }
      let fit = form.fit(
        values, seasonal: seasonal, start: before,
        evaluations: before == nil ? evaluations : evaluations / 2)
      if let fit { found.append(fit) }
    }
    let lowest = found.map(\.aicc).min() ?? .infinity
    fits = [:]
    for fit in found where values.count < prunedFrom || fit.aicc <= lowest + pruning {
      fits[fit.form] = fit
    }
    guard let best = found.map(\.aicc).min() else {
      return SimpleForecasts.naive(values, horizon: horizon)
    }
    guard best.isFinite else {
      // Too short for the criterion: the form with the fewest parameters.
      return found[0].forecast(horizon: horizon)
    }
    var sum = [Double](repeating: 0, count: horizon)
    var total = 0.0
    for fit in found {
      let weight = exp((best - fit.aicc) / 2)
      guard weight > 1e-3 else { continue }
      total += weight
      for (ahead, value) in fit.forecast(horizon: horizon).enumerated() {
        sum[ahead] += weight * value
      }
    }
    return sum.map { $0 / total }
  }

  private mutating func theta(_ origin: Origin) -> [Double] {
    let fit = FittedTheta(origin.adjusted, evaluations: origin.evaluations)
    theta = fit
    return origin.adjustment.seasonal(
      fit.forecast(horizon: origin.horizon), from: origin.values.count)
  }

  private mutating func logTheta(_ origin: Origin) -> [Double] {
    guard origin.adjusted.allSatisfy({ $0 > 0 }) else { return theta(origin) }
    let logarithms = origin.adjusted.map { log($0) }
    let fit = FittedTheta(logarithms, evaluations: origin.evaluations)
    let highest = (logarithms.max() ?? 0) + 3
    return origin.adjustment.seasonal(
      fit.forecast(horizon: origin.horizon).map { exp(min($0, highest)) },
      from: origin.values.count)
  }

  private mutating func globallyTrended(_ origin: Origin) -> [Double] {
    guard
      let fit = FittedGlobalTrend(origin.adjusted, start: globalTrend, horizon: origin.horizon)
    else { return theta(origin) }
    globalTrend = fit.walk
    return origin.adjustment.seasonal(fit.forecast(), from: origin.values.count)
  }

  private mutating func harmonic(_ origin: Origin, _ made: FittedHarmonics??) -> [Double] {
    let fit: FittedHarmonics?
    if let made {
      fit = made
    } else {
      let values =
        origin.levelled
        ?? AdjustedSeries.levelled(origin.values, by: LevelChanges(origin.adjusted))
      fit = FittedHarmonics(values, waves: waves, horizon: origin.horizon, bases: bases)
    }
    harmonicDeviation = fit?.deviation
    return fit?.forecast(horizon: origin.horizon) ?? theta(origin)
  }

  /// The values without seasons too long for states, and those seasons.
  private func smoothAdjusted(_ origin: Origin) -> (values: [Double], part: SeasonalAdjustment?) {
    let long = seasonLengths.filter { $0 >= SeasonalIndices.smoothFrom }
    guard !long.isEmpty else { return (origin.values, nil) }
    let part = SeasonalAdjustment(origin.values, lengths: long)
    return part.parts.isEmpty ? (origin.values, nil) : (part.adjusted(origin.values), part)
  }

  private mutating func seasonallySmoothed(_ origin: Origin) -> [Double] {
    let (values, part) = smoothAdjusted(origin)
    let lengths = seasonLengths.filter { $0 < SeasonalIndices.smoothFrom }
    guard let fit = FittedSeasonalSmoothing(values, lengths: lengths) else { return theta(origin) }
    let forecast = fit.forecast(horizon: origin.horizon)
    return part?.seasonal(forecast, from: values.count) ?? forecast
  }

  private mutating func logSeasonallySmoothed(_ origin: Origin) -> [Double] {
    let (values, part) = smoothAdjusted(origin)
    let lengths = seasonLengths.filter { $0 < SeasonalIndices.smoothFrom }
    let logarithms = values.map { log($0) }
    guard values.allSatisfy({ $0 > 0 }),
      let fit = FittedSeasonalSmoothing(logarithms, lengths: lengths)
    else { return seasonallySmoothed(origin) }
    let highest = (logarithms.max() ?? 0) + 1
    let forecast = fit.forecast(horizon: origin.horizon).map { exp(min($0, highest)) }
    return part?.seasonal(forecast, from: values.count) ?? forecast
  }

  private mutating func complexSmoothed(_ origin: Origin) -> [Double] {
    if seasonLengths.count > 1, seasonLengths[0] <= MemberFits.longestModelled {
      return complexSmoothedOfMany(origin)
    }
    let isModelled = origin.length > 1 || origin.adjustment.parts.isEmpty
    let values = isModelled ? origin.values : origin.adjusted
    let indices = origin.additive?.indices ?? []
    guard let best = bestComplex(values, indices: indices, origin: origin) else {
      return theta(origin)
    }
    let forecast = best.forecast(horizon: origin.horizon)
    return isModelled ? forecast : origin.adjustment.seasonal(forecast, from: values.count)
  }

  /// Complex smoothing with the shortest of several seasons.
  private mutating func complexSmoothedOfMany(_ origin: Origin) -> [Double] {
    let (values, part) = smoothAdjusted(origin)
    let season = SeasonalIndices(
      values, length: seasonLengths[0], kind: .additive, isShrunk: false)
    guard let best = bestComplex(values, indices: season?.indices ?? [], origin: origin) else {
      return theta(origin)
    }
    let forecast = best.forecast(horizon: origin.horizon)
    return part?.seasonal(forecast, from: values.count) ?? forecast
  }

  private mutating func bestComplex(
    _ values: [Double], indices: [Double], origin: Origin
  ) -> FittedCES? {
    var best: FittedCES?
    let hadSeason = complex.keys.contains { $0 != .none }
    let goesOn = !complex.isEmpty && (indices.isEmpty || hadSeason)
    var found: [FittedCES.Season: FittedCES] = [:]
    for season in indices.isEmpty ? [.none] : [FittedCES.Season.none, .partial, .full] {
      let before = complex[season]
      if goesOn && before == nil { continue }
      let fit = FittedCES(
        values, season: season, seasonal: season == .none ? [] : indices, start: before,
        evaluations: origin.evaluations / (before == nil ? 1 : 2))
      guard let fit else { continue }
      found[season] = fit
      if fit.aicc < best?.aicc ?? .infinity || best == nil { best = fit }
    }
    let lowest = best?.aicc ?? .infinity
    complex = found.filter {
      values.count < MemberFits.prunedFrom || $0.value.aicc <= lowest + MemberFits.pruning
    }
    return best
  }

  /// The lengths of sums for a season: its divisors.
  static func sumLengths(season: Int) -> [Int] {
    guard season > 1, season <= longestModelled else { return [1] }
    return (1...season).filter { season.isMultiple(of: $0) }
  }

  private mutating func aggregated(_ origin: Origin, isTheta: Bool) -> [Double] {
    var sum = [Double](repeating: 0, count: origin.horizon)
    var count = 0.0
    let all = origin.adjusted
    for length in MemberFits.sumLengths(season: origin.length) {
      let sums = all.count / length
      guard sums >= MemberFits.fewestSums || length == 1 else { continue }
      let first = all.count - sums * length
      let means = (0..<sums).map { block in
        let start = first + block * length
        return all[start..<(start + length)].reduce(0, +) / Double(length)
      }
      let horizon = (origin.horizon + length - 1) / length
      let forecast: [Double]
      if isTheta {
        let known = length == 1 ? theta : nil
        let fit = known ?? FittedTheta(means, evaluations: origin.evaluations)
        forecast = fit.forecast(horizon: horizon)
      } else if length == 1, let plainSmoothing {
        forecast = plainSmoothing
        aggregated[length] = smoothing
      } else {
        var fits = aggregated[length] ?? [:]
        forecast = MemberFits.weighted(
          means, fits: &fits, additive: nil, multiplicative: nil, horizon: horizon,
          evaluations: origin.evaluations)
        aggregated[length] = fits
      }
      for ahead in sum.indices { sum[ahead] += forecast[ahead / length] }
      count += 1
    }
    return origin.adjustment.seasonal(sum.map { $0 / count }, from: all.count)
  }
}
