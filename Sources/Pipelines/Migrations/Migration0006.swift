extension Migration {
  /// What makes rollups auditable: rates used, what was recorded late, what was restated.
  static let restatements = Migration(
    number: 6, name: "restatements",
    sql: Schema.almanac.opening + #"""
      CREATE TABLE almanac.interval_rates (
        stage text NOT NULL,
        interval_start date NOT NULL,
        currency char(3) NOT NULL,
        local_date date NOT NULL,
        leg smallint NOT NULL CHECK (leg IN (1, 2)),
        base char(3) NOT NULL,
        quote char(3) NOT NULL,
        rate_date date NOT NULL,
        rate numeric(20,10) NOT NULL,
        recorded_at timestamptz NOT NULL,
        PRIMARY KEY (stage, interval_start, currency, local_date, leg)
      );
      COMMENT ON TABLE almanac.interval_rates IS
        'The exchange rates that the amounts of an interval were converted by.';
      COMMENT ON COLUMN almanac.interval_rates.stage IS 'Name of the stage.';
      COMMENT ON COLUMN almanac.interval_rates.interval_start IS 'First day of the interval.';
      COMMENT ON COLUMN almanac.interval_rates.currency IS 'The currency of the amounts.';
      COMMENT ON COLUMN almanac.interval_rates.local_date IS
        'The local date that the amounts belong to.';
      COMMENT ON COLUMN almanac.interval_rates.leg IS
        'Place on the way to the reporting currency: 2 where a common one lies between.';
      COMMENT ON COLUMN almanac.interval_rates.base IS 'The currency one unit of which is priced.';
      COMMENT ON COLUMN almanac.interval_rates.quote IS 'The currency the price is in.';
      COMMENT ON COLUMN almanac.interval_rates.rate_date IS 'The day the rate is for.';
      COMMENT ON COLUMN almanac.interval_rates.rate IS 'Units of quote for one unit of base.';
      COMMENT ON COLUMN almanac.interval_rates.recorded_at IS 'When the rate was recorded.';

      CREATE TABLE analytics.daily_rollup_recordings (
        company_id uuid NOT NULL,
        event_type text NOT NULL,
        module_id uuid NOT NULL,
        date date NOT NULL,
        recorded_date date NOT NULL,
        event_count bigint NOT NULL,
        new_users bigint NOT NULL,
        amount_sum numeric(28,4),
        duration_ms_sum numeric(38,0),
        PRIMARY KEY (company_id, event_type, module_id, date, recorded_date),
        CHECK (recorded_date > date)
      );
      CREATE INDEX daily_rollup_recordings_date_idx ON analytics.daily_rollup_recordings
        USING brin (date) WITH (autosummarize = on);
      COMMENT ON TABLE analytics.daily_rollup_recordings IS
        'What daily_rollups holds of events recorded on a later day than they happened, by that day: '
        'a day as known at the end of T is its rollup less what was recorded after T.';
      COMMENT ON COLUMN analytics.daily_rollup_recordings.company_id IS 'The tenant.';
      COMMENT ON COLUMN analytics.daily_rollup_recordings.event_type IS 'Type of the events.';
      COMMENT ON COLUMN analytics.daily_rollup_recordings.module_id IS
        'Module of the events; the all-zero uuid means no module, never all modules.';
      COMMENT ON COLUMN analytics.daily_rollup_recordings.date IS
        'The local day on which they happened.';
      COMMENT ON COLUMN analytics.daily_rollup_recordings.recorded_date IS
        'The local day on which they were recorded.';
      COMMENT ON COLUMN analytics.daily_rollup_recordings.event_count IS 'Number of events.';
      COMMENT ON COLUMN analytics.daily_rollup_recordings.new_users IS
        'Number of users of whom no event of the group was recorded on an earlier day.';
      COMMENT ON COLUMN analytics.daily_rollup_recordings.amount_sum IS
        'Sum of the amounts in the reporting currency; null where no event has one.';
      COMMENT ON COLUMN analytics.daily_rollup_recordings.duration_ms_sum IS
        'Sum of the durations in milliseconds; null where no event has one.';

      CREATE TABLE analytics.restatements (
        company_id uuid NOT NULL,
        metric_name text NOT NULL,
        period date NOT NULL,
        restated_at timestamptz NOT NULL,
        old_value numeric(28,10),
        new_value numeric(28,10),
        cause_run_id uuid NOT NULL,
        PRIMARY KEY (company_id, metric_name, period, restated_at),
        CHECK (old_value IS DISTINCT FROM new_value)
      );
      CREATE INDEX restatements_restated_at_idx ON analytics.restatements (restated_at);
      COMMENT ON TABLE analytics.restatements IS
        'Values that a later run changed after their month was closed, which is three days after '
        'its end; append-only.';
      COMMENT ON COLUMN analytics.restatements.company_id IS
        'The tenant; the all-zero uuid means all companies.';
      COMMENT ON COLUMN analytics.restatements.metric_name IS
        'Name of the metric; of rollups rollup_events:TYPE or rollup_amount:TYPE.';
      COMMENT ON COLUMN analytics.restatements.period IS 'First day of the month.';
      COMMENT ON COLUMN analytics.restatements.restated_at IS 'When the value was replaced.';
      COMMENT ON COLUMN analytics.restatements.old_value IS
        'The value until then; null where there was none. Of metrics it is null where it was not '
        'defined, and 0 where the company had no row.';
      COMMENT ON COLUMN analytics.restatements.new_value IS
        'The value since, null or 0 in the same way.';
      COMMENT ON COLUMN analytics.restatements.cause_run_id IS 'The run that replaced it.';

      DO $$
      DECLARE
        name text;
      BEGIN
        FOREACH name IN ARRAY ARRAY['daily_rollup_recordings', 'restatements'] LOOP
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
