package import AlmanacCore
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
  ///   - forgotten: what stands for forgotten companies, of which nothing is predicted.
  /// - Returns: the number of rows.
  /// - Throws: ``PipelineError/countMismatch(table:expected:found:)`` if the server took another
  ///   number of rows, and what ``Fence/write(on:_:)`` and `copyIn` throw. Nothing is kept then.
  @discardableResult
  package func copyPredictions(
    _ batches: [Batch], into table: PredictionTable, run: String, model: String,
    without forgotten: Set<UUIDValue> = []
  ) throws -> Int {
    let batches = forgotten.isEmpty ? batches : batches.map { $0.without(forgotten) }
    return try write { connection in
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

extension Batch {
  /// The rows that are of none of some companies.
  fileprivate func without(_ companies: Set<UUIDValue>) -> Batch {
    guard case .uuid(let values)? = self["company_id"]?.storage else { return self }
    let rows = (0..<rowCount).filter { !companies.contains(values.row($0)) }
    return rows.count == rowCount ? self : taking(rows)
  }
}

extension DataDirectory {
  /// What stands for companies that were forgotten.
  var standIns: Set<UUIDValue> { Set((manifest.standIns ?? []).compactMap { UUIDValue($0) }) }
}
