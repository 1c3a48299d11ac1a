extension TenantFixture {
  /// The companies as an array of SQL.
  private static let identifiers = "'{\(companies.joined(separator: ","))}'::uuid[]"

  /// What every prediction carries, of a model.
  private static func origin(_ model: String) -> String {
    "'2011-12-09', '2011-12-10 00:00Z', '\(model)', 'v1', 'd', '2100-01-01 00:00Z'"
  }

  /// Predictions of a run for every company, with the company's name in every text.
  static func predictions(run: String) -> String {
    let reasons = """
      jsonb_build_array(jsonb_build_object('feature', 'f of ' || id, 'value', 1.5, 'contribution',
        0.25, 'text', 'because ' || id))
      """
    return """
      INSERT INTO predictions.revenue_forecasts
        SELECT id, '\(run)', 'company', id::text, 'month', m, 1, 10, 9, 11, 8, 12, 'GBP',
          'ensemble of ' || id, NULL, \(origin("mrr")), 'mrr'
        FROM unnest(\(identifiers)) AS id, unnest('{2011-12-01,2012-01-01}'::date[]) AS m;
      INSERT INTO predictions.churn_risk
        SELECT id, '\(run)', 0.125, NULL, 'medium', 12.5, \(reasons),
          jsonb_build_array(jsonb_build_object('action', 'call ' || id)), \(origin("churn"))
        FROM unnest(\(identifiers)) AS id;
      INSERT INTO predictions.upsell_opportunities
        SELECT id, '\(run)', kind, md5(id || kind || n)::uuid, 0.5 / n, 10, n, \(reasons),
          \(origin("upsell"))
        FROM unnest(\(identifiers)) AS id,
          (VALUES ('tier_upgrade', 1), ('module_cross_sell', 2), ('module_cross_sell', 3))
            AS k (kind, n);
      INSERT INTO predictions.payment_failure_risk
        SELECT id, '\(run)', md5(id || 'invoice' || n)::uuid, md5(id || 'method' || n)::uuid,
          timestamptz '2011-12-20 08:00Z' + n * interval '1 day', (n % 4) / 8.0, 100 + n,
          CASE WHEN n > 2 THEN 'soft' END, NULL, 0.75, NULL, NULL, \(reasons),
          \(origin("payment"))
        FROM unnest(\(identifiers)) AS id, generate_series(1, 7) AS n;
      INSERT INTO predictions.payment_method_risk
        SELECT id, '\(run)', md5(id || 'method' || n)::uuid, n / 8.0, NULL, \(reasons),
          \(origin("payment"))
        FROM unnest(\(identifiers)) AS id, generate_series(1, 2) AS n;
      """
  }

  /// Rows of `analytics` for every company, some of them after the published day.
  static let analytics = """
    INSERT INTO analytics.hourly_rollups
      SELECT id, 'module_used ' || id, '\(all)',
        timestamptz '2011-12-09 00:00Z' + h * interval '1 hour', h + 1, 1
      FROM unnest(\(identifiers)) AS id, generate_series(0, 3) AS h;
    INSERT INTO analytics.daily_rollups
      SELECT company_id, event_type, module_id, '2011-12-09', sum(event_count), 1
      FROM analytics.hourly_rollups GROUP BY 1, 2, 3;
    INSERT INTO analytics.monthly_rollups
      SELECT company_id, event_type, module_id, '2011-12-01', event_count, 1
      FROM analytics.daily_rollups;
    INSERT INTO analytics.daily_metrics (company_id, metric_name, dimension, dimension_value, date,
        value, numerator, unit, currency, settings_digest)
      SELECT id, 'mrr', '', '', date '2011-12-10' - d, d, d, 'money', 'GBP', 'd'
      FROM unnest(\(identifiers)) AS id, generate_series(0, 2) AS d
      UNION ALL
      SELECT id, 'mrr', 'plan', 'plan of ' || id, '2011-12-09', 5, 5, 'money', 'GBP', 'd'
      FROM unnest(\(identifiers)) AS id;
    INSERT INTO analytics.monthly_metrics (company_id, metric_name, dimension, dimension_value,
        month, value, numerator, denominator, unit, settings_digest)
      SELECT id, 'arpa', '', '', m, NULL, 1, 0, 'ratio', 'd'
      FROM unnest(\(identifiers)) AS id, unnest('{2011-11-01,2011-12-01}'::date[]) AS m;
    INSERT INTO analytics.cohort_retention
      SELECT id, 'signup', '2011-11-01', period, 2, 1, 10, 5, 5, 'GBP', true, 'd'
      FROM unnest(\(identifiers)) AS id, generate_series(0, 2) AS period;
    INSERT INTO analytics.funnels
      SELECT id, 'activation of ' || id, '2011-12-09', step, 'step ' || step, 4, 4 - step, NULL, 0,
        0.5, 'd'
      FROM unnest(\(identifiers)) AS id, generate_series(0, 2) AS step;
    INSERT INTO analytics.anomalies
      SELECT id, 'revenue of ' || id, date '2011-12-10' - d, 5, 1, 0, 2, 4, 'spike'
      FROM unnest(\(identifiers)) AS id, generate_series(0, 1) AS d;
    INSERT INTO analytics.agent_metrics
      SELECT id, md5('agent' || id)::uuid, date '2011-12-10' - d, 1, 1, 0, 0, 60
      FROM unnest(\(identifiers)) AS id, generate_series(0, 1) AS d;
    INSERT INTO analytics.module_usage_periods
      SELECT id, md5('subscription' || id)::uuid, date '2011-12-01' + d, '\(all)',
        date '2012-01-01' + d, 3, 2, NULL, false
      FROM unnest(\(identifiers)) AS id, generate_series(0, 10, 10) AS d;
    INSERT INTO analytics.mrr_movements
      SELECT id, m, 'new', 10, 'GBP', ARRAY[md5('change' || id)::uuid], 'changes', 'd'
      FROM unnest(\(identifiers)) AS id, unnest('{2011-12-01,2012-01-01}'::date[]) AS m;
    INSERT INTO analytics.reports
      SELECT id, md5('report' || id)::uuid, 'Report of ' || id, 'monthly', '{}',
        jsonb_build_object('for', id), '[]', '2011-12-09 06:00Z'
      FROM unnest(\(identifiers)) AS id;
    """

  /// Rows in each tenant view that one company has.
  ///
  /// Of what lies after the published day, and of a month that is not over, there is none.
  static let rowsPerCompany = [
    "api.agent_usage_v1": 1, "api.anomalies_v1": 1, "api.churn_risk_v1": 1, "api.cohorts_v1": 2,
    "api.funnels_v1": 3, "api.metrics_v1": 4, "api.module_usage_v1": 1, "api.mrr_forecast_v1": 2,
    "api.mrr_movements_v1": 1,
    "api.payment_failure_risk_v1": 7, "api.payment_method_risk_v1": 2, "api.reports_v1": 1,
    "api.revenue_forecast_v1": 3, "api.rollups_v1": 6, "api.upsell_opportunities_v1": 3,
  ]

  /// What no answer to another company may hold: the second company in each spelling.
  static let secondMarks = [second, second.replacing("-", with: "")]

  /// Whether a text names the second company.
  static func namesSecond(_ text: String) -> Bool { secondMarks.contains { text.contains($0) } }
}
