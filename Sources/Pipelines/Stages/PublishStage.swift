import AlmanacCore
import Postgres

/// Makes the run's predictions the ones that readers see.
///
/// The rows are in their tables already, keyed by run and invisible. One fenced transaction counts
/// them and adds a publication that names the run of every model; models the run did not predict
/// keep the run of the publication before. Forecasts older than the published ones are kept, but not
/// shown (DECISIONS.md, D-015).
package struct PublishStage: Stage {
  package let name = "publish"

  /// A publishing stage.
  package init() {}

  package func run(in context: RunContext) throws -> StageOutcome {
    var outcome = StageOutcome()
    let publication = try context.lock.write { connection in
      let models = try connection.query(
        """
        SELECT model, min(model_version) AS model_version, min(as_of) AS as_of,
          min(recorded_cut) AS recorded_cut, min(valid_until) AS valid_until, count(*) AS rows
        FROM predictions.revenue_forecasts
        WHERE run_id = $1 GROUP BY model ORDER BY model
        """, [context.run.description])
      guard models.count > 0 else {
        throw PipelineError.nothingToPublish(run: context.run.description)
      }
      for row in 0..<models.count {
        outcome.rowsIn += models[row, "rows"].flatMap { Int($0) } ?? 0
      }
      if let published = try LedgerReading(connection).publishedDate(), published > context.date {
        outcome.notices.append(
          "readers keep the forecasts as of \(published); those as of \(context.date) are older "
            + "and were not published")
        return String?.none
      }
      return try add(models, context: context, on: connection)
    }
    outcome.note("publication", publication ?? "none")
    if let publication {
      outcome.rowsOut = outcome.rowsIn
      context.log(.info, "publish: publication \(publication), \(outcome.rowsOut) predictions")
    }
    return outcome
  }

  /// Adds a publication with the run's models and the unchanged ones of the publication before.
  private func add(
    _ models: ResultRows, context: RunContext, on connection: Connection
  ) throws -> String {
    let published = try connection.query(
      """
      INSERT INTO almanac.published (pipeline, run_id, token, as_of, valid_until)
      VALUES ($1, $2, $3, $4, $5) RETURNING publication_id
      """,
      [
        context.pipeline.name, context.run.description, String(context.lock.token),
        context.date.description, models[0, "valid_until"],
      ])
    let publication = published[0, "publication_id"] ?? ""
    for row in 0..<models.count {
      try connection.run(
        """
        INSERT INTO almanac.published_runs (publication_id, model, run_id, model_version, as_of,
          recorded_cut, valid_until, rows)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        [
          publication, models[row, "model"], context.run.description, models[row, "model_version"],
          models[row, "as_of"], models[row, "recorded_cut"], models[row, "valid_until"],
          models[row, "rows"],
        ])
    }
    try connection.run(
      """
      INSERT INTO almanac.published_runs (publication_id, model, run_id, model_version, as_of,
        recorded_cut, valid_until, rows)
      SELECT $1::bigint, before.model, before.run_id, before.model_version, before.as_of,
        before.recorded_cut, before.valid_until, before.rows
      FROM almanac.published_runs before
      WHERE before.publication_id = (
          SELECT max(publication_id) FROM almanac.published WHERE publication_id < $1::bigint)
        AND NOT EXISTS (
          SELECT FROM almanac.published_runs ours
          WHERE ours.publication_id = $1::bigint AND ours.model = before.model)
      """, [publication])
    return publication
  }
}
