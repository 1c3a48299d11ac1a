import AlmanacCore
import Columns
import Documents
import Postgres
import Predictions

extension RunContext {
  /// The fitted model, from the fit stage of this run or fitted now.
  ///
  /// Fitting is a pure function of the data and the definition, and a champion that met it once is
  /// met with the same result, so both are the same.
  func fit(_ model: RiskDefinition) throws -> FittedRisk {
    try RunMemo.once(memo.riskFits) { fits in
      if let known = fits[model.name] { return known }
      let reading = try riskReading(model)
      let fitted = try meetChampion(
        try FittedRisk(model, reading, date: date, limits: limits), model, reading.panel)
      fits[model.name] = fitted
      return fitted
    }
  }

  /// Lets what was fitted meet the version that serves, if there is one and it can be compared.
  private func meetChampion(
    _ fitted: FittedRisk, _ model: RiskDefinition, _ panel: (any RiskPanel)?
  ) throws -> FittedRisk {
    var fitted = fitted
    do {
      guard let champion = try RiskChampion(of: model.name, zone: zone, on: lock.connection),
        champion.version != fitted.version
      else { return fitted }
      guard let panel else {
        fitted.verdict = RiskVerdict(
          decision: .kept, reason: fitted.gateReason, champion: champion.version)
        return fitted
      }
      // Of a night of long ago nothing is decided, and what it says is its own.
      guard champion.cut <= knowledgeEnd else {
        fitted.verdict = RiskVerdict(
          decision: .kept, reason: "it was learned from later days than \(date)",
          champion: champion.version)
        return fitted
      }
      if let problem = champion.definition.problems(project).first {
        throw PipelineError.unreadableModel(
          model: model.name, version: champion.version, reason: problem.description)
      }
      return try fitted.meeting(champion, model, panel) {
        try riskReading(champion.definition).panel
      }
    } catch let error as PipelineError {
      guard case .unreadableModel = error else { throw error }
      fitted.notices.append("\(error); it no longer serves")
      return fitted
    }
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
    let verdict = fitted.verdict
    let record = VersionRecord(
      model: model.name, baseline: RiskSource.baselineName, version: fitted.version,
      specificationJSON: fitted.specificationJSON, coefficientsJSON: fitted.coefficientsJSON,
      training: fitted.training, dataDigest: fitted.dataDigest, scoresJSON: fitted.scoresJSON,
      gateJSON: fitted.gateJSON, isPublished: fitted.isPublished, decision: verdict.decision,
      reason: verdict.reason, champion: verdict.champion, checksJSON: fitted.checksJSON)
    try context.lock.write { try record.write(run: context.run, on: $0) }
    if verdict.decision == .kept, let champion = verdict.champion {
      outcome.notices.append("\(model.name): \(champion) stays the champion: \(verdict.reason)")
      outcome.note("\(model.name)_champion", champion)
    }
    let shown =
      fitted.forecast == nil ? "none" : fitted.servesModel ? "model" : RiskSource.baselineName
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
    let written = try write(model, fitted, in: context)
    outcome.rowsIn += fitted.rowsRead
    outcome.rowsOut += written
    outcome.note("\(model.name)_rows", written)
    let drifts = fitted.shownForecast?.drifts ?? []
    note(drifts, of: model, &outcome)
    try write(drifts, of: model, fitted.rowVersion, in: context)
    let outcomes = try context.recordOutcomes(of: model, fitted)
    if outcomes > 0 { outcome.note("\(model.name)_outcomes", outcomes) }
    context.log(.info, "predict: \(model.name), \(written) rows")
  }

  /// Copies what is said of companies into the table of the model's kind; returns the rows.
  private func write(
    _ model: RiskDefinition, _ fitted: FittedRisk, in context: RunContext
  ) throws -> Int {
    let cut = try context.knowledgeCut(of: model)
    let validUntil = context.zone.start(of: context.date.adding(days: PredictStage.validDays))
    var batches: [Batch] = []
    if let forecast = fitted.shownForecast as? ChurnForecast {
      let rows = ChurnRiskRows(
        run: context.run, model: model.name, asOf: context.date, recordedCut: cut,
        validUntil: validUntil, actions: model.actions)
      batches = [rows.batch(forecast, of: fitted)]
    } else if let forecast = fitted.shownForecast as? UpsellForecast {
      let rows = UpsellRowsWriting(
        run: context.run, model: model.name, asOf: context.date, recordedCut: cut,
        validUntil: validUntil)
      batches = [rows.batch(forecast, of: fitted)]
    }
    if model.kind == .paymentFailure {
      let rows = PaymentRiskRows(
        run: context.run, model: model.name, asOf: context.date, recordedCut: cut,
        validUntil: validUntil)
      let forecast = fitted.shownForecast as? PaymentForecast
      batches = [rows.invoices(forecast?.invoices ?? [], of: fitted)]
      let methods = [rows.methods(forecast?.methods ?? [], of: fitted)]
      return try context.lock.copyPredictions(
        batches, into: .paymentFailureRisk, run: context.run.description, model: model.name,
        without: context.directory.standIns)
        + context.lock.copyPredictions(
          methods, into: .paymentMethodRisk, run: context.run.description, model: model.name,
          without: context.directory.standIns)
    }
    return try context.lock.copyPredictions(
      batches, into: model.kind.table, run: context.run.description, model: model.name,
      without: context.directory.standIns)
  }

  /// Keeps how far features have moved (DECISIONS.md, D-532).
  private func write(
    _ drifts: [(part: String, drift: RiskDrift)], of model: RiskDefinition, _ version: String,
    in context: RunContext
  ) throws {
    try context.lock.write { connection in
      try connection.run(
        "DELETE FROM predictions.feature_drift WHERE run_id = $1 AND model = $2",
        [context.run.description, model.name])
      try connection.run(
        """
        INSERT INTO predictions.feature_drift (run_id, model, part, feature, as_of, model_version,
          stability_index, warned_above)
        SELECT $1, $2, part, feature, $3, $4, index, above
        FROM unnest($5::text[], $6::text[], $7::float8[], $8::float8[])
          AS d (part, feature, index, above)
        """,
        [
          context.run.description, model.name, context.date.description, version,
          array(drifts.map(\.part)), array(drifts.map(\.drift.feature)),
          array(drifts.map { "\($0.drift.stabilityIndex)" }),
          array(drifts.map { "\($0.drift.limit)" }),
        ])
    }
  }

  /// Warns of features that have moved away from what was learned, and notes all of them.
  private func note(
    _ drifts: [(part: String, drift: RiskDrift)], of model: RiskDefinition,
    _ outcome: inout StageOutcome
  ) {
    let isOne = Set(drifts.map(\.part)).count < 2
    func name(_ part: String, _ drift: RiskDrift) -> String {
      isOne ? drift.feature : "\(part) \(drift.feature)"
    }
    for (part, drift) in drifts where drift.isWarned {
      outcome.notices.append(
        "\(model.name): \(name(part, drift)) of \(model.kind.subjects) is far from what the model "
          + "learned from (PSI \(FittedRisk.rounded(drift.stabilityIndex)))")
    }
    if drifts.isEmpty { return }
    let words = drifts.map { "\(name($0, $1)) \(FittedRisk.rounded($1.stabilityIndex))" }
    outcome.note("\(model.name)_drift", words.joined(separator: ", "))
  }
}
