import AlmanacCore
import Codecs
import Forecasting
import Predictions

/// A revenue model fitted by day and by month, with the documents that the ledger keeps of it.
struct FittedModel {
  /// The fits, by day first.
  let grains: [FittedGrain]
  /// The version: the same for equal data, definition and arithmetic.
  let version: String
  /// The digest of the series.
  let dataDigest: String
  /// The rows the series was summed from.
  let rowsRead: Int
  /// The first day of the training data.
  let trainingStart: CalendarDate
  /// The day after its last day.
  let trainingEnd: CalendarDate
  /// The month of the last day, where that is still going on.
  let runningMonth: RunningMonth?
  /// What a person should know about the data.
  var notices: [String] = []
  /// The settings as JSON, with what is known of the month that is going on.
  let specificationJSON: String

  /// Fits a model to revenue up to and including a date.
  ///
  /// A grain without a whole period, or with a horizon of 0, is left out.
  init(_ model: ModelDefinition, revenue: DailyRevenue, rowsRead: Int) throws {
    self.rowsRead = rowsRead
    trainingStart = revenue.start
    trainingEnd = revenue.end.adding(days: 1)
    runningMonth = revenue.runningMonth
    let months = revenue.wholeMonths
    var grains: [FittedGrain] = []
    for (grain, start, amounts, horizon) in [
      (Grain.day, revenue.start, revenue.amounts, model.horizon.days),
      (Grain.month, months.start, months.amounts, model.horizon.months),
    ] where horizon > 0 && !amounts.isEmpty {
      let series = TimeSeries(
        grain: grain, start: start, values: amounts.map { Double($0) / Double(Money.scale) })
      grains.append(
        FittedGrain(
          grain: grain,
          forecast: try forecast(series, settings: model.settings(for: grain, horizon: horizon))))
    }
    self.grains = grains
    let data =
      "revenue \(revenue.start)\n" + revenue.amounts.map { String($0) }.joined(separator: "\n")
    dataDigest = SHA256.hexadecimalDigest(of: data)
    var specification = JSONText()
    specification.add("definition", text: model.canonicalText)
    specification.add("kernel", text: grains.first?.forecast.kernelName)
    for grain in grains { specification.add(grain.name, raw: grain.specificationJSON) }
    if let runningMonth { specification.add("running_month", raw: runningMonth.json) }
    specificationJSON = specification.finish()
    let identity = [
      specificationJSON, FittedModel.object(grains) { $0.coefficientsJSON }, dataDigest,
    ]
    version =
      "\(model.name)-"
      + SHA256.hexadecimalDigest(of: identity.joined(separator: "\n")).prefix(12)
  }

  /// Whether the model is published for at least one grain.
  var isPublished: Bool { grains.contains { $0.forecast.gate.modelPasses } }

  /// The coefficients by grain as JSON.
  var coefficientsJSON: String { FittedModel.object(grains) { $0.coefficientsJSON } }

  /// The backtest errors by grain as JSON, beside those of the baseline.
  var scoresJSON: String { FittedModel.object(grains) { $0.scoresJSON } }

  /// The gate's checks by grain as JSON.
  var gateJSON: String { FittedModel.object(grains) { $0.gateJSON } }

  /// Why the gate decided as it did, in one line.
  var gateReason: String {
    grains.map { grain in
      "\(grain.name): " + (grain.forecast.fallbackReason ?? "the model beats the baseline")
    }.joined(separator: "; ")
  }

  private static func object(_ grains: [FittedGrain], _ member: (FittedGrain) -> String) -> String {
    var object = JSONText()
    for grain in grains { object.add(grain.name, raw: member(grain)) }
    return object.finish()
  }
}

extension RunningMonth {
  /// The month with what is known of it as JSON, the amount exact.
  fileprivate var json: String {
    var object = JSONText()
    object.add("start", text: start.description)
    object.add("known_through", text: knownThrough.description)
    object.add("known", raw: Money.text(known))
    object.add("is_floor", raw: isFloor ? "true" : "false")
    return object.finish()
  }
}

/// The fit of one grain.
struct FittedGrain {
  /// The length of the periods.
  let grain: Grain
  /// The forecast and how it was made.
  let forecast: Forecast

  /// The grain as tables name it.
  var name: String { grain.rawValue }

  /// What was chosen in fitting.
  var specificationJSON: String {
    var object = JSONText()
    object.add("penalty", number: forecast.penalty)
    object.add("scale", text: forecast.scale?.rawValue)
    object.add("intervals", text: forecast.intervalMethod.rawValue)
    object.add("training_start", text: forecast.trainingStart.description)
    object.add("training_end", text: forecast.trainingEnd.description)
    return object.finish()
  }

  /// Each coefficient with its standard error.
  var coefficientsJSON: String {
    var object = JSONText()
    for coefficient in forecast.coefficients {
      var entry = JSONText()
      entry.add("value", number: coefficient.value)
      entry.add("standard_error", number: coefficient.standardError)
      object.add(coefficient.name, raw: entry.finish())
    }
    return object.finish()
  }

  /// The pooled scores of model and baseline over the judging origins.
  var scoresJSON: String {
    var object = JSONText()
    object.add("origins", integer: forecast.gate.judgingOrigins)
    object.add("baseline_method", text: forecast.gate.baseline.rawValue)
    object.add("model", raw: FittedGrain.json(forecast.backtest.model))
    object.add("baseline", raw: FittedGrain.json(forecast.backtest.baseline))
    return object.finish()
  }

  /// Each check of the gate with its figures.
  var gateJSON: String {
    var object = JSONText()
    object.add("published", text: forecast.modelUsed.rawValue)
    object.add("reason", text: forecast.fallbackReason)
    object.add("model_error", number: forecast.gate.modelError)
    object.add("baseline_error", number: forecast.gate.baselineError)
    for check in forecast.gate.checks {
      var entry = JSONText()
      entry.add("passed", raw: check.passed ? "true" : "false")
      entry.add("detail", text: check.detail)
      object.add(check.name, raw: entry.finish())
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

extension ModelDefinition {
  /// The settings of a forecast: the defaults of the grain with what the definition says.
  func settings(for grain: Grain, horizon: Int) -> ForecastSettings {
    var settings = ForecastSettings.defaults(for: grain)
    settings.horizon = horizon
    settings.levels = levels.map { Double($0) / 100 }
    if grain == .day { settings.weeklyHarmonics = fit.weeklyHarmonics }
    settings.yearlyHarmonics = grain == .day ? fit.yearlyHarmonics : min(fit.yearlyHarmonics, 5)
    settings.changepoints = fit.changepoints
    return settings
  }
}
