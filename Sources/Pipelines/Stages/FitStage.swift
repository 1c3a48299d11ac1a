import AlmanacCore
import Codecs
import Columns
import Forecasting
import Predictions

/// Fits the models and records each version with its scores and what its gate decided.
package struct FitStage: Stage {
  package let name = "fit"
  /// The forecasts to fit.
  package let models: [ModelDefinition]
  /// The models of what may happen to companies to fit.
  package let risks: [RiskDefinition]

  /// A stage that fits the given models.
  package init(models: [ModelDefinition], risks: [RiskDefinition] = []) {
    self.models = models
    self.risks = risks
  }

  package func run(in context: RunContext) throws -> StageOutcome {
    var outcome = StageOutcome()
    for model in models {
      let fitted = try context.fit(model)
      outcome.rowsIn += fitted.rowsRead
      outcome.rowsOut += 1
      outcome.notices += fitted.notices
      outcome.note("\(model.name)_version", fitted.version)
      let record = VersionRecord(
        model: model.name, baseline: "seasonal_naive", version: fitted.version,
        specificationJSON: fitted.specificationJSON, coefficientsJSON: fitted.coefficientsJSON,
        training: (fitted.trainingStart, fitted.trainingEnd), dataDigest: fitted.dataDigest,
        scoresJSON: fitted.scoresJSON, gateJSON: fitted.gateJSON, isPublished: fitted.isPublished,
        decision: fitted.isPublished ? .promoted : .baseline, reason: fitted.gateReason)
      try context.lock.write { try record.write(run: context.run, on: $0) }
      for grain in fitted.grains {
        outcome.note("\(model.name)_\(grain.name)", grain.modelUsed)
        context.log(.info, "fit: \(model.name) by \(grain.name), \(grain.modelUsed)")
      }
    }
    for model in risks { try fit(model, in: context, &outcome) }
    return outcome
  }
}

extension RunContext {
  /// The fitted model, from the fit stage of this run or fitted now.
  ///
  /// Fitting is a pure function of the data and the definition, so both are the same.
  func fit(_ model: ModelDefinition) throws -> FittedModel {
    try RunMemo.once(memo.fits) { fits in
      if let known = fits[model.name] { return known }
      let fitted = try model.fit == .ensemble ? fitScopes(model) : fitTotal(model)
      fits[model.name] = fitted
      return fitted
    }
  }

  private func fitTotal(_ model: ModelDefinition) throws -> FittedModel {
    let revenue = try revenueSeries(model.series)
    var fitted = try FittedModel(model, revenue: revenue.series, rowsRead: revenue.rowsRead)
    fitted.notices = revenue.notices
    return fitted
  }

  /// Daily revenue of all companies up to the logical date, as known at its end.
  private func revenueSeries(
    _ definition: ModelDefinition.Series
  ) throws -> (series: DailyRevenue, rowsRead: Int, notices: [String]) {
    let (main, alternative, read) = try revenueSources(definition)
    var notices = read
    let series = try DailyRevenue(
      main: main, alternative: alternative, through: date, zone: zone, currency: pipeline.currency,
      rates: try exchangeRates())
    let rowsRead = (main.batches + (alternative?.batches ?? [])).reduce(0) { $0 + $1.rowCount }
    if series.daysLeftOut > 0 {
      notices.append(
        "\(definition.dataset.name): \(series.daysLeftOut) days more than ten years back are left "
          + "out of the forecast; the oldest it uses is \(series.start)")
    }
    return (series, rowsRead, notices)
  }

  /// The rows that a series is summed from, and what is to say of how far they reach.
  func revenueSources(
    _ definition: ModelDefinition.Series
  ) throws -> (main: AmountSource, alternative: AmountSource?, notices: [String]) {
    let alternative = try definition.alternative.map { other in
      let dataset = try known(other.dataset)
      return try source(
        dataset, amount: other.amountColumn.name, time: other.timeColumn.name,
        identity: dataset.key[0])
    }
    let dataset = try known(definition.dataset)
    let notices = try checkCoverage(of: dataset).notices
    var main = try source(
      dataset, amount: definition.amountColumn.name, time: definition.timeColumn.name,
      identity: definition.alternative?.referringColumn.name, also: definition.condition?.column)
    main.condition = definition.condition.map { ($0.column.name, $0.value) }
    return (main, alternative, notices)
  }

  private func known(_ reference: NameReference) throws -> DatasetDefinition {
    guard let dataset = project.dataset(reference.name) else {
      throw PipelineError.notExtracted(dataset: reference.name)
    }
    _ = try extracted(reference.name)
    return dataset
  }

  /// The columns of a dataset that a series reads; the project's check has seen that they suit.
  private func source(
    _ dataset: DatasetDefinition, amount: String, time: String, identity: String?,
    also: NameReference? = nil
  ) throws -> AmountSource {
    let currency = dataset[column: amount]?.currencyColumn ?? "currency"
    let recorded = dataset.recordedColumn ?? time
    let names = [amount, currency, time, recorded, identity, also?.name, dataset.tenantColumn]
      .compactMap(\.self)
    let columns = names.enumerated().filter { !names[..<$0.offset].contains($0.element) }
    return AmountSource(
      dataset: dataset.name,
      batches: try directory.reader.read(dataset.name, columns: columns.map(\.element)),
      amountColumn: amount, currencyColumn: currency, timeColumn: time, recordedColumn: recorded,
      identityColumn: identity, companyColumn: dataset.tenantColumn)
  }
}
