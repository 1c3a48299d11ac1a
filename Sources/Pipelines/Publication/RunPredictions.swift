package import Postgres

/// What a run predicted, counted in the tables and checked.
package struct RunPredictions: Sendable, Equatable {
  /// What it predicted with one model.
  package struct Model: Sendable, Equatable {
    /// The name of the model.
    package var name: String
    /// The version that predicted, or the label of the baseline.
    package var version: String
    /// The day it predicted for.
    package var asOf: String
    /// The instant of the extraction, as the server writes it.
    package var recordedCut: String
    /// From when on the predictions are stale, as the server writes it.
    package var validUntil: String
    /// The number of rows.
    package var rows: Int
  }

  /// The run.
  package let run: String
  /// Its models by name.
  package private(set) var models: [Model] = []
  /// The number of rows.
  package var rows: Int { models.reduce(0) { $0 + $1.rows } }

  /// Counts the rows of a run.
  ///
  /// - Throws: ``PipelineError/mixedPredictions(model:)`` if the rows of one model disagree on their
  ///   version or times; ``PipelineError/countMismatch(table:expected:found:)`` if the ledger says
  ///   that the run predicted another number of rows; ``PipelineError/unfinishedRun(run:)`` if it
  ///   says that the run never ended predicting; a `PostgresError`.
  package init(_ connection: Connection, run: String) throws {
    self.run = run
    models = try connection.transaction(.repeatableReadReadOnly(snapshot: nil)) {
      // New rows are in no statistics: the server would take them for a few and sort a million.
      try connection.run("SET LOCAL enable_sort = off")
      var found = Models()
      for table in PredictionTable.allCases { try found.add(table, of: run, on: connection) }
      return found.models
    }
    models.sort { $0.name < $1.name }
    try checkLedger(connection)
  }

  /// Compares with what the stage that predicted wrote down.
  private func checkLedger(_ connection: Connection) throws {
    let stage = try connection.query(
      """
      SELECT status = 'succeeded' AS is_done, rows_out FROM almanac.stage_runs
      WHERE run_id = $1 AND stage = 'predict'
      """, [run])
    guard stage.count == 1 else { return }
    guard stage[0, "is_done"] == "t", let written = stage[0, "rows_out"].flatMap({ Int($0) })
    else { throw PipelineError.unfinishedRun(run: run) }
    guard written == rows else {
      throw PipelineError.countMismatch(table: "predictions", expected: written, found: rows)
    }
  }
}

/// The models of a run as they are found, table by table.
private struct Models {
  var models: [RunPredictions.Model] = []

  /// Counts the rows of a table.
  mutating func add(_ table: PredictionTable, of run: String, on connection: Connection) throws {
    let found = try connection.query(
      """
      SELECT model, model_version, as_of, recorded_cut, valid_until, count(*) AS rows
      FROM \(table.name) WHERE run_id = $1 GROUP BY 1, 2, 3, 4, 5
      """, [run])
    for row in 0..<found.count {
      try add(
        RunPredictions.Model(
          name: found[row, "model"] ?? "", version: found[row, "model_version"] ?? "",
          asOf: found[row, "as_of"] ?? "", recordedCut: found[row, "recorded_cut"] ?? "",
          validUntil: found[row, "valid_until"] ?? "",
          rows: found[row, "rows"].flatMap { Int($0) } ?? 0))
    }
  }

  /// Adds the rows of a model, which may have some in several tables.
  private mutating func add(_ model: RunPredictions.Model) throws {
    guard let place = models.firstIndex(where: { $0.name == model.name }) else {
      models.append(model)
      return
    }
    var joined = models[place]
    joined.rows += model.rows
    models[place].rows = model.rows
    guard models[place] == model else { throw PipelineError.mixedPredictions(model: model.name) }
    models[place] = joined
  }
}
