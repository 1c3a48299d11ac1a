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
      guard case .harmonicRidge(let fit) = model.fit else { continue }
      let settings = model.settings(fit, for: grain, horizon: horizon)
      grains.append(
        FittedGrain(
          grain: grain, content: .single(try forecast(series, settings: settings)),
          measure: .revenue))
    }
    self.grains = grains
    let data =
      "revenue \(revenue.start)\n" + revenue.amounts.map { String($0) }.joined(separator: "\n")
    dataDigest = SHA256.hexadecimalDigest(of: data)
    specificationJSON = FittedModel.specification(model, grains, runningMonth)
    version = FittedModel.version(model, specificationJSON, grains, dataDigest)
  }

  /// A model fitted for several scopes; `data` is a text of the rows that its series are made of.
  init(
    _ model: ModelDefinition, scoped: [ScopedForecast], data: String, rowsRead: Int,
    trainingStart: CalendarDate, trainingEnd: CalendarDate
  ) {
    self.rowsRead = rowsRead
    self.trainingStart = trainingStart
    self.trainingEnd = trainingEnd
    runningMonth = scoped.compactMap(\.series.runningMonth).first
    grains = scoped.map {
      FittedGrain(grain: $0.series.grain, content: .scoped($0), measure: $0.measure)
    }
    dataDigest = SHA256.hexadecimalDigest(of: data)
    specificationJSON = FittedModel.specification(model, grains, runningMonth)
    version = FittedModel.version(model, specificationJSON, grains, dataDigest)
  }

  private static func specification(
    _ model: ModelDefinition, _ grains: [FittedGrain], _ runningMonth: RunningMonth?
  ) -> String {
    var specification = JSONText()
    specification.add("definition", text: model.canonicalText)
    specification.add("kernel", text: grains.first?.kernelName)
    for grain in grains { specification.add(grain.name, raw: grain.specificationJSON) }
    if let runningMonth { specification.add("running_month", raw: runningMonth.json) }
    return specification.finish()
  }

  private static func version(
    _ model: ModelDefinition, _ specification: String, _ grains: [FittedGrain], _ data: String
  ) -> String {
    let identity = [specification, object(grains) { $0.coefficientsJSON }, data]
    return "\(model.name)-"
      + SHA256.hexadecimalDigest(of: identity.joined(separator: "\n")).prefix(12)
  }

  /// Whether the model is published for at least one grain.
  var isPublished: Bool { grains.contains(where: \.modelPasses) }

  /// The coefficients by grain as JSON.
  var coefficientsJSON: String { FittedModel.object(grains) { $0.coefficientsJSON } }

  /// The backtest errors by grain as JSON, beside those of the baseline.
  var scoresJSON: String { FittedModel.object(grains) { $0.scoresJSON } }

  /// The gate's checks by grain as JSON.
  var gateJSON: String { FittedModel.object(grains) { $0.gateJSON } }

  /// Why the gate decided as it did, in one line.
  var gateReason: String {
    grains.map { grain in
      "\(grain.name): " + (grain.fallbackReason ?? "the model beats the baseline")
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

extension ModelDefinition {
  /// The settings of a forecast: the defaults of the grain with what the definition says.
  func settings(_ fit: HarmonicRidge, for grain: Grain, horizon: Int) -> ForecastSettings {
    var settings = ForecastSettings.defaults(for: grain)
    settings.horizon = horizon
    settings.levels = levels.map { Double($0) / 100 }
    if grain == .day { settings.weeklyHarmonics = fit.weeklyHarmonics }
    settings.yearlyHarmonics = grain == .day ? fit.yearlyHarmonics : min(fit.yearlyHarmonics, 5)
    settings.changepoints = fit.changepoints
    return settings
  }
}
