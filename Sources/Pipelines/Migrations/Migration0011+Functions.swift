extension Migration {
  /// The functions of ``serving``: one for each endpoint, each giving the JSON body of an answer.
  ///
  /// Bodies do not depend on the session's formats: dates and times are ISO 8601 in UTC, decimals
  /// keep their decimals, floats are the shortest text that reads back equal. A wrong argument
  /// raises 22023 and is not repeated in the message.
  static let servingFunctions =
    churnRisk + upsellOpportunities + paymentFailureRisk + metric + report

  /// An instant as text in UTC with microseconds.
  private static func instant(_ expression: String) -> String {
    #"to_char(\#(expression) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#
  }

  /// What every function is, behind its arguments.
  private static let attributes = """
    RETURNS json
      LANGUAGE plpgsql STABLE SECURITY INVOKER PARALLEL SAFE
      SET search_path = pg_catalog, pg_temp
      SET extra_float_digits = 1
    """

  /// The company of the setting; all companies for a member of `almanac_admin` without one.
  private static let company = """
    company uuid := coalesce(
          nullif(current_setting('almanac.company_id', true), '')::uuid,
          CASE WHEN pg_has_role(current_user, 'almanac_admin', 'member')
            THEN '00000000-0000-0000-0000-000000000000'::uuid END);
    """

  /// The publication in force, in one row that is there before the first one too.
  private static let publication = """
    published AS (
          SELECT min(s.publication_id) AS publication_id, max(s.as_of) AS as_of,
            min(s.valid_until) AS valid_until, coalesce(bool_or(s.stale), true) AS stale
          FROM api.freshness_v1 AS s
        )
    """

  /// The members of a body that tell where its rows come from.
  private static let origin = """
    'as_of', c.as_of,
            'recorded_cut', \(instant("c.recorded_cut")),
            'valid_until', \(instant("c.valid_until")),
            'stale', coalesce(c.stale, p.stale),
            'model', c.model,
            'model_version', c.model_version
    """

  private static let churnRisk = """
    CREATE FUNCTION api.churn_risk(company_id uuid) \(attributes)
      AS $function$
      DECLARE
        wanted uuid := churn_risk.company_id;
        body json;
      BEGIN
        IF wanted IS NULL THEN
          RAISE EXCEPTION 'company_id must be given' USING ERRCODE = '22023';
        END IF;
        WITH \(publication), common AS (
          SELECT f.* FROM api.churn_risk_v1 AS f WHERE f.company_id = wanted
          ORDER BY f.model LIMIT 1
        )
        SELECT json_build_object(
            'publication_id', p.publication_id,
            'company_id', wanted,
            \(origin),
            'prediction', CASE WHEN c.company_id IS NOT NULL THEN json_build_object(
              'probability', c.probability,
              'probability_90d', c.probability_90d,
              'risk_band', c.risk_band,
              'expected_mrr_loss', c.expected_mrr_loss,
              'reasons', c.reasons,
              'actions', c.actions) END)
          INTO body
          FROM published AS p LEFT JOIN common AS c ON true;
        RETURN body;
      END
      $function$;
    COMMENT ON FUNCTION api.churn_risk(uuid) IS
      'The body of GET /api/v1/predictions/churn-risk/{company_id}: the published prediction of a '
      'company that the reader may see, else prediction null. A null argument raises 22023.';

    """

  private static let upsellOpportunities = """
    CREATE FUNCTION api.upsell_opportunities(company_id uuid) \(attributes)
      AS $function$
      DECLARE
        wanted uuid := upsell_opportunities.company_id;
        body json;
      BEGIN
        IF wanted IS NULL THEN
          RAISE EXCEPTION 'company_id must be given' USING ERRCODE = '22023';
        END IF;
        WITH \(publication), opportunity AS (
          SELECT f.* FROM api.upsell_opportunities_v1 AS f WHERE f.company_id = wanted
        ), common AS (
          SELECT f.* FROM opportunity AS f ORDER BY f.rank, f.kind COLLATE "C", f.target_id LIMIT 1
        )
        SELECT json_build_object(
            'publication_id', p.publication_id,
            'company_id', wanted,
            \(origin),
            'rows', coalesce(
              (SELECT json_agg(json_build_object(
                  'rank', f.rank,
                  'kind', f.kind,
                  'target_id', f.target_id,
                  'probability', f.probability,
                  'expected_mrr_uplift', f.expected_mrr_uplift,
                  'reasons', f.reasons
                ) ORDER BY f.rank, f.kind COLLATE "C", f.target_id)
                FROM opportunity AS f),
              '[]'::json))
          INTO body
          FROM published AS p LEFT JOIN common AS c ON true;
        RETURN body;
      END
      $function$;
    COMMENT ON FUNCTION api.upsell_opportunities(uuid) IS
      'The body of GET /api/v1/predictions/upsell-opportunities/{company_id}: the published '
      'opportunities of a company that the reader may see, best first. A null argument raises 22023.';

    """

  private static let paymentFailureRisk = #"""
    CREATE FUNCTION api.payment_failure_risk(
      min_probability double precision DEFAULT 0, "limit" integer DEFAULT 100,
      cursor text DEFAULT NULL
    ) \#(attributes)
      AS $function$
      DECLARE
        \#(company)
        least_probability double precision := payment_failure_risk.min_probability;
        page_size integer := payment_failure_risk."limit";
        place text := payment_failure_risk.cursor;
        parts text[];
        current_publication bigint;
        after_probability double precision := 'Infinity';
        after_company uuid := '00000000-0000-0000-0000-000000000000';
        after_invoice uuid := '00000000-0000-0000-0000-000000000000';
        after_method uuid := '00000000-0000-0000-0000-000000000000';
        body json;
      BEGIN
        IF least_probability IS NULL OR NOT least_probability BETWEEN 0 AND 1 THEN
          RAISE EXCEPTION 'min_probability must be from 0 to 1' USING ERRCODE = '22023';
        ELSIF page_size IS NULL OR NOT page_size BETWEEN 1 AND 1000 THEN
          RAISE EXCEPTION 'limit must be from 1 to 1000' USING ERRCODE = '22023';
        ELSIF place IS NOT NULL THEN
          IF length(place) > 200 OR place !~ ('^1~[0-9]{1,18}~'
              || '(0|1|0\.[0-9]{1,22}|[1-9](\.[0-9]{1,17})?e-(0[5-9]|[1-9][0-9]|[12][0-9]{2}))'
              || '(~[0-9a-f]{32}){3}$') THEN
            RAISE EXCEPTION 'cursor must be one that an answer gave' USING ERRCODE = '22023';
          END IF;
          parts := string_to_array(place, '~');
          SELECT min(s.publication_id) INTO current_publication FROM api.freshness_v1 AS s;
          IF parts[2]::bigint IS DISTINCT FROM current_publication THEN
            RAISE EXCEPTION 'cursor is of another publication; begin again without one'
              USING ERRCODE = 'PB409';
          END IF;
          after_probability := parts[3]::double precision;
          after_company := parts[4]::uuid;
          after_invoice := parts[5]::uuid;
          after_method := parts[6]::uuid;
        END IF;

        WITH \#(publication), page AS (
          SELECT f.*, row_number() OVER (ORDER BY f.probability DESC, f.company_id, f.invoice_id,
            f.payment_method_id) AS number
          FROM api.payment_failure_risk_v1 AS f
          WHERE f.probability >= least_probability AND f.probability <= after_probability
            AND (company = '00000000-0000-0000-0000-000000000000' OR f.company_id = company)
            AND (f.probability < after_probability OR (f.company_id, f.invoice_id,
              f.payment_method_id) > (after_company, after_invoice, after_method))
          ORDER BY f.probability DESC, f.company_id, f.invoice_id, f.payment_method_id
          LIMIT page_size + 1
        ), common AS (
          SELECT f.* FROM page AS f WHERE f.number = 1
        )
        SELECT json_build_object(
            'publication_id', p.publication_id,
            'company_id', company,
            'min_probability', least_probability,
            \#(origin),
            'rows', coalesce(
              (SELECT json_agg(json_build_object(
                  'company_id', f.company_id,
                  'invoice_id', f.invoice_id,
                  'payment_method_id', f.payment_method_id,
                  'due_at', \#(instant("f.due_at")),
                  'probability', f.probability,
                  'amount_at_risk', f.amount_at_risk,
                  'decline_class_expected', f.decline_class_expected,
                  'retry_at', \#(instant("f.retry_at")),
                  'retry_success_probability', f.retry_success_probability,
                  'alternative_payment_method_id', f.alternative_payment_method_id,
                  'alternative_success_probability', f.alternative_success_probability,
                  'reasons', f.reasons
                ) ORDER BY f.number)
                FROM page AS f WHERE f.number <= page_size),
              '[]'::json),
            'next_cursor', CASE WHEN (SELECT count(*) FROM page) > page_size THEN
              (SELECT concat_ws('~', '1', f.publication_id, f.probability,
                  replace(f.company_id::text, '-', ''), replace(f.invoice_id::text, '-', ''),
                  replace(f.payment_method_id::text, '-', ''))
                FROM page AS f WHERE f.number = page_size) END)
          INTO body
          FROM published AS p LEFT JOIN common AS c ON true;
        RETURN body;
      END
      $function$;
    COMMENT ON FUNCTION api.payment_failure_risk(double precision, integer, text) IS
      'The body of GET /api/v1/predictions/payment-failure-risk: the published predictions of the '
      'company in almanac.company_id, for almanac_admin without one those of all companies, likeliest '
      'first. next_cursor gives the next page and is null on the last. Wrong arguments raise 22023, '
      'a cursor of another publication PB409.';

    """#

  private static let metric = """
    CREATE FUNCTION api.metric(
      name text, "from" date DEFAULT NULL, "to" date DEFAULT NULL, grain text DEFAULT 'day'
    ) \(attributes)
      AS $function$
      DECLARE
        \(company)
        wanted_name text := metric.name;
        wanted_grain text := metric.grain;
        first_day date := coalesce(metric."from", '-infinity');
        end_day date := coalesce(metric."to", 'infinity');
        body json;
      BEGIN
        IF wanted_name IS NULL OR wanted_name = '' OR length(wanted_name) > 200 THEN
          RAISE EXCEPTION 'name must have from 1 to 200 characters' USING ERRCODE = '22023';
        ELSIF wanted_grain IS NULL OR wanted_grain NOT IN ('day', 'month') THEN
          RAISE EXCEPTION 'grain must be day or month' USING ERRCODE = '22023';
        ELSIF NOT isfinite(coalesce(metric."from", '2000-01-01'))
            OR NOT isfinite(coalesce(metric."to", '2000-01-01')) THEN
          RAISE EXCEPTION 'from and to must be days' USING ERRCODE = '22023';
        ELSIF first_day > end_day THEN
          RAISE EXCEPTION 'from must not be after to' USING ERRCODE = '22023';
        END IF;
        WITH \(publication), found AS (
          SELECT m.period_start, m.value, m.numerator, m.denominator, m.unit, m.currency,
            m.restated_at
          FROM api.metrics_v1 AS m
          WHERE m.company_id = company AND m.grain = wanted_grain AND m.metric_name = wanted_name
            AND m.dimension = '' AND m.dimension_value = '' AND m.period_start >= first_day
            AND m.period_start < end_day
        ), common AS (
          SELECT m.unit, m.currency FROM found AS m ORDER BY m.period_start DESC LIMIT 1
        )
        SELECT json_build_object(
            'publication_id', p.publication_id,
            'company_id', company,
            'metric_name', wanted_name,
            'grain', wanted_grain,
            'as_of', p.as_of,
            'valid_until', \(instant("p.valid_until")),
            'stale', p.stale,
            'unit', c.unit,
            'currency', c.currency,
            'rows', coalesce(
              (SELECT json_agg(json_build_object(
                  'period_start', m.period_start,
                  'value', m.value,
                  'numerator', m.numerator,
                  'denominator', m.denominator,
                  'restated_at', \(instant("m.restated_at"))
                ) ORDER BY m.period_start)
                FROM found AS m),
              '[]'::json))
          INTO body
          FROM published AS p LEFT JOIN common AS c ON true;
        RETURN body;
      END
      $function$;
    COMMENT ON FUNCTION api.metric(text, date, date, text) IS
      'The body of GET /api/v1/analytics/metrics/{metric_name}: a metric by day or month for the '
      'company in almanac.company_id (all companies for almanac_admin without one), with '
      'period_start from "from" on and before "to". Wrong arguments raise 22023.';

    """

  private static let report = """
    CREATE FUNCTION api.report(report_id uuid) \(attributes)
      AS $function$
      DECLARE
        \(company)
        wanted uuid := report.report_id;
        body json;
      BEGIN
        IF wanted IS NULL THEN
          RAISE EXCEPTION 'report_id must be given' USING ERRCODE = '22023';
        END IF;
        WITH \(publication)
        SELECT json_build_object(
            'publication_id', p.publication_id,
            'company_id', company,
            'report_id', wanted,
            'valid_until', \(instant("p.valid_until")),
            'stale', p.stale,
            'report', CASE WHEN c.report_id IS NOT NULL THEN json_build_object(
              'report_name', c.report_name,
              'report_type', c.report_type,
              'query_params', c.query_params,
              'results', c.results,
              'files', c.files,
              'generated_at', \(instant("c.generated_at"))) END)
          INTO body
          FROM published AS p
          LEFT JOIN api.reports_v1 AS c ON c.company_id = company AND c.report_id = wanted;
        RETURN body;
      END
      $function$;
    COMMENT ON FUNCTION api.report(uuid) IS
      'The body of GET /api/v1/analytics/report/{report_id}: a report of the company in '
      'almanac.company_id (of all companies for almanac_admin without one), else report null. A null '
      'argument raises 22023.';

    """
}
