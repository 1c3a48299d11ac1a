extension Migration {
  /// What the views of accuracy say they are about, since methods and proposals are in them too.
  static let paymentMeasures = Migration(
    number: 22, name: "payment_measures",
    sql: Schema.predictions.opening + #"""
      COMMENT ON COLUMN predictions.outcomes.subject_id IS
        'What it was predicted of: a company, a plan or module, an invoice and method, a method, a scope.';
      DO $$
      DECLARE
        item record;
      BEGIN
        FOR item IN SELECT * FROM (VALUES
          ('measure', 'What was predicted: churn_30d, churn_90d, upsell_tier_90d, upsell_module_90d, '
            'payment_failure, payment_method_failure, payment_retry_success or '
            'payment_alternative_success.'),
          ('rows', 'Predictions whose outcome is known, one for each day and company, plan or module '
            'that was offered, invoice and method, or method.'))
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
