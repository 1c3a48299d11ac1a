extension BusinessOracle {
  /// Money that came in and went back, and the first attempt for each invoice.
  static let payments = #"""
    CREATE TABLE oracle.owners AS SELECT id AS transaction_id, invoice_id FROM billing.transactions;
    CREATE TABLE oracle.payments AS
    SELECT a.company_id, coalesce(a.invoice_id, o.invoice_id) AS invoice_id, a.amount,
      a.currency::text, oracle.day(a.attempted_at) AS day, a.attempted_at AS at
    FROM billing.payment_attempts AS a LEFT JOIN oracle.owners AS o USING (transaction_id)
    WHERE a.outcome = 'succeeded'
    UNION ALL
    SELECT t.company_id, t.invoice_id, t.amount, t.currency, oracle.day(t.succeeded_at),
      t.succeeded_at
    FROM billing.transactions AS t WHERE t.succeeded_at IS NOT NULL
      AND NOT EXISTS (SELECT FROM billing.payment_attempts AS a WHERE a.transaction_id = t.id);
    CREATE TABLE oracle.returned AS
    SELECT r.company_id, o.invoice_id, r.amount, r.currency::text, oracle.day(r.succeeded_at) AS day
    FROM billing.refunds AS r LEFT JOIN oracle.owners AS o USING (transaction_id)
    WHERE r.status = 'succeeded' AND r.succeeded_at IS NOT NULL;
    CREATE TABLE oracle.collections AS
    SELECT first.*, EXISTS (
        SELECT FROM billing.payment_attempts AS s
        LEFT JOIN oracle.owners AS o USING (transaction_id)
        WHERE coalesce(s.invoice_id, o.invoice_id) = first.invoice_id AND s.outcome = 'succeeded'
          AND s.attempted_at < first.attempted_at + interval '720 hours'
          AND s.attempted_at < oracle.finish())
      OR EXISTS (SELECT FROM billing.invoices AS i WHERE i.id = first.invoice_id
        AND i.paid_at < first.attempted_at + interval '720 hours') AS is_recovered
    FROM (
      SELECT DISTINCT ON (coalesce(a.invoice_id, o.invoice_id))
        coalesce(a.invoice_id, o.invoice_id) AS invoice_id, a.company_id, a.attempted_at,
        oracle.day(a.attempted_at) AS day, a.outcome
      FROM billing.payment_attempts AS a LEFT JOIN oracle.owners AS o USING (transaction_id)
      WHERE coalesce(a.invoice_id, o.invoice_id) IS NOT NULL
        AND a.attempted_at < oracle.finish()
      ORDER BY coalesce(a.invoice_id, o.invoice_id), a.attempted_at, a.id) AS first;

    """#

  /// What is owed at the end of each day on which anything is.
  static let invoices = #"""
    CREATE TABLE oracle.settled AS
    SELECT i.id AS invoice_id, m.day, sum(oracle.converted(
      m.amount, m.currency, i.currency::text, m.day)) AS amount
    FROM billing.invoices AS i JOIN (
      SELECT invoice_id, amount, currency, day FROM oracle.payments
      UNION ALL SELECT invoice_id, -amount, currency, day FROM oracle.returned
      UNION ALL SELECT invoice_id, amount, currency::text, oracle.day(issued_at)
      FROM billing.credit_notes) AS m ON m.invoice_id = i.id
    GROUP BY 1, 2;
    CREATE INDEX ON oracle.settled (invoice_id);
    CREATE TABLE oracle.owed AS
    SELECT i.company_id, d.day::date, count(*) AS pending,
      count(*) FILTER (WHERE oracle.day(i.due_at) <= d.day::date) AS overdue,
      coalesce(sum(oracle.converted(greatest(o.amount, 0), i.currency::text, 'USD', d.day::date))
        FILTER (WHERE oracle.day(i.due_at) <= d.day::date), 0) AS amount
    FROM billing.invoices AS i
    CROSS JOIN generate_series(oracle.day(i.issued_at)::timestamp, least(date '%end%',
      coalesce(oracle.day(least(i.paid_at, i.voided_at)) - 1, date '%end%')), '1 day') AS d (day)
    CROSS JOIN LATERAL (SELECT
        oracle.half_even(i.total * 10000, 1) / 10000 - coalesce(sum(s.amount), 0) AS amount
      FROM oracle.settled AS s WHERE s.invoice_id = i.id AND s.day <= d.day::date) AS o
    WHERE i.status <> 'draft' AND NOT (i.status = 'void' AND i.voided_at IS NULL)
      AND NOT (i.status = 'paid' AND i.paid_at IS NULL)
    GROUP BY 1, 2;
    CREATE INDEX ON oracle.owed (company_id, day);

    """#

  /// The named metrics: numerator and denominator of each company and period, then the rows.
  static let metrics = #"""
    -- The first day of billing records.
    CREATE TABLE oracle.beginning AS
    SELECT least(
      (SELECT min(oracle.day(at)) FROM oracle.moments WHERE mrr <> before),
      (SELECT min(day) FROM (
        SELECT oracle.day(attempted_at) AS day FROM billing.payment_attempts
        UNION ALL SELECT oracle.day(succeeded_at) FROM billing.transactions
        UNION ALL SELECT oracle.day(succeeded_at) FROM billing.refunds WHERE status = 'succeeded'
        UNION ALL SELECT oracle.day(issued_at) FROM billing.credit_notes
        UNION ALL SELECT oracle.day(issued_at) FROM billing.invoices) AS money)) AS day;
    CREATE TABLE oracle.periods AS
    SELECT 'day' AS grain, d.at::date AS start, d.at::date AS last
    FROM oracle.beginning AS b, generate_series(b.day::timestamp, date '%end%', '1 day') AS d (at)
    UNION ALL
    SELECT 'month', m.at::date, oracle.month_end(m.at::date)
    FROM oracle.beginning AS b,
      generate_series(oracle.month(b.day)::timestamp, date '%end%', '1 month') AS m (at)
    WHERE oracle.month_end(m.at::date) <= date '%end%';
    CREATE TABLE oracle.units AS
    SELECT * FROM (VALUES ('mrr', 'money', false), ('arr', 'money', false), ('arpa', 'money', true),
      ('customers_active', 'count', false), ('customers_new', 'count', false),
      ('customers_churned', 'count', false), ('logo_churn_rate', 'ratio', true),
      ('gross_mrr_churn_rate', 'ratio', true), ('net_mrr_churn_rate', 'ratio', true),
      ('net_revenue_retention', 'ratio', true), ('gross_revenue_retention', 'ratio', true),
      ('quick_ratio', 'ratio', true), ('revenue', 'money', false), ('revenue_net', 'money', false),
      ('payment_failure_rate', 'ratio', true), ('payment_recovery_rate', 'ratio', true),
      ('invoices_pending', 'count', false), ('invoices_overdue', 'count', false),
      ('overdue_amount', 'money', false)) AS u (metric, unit, is_quotient);
    CREATE TABLE oracle.states_of_month AS
    SELECT m.*, coalesce(n.amount, 0) AS won, n.amount IS NOT NULL AS is_new,
      c.amount IS NOT NULL AS is_churned, -coalesce(c.amount, 0) - coalesce(x.amount, 0) AS lost,
      coalesce(e.amount, 0) + coalesce(r.amount, 0) AS regained
    FROM oracle.company_months AS m
    LEFT JOIN oracle.company_movements AS n ON (n.company_id, n.month, n.movement)
      = (m.company_id, m.month, 'new')
    LEFT JOIN oracle.company_movements AS c ON (c.company_id, c.month, c.movement)
      = (m.company_id, m.month, 'churned')
    LEFT JOIN oracle.company_movements AS x ON (x.company_id, x.month, x.movement)
      = (m.company_id, m.month, 'contraction')
    LEFT JOIN oracle.company_movements AS e ON (e.company_id, e.month, e.movement)
      = (m.company_id, m.month, 'expansion')
    LEFT JOIN oracle.company_movements AS r ON (r.company_id, r.month, r.movement)
      = (m.company_id, m.month, 'reactivation');
    -- Of every company, numerator and denominator, and whether a row of its own shows them.
    CREATE TABLE oracle.parts (grain text, metric text, company_id uuid, start date, above numeric,
      below numeric, is_shown boolean);
    INSERT INTO oracle.parts
    SELECT 'month', p.metric, s.company_id, s.month, p.above, p.below, true
    FROM oracle.states_of_month AS s CROSS JOIN LATERAL (VALUES
      ('mrr', mrr, NULL), ('arr', 12 * mrr, NULL), ('arpa', mrr, (mrr > 0)::int),
      ('customers_active', (mrr > 0)::int, NULL), ('customers_new', is_new::int, NULL),
      ('customers_churned', is_churned::int, NULL),
      ('logo_churn_rate', is_churned::int, (before > 0)::int),
      ('gross_mrr_churn_rate', lost, before), ('net_mrr_churn_rate', lost - regained, before),
      ('quick_ratio', won + regained, lost),
      ('net_revenue_retention', CASE WHEN year_ago > 0 THEN mrr END, year_ago),
      ('gross_revenue_retention', CASE WHEN year_ago > 0 THEN least(mrr, year_ago) END, year_ago))
      AS p (metric, above, below)
    WHERE p.above IS NOT NULL;
    -- A company's state is shown on days of change and at the ends of months.
    CREATE TABLE oracle.changed_days AS
    SELECT *, coalesce(lag(mrr) OVER (PARTITION BY company_id ORDER BY day), 0) AS before
    FROM oracle.company_days;
    INSERT INTO oracle.parts
    SELECT 'day', p.metric, d.company_id, d.day, p.above, p.below, true
    FROM oracle.changed_days AS d
    CROSS JOIN LATERAL (VALUES ('mrr', mrr, NULL), ('arr', 12 * mrr, NULL),
      ('arpa', mrr, (mrr > 0)::int), ('customers_active', (mrr > 0)::int, NULL))
      AS p (metric, above, below)
    WHERE mrr <> before OR day = oracle.month_end(day);
    INSERT INTO oracle.parts
    SELECT p.grain, m.metric, m.company_id, p.start, sum(m.amount), NULL, true
    FROM oracle.periods AS p JOIN (
      SELECT 'revenue' AS metric, company_id, day, oracle.converted(amount, currency, 'USD', day)
        AS amount FROM oracle.payments
      UNION ALL
      SELECT 'revenue_net', company_id, day, oracle.converted(amount, currency, 'USD', day)
      FROM oracle.payments
      UNION ALL
      SELECT 'revenue_net', company_id, day, -oracle.converted(amount, currency, 'USD', day)
      FROM oracle.returned) AS m ON m.day BETWEEN p.start AND p.last
    GROUP BY 1, 2, 3, 4;
    INSERT INTO oracle.parts
    SELECT p.grain, m.metric, c.company_id, p.start, sum(m.above), sum(m.below), true
    FROM oracle.periods AS p JOIN oracle.collections AS c ON c.day BETWEEN p.start AND p.last
    CROSS JOIN LATERAL (VALUES ('payment_failure_rate', (outcome = 'failed')::int, 1),
      ('payment_recovery_rate', (outcome = 'failed' AND is_recovered)::int,
        (outcome = 'failed')::int)) AS m (metric, above, below)
    WHERE m.metric = 'payment_failure_rate'
      OR oracle.start(p.last + 1) + interval '720 hours' <= oracle.finish()
    GROUP BY 1, 2, 3, 4;
    INSERT INTO oracle.parts
    SELECT p.grain, m.metric, o.company_id, p.start, m.above, NULL,
      p.grain = 'month' OR o.day = oracle.month_end(o.day) OR m.above <> coalesce(m.before, 0)
    FROM oracle.periods AS p JOIN oracle.owed AS o ON o.day = p.last
    LEFT JOIN oracle.owed AS b ON (b.company_id, b.day) = (o.company_id, o.day - 1)
    CROSS JOIN LATERAL (VALUES ('invoices_pending', o.pending, b.pending),
      ('invoices_overdue', o.overdue, b.overdue), ('overdue_amount', o.amount, b.amount))
      AS m (metric, above, before);
    -- What all companies have together, in every period.
    CREATE TABLE oracle.totals AS
    SELECT p.grain, u.metric, p.start, coalesce(sum(c.above), 0) AS above,
      CASE WHEN u.is_quotient THEN coalesce(sum(c.below), 0) END AS below
    FROM oracle.periods AS p CROSS JOIN oracle.units AS u
    LEFT JOIN oracle.parts AS c ON (c.grain, c.metric, c.start) = (p.grain, u.metric, p.start)
    WHERE p.grain = 'month' OR u.metric NOT IN ('mrr', 'arr', 'arpa', 'customers_active',
      'customers_new', 'customers_churned',
      'logo_churn_rate', 'gross_mrr_churn_rate', 'net_mrr_churn_rate', 'quick_ratio',
      'net_revenue_retention', 'gross_revenue_retention')
    GROUP BY p.grain, u.metric, u.is_quotient, p.start;
    INSERT INTO oracle.totals
    SELECT 'day', m.metric, p.start, m.above, m.below
    FROM oracle.periods AS p CROSS JOIN LATERAL (
      SELECT coalesce(sum(mrr - before), 0) AS mrr,
        coalesce(sum((mrr > 0)::int - (before > 0)::int), 0) AS active
      FROM oracle.changed_days AS d WHERE d.day <= p.start) AS s
    CROSS JOIN LATERAL (VALUES ('mrr', mrr, NULL), ('arr', 12 * mrr, NULL), ('arpa', mrr, active),
      ('customers_active', active, NULL)) AS m (metric, above, below)
    WHERE p.grain = 'day';
    CREATE TABLE oracle.metric_rows (grain text, company_id uuid, metric_name text, dimension text,
      dimension_value text, start date, value numeric, numerator numeric, denominator numeric,
      unit text, currency text);
    INSERT INTO oracle.metric_rows
    SELECT grain, company_id, metric, '', '', start, CASE WHEN below IS NULL THEN above
        ELSE oracle.share(above, below) END, above, below, unit,
      CASE WHEN unit = 'money' THEN 'USD' END
    FROM (
      SELECT grain, metric, company_id, start, above, below FROM oracle.parts
      WHERE is_shown AND above <> 0
      UNION ALL
      SELECT grain, metric, oracle.zero(), start, above, below FROM oracle.totals) AS r
    JOIN oracle.units USING (metric);
    -- ARPA over the mean logo churn of three months, those without a customer left out.
    INSERT INTO oracle.metric_rows
    SELECT 'month', oracle.zero(), 'ltv', '', '', a.start, oracle.share(arpa, churn), arpa, churn,
      'money', 'USD'
    FROM (
      SELECT a.start, coalesce(oracle.share(a.above, a.below), 0) AS arpa,
        coalesce((SELECT oracle.share(sum(oracle.share(c.above, c.below)), count(*))
          FROM oracle.totals AS c
          WHERE c.grain = 'month' AND c.metric = 'logo_churn_rate' AND c.below > 0
            AND c.start BETWEEN a.start - interval '2 months' AND a.start), 0) AS churn
      FROM oracle.totals AS a WHERE a.grain = 'month' AND a.metric = 'arpa') AS a;
    INSERT INTO oracle.metric_rows
    SELECT 'month', coalesce(s.company_id, oracle.zero()), 'mrr', d.dimension, d.member::text,
      s.month, sum(s.amount), sum(s.amount), NULL, 'money', 'USD'
    FROM oracle.shares AS s
    CROSS JOIN LATERAL (VALUES ('plan', s.plan), ('module', s.module)) AS d (dimension, member)
    GROUP BY GROUPING SETS ((s.company_id, d.dimension, d.member, s.month),
      (d.dimension, d.member, s.month))
    HAVING sum(s.amount) <> 0;
    CREATE VIEW oracle.daily_metrics AS
    SELECT company_id, metric_name, dimension, dimension_value, start AS date,
      value::numeric(28,10), numerator::numeric(28,10), denominator::numeric(28,10), unit, currency
    FROM oracle.metric_rows WHERE grain = 'day';
    CREATE VIEW oracle.monthly_metrics AS
    SELECT company_id, metric_name, dimension, dimension_value, start AS month,
      value::numeric(28,10), numerator::numeric(28,10), denominator::numeric(28,10), unit, currency
    FROM oracle.metric_rows WHERE grain = 'month';

    """#
}
