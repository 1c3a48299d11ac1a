import AlmanacCore
import Columns
import Postgres
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
    try context.lock.write { connection in
      try record(fitted, of: model, run: context.run, on: connection)
    }
    let shown = fitted.forecast == nil ? "none" : fitted.isPublished ? "model" : fitted.rowVersion
    outcome.note(model.name, shown)
    context.log(.info, "fit: \(model.name), \(shown)")
  }

  private func record(
    _ fitted: FittedRisk, of model: RiskDefinition, run: UUIDValue, on connection: Connection
  ) throws {
    try connection.run(
      """
      UPDATE almanac.model_versions SET status = 'retired'
      WHERE model = $1 AND status = 'champion' AND model_version <> $2
      """, [model.name, fitted.version ?? ""])
    if let version = fitted.version {
      try connection.run(
        """
        INSERT INTO almanac.model_versions (model, model_version, specification, coefficients,
          training_start, training_end, data_digest, scores, gate, status, created_at, run_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now(), $11)
        ON CONFLICT (model, model_version) DO UPDATE SET status = excluded.status,
          run_id = excluded.run_id
        """,
        [
          model.name, version, fitted.specificationJSON, fitted.coefficientsJSON,
          fitted.training.start.description, fitted.training.end.description, fitted.dataDigest,
          fitted.scoresJSON, fitted.gateJSON, fitted.isPublished ? "champion" : "rejected",
          run.description,
        ])
    }
    try connection.run(
      """
      INSERT INTO almanac.gate_results (run_id, model, model_version, baseline, passed, decision,
        reason, checks, decided_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now())
      """,
      [
        run.description, model.name, fitted.version, ChurnForecast.baselineName,
        String(fitted.isPublished), fitted.isPublished ? "promoted" : "baseline",
        fitted.gateReason, fitted.gateJSON,
      ])
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
