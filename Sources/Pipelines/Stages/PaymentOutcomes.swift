import AlmanacCore
import Postgres
import Predictions

extension RunContext {
  /// Joins the published probabilities of failing payments to the next charge of the invoice by the
  /// method, once that is decided (DECISIONS.md, D-523, D-540).
  ///
  /// - Returns: the number of outcomes recorded.
  func recordOutcomes(of model: RiskDefinition, _ panel: PaymentPanel) throws -> Int {
    // By time; of those at one instant the order of the panel counts.
    let charges = panel.charges.enumerated().filter { $0.element.charge.invoice != nil }
      .sorted { ($0.element.charge.at, $0.offset) < ($1.element.charge.at, $1.offset) }
      .map(\.element)
    return try lock.write { connection in
      var recorded = 0
      for (run, day) in try openRuns(of: model, charges, on: connection) {
        let next = decided(charges, after: day)
        // An empty array has nothing to join.
        if next.isEmpty { continue }
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
            RunContext.chargeMeasure, knowledgeEnd.description,
          ])
      }
      return recorded
    }
  }

  /// The first charge after a date of each invoice by each method, of those that were made in the days
  /// it is waited for and are decided.
  ///
  /// - Parameters:
  ///   - charges: charges of invoices by time.
  ///   - day: the date.
  /// - Returns: the charges by time.
  private func decided(_ charges: [LabelledCharge], after day: CalendarDate) -> [LabelledCharge] {
    func place(of instant: Timestamp) -> Int {
      var (low, high) = (0, charges.count)
      while low < high {
        let middle = (low + high) / 2
        if charges[middle].charge.at < instant { low = middle + 1 } else { high = middle }
      }
      return low
    }
    let last = place(of: end(of: day.adding(days: RunContext.chargeDays)))
    var seen: Set<[UUIDValue]> = []
    return charges[place(of: end(of: day))..<last].filter { charge in
      guard let invoice = charge.charge.invoice else { return false }
      return seen.insert([invoice, charge.charge.method]).inserted
    }.filter { $0.failed != nil }
  }

  /// The run of each earlier date that was published last and may lack an outcome by now.
  ///
  /// The night that made the newest of them has recorded what was known then. What may have become
  /// known since are charges of dates so far back that they were still waited for, later ones, and
  /// those that were recorded since, however old; and a date without any outcome may have been
  /// published since. So the usual night looks at as many dates as charges are waited for, and one
  /// after a pause at those it missed.
  private func openRuns(
    of model: RiskDefinition, _ charges: [LabelledCharge], on connection: Connection
  ) throws -> [(run: String, date: CalendarDate)] {
    let newest = try connection.query(
      "SELECT max(as_of) AS as_of FROM almanac.published_runs WHERE model = $1 AND as_of < $2::date",
      [model.name, date.description])
    guard newest.count > 0, let last = newest[0, "as_of"].flatMap({ CalendarDate($0) })
    else { return [] }
    let new = charges.lazy.filter { $0.failed != nil && $0.knownAt >= self.end(of: last) }
      .map { self.zone.localDate(at: $0.charge.at) }.min()
    let first = min(last.adding(days: -LabelledCharge.resolutionDays), new ?? last)
      .adding(days: -RunContext.chargeDays)
    let runs = try connection.query(
      """
      SELECT run_id, as_of FROM (
        SELECT DISTINCT ON (as_of) as_of, run_id FROM almanac.published_runs
        WHERE model = $1 AND as_of < $2::date ORDER BY as_of, publication_id DESC) AS r
      WHERE as_of >= $3::date OR NOT EXISTS (SELECT FROM predictions.outcomes AS o
        WHERE o.model = $1 AND o.measure = $4 AND o.as_of = r.as_of)
      ORDER BY as_of
      """, [model.name, date.description, first.description, RunContext.chargeMeasure])
    return (0..<runs.count).compactMap { row in
      guard let run = runs[row, "run_id"],
        let day = runs[row, "as_of"].flatMap({ CalendarDate($0) })
      else { return nil }
      return (run, day)
    }
  }

  /// The name under which outcomes of charges are recorded.
  private static let chargeMeasure = "payment_failure"
  /// For how many days after a date the next charge is waited for.
  private static let chargeDays = 62
}
