import Files
import Postgres
import TestSupport
import Testing

/// Calls of agents and use by billing period of a simulated world beside SQL that computes the same
/// from the source.
@Suite("Usage of a simulated world", .database)
struct UsageOracleTests {
  private static let date = "2025-07-31"
  private static let zero = "'00000000-0000-0000-0000-000000000000'::uuid"

  @Test("equals SQL over the source's events and bills")
  func equalsSQL() throws {
    let place = try Workplace(isFilled: false)
    try place.edit("pipelines/nightly.yaml", "currency: GBP", "currency: USD")
    for stage in [
      "metrics", "cohorts", "funnels", "anomalies", "fit: [revenue]", "predict: [revenue]",
      "publish",
    ] {
      try place.edit("pipelines/nightly.yaml", "  - \(stage)\n", "")
    }
    let made = try place.almanac([
      "simulate", "--target", place.url, "--companies", "25", "--months", "5", "--end", Self.date,
      "--seed", "12", "--simulations", "0",
    ])
    try #require(made.status == 0, "\(made.stderr)")
    let night = try place.night(Self.date, "--jobs", "2")
    try #require(night.status == 0, "\(night.stderr)")
    let connection = try TestDatabase.current.connect()
    try connection.runScript(
      """
      CREATE TABLE public.happened AS
        SELECT DISTINCT ON (event_id) *, ("timestamp" AT TIME ZONE 'UTC')::date AS date,
          CASE WHEN metadata->>'duration_ms' ~ '^[0-9]{1,18}$'
            THEN (metadata->>'duration_ms')::numeric END AS ms
        FROM app.events WHERE event_type IN
          ('call_started', 'call_completed', 'call_failed', 'agent_used', 'module_used')
        ORDER BY event_id, created_at;
      """)
    try expectEqual(
      connection, "agents", "TABLE analytics.agent_metrics",
      """
      SELECT company_id, coalesce(user_id, \(Self.zero)), date,
        count(*) FILTER (WHERE event_type = 'call_started'),
        count(*) FILTER (WHERE event_type = 'call_completed'),
        count(*) FILTER (WHERE event_type = 'call_failed'),
        count(*) FILTER (WHERE event_type = 'agent_used'), sum(ms)::numeric(38,0)
      FROM public.happened WHERE event_type <> 'module_used' AND date <= '\(Self.date)'
      GROUP BY 1, 2, 3
      """)
    try expectEqual(
      connection, "usage", "TABLE analytics.module_usage_periods",
      """
      SELECT k.company_id, k.subscription_id, k.start, coalesce(h.module_id, \(Self.zero)), k.stop,
        count(*), count(DISTINCT h.user_id), sum(h.ms)::numeric(38,0),
        k.stop <= date '\(Self.date)' + 1
      FROM (
        SELECT company_id, subscription_id, start, least(stop, lead(start) OVER (
          PARTITION BY company_id, subscription_id ORDER BY start)) AS stop
        FROM (
          SELECT DISTINCT ON (company_id, subscription_id, start) * FROM (
            SELECT company_id, subscription_id, (period_start AT TIME ZONE 'UTC')::date AS start,
              (period_end AT TIME ZONE 'UTC')::date AS stop, 1 AS place, created_at, id
            FROM billing.invoices
            WHERE subscription_id IS NOT NULL AND status NOT IN ('void', 'draft') AND voided_at IS NULL
              AND coalesce(billing_reason, '') NOT IN ('update', 'manual')
            UNION ALL
            SELECT company_id, id, (current_period_start AT TIME ZONE 'UTC')::date,
              (current_period_end AT TIME ZONE 'UTC')::date, 2, created_at, id
            FROM billing.subscriptions WHERE status <> 'canceled') AS stated
          WHERE start < stop
          ORDER BY company_id, subscription_id, start, place, created_at DESC, id DESC) AS one
      ) AS k JOIN public.happened AS h ON h.company_id = k.company_id
        AND h.event_type = 'module_used' AND h.date >= k.start AND h.date < k.stop
      WHERE h.date <= '\(Self.date)' GROUP BY 1, 2, 3, 4, 5
      """)
  }

  /// Checks that a table of ours and an oracle hold the same rows, and some.
  private func expectEqual(
    _ connection: Connection, _ name: String, _ ours: String, _ oracle: String
  ) throws {
    let rows = try connection.query(
      """
      SELECT (SELECT count(*) FROM (\(ours)) AS o) > 50 AS some,
        (SELECT count(*) FROM ((\(ours)) EXCEPT ALL (\(oracle))) AS d) || '/' ||
        (SELECT count(*) FROM ((\(oracle)) EXCEPT ALL (\(ours))) AS d) AS differences
      """)
    #expect(rows[0, "some"] == "t", "\(name)")
    #expect(rows[0, "differences"] == "0/0", "\(name)")
  }
}
