extension Migration {
  /// The rollups of events by hour, day and month.
  ///
  /// The keys begin with the company. An interval is replaced by time for all companies at once; the
  /// block-range index finds its rows, which lie together, and costs next to nothing to keep.
  static let rollups = Migration(
    number: 2, name: "rollups",
    sql: Schema.analytics.opening + #"""
      CREATE TABLE analytics.hourly_rollups (
        company_id uuid NOT NULL,
        event_type text NOT NULL,
        module_id uuid NOT NULL,
        hour timestamptz NOT NULL,
        event_count bigint NOT NULL,
        unique_users bigint NOT NULL,
        amount_sum numeric(28,4),
        amount_min numeric(28,4),
        amount_max numeric(28,4),
        duration_ms_sum numeric(38,0),
        PRIMARY KEY (company_id, event_type, module_id, hour)
      );
      CREATE INDEX hourly_rollups_hour_idx ON analytics.hourly_rollups
        USING brin (hour) WITH (autosummarize = on);
      COMMENT ON TABLE analytics.hourly_rollups IS 'Events by company, type, module and UTC hour.';
      COMMENT ON COLUMN analytics.hourly_rollups.hour IS 'Start of the hour, UTC.';

      CREATE TABLE analytics.daily_rollups (
        company_id uuid NOT NULL,
        event_type text NOT NULL,
        module_id uuid NOT NULL,
        date date NOT NULL,
        event_count bigint NOT NULL,
        unique_users bigint NOT NULL,
        amount_sum numeric(28,4),
        amount_min numeric(28,4),
        amount_max numeric(28,4),
        duration_ms_sum numeric(38,0),
        PRIMARY KEY (company_id, event_type, module_id, date)
      );
      CREATE INDEX daily_rollups_date_idx ON analytics.daily_rollups
        USING brin (date) WITH (autosummarize = on);
      COMMENT ON TABLE analytics.daily_rollups IS 'Events by company, type, module and local day.';
      COMMENT ON COLUMN analytics.daily_rollups.date IS 'The local day.';

      CREATE TABLE analytics.monthly_rollups (
        company_id uuid NOT NULL,
        event_type text NOT NULL,
        module_id uuid NOT NULL,
        month date NOT NULL CHECK (extract(day FROM month) = 1),
        event_count bigint NOT NULL,
        unique_users bigint NOT NULL,
        amount_sum numeric(28,4),
        amount_min numeric(28,4),
        amount_max numeric(28,4),
        duration_ms_sum numeric(38,0),
        PRIMARY KEY (company_id, event_type, module_id, month)
      );
      CREATE INDEX monthly_rollups_month_idx ON analytics.monthly_rollups
        USING brin (month) WITH (autosummarize = on);
      COMMENT ON TABLE analytics.monthly_rollups IS
        'Events by company, type, module and month of local days.';
      COMMENT ON COLUMN analytics.monthly_rollups.month IS 'First day of the month.';

      DO $$
      DECLARE
        name text;
      BEGIN
        FOREACH name IN ARRAY ARRAY['hourly_rollups', 'daily_rollups', 'monthly_rollups'] LOOP
          EXECUTE format($comments$
            COMMENT ON COLUMN analytics.%1$I.company_id IS 'The tenant.';
            COMMENT ON COLUMN analytics.%1$I.event_type IS 'Type of the events.';
            COMMENT ON COLUMN analytics.%1$I.module_id IS
              'Module of the events; the all-zero uuid means no module, never all modules.';
            COMMENT ON COLUMN analytics.%1$I.event_count IS 'Number of events.';
            COMMENT ON COLUMN analytics.%1$I.unique_users IS
              'Number of different users, exact; events without a user do not count.';
            COMMENT ON COLUMN analytics.%1$I.amount_sum IS
              'Sum of the amounts in the reporting currency; null where no event has one.';
            COMMENT ON COLUMN analytics.%1$I.amount_min IS
              'Smallest amount in the reporting currency; null where no event has one.';
            COMMENT ON COLUMN analytics.%1$I.amount_max IS
              'Largest amount in the reporting currency; null where no event has one.';
            COMMENT ON COLUMN analytics.%1$I.duration_ms_sum IS
              'Sum of the durations in milliseconds; null where no event has one.';
            ALTER TABLE analytics.%1$I ENABLE ROW LEVEL SECURITY;
            CREATE POLICY company ON analytics.%1$I FOR SELECT TO almanac_api
              USING (company_id =
                  (SELECT nullif(current_setting('almanac.company_id', true), '')::uuid)
                OR pg_has_role(current_user, 'almanac_admin', 'member'));
            GRANT SELECT ON analytics.%1$I TO almanac_api;
            $comments$, name);
        END LOOP;
      END
      $$;
      """#)
}
