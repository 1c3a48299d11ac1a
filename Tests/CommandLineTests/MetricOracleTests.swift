import Files
import Postgres
import TestSupport
import Testing

/// Metrics, movements, cohorts and funnels of a simulated world beside SQL that computes the same in
/// another way.
@Suite("Metrics of a simulated world", .database)
struct MetricOracleTests {
  /// The last day of the world and of the night.
  private static let date = "2025-07-31"

  /// A world of 40 companies over seven months, extracted and computed.
  private static func world(jobs: String = "2") throws -> Workplace {
    let place = try Workplace(isFilled: false)
    try place.edit("pipelines/nightly.yaml", "currency: GBP", "currency: USD")
    for stage in ["rollup: {grains: [hour, day, month]}", "fit: [revenue]", "predict: [revenue]"] {
      try place.edit("pipelines/nightly.yaml", "  - \(stage)\n", "")
    }
    try place.edit("pipelines/nightly.yaml", "  - publish\n", "")
    let made = try place.almanac([
      "simulate", "--target", place.url, "--companies", "40", "--months", "7", "--end", date,
      "--seed", "11", "--simulations", "0",
    ])
    try #require(made.status == 0, "\(made.stderr)")
    let night = try place.night(date, "--jobs", jobs)
    try #require(night.status == 0, "\(night.stderr)")
    return place
  }

