import AlmanacCore
import Forecasting
import Predictions

/// The fit of one measure by day or month.
struct FittedGrain {
  /// What was fitted.
  enum Content {
    /// One series: the total.
    case single(Forecast)
    /// The series of all scopes.
    case scoped(ScopedForecast)
  }

  /// The length of the periods.
  let grain: Grain
  /// The forecast and how it was made.
  let content: Content
  /// What is forecast.
  let measure: ForecastMeasure

  /// The fit as the ledger names it: `day` and `month` of revenue, `mrr_day` and `mrr_month`.
  var name: String {
    measure == .revenue ? grain.rawValue : "\(measure.rawValue)_\(grain.rawValue)"
  }

  /// Whether the model is published rather than a baseline.
  var modelPasses: Bool {
    switch content {
    case .single(let forecast): forecast.gate.modelPasses
    case .scoped(let scoped): scoped.forecast.modelPasses
    }
  }

  /// What the total is forecast with.
  var modelUsed: String {
    switch content {
    case .single(let forecast): forecast.modelUsed.rawValue
    case .scoped(let scoped): scoped.forecast.models[0]
    }
  }

  /// Why the total is forecast with a baseline.
  var fallbackReason: String? {
    switch content {
    case .single(let forecast): forecast.fallbackReason
    case .scoped(let scoped): scoped.forecast.reasons[0]
    }
  }

  /// The processor kernel of BLAS.
  var kernelName: String {
    switch content {
    case .single(let forecast): forecast.kernelName
    case .scoped(let scoped): scoped.forecast.kernelName
    }
  }

  /// What was chosen in fitting.
  var specificationJSON: String {
    var object = JSONText()
    switch content {
    case .single(let forecast):
      object.add("penalty", number: forecast.penalty)
      object.add("scale", text: forecast.scale?.rawValue)
      object.add("intervals", text: forecast.intervalMethod.rawValue)
      object.add("training_start", text: forecast.trainingStart.description)
      object.add("training_end", text: forecast.trainingEnd.description)
    case .scoped(let scoped):
      object.add("intervals", text: scoped.forecast.intervalMethod.rawValue)
      object.add("training_start", text: scoped.series.start.description)
      object.add("periods", integer: scoped.series.input.count)
      object.add("subjects", integer: scoped.series.subjects.count)
      let spine = TimeSeries(grain: grain, start: scoped.series.start, values: [])
      object.add(
        "masked_periods_of_total",
        texts: scoped.forecast.pulses.map { spine.periodStart($0).description })
      object.add("missing_scopes", texts: scoped.series.missing.map(\.rawValue))
    }
    return object.finish()
  }

  /// Each coefficient with its standard error; of a combination how many series use
  /// what, and the shares of its members in the total.
  var coefficientsJSON: String {
    var object = JSONText()
    switch content {
    case .single(let forecast):
      for coefficient in forecast.coefficients {
        var entry = JSONText()
        entry.add("value", number: coefficient.value)
        entry.add("standard_error", number: coefficient.standardError)
        object.add(coefficient.name, raw: entry.finish())
      }
    case .scoped(let scoped):
      let counts = Dictionary(grouping: scoped.forecast.models) { $0 }
      for name in counts.keys.sorted() { object.add(name, integer: counts[name]?.count ?? 0) }
      var weights = JSONText()
      for weight in scoped.forecast.weights {
        weights.add(weight.member.rawValue, number: weight.share)
      }
      object.add("weights_of_total", raw: weights.finish())
    }
    return object.finish()
  }

  /// The pooled scores of model and baseline over the judging origins, and realised coverage.
  var scoresJSON: String {
    var object = JSONText()
    switch content {
    case .single(let forecast):
      object.add("origins", integer: forecast.gate.judgingOrigins)
      object.add("baseline_method", text: forecast.gate.baseline.rawValue)
      object.add("model", raw: FittedGrain.json(forecast.backtest.model))
      object.add("baseline", raw: FittedGrain.json(forecast.backtest.baseline))
    case .scoped(let scoped):
      object.add("origins", integer: scoped.forecast.origins)
      object.add("baseline_method", text: scoped.forecast.baseline.rawValue)
      object.add("model", raw: FittedGrain.json(scoped.forecast.scores.model))
      object.add("baseline", raw: FittedGrain.json(scoped.forecast.scores.baseline))
      var skills = JSONText()
      for skill in scoped.forecast.skills {
        var entry = JSONText()
        entry.add("skill", number: skill.value)
        entry.add("low_95", number: skill.low)
        entry.add("high_95", number: skill.high)
        skills.add(skill.baseline.rawValue, raw: entry.finish())
      }
      object.add("skill_over", raw: skills.finish())
      object.add("coverage", raw: FittedGrain.coverage(scoped))
    }
    return object.finish()
  }

  /// Each check of the gate with its figures.
  var gateJSON: String {
    var object = JSONText()
    object.add("published", text: modelUsed)
    object.add("reason", text: fallbackReason)
    let checks: [GateCheck]
    switch content {
    case .single(let forecast):
      object.add("model_error", number: forecast.gate.modelError)
      object.add("baseline_error", number: forecast.gate.baselineError)
      checks = forecast.gate.checks
    case .scoped(let scoped):
      object.add("model_error", number: scoped.forecast.scores.model?.mae)
      object.add("baseline_error", number: scoped.forecast.scores.baseline?.mae)
      checks = scoped.forecast.checks
    }
    for check in checks {
      var entry = JSONText()
      entry.add("passed", raw: check.passed ? "true" : "false")
      entry.add("detail", text: check.detail)
      object.add(check.name, raw: entry.finish())
    }
    return object.finish()
  }

  /// Realised coverage by scope, level and horizon.
  private static func coverage(_ scoped: ScopedForecast) -> String {
    var object = JSONText()
    for (index, scope) in ForecastScope.allCases.enumerated() {
      guard let found = scoped.forecast.coverage[index] else { continue }
      var entry = JSONText()
      entry.add("forecasts", integer: found.count)
      for (level, name) in ["80", "95"].enumerated() {
        let shares = found.shares[level].map { $0.isNaN ? "null" : "\($0)" }
        entry.add(name, raw: "[" + shares.joined(separator: ",") + "]")
      }
      object.add(scope.rawValue, raw: entry.finish())
    }
    return object.finish()
  }

  private static func json(_ scores: ForecastScores?) -> String {
    guard let scores else { return "null" }
    var object = JSONText()
    object.add("count", integer: scores.count)
    object.add("mae", number: scores.mae)
    object.add("rmse", number: scores.rmse)
    object.add("wape", number: scores.wape)
    object.add("smape", number: scores.smape)
    object.add("mase", number: scores.mase)
    return object.finish()
  }
}
