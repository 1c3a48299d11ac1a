extension Migration {
  /// The predictions, keyed by run, and their outcomes.
  ///
  /// A run copies its rows straight into these tables; no reader sees them until a publication names
  /// the run. The block-range index finds the rows of one run, which lie together, when old runs are
  /// removed.
  static let predictions = Migration(
    number: 3, name: "predictions",
    sql: Schema.predictions.opening + #"""
      CREATE TABLE predictions.revenue_forecasts (
        company_id uuid NOT NULL,
        run_id uuid NOT NULL,
        scope text NOT NULL
          CHECK (scope IN ('total', 'segment', 'plan', 'module', 'company')),
        scope_id text NOT NULL,
        grain text NOT NULL CHECK (grain IN ('day', 'month')),
        period_start date NOT NULL,
        horizon integer NOT NULL CHECK (horizon > 0),
        predicted numeric(28,4) NOT NULL,
        lower_80 numeric(28,4),
        upper_80 numeric(28,4),
        lower_95 numeric(28,4),
        upper_95 numeric(28,4),
        currency char(3) NOT NULL,
        model_used text NOT NULL,
        fallback_reason text,
        as_of date NOT NULL,
        recorded_cut timestamptz NOT NULL,
        model text NOT NULL,
        model_version text NOT NULL,
        feature_digest text NOT NULL,
        valid_until timestamptz NOT NULL,
        PRIMARY KEY (company_id, run_id, scope, scope_id, grain, period_start),
        CHECK ((scope = 'total') = (scope_id = '')),
        CHECK (lower_95 <= lower_80 AND lower_80 <= upper_80 AND upper_80 <= upper_95)
      );
      COMMENT ON TABLE predictions.revenue_forecasts IS 'Revenue to come, by day and month.';
      COMMENT ON COLUMN predictions.revenue_forecasts.scope IS 'What the revenue is of.';
      COMMENT ON COLUMN predictions.revenue_forecasts.scope_id IS
        'Which segment, plan, module or company; the empty text for the total.';
      COMMENT ON COLUMN predictions.revenue_forecasts.grain IS 'Length of a period.';
      COMMENT ON COLUMN predictions.revenue_forecasts.period_start IS 'First day of the period.';
      COMMENT ON COLUMN predictions.revenue_forecasts.horizon IS
        'How many periods ahead of the last one known, 1 first.';
      COMMENT ON COLUMN predictions.revenue_forecasts.predicted IS 'Revenue expected.';
      COMMENT ON COLUMN predictions.revenue_forecasts.lower_80 IS
        'Lower end of the interval that holds 80 of 100.';
      COMMENT ON COLUMN predictions.revenue_forecasts.upper_80 IS
        'Upper end of the interval that holds 80 of 100.';
      COMMENT ON COLUMN predictions.revenue_forecasts.lower_95 IS
        'Lower end of the interval that holds 95 of 100.';
      COMMENT ON COLUMN predictions.revenue_forecasts.upper_95 IS
        'Upper end of the interval that holds 95 of 100.';
      COMMENT ON COLUMN predictions.revenue_forecasts.currency IS
        'The reporting currency, ISO 4217.';
      COMMENT ON COLUMN predictions.revenue_forecasts.model_used IS
        'What made the forecast: the model, or the baseline by name.';
      COMMENT ON COLUMN predictions.revenue_forecasts.fallback_reason IS
        'Why a baseline made it; null where the model did.';

      CREATE TABLE predictions.churn_risk (
        company_id uuid NOT NULL,
        run_id uuid NOT NULL,
        probability double precision NOT NULL CHECK (probability BETWEEN 0 AND 1),
        probability_90d double precision CHECK (probability_90d BETWEEN 0 AND 1),
        risk_band text NOT NULL CHECK (risk_band IN ('low', 'medium', 'high', 'critical')),
        expected_mrr_loss numeric(28,4),
        reasons jsonb NOT NULL,
        actions jsonb NOT NULL,
        as_of date NOT NULL,
        recorded_cut timestamptz NOT NULL,
        model text NOT NULL,
        model_version text NOT NULL,
        feature_digest text NOT NULL,
        valid_until timestamptz NOT NULL,
        PRIMARY KEY (company_id, run_id)
      );
      COMMENT ON TABLE predictions.churn_risk IS
        'How likely each company is to stop paying soon.';
      COMMENT ON COLUMN predictions.churn_risk.probability IS
        'Probability within 30 days, calibrated.';
      COMMENT ON COLUMN predictions.churn_risk.probability_90d IS
        'Probability within 90 days, calibrated.';
      COMMENT ON COLUMN predictions.churn_risk.risk_band IS 'Band the probability falls in.';
      COMMENT ON COLUMN predictions.churn_risk.expected_mrr_loss IS
        'MRR times probability, reporting currency.';
      COMMENT ON COLUMN predictions.churn_risk.reasons IS
        'Array of {feature, value, contribution, text}, largest contribution first.';
      COMMENT ON COLUMN predictions.churn_risk.actions IS
        'Array of {action, why, expected_value}.';

      CREATE TABLE predictions.upsell_opportunities (
        company_id uuid NOT NULL,
        run_id uuid NOT NULL,
        kind text NOT NULL CHECK (kind IN ('tier_upgrade', 'module_cross_sell')),
        target_id uuid NOT NULL,
        probability double precision NOT NULL CHECK (probability BETWEEN 0 AND 1),
        expected_mrr_uplift numeric(28,4),
        rank integer NOT NULL CHECK (rank > 0),
        reasons jsonb NOT NULL,
        as_of date NOT NULL,
        recorded_cut timestamptz NOT NULL,
        model text NOT NULL,
        model_version text NOT NULL,
        feature_digest text NOT NULL,
        valid_until timestamptz NOT NULL,
        PRIMARY KEY (company_id, run_id, kind, target_id)
      );
      COMMENT ON TABLE predictions.upsell_opportunities IS
        'What each company may buy next, and how likely.';
      COMMENT ON COLUMN predictions.upsell_opportunities.kind IS
        'Whether it would move to a higher plan or add a module.';
      COMMENT ON COLUMN predictions.upsell_opportunities.target_id IS 'The plan or module.';
      COMMENT ON COLUMN predictions.upsell_opportunities.probability IS
        'Probability within 90 days, calibrated.';
      COMMENT ON COLUMN predictions.upsell_opportunities.expected_mrr_uplift IS
        'MRR gained times probability, reporting currency.';
      COMMENT ON COLUMN predictions.upsell_opportunities.rank IS
        'Place among the company''s opportunities, 1 best.';
      COMMENT ON COLUMN predictions.upsell_opportunities.reasons IS
        'Array of {feature, value, contribution, text}, largest contribution first.';

      CREATE TABLE predictions.payment_failure_risk (
        company_id uuid NOT NULL,
        run_id uuid NOT NULL,
        invoice_id uuid NOT NULL,
        payment_method_id uuid NOT NULL,
        due_at timestamptz,
        probability double precision NOT NULL CHECK (probability BETWEEN 0 AND 1),
        amount_at_risk numeric(28,4),
        decline_class_expected text CHECK (decline_class_expected IN
          ('hard', 'soft', 'never', 'technical', 'authentication')),
        retry_at timestamptz,
        retry_success_probability double precision
          CHECK (retry_success_probability BETWEEN 0 AND 1),
        alternative_payment_method_id uuid,
        alternative_success_probability double precision
          CHECK (alternative_success_probability BETWEEN 0 AND 1),
        reasons jsonb NOT NULL,
        as_of date NOT NULL,
        recorded_cut timestamptz NOT NULL,
        model text NOT NULL,
        model_version text NOT NULL,
        feature_digest text NOT NULL,
        valid_until timestamptz NOT NULL,
        PRIMARY KEY (company_id, run_id, invoice_id, payment_method_id)
      );
      COMMENT ON TABLE predictions.payment_failure_risk IS
        'How likely the payment of an invoice by a method is to fail.';
      COMMENT ON COLUMN predictions.payment_failure_risk.invoice_id IS 'The invoice to be paid.';
      COMMENT ON COLUMN predictions.payment_failure_risk.payment_method_id IS
        'The payment method it would be charged to.';
      COMMENT ON COLUMN predictions.payment_failure_risk.due_at IS 'When the payment is due.';
      COMMENT ON COLUMN predictions.payment_failure_risk.probability IS
        'Probability that the attempt fails, calibrated.';
      COMMENT ON COLUMN predictions.payment_failure_risk.amount_at_risk IS
        'What is owed, reporting currency.';
      COMMENT ON COLUMN predictions.payment_failure_risk.decline_class_expected IS
        'The most likely class of refusal.';
      COMMENT ON COLUMN predictions.payment_failure_risk.retry_at IS 'The best time to try again.';
      COMMENT ON COLUMN predictions.payment_failure_risk.retry_success_probability IS
        'Probability that an attempt then succeeds.';
      COMMENT ON COLUMN predictions.payment_failure_risk.alternative_payment_method_id IS
        'Another method of the company that is more likely to succeed.';
      COMMENT ON COLUMN predictions.payment_failure_risk.alternative_success_probability IS
        'Probability that an attempt with it succeeds.';
      COMMENT ON COLUMN predictions.payment_failure_risk.reasons IS
        'Array of {feature, value, contribution, text}, largest contribution first.';

      CREATE TABLE predictions.payment_method_risk (
        company_id uuid NOT NULL,
        run_id uuid NOT NULL,
        payment_method_id uuid NOT NULL,
        probability double precision NOT NULL CHECK (probability BETWEEN 0 AND 1),
        expires_in_days integer,
        reasons jsonb NOT NULL,
        as_of date NOT NULL,
        recorded_cut timestamptz NOT NULL,
        model text NOT NULL,
        model_version text NOT NULL,
        feature_digest text NOT NULL,
        valid_until timestamptz NOT NULL,
        PRIMARY KEY (company_id, run_id, payment_method_id)
      );
      COMMENT ON TABLE predictions.payment_method_risk IS
        'How likely a payment method is to fail at its next use.';
      COMMENT ON COLUMN predictions.payment_method_risk.payment_method_id IS 'The payment method.';
      COMMENT ON COLUMN predictions.payment_method_risk.probability IS
        'Probability that its next attempt fails, calibrated.';
      COMMENT ON COLUMN predictions.payment_method_risk.expires_in_days IS
        'Days until the card expires; null where nothing expires.';
      COMMENT ON COLUMN predictions.payment_method_risk.reasons IS
        'Array of {feature, value, contribution, text}, largest contribution first.';

      CREATE TABLE predictions.outcomes (
        company_id uuid NOT NULL,
        model text NOT NULL,
        measure text NOT NULL,
        subject_id text NOT NULL,
        as_of date NOT NULL,
        period_start date NOT NULL,
        model_version text NOT NULL,
        recorded_cut timestamptz NOT NULL,
        predicted numeric(28,10) NOT NULL,
        lower numeric(28,10),
        upper numeric(28,10),
        actual numeric(28,10),
        matured_at timestamptz,
        PRIMARY KEY (company_id, model, measure, subject_id, as_of, period_start)
      );
      COMMENT ON TABLE predictions.outcomes IS
        'What was predicted and what came of it, so that accuracy is a query; later runs fill in '
        'the outcome.';
      COMMENT ON COLUMN predictions.outcomes.company_id IS
        'The tenant; the all-zero uuid is all companies.';
      COMMENT ON COLUMN predictions.outcomes.model IS 'Name of the model.';
      COMMENT ON COLUMN predictions.outcomes.measure IS
        'What was predicted, such as churn_30d, churn_90d or revenue_month.';
      COMMENT ON COLUMN predictions.outcomes.subject_id IS
        'What it was predicted of: a company, an invoice, a scope.';
      COMMENT ON COLUMN predictions.outcomes.as_of IS 'The day it was predicted for.';
      COMMENT ON COLUMN predictions.outcomes.period_start IS 'First day of the period predicted.';
      COMMENT ON COLUMN predictions.outcomes.model_version IS 'The version that predicted.';
      COMMENT ON COLUMN predictions.outcomes.recorded_cut IS
        'The instant of the extraction the prediction rests on.';
      COMMENT ON COLUMN predictions.outcomes.predicted IS 'The prediction.';
      COMMENT ON COLUMN predictions.outcomes.lower IS 'Lower end of its interval, if any.';
      COMMENT ON COLUMN predictions.outcomes.upper IS 'Upper end of its interval, if any.';
      COMMENT ON COLUMN predictions.outcomes.actual IS
        'What happened; null until it can be known.';
      COMMENT ON COLUMN predictions.outcomes.matured_at IS
        'When that was filled in; null until then.';

      DO $$
      DECLARE
        name text;
      BEGIN
        FOREACH name IN ARRAY ARRAY['revenue_forecasts', 'churn_risk', 'upsell_opportunities',
          'payment_failure_risk', 'payment_method_risk']
        LOOP
          EXECUTE format($columns$
            CREATE INDEX %2$I ON predictions.%1$I
              USING brin (run_id) WITH (autosummarize = on);
            COMMENT ON COLUMN predictions.%1$I.company_id IS
              'The tenant; the all-zero uuid is all companies.';
            COMMENT ON COLUMN predictions.%1$I.run_id IS 'The run that predicted.';
            COMMENT ON COLUMN predictions.%1$I.as_of IS 'The day the prediction was made for.';
            COMMENT ON COLUMN predictions.%1$I.recorded_cut IS
              'The instant of the extraction it rests on.';
            COMMENT ON COLUMN predictions.%1$I.model IS 'Name of the model.';
            COMMENT ON COLUMN predictions.%1$I.model_version IS
              'The version that predicted, or the label of the baseline.';
            COMMENT ON COLUMN predictions.%1$I.feature_digest IS
              'Digest of the features it was made from.';
            COMMENT ON COLUMN predictions.%1$I.valid_until IS 'From when on it is stale.';
            $columns$, name, name || '_run_id_idx');
        END LOOP;
        FOREACH name IN ARRAY ARRAY['revenue_forecasts', 'churn_risk', 'upsell_opportunities',
          'payment_failure_risk', 'payment_method_risk', 'outcomes']
        LOOP
          EXECUTE format($policy$
            ALTER TABLE predictions.%1$I ENABLE ROW LEVEL SECURITY;
            CREATE POLICY company ON predictions.%1$I FOR SELECT TO almanac_api
              USING (company_id =
                  (SELECT nullif(current_setting('almanac.company_id', true), '')::uuid)
                OR pg_has_role(current_user, 'almanac_admin', 'member'));
            $policy$, name);
        END LOOP;
      END
      $$;

      GRANT SELECT ON predictions.revenue_forecasts TO almanac_api;
      """#)
}
