extension BusinessOracle {
  /// Each row of `subscription_changes` that counts, in the order in which it does, with what its
  /// subscription is from it on.
  static let ledger = #"""
    CREATE TABLE oracle.effects AS
    SELECT *, row_number() OVER (PARTITION BY subscription_id ORDER BY at, sequence) AS place
    FROM (
      SELECT c.*, CASE interval WHEN 'month' THEN 1 WHEN 'quarter' THEN 3 WHEN 'year' THEN 12 END
          * coalesce(interval_count, 1) AS months,
        CASE WHEN change = 'cancel' AND '%churn%' = 'cancellation' AND requested_at > coalesce((
            SELECT max(s.effective_at) FROM billing.subscription_changes AS s
            WHERE s.subscription_id = c.subscription_id AND s.sequence < c.sequence
              AND s.change IN ('new', 'trial_convert', 'reactivate')), '-infinity')
          THEN least(requested_at, effective_at) ELSE effective_at END AS at
      FROM billing.subscription_changes AS c
      WHERE change <> 'cancel_withdrawn' AND NOT (change = 'cancel' AND EXISTS (
        SELECT FROM billing.subscription_changes AS w
        WHERE w.subscription_id = c.subscription_id AND w.change = 'cancel_withdrawn'
          AND w.sequence > c.sequence AND w.effective_at < c.effective_at))) AS kept;
    CREATE INDEX ON oracle.effects (subscription_id, place);
    -- Whether service is paid for after a row: the last row that says anything about it decides.
    CREATE FUNCTION oracle.is_active(subscription uuid, upto bigint) RETURNS boolean
      LANGUAGE sql STABLE AS $$
      SELECT coalesce((SELECT change IN ('new', 'trial_convert', 'reactivate') FROM oracle.effects
        WHERE subscription_id = $1 AND place <= $2
          AND change IN ('new', 'trial_convert', 'reactivate', 'trial_start', 'cancel')
        ORDER BY place DESC LIMIT 1), true) $$;
    CREATE TABLE oracle.service AS
    SELECT subscription_id, company_id, min(at) AS start FROM oracle.effects
    WHERE oracle.is_active(subscription_id, place) GROUP BY 1, 2;
    -- Where another subscription takes over.
    CREATE TABLE oracle.handovers AS
    SELECT p.subscription_id, min(s.start) AS at
    FROM billing.subscriptions AS o JOIN oracle.service AS s ON s.subscription_id = o.id
    JOIN oracle.service AS p ON p.subscription_id = o.migrated_from
      AND p.company_id = s.company_id AND p.start <= s.start AND o.id <> o.migrated_from
    GROUP BY 1;
    CREATE TABLE oracle.lives AS
    SELECT id, subscription_id, company_id, change, plan_id, module_id, quantity, recurring_amount,
      months, currency::text, at, oracle.day(at) AS day,
      row_number() OVER (PARTITION BY subscription_id ORDER BY at, is_end, sequence) AS place
    FROM (
      SELECT e.id, e.subscription_id, e.company_id, change, plan_id, module_id, quantity,
        recurring_amount, months, currency, e.at, sequence, false AS is_end
      FROM oracle.effects AS e LEFT JOIN oracle.handovers AS h USING (subscription_id)
      WHERE h.at IS NULL OR e.at < h.at AND NOT (e.change = 'cancel' AND NOT EXISTS (
        SELECT FROM oracle.effects AS s
        WHERE s.subscription_id = e.subscription_id AND s.place > e.place AND s.at < h.at
          AND s.change IN ('new', 'trial_convert', 'reactivate', 'trial_start')))
      UNION ALL
      SELECT NULL, subscription_id, company_id, 'end', NULL, NULL, NULL, NULL, NULL, NULL, h.at, 0,
        true
      FROM oracle.handovers AS h JOIN oracle.service USING (subscription_id)
      UNION ALL
      SELECT DISTINCT NULL::uuid, subscription_id, e.company_id, 'end', NULL::uuid, NULL::uuid,
        NULL::int, NULL::numeric, NULL::int, NULL::char(3), c.deleted_at, 0, true
      FROM oracle.effects AS e JOIN billing.companies AS c ON c.id = e.company_id
      WHERE c.deleted_at IS NOT NULL) AS rows
    WHERE at < oracle.finish() AND (is_end OR at < coalesce((
      SELECT deleted_at FROM billing.companies AS c WHERE c.id = rows.company_id), 'infinity'));
    CREATE INDEX ON oracle.lives (subscription_id, place);
    ANALYZE oracle.lives;
    CREATE TABLE oracle.states AS
    SELECT *, min(day) OVER (PARTITION BY subscription_id, run) AS since
    FROM (
      SELECT *, count(*) FILTER (WHERE is_fresh) OVER (
        PARTITION BY subscription_id ORDER BY place) AS run
      FROM (
        SELECT *, (counts, amount, period, money) IS DISTINCT FROM
          lag((counts, amount, period, money)) OVER (PARTITION BY subscription_id ORDER BY place)
          AS is_fresh
        FROM (
          SELECT l.subscription_id, l.company_id, l.place, l.at, l.day,
            l.change <> 'end' AND NOT EXISTS (SELECT FROM oracle.lives AS x
              WHERE x.subscription_id = l.subscription_id AND x.place < l.place
                AND x.change = 'end')
            AND coalesce(life.change IN ('new', 'trial_convert', 'reactivate'), true)
            AND NOT ('%pause%' = 'zero' AND coalesce(pause.change = 'pause', false)) AS counts,
            terms.amount, terms.period, terms.money, coalesce(terms.plan, oracle.zero()) AS plan,
            coalesce(terms.quantity, 1) AS quantity
          FROM oracle.lives AS l
          LEFT JOIN LATERAL (SELECT t.change FROM oracle.lives AS t
            WHERE t.subscription_id = l.subscription_id AND t.place <= l.place
              AND t.change IN ('new', 'trial_convert', 'reactivate', 'trial_start', 'cancel')
            ORDER BY t.place DESC LIMIT 1) AS life ON true
          LEFT JOIN LATERAL (SELECT t.change FROM oracle.lives AS t
            WHERE t.subscription_id = l.subscription_id AND t.place <= l.place
              AND t.change IN ('new', 'trial_convert', 'reactivate', 'trial_start', 'cancel',
                'pause', 'resume')
            ORDER BY t.place DESC LIMIT 1) AS pause ON true
          -- Of each term the last one said; who ends or pauses speaks only where nobody did before.
          CROSS JOIN LATERAL (
            SELECT (array_agg(s.recurring_amount ORDER BY s.place DESC)
                FILTER (WHERE s.recurring_amount IS NOT NULL))[1] AS amount,
              (array_agg(s.months ORDER BY s.place DESC) FILTER (WHERE s.months IS NOT NULL))[1]
                AS period,
              (array_agg(s.currency ORDER BY s.place DESC)
                FILTER (WHERE s.currency IS NOT NULL))[1] AS money,
              (array_agg(s.plan_id ORDER BY s.place DESC) FILTER (WHERE s.plan_id IS NOT NULL))[1]
                AS plan,
              (array_agg(s.quantity ORDER BY s.place DESC)
                FILTER (WHERE s.quantity IS NOT NULL))[1] AS quantity
            FROM oracle.lives AS s
            WHERE s.subscription_id = l.subscription_id AND s.place <= l.place
              AND (s.change NOT IN ('pause', 'cancel') OR NOT EXISTS (
                SELECT FROM oracle.lives AS b WHERE b.subscription_id = s.subscription_id
                  AND b.place < s.place AND b.recurring_amount IS NOT NULL))) AS terms
        ) AS said
      ) AS compared
    ) AS grouped;
    CREATE INDEX ON oracle.states (subscription_id, place);
    CREATE INDEX ON oracle.states (company_id);
    ANALYZE oracle.states;
    -- What a state is worth a month, valued at the ends of months up to a day, if at all.
    CREATE FUNCTION oracle.worth(state oracle.states, revalued date) RETURNS numeric
      LANGUAGE sql STABLE AS $$
      SELECT CASE WHEN NOT state.counts THEN 0 ELSE oracle.converted(
        state.amount, state.money, 'USD', CASE WHEN '%fx%' = 'month_end'
          THEN greatest(state.since, revalued) ELSE state.since END, state.period) END $$;

