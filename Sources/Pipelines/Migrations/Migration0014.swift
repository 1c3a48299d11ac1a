extension Migration {
  /// Forecasts of MRR beside those of revenue: the same table, told apart by a part of the key.
  ///
  /// What readers saw before stays what it was, revenue; MRR has a view of its own.
  static let measures = Migration(
    number: 14, name: "measures", sql: measureColumn + measureViews)

  private static let measureColumn =
    Schema.predictions.opening + #"""
      ALTER TABLE predictions.revenue_forecasts
        ADD COLUMN measure text NOT NULL DEFAULT 'revenue'
          CHECK (measure IN ('revenue', 'mrr'));
      COMMENT ON COLUMN predictions.revenue_forecasts.measure IS
        'What is forecast: revenue of the period, or mrr, the MRR at its end.';
      ALTER TABLE predictions.revenue_forecasts
        DROP CONSTRAINT revenue_forecasts_pkey,
        ADD PRIMARY KEY (company_id, run_id, measure, scope, scope_id, grain, period_start);

      """#

  private static let measureViews =
    Schema.api.opening + #"""
      DO $$
      DECLARE
        body text := rtrim(pg_get_viewdef('api.revenue_forecast_v1'::regclass), ';');
        item record;
      BEGIN
        EXECUTE 'CREATE OR REPLACE VIEW api.revenue_forecast_v1 WITH (security_barrier) AS '
          || body || ' AND f.measure = ''revenue''';
        EXECUTE 'CREATE VIEW api.mrr_forecast_v1 WITH (security_barrier) AS '
          || body || ' AND f.measure = ''mrr''';
        FOR item IN
          SELECT a.attname, col_description(a.attrelid, a.attnum) AS comment
          FROM pg_attribute AS a
          WHERE a.attrelid = 'api.revenue_forecast_v1'::regclass AND a.attnum > 0
        LOOP
          EXECUTE format('COMMENT ON COLUMN api.mrr_forecast_v1.%I IS %L', item.attname,
            item.comment);
        END LOOP;
      END
      $$;
      COMMENT ON VIEW api.mrr_forecast_v1 IS
        'The published forecasts of MRR at the end of each day or month.';
      COMMENT ON COLUMN api.mrr_forecast_v1.scope IS
        'What the MRR is of: total, segment, plan, module or company.';
      COMMENT ON COLUMN api.mrr_forecast_v1.predicted IS 'MRR expected at the end of the period.';
      GRANT SELECT ON api.mrr_forecast_v1 TO almanac_reader;
      """#
}
