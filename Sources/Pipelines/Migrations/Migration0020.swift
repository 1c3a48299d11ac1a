extension Migration {
  /// What the views of accuracy say they are about, since upsell and payments are in them too.
  static let accuracyWords = Migration(
    number: 20, name: "accuracy_words",
    sql: Schema.predictions.opening + #"""
      COMMENT ON VIEW predictions.accuracy_by_month IS
        'How good the probabilities of churn, upsell and failing payments of the days of a month were, '
        'by what happened.';
      COMMENT ON COLUMN predictions.outcomes.subject_id IS
        'What it was predicted of: a company, a plan or module, an invoice and method, a scope.';
      DO $$
      DECLARE
        item record;
      BEGIN
        FOR item IN SELECT * FROM (VALUES
          ('measure', 'What was predicted: churn_30d, churn_90d, upsell_tier_90d, upsell_module_90d or '
            'payment_failure.'),
          ('rows', 'Predictions whose outcome is known, one for each day and company, plan or module '
            'that was offered, or invoice and method.'))
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
      """#)
}
