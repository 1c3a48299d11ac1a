extension Migration {
  /// What readers see: views of the published rows and functions that return JSON bodies.
  ///
  /// The policies decide which rows a reader may see. Each view over a tenant table repeats that as
  /// a range of companies (one company, or all of them for `almanac_admin`), since a range can use
  /// the index and the `OR` of a policy cannot.
  static let api = Migration(
    number: 4, name: "api",
    sql: Schema.api.opening + #"""
      CREATE VIEW api.freshness_v1 WITH (security_barrier) AS
        SELECT p.publication_id, p.published_at, p.pipeline, r.model, r.model_version, r.run_id,
          r.as_of, r.recorded_cut, r.valid_until, r.valid_until < now() AS stale
        FROM almanac.published AS p
        JOIN almanac.published_runs AS r ON r.publication_id = p.publication_id
        WHERE p.publication_id =
          (SELECT c.publication_id FROM almanac.published AS c
            ORDER BY c.publication_id DESC LIMIT 1);
      COMMENT ON VIEW api.freshness_v1 IS
        'What is published now, one row for each model; empty before the first publication.';
      COMMENT ON COLUMN api.freshness_v1.publication_id IS 'The publication in force.';
      COMMENT ON COLUMN api.freshness_v1.published_at IS 'When it came in force.';
      COMMENT ON COLUMN api.freshness_v1.pipeline IS 'Name of the pipeline that published.';
      COMMENT ON COLUMN api.freshness_v1.model IS 'Name of the model.';
      COMMENT ON COLUMN api.freshness_v1.model_version IS
        'The version that predicted, or the label of the baseline.';
      COMMENT ON COLUMN api.freshness_v1.run_id IS 'The run whose predictions are shown.';
      COMMENT ON COLUMN api.freshness_v1.as_of IS 'The day they were made for.';
      COMMENT ON COLUMN api.freshness_v1.recorded_cut IS
        'The instant of the extraction they rest on.';
      COMMENT ON COLUMN api.freshness_v1.valid_until IS 'From when on they are stale.';
      COMMENT ON COLUMN api.freshness_v1.stale IS 'Whether that instant has passed.';

      CREATE VIEW api.revenue_forecast_v1 WITH (security_barrier) AS
        SELECT f.company_id, r.publication_id, f.scope, f.scope_id, f.grain, f.period_start,
          f.horizon, f.predicted, f.lower_80, f.upper_80, f.lower_95, f.upper_95, f.currency,
          f.model_used, f.fallback_reason, f.as_of, f.recorded_cut, f.model, f.model_version,
          f.feature_digest, f.run_id, f.valid_until, f.valid_until < now() AS stale
        FROM almanac.published_runs AS r
        JOIN predictions.revenue_forecasts AS f ON f.run_id = r.run_id AND f.model = r.model
        WHERE r.publication_id =
            (SELECT c.publication_id FROM almanac.published AS c
              ORDER BY c.publication_id DESC LIMIT 1)
          AND f.company_id BETWEEN
            (SELECT CASE WHEN pg_has_role(current_user, 'almanac_admin', 'member')
              THEN '00000000-0000-0000-0000-000000000000'::uuid
              ELSE nullif(current_setting('almanac.company_id', true), '')::uuid END)
            AND
            (SELECT CASE WHEN pg_has_role(current_user, 'almanac_admin', 'member')
              THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid
              ELSE nullif(current_setting('almanac.company_id', true), '')::uuid END);
      COMMENT ON VIEW api.revenue_forecast_v1 IS 'The published forecasts of revenue.';
      COMMENT ON COLUMN api.revenue_forecast_v1.company_id IS
        'The tenant; the all-zero uuid is all companies.';
      COMMENT ON COLUMN api.revenue_forecast_v1.publication_id IS 'The publication in force.';
      COMMENT ON COLUMN api.revenue_forecast_v1.scope IS
        'What the revenue is of: total, segment, plan, module or company.';
      COMMENT ON COLUMN api.revenue_forecast_v1.scope_id IS
        'Which segment, plan, module or company; the empty text for the total.';
      COMMENT ON COLUMN api.revenue_forecast_v1.grain IS 'Length of a period: day or month.';
      COMMENT ON COLUMN api.revenue_forecast_v1.period_start IS 'First day of the period.';
      COMMENT ON COLUMN api.revenue_forecast_v1.horizon IS
        'How many periods ahead of the last one known, 1 first.';
      COMMENT ON COLUMN api.revenue_forecast_v1.predicted IS 'Revenue expected.';
      COMMENT ON COLUMN api.revenue_forecast_v1.lower_80 IS
        'Lower end of the interval that holds 80 of 100.';
      COMMENT ON COLUMN api.revenue_forecast_v1.upper_80 IS
        'Upper end of the interval that holds 80 of 100.';
      COMMENT ON COLUMN api.revenue_forecast_v1.lower_95 IS
        'Lower end of the interval that holds 95 of 100.';
      COMMENT ON COLUMN api.revenue_forecast_v1.upper_95 IS
        'Upper end of the interval that holds 95 of 100.';
      COMMENT ON COLUMN api.revenue_forecast_v1.currency IS 'The reporting currency, ISO 4217.';
      COMMENT ON COLUMN api.revenue_forecast_v1.model_used IS
        'What made the forecast: the model, or the baseline by name.';
      COMMENT ON COLUMN api.revenue_forecast_v1.fallback_reason IS
        'Why a baseline made it; null where the model did.';
      COMMENT ON COLUMN api.revenue_forecast_v1.as_of IS 'The day the forecast was made for.';
      COMMENT ON COLUMN api.revenue_forecast_v1.recorded_cut IS
        'The instant of the extraction it rests on.';
      COMMENT ON COLUMN api.revenue_forecast_v1.model IS 'Name of the model.';
      COMMENT ON COLUMN api.revenue_forecast_v1.model_version IS
        'The version that predicted, or the label of the baseline.';
      COMMENT ON COLUMN api.revenue_forecast_v1.feature_digest IS
        'Digest of the features it was made from.';
      COMMENT ON COLUMN api.revenue_forecast_v1.run_id IS 'The run that predicted.';
      COMMENT ON COLUMN api.revenue_forecast_v1.valid_until IS 'From when on it is stale.';
      COMMENT ON COLUMN api.revenue_forecast_v1.stale IS 'Whether that instant has passed.';

      CREATE VIEW api.rollups_v1 WITH (security_barrier) AS
        SELECT r.company_id, p.publication_id, r.grain, r.date, r.hour, r.event_type, r.module_id,
          r.event_count, r.unique_users, r.amount_sum, r.amount_min, r.amount_max,
          r.duration_ms_sum, p.valid_until, p.valid_until < now() AS stale
        FROM (
          SELECT h.company_id, 'hour'::text AS grain, (h.hour AT TIME ZONE 'UTC')::date AS date,
            h.hour, h.event_type, h.module_id, h.event_count, h.unique_users, h.amount_sum,
            h.amount_min, h.amount_max, h.duration_ms_sum
          FROM analytics.hourly_rollups AS h
          UNION ALL
          SELECT d.company_id, 'day', d.date, NULL, d.event_type, d.module_id, d.event_count,
            d.unique_users, d.amount_sum, d.amount_min, d.amount_max, d.duration_ms_sum
          FROM analytics.daily_rollups AS d
          UNION ALL
          SELECT m.company_id, 'month', m.month, NULL, m.event_type, m.module_id, m.event_count,
            m.unique_users, m.amount_sum, m.amount_min, m.amount_max, m.duration_ms_sum
          FROM analytics.monthly_rollups AS m
        ) AS r
        CROSS JOIN (
          SELECT c.publication_id, c.as_of, c.valid_until FROM almanac.published AS c
          ORDER BY c.publication_id DESC LIMIT 1
        ) AS p
        WHERE r.date <= p.as_of AND r.company_id BETWEEN
            (SELECT CASE WHEN pg_has_role(current_user, 'almanac_admin', 'member')
              THEN '00000000-0000-0000-0000-000000000000'::uuid
              ELSE nullif(current_setting('almanac.company_id', true), '')::uuid END)
            AND
            (SELECT CASE WHEN pg_has_role(current_user, 'almanac_admin', 'member')
              THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid
              ELSE nullif(current_setting('almanac.company_id', true), '')::uuid END);
      COMMENT ON VIEW api.rollups_v1 IS
        'Events by company, type, module and hour, day or month, up to the day that is published; '
        'empty before the first publication. A day that late rows changed shows the change as soon '
        'as it is computed.';
      COMMENT ON COLUMN api.rollups_v1.company_id IS 'The tenant.';
      COMMENT ON COLUMN api.rollups_v1.publication_id IS 'The publication in force.';
      COMMENT ON COLUMN api.rollups_v1.grain IS 'Length of a period: hour, day or month.';
      COMMENT ON COLUMN api.rollups_v1.date IS
        'The local day or first day of the month; of an hour, its UTC day.';
      COMMENT ON COLUMN api.rollups_v1.hour IS
        'Start of the hour, UTC; null where the grain is day or month.';
      COMMENT ON COLUMN api.rollups_v1.event_type IS 'Type of the events.';
      COMMENT ON COLUMN api.rollups_v1.module_id IS
        'Module of the events; the all-zero uuid means no module, never all modules.';
      COMMENT ON COLUMN api.rollups_v1.event_count IS 'Number of events.';
      COMMENT ON COLUMN api.rollups_v1.unique_users IS 'Number of different users, exact.';
      COMMENT ON COLUMN api.rollups_v1.amount_sum IS 'Sum of the amounts in the reporting currency.';
      COMMENT ON COLUMN api.rollups_v1.amount_min IS 'Smallest amount in the reporting currency.';
      COMMENT ON COLUMN api.rollups_v1.amount_max IS 'Largest amount in the reporting currency.';
      COMMENT ON COLUMN api.rollups_v1.duration_ms_sum IS 'Sum of the durations in milliseconds.';
      COMMENT ON COLUMN api.rollups_v1.valid_until IS
        'From when on a newer publication is overdue.';
      COMMENT ON COLUMN api.rollups_v1.stale IS 'Whether that instant has passed.';

      CREATE FUNCTION api.revenue_forecast(
        scope text DEFAULT 'total', scope_id text DEFAULT NULL, grain text DEFAULT 'month',
        "from" date DEFAULT NULL, "to" date DEFAULT NULL
      ) RETURNS json
      LANGUAGE plpgsql STABLE SECURITY INVOKER PARALLEL SAFE
      SET search_path = pg_catalog, pg_temp
      AS $function$
      DECLARE
        company uuid := nullif(current_setting('almanac.company_id', true), '')::uuid;
        wanted_scope text := revenue_forecast.scope;
        wanted_id text := coalesce(revenue_forecast.scope_id, '');
        wanted_grain text := revenue_forecast.grain;
        first_day date := coalesce(revenue_forecast."from", '-infinity');
        end_day date := coalesce(revenue_forecast."to", 'infinity');
        body json;
      BEGIN
        IF wanted_scope IS NULL
            OR wanted_scope NOT IN ('total', 'segment', 'plan', 'module', 'company') THEN
          RAISE EXCEPTION 'scope must be total, segment, plan, module or company'
            USING ERRCODE = '22023';
        ELSIF wanted_scope = 'total' AND wanted_id <> '' THEN
          RAISE EXCEPTION 'scope_id must be left out when scope is total' USING ERRCODE = '22023';
        ELSIF wanted_scope <> 'total' AND wanted_id = '' THEN
          RAISE EXCEPTION 'scope_id must be given unless scope is total' USING ERRCODE = '22023';
        ELSIF length(wanted_id) > 200 THEN
          RAISE EXCEPTION 'scope_id must not be longer than 200 characters'
            USING ERRCODE = '22023';
        ELSIF wanted_grain IS NULL OR wanted_grain NOT IN ('day', 'month') THEN
          RAISE EXCEPTION 'grain must be day or month' USING ERRCODE = '22023';
        ELSIF NOT isfinite(coalesce(revenue_forecast."from", '2000-01-01'))
            OR NOT isfinite(coalesce(revenue_forecast."to", '2000-01-01')) THEN
          RAISE EXCEPTION 'from and to must be days' USING ERRCODE = '22023';
        ELSIF first_day > end_day THEN
          RAISE EXCEPTION 'from must not be after to' USING ERRCODE = '22023';
        END IF;
        IF company IS NULL AND pg_has_role(current_user, 'almanac_admin', 'member') THEN
          company := '00000000-0000-0000-0000-000000000000';
        END IF;

        WITH published AS (
          SELECT min(s.publication_id) AS publication_id,
            coalesce(bool_or(s.stale), true) AS stale
          FROM api.freshness_v1 AS s
        ), forecast AS (
          SELECT f.* FROM api.revenue_forecast_v1 AS f
          WHERE f.company_id = company AND f.scope = wanted_scope AND f.scope_id = wanted_id
            AND f.grain = wanted_grain AND f.period_start >= first_day
            AND f.period_start < end_day
        ), common AS (
          SELECT f.* FROM forecast AS f ORDER BY f.period_start LIMIT 1
        )
        SELECT json_build_object(
            'publication_id', p.publication_id,
            'company_id', company,
            'scope', wanted_scope,
            'scope_id', nullif(wanted_id, ''),
            'grain', wanted_grain,
            'as_of', c.as_of,
            'recorded_cut',
            to_char(c.recorded_cut AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'valid_until',
            to_char(c.valid_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'stale', coalesce(c.stale, p.stale),
            'currency', c.currency,
            'model', c.model,
            'model_version', c.model_version,
            'model_used', c.model_used,
            'fallback_reason', c.fallback_reason,
            'rows', coalesce(
              (SELECT json_agg(json_build_object(
                  'period_start', f.period_start,
                  'horizon', f.horizon,
                  'predicted', f.predicted,
                  'lower_80', f.lower_80,
                  'upper_80', f.upper_80,
                  'lower_95', f.lower_95,
                  'upper_95', f.upper_95
                ) ORDER BY f.period_start)
                FROM forecast AS f),
              '[]'::json))
          INTO body
          FROM published AS p LEFT JOIN common AS c ON true;
        RETURN body;
      END
      $function$;
      COMMENT ON FUNCTION api.revenue_forecast(text, text, text, date, date) IS
        'The body of GET /api/v1/predictions/revenue-forecast: the published forecast of a scope '
        'for the company in almanac.company_id (all companies for almanac_admin without one), '
        'with period_start from "from" on and before "to". Wrong arguments raise 22023.';

      GRANT SELECT ON api.freshness_v1, api.revenue_forecast_v1, api.rollups_v1
        TO almanac_reader;
      REVOKE ALL ON FUNCTION api.revenue_forecast(text, text, text, date, date) FROM PUBLIC;
      GRANT EXECUTE ON FUNCTION api.revenue_forecast(text, text, text, date, date)
        TO almanac_reader;
      """#)
}
