import AlmanacCore
import Postgres

/// Makes the run's predictions the ones that readers see.
///
/// The rows are in their tables already, keyed by run and invisible. They are counted and checked;
/// then one fenced transaction adds a publication that names the run of every model, and marks the
/// stage as done in the ledger. Models the run did not predict keep the run of the publication
/// before. Forecasts older than the published ones are kept, but not shown (DECISIONS.md, D-015).
package struct PublishStage: Stage {
  package let name = "publish"

  /// A publishing stage.
  package init() {}

  package func run(in context: RunContext) throws -> StageOutcome {
    var outcome = StageOutcome()
    let connection = context.lock.connection
    let predictions = try RunPredictions(connection, run: context.run.description)
    guard !predictions.models.isEmpty else {
      throw PipelineError.nothingToPublish(run: context.run.description)
    }
    outcome.rowsIn = predictions.rows
    if let published = try LedgerReading(connection).publishedDate(), published > context.date {
      outcome.notices.append(
        "readers keep the forecasts as of \(published); those as of \(context.date) are older "
          + "and were not published")
      outcome.note("publication", "none")
      return outcome
    }
    outcome.rowsOut = predictions.rows
    let publication = try Publisher(context.lock).publish(
      predictions, pipeline: context.pipeline.name
    ) { (connection, publication) in
      outcome.note("publication", publication.id)
      try context.ledger.finishStage(name, outcome, on: connection)
    }
    context.log(.info, "publish: publication \(publication.id), \(outcome.rowsOut) predictions")
    return outcome
  }
}
