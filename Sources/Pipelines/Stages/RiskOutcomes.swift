import AlmanacCore
import Billing
import Postgres
import Predictions

extension RunContext {
  /// Joins each published probability to what happened, once that is known for good.
  ///
  /// Of each earlier date the run counts that was published last. Outcomes are kept as they were
  /// first known (DECISIONS.md, D-523, D-531).
  ///
  /// - Returns: the number of outcomes recorded.
  func recordOutcomes(of model: RiskDefinition, _ fitted: FittedRisk) throws -> Int {
    if let panel = fitted.panel as? PaymentPanel { return try recordOutcomes(of: model, panel) }
    guard let book = fitted.reading.book else { return 0 }
    switch model.kind {
    case .churn: return try recordChurn(of: model, book)
    case .upsell: return try recordUpsell(of: model, book)
    case .paymentFailure: return 0
    }
  }

  /// The run of each earlier date that was published last and of which a measure is not known yet.
  private func openRuns(
    of model: RiskDefinition, _ measure: String, on connection: Connection
  ) throws -> [(run: String, date: CalendarDate)] {
    let runs = try connection.query(
      """
      SELECT run_id, as_of FROM (
        SELECT DISTINCT ON (as_of) as_of, run_id FROM almanac.published_runs
        WHERE model = $1 AND as_of < $2::date ORDER BY as_of, publication_id DESC) AS r
      WHERE NOT EXISTS (SELECT FROM predictions.outcomes AS o
        WHERE o.model = $1 AND o.measure = $3 AND o.as_of = r.as_of)
      ORDER BY as_of
      """, [model.name, date.description, measure])
    return (0..<runs.count).compactMap { row in
      guard let run = runs[row, "run_id"],
        let day = runs[row, "as_of"].flatMap({ CalendarDate($0) })
      else { return nil }
      return (run, day)
    }
  }

  private func recordChurn(of model: RiskDefinition, _ book: CompanyBook) throws -> Int {
    guard let ledger = book.known.last else { return 0 }
    return try lock.write { connection in
      var recorded = 0
      for (measure, column, days) in [
        ("churn_30d", "probability", ChurnPanel.firstSpan),
        ("churn_90d", "probability_90d", ChurnPanel.secondSpan),
      ] {
        for (run, day) in try openRuns(of: model, measure, on: connection)
        where ChurnLabels.maturity(of: end(of: day), spanEnd: days) <= knowledgeEnd {
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

  /// Whether companies moved to a higher tier than they had, and added the module that was offered.
  private func recordUpsell(of model: RiskDefinition, _ book: CompanyBook) throws -> Int {
    var unused: [String] = []
    let prices = try priceList(&unused)
    let now = book.holdings
    return try lock.write { connection in
      var recorded = 0
      for (measure, kind) in [
        ("upsell_tier_90d", UpsellForecast.Kind.tier), ("upsell_module_90d", .module),
      ] {
        for (run, day) in try openRuns(of: model, measure, on: connection)
        where UpsellLabels.maturity(of: end(of: day)) <= knowledgeEnd {
          let instant = end(of: day)
          let rows = try connection.query(
            """
            SELECT company_id, target_id FROM predictions.upsell_opportunities
            WHERE run_id = $1 AND model = $2 AND kind = $3 ORDER BY 1, 2
            """, [run, model.name, kind.rawValue])
          // A night without an offer stays open for ever.
          if rows.count == 0 { continue }
          let then = kind == .tier ? book.holdings(knownAt: instant) : now
          var known: (companies: [String], targets: [String], happened: [String]) = ([], [], [])
          for row in 0..<rows.count {
            guard let company = rows[row, "company_id"].flatMap({ UUIDValue($0) }),
              let target = rows[row, "target_id"].flatMap({ UUIDValue($0) })
            else { continue }
            let holdings = now.holdings(of: company)
            let isYes: Bool
            if kind == .tier {
              let held = then.holdings(of: company)?.holding(before: instant) ?? .nothing
              guard let tier = prices.tier(of: held.plans) else { continue }
              isYes = UpsellLabels.rises(holdings, above: tier, after: instant, by: prices)
            } else {
              isYes = UpsellLabels.adopts(holdings, target, after: instant)
            }
            known.companies.append(company.description)
            known.targets.append(target.description)
            known.happened.append(isYes ? "1" : "0")
          }
          recorded += try connection.run(
            """
            INSERT INTO predictions.outcomes (company_id, model, measure, subject_id, as_of,
              period_start, model_version, recorded_cut, predicted, actual, matured_at)
            SELECT f.company_id, f.model, $4, f.target_id::text, f.as_of, f.as_of + 1,
              f.model_version, f.recorded_cut, f.probability, known.happened, $7
            FROM unnest($1::uuid[], $5::uuid[], $6::int[]) AS known (company, target, happened)
            JOIN predictions.upsell_opportunities AS f ON f.company_id = known.company
              AND f.target_id = known.target AND f.kind = $8
            WHERE f.run_id = $2 AND f.model = $3
            ON CONFLICT DO NOTHING
            """,
            [
              array(known.companies), run, model.name, measure, array(known.targets),
              array(known.happened), knowledgeEnd.description, kind.rawValue,
            ])
        }
      }
      return recorded
    }
  }
}
