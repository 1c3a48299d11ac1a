/// A combination for one series of many, and what it was made of.
package typealias SeriesEnsemble = (EnsembleForecast, model: String, reason: String?)

/// The series whose harmonic regressions are made side by side, at most.
package let harmonicBlockSize = 16

/// The first half of a forecast of many series, each for itself: points, weights and origins.
///
/// - Parameters:
///   - input: the series.
///   - settings: the horizon and members; seasons and origins are set from the other arguments.
///   - poolSize: the number of series whose errors are pooled; with few, a series has more
///     origins, since it must find its intervals by itself.
/// - Returns: the combination and what was used.
/// - Throws: `.tooFewValues` without a known value; `.valueOutOfRange` for an infinite value or one
///   beyond 1e100 in size.
package func seriesEnsemble(
  _ input: SeriesInput, settings: EnsembleSettings, poolSize: Int
) throws(ForecastingError) -> SeriesEnsemble {
  let plan = try SeriesPlan(input, settings: settings, poolSize: poolSize)
  guard let forecast = ensembleForecast(input.values, settings: plan.settings) else {
    throw .tooFewValues(known: 0, needed: 1)
  }
  return (forecast, plan.model, plan.reason)
}

/// The same for a block of series, with harmonic regressions made side by side where they are the only
/// member: series of one length and season share what does not depend on their values (D-590).
///
/// - Parameters:
///   - inputs: the series.
///   - settings: the horizon and members.
///   - poolSizes: the number of series whose errors are pooled, for each.
/// - Returns: the combinations, or why there is none, in the order of the series.
package func seriesEnsembles(
  _ inputs: [SeriesInput], settings: EnsembleSettings, poolSizes: [Int]
) -> [Result<SeriesEnsemble, ForecastingError>] {
  guard settings.members == [.harmonic] else {
    return zip(inputs, poolSizes).map { input, poolSize in
      Result { () throws(ForecastingError) in
        try seriesEnsemble(input, settings: settings, poolSize: poolSize)
      }
    }
  }
  let plans = zip(inputs, poolSizes).map { input, poolSize in
    Result { () throws(ForecastingError) in
      try SeriesPlan(input, settings: settings, poolSize: poolSize)
    }
  }
  var runs = zip(inputs, plans).map { input, plan in
    (try? plan.get()).flatMap { EnsembleRun(input.values, settings: $0.settings) }
  }
  HarmonicBlock(runs).forecast(&runs)
  return zip(plans, runs).map { plan, run in
    Result { () throws(ForecastingError) in
      let plan = try plan.get()
      guard let forecast = run?.result else { throw .tooFewValues(known: 0, needed: 1) }
      return (forecast, plan.model, plan.reason)
    }
  }
}

/// The origins of a series of many seasons.
private let manySeasonsOrigins = 4

/// What a series is combined of.
private struct SeriesPlan {
  var settings: EnsembleSettings
  var model: String
  var reason: String?

  init(
    _ input: SeriesInput, settings: EnsembleSettings, poolSize: Int
  ) throws(ForecastingError) {
    if let position = input.values.firstIndex(where: { abs($0) > 1e100 }) {
      throw .valueOutOfRange(position: position)
    }
    guard input.values.contains(where: { !$0.isNaN }) else {
      throw .tooFewValues(known: 0, needed: 1)
    }
    var settings = settings
    settings.seasonLengths = input.seasonLengths
    settings.special = input.special
    settings.months = input.months
    settings.waves = input.waves
    settings.origins = originCount(poolSize: poolSize, settings: settings)
    let isStandard = settings.members == EnsembleMember.standard
    let isOfManySeasons = settings.sharpenWeights(count: input.values.count)
    model = settings.members.count == 1 ? settings.members[0].rawValue : "ensemble"
    if isStandard, case .simple(let member, let why) = SeriesKind(input.values) {
      settings.members = [member]
      settings.masksPulses = false
      model = member.rawValue
      reason = why
    } else if isStandard {
      settings.members = EnsembleMember.usual(
        count: input.values.count, seasonLengths: input.seasonLengths)
      if isOfManySeasons {
        // A whole season apart, so that each position of it is judged at every origin.
        settings.origins = max(settings.origins, manySeasonsOrigins)
        settings.originStep = max(input.seasonLengths[0], settings.horizon / 3)
      }
    }
    self.settings = settings
  }
}

/// The harmonic regressions of a block of series at all their ends.
private struct HarmonicBlock {
  /// One end of one series.
  private struct Place {
    let run: Int
    let part: Int
  }

  private struct Shape: Hashable {
    let count: Int
    let horizon: Int
    let waves: [Double]
  }

  private var parts: [[EnsembleRun.Part]]
  private var fits: [[FittedHarmonics?]]

  /// Makes the regressions.
  init(_ runs: [EnsembleRun?]) {
    parts = runs.map { run in run.map { run in run.ends.map { run.part($0) } } ?? [] }
    fits = parts.map { [FittedHarmonics?](repeating: nil, count: $0.count) }
    // The parts of a run begin alike.
    let logarithms = parts.map { $0.last.map { KnownLogarithms($0.values) } }
    // In the order of the series, so that nothing depends on the order of a dictionary.
    var shapes: [Shape] = []
    var places: [Shape: [Place]] = [:]
    for (run, parts) in parts.enumerated() {
      for (position, part) in parts.enumerated() {
        let shape = Shape(
          count: part.values.count, horizon: part.horizon,
          waves: runs[run]?.waves ?? [])
        if places[shape] == nil { shapes.append(shape) }
        places[shape, default: []].append(Place(run: run, part: position))
      }
    }
    for shape in shapes {
      let all = places[shape] ?? []
      for start in stride(from: 0, to: all.count, by: harmonicBlockSize) {
        let some = all[start..<min(all.count, start + harmonicBlockSize)]
        let found = FittedHarmonics.fits(
          some.map { levelled($0, of: runs[$0.run]) }, logarithms: some.map { logarithms[$0.run] },
          waves: shape.waves,
          horizon: shape.horizon, bases: runs[some[start].run]?.settings.bases ?? HarmonicBases(),
          width: some.count == 1 ? 1 : harmonicBlockSize)
        for (place, fit) in zip(some, found) { fits[place.run][place.part] = fit }
      }
    }
  }

  /// What a regression is fitted to.
  private func levelled(_ place: Place, of run: EnsembleRun?) -> [Double] {
    let part = parts[place.run][place.part]
    let adjusted =
      part.adjusted
      ?? AdjustedSeries(part.values, seasonLengths: run?.settings.seasonLengths ?? [])
    return adjusted.levelled
  }

  /// Forecasts from every end of each run.
  func forecast(_ runs: inout [EnsembleRun?]) {
    for run in runs.indices {
      for (part, fit) in zip(parts[run], fits[run]) { runs[run]?.forecast(part, harmonics: fit) }
    }
  }
}
