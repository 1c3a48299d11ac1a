import LinearAlgebra
import Regression

/// Forecasts a series, judges the forecast against a naive one, and publishes the better.
///
/// The model is a ridge regression on weekly and yearly harmonics and a piecewise-linear trend with
/// damped slope. Its penalty and scale are chosen by rolling origins, and so are the widths of the
/// intervals; see ``Backtest`` and ``IntervalMethod``. The model is published if there are at
/// least `minimumJudgingOrigins` judging origins and its mean absolute error, averaged per horizon
/// and then over horizons, is below that of the naive method there; otherwise the naive method is,
/// and ``Forecast/fallbackReason`` says why. Intervals rest on the errors of what is published: of
/// judging origins for the model, of all origins for the naive method, for which nothing is chosen.
///
/// The result depends on nothing but the arguments and the processor kernel of BLAS.
///
/// - Parameters:
///   - series: the values; a NaN is an unknown value and is left out of fits and errors. Periods
///     after the last known value are neither filled nor forecast: the first point follows the last
///     period of the series, known or not.
///   - settings: usually ``ForecastSettings/defaults(for:)`` with the wanted horizon.
/// - Returns: one point per period of the horizon, with finite values only.
/// - Throws: `.tooFewValues` for fewer than two known values; `.valueOutOfRange` for infinities and
///   sizes beyond 1e100; `.outsideCalendar`; `.invalidSetting`; `.regression` if LAPACK finds no
///   memory.
/// - Complexity: O(o·(n·p² + g·p³)) for o origins, n values, p terms and g penalties.
package func forecast(
  _ series: TimeSeries, settings: ForecastSettings
) throws(ForecastingError) -> Forecast {
  try settings.validate()
  if let position = series.values.firstIndex(where: { abs($0) > 1e100 }) {
    throw .valueOutOfRange(position: position)
  }
  guard series.fitsCalendar(horizon: settings.horizon) else { throw .outsideCalendar }
  let known = series.values.count { !$0.isNaN }
  guard known >= 2, let first = series.firstKnown, let last = series.lastKnown else {
    throw .tooFewValues(known: known, needed: 2)
  }
  var settings = settings
  settings.levels = Set(settings.levels).sorted()
  if series.values.contains(where: { $0 < 0 }) { settings.isNonnegative = false }

  let baseline = Baseline.method(grain: series.grain, length: last + 1 - first)
  let end = series.values.count
  var attempt: (model: HarmonicRegression, rolling: RollingOrigin)?
  if let plan = OriginPlan.model(series, settings: settings) {
    let model = HarmonicRegression(series: series, settings: settings)
    let rolling = try RollingOrigin(
      series: series, settings: settings, plan: plan, baseline: baseline, model: model)
    attempt = (model, rolling)
  }
  let backtest: Backtest
  if let attempt {
    backtest = attempt.rolling.backtest()
  } else {
    backtest = try RollingOrigin(
      series: series, settings: settings, plan: .baseline(series, settings: settings),
      baseline: baseline, model: nil
    ).backtest()
  }
  let gate = GateResult(backtest: backtest, baseline: baseline, settings: settings)

  var coefficients: [ForecastCoefficient] = []
  var candidate: Candidate?
  var predicted = Baseline.forecast(baseline, series: series, end: end, horizon: settings.horizon)
  if let attempt, let choice = attempt.rolling.choice(before: end) {
    let chosen = attempt.model.candidates[choice]
    let (names, fitted, forecast) = try attempt.model.fit(chosen, end: end)
    candidate = chosen
    coefficients = names.indices.map { column in
      ForecastCoefficient(
        name: names[column], value: fitted.coefficients[column],
        standardError: fitted.standardErrors?[column])
    }
    if gate.modelPasses { predicted = forecast }
  }

  let errors = absoluteErrors(
    backtest, ofModel: gate.modelPasses, without: ClosedWeekdays(series, end: end))
  guard errors.contains(where: { !$0.isEmpty }) else {
    throw .tooFewValues(known: known, needed: known + 1)
  }
  let intervals = PredictionIntervals(absoluteErrors: errors, levels: settings.levels)
  let floor = settings.isNonnegative ? 0 : -Double.infinity
  let points = predicted.indices.map { ahead in
    ForecastPoint(
      periodStart: series.periodStart(end + ahead), horizon: ahead + 1,
      predicted: predicted[ahead],
      intervals: settings.levels.indices.map { index in
        let width = intervals.halfWidths[index][ahead]
        return ForecastInterval(
          level: settings.levels[index], lower: max(floor, predicted[ahead] - width),
          upper: predicted[ahead] + width)
      })
  }
  return Forecast(
    points: points, modelUsed: gate.modelPasses ? .harmonicRidge : baseline,
    fallbackReason: gate.reason, gate: gate, backtest: backtest,
    intervalMethod: intervals.method, coefficients: coefficients, penalty: candidate?.penalty,
    scale: candidate?.scale,
    trendDamping: candidate.flatMap { attempt?.model.settings.trendDampings[$0.damping] },
    trainingStart: series.periodStart(first),
    trainingEnd: series.periodStart(end - 1), kernelName: BLASLibrary.kernelName)
}

