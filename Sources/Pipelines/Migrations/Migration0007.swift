extension Migration {
  /// Metrics, movements of MRR, cohorts and funnels, and what readers see of them.
  ///
  /// Keys begin with the company. Periods are replaced for all companies at once; the block-range
  /// indexes find their rows, which lie together.
  static let metrics = Migration(
    number: 7, name: "metrics",
    sql: Schema.analytics.opening + metricTables + Schema.api.opening + metricViews)

  private static let metricTables = #"""
    CREATE TABLE analytics.daily_metrics (
      company_id uuid NOT NULL,
      metric_name text NOT NULL,
      dimension text NOT NULL,
      dimension_value text NOT NULL,
      date date NOT NULL,
      value numeric(28,10),
      numerator numeric(38,10) NOT NULL,
      denominator numeric(38,10),
      unit text NOT NULL CHECK (unit IN ('money', 'count', 'ratio', 'days')),
      currency char(3),
      settings_digest text NOT NULL,
      restated_at timestamptz,
      PRIMARY KEY (company_id, metric_name, dimension, dimension_value, date),
      CHECK ((dimension = '') = (dimension_value = '')),
      CHECK (value IS NOT NULL OR denominator = 0)
    );
    CREATE INDEX daily_metrics_date_idx ON analytics.daily_metrics
      USING brin (date) WITH (autosummarize = on);
    COMMENT ON TABLE analytics.daily_metrics IS
      'Named metrics by local day.';
    COMMENT ON COLUMN analytics.daily_metrics.company_id IS
      'The tenant; the all-zero uuid is all companies.';
    COMMENT ON COLUMN analytics.daily_metrics.metric_name IS
      'Name of the metric.';
    COMMENT ON COLUMN analytics.daily_metrics.dimension IS
      'Along what it is split, such as plan or module; empty for the whole.';
    COMMENT ON COLUMN analytics.daily_metrics.dimension_value IS
      'Which plan or module; empty for the whole.';
    COMMENT ON COLUMN analytics.daily_metrics.date IS
      'The local day.';
    COMMENT ON COLUMN analytics.daily_metrics.value IS
      'The value; null where the denominator is 0.';
    COMMENT ON COLUMN analytics.daily_metrics.numerator IS
      'What is divided, or the value itself. Numerators of companies add up to that of all.';
    COMMENT ON COLUMN analytics.daily_metrics.denominator IS
      'What it is divided by; null where nothing is divided.';
    COMMENT ON COLUMN analytics.daily_metrics.unit IS
      'What the value is: money, count, ratio or days.';
    COMMENT ON COLUMN analytics.daily_metrics.currency IS
      'The reporting currency of money, ISO 4217; null for anything else.';
    COMMENT ON COLUMN analytics.daily_metrics.settings_digest IS
      'First 16 digits of the digest of the settings it was computed with.';
    COMMENT ON COLUMN analytics.daily_metrics.restated_at IS
      'When it changed after its month was closed; null where it did not.';

    CREATE TABLE analytics.monthly_metrics (
      company_id uuid NOT NULL,
      metric_name text NOT NULL,
      dimension text NOT NULL,
      dimension_value text NOT NULL,
      month date NOT NULL CHECK (extract(day FROM month) = 1),
      value numeric(28,10),
      numerator numeric(38,10) NOT NULL,
      denominator numeric(38,10),
      unit text NOT NULL CHECK (unit IN ('money', 'count', 'ratio', 'days')),
      currency char(3),
      settings_digest text NOT NULL,
      restated_at timestamptz,
      PRIMARY KEY (company_id, metric_name, dimension, dimension_value, month),
      CHECK ((dimension = '') = (dimension_value = '')),
      CHECK (value IS NOT NULL OR denominator = 0)
    );
    CREATE INDEX monthly_metrics_month_idx ON analytics.monthly_metrics
      USING brin (month) WITH (autosummarize = on);
    COMMENT ON TABLE analytics.monthly_metrics IS
      'Named metrics by month of local days; a month is there once it is over.';
    COMMENT ON COLUMN analytics.monthly_metrics.company_id IS
      'The tenant; the all-zero uuid is all companies.';
    COMMENT ON COLUMN analytics.monthly_metrics.metric_name IS
      'Name of the metric.';
    COMMENT ON COLUMN analytics.monthly_metrics.dimension IS
      'Along what it is split, such as plan or module; empty for the whole.';
    COMMENT ON COLUMN analytics.monthly_metrics.dimension_value IS
      'Which plan or module; empty for the whole.';
    COMMENT ON COLUMN analytics.monthly_metrics.month IS
      'First day of the month.';
    COMMENT ON COLUMN analytics.monthly_metrics.value IS
      'The value; null where the denominator is 0.';
    COMMENT ON COLUMN analytics.monthly_metrics.numerator IS
      'What is divided, or the value itself. Numerators of companies add up to that of all.';
    COMMENT ON COLUMN analytics.monthly_metrics.denominator IS
      'What it is divided by; null where nothing is divided.';
    COMMENT ON COLUMN analytics.monthly_metrics.unit IS
      'What the value is: money, count, ratio or days.';
    COMMENT ON COLUMN analytics.monthly_metrics.currency IS
      'The reporting currency of money, ISO 4217; null for anything else.';
    COMMENT ON COLUMN analytics.monthly_metrics.settings_digest IS
      'First 16 digits of the digest of the settings it was computed with.';
    COMMENT ON COLUMN analytics.monthly_metrics.restated_at IS
      'When it changed after its month was closed; null where it did not.';

    CREATE TABLE analytics.mrr_movements (
      company_id uuid NOT NULL,
      month date NOT NULL CHECK (extract(day FROM month) = 1),
      movement text NOT NULL CHECK (movement IN
        ('new', 'expansion', 'contraction', 'churned', 'reactivation', 'fx')),
      amount numeric(28,4) NOT NULL CHECK (amount <> 0 OR company_id =
        '00000000-0000-0000-0000-000000000000'),
      currency char(3) NOT NULL,
      cause_change_ids uuid[] NOT NULL,
      source text NOT NULL CHECK (source IN ('changes', 'invoices')),
      settings_digest text NOT NULL,
      PRIMARY KEY (company_id, month, movement)
    );
    CREATE INDEX mrr_movements_month_idx ON analytics.mrr_movements
      USING brin (month) WITH (autosummarize = on);
    COMMENT ON TABLE analytics.mrr_movements IS
      'Movements of monthly recurring revenue; with MRR at the start of a month they '
      'make MRR at its end.';
    COMMENT ON COLUMN analytics.mrr_movements.company_id IS
      'The tenant; the all-zero uuid is all companies.';
    COMMENT ON COLUMN analytics.mrr_movements.month IS
      'First day of the month.';
    COMMENT ON COLUMN analytics.mrr_movements.movement IS
      'Why MRR differs from that at the end of the month before.';
    COMMENT ON COLUMN analytics.mrr_movements.amount IS
      'By how much; negative for contraction and churn.';
    COMMENT ON COLUMN analytics.mrr_movements.currency IS
      'The reporting currency, ISO 4217.';
    COMMENT ON COLUMN analytics.mrr_movements.cause_change_ids IS
      'The changes that led to it in the order of their effect; of a ledger from '
      'invoices, the invoices. Empty for fx, deleted companies and all companies.';
    COMMENT ON COLUMN analytics.mrr_movements.source IS
      'What the ledger was made from: subscription changes, or invoices where there are none.';
    COMMENT ON COLUMN analytics.mrr_movements.settings_digest IS
      'First 16 digits of the digest of the settings it was computed with.';

    CREATE TABLE analytics.user_cohorts (
      company_id uuid NOT NULL,
      cohort_id uuid NOT NULL,
      cohort_name text NOT NULL,
      cohort_month date NOT NULL CHECK (extract(day FROM cohort_month) = 1),
      created_at timestamptz NOT NULL,
      user_count bigint NOT NULL CHECK (user_count > 0),
      PRIMARY KEY (company_id, cohort_id)
    );
    COMMENT ON TABLE analytics.user_cohorts IS
      'Users by the month in which they were activated.';
    COMMENT ON COLUMN analytics.user_cohorts.company_id IS
      'The tenant; the all-zero uuid is all companies.';
    COMMENT ON COLUMN analytics.user_cohorts.cohort_id IS
      'Identity of the cohort, the same in every company and on every machine.';
    COMMENT ON COLUMN analytics.user_cohorts.cohort_name IS
      'Name of the cohort, such as activated 2026-03.';
    COMMENT ON COLUMN analytics.user_cohorts.cohort_month IS
      'First day of the month.';
    COMMENT ON COLUMN analytics.user_cohorts.created_at IS
      'When the first of its users was activated.';
    COMMENT ON COLUMN analytics.user_cohorts.user_count IS
      'Number of users.';

    CREATE TABLE analytics.cohort_retention (
      company_id uuid NOT NULL,
      cohort_kind text NOT NULL
        CHECK (cohort_kind IN ('signup', 'first_payment', 'first_module')),
      cohort_month date NOT NULL CHECK (extract(day FROM cohort_month) = 1),
      period integer NOT NULL CHECK (period >= 0),
      size bigint NOT NULL CHECK (size > 0),
      retained bigint NOT NULL CHECK (retained BETWEEN 0 AND size),
      revenue_start numeric(28,4) NOT NULL,
      revenue_retained_gross numeric(28,4) NOT NULL,
      revenue_retained_net numeric(28,4) NOT NULL,
      currency char(3) NOT NULL,
      complete boolean NOT NULL,
      settings_digest text NOT NULL,
      PRIMARY KEY (company_id, cohort_kind, cohort_month, period)
    );
    CREATE INDEX cohort_retention_cohort_month_idx ON analytics.cohort_retention (cohort_month);
    COMMENT ON TABLE analytics.cohort_retention IS
      'How many companies of a cohort are left after some months, and with how much revenue.';
    COMMENT ON COLUMN analytics.cohort_retention.company_id IS
      'The tenant; the all-zero uuid is all companies.';
    COMMENT ON COLUMN analytics.cohort_retention.cohort_kind IS
      'What the members have in common: sign-up, first payment or first module in the month.';
    COMMENT ON COLUMN analytics.cohort_retention.cohort_month IS
      'First day of the month.';
    COMMENT ON COLUMN analytics.cohort_retention.period IS
      'Number of months after it, 0 first.';
    COMMENT ON COLUMN analytics.cohort_retention.size IS
      'Number of members.';
    COMMENT ON COLUMN analytics.cohort_retention.retained IS
      'Members with MRR at the end of the period; in payment cohorts, with a payment in it.';
    COMMENT ON COLUMN analytics.cohort_retention.revenue_start IS
      'Revenue of the members in period 0.';
    COMMENT ON COLUMN analytics.cohort_retention.revenue_retained_gross IS
      'Revenue of the members in the period, each counted up to its own of period 0.';
    COMMENT ON COLUMN analytics.cohort_retention.revenue_retained_net IS
      'Revenue of the members in the period.';
    COMMENT ON COLUMN analytics.cohort_retention.currency IS
      'The reporting currency, ISO 4217.';
    COMMENT ON COLUMN analytics.cohort_retention.complete IS
      'Whether the period is over for all members; until then it is given as it stands.';
    COMMENT ON COLUMN analytics.cohort_retention.settings_digest IS
      'First 16 digits of the digest of the settings it was computed with.';

    CREATE TABLE analytics.funnels (
      company_id uuid NOT NULL,
      funnel text NOT NULL,
      cohort_date date NOT NULL,
      step integer NOT NULL CHECK (step >= 0),
      step_name text NOT NULL,
      entrants bigint NOT NULL CHECK (entrants > 0),
      converted bigint NOT NULL CHECK (converted BETWEEN 0 AND entrants),
      median_seconds numeric(20,6) CHECK (median_seconds >= 0),
      censored bigint NOT NULL CHECK (censored BETWEEN 0 AND entrants),
      conversion_rate double precision NOT NULL CHECK (conversion_rate BETWEEN 0 AND 1),
      settings_digest text NOT NULL,
      PRIMARY KEY (company_id, funnel, cohort_date, step),
      CHECK (converted + censored <= entrants)
    );
    CREATE INDEX funnels_cohort_date_idx ON analytics.funnels
      USING brin (cohort_date) WITH (autosummarize = on);
    COMMENT ON TABLE analytics.funnels IS
      'How far the companies or users that entered a funnel on a day came.';
    COMMENT ON COLUMN analytics.funnels.company_id IS
      'The tenant; the all-zero uuid is all companies.';
    COMMENT ON COLUMN analytics.funnels.funnel IS
      'Name of the funnel.';
    COMMENT ON COLUMN analytics.funnels.cohort_date IS
      'The local day on which the entrants came in.';
    COMMENT ON COLUMN analytics.funnels.step IS
      'Number of the step, 0 for the entry.';
    COMMENT ON COLUMN analytics.funnels.step_name IS
      'Name of the step.';
    COMMENT ON COLUMN analytics.funnels.entrants IS
      'Number of those who came in that day.';
    COMMENT ON COLUMN analytics.funnels.converted IS
      'Of these, those who reached the step.';
    COMMENT ON COLUMN analytics.funnels.median_seconds IS
      'Median time from entry to the step of those who reached it; null if nobody did.';
    COMMENT ON COLUMN analytics.funnels.censored IS
      'Of the entrants, those of whom it is not known yet.';
    COMMENT ON COLUMN analytics.funnels.conversion_rate IS
      'Share that reaches the step by the product-limit estimate, which allows for the '
      'censored.';
    COMMENT ON COLUMN analytics.funnels.settings_digest IS
      'First 16 digits of the digest of the settings it was computed with.';

    DO $$
    DECLARE
      name text;
    BEGIN
      FOREACH name IN ARRAY ARRAY['daily_metrics', 'monthly_metrics', 'mrr_movements',
        'user_cohorts', 'cohort_retention', 'funnels'] LOOP
        EXECUTE format($policy$
          ALTER TABLE analytics.%1$I ENABLE ROW LEVEL SECURITY;
          CREATE POLICY company ON analytics.%1$I FOR SELECT TO almanac_api
            USING (company_id =
                (SELECT nullif(current_setting('almanac.company_id', true), '')::uuid)
              OR pg_has_role(current_user, 'almanac_admin', 'member'));
          GRANT SELECT ON analytics.%1$I TO almanac_api;
          $policy$, name);
      END LOOP;
    END
    $$;

    ALTER TABLE almanac.intervals ADD COLUMN outputs_digest text;
    COMMENT ON COLUMN almanac.intervals.outputs_digest IS
      'Digest of the rows that were written, where the stage compares them; else null.';

    """#

  private static let metricViews = #"""
    CREATE VIEW api.metrics_v1 WITH (security_barrier) AS
      SELECT m.company_id, p.publication_id, m.grain, m.period_start, m.metric_name, m.dimension,
        m.dimension_value, m.value, m.numerator, m.denominator, m.unit, m.currency,
        m.settings_digest, m.restated_at, p.valid_until, p.valid_until < now() AS stale
      FROM (
        SELECT d.company_id, 'day'::text AS grain, d.date AS period_start, d.date AS last_day,
          d.metric_name, d.dimension, d.dimension_value, d.value, d.numerator, d.denominator,
          d.unit, d.currency, d.settings_digest, d.restated_at
        FROM analytics.daily_metrics AS d
        UNION ALL
        SELECT m.company_id, 'month', m.month, (m.month + interval '1 month')::date - 1,
          m.metric_name, m.dimension, m.dimension_value, m.value, m.numerator, m.denominator,
          m.unit, m.currency, m.settings_digest, m.restated_at
        FROM analytics.monthly_metrics AS m
      ) AS m
      CROSS JOIN (
        SELECT c.publication_id, c.as_of, c.valid_until FROM almanac.published AS c
        ORDER BY c.publication_id DESC LIMIT 1
      ) AS p
      WHERE m.last_day <= p.as_of AND m.company_id BETWEEN
          (SELECT CASE WHEN pg_has_role(current_user, 'almanac_admin', 'member')
            THEN '00000000-0000-0000-0000-000000000000'::uuid
            ELSE nullif(current_setting('almanac.company_id', true), '')::uuid END)
          AND
          (SELECT CASE WHEN pg_has_role(current_user, 'almanac_admin', 'member')
            THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid
            ELSE nullif(current_setting('almanac.company_id', true), '')::uuid END);
    COMMENT ON VIEW api.metrics_v1 IS
      'Named metrics by day and month, up to the day that is published; empty before '
      'the first publication. A period that late rows changed shows the change as soon '
      'as it is computed.';
    COMMENT ON COLUMN api.metrics_v1.company_id IS
      'The tenant; the all-zero uuid is all companies.';
    COMMENT ON COLUMN api.metrics_v1.publication_id IS
      'The publication in force.';
    COMMENT ON COLUMN api.metrics_v1.grain IS
      'Length of a period: day or month.';
    COMMENT ON COLUMN api.metrics_v1.period_start IS
      'The local day, or the first day of the month.';
    COMMENT ON COLUMN api.metrics_v1.metric_name IS
      'Name of the metric.';
    COMMENT ON COLUMN api.metrics_v1.dimension IS
      'Along what it is split, such as plan or module; empty for the whole.';
    COMMENT ON COLUMN api.metrics_v1.dimension_value IS
      'Which plan or module; empty for the whole.';
    COMMENT ON COLUMN api.metrics_v1.value IS
      'The value; null where the denominator is 0.';
    COMMENT ON COLUMN api.metrics_v1.numerator IS
      'What is divided, or the value itself. Numerators of companies add up to that of all.';
    COMMENT ON COLUMN api.metrics_v1.denominator IS
      'What it is divided by; null where nothing is divided.';
    COMMENT ON COLUMN api.metrics_v1.unit IS
      'What the value is: money, count, ratio or days.';
    COMMENT ON COLUMN api.metrics_v1.currency IS
      'The reporting currency of money, ISO 4217; null for anything else.';
    COMMENT ON COLUMN api.metrics_v1.settings_digest IS
      'First 16 digits of the digest of the settings it was computed with.';
    COMMENT ON COLUMN api.metrics_v1.restated_at IS
      'When it changed after its month was closed; null where it did not.';
    COMMENT ON COLUMN api.metrics_v1.valid_until IS
      'From when on a newer publication is overdue.';
    COMMENT ON COLUMN api.metrics_v1.stale IS
      'Whether that instant has passed.';

    CREATE VIEW api.cohorts_v1 WITH (security_barrier) AS
      SELECT r.company_id, p.publication_id, r.cohort_kind, r.cohort_month, r.period, r.size,
        r.retained, r.revenue_start, r.revenue_retained_gross, r.revenue_retained_net, r.currency,
        r.complete, p.valid_until, p.valid_until < now() AS stale
      FROM analytics.cohort_retention AS r
      CROSS JOIN (
        SELECT c.publication_id, c.as_of, c.valid_until FROM almanac.published AS c
        ORDER BY c.publication_id DESC LIMIT 1
      ) AS p
      WHERE (r.cohort_month + make_interval(months => r.period))::date <= p.as_of
        AND r.company_id BETWEEN
          (SELECT CASE WHEN pg_has_role(current_user, 'almanac_admin', 'member')
            THEN '00000000-0000-0000-0000-000000000000'::uuid
            ELSE nullif(current_setting('almanac.company_id', true), '')::uuid END)
          AND
          (SELECT CASE WHEN pg_has_role(current_user, 'almanac_admin', 'member')
            THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid
            ELSE nullif(current_setting('almanac.company_id', true), '')::uuid END);
    COMMENT ON VIEW api.cohorts_v1 IS
      'Retention of cohorts by month, up to the day that is published; empty before the'
      ' first publication.';
    COMMENT ON COLUMN api.cohorts_v1.company_id IS
      'The tenant; the all-zero uuid is all companies.';
    COMMENT ON COLUMN api.cohorts_v1.publication_id IS
      'The publication in force.';
    COMMENT ON COLUMN api.cohorts_v1.cohort_kind IS
      'What the members have in common: sign-up, first payment or first module in the month.';
    COMMENT ON COLUMN api.cohorts_v1.cohort_month IS
      'First day of the month.';
    COMMENT ON COLUMN api.cohorts_v1.period IS
      'Number of months after it, 0 first.';
    COMMENT ON COLUMN api.cohorts_v1.size IS
      'Number of members.';
    COMMENT ON COLUMN api.cohorts_v1.retained IS
      'Members with MRR at the end of the period; in payment cohorts, with a payment in it.';
    COMMENT ON COLUMN api.cohorts_v1.revenue_start IS
      'Revenue of the members in period 0.';
    COMMENT ON COLUMN api.cohorts_v1.revenue_retained_gross IS
      'Revenue of the members in the period, each counted up to its own of period 0.';
    COMMENT ON COLUMN api.cohorts_v1.revenue_retained_net IS
      'Revenue of the members in the period.';
    COMMENT ON COLUMN api.cohorts_v1.currency IS
      'The reporting currency, ISO 4217.';
    COMMENT ON COLUMN api.cohorts_v1.complete IS
      'Whether the period is over for all members; until then it is given as it stands.';
    COMMENT ON COLUMN api.cohorts_v1.valid_until IS
      'From when on a newer publication is overdue.';
    COMMENT ON COLUMN api.cohorts_v1.stale IS
      'Whether that instant has passed.';

    CREATE VIEW api.funnels_v1 WITH (security_barrier) AS
      SELECT f.company_id, p.publication_id, f.funnel, f.cohort_date, f.step, f.step_name,
        f.entrants, f.converted, f.median_seconds, f.censored, f.conversion_rate,
        f.converted::double precision / f.entrants AS raw_rate, p.valid_until,
        p.valid_until < now() AS stale
      FROM analytics.funnels AS f
      CROSS JOIN (
        SELECT c.publication_id, c.as_of, c.valid_until FROM almanac.published AS c
        ORDER BY c.publication_id DESC LIMIT 1
      ) AS p
      WHERE f.cohort_date <= p.as_of AND f.company_id BETWEEN
          (SELECT CASE WHEN pg_has_role(current_user, 'almanac_admin', 'member')
            THEN '00000000-0000-0000-0000-000000000000'::uuid
            ELSE nullif(current_setting('almanac.company_id', true), '')::uuid END)
          AND
          (SELECT CASE WHEN pg_has_role(current_user, 'almanac_admin', 'member')
            THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid
            ELSE nullif(current_setting('almanac.company_id', true), '')::uuid END);
    COMMENT ON VIEW api.funnels_v1 IS
      'Funnels by day of entry, up to the day that is published; empty before the first'
      ' publication.';
    COMMENT ON COLUMN api.funnels_v1.company_id IS
      'The tenant; the all-zero uuid is all companies.';
    COMMENT ON COLUMN api.funnels_v1.publication_id IS
      'The publication in force.';
    COMMENT ON COLUMN api.funnels_v1.funnel IS
      'Name of the funnel.';
    COMMENT ON COLUMN api.funnels_v1.cohort_date IS
      'The local day on which the entrants came in.';
    COMMENT ON COLUMN api.funnels_v1.step IS
      'Number of the step, 0 for the entry.';
    COMMENT ON COLUMN api.funnels_v1.step_name IS
      'Name of the step.';
    COMMENT ON COLUMN api.funnels_v1.entrants IS
      'Number of those who came in that day.';
    COMMENT ON COLUMN api.funnels_v1.converted IS
      'Of these, those who reached the step.';
    COMMENT ON COLUMN api.funnels_v1.median_seconds IS
      'Median time from entry to the step of those who reached it; null if nobody did.';
    COMMENT ON COLUMN api.funnels_v1.censored IS
      'Of the entrants, those of whom it is not known yet.';
    COMMENT ON COLUMN api.funnels_v1.conversion_rate IS
      'Share that reaches the step by the product-limit estimate, which allows for the '
      'censored.';
    COMMENT ON COLUMN api.funnels_v1.raw_rate IS
      'Share that has reached the step so far.';
    COMMENT ON COLUMN api.funnels_v1.valid_until IS
      'From when on a newer publication is overdue.';
    COMMENT ON COLUMN api.funnels_v1.stale IS
      'Whether that instant has passed.';

    GRANT SELECT ON api.metrics_v1, api.cohorts_v1, api.funnels_v1 TO almanac_reader;
    """#
}
