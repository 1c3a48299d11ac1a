import AlmanacCore
import Postgres
import Rollups
import TestSupport
import Testing

@testable import Pipelines

/// Subscriptions, payments, invoices and events of companies in five zones, and what their numbers are
/// by `AT TIME ZONE`.
private struct BooksOfZones {
  let connection: Connection

  init() throws {
    connection = try TestDatabase.current.connect()
    try connection.run("SET search_path = public")
    try connection.runScript(Self.rows)
  }

  /// Rows that are in only one of two queries, as texts, at most three of each side.
  func difference(_ left: String, _ right: String) throws -> [String] {
    let rows = try connection.query(
      """
      (SELECT '+ ' || r::text FROM ((\(left)) EXCEPT ALL (\(right))) AS r LIMIT 3)
      UNION ALL (SELECT '- ' || r::text FROM ((\(right)) EXCEPT ALL (\(left))) AS r LIMIT 3)
      """)
    return (0..<rows.count).map { rows[$0, 0] ?? "" }
  }

  func value(_ sql: String) throws -> String? { try connection.query(sql)[0, 0] }

  /// One company in each zone; changes of subscriptions, payments, invoices and events every few hours
  /// around the ends of February and March, when clocks change in New York too.
  private static let rows = """
    CREATE TABLE zones (id uuid, zone text);
    INSERT INTO zones
    SELECT ('00000000-0000-4000-8000-00000000000' || number)::uuid, zone
    FROM (VALUES (1, 'Etc/GMT+12'), (2, 'Asia/Kathmandu'), (3, 'Pacific/Kiritimati'),
      (4, 'America/New_York'), (5, 'UTC')) AS c (number, zone);
    INSERT INTO billing.companies (id, timezone, signed_up_at, created_at)
    SELECT id, nullif(zone, 'UTC'), '2026-01-31 11:00Z', '2026-01-31 11:00Z' FROM zones;
    CREATE TABLE instants AS
    SELECT row_number() OVER (ORDER BY at) AS number, at FROM (
      SELECT generate_series('2026-02-01 01:00Z'::timestamptz, '2026-04-01 23:00Z', '5 hours 20 min'
      ) AS at) AS s;
    INSERT INTO billing.subscription_changes (id, subscription_id, company_id, sequence, change,
      recurring_amount, interval, interval_count, currency, effective_at, created_at)
    SELECT md5('change ' || number || id)::uuid, id, id, number,
      CASE WHEN number = min(number) OVER (PARTITION BY id) THEN 'new' ELSE 'upgrade' END,
      100 + number, 'month', 1, 'USD', at, at
    FROM instants, zones WHERE (number * 7 + ascii(right(id::text, 1))) % 11 = 0;
    INSERT INTO billing.payment_attempts (id, company_id, amount, currency, outcome, attempted_at,
      created_at)
    SELECT md5('attempt ' || number || id)::uuid, id, number, 'USD', 'succeeded', at, at
    FROM instants, zones;
    INSERT INTO billing.invoices (id, company_id, subscription_id, status, currency, subtotal, total,
      issued_at, due_at, paid_at, period_start, period_end, billing_reason, created_at, updated_at)
    SELECT md5('invoice ' || number || id)::uuid, id, id, 'paid', 'USD', 50, 50, at,
      at + interval '20 hours', at + interval '45 hours', at, at + interval '1 month', 'cycle', at, at
    FROM instants, zones WHERE (number + ascii(right(id::text, 1))) % 31 = 0;
    INSERT INTO app.events
    SELECT md5('event ' || number || id || kind)::uuid, kind, id, md5('user ' || number % 7)::uuid,
      CASE kind WHEN 'module_used' THEN md5('module')::uuid END, '{"duration_ms": 7}', at, at
    FROM instants, zones, (VALUES ('module_used'), ('call_completed'), ('payment_failed')) AS k (kind)
    WHERE kind <> 'payment_failed' OR number % 9 = 0;
    INSERT INTO billing.users (id, company_id, activated_at, created_at)
    SELECT md5('user ' || number || id)::uuid, id, at, at FROM instants, zones WHERE number % 5 = 0;

    -- Whether a date is over for a company, or for all together, when a date of UTC ends.
    CREATE FUNCTION is_over(company uuid, day date, ended date) RETURNS boolean LANGUAGE sql AS $$
      SELECT bool_and((day + 1)::timestamp AT TIME ZONE zone
        <= (ended + 1)::timestamp AT TIME ZONE 'UTC')
      FROM zones WHERE id = company OR company = '00000000-0000-0000-0000-000000000000' $$;
    CREATE FUNCTION company_days(ended date) RETURNS TABLE (company_id uuid, zone text, date date)
    LANGUAGE sql AS $$
      SELECT id, zone, day::date FROM zones,
        generate_series('2026-01-31'::timestamp, ended, '1 day') AS day $$;
    -- MRR at the end of each date, what came in on it, who was there, and what was owed at its end.
    CREATE FUNCTION numbers(ended date) RETURNS TABLE (company_id uuid, date date, metric text,
      value numeric) LANGUAGE sql AS $$
      SELECT d.company_id, d.date, metric, value FROM company_days(ended) AS d,
        LATERAL (SELECT (d.date + 1)::timestamp AT TIME ZONE d.zone AS stop,
          d.date::timestamp AT TIME ZONE d.zone AS start) AS t,
        LATERAL (
          SELECT 'mrr' AS metric, (SELECT recurring_amount FROM billing.subscription_changes AS c
            WHERE c.company_id = d.company_id AND effective_at < stop
            ORDER BY effective_at DESC LIMIT 1) AS value
          UNION ALL SELECT 'revenue', (SELECT sum(amount) FROM billing.payment_attempts AS a
            WHERE a.company_id = d.company_id AND attempted_at >= start AND attempted_at < stop)
          UNION ALL SELECT 'dau', (SELECT count(DISTINCT user_id) FROM app.events AS e
            WHERE e.company_id = d.company_id AND "timestamp" >= start AND "timestamp" < stop)
          UNION ALL SELECT 'invoices_pending', (SELECT count(*) FROM billing.invoices AS i
            WHERE i.company_id = d.company_id AND issued_at < stop AND paid_at >= stop)) AS v $$;
    """
}