/// The absolute backtest errors of what is published, per horizon.
///
/// Closed weekdays are left out: their errors are zero for certain, and would narrow the intervals
/// of their neighbours.
private func absoluteErrors(
  _ backtest: Backtest, ofModel: Bool, without closed: ClosedWeekdays
) -> [[Double]] {
  var errors = [[Double]](repeating: [], count: backtest.horizons.count)
  for origin in backtest.origins {
    let published = ofModel ? origin.modelErrors : origin.baselineErrors
    for (ahead, error) in published.enumerated() {
      if let error, !closed.contains(period: origin.end + ahead) {
        errors[ahead].append(abs(error))
      }
    }
  }
  return errors
}

extension GateResult {
  /// Decides from the scores of the judging origins.
  init(backtest: Backtest, baseline: ForecastMethod, settings: ForecastSettings) {
    let judging = backtest.origins.count { origin in
      origin.isJudging && origin.modelErrors.contains { $0 != nil }
    }
    var modelErrors: [Double] = []
    var baselineErrors: [Double] = []
    for scores in backtest.horizons {
      if let model = scores.model, let baseline = scores.baseline {
        modelErrors.append(model.mae)
        baselineErrors.append(baseline.mae)
      }
    }
    func mean(_ values: [Double]) -> Double? {
      values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }
    let modelError = mean(modelErrors)
    let baselineError = mean(baselineErrors)
    let hasOrigins = judging >= settings.minimumJudgingOrigins
    var checks = [
      GateCheck(
        name: "enough_judging_origins", passed: hasOrigins,
        detail: "\(judging) of at least \(settings.minimumJudgingOrigins)")
    ]
    var isBetter = false
    if let modelError, let baselineError {
      isBetter = modelError < baselineError
      checks.append(
        GateCheck(
          name: "beats_\(baseline.rawValue)", passed: isBetter,
          detail: baselineError > 0
            ? "\(perCent(modelError / baselineError)) of its mean absolute error"
            : "its mean absolute error is 0"))
    }
    self.init(
      modelPasses: hasOrigins && isBetter, baseline: baseline, modelError: modelError,
      baselineError: baselineError, judgingOrigins: judging, checks: checks)
  }

  /// Why the model was not published, in words; `nil` if it was.
  var reason: String? {
    if modelPasses { return nil }
    guard let failed = checks.first(where: { !$0.passed }) else { return "no model was fitted" }
    if failed.name == "enough_judging_origins" {
      return "history is too short to judge a model: \(failed.detail) backtest origins"
    }
    return "the model was not better than \(baseline.rawValue) in the backtest: \(failed.detail)"
  }
}

/// A share in per cent with one decimal.
func perCent(_ share: Double) -> String {
  let tenths = (min(max(share, -1e9), 1e9) * 1_000).rounded()
  return "\(tenths / 10) %"
}
