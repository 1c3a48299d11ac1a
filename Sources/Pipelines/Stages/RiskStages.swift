import AlmanacCore
import Columns
import Predictions

extension RunContext {
  /// The fitted model, from the fit stage of this run or fitted now.
  ///
  /// Fitting is a pure function of the data and the definition, so both are the same.
  func fit(_ model: RiskDefinition) throws -> FittedRisk {
    if let known = riskFits[model.name] { return known }
    let fitted = try FittedRisk(model, try churnReading(model), date: date)
    riskFits[model.name] = fitted
    return fitted
  }

  /// The instant by which a row had to be recorded to count: the earliest cut of the datasets that
  /// the model is made from.
  fileprivate func knowledgeCut(of model: RiskDefinition) throws -> Timestamp {
    try (model.datasetNames + ["subscription_changes"])
      .filter { directory.manifest.datasets[$0] != nil }
      .map { try knowledgeCut(of: $0) }.min() ?? knowledgeEnd
  }
}

extension FitStage {
  /// Fits a model and records its version with its scores and what its gate decided.
  func fit(
    _ model: RiskDefinition, in context: RunContext, _ outcome: inout StageOutcome
  ) throws {
    let fitted = try context.fit(model)
    outcome.rowsIn += fitted.rowsRead
    outcome.notices += fitted.notices
    if let version = fitted.version {
      outcome.rowsOut += 1
      outcome.note("\(model.name)_version", version)
    }
    let record = VersionRecord(
      model: model.name, baseline: ChurnForecast.baselineName, version: fitted.version,
      specificationJSON: fitted.specificationJSON, coefficientsJSON: fitted.coefficientsJSON,
      training: fitted.training, dataDigest: fitted.dataDigest, scoresJSON: fitted.scoresJSON,
      gateJSON: fitted.gateJSON, gateReason: fitted.gateReason, isPublished: fitted.isPublished)
    try context.lock.write { try record.write(run: context.run, on: $0) }
    let shown = fitted.forecast == nil ? "none" : fitted.isPublished ? "model" : fitted.rowVersion
    outcome.note(model.name, shown)
    context.log(.info, "fit: \(model.name), \(shown)")
  }
}

extension PredictStage {
  /// Writes what a model says of each company that pays, where no reader sees it yet.
  func predict(
    _ model: RiskDefinition, in context: RunContext, _ outcome: inout StageOutcome
  ) throws {
    let fitted = try context.fit(model)
    let rows = ChurnRiskRows(
      run: context.run, model: model.name, asOf: context.date,
      recordedCut: try context.knowledgeCut(of: model),
      validUntil: context.zone.start(of: context.date.adding(days: PredictStage.validDays)))
    let written = try context.lock.copyPredictions(
      [rows.batch(fitted)], into: .churnRisk, run: context.run.description, model: model.name)
    outcome.rowsIn += fitted.rowsRead
    outcome.rowsOut += written
    outcome.note("\(model.name)_rows", written)
    context.log(.info, "predict: \(model.name), \(written) rows")
  }
}
