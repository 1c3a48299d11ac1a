extension Migration {
  /// Calls of agents by day, and use of modules by billing period.
  static let usage = Migration(
    number: 9, name: "usage",
    sql: Schema.analytics.opening + #"""
      CREATE TABLE analytics.agent_metrics (
        company_id uuid NOT NULL,
        agent_id uuid NOT NULL,
        date date NOT NULL,
        calls_started bigint NOT NULL CHECK (calls_started >= 0),
        calls_completed bigint NOT NULL CHECK (calls_completed >= 0),
        calls_failed bigint NOT NULL CHECK (calls_failed >= 0),
        agent_uses bigint NOT NULL CHECK (agent_uses >= 0),
        duration_ms_sum numeric(38,0),
        PRIMARY KEY (company_id, agent_id, date),
        CHECK (calls_started + calls_completed + calls_failed + agent_uses > 0)
      );
      CREATE INDEX agent_metrics_date_idx ON analytics.agent_metrics
        USING brin (date) WITH (autosummarize = on);
      COMMENT ON TABLE analytics.agent_metrics IS
        'Calls of each agent by local day; over all agents they are those of daily_rollups.';
      COMMENT ON COLUMN analytics.agent_metrics.company_id IS 'The tenant.';
      COMMENT ON COLUMN analytics.agent_metrics.agent_id IS
        'The agent where events name one, else the user; the all-zero uuid where neither is known.';
      COMMENT ON COLUMN analytics.agent_metrics.date IS 'The local day.';
      COMMENT ON COLUMN analytics.agent_metrics.calls_started IS 'Number of call_started events.';
      COMMENT ON COLUMN analytics.agent_metrics.calls_completed IS
        'Number of call_completed events.';
      COMMENT ON COLUMN analytics.agent_metrics.calls_failed IS 'Number of call_failed events.';
      COMMENT ON COLUMN analytics.agent_metrics.agent_uses IS 'Number of agent_used events.';
      COMMENT ON COLUMN analytics.agent_metrics.duration_ms_sum IS
        'Sum of the durations of all these events in milliseconds; null where none has one.';

      CREATE TABLE analytics.module_usage_periods (
        company_id uuid NOT NULL,
        subscription_id uuid NOT NULL,
        period_start date NOT NULL,
        module_id uuid NOT NULL,
        period_end date NOT NULL,
        event_count bigint NOT NULL CHECK (event_count > 0),
        unique_users bigint NOT NULL CHECK (unique_users BETWEEN 0 AND event_count),
        duration_ms_sum numeric(38,0),
        complete boolean NOT NULL,
        PRIMARY KEY (company_id, subscription_id, period_start, module_id),
        CHECK (period_end > period_start)
      );
      CREATE INDEX module_usage_periods_period_start_idx ON analytics.module_usage_periods
        (period_start);
      COMMENT ON TABLE analytics.module_usage_periods IS
        'Use of each module in the billing periods of a company. Periods of several subscriptions '
        'may share days, whose events count in each: they are not to be added up.';
      COMMENT ON COLUMN analytics.module_usage_periods.company_id IS 'The tenant.';
      COMMENT ON COLUMN analytics.module_usage_periods.subscription_id IS
        'The subscription whose period it is.';
      COMMENT ON COLUMN analytics.module_usage_periods.period_start IS
        'First local day of the period.';
      COMMENT ON COLUMN analytics.module_usage_periods.module_id IS
        'The module; the all-zero uuid means no module, never all modules.';
      COMMENT ON COLUMN analytics.module_usage_periods.period_end IS
        'The local day after the last one of the period.';
      COMMENT ON COLUMN analytics.module_usage_periods.event_count IS
        'Number of module_used events of the company.';
      COMMENT ON COLUMN analytics.module_usage_periods.unique_users IS
        'Number of different users in them, over the whole period.';
      COMMENT ON COLUMN analytics.module_usage_periods.duration_ms_sum IS
        'Sum of their durations in milliseconds; null where none has one.';
      COMMENT ON COLUMN analytics.module_usage_periods.complete IS
        'Whether the period is over; until then it is given as it stands.';

      DO $$
      DECLARE
        name text;
      BEGIN
        FOREACH name IN ARRAY ARRAY['agent_metrics', 'module_usage_periods'] LOOP
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
      """#)
}
