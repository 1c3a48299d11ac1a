extension Migration {
  /// The rest of what readers see: predictions of churn, upsell and payments, anomalies, usage,
  /// movements of MRR and reports, the functions of all endpoints, and the history of publications.
  static let serving = Migration(
    number: 11, name: "serving",
    sql: Schema.almanac.opening + servedHistory + Schema.analytics.opening + reports
      + Schema.predictions.opening + predictionGrants + Schema.api.opening + servingViews
      + servingFunctions + servingRights)

  private static let servedHistory = #"""
    CREATE VIEW almanac.served AS
      SELECT p.publication_id, r.model, r.run_id, r.model_version, r.as_of, r.recorded_cut,
        r.valid_until, r.rows, p.pipeline, p.restores, p.served_from, p.served_until
      FROM (
        SELECT h.publication_id, h.pipeline, h.restores, h.served_from,
          lead(h.served_from) OVER (ORDER BY h.publication_id) AS served_until
        FROM (
          SELECT b.publication_id, b.pipeline, b.restores,
            max(b.published_at) OVER (ORDER BY b.publication_id) AS served_from
          FROM almanac.published AS b
        ) AS h
      ) AS p
      JOIN almanac.published_runs AS r ON r.publication_id = p.publication_id;
    COMMENT ON VIEW almanac.served IS
      'What readers were shown at any instant: the rows with served_from <= instant and served_until '
      'later or null name the run of each model, whose predictions are kept by run_id.';
    COMMENT ON COLUMN almanac.served.publication_id IS 'The publication.';
    COMMENT ON COLUMN almanac.served.model IS 'Name of the model.';
    COMMENT ON COLUMN almanac.served.run_id IS 'The run whose predictions were shown.';
    COMMENT ON COLUMN almanac.served.model_version IS
      'The version that made them, or the label of the baseline.';
    COMMENT ON COLUMN almanac.served.as_of IS 'The day they were made for.';
    COMMENT ON COLUMN almanac.served.recorded_cut IS 'The instant of the extraction they rest on.';
    COMMENT ON COLUMN almanac.served.valid_until IS 'From when on they were stale.';
    COMMENT ON COLUMN almanac.served.rows IS 'Number of predictions.';
    COMMENT ON COLUMN almanac.served.pipeline IS 'Name of the pipeline that published.';
    COMMENT ON COLUMN almanac.served.restores IS
      'The earlier publication that a rollback brought back; null otherwise.';
    COMMENT ON COLUMN almanac.served.served_from IS 'When it came in force.';
    COMMENT ON COLUMN almanac.served.served_until IS
      'When the next one did; null for the one in force. Where the clock went back, both are equal '
      'and it was in force for no instant.';

    """#

  private static let reports = #"""
    CREATE TABLE analytics.reports (
      company_id uuid NOT NULL,
      report_id uuid NOT NULL,
      report_name text NOT NULL CHECK (report_name <> ''),
      report_type text NOT NULL CHECK (report_type <> ''),
      query_params jsonb NOT NULL CHECK (jsonb_typeof(query_params) = 'object'),
      results jsonb NOT NULL CHECK (jsonb_typeof(results) = 'object'),
      files jsonb NOT NULL CHECK (jsonb_typeof(files) = 'array'),
      generated_at timestamptz NOT NULL,
      PRIMARY KEY (company_id, report_id)
    );
    COMMENT ON TABLE analytics.reports IS 'Reports that were made for people.';
    COMMENT ON COLUMN analytics.reports.company_id IS
      'The tenant; the all-zero uuid is all companies.';
    COMMENT ON COLUMN analytics.reports.report_id IS 'Identity of the report.';
    COMMENT ON COLUMN analytics.reports.report_name IS 'Name of the report.';
    COMMENT ON COLUMN analytics.reports.report_type IS 'Kind of report.';
    COMMENT ON COLUMN analytics.reports.query_params IS 'What was asked for, an object.';
    COMMENT ON COLUMN analytics.reports.results IS 'What it says, an object.';
    COMMENT ON COLUMN analytics.reports.files IS
      'Array of {name, sha256}: the files that were made of it.';
    COMMENT ON COLUMN analytics.reports.generated_at IS 'When it was made.';
    ALTER TABLE analytics.reports ENABLE ROW LEVEL SECURITY;
    CREATE POLICY company ON analytics.reports FOR SELECT TO almanac_api
      USING (company_id =
          (SELECT nullif(current_setting('almanac.company_id', true), '')::uuid)
        OR pg_has_role(current_user, 'almanac_admin', 'member'));
    GRANT SELECT ON analytics.reports TO almanac_api;

    """#

  private static let predictionGrants = #"""
    GRANT SELECT ON predictions.churn_risk, predictions.upsell_opportunities,
      predictions.payment_failure_risk, predictions.payment_method_risk, predictions.outcomes
      TO almanac_api;

    """#

  private static let servingRights = #"""
    DO $$
    DECLARE
      item record;
    BEGIN
      FOR item IN SELECT oid::regprocedure AS signature FROM pg_proc
        WHERE pronamespace = 'api'::regnamespace AND proowner = 'almanac_api'::regrole
      LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', item.signature);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO almanac_reader', item.signature);
      END LOOP;
    END
    $$;
    """#
}