    """#

  /// MRR of each company on every day on which it may change and at the ends of months, and its
  /// movements.
  static let levels = #"""
    CREATE FUNCTION oracle.closed_before(day date) RETURNS date LANGUAGE sql STABLE AS $$
      SELECT oracle.month(day) - 1 $$;
    -- The last end of a month on or before a day.
    CREATE FUNCTION oracle.closed_by(day date) RETURNS date LANGUAGE sql STABLE AS $$
      SELECT CASE WHEN day = oracle.month_end(day) THEN day ELSE oracle.month(day) - 1 END $$;
    CREATE TABLE oracle.points AS
    SELECT s.company_id, s.subscription_id, d.day,
      oracle.worth(s, oracle.closed_by(d.day)) AS value,
      oracle.worth(s, oracle.closed_before(d.day)) AS open_value, s.plan, s.quantity, s.period,
      s.place, s.counts,
      CASE WHEN '%fx%' = 'month_end' AND s.money <> 'USD'
        THEN greatest(s.day, oracle.closed_by(d.day)) ELSE s.day END AS parts_day
    FROM (
      SELECT company_id, subscription_id, day FROM oracle.states
      UNION
      SELECT company_id, subscription_id, oracle.month_end(month::date)
      FROM (SELECT company_id, subscription_id, min(day) AS day FROM oracle.states GROUP BY 1, 2)
        AS f,
        generate_series(oracle.month(f.day)::timestamp, date '%end%', '1 month') AS month
      WHERE oracle.month_end(month::date) <= date '%end%'
      UNION
      SELECT company_id, subscription_id, date '%end%' FROM oracle.states) AS d
    JOIN LATERAL (SELECT * FROM oracle.states AS s
      WHERE s.subscription_id = d.subscription_id AND s.day <= d.day
      ORDER BY s.place DESC LIMIT 1) AS s ON true;
    CREATE INDEX ON oracle.points (company_id, day);
    ANALYZE oracle.points;
    CREATE TABLE oracle.company_days AS
    SELECT d.company_id, d.day, sum(p.value) AS mrr
    FROM (SELECT DISTINCT company_id, day FROM oracle.points) AS d
    CROSS JOIN LATERAL (SELECT DISTINCT ON (p.subscription_id) p.value FROM oracle.points AS p
      WHERE p.company_id = d.company_id AND p.day <= d.day
      ORDER BY p.subscription_id, p.day DESC) AS p
    GROUP BY 1, 2;
    CREATE INDEX ON oracle.company_days (company_id, day);
    ANALYZE oracle.company_days;
    -- Months that are over, of each company.
    CREATE TABLE oracle.company_months AS
    SELECT c.company_id, month::date,
      coalesce((SELECT mrr FROM oracle.company_days AS d WHERE d.company_id = c.company_id
        AND d.day = month::date - 1), 0) AS before,
      coalesce((SELECT mrr FROM oracle.company_days AS d WHERE d.company_id = c.company_id
        AND d.day = oracle.month_end(month::date)), 0) AS mrr,
      coalesce((SELECT sum(open_value) FROM oracle.points AS p WHERE p.company_id = c.company_id
        AND p.day = oracle.month_end(month::date)), 0) AS open_mrr,
      (SELECT mrr FROM oracle.company_days AS d WHERE d.company_id = c.company_id
        AND d.day = (month - interval '12 months' + interval '1 month - 1 day')::date) AS year_ago
    FROM (SELECT DISTINCT company_id FROM oracle.company_days) AS c,
      generate_series((SELECT oracle.month(min(day))::timestamp FROM oracle.company_days),
        date '%end%', '1 month') AS month
    WHERE oracle.month_end(month::date) <= date '%end%';
    -- MRR right after each instant at which a company's rows take effect, and right before it.
    CREATE TABLE oracle.moments AS
    SELECT i.company_id, i.at, oracle.day(i.at) AS day,
      coalesce((SELECT sum(worth) FROM (SELECT DISTINCT ON (s.subscription_id)
          oracle.worth(s, oracle.closed_before(oracle.day(i.at))) AS worth FROM oracle.states AS s
        WHERE s.company_id = i.company_id AND s.at < i.at
        ORDER BY s.subscription_id, s.place DESC) AS w), 0) AS before,
      (SELECT sum(worth) FROM (SELECT DISTINCT ON (s.subscription_id)
          oracle.worth(s, oracle.closed_before(oracle.day(i.at))) AS worth FROM oracle.states AS s
        WHERE s.company_id = i.company_id AND s.at <= i.at
        ORDER BY s.subscription_id, s.place DESC) AS w) AS mrr
    FROM (SELECT DISTINCT company_id, at FROM oracle.states) AS i;
    CREATE FUNCTION oracle.movement(before numeric, after numeric, best numeric) RETURNS text
      LANGUAGE sql IMMUTABLE AS $$
      SELECT CASE WHEN before = after THEN NULL
        WHEN before <= 0 AND after > 0 THEN
          CASE WHEN coalesce(best, 0) > 0 THEN 'reactivation' ELSE 'new' END
        WHEN before > 0 AND after <= 0 THEN 'churned'
        WHEN after > before THEN 'expansion' ELSE 'contraction' END $$;
    CREATE TABLE oracle.company_movements AS
    SELECT company_id, month, movement, sum(amount) AS amount
    FROM (
      SELECT company_id, month, oracle.movement(before, open_mrr, max(open_mrr) OVER (
          PARTITION BY company_id ORDER BY month ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW))
        AS movement, open_mrr - before AS amount
      FROM oracle.company_months WHERE '%recognition%' = 'month_end'
      UNION ALL
      SELECT company_id, oracle.month(day), oracle.movement(before, mrr, max(mrr) OVER (
          PARTITION BY company_id ORDER BY at ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW)),
        mrr - before
      FROM oracle.moments WHERE '%recognition%' = 'event'
      UNION ALL
      SELECT company_id, month, 'fx', mrr - open_mrr FROM oracle.company_months
      WHERE mrr <> open_mrr) AS moved
    WHERE movement IS NOT NULL AND oracle.month_end(month) <= date '%end%'
    GROUP BY 1, 2, 3;
    CREATE VIEW oracle.mrr_movements AS
    SELECT coalesce(company_id, oracle.zero()) AS company_id, month, movement, sum(amount) AS amount
    FROM oracle.company_movements
    GROUP BY GROUPING SETS ((company_id, month, movement), (month, movement));
    -- What of a company's MRR at the end of a month belongs to which plan and module.
    CREATE TABLE oracle.shares AS
    WITH owned AS (
      SELECT p.company_id, p.subscription_id, p.day, p.value, p.plan, m.module_id, oracle.converted(
          u.unit_amount * p.quantity, u.currency::text, 'USD', p.parts_day, p.period) AS price,
        m.added
      FROM oracle.points AS p
      CROSS JOIN LATERAL (
        SELECT a.module_id, min(a.place) AS added FROM oracle.lives AS a
        WHERE a.subscription_id = p.subscription_id AND a.place <= p.place
          AND a.change = 'module_added' AND a.place > coalesce((
            SELECT max(r.place) FROM oracle.lives AS r
            WHERE r.subscription_id = p.subscription_id AND r.place <= p.place
              AND (r.change = 'new'
                OR r.change = 'module_removed' AND r.module_id = a.module_id)), 0)
        GROUP BY 1) AS m
      JOIN billing.modules AS u ON u.id = m.module_id
      WHERE p.counts AND p.day = oracle.month_end(p.day) AND u.unit_amount IS NOT NULL
        AND u.currency IS NOT NULL
    ), taken AS (
      SELECT *, least(greatest(value, 0), sum(greatest(price, 0)) OVER (
          PARTITION BY subscription_id, day ORDER BY added)) AS upto
      FROM owned
    ), parts AS (
      SELECT company_id, subscription_id, day, plan, module_id, upto - coalesce(lag(upto) OVER (
        PARTITION BY subscription_id, day ORDER BY added), 0) AS amount
      FROM taken
    )
    SELECT company_id, oracle.month(day) AS month, plan, module_id AS module, amount FROM parts
    UNION ALL
    SELECT company_id, oracle.month(day), plan, oracle.zero(), value - coalesce((
      SELECT sum(amount) FROM parts AS s
      WHERE s.subscription_id = p.subscription_id AND s.day = p.day), 0)
    FROM oracle.points AS p WHERE counts AND day = oracle.month_end(day);

    """#
}
