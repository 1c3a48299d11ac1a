extension Migration {
  /// Reads whose length does not grow with the number of runs that are kept.
  ///
  /// The runs that are shown become a condition that an index can use, instead of being joined to
  /// the predictions of every run. The functions keep one plan: their queries find rows by keys
  /// whatever the arguments are, so planning each call anew cost more than it brought.
  static let reads = Migration(
    number: 12, name: "reads",
    sql: Schema.api.opening + #"""
      DO $$
      DECLARE
        item record;
      BEGIN
        FOR item IN
          SELECT c.oid::regclass AS view, rtrim(pg_get_viewdef(c.oid), ';') AS body
          FROM pg_class AS c
          WHERE c.oid IN ('api.revenue_forecast_v1'::regclass, 'api.churn_risk_v1'::regclass,
            'api.upsell_opportunities_v1'::regclass, 'api.payment_failure_risk_v1'::regclass,
            'api.payment_method_risk_v1'::regclass)
        LOOP
          EXECUTE format($view$
            CREATE OR REPLACE VIEW %s WITH (security_barrier) AS %s
              AND f.run_id = ANY (ARRAY(
                SELECT s.run_id FROM almanac.published_runs AS s
                WHERE s.publication_id =
                  (SELECT c.publication_id FROM almanac.published AS c
                    ORDER BY c.publication_id DESC LIMIT 1)))
            $view$, item.view, item.body);
        END LOOP;
        FOR item IN SELECT oid::regprocedure AS signature FROM pg_proc
          WHERE pronamespace = 'api'::regnamespace AND proowner = 'almanac_api'::regrole
        LOOP
          EXECUTE format('ALTER FUNCTION %s SET plan_cache_mode = force_generic_plan',
            item.signature);
        END LOOP;
      END
      $$;
      """#)
}
