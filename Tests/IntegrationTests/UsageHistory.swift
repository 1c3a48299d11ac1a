import AlmanacCore
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Pipelines

/// A random business whose agents make calls and whose users use modules, and what the stage `usage`
/// is to make of it, as SQL that shares nothing with the pipeline.
final class UsageHistory {
  let zone: ZoneRules
  let end: CalendarDate
  private let connection: Connection
  private let seed: UInt64
  private var batches = 0

  init(_ zone: String, end: String, seed: UInt64, agent: String) throws {
    self.zone = try Self.rules(zone)
    self.end = try #require(CalendarDate(end))
    self.seed = seed
    connection = try TestDatabase.current.connect()
    try connection.run("SET search_path = public")
    try connection.runScript(
      """
      -- A draw from 0 up to a number.
      CREATE FUNCTION public.draw(text, number int) RETURNS int LANGUAGE sql IMMUTABLE AS
        $$ SELECT (('x' || left(md5($1), 7))::bit(28)::int) % number $$;
      """)
    try useZone(zone, agent: agent)
  }

  /// The rules of a zone.
  static func rules(_ name: String) throws -> ZoneRules {
    let file = try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/" + name))
    return try #require(ZoneRules(name: name, file: Array(file)))
  }

  /// Adds events of the last 80 days, one in twelve of them twice.
  func addEvents(_ count: Int) throws {
    batches += 1
    try connection.runScript(
      """
      WITH drawn AS (
        SELECT 'event \(seed) \(batches) ' || i AS k FROM generate_series(1, \(count)) AS i
      ), made AS (
        SELECT md5(k)::uuid AS id,
          (ARRAY['call_started', 'call_completed', 'call_failed', 'agent_used', 'module_used',
            'module_used', 'module_used', 'ticket_opened'])[1 + draw(k || 't', 8)] AS type,
          md5('company ' || draw(k || 'c', 3))::uuid AS company,
          CASE WHEN draw(k || 'u', 6) > 0 THEN md5('user ' || draw(k || 'u', 6))::uuid END AS who,
          CASE WHEN draw(k || 'm', 3) > 0 THEN md5('module ' || draw(k || 'm', 3))::uuid END
            AS module,
          jsonb_strip_nulls(jsonb_build_object(
            'duration_ms', CASE WHEN draw(k || 'd', 3) > 0 THEN draw(k || 'd', 90000) END,
            'agent_id', CASE WHEN draw(k || 'a', 3) > 0 THEN md5('a' || draw(k || 'a', 5))::uuid END))
            AS metadata,
          '\(end)'::timestamptz - draw(k || 'h', 80 * 48) * interval '30 minutes' AS at
        FROM drawn
      )
      INSERT INTO app.events
      SELECT id, type, company, who, module, metadata, at, at + again * interval '1 minute'
      FROM made, generate_series(0, (draw(id::text, 12) = 0)::int) AS again
      """)
  }

  /// Bills for months, quarters and parts of months of two subscriptions a company, void ones, drafts
  /// and corrections among them; and a period that is not billed yet.
  func addBills() throws {
    batches += 1
    try connection.runScript(
      """
      WITH drawn AS (
        SELECT 'bill \(seed) \(batches) ' || i AS k, i FROM generate_series(1, 24) AS i
      ), made AS (
        SELECT k, md5('company ' || i % 3)::uuid AS company,
          md5('subscription ' || i % 6)::uuid AS subscription,
          '\(end)'::timestamptz - draw(k || 's', 40) * interval '2 days 5 hours' AS start
        FROM drawn
      )
      INSERT INTO billing.invoices (id, company_id, subscription_id, status, currency, total,
        period_start, period_end, billing_reason, created_at)
      SELECT md5(k)::uuid, company, CASE WHEN draw(k || 'n', 9) > 0 THEN subscription END,
        (ARRAY['open', 'paid', 'paid', 'past_due', 'void', 'draft'])[1 + draw(k || 'v', 6)], 'USD',
        10, start, start + (ARRAY['1 month', '3 months', '9 days', '2 hours'])
          [1 + draw(k || 'p', 4)]::interval,
        (ARRAY['create', 'cycle', 'cycle', 'update', 'manual', NULL])[1 + draw(k || 'r', 6)], start
      FROM made;
      INSERT INTO billing.subscriptions (id, company_id, status, current_period_start,
        current_period_end, created_at)
      SELECT md5('subscription ' || i)::uuid, md5('company ' || i % 3)::uuid,
        (ARRAY['active', 'trialing', 'canceled'])[1 + i % 3],
        '\(end)'::timestamptz - i * interval '4 days',
        '\(end)'::timestamptz - i * interval '4 days' + interval '1 month', '\(end)'
      FROM generate_series(0, 5) AS i ON CONFLICT DO NOTHING
      """)
  }