  /// What the oracles are built of: payments, conversion, and MRR at the ends of months.
  private static let tools = #"""
    CREATE FUNCTION public.usd(amount numeric, code text, day date) RETURNS numeric
      LANGUAGE sql STABLE AS $$
      SELECT CASE WHEN amount = 0 OR code = 'USD' THEN amount ELSE round(amount / (
        SELECT r.rate FROM billing.exchange_rates r
        WHERE r.base = 'USD' AND r.quote = code AND r.rate_date BETWEEN day - 7 AND day
        ORDER BY r.rate_date DESC, r.created_at DESC LIMIT 1), 4) END $$;
    CREATE VIEW public.days AS SELECT day::date FROM
      generate_series(date '2025-01-01', date '2025-07-31', '1 day') AS day;
    CREATE VIEW public.payments AS
      SELECT company_id, amount, currency, (attempted_at AT TIME ZONE 'UTC')::date AS day
      FROM billing.payment_attempts WHERE outcome = 'succeeded'
      UNION ALL
      SELECT t.company_id, t.amount, t.currency, (t.succeeded_at AT TIME ZONE 'UTC')::date
      FROM billing.transactions t WHERE t.succeeded_at IS NOT NULL
        AND NOT EXISTS (SELECT FROM billing.payment_attempts a WHERE a.transaction_id = t.id);
    CREATE VIEW public.seen AS
      SELECT DISTINCT company_id, user_id, ("timestamp" AT TIME ZONE 'UTC')::date AS day
      FROM app.events WHERE user_id IS NOT NULL;
    -- Each change with what its subscription is worth from it on, one after the other.
    CREATE TABLE public.worth AS
    WITH kept AS (
      SELECT c.*, CASE interval WHEN 'month' THEN 1 WHEN 'quarter' THEN 3 ELSE 12 END
          * coalesce(interval_count, 1) AS months
      FROM billing.subscription_changes c
      WHERE change <> 'cancel_withdrawn' AND NOT (change = 'cancel' AND EXISTS (
        SELECT FROM billing.subscription_changes w
        WHERE w.subscription_id = c.subscription_id AND w.change = 'cancel_withdrawn'
          AND w.sequence > c.sequence AND w.effective_at < c.effective_at))
    ), stated AS (
      SELECT k.*,
        (SELECT s.change IN ('new', 'trial_convert', 'reactivate') FROM kept s
          WHERE s.subscription_id = k.subscription_id
            AND (s.effective_at, s.sequence) <= (k.effective_at, k.sequence)
            AND s.change IN ('new', 'trial_convert', 'reactivate', 'cancel', 'trial_start')
          ORDER BY s.effective_at DESC, s.sequence DESC LIMIT 1) AS is_on,
        (SELECT s.change = 'pause' FROM kept s
          WHERE s.subscription_id = k.subscription_id
            AND (s.effective_at, s.sequence) <= (k.effective_at, k.sequence)
            AND s.change IN ('new', 'trial_convert', 'reactivate', 'cancel', 'trial_start', 'pause',
              'resume')
          ORDER BY s.effective_at DESC, s.sequence DESC LIMIT 1) AS is_paused,
        t.recurring_amount AS amount, t.months AS period, t.currency AS money
      FROM kept k LEFT JOIN LATERAL (
        SELECT s.recurring_amount, s.months, s.currency FROM kept s
        WHERE s.subscription_id = k.subscription_id AND s.change NOT IN ('pause', 'cancel')
          AND (s.effective_at, s.sequence) <= (k.effective_at, k.sequence)
          AND s.recurring_amount IS NOT NULL
        ORDER BY s.effective_at DESC, s.sequence DESC LIMIT 1) t ON true
    ), valued AS (
      SELECT *, coalesce(is_on AND NOT coalesce(is_paused, false), false) AS counts FROM stated
    ), grouped AS (
      SELECT *, sum(fresh::int) OVER (PARTITION BY subscription_id
        ORDER BY effective_at, sequence) AS run
      FROM (
        SELECT *, (counts, amount, period, money) IS DISTINCT FROM lag((counts, amount, period, money))
          OVER (PARTITION BY subscription_id ORDER BY effective_at, sequence) AS fresh
        FROM valued) AS compared
    )
    SELECT company_id, subscription_id, effective_at, sequence, CASE WHEN counts THEN
        CASE WHEN money = 'USD' THEN round(amount / period, 4) ELSE round(amount / period / (
          SELECT r.rate FROM billing.exchange_rates r
          WHERE r.base = 'USD' AND r.quote = money
            AND r.rate_date BETWEEN first_day - 7 AND first_day
          ORDER BY r.rate_date DESC, r.created_at DESC LIMIT 1), 4) END
      ELSE 0 END AS value
    FROM (
      SELECT *, (min(effective_at) OVER (PARTITION BY subscription_id, run)
        AT TIME ZONE 'UTC')::date AS first_day FROM grouped) AS dated;
    CREATE TABLE public.levels AS
    SELECT c.id AS company_id, month::date, coalesce(sum(w.value), 0) AS mrr
    FROM billing.companies c
    CROSS JOIN generate_series(date '2024-12-01', date '2025-07-01', '1 month') AS month
    LEFT JOIN LATERAL (
      SELECT DISTINCT ON (w.subscription_id) w.value FROM public.worth w
      WHERE w.company_id = c.id AND w.effective_at < (month + interval '1 month')
        AND (c.deleted_at IS NULL OR c.deleted_at >= (month + interval '1 month'))
        AND NOT EXISTS (SELECT FROM billing.subscriptions s JOIN public.worth f
          ON f.subscription_id = s.id AND f.value > 0
          WHERE s.migrated_from = w.subscription_id
            AND f.effective_at < (month + interval '1 month'))
      ORDER BY w.subscription_id, w.effective_at DESC, w.sequence DESC) AS w ON true
    GROUP BY 1, 2;
    """#

  /// Checks that a table of ours and an oracle hold the same rows.
  private func expectEqual(
    _ connection: Connection, _ name: String, _ ours: String, _ oracle: String
  ) throws {
    let rows = try connection.query(
      """
      WITH ours AS (\(ours)), oracle AS (\(oracle))
      SELECT (SELECT count(*) FROM oracle) AS size,
        (SELECT coalesce(string_agg(line, '; '), '') FROM (
          SELECT 'ours ' || d::text AS line FROM (TABLE ours EXCEPT ALL TABLE oracle) AS d
          UNION ALL
          SELECT 'oracle ' || d::text FROM (TABLE oracle EXCEPT ALL TABLE ours) AS d
          ORDER BY 1 LIMIT 6) AS lines) AS difference
      """)
    #expect(rows[0, "difference"] == "", "\(name)")
    #expect(rows[0, "size"].flatMap { Int($0) } ?? 0 > 0, "\(name): the oracle has no row")
  }

  private static let zero = "'00000000-0000-0000-0000-000000000000'::uuid"

  /// The rows of a daily metric that are not zero.
  private static func daily(_ metric: String) -> String {
    """
    SELECT company_id, date, dimension_value, round(value, 4) FROM analytics.daily_metrics
    WHERE metric_name = '\(metric)' AND value <> 0
    """
  }

  /// A sum by company and day, and that of all companies.
  private static func summed(_ value: String, _ member: String = "''", from source: String)
    -> String
  {
    """
    SELECT coalesce(company_id, \(zero)), day, member, round(sum(value), 4) FROM (
      SELECT company_id, day, \(member) AS member, \(value) AS value FROM \(source)
      WHERE day <= '\(date)') AS s
    GROUP BY GROUPING SETS ((company_id, day, member), (day, member)) HAVING sum(value) <> 0
    """
  }

  @Test("agree with SQL on every row of every table")
  func oracles() throws {
    _ = try Self.world()
    let connection = try TestDatabase.current.connect()
    try connection.runScript(Self.tools)
    try expectEqual(
      connection, "revenue", Self.daily("revenue"),
      Self.summed("public.usd(amount, currency, day)", from: "public.payments"))
    try expectEqual(
      connection, "payments", Self.daily("payments"),
      Self.summed(
        "1", "coalesce(payment_method, 'none')",
        from: """
          (SELECT company_id, payment_method, (succeeded_at AT TIME ZONE 'UTC')::date AS day
            FROM billing.transactions) AS t
          """))
    let events = """
      (SELECT DISTINCT ON (event_id) company_id, event_type, module_id,
          ("timestamp" AT TIME ZONE 'UTC')::date AS day FROM app.events
        ORDER BY event_id, created_at) AS e
      """
    for (metric, type) in [("errors", "error_occurred"), ("slow_requests", "slow_request")] {
      try expectEqual(
        connection, metric, Self.daily(metric),
        Self.summed("(event_type = '\(type)')::int", from: events))
    }
    try expectEqual(
      connection, "module_usage", Self.daily("module_usage"),
      Self.summed(
        "(event_type = 'module_used')::int", "coalesce(module_id, \(Self.zero))::text",
        from: events))
    for (metric, days) in [("dau", 1), ("wau", 7), ("mau", 30)] {
      try expectEqual(
        connection, metric, Self.daily(metric),
        """
        SELECT coalesce(s.company_id, \(Self.zero)), d.day, '', round(count(DISTINCT s.user_id), 4)
        FROM public.days d JOIN public.seen s ON s.day BETWEEN d.day - \(days - 1) AND d.day
        GROUP BY GROUPING SETS ((s.company_id, d.day), (d.day))
        """)
    }
    try expectEqual(
      connection, "mrr",
      """
      SELECT company_id, month, round(value, 4) FROM analytics.monthly_metrics
      WHERE metric_name = 'mrr' AND dimension = '' AND value <> 0
      """,
      """
      SELECT coalesce(company_id, \(Self.zero)), month, round(sum(mrr), 4) FROM public.levels
      GROUP BY GROUPING SETS ((company_id, month), (month)) HAVING sum(mrr) <> 0
      """)
    try expectEqual(
      connection, "movements",
      """
      SELECT company_id, month, movement, amount FROM analytics.mrr_movements
      WHERE company_id <> \(Self.zero)
      """,
      """
      SELECT company_id, month, CASE
          WHEN before <= 0 AND mrr > 0 AND best <= 0 THEN 'new'
          WHEN before <= 0 AND mrr > 0 THEN 'reactivation' WHEN mrr <= 0 THEN 'churned'
          WHEN mrr > before THEN 'expansion' ELSE 'contraction' END, round(mrr - before, 4)
      FROM (SELECT *, lag(mrr) OVER w AS before, max(mrr) OVER
          (PARTITION BY company_id ORDER BY month ROWS UNBOUNDED PRECEDING EXCLUDE CURRENT ROW)
          AS best
        FROM public.levels WINDOW w AS (PARTITION BY company_id ORDER BY month)) AS l
      WHERE mrr <> before
      """)
    try expectEqual(
      connection, "cohorts by sign-up",
      """
      SELECT cohort_month, period, size, retained, revenue_start, revenue_retained_gross,
        revenue_retained_net, complete
      FROM analytics.cohort_retention WHERE cohort_kind = 'signup'
      """,
      """
      SELECT date_trunc('month', c.signed_up_at AT TIME ZONE 'UTC')::date, p.period,
        count(*), count(*) FILTER (WHERE l.mrr > 0), round(sum(f.mrr), 4),
        round(sum(least(l.mrr, f.mrr)), 4), round(sum(l.mrr), 4), true
      FROM billing.companies c CROSS JOIN generate_series(0, 6) AS p (period)
      JOIN public.levels f ON f.company_id = c.id
        AND f.month = date_trunc('month', c.signed_up_at AT TIME ZONE 'UTC')::date
      JOIN public.levels l ON l.company_id = c.id
        AND l.month = (f.month + make_interval(months => p.period))::date
      GROUP BY 1, 2
      """)
    try expectEqual(
      connection, "users by month",
      "SELECT company_id, cohort_month, user_count FROM analytics.user_cohorts",
      """
      SELECT coalesce(company_id, \(Self.zero)), month, count(*) FROM (
        SELECT company_id, date_trunc('month', activated_at AT TIME ZONE 'UTC')::date AS month
        FROM billing.users WHERE activated_at < timestamptz '\(Self.date) 00:00Z' + interval '1 day'
      ) AS u GROUP BY GROUPING SETS ((company_id, month), (month))
      """)
    // The second way: all rows of all tables, ratios, ltv, invoices and funnels among them.
    let oracle = try BusinessOracle(connection, BusinessOracle.Settings(end: Self.date))
    let tables: [BusinessOracle.Table] = [
      .dailyMetrics, .monthlyMetrics, .movements, .cohorts, .users, .funnels,
    ]
    #expect(try oracle.differences(in: tables) == [])
  }

  @Test("follow the same entrants through the trial's funnel as SQL does")
  func funnels() throws {
    _ = try Self.world()
    let connection = try TestDatabase.current.connect()
    try expectEqual(
      connection, "activation",
      """
      SELECT cohort_date, sum(entrants) FILTER (WHERE step = 0)::bigint,
        sum(converted) FILTER (WHERE step = 1)::bigint FROM analytics.funnels
      WHERE funnel = 'activation' AND company_id = \(Self.zero) GROUP BY 1
      """,
      """
      SELECT (e.at AT TIME ZONE 'UTC')::date, count(*), count(*) FILTER (WHERE EXISTS (
        SELECT FROM app.events a WHERE a.company_id = e.company_id
          AND a.event_type IN ('trial_converted', 'subscription_activated')
          AND a."timestamp" > e.at AND a."timestamp" < e.at + interval '60 days'
          AND a."timestamp" < timestamptz '\(Self.date) 00:00Z' + interval '1 day'
          AND NOT EXISTS (SELECT FROM app.events x WHERE x.company_id = e.company_id
            AND x.event_type = 'trial_expired' AND x."timestamp" > e.at
            AND x."timestamp" < a."timestamp")))
      FROM (SELECT company_id, min("timestamp") AS at FROM app.events
        WHERE event_type = 'trial_started' GROUP BY 1) AS e
      WHERE e.at < timestamptz '\(Self.date) 00:00Z' + interval '1 day'
      GROUP BY 1
      """)
  }
}
