extension Migration {
  /// Accuracy of upsell and of payments too, and how far features have moved.
  static let featureDrift = Migration(
    number: 19, name: "feature_drift",
    sql: Schema.predictions.opening
      + accuracyViews("CREATE OR REPLACE VIEW", "measure ~ '^(churn|upsell|payment)_'") + driftTable
  )

  private static let driftTable = #"""
    CREATE TABLE predictions.feature_drift (
      run_id uuid NOT NULL,
      model text NOT NULL,
      part text NOT NULL,
      feature text NOT NULL,
      as_of date NOT NULL,
      model_version text NOT NULL,
      stability_index double precision NOT NULL,
      warned_above double precision NOT NULL,
      PRIMARY KEY (run_id, model, part, feature)
    );
    CREATE INDEX feature_drift_as_of_idx ON predictions.feature_drift (model, as_of);
    COMMENT ON TABLE predictions.feature_drift IS
      'How far features of the companies that were scored are from what the model learned from.';
    COMMENT ON COLUMN predictions.feature_drift.run_id IS 'The run.';
    COMMENT ON COLUMN predictions.feature_drift.model IS 'Name of the model.';
    COMMENT ON COLUMN predictions.feature_drift.part IS
      'Which of its probabilities, such as days_0_30, tier or modules.';
    COMMENT ON COLUMN predictions.feature_drift.feature IS 'Name of the feature.';
    COMMENT ON COLUMN predictions.feature_drift.as_of IS 'The day that was predicted for.';
    COMMENT ON COLUMN predictions.feature_drift.model_version IS 'The version that predicted.';
    COMMENT ON COLUMN predictions.feature_drift.stability_index IS
      'Population stability index against the rows that were learned from.';
    COMMENT ON COLUMN predictions.feature_drift.warned_above IS
      'The index above which the run warned: 0.25, or what chance makes of as few rows.';

    CREATE VIEW predictions.drift_by_day AS
    SELECT d.model, d.as_of, d.part, d.feature, d.model_version, d.stability_index, d.warned_above,
      d.stability_index > d.warned_above AS is_warned
    FROM predictions.feature_drift AS d
    JOIN (SELECT DISTINCT ON (model, as_of) model, as_of, run_id FROM almanac.published_runs
      ORDER BY model, as_of, publication_id DESC) AS last USING (run_id, model, as_of);
    COMMENT ON VIEW predictions.drift_by_day IS
      'Drift of features by the run of each day that was published last.';
    COMMENT ON COLUMN predictions.drift_by_day.model IS 'Name of the model.';
    COMMENT ON COLUMN predictions.drift_by_day.as_of IS 'The day that was predicted for.';
    COMMENT ON COLUMN predictions.drift_by_day.part IS 'Which of its probabilities.';
    COMMENT ON COLUMN predictions.drift_by_day.feature IS 'Name of the feature.';
    COMMENT ON COLUMN predictions.drift_by_day.model_version IS 'The version that predicted.';
    COMMENT ON COLUMN predictions.drift_by_day.stability_index IS
      'Population stability index against the rows that were learned from.';
    COMMENT ON COLUMN predictions.drift_by_day.warned_above IS
      'The index above which the run warned.';
    COMMENT ON COLUMN predictions.drift_by_day.is_warned IS 'Whether it did.';
    """#
}
