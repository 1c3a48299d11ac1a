extension Migration {
  /// The views of ``serving``.
  static let servingViews =
    predictionViews + analyticsViews + viewComments + staleFromTheInstant

  /// The companies whose rows a reader sees, as a range that can use an index.
  private static func readable(_ column: String) -> String {
    """
    \(column) BETWEEN
          (SELECT CASE WHEN pg_has_role(current_user, 'almanac_admin', 'member')
            THEN '00000000-0000-0000-0000-000000000000'::uuid
            ELSE nullif(current_setting('almanac.company_id', true), '')::uuid END)
          AND
          (SELECT CASE WHEN pg_has_role(current_user, 'almanac_admin', 'member')
            THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid
            ELSE nullif(current_setting('almanac.company_id', true), '')::uuid END)
    """
  }

  /// A view of the published predictions of a table.
  private static func predictions(
    _ view: String, of table: String, columns: String, comment: String
  ) -> String {
    let names = columns.split(separator: " ").map { "f.\($0)" }.joined(separator: ", ")
    return """
      CREATE VIEW api.\(view) WITH (security_barrier) AS
        SELECT f.company_id, r.publication_id,
          \(names),
          f.as_of, f.recorded_cut, f.model, f.model_version, f.feature_digest, f.run_id,
          f.valid_until, f.valid_until <= now() AS stale
        FROM almanac.published_runs AS r
        JOIN predictions.\(table) AS f ON f.run_id = r.run_id AND f.model = r.model
        WHERE r.publication_id =
            (SELECT c.publication_id FROM almanac.published AS c
              ORDER BY c.publication_id DESC LIMIT 1)
          AND \(readable("f.company_id"));
      COMMENT ON VIEW api.\(view) IS '\(comment)';
      GRANT SELECT ON api.\(view) TO almanac_reader;

      """
  }

  /// A view of a table of `analytics`, up to the day that is published.
  private static func analytics(
    _ view: String, of table: String, columns: String, through: String, comment: String
  ) -> String {
    let names = columns.split(separator: " ").map { "t.\($0)" }.joined(separator: ", ")
    return """
      CREATE VIEW api.\(view) WITH (security_barrier) AS
        SELECT t.company_id, p.publication_id,
          \(names),
          p.valid_until, p.valid_until <= now() AS stale
        FROM analytics.\(table) AS t
        CROSS JOIN (
          SELECT c.publication_id, c.as_of, c.valid_until FROM almanac.published AS c
          ORDER BY c.publication_id DESC LIMIT 1
        ) AS p
        WHERE \(through) AND \(readable("t.company_id"));
      COMMENT ON VIEW api.\(view) IS
        '\(comment) Empty before the first publication.';
      GRANT SELECT ON api.\(view) TO almanac_reader;

      """
  }

  private static let predictionViews =
    predictions(
      "churn_risk_v1", of: "churn_risk",
      columns: "probability probability_90d risk_band expected_mrr_loss reasons actions",
      comment: "How likely each company is to stop paying soon, as published.")
    + predictions(
      "upsell_opportunities_v1", of: "upsell_opportunities",
      columns: "kind target_id probability expected_mrr_uplift rank reasons",
      comment: "What each company may buy next, and how likely, as published.")
    + predictions(
      "payment_failure_risk_v1", of: "payment_failure_risk",
      columns: "invoice_id payment_method_id due_at probability amount_at_risk "
        + "decline_class_expected retry_at retry_success_probability "
        + "alternative_payment_method_id alternative_success_probability reasons",
      comment: "How likely the payment of an invoice by a method is to fail, as published.")
    + predictions(
      "payment_method_risk_v1", of: "payment_method_risk",
      columns: "payment_method_id probability expires_in_days reasons",
      comment: "How likely a payment method is to fail at its next use, as published.")

  private static let analyticsViews =
    analytics(
      "anomalies_v1", of: "anomalies",
      columns: "metric_name at actual expected lower upper score kind",
      through: "t.at <= p.as_of",
      comment: "Days whose daily metric does not fit the days before, up to the published day.")
    + analytics(
      "agent_usage_v1", of: "agent_metrics",
      columns: "agent_id date calls_started calls_completed calls_failed agent_uses "
        + "duration_ms_sum",
      through: "t.date <= p.as_of",
      comment: "Calls of each agent by local day, up to the published day.")
    + analytics(
      "module_usage_v1", of: "module_usage_periods",
      columns: "subscription_id period_start module_id period_end event_count unique_users "
        + "duration_ms_sum complete",
      through: "t.period_start <= p.as_of",
      comment: "Use of each module in the billing periods begun by the published day.")
    + analytics(
      "mrr_movements_v1", of: "mrr_movements",
      columns: "month movement amount currency cause_change_ids source settings_digest",
      through: "t.month <= p.as_of",
      comment: "Why MRR changed, by month, up to the month of the published day.")
    + analytics(
      "reports_v1", of: "reports",
      columns: "report_id report_name report_type query_params results files generated_at",
      through: "true",
      comment: "Reports that were made for people.")

  /// Gives the columns of these views the comments of the tables they show.
  private static let viewComments = #"""
    DO $$
    DECLARE
      item record;
    BEGIN
      FOR item IN
        SELECT v.view, a.attname,
          CASE
            WHEN a.attname = 'publication_id' THEN 'The publication in force.'
            WHEN a.attname = 'stale' THEN 'Whether valid_until has passed.'
            WHEN a.attname = 'valid_until' AND v.base LIKE 'analytics.%'
              THEN 'From when on a newer publication is overdue.'
            ELSE col_description(b.attrelid, b.attnum)
          END AS text
        FROM (VALUES
          ('churn_risk_v1', 'predictions.churn_risk'),
          ('upsell_opportunities_v1', 'predictions.upsell_opportunities'),
          ('payment_failure_risk_v1', 'predictions.payment_failure_risk'),
          ('payment_method_risk_v1', 'predictions.payment_method_risk'),
          ('anomalies_v1', 'analytics.anomalies'),
          ('agent_usage_v1', 'analytics.agent_metrics'),
          ('module_usage_v1', 'analytics.module_usage_periods'),
          ('mrr_movements_v1', 'analytics.mrr_movements'),
          ('reports_v1', 'analytics.reports')
        ) AS v (view, base)
        JOIN pg_attribute AS a ON a.attrelid = format('api.%I', v.view)::regclass AND a.attnum > 0
        LEFT JOIN pg_attribute AS b ON b.attrelid = v.base::regclass AND b.attname = a.attname
      LOOP
        EXECUTE format('COMMENT ON COLUMN api.%I.%I IS %L', item.view, item.attname, item.text);
      END LOOP;
    END
    $$;

    """#

  /// Makes the earlier views stale at the instant `valid_until` itself, as its comment says.
  private static let staleFromTheInstant = #"""
    DO $$
    DECLARE
      item record;
    BEGIN
      FOR item IN
        SELECT c.oid::regclass AS view, pg_get_viewdef(c.oid) AS body
        FROM pg_class AS c
        WHERE c.oid IN ('api.freshness_v1'::regclass, 'api.revenue_forecast_v1'::regclass,
          'api.rollups_v1'::regclass, 'api.metrics_v1'::regclass, 'api.cohorts_v1'::regclass,
          'api.funnels_v1'::regclass)
      LOOP
        EXECUTE format('CREATE OR REPLACE VIEW %s WITH (security_barrier) AS %s', item.view,
          replace(item.body, 'valid_until < now()', 'valid_until <= now()'));
      END LOOP;
    END
    $$;

    """#
}
