extension Migration {
  /// How good probabilities were, by month, from what became of them.
  static let accuracy = Migration(
    number: 17, name: "accuracy",
    sql: Schema.predictions.opening + accuracyIndex
      + accuracyViews("CREATE VIEW", "measure IN ('churn_30d', 'churn_90d')") + accuracyComments)

  private static let accuracyIndex = #"""
    CREATE INDEX outcomes_as_of_idx ON predictions.outcomes (model, measure, as_of);

    """#

  /// Views of the outcomes that are yes or no; a probability of 0 or 1 that was wrong counts as one
  /// in ten billion.
  ///
  /// - Parameters:
  ///   - create: the statement that makes a view.
  ///   - measures: which measures are yes or no.
  /// - Returns: the statements.
  static func accuracyViews(_ create: String, _ measures: String) -> String {
    #"""
    \#(create) predictions.accuracy_by_month AS
    SELECT model, measure, month, count(*) AS rows, sum(actual) AS events,
      avg(actual) AS actual_rate, avg(predicted) AS predicted_rate,
      -avg(actual * ln(held) + (1 - actual) * ln(1 - held)) AS log_loss,
      avg((predicted - actual) ^ 2) AS brier_score,
      (sum(position) FILTER (WHERE actual = 1) - sum(actual) * (sum(actual) + 1) / 2)
        / nullif(sum(actual) * (count(*) - sum(actual)), 0) AS roc_auc
    FROM (
      SELECT model, measure, month, predicted, actual,
        least(greatest(predicted, 1e-10), 1 - 1e-10) AS held,
        rank() OVER (PARTITION BY model, measure, month ORDER BY predicted)
          + (count(*) OVER (PARTITION BY model, measure, month, predicted) - 1) / 2.0::float8
          AS position
      FROM (
        SELECT model, measure, date_trunc('month', as_of::timestamp)::date AS month,
          predicted::float8 AS predicted, actual::float8 AS actual
        FROM predictions.outcomes WHERE \#(measures) AND actual IS NOT NULL)
        AS known) AS ranked
    GROUP BY model, measure, month;

    \#(create) predictions.calibration_by_month AS
    SELECT model, measure, month, bin, count(*) AS rows, sum(actual) AS events,
      min(predicted) AS lowest, max(predicted) AS highest, avg(predicted) AS predicted_rate,
      avg(actual) AS actual_rate
    FROM (
      SELECT model, measure, month, predicted, actual, ntile(10) OVER (
        PARTITION BY model, measure, month ORDER BY predicted, as_of, subject_id) AS bin
      FROM (
        SELECT model, measure, date_trunc('month', as_of::timestamp)::date AS month, as_of,
          subject_id, predicted::float8 AS predicted, actual::float8 AS actual
        FROM predictions.outcomes WHERE \#(measures) AND actual IS NOT NULL)
        AS known) AS binned
    GROUP BY model, measure, month, bin;

    \#(create) predictions.lift_by_month AS
    SELECT model, measure, month, share, sum(rows) AS rows, sum(events) AS events,
      sum(events) / nullif(max(all_events), 0) AS share_of_events,
      sum(events) / sum(rows) / nullif(max(all_events) / max(all_rows), 0) AS lift
    FROM (
      SELECT model, measure, month, ranked.share, 1 AS rows, actual AS events, all_rows, all_events
      FROM (
        SELECT known.*, row_number() OVER w AS position,
          count(*) OVER (PARTITION BY model, measure, month, top.share) AS all_rows,
          sum(actual) OVER (PARTITION BY model, measure, month, top.share) AS all_events, top.share
        FROM (
          SELECT model, measure, date_trunc('month', as_of::timestamp)::date AS month, as_of,
            subject_id, predicted::float8 AS predicted, actual::float8 AS actual
          FROM predictions.outcomes
          WHERE \#(measures) AND actual IS NOT NULL) AS known
        CROSS JOIN (VALUES (0.01), (0.05), (0.1), (0.2), (0.5)) AS top (share)
        WINDOW w AS (PARTITION BY model, measure, month, top.share
          ORDER BY predicted DESC, as_of, subject_id)) AS ranked
      WHERE position <= ceil(ranked.share * all_rows)) AS counted
    GROUP BY model, measure, month, share;

    """#
  }

  private static let accuracyComments = #"""
    COMMENT ON VIEW predictions.accuracy_by_month IS
      'How good the probabilities of the days of a month were, by what happened.';
    COMMENT ON VIEW predictions.calibration_by_month IS
      'The probabilities of a month in tenths, the lowest first, beside the share that happened.';
    COMMENT ON VIEW predictions.lift_by_month IS
      'What share of all events the highest probabilities of a month held, and how much more than '
      'as many at random.';
    DO $$
    DECLARE
      item record;
    BEGIN
      FOR item IN SELECT * FROM (VALUES
        ('model', 'Name of the model.'),
        ('measure', 'What was predicted: churn_30d or churn_90d.'),
        ('month', 'First day of the month that the predictions were made in.'),
        ('rows', 'Predictions, one for each company and day, whose outcome is known.'),
        ('events', 'Those of them where it happened.'),
        ('bin', 'The tenth, 1 to 10.'), ('lowest', 'The lowest probability in it.'),
        ('highest', 'The highest.'), ('share', 'The share of rows that is looked at, from the top.'),
        ('share_of_events', 'The share of all events that these rows held.'),
        ('lift', 'The share of events in these rows over that in all rows.'),
        ('actual_rate', 'The share of rows where it happened.'),
        ('predicted_rate', 'The mean probability.'),
        ('log_loss', 'Mean logarithmic loss, natural.'),
        ('brier_score', 'Mean squared distance of probability and outcome.'),
        ('roc_auc', 'Share of pairs of one with and one without event that are in order.'))
        AS names (name, text)
      JOIN (SELECT attname, attrelid::regclass AS relation FROM pg_catalog.pg_attribute
        WHERE attrelid IN ('predictions.accuracy_by_month'::regclass,
          'predictions.calibration_by_month'::regclass, 'predictions.lift_by_month'::regclass))
        AS columns ON columns.attname = names.name
      LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', item.relation, item.name, item.text);
      END LOOP;
    END
    $$;
    """#
}
