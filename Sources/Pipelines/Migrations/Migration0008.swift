extension Migration {
  /// Days of daily metrics that do not fit those before them.
  static let anomalies = Migration(
    number: 8, name: "anomalies",
    sql: Schema.analytics.opening + #"""
      CREATE TABLE analytics.anomalies (
        company_id uuid NOT NULL,
        metric_name text NOT NULL,
        at date NOT NULL,
        actual double precision,
        expected double precision NOT NULL,
        lower double precision NOT NULL,
        upper double precision NOT NULL,
        score double precision NOT NULL,
        kind text NOT NULL CHECK (kind IN ('spike', 'drop', 'level_shift', 'missing')),
        PRIMARY KEY (company_id, metric_name, at)
      );
      COMMENT ON TABLE analytics.anomalies IS
        'Days of the last 90 whose daily metric does not fit the days before.';
      COMMENT ON COLUMN analytics.anomalies.company_id IS
        'The tenant; the all-zero uuid is all companies.';
      COMMENT ON COLUMN analytics.anomalies.metric_name IS
        'Name of the metric.';
      COMMENT ON COLUMN analytics.anomalies.at IS
        'The local day; of a level shift, its first.';
      COMMENT ON COLUMN analytics.anomalies.actual IS
        'The value of the metric; null where there is none.';
      COMMENT ON COLUMN analytics.anomalies.expected IS
        'What the eight weeks before led to expect.';
      COMMENT ON COLUMN analytics.anomalies.lower IS
        'The value below which the day is a drop.';
      COMMENT ON COLUMN analytics.anomalies.upper IS
        'The value above which the day is a spike.';
      COMMENT ON COLUMN analytics.anomalies.score IS
        'The distance from what was expected, in spreads of such distances.';
      COMMENT ON COLUMN analytics.anomalies.kind IS
        'spike, drop, level_shift (a change that has lasted for a week) or missing.';
      ALTER TABLE analytics.anomalies ENABLE ROW LEVEL SECURITY;
      CREATE POLICY company ON analytics.anomalies FOR SELECT TO almanac_api
        USING (company_id =
            (SELECT nullif(current_setting('almanac.company_id', true), '')::uuid)
          OR pg_has_role(current_user, 'almanac_admin', 'member'));
      GRANT SELECT ON analytics.anomalies TO almanac_api;
      """#)
}
