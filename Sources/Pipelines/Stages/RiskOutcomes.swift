import AlmanacCore
import Billing
import Postgres
import Predictions

extension RunContext {
  /// Joins each published probability to what happened, once that is known for good.
  ///
  /// Of each earlier date the run counts that was published last. Outcomes are kept as they were
  /// first known (DECISIONS.md, D-523).
  ///
  /// - Returns: the number of outcomes recorded.
  func recordOutcomes(of model: RiskDefinition, _ fitted: FittedRisk) throws -> Int {
    if let panel = fitted.panel as? PaymentPanel { return try recordOutcomes(of: model, panel) }
    guard let ledger = fitted.reading.ledger else { return 0 }
    return try lock.write { connection in
      var recorded = 0
      for (measure, column, days) in [
        ("churn_30d", "probability", ChurnPanel.firstSpan),
        ("churn_90d", "probability_90d", ChurnPanel.secondSpan),
      ] {
        let runs = try connection.query(
          """
          SELECT run_id, as_of FROM (
            SELECT DISTINCT ON (as_of) as_of, run_id FROM almanac.published_runs
            WHERE model = $1 AND as_of < $2::date ORDER BY as_of, publication_id DESC) AS r
          WHERE NOT EXISTS (SELECT FROM predictions.outcomes AS o
            WHERE o.model = $1 AND o.measure = $3 AND o.as_of = r.as_of)
          ORDER BY as_of
          """, [model.name, date.description, measure])
        for row in 0..<runs.count {
          guard let run = runs[row, "run_id"],
            let day = runs[row, "as_of"].flatMap({ CalendarDate($0) }),
            ChurnLabels.maturity(of: end(of: day), spanEnd: days) <= knowledgeEnd
          else { continue }
          let happened = ledger.companies.map {
            ChurnLabels.falls($0, after: end(of: day), from: 0, to: days) ? "1" : "0"
          }
          recorded += try connection.run(
            """
            INSERT INTO predictions.outcomes (company_id, model, measure, subject_id, as_of,
              period_start, model_version, recorded_cut, predicted, actual, matured_at)
            SELECT f.company_id, f.model, $4, f.company_id::text, f.as_of, f.as_of + 1,
              f.model_version, f.recorded_cut, f.\(column), known.happened, $6
            FROM unnest($1::uuid[], $5::int[]) AS known (company, happened)
            JOIN predictions.churn_risk AS f ON f.company_id = known.company
            WHERE f.run_id = $2 AND f.model = $3 AND f.\(column) IS NOT NULL
            ON CONFLICT DO NOTHING
            """,
            [
              array(ledger.companies.map(\.company.description)), run, model.name, measure,
              array(happened), knowledgeEnd.description,
            ])
        }
      }
      return recorded
    }
  }
}
