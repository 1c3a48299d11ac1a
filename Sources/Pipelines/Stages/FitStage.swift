import AlmanacCore
import Codecs
import Columns
import Forecasting
import Postgres
import Predictions

/// Fits the models and records each version with its scores and what its gate decided.
package struct FitStage: Stage {
  package let name = "fit"
  /// The models to fit.
  package let models: [ModelDefinition]

  /// A stage that fits the given models.
  package init(models: [ModelDefinition]) {
    self.models = models
  }

  package func run(in context: RunContext) throws -> StageOutcome {
    var outcome = StageOutcome()
    for model in models {
      let fitted = try context.fit(model)
      outcome.rowsIn += fitted.rowsRead
      outcome.rowsOut += 1
      outcome.note("\(model.name)_version", fitted.version)
      try context.lock.write { connection in
        try record(fitted, of: model, context: context, on: connection)
      }
      for grain in fitted.grains {
        outcome.note("\(model.name)_\(grain.name)", grain.forecast.modelUsed.rawValue)
        context.log(
          .info,
          "fit: \(model.name) by \(grain.name), \(grain.forecast.modelUsed.rawValue)"
            + (grain.forecast.fallbackReason.map { ": \($0)" } ?? ""))
      }
    }
    return outcome
  }

  private func record(
    _ fitted: FittedModel, of model: ModelDefinition, context: RunContext,
    on connection: Connection
  ) throws {
    let passed = fitted.isPublished
    try connection.run(
      """
      UPDATE almanac.model_versions SET status = 'retired'
      WHERE model = $1 AND status = 'champion' AND model_version <> $2
      """, [model.name, fitted.version])
    try connection.run(
      """
      INSERT INTO almanac.model_versions (model, model_version, specification, coefficients,
        training_start, training_end, data_digest, scores, gate, status, created_at, run_id)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now(), $11)
      ON CONFLICT (model, model_version) DO UPDATE SET status = excluded.status,
        run_id = excluded.run_id
      """,
      [
        model.name, fitted.version, fitted.specificationJSON, fitted.coefficientsJSON,
        fitted.trainingStart.description, fitted.trainingEnd.description, fitted.dataDigest,
        fitted.scoresJSON, fitted.gateJSON, passed ? "champion" : "rejected",
        context.run.description,
      ])
    try connection.run(
      """
      INSERT INTO almanac.gate_results (run_id, model, model_version, baseline, passed, decision,
        reason, checks, decided_at)
      VALUES ($1, $2, $3, 'seasonal_naive', $4, $5, $6, $7, now())
      """,
      [
        context.run.description, model.name, fitted.version, String(passed),
        passed ? "promoted" : "baseline", fitted.gateReason, fitted.gateJSON,
      ])
  }
}

extension RunContext {
  /// The fitted model, from the fit stage of this run or fitted now.
  ///
  /// Fitting is a pure function of the data and the definition, so both are the same.
  func fit(_ model: ModelDefinition) throws -> FittedModel {
    if let known = fits[model.name] { return known }
    let revenue = try revenueSeries()
    let fitted = try FittedModel(model, revenue: revenue.series, rowsRead: revenue.rowsRead)
    fits[model.name] = fitted
    return fitted
  }

  /// Daily revenue of all companies up to the logical date, as known at its end.
  private func revenueSeries() throws -> (series: DailyRevenue, rowsRead: Int) {
    let attempts = "payment_attempts"
    let transactions = "transactions"
    guard let definition = project.dataset(attempts) else {
      throw PipelineError.notExtracted(dataset: attempts)
    }
    _ = try extracted(attempts)
    let days = try checkCoverage(of: definition)
    let through = max(days.lowerBound, date.adding(days: 1))
    let reader = directory.reader
    let attemptRows = try reader.read(
      attempts, days: days.lowerBound...through,
      columns: [
        "transaction_id", "outcome", "amount", "currency", "attempted_at", "created_at",
      ])
    let transactionRows = try reader.read(
      transactions, columns: ["id", "amount", "currency", "succeeded_at", "created_at"])
    let series = try DailyRevenue(
      attempts: attemptRows, transactions: transactionRows, through: date, zone: zone,
      currency: pipeline.currency)
    let rowsRead = (attemptRows + transactionRows).reduce(0) { $0 + $1.rowCount }
    return (series, rowsRead)
  }
}
