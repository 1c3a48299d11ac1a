import AlmanacCore
import Forecasting
import Postgres
import Predictions

extension RunContext {
  /// Joins what published runs forecast of periods that are over by now to what happened.
  ///
  /// Of each earlier date the run counts that was published last. Outcomes are kept as they were
  /// first known; those of companies by month only (DECISIONS.md, D-497).
  ///
  /// - Returns: the number of outcomes recorded.
  func recordOutcomes(of model: ModelDefinition, _ fitted: FittedModel) throws -> Int {
    let scoped = fitted.grains.compactMap { grain -> ScopedForecast? in
      if case .scoped(let scoped) = grain.content { return scoped }
      return nil
    }
    guard !scoped.isEmpty else { return 0 }
    return try lock.write { connection in
      let runs = try connection.query(
        """
        SELECT run_id, as_of FROM (
          SELECT DISTINCT ON (as_of) as_of, run_id FROM almanac.published_runs
          WHERE model = $1 AND as_of < $2::date ORDER BY as_of, publication_id DESC) AS r
        ORDER BY as_of
        """, [model.name, date.description])
      let known = PublishedRuns(
        names: (0..<runs.count).compactMap { runs[$0, "run_id"] },
        dates: (0..<runs.count).compactMap { runs[$0, "as_of"] })
      if known.names.isEmpty { return 0 }
      var recorded = 0
      for part in scoped {
        let all = ActualValues(part, ofCompanies: false, horizon: model.horizon)
        let added = try record(all, of: model, part, runs: known, on: connection)
        recorded += added
        // A month that is over for the total is over for companies, and was not before.
        if part.series.grain == .month, added > 0 {
          recorded += try record(
            ActualValues(part, ofCompanies: true, horizon: model.horizon), of: model, part,
            runs: known, on: connection)
        }
      }
      return recorded
    }
  }

  private func record(
    _ actual: ActualValues, of model: ModelDefinition, _ part: ScopedForecast,
    runs: PublishedRuns, on connection: Connection
  ) throws -> Int {
    if actual.values.isEmpty { return 0 }
    // Each forecast is looked up by its key. A join as the server plans it goes by statistics that
    // it does not have of rows that are seconds old: it compared every forecast with every value.
    // Of periods that were over before a run it has no forecast to look for.
    return try connection.run(
      """
      INSERT INTO predictions.outcomes (company_id, model, measure, subject_id, as_of, period_start,
        model_version, recorded_cut, predicted, lower, upper, actual, matured_at)
      SELECT f.company_id, f.model, f.measure || '_' || f.grain, a.subject, f.as_of, f.period_start,
        f.model_version, f.recorded_cut, f.predicted, f.lower_80, f.upper_80, a.value, $9
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::date[], $6::numeric[])
        AS a (company, scope, id, subject, period, value)
      JOIN unnest($7::uuid[], $13::date[]) AS r (run, as_of) ON a.period >=
        CASE $11::text WHEN 'day' THEN r.as_of + 1 ELSE date_trunc('month', r.as_of)::date END
      CROSS JOIN LATERAL (
        SELECT * FROM predictions.revenue_forecasts AS f
        WHERE f.company_id = a.company AND f.run_id = r.run AND f.scope = a.scope
          AND f.scope_id = a.id AND f.grain = $11 AND f.period_start = a.period
          AND f.measure = $10 AND f.model = $8 AND f.currency = $12
        OFFSET 0) AS f
      ON CONFLICT DO NOTHING
      """,
      [
        array(actual.companies), array(actual.scopes), array(actual.ids), array(actual.subjects),
        array(actual.periods), array(actual.values), array(runs.names),
        model.name, knowledgeEnd.description, part.measure.rawValue, part.series.grain.rawValue,
        pipeline.currency.description, array(runs.dates),
      ])
  }
}

/// Runs whose forecasts readers were shown, with the date of each.
private struct PublishedRuns {
  var names: [String]
  var dates: [String]
}

/// What the last periods of series came to, as columns of a query.
private struct ActualValues {
  var companies: [String] = []
  var scopes: [String] = []
  var ids: [String] = []
  var subjects: [String] = []
  var periods: [String] = []
  var values: [String] = []

  /// The values of the periods that a forecast can have been made of: those of one horizon.
  init(_ part: ScopedForecast, ofCompanies: Bool, horizon: ModelDefinition.Horizon) {
    let spine = TimeSeries(grain: part.series.grain, start: part.series.start, values: [])
    let count = part.series.input.count
    let reach = min(count, part.series.grain == .day ? horizon.days : horizon.months)
    for (node, subject) in part.series.subjects.enumerated() {
      let isCompany = subject.scope == .company
      // Companies still to come have become others by now.
      guard isCompany == ofCompanies, part.series.input.nodes[node].values.count == count,
        part.series.input.nodes[node].role == (isCompany ? .leaf : .aggregate)
      else { continue }
      for period in (count - reach)..<count {
        let amount = part.series.input.nodes[node].values[period] * Double(Money.scale)
        companies.append(subject.company.description)
        scopes.append(subject.scope.rawValue)
        ids.append(subject.id)
        subjects.append(subject.outcomeName)
        periods.append(spine.periodStart(period).description)
        values.append(Money.text(Int128(amount.rounded())))
      }
    }
  }
}