  /// Runs SQL that gives one value.
  func value(_ sql: String) throws -> String? { try connection.query(sql)[0, 0] }

  /// Runs SQL.
  func run(_ sql: String) throws { try connection.runScript(sql) }

  /// The tables that differ from the oracle, with the number of rows missing and too many.
  func differences() throws -> [String: String] {
    var found: [String: String] = [:]
    for table in ["agent_metrics", "module_usage_periods"] {
      let count = try value(
        """
        SELECT (SELECT count(*) FROM (TABLE oracle_\(table) EXCEPT ALL
            TABLE analytics.\(table)) AS missing) || '/' ||
          (SELECT count(*) FROM (TABLE analytics.\(table) EXCEPT ALL
            TABLE oracle_\(table)) AS extra)
        """)
      if count != "0/0" { found[table] = count }
    }
    return found
  }

  /// Makes the oracle count days of a zone, and take an expression for the agent.
  func useZone(_ zone: String, agent: String) throws {
    let zero = "'00000000-0000-0000-0000-000000000000'::uuid"
    try connection.runScript(
      """
      DROP VIEW IF EXISTS happened CASCADE;
      CREATE VIEW happened AS
        SELECT DISTINCT ON (event_id) *, ("timestamp" AT TIME ZONE '\(zone)')::date AS date,
          (metadata->>'duration_ms')::bigint AS ms
        FROM app.events ORDER BY event_id, created_at;
      CREATE VIEW oracle_agent_metrics AS
        SELECT company_id, coalesce(\(agent), \(zero)) AS agent_id, date,
          count(*) FILTER (WHERE event_type = 'call_started') AS a,
          count(*) FILTER (WHERE event_type = 'call_completed') AS b,
          count(*) FILTER (WHERE event_type = 'call_failed') AS c,
          count(*) FILTER (WHERE event_type = 'agent_used') AS d, sum(ms)::numeric(38,0) AS ms
        FROM happened WHERE date <= '\(end)' AND event_type IN
          ('call_started', 'call_completed', 'call_failed', 'agent_used') GROUP BY 1, 2, 3;
      DROP VIEW IF EXISTS stated CASCADE;
      CREATE VIEW stated AS
        SELECT company_id, subscription_id, (period_start AT TIME ZONE '\(zone)')::date AS start,
          (period_end AT TIME ZONE '\(zone)')::date AS stop, 1 AS place, created_at, id
        FROM billing.invoices
        WHERE subscription_id IS NOT NULL AND status NOT IN ('void', 'draft')
          AND coalesce(billing_reason, '') NOT IN ('update', 'manual')
        UNION ALL
        SELECT company_id, id, (current_period_start AT TIME ZONE '\(zone)')::date,
          (current_period_end AT TIME ZONE '\(zone)')::date, 2, created_at, id
        FROM billing.subscriptions WHERE status <> 'canceled';
      CREATE VIEW kept AS
        SELECT company_id, subscription_id, start, least(stop, lead(start) OVER (
          PARTITION BY company_id, subscription_id ORDER BY start)) AS stop
        FROM (SELECT DISTINCT ON (company_id, subscription_id, start) * FROM stated
          WHERE start < stop ORDER BY company_id, subscription_id, start, place, created_at DESC,
            id DESC) AS one;
      CREATE VIEW oracle_module_usage_periods AS
        SELECT k.company_id, k.subscription_id, k.start, coalesce(h.module_id, \(zero)) AS module,
          k.stop, count(*) AS events, count(DISTINCT h.user_id) AS users,
          sum(h.ms)::numeric(38,0) AS ms, k.stop <= date '\(end)' + 1 AS complete
        FROM kept AS k JOIN happened AS h ON h.company_id = k.company_id
          AND h.event_type = 'module_used' AND h.date >= k.start AND h.date < k.stop
        WHERE h.date <= '\(end)' GROUP BY 1, 2, 3, 4, 5;
      """)
  }
}
