import AlmanacCore
import Columns
import Forecasting
import Postgres
import Predictions

/// Writes the run's predictions, keyed by run, where no reader sees them yet.
package struct PredictStage: Stage {
  package let name = "predict"
  /// The forecasts to predict with.
  package let models: [ModelDefinition]
  /// The models of what may happen to companies to predict with.
  package let risks: [RiskDefinition]

  /// A stage that predicts with the given models.
  package init(models: [ModelDefinition], risks: [RiskDefinition] = []) {
    self.models = models
    self.risks = risks
  }

  package func run(in context: RunContext) throws -> StageOutcome {
    var outcome = StageOutcome()
    for model in models {
      let fitted = try context.fit(model)
      let cut = try context.knowledgeCut(of: model)
      let builder = RevenueForecastRows(
        run: context.run, model: model.name, modelVersion: fitted.version,
        featureDigest: fitted.dataDigest, asOf: context.date, recordedCut: cut,
        validUntil: context.zone.start(of: context.date.adding(days: PredictStage.validDays)),
        currency: context.pipeline.currency)
      let written = try context.lock.copyPredictions(
        try fitted.batches(builder), into: .revenueForecasts, run: context.run.description,
        model: model.name, without: context.directory.standIns)
      let outcomes = try context.recordOutcomes(of: model, fitted)
      if outcomes > 0 { outcome.note("\(model.name)_outcomes", outcomes) }
      outcome.rowsIn += fitted.rowsRead
      outcome.rowsOut += written
      outcome.note("\(model.name)_rows", written)
      context.log(.info, "predict: \(model.name), \(written) rows")
    }
    for model in risks { try predict(model, in: context, &outcome) }
    return outcome
  }

  /// Days after the logical date by whose start the next night should have published.
  ///
  /// The night for the next day runs a day later, and gets a day of grace (DECISIONS.md,
  /// D-013).
  static let validDays = 3
}

extension RunContext {
  /// The instant by which a row had to be recorded to count: the earliest cut of the datasets that
  /// the model is made from.
  fileprivate func knowledgeCut(of model: ModelDefinition) throws -> Timestamp {
    var names = [model.series.dataset.name]
    if model.fit == .ensemble, directory.manifest.datasets["subscription_changes"] != nil {
      names.append("subscription_changes")
    }
    return try names.map { try knowledgeCut(of: $0) }.min() ?? knowledgeEnd
  }

  /// The instant by which a row had to be recorded to count: the cut of the extraction, or the end
  /// of the logical date if that came first.
  func knowledgeCut(of dataset: String) throws -> Timestamp {
    let watermark = try extracted(dataset).watermark
    return min(Timestamp(watermark.takenAt) ?? knowledgeEnd, knowledgeEnd)
  }
}