@Suite("Metrics in each company's own zone", .database)
struct CompanyZoneMetricsTests {
  private static let all = "'00000000-0000-0000-0000-000000000000'"

  /// Extracts and runs all stages that count in days.
  private func night(_ place: RunPlace, _ date: String, run: String) throws -> [StageOutcome] {
    let context = try place.context(run: run, jobs: 2, date: try #require(CalendarDate(date)))
    try place.extract(in: context)
    return try place.run(
      [
        RollupStage(grains: [.day]), MetricsStage(definition: place.project.metrics),
        CohortsStage(), FunnelsStage(definition: place.project.funnels), UsageStage(),
        AnomaliesStage(),
      ], in: context)
  }

  /// Holds every table against SQL, as of the end of a date.
  private func compare(_ books: BooksOfZones, _ date: String) throws {
    let over = "is_over(company_id, date, '\(date)')"
    // Of a company the days on which something happened; dau and revenue are of the day itself.
    #expect(
      try books.difference(
        """
        SELECT company_id, date, metric_name, value::numeric FROM analytics.daily_metrics
        WHERE company_id <> \(Self.all) AND metric_name IN ('revenue', 'dau')
        """,
        """
        SELECT company_id, date, metric, value::numeric(28,10) FROM numbers('\(date)')
        WHERE metric IN ('revenue', 'dau') AND value <> 0 AND \(over)
        """) == [], "days of companies on \(date)")
    #expect(
      try books.difference(
        """
        SELECT company_id, date, metric_name, value::numeric FROM analytics.daily_metrics
        WHERE company_id <> \(Self.all) AND metric_name IN ('mrr', 'invoices_pending')
        """,
        """
        SELECT company_id, date, metric, coalesce(value, 0)::numeric(28,10) FROM (
          SELECT *, lag(value) OVER (PARTITION BY company_id, metric ORDER BY date) AS before
          FROM numbers('\(date)') WHERE metric IN ('mrr', 'invoices_pending')) AS n
        WHERE value <> 0 AND \(over) AND (value IS DISTINCT FROM before
          OR extract(day FROM date + 1) = 1)
        """) == [], "states of companies on \(date)")
    // Of all companies the sums over one local date, once it is over for all.
    #expect(
      try books.difference(
        """
        SELECT date, metric_name, value::numeric FROM analytics.daily_metrics
        WHERE company_id = \(Self.all) AND dimension = '' AND date >= '2026-02-01'
          AND metric_name IN ('mrr', 'revenue', 'invoices_pending')
        """,
        """
        SELECT date, metric, coalesce(sum(value), 0)::numeric(28,10) FROM numbers('\(date)')
        WHERE metric <> 'dau' AND date >= '2026-02-01' AND is_over(\(Self.all), date, '\(date)')
        GROUP BY 1, 2
        """) == [], "all companies on \(date)")
    // Months: what came in, levels at their ends, and the users of all companies' months.
    #expect(
      try books.difference(
        """
        SELECT company_id, month, metric_name, value::numeric FROM analytics.monthly_metrics
        WHERE company_id <> \(Self.all) AND metric_name IN ('mrr', 'revenue') AND dimension = ''
        """,
        """
        SELECT company_id, date_trunc('month', date)::date, metric, (CASE metric
            WHEN 'revenue' THEN sum(value) ELSE (array_agg(value ORDER BY date DESC))[1] END
          )::numeric(28,10)
        FROM numbers('\(date)') WHERE metric IN ('mrr', 'revenue') GROUP BY 1, 2, 3
        HAVING is_over(company_id, max(date), '\(date)') AND extract(day FROM max(date) + 1) = 1
          AND coalesce(sum(value), 0) <> 0
        """) == [], "months of companies on \(date)")
    #expect(
      try books.value(
        """
        SELECT count(*) FROM analytics.monthly_metrics AS m WHERE company_id = \(Self.all)
          AND NOT is_over(company_id, (month + interval '1 month')::date - 1, '\(date)')
        """) == "0")
    // Movements lead from the end of one month to that of the next.
    #expect(
      try books.difference(
        """
        SELECT company_id, month, sum(amount)::numeric FROM analytics.mrr_movements
        WHERE company_id <> \(Self.all) GROUP BY 1, 2
        """,
        """
        SELECT company_id, month, (value - coalesce(lag(value) OVER (
          PARTITION BY company_id ORDER BY month), 0))::numeric(28,4)
        FROM (SELECT company_id, month, value FROM analytics.monthly_metrics
          WHERE metric_name = 'mrr' AND dimension = '' AND company_id <> \(Self.all)) AS levels
        """) == [], "movements on \(date)")
    // Funnels begin on local days, cohorts in local months.
    #expect(
      try books.difference(
        """
        SELECT company_id, cohort_date, entrants FROM analytics.funnels
        WHERE funnel = 'recovery' AND step = 0 AND company_id <> \(Self.all)
        """,
        """
        SELECT * FROM (
          -- Nothing is tried again, so each entry is followed by the first after thirty days (D-420).
          WITH RECURSIVE entries AS (
            SELECT id, zone, min("timestamp") AS at
            FROM app.events JOIN zones ON id = company_id WHERE event_type = 'payment_failed'
            GROUP BY 1, 2
            UNION ALL
            SELECT e.id, e.zone, n.at FROM entries AS e CROSS JOIN LATERAL (
              SELECT min("timestamp") AS at FROM app.events
              WHERE company_id = e.id AND event_type = 'payment_failed'
                AND "timestamp" >= e.at + interval '720 hours') AS n
            WHERE n.at IS NOT NULL)
          SELECT id AS company_id, (at AT TIME ZONE zone)::date AS date, 1::bigint
          FROM entries) AS f WHERE \(over)
        """) == [], "funnels on \(date)")
    #expect(
      try books.difference(
        "SELECT DISTINCT cohort_month, size FROM analytics.cohort_retention "
          + "WHERE cohort_kind = 'signup'",
        """
        SELECT date_trunc('month', signed_up_at AT TIME ZONE zone)::date, count(*)
        FROM billing.companies JOIN zones USING (id) GROUP BY 1
        """) == [], "cohorts on \(date)")
    #expect(
      try books.difference(
        "SELECT company_id, cohort_month, user_count FROM analytics.user_cohorts "
          + "WHERE company_id <> \(Self.all)",
        """
        SELECT company_id, date_trunc('month', activated_at AT TIME ZONE zone)::date, count(*)
        FROM billing.users JOIN zones ON zones.id = company_id
        WHERE activated_at < ('\(date)'::date + 1)::timestamp AT TIME ZONE 'UTC' GROUP BY 1, 2
        """) == [], "users on \(date)")
    // Agents, and use in billing periods.
    #expect(
      try books.difference(
        "SELECT company_id, date, sum(calls_completed)::bigint FROM analytics.agent_metrics "
          + "GROUP BY 1, 2",
        """
        SELECT * FROM (SELECT id AS company_id, ("timestamp" AT TIME ZONE zone)::date AS date,
          count(*) FROM app.events JOIN zones ON id = company_id WHERE event_type = 'call_completed'
          GROUP BY 1, 2) AS c WHERE date <= '\(date)' AND \(over)
        """) == [], "agents on \(date)")
    #expect(
      try books.difference(
        """
        SELECT company_id, period_start, event_count, complete FROM analytics.module_usage_periods
        """,
        """
        SELECT company_id, start, count(*), complete FROM (
          SELECT company_id, start, stop, is_over(company_id, stop - 1, '\(date)') AS complete,
            zone FROM (
            SELECT company_id, zone, (period_start AT TIME ZONE zone)::date AS start, least(
              (period_end AT TIME ZONE zone)::date, lead((period_start AT TIME ZONE zone)::date)
                OVER (PARTITION BY company_id ORDER BY period_start)) AS stop
            FROM billing.invoices JOIN zones ON zones.id = company_id) AS p) AS p
        JOIN app.events AS e USING (company_id), LATERAL (
          SELECT (e."timestamp" AT TIME ZONE zone)::date AS date) AS t
        WHERE event_type = 'module_used' AND date >= start AND date < stop AND date <= '\(date)'
          AND \(over) GROUP BY company_id, start, complete
        """) == [], "usage on \(date)")
  }

  @Test("all tables equal AT TIME ZONE from night to night, and after a company moved")
  func metrics() throws {
    let place = try RunPlace(shippedIn: "USD", zone: "company")
    let books = try BooksOfZones()
    let outcomes = try night(place, "2026-03-31", run: RunPlace.firstRun)
    for outcome in outcomes.prefix(2) {
      #expect(outcome.facts.contains { $0.name == "pending" && $0.value.hasSuffix("2 companies") })
    }
    try compare(books, "2026-03-31")
    let digests = """
      SELECT count(DISTINCT settings_digest), count(DISTINCT company_id) FROM analytics.daily_metrics
      """
    #expect(try books.value("SELECT (d.*)::text FROM (\(digests)) AS d") == "(5,6)")
    _ = try night(place, "2026-04-01", run: RunPlace.secondRun)
    try compare(books, "2026-04-01")
    // The company furthest west moves furthest east: its numbers, and those of all, are others.
    let first = "SELECT min(settings_digest) FROM analytics.daily_metrics WHERE company_id = "
    let (moved, others) = (
      try books.value(first + "'00000000-0000-4000-8000-000000000001'"),
      try books.value(first + "'00000000-0000-4000-8000-000000000002'")
    )
    try books.connection.runScript(
      """
      UPDATE zones SET zone = 'Pacific/Kiritimati' WHERE zone = 'Etc/GMT+12';
      UPDATE billing.companies SET timezone = 'Pacific/Kiritimati' WHERE timezone = 'Etc/GMT+12';
      """)
    let third = "33333333-0000-4000-8000-000000000003"
    _ = try night(place, "2026-04-01", run: third)
    try compare(books, "2026-04-01")
    #expect(try books.value(first + "'00000000-0000-4000-8000-000000000001'") != moved)
    #expect(try books.value(first + "'00000000-0000-4000-8000-000000000002'") == others)
    #expect(
      try books.value("SELECT count(*) FROM analytics.restatements WHERE metric_name = 'revenue'")
        != "0")
    // An older date takes nothing back.
    _ = try night(place, "2026-03-15", run: "44444444-0000-4000-8000-000000000004")
    try compare(books, "2026-04-01")
  }
}
