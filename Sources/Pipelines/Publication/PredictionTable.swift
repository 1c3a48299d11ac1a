package import Columns
package import Postgres

/// The tables of predictions that are keyed by run.
package enum PredictionTable: String, CaseIterable, Sendable {
  case revenueForecasts = "revenue_forecasts"
  case churnRisk = "churn_risk"
  case upsellOpportunities = "upsell_opportunities"
  case paymentFailureRisk = "payment_failure_risk"
  case paymentMethodRisk = "payment_method_risk"

  /// The table's name in the target.
  package var name: QualifiedName { QualifiedName(schema: "predictions", name: rawValue) }
}

extension RunLock {
  /// Replaces the rows of a run and model in a table of predictions, where no reader sees them yet.
  ///
  /// One fenced transaction removes what an earlier attempt of the run left and copies the rows
  /// straight into the table. Rows in the order of the table's key are copied fastest.
  ///
  /// - Parameters:
  ///   - batches: the rows, all of the run and the model.
  ///   - table: the table.
  ///   - run: the run.
  ///   - model: the name of the model.
  /// - Returns: the number of rows.
  /// - Throws: ``PipelineError/countMismatch(table:expected:found:)`` if the server took another
  ///   number of rows, and what ``Fence/write(on:_:)`` and `copyIn` throw. Nothing is kept then.
  @discardableResult
  package func copyPredictions(
    _ batches: [Batch], into table: PredictionTable, run: String, model: String
  ) throws -> Int {
    try write { connection in
      try connection.run(
        "DELETE FROM \(table.name) WHERE run_id = $1 AND model = $2", [run, model])
      var copied = 0
      for batch in batches { copied += try connection.copyIn(batch, into: table.name) }
      let expected = batches.reduce(0) { $0 + $1.rowCount }
      guard copied == expected else {
        throw PipelineError.countMismatch(
          table: table.name.description, expected: expected, found: copied)
      }
      return copied
    }
  }
}
