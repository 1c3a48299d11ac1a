import AlmanacCore
import Forecasting

/// One series with its forecast.
struct SeriesResult: Sendable {
  /// Its periods.
  let axis: TimeAxis
  /// Its values on them.
  let values: [Double]
  /// The lengths of its seasons.
  let seasonLengths: [Int]
  /// The forecast.
  let forecast: SeriesForecast
  /// What followed the values, where some were held back.
  let actual: [Double]
}

/// The forecasts of all series of a file.
struct SeriesRun {
  let file: LongFormFile
  let options: SeriesOptions
  let horizon: Int
  let levels: [Double]
  let members: [EnsembleMember]
  /// Days that come again and are unlike others.
  var holidays: [Holiday] = []
  /// The number of last values that are held back.
  var heldBack = 0

  /// A series on its periods.
  private struct Prepared: Sendable {
    let axis: TimeAxis
    let values: [Double]
    let seasonLengths: [Int]
    let special: SpecialPeriods?
    let months: MonthDays?
    let actual: [Double]
    /// Series of the same step and season share their errors.
    var group: Group { Group(step: axis.step, season: seasonLengths.first ?? 1) }
  }

  private struct Group: Hashable {
    let step: AxisStep
    let season: Int
  }

  /// The forecasts, or what is wrong, in the order of the file.
  func forecasts(jobs: Int) -> [Result<SeriesResult, SeriesProblem>] {
    let prepared = inParallel(file.series.count, jobs: jobs) {
      position -> Result<Prepared, SeriesProblem> in
      do throws(SeriesProblem) {
        let (axis, all) = try file.series[position].spine()
        guard axis.fitsCalendar(horizon: horizon) else {
          throw SeriesProblem("its ds or the horizon leave the years 1 to 9999")
        }
        guard heldBack == 0 || all.count >= heldBack + 2 else {
          throw SeriesProblem("it has only \(all.count) periods")
        }
        let values = heldBack == 0 ? all : Array(all.dropLast(heldBack))
        return .success(
          Prepared(
            axis: axis, values: values, seasonLengths: options.seasonLengths(axis, values),
            special: holidays.isEmpty
              ? nil
              : SpecialPeriods(axis, count: values.count, horizon: horizon, holidays: holidays),
            months: MonthDays(axis, count: values.count, horizon: horizon),
            actual: Array(all.suffix(heldBack).prefix(horizon))))
      } catch {
        return .failure(error)
      }
    }
    var groups: [Group: [Int]] = [:]
    for (position, result) in prepared.enumerated() {
      if case .success(let series) = result { groups[series.group, default: []].append(position) }
    }
    var settings = EnsembleSettings(horizon: horizon, seasonLengths: [])
    settings.members = members
    let base = settings
    let sizes = groups.mapValues(\.count)
    // In the order of the file and of one size, so that threads have no say in what goes together.
    let size = members == [.harmonic] ? harmonicBlockSize : 1
    let starts = Array(stride(from: 0, to: prepared.count, by: size))
    let ensembles = inParallel(starts.count, jobs: jobs) { block in
      let part = prepared[starts[block]..<min(starts[block] + size, prepared.count)]
      return SeriesRun.ensembles(Array(part), settings: base, sizes: sizes)
    }.flatMap { $0 }
    var results = ensembles.map { entry -> Result<SeriesResult, SeriesProblem> in
      switch entry {
      case .failure(let problem): .failure(problem)
      case .success: .failure(SeriesProblem("it was passed over"))
      }
    }
    for positions in groups.values {
      let entries = positions.map { position in
        (try? ensembles[position].get()).map { ($0.forecast, model: $0.model, reason: $0.reason) }
      }
      let pool = PooledIntervals(entries.compactMap { $0?.0 }, levels: levels, horizon: horizon)
      let finished = inParallel(positions.count, jobs: jobs) { index in
        entries[index].map { withIntervals($0, pool: pool, levels: levels, horizon: horizon) }
      }
      for (position, forecast) in zip(positions, finished) {
        guard let forecast, case .success(let series) = prepared[position] else { continue }
        results[position] = .success(
          SeriesResult(
            axis: series.axis, values: series.values, seasonLengths: series.seasonLengths,
            forecast: forecast, actual: series.actual))
      }
    }
    return results
  }

  /// The combinations of a block of series.
  private static func ensembles(
    _ block: [Result<Prepared, SeriesProblem>], settings: EnsembleSettings, sizes: [Group: Int]
  ) -> [Result<Ensemble, SeriesProblem>] {
    let sound = block.compactMap { try? $0.get() }
    var found = seriesEnsembles(
      sound.map { series in
        SeriesInput(
          values: series.values, seasonLengths: series.seasonLengths, special: series.special,
          months: series.months, waves: series.axis.step.waves(of: series.seasonLengths))
      }, settings: settings, poolSizes: sound.map { sizes[$0.group] ?? 1 }
    )[...]
    return block.map { series in
      series.flatMap { _ in
        found.removeFirst()
          .map { Ensemble(forecast: $0.0, model: $0.model, reason: $0.reason) }
          .mapError { SeriesProblem($0.description) }
      }
    }
  }

  private struct Ensemble: Sendable {
    let forecast: EnsembleForecast
    let model: String
    let reason: String?
  }
}
