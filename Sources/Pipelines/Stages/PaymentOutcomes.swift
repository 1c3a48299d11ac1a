import AlmanacCore
import Postgres
import Predictions

extension RunContext {
  /// Joins the published probabilities of failing payments to the next charge of the invoice by the
  /// method, once that is decided (DECISIONS.md, D-523, D-540).
  ///
  /// - Returns: the number of outcomes recorded.
  func recordOutcomes(of model: RiskDefinition, _ panel: PaymentPanel) throws -> Int {
    try lock.write { connection in
      let runs = try connection.query(
        """
        SELECT DISTINCT ON (as_of) as_of, run_id FROM almanac.published_runs
        WHERE model = $1 AND as_of < $2::date AND as_of >= $2::date - \(RunContext.chargeDays)
        ORDER BY as_of, publication_id DESC
        """, [model.name, date.description])
      var recorded = 0
      for row in 0..<runs.count {
        guard let run = runs[row, "run_id"],
          let day = runs[row, "as_of"].flatMap({ CalendarDate($0) })
        else { continue }
        let start = end(of: day)
        var seen: Set<[UUIDValue]> = []
        let next = panel.charges.filter { charge in
          guard charge.charge.at >= start, let invoice = charge.charge.invoice else { return false }
          return seen.insert([invoice, charge.charge.method]).inserted
        }.filter { $0.failed != nil }
        recorded += try connection.run(
          """
          INSERT INTO predictions.outcomes (company_id, model, measure, subject_id, as_of,
            period_start, model_version, recorded_cut, predicted, actual, matured_at)
          SELECT f.company_id, f.model, $6, f.invoice_id || ' ' || f.payment_method_id, f.as_of,
            f.as_of + 1, f.model_version, f.recorded_cut, f.probability, known.happened, $7
          FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS known (invoice, method, happened)
          JOIN predictions.payment_failure_risk AS f ON f.invoice_id = known.invoice
            AND f.payment_method_id = known.method
          WHERE f.run_id = $4 AND f.model = $5
          ON CONFLICT DO NOTHING
          """,
          [
            array(next.compactMap { $0.charge.invoice?.description }),
            array(next.map(\.charge.method.description)),
            array(next.map { $0.failed == true ? "1" : "0" }), run, model.name,
            "payment_failure", knowledgeEnd.description,
          ])
      }
      return recorded
    }
  }

  /// For how many days after a date the next charge is waited for.
  private static let chargeDays = 62
}
