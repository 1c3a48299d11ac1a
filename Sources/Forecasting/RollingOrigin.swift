/// The forecasts of every candidate and of the baseline from every origin, and the choices they
/// lead to.
struct RollingOrigin {
  let series: TimeSeries
  let settings: ForecastSettings
  let plan: OriginPlan
  let baseline: ForecastMethod
  let candidates: [Candidate]
  /// Per origin and candidate the forecasts; `nil` where the candidate's scale is not open.
  private let modelForecasts: [[[Double]?]]
  /// Per origin the forecasts of the baseline.
  private let baselineForecasts: [[Double]]

  /// Fits everything at every origin; without a model only the baseline is run.
  init(
    series: TimeSeries, settings: ForecastSettings, plan: OriginPlan, baseline: ForecastMethod,
    model: HarmonicRegression?
  ) throws(ForecastingError) {
    self.series = series
    self.settings = model?.settings ?? settings
    self.plan = plan
    self.baseline = baseline
    candidates = model?.candidates ?? []
    var modelForecasts: [[[Double]?]] = []
    if let model {
      for end in plan.ends { modelForecasts.append(try model.forecasts(end: end)) }
    }
    self.modelForecasts = modelForecasts
    baselineForecasts = plan.ends.map {
      Baseline.forecast(baseline, series: series, end: $0, horizon: settings.horizon)
    }
  }

  /// A trend that goes on is chosen over one held flat only if it leaves at most this share of its
  /// error: the best of two close candidates is mostly luck, and a wrong slope costs more over the
  /// horizon than a missing one.
  static let trendMargin = 0.8

  /// The candidate with the smallest error over targets before `end`, or `nil` if there is none.
  ///
  /// The error is the mean absolute error of each horizon, averaged over the horizons that have
  /// any. Candidates come calmest first, and only a smaller error replaces one; a weaker damping
  /// must leave at most ``trendMargin`` of the error of the stronger ones.
  func choice(before end: Int) -> Int? {
    var best = [(index: Int, error: Double)?](
      repeating: nil, count: settings.trendDampings.count)
    let origins = plan.ends.indices.filter { plan.ends[$0] < end }
    for index in candidates.indices {
      var sums = [Double](repeating: 0, count: settings.horizon)
      var counts = [Int](repeating: 0, count: settings.horizon)
      var isOpen = !origins.isEmpty
      for origin in origins {
        guard let forecasts = modelForecasts[origin][index] else {
          isOpen = false
          break
        }
        let start = plan.ends[origin]
        for ahead in 0..<min(settings.horizon, end - start) {
          let error = abs(series.values[start + ahead] - forecasts[ahead])
          if !error.isNaN {
            sums[ahead] += error
            counts[ahead] += 1
          }
        }
      }
      let means = sums.indices.filter { counts[$0] > 0 }.map { sums[$0] / Double(counts[$0]) }
      guard isOpen, !means.isEmpty else { continue }
      let error = means.reduce(0, +) / Double(means.count)
      let damping = candidates[index].damping
      if error < best[damping]?.error ?? .infinity { best[damping] = (index, error) }
    }
    // Dampings ascend, so the trend held flat comes first.
    return best.reduce(nil as (index: Int, error: Double)?) { calmer, next in
      guard let calmer else { return next }
      guard let next else { return calmer }
      return next.error < calmer.error * RollingOrigin.trendMargin ? next : calmer
    }?.index
  }

  /// The backtest, with the model's choices made at each judging origin from what came before.
  func backtest() -> Backtest {
    var origins: [BacktestOrigin] = []
    var modelCells = [[ScoredCell]](repeating: [], count: settings.horizon)
    var baselineCells = [[ScoredCell]](repeating: [], count: settings.horizon)
    for (index, end) in plan.ends.enumerated() {
      let isJudging = index >= plan.choosing
      let chosen = isJudging && !candidates.isEmpty ? choice(before: end) : nil
      let model = chosen.flatMap { modelForecasts[index][$0] }
      let baseline = baselineForecasts[index]
      origins.append(
        BacktestOrigin(
          end: end, trainingEnd: series.periodStart(end - 1), isJudging: isJudging,
          penalty: chosen.map { candidates[$0].penalty },
          scale: chosen.map { candidates[$0].scale },
          trendDamping: chosen.map { settings.trendDampings[candidates[$0].damping] },
          modelErrors: errors(of: model, end: end), baselineErrors: errors(of: baseline, end: end))
      )
      guard isJudging, candidates.isEmpty || model != nil else { continue }
      let naiveScale = naiveScale(series, end: end)
      for ahead in 0..<min(settings.horizon, series.values.count - end) {
        let actual = series.values[end + ahead]
        guard !actual.isNaN else { continue }
        baselineCells[ahead].append(
          ScoredCell(actual: actual, predicted: baseline[ahead], naiveScale: naiveScale))
        if let model {
          modelCells[ahead].append(
            ScoredCell(actual: actual, predicted: model[ahead], naiveScale: naiveScale))
        }
      }
    }
    return Backtest(
      origins: origins,
      horizons: (0..<settings.horizon).map { ahead in
        HorizonScores(
          horizon: ahead + 1, model: ForecastScores(modelCells[ahead]),
          baseline: ForecastScores(baselineCells[ahead]))
      },
      model: ForecastScores(Array(modelCells.joined())),
      baseline: ForecastScores(Array(baselineCells.joined())))
  }

  private func errors(of forecasts: [Double]?, end: Int) -> [Double?] {
    (0..<settings.horizon).map { ahead in
      guard let forecasts, end + ahead < series.values.count else { return nil }
      let error = series.values[end + ahead] - forecasts[ahead]
      return error.isNaN ? nil : error
    }
  }
}
