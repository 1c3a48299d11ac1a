extension BusinessOracle {
  /// Events once each, and the rollups of them.
  static let events = #"""
    -- An event that was sent twice is the one recorded first.
    CREATE TABLE oracle.events AS
    SELECT DISTINCT ON (event_id) event_id, event_type, company_id, user_id, module_id,
      coalesce(module_id, oracle.zero()) AS module, "timestamp" AS at,
      oracle.day("timestamp") AS day, oracle.day(created_at) AS recorded,
      CASE WHEN metadata->>'amount' ~ '^-?[0-9]+(\.[0-9]+)?$'
          AND metadata->>'currency' ~ '^[A-Za-z]{3}$'
        THEN oracle.converted((metadata->>'amount')::numeric, upper(metadata->>'currency'), 'USD',
          oracle.day("timestamp")) END AS amount,
      CASE WHEN metadata->>'duration_ms' ~ '^-?[0-9]+$'
        THEN (metadata->>'duration_ms')::bigint END AS duration
    FROM app.events
    ORDER BY event_id, created_at, "timestamp";
    CREATE INDEX ON oracle.events (company_id, day);
    ANALYZE oracle.events;
    CREATE VIEW oracle.hourly_rollups (company_id, event_type, module_id, hour, event_count,
      unique_users, amount_sum, amount_min, amount_max, duration_ms_sum) AS
    SELECT company_id, event_type, module, date_trunc('hour', at, 'UTC'), count(*),
      count(DISTINCT user_id), sum(amount)::numeric(28,4), min(amount)::numeric(28,4),
      max(amount)::numeric(28,4), sum(duration)::numeric(38,0)
    FROM oracle.events WHERE (at AT TIME ZONE 'UTC')::date <= date '%end%' GROUP BY 1, 2, 3, 4;
    CREATE VIEW oracle.daily_rollups (company_id, event_type, module_id, date, event_count,
      unique_users, amount_sum, amount_min, amount_max, duration_ms_sum) AS
    SELECT company_id, event_type, module, day, count(*), count(DISTINCT user_id),
      sum(amount)::numeric(28,4), min(amount)::numeric(28,4), max(amount)::numeric(28,4),
      sum(duration)::numeric(38,0)
    FROM oracle.events WHERE day <= date '%end%' GROUP BY 1, 2, 3, 4;
    CREATE VIEW oracle.monthly_rollups (company_id, event_type, module_id, month, event_count,
      unique_users, amount_sum, amount_min, amount_max, duration_ms_sum) AS
    SELECT company_id, event_type, module, oracle.month(day), count(*), count(DISTINCT user_id),
      sum(amount)::numeric(28,4), min(amount)::numeric(28,4), max(amount)::numeric(28,4),
      sum(duration)::numeric(38,0)
    FROM oracle.events WHERE day <= date '%end%' GROUP BY 1, 2, 3, 4;
    CREATE VIEW oracle.daily_rollup_recordings (company_id, event_type, module_id, date,
      recorded_date, event_count, new_users, amount_sum, duration_ms_sum) AS
    SELECT company_id, event_type, module, day, recorded, count(*),
      (SELECT count(*) FROM (
        SELECT user_id FROM oracle.events AS o
        WHERE (o.company_id, o.event_type, o.module, o.day)
            = (e.company_id, e.event_type, e.module, e.day) AND user_id IS NOT NULL
        GROUP BY user_id HAVING min(o.recorded) = e.recorded) AS first),
      sum(amount)::numeric(28,4), sum(duration)::numeric(38,0)
    FROM oracle.events AS e WHERE day <= date '%end%' AND recorded > day GROUP BY 1, 2, 3, 4, 5;

    """#

  /// The metrics that `models/metrics.yaml` declares.
  static let declared = #"""
    CREATE TABLE oracle.event_periods AS
    SELECT 'day' AS grain, day::date AS start, day::date AS last FROM generate_series((
      -- From the local day at which the first partition, a day of UTC, begins.
      SELECT min(oracle.day(date_trunc('day', "timestamp", 'UTC'))) FROM app.events)::timestamp,
      date '%end%', '1 day') AS day;
    INSERT INTO oracle.event_periods
    SELECT DISTINCT 'month', oracle.month(start), oracle.month_end(start) FROM oracle.event_periods
    WHERE oracle.month_end(start) <= date '%end%';
    CREATE TABLE oracle.seen AS
    SELECT DISTINCT company_id, user_id, day FROM oracle.events WHERE user_id IS NOT NULL;
    CREATE INDEX ON oracle.seen (day);
    ANALYZE oracle.seen;
    ANALYZE oracle.event_periods;
    CREATE TABLE oracle.declared AS
    SELECT p.grain, coalesce(e.company_id, oracle.zero()) AS company_id, p.start, w.metric,
      count(DISTINCT e.user_id)::numeric AS above
    FROM oracle.event_periods AS p
    CROSS JOIN (VALUES ('dau', 1), ('wau', 7), ('mau', 30)) AS w (metric, days)
    JOIN oracle.seen AS e ON e.day BETWEEN p.last - w.days + 1 AND p.last
    GROUP BY GROUPING SETS ((p.grain, p.start, w.metric, e.company_id),
      (p.grain, p.start, w.metric));
    INSERT INTO oracle.declared
    SELECT p.grain, coalesce(e.company_id, oracle.zero()), p.start, m.metric, count(*)
    FROM oracle.event_periods AS p JOIN oracle.events AS e ON e.day BETWEEN p.start AND p.last
    JOIN (VALUES ('errors', 'error_occurred'), ('slow_requests', 'slow_request'))
      AS m (metric, type) ON m.type = e.event_type
    GROUP BY GROUPING SETS ((p.grain, p.start, m.metric, e.company_id),
      (p.grain, p.start, m.metric));
    INSERT INTO oracle.declared
    SELECT p.grain, oracle.zero(), p.start, m.metric, 0
    FROM oracle.event_periods AS p
    CROSS JOIN (VALUES ('dau'), ('wau'), ('mau'), ('errors'), ('slow_requests')) AS m (metric)
    WHERE NOT EXISTS (SELECT FROM oracle.declared AS d
      WHERE (d.grain, d.company_id, d.start, d.metric)
        = (p.grain, oracle.zero(), p.start, m.metric));
    INSERT INTO oracle.metric_rows
    SELECT grain, company_id, metric, '', '', start, above, above, NULL, 'count', NULL
    FROM oracle.declared;
    INSERT INTO oracle.metric_rows
    SELECT m.grain, m.company_id, 'stickiness', '', '', m.start,
      oracle.share(d.above, m.above), d.above, m.above, 'ratio', NULL
    FROM oracle.declared AS m JOIN oracle.declared AS d
      ON (d.grain, d.company_id, d.start) = (m.grain, m.company_id, m.start) AND d.metric = 'dau'
    WHERE m.metric = 'mau';
    INSERT INTO oracle.metric_rows
    SELECT grain, coalesce(company_id, oracle.zero()), metric, dimension, member, start, count(*),
      count(*), NULL, 'count', NULL
    FROM (
      SELECT p.grain, p.start, 'module_usage' AS metric, 'module' AS dimension, e.company_id,
        e.module::text AS member
      FROM oracle.event_periods AS p JOIN oracle.events AS e ON e.day BETWEEN p.start AND p.last
      WHERE e.event_type = 'module_used'
      UNION ALL
      SELECT p.grain, p.start, 'payments', 'method', t.company_id,
        coalesce(t.payment_method, 'none')
      FROM oracle.periods AS p
      JOIN billing.transactions AS t ON oracle.day(t.succeeded_at) BETWEEN p.start AND p.last
    ) AS uses
    GROUP BY GROUPING SETS ((grain, start, metric, dimension, member, company_id),
      (grain, start, metric, dimension, member));

    """#

  /// Cohorts of companies and users.
  static let cohorts = #"""
    CREATE TABLE oracle.firsts AS
    SELECT 'signup' AS kind, id AS company_id, oracle.month(oracle.day(signed_up_at)) AS month
    FROM billing.companies WHERE signed_up_at < oracle.finish()
    UNION ALL
    SELECT 'first_module', company_id, oracle.month(oracle.day(min(effective_at)))
    FROM billing.subscription_changes
    WHERE change = 'module_added' AND effective_at < oracle.finish() GROUP BY company_id
    UNION ALL
    SELECT 'first_payment', company_id, oracle.month(oracle.day(min(at)))
    FROM oracle.payments WHERE at < oracle.finish() GROUP BY company_id;
    -- What a member has in a month: MRR at its end, or so far, and payments within it.
    CREATE FUNCTION oracle.revenue(kind text, company uuid, month date) RETURNS numeric
      LANGUAGE sql STABLE AS $$
      SELECT coalesce(CASE WHEN $1 = 'first_payment' THEN (
          SELECT sum(oracle.converted(amount, currency, 'USD', day)) FROM oracle.payments
          WHERE company_id = $2 AND day BETWEEN $3 AND least(oracle.month_end($3), date '%end%'))
        ELSE (SELECT mrr FROM oracle.company_days
          WHERE company_id = $2 AND day <= least(oracle.month_end($3), date '%end%')
          ORDER BY day DESC LIMIT 1) END, 0) $$;
    CREATE INDEX ON oracle.payments (company_id);
    CREATE TABLE oracle.cohort_retention AS
    SELECT oracle.zero() AS company_id, kind AS cohort_kind, month AS cohort_month, period,
      count(*) AS size, count(*) FILTER (WHERE now > 0) AS retained,
      sum(first)::numeric(28,4) AS revenue_start,
      sum(least(now, first))::numeric(28,4) AS revenue_retained_gross,
      sum(now)::numeric(28,4) AS revenue_retained_net,
      (month + make_interval(months => period + 1))::date - 1 <= date '%end%' AS complete
    FROM (
      SELECT f.kind, f.month, p.period, oracle.revenue(f.kind, f.company_id, f.month) AS first,
        oracle.revenue(f.kind, f.company_id, (f.month + make_interval(months => p.period))::date)
          AS now
      FROM oracle.firsts AS f CROSS JOIN generate_series(0, 400) AS p (period)
      WHERE f.month + make_interval(months => p.period) <= date '%end%') AS members
    GROUP BY kind, month, period;
    CREATE VIEW oracle.user_cohorts AS
    SELECT coalesce(company_id, oracle.zero()) AS company_id, month AS cohort_month,
      min(activated_at) AS created_at, count(*) AS user_count
    FROM (SELECT company_id, activated_at, oracle.month(oracle.day(activated_at)) AS month
      FROM billing.users WHERE activated_at < oracle.finish()) AS u
    GROUP BY GROUPING SETS ((company_id, month), (month));

    """#

  /// The funnels of `models/funnels.yaml`, each entrant followed step by step.
  static let funnels = #"""
    CREATE TABLE oracle.funnel_steps AS
    SELECT * FROM (VALUES
      ('activation', 1, interval '1440 hours'), ('activation', 2, NULL),
      ('onboarding', 1, interval '720 hours'), ('onboarding', 2, interval '720 hours'),
      ('recovery', 1, NULL), ('recovery', 2, NULL)) AS s (funnel, step, step_window);
    CREATE TABLE oracle.ways AS
    SELECT * FROM (VALUES ('activation', interval '4320 hours', false),
      ('onboarding', interval '1440 hours', false), ('recovery', interval '720 hours', true))
      AS f (funnel, funnel_window, is_entered_again);
    CREATE TABLE oracle.occurrences AS
    SELECT m.funnel, m.step,
      CASE WHEN m.funnel = 'onboarding' THEN e.user_id ELSE e.company_id END AS subject,
      e.company_id, e.at, row_number() OVER (PARTITION BY m.funnel, m.step,
        CASE WHEN m.funnel = 'onboarding' THEN e.user_id ELSE e.company_id END
        ORDER BY e.at) AS number
    FROM oracle.events AS e JOIN (VALUES
      ('activation', 0, 'trial_started'), ('activation', 1, 'trial_converted'),
      ('activation', 1, 'subscription_activated'), ('activation', 2, 'module_subscribed'),
      ('activation', -1, 'trial_expired'), ('onboarding', 1, 'user_activated'),
      ('onboarding', 2, 'user_logged_in'), ('onboarding', -1, 'user_deactivated'),
      ('recovery', 0, 'payment_failed'), ('recovery', 1, 'payment_retry_scheduled'),
      ('recovery', 1, 'payment_attempted'), ('recovery', 2, 'payment_recovered'))
      AS m (funnel, step, type) ON m.type = e.event_type
    WHERE e.at < oracle.finish() AND (m.funnel <> 'onboarding' OR e.user_id IS NOT NULL)
    UNION ALL
    SELECT 'onboarding', 0, id, company_id, invited_at, 1 FROM billing.users
    WHERE invited_at < oracle.finish();
    DELETE FROM oracle.occurrences WHERE funnel = 'activation' AND step = 2 AND number < 2;
    CREATE INDEX ON oracle.occurrences (funnel, subject, step, at);
    ANALYZE oracle.occurrences;
    CREATE TABLE oracle.passages AS
    WITH RECURSIVE walk AS (
      (SELECT DISTINCT ON (funnel, subject) funnel, subject, company_id, at AS entered, 0 AS step,
        at AS reached, NULL::text AS rest, NULL::timestamptz AS over
      FROM oracle.occurrences WHERE step = 0 ORDER BY funnel, subject, at,
        company_id)
      UNION ALL
      SELECT n.* FROM walk AS w JOIN oracle.ways USING (funnel)
      CROSS JOIN LATERAL (
        SELECT least(w.reached + step_window, w.entered + funnel_window) AS deadline
        FROM oracle.funnel_steps AS s
        WHERE s.funnel = w.funnel AND s.step = least(w.step + 1, 2)) AS d
      CROSS JOIN LATERAL (
        SELECT (SELECT min(at) FROM oracle.occurrences AS o WHERE o.funnel = w.funnel
            AND o.subject = w.subject AND o.step = w.step + 1 AND o.at > w.reached
            AND o.at < deadline) AS next,
          (SELECT min(at) FROM oracle.occurrences AS o WHERE o.funnel = w.funnel
            AND o.subject = w.subject AND o.step = -1 AND o.at > w.reached AND o.at < deadline)
            AS stopped) AS f
      CROSS JOIN LATERAL (
        -- The next step, or why there is none, or the next entry.
        SELECT w.funnel, w.subject, w.company_id, w.entered, w.step + 1, next, NULL, NULL
        WHERE w.rest IS NULL AND w.step < 2 AND next IS NOT NULL
          AND NOT coalesce(stopped < next, false)
        UNION ALL
        SELECT w.funnel, w.subject, w.company_id, w.entered, w.step, w.reached, 'never', stopped
        WHERE w.rest IS NULL AND w.step < 2 AND stopped IS NOT NULL
          AND NOT coalesce(next <= stopped, false)
        UNION ALL
        SELECT w.funnel, w.subject, w.company_id, w.entered, w.step, w.reached,
          CASE WHEN deadline > oracle.finish() THEN 'open' ELSE 'never' END,
          deadline - interval '1 microsecond'
        WHERE w.rest IS NULL AND w.step < 2 AND stopped IS NULL AND next IS NULL
        UNION ALL
        (SELECT o.funnel, o.subject, o.company_id, o.at, 0, o.at, NULL, NULL
        FROM oracle.occurrences AS o
        WHERE is_entered_again AND (w.rest IS NOT NULL OR w.step = 2) AND o.funnel = w.funnel
          AND o.subject = w.subject AND o.step = 0 AND o.at > coalesce(w.over, w.reached)
        ORDER BY o.at, o.company_id LIMIT 1)) AS n
    )
    SELECT funnel, subject, entered, (array_agg(company_id))[1] AS company_id,
      max(reached) FILTER (WHERE step = 1) - entered AS first_step,
      max(reached) FILTER (WHERE step = 2) - entered AS second_step,
      coalesce(max(rest) = 'open', false) AS is_open
    FROM walk GROUP BY 1, 2, 3;
    CREATE TABLE oracle.progress AS
    SELECT g.company_id, p.funnel, oracle.day(p.entered) AS cohort_date, s.step,
      CASE s.step WHEN 0 THEN interval '0' WHEN 1 THEN p.first_step ELSE p.second_step END AS took,
      p.is_open, oracle.finish() - p.entered AS watched
    FROM oracle.passages AS p CROSS JOIN generate_series(0, 2) AS s (step)
    CROSS JOIN LATERAL (VALUES (p.company_id), (oracle.zero())) AS g (company_id);
    CREATE INDEX ON oracle.progress (funnel, company_id, cohort_date, step);
    ANALYZE oracle.progress;
    CREATE VIEW oracle.funnels AS
    SELECT company_id, funnel, cohort_date, step, count(*) AS entrants, count(took) AS converted,
      floor(500000 * extract(epoch FROM
        (array_agg(took ORDER BY took) FILTER (WHERE took IS NOT NULL))[(count(took) + 1) / 2]
        + (array_agg(took ORDER BY took) FILTER (WHERE took IS NOT NULL))[count(took) / 2 + 1]))
        / 1000000 AS median_seconds,
      count(*) FILTER (WHERE took IS NULL AND is_open) AS censored,
      -- One minus the product, over the times of conversion, of those who were at risk and did not.
      1 - coalesce((SELECT CASE WHEN bool_or(left_over = 0) THEN 0
          ELSE exp(sum(ln(greatest(left_over, 1)::numeric / at_risk))) END
        FROM (
          SELECT t.took, count(*) AS at_risk, count(*) FILTER (WHERE o.took IS DISTINCT FROM t.took)
            AS left_over
          FROM (SELECT DISTINCT took FROM oracle.progress AS t
            WHERE (t.funnel, t.company_id, t.cohort_date, t.step)
              = (p.funnel, p.company_id, p.cohort_date, p.step) AND took IS NOT NULL) AS t
          JOIN oracle.progress AS o ON (o.funnel, o.company_id, o.cohort_date, o.step)
              = (p.funnel, p.company_id, p.cohort_date, p.step)
            AND (o.took >= t.took OR o.took IS NULL AND (NOT o.is_open OR o.watched >= t.took))
          GROUP BY t.took) AS times), 1) AS conversion_rate
    FROM oracle.progress AS p GROUP BY company_id, funnel, cohort_date, step;

    """#
}
