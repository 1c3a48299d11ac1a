import AlmanacCore
import Postgres
import TestSupport
import Testing

@testable import Pipelines

@Suite("Restatements and runs for an older date", .database)
struct RestatementTests {
  /// A company whose payment and event at noon of 31 January UTC belong to February further east.
  private static func books() throws -> SourceBooks {
    var books = try SourceBooks()
    try books.company("A")
    try books.change("A", "new", "2026-01-10", "100")
    try books.connection.runScript(
      """
      INSERT INTO billing.payment_attempts (id, company_id, amount, currency, outcome, attempted_at,
        created_at)
      VALUES (md5('paid')::uuid, public.company('A'), 50, 'USD', 'succeeded', '2026-01-31 12:00Z',
        '2026-01-31 12:00Z');
      INSERT INTO app.events VALUES (md5('used')::uuid, 'module_used', public.company('A'), NULL,
        NULL, '{}', '2026-01-31 12:00Z', '2026-01-31 12:00Z'), (md5('last')::uuid, 'ticket_opened',
        public.company('B'), NULL, NULL, '{}', '2026-03-15 12:00Z', '2026-03-15 12:00Z');
      """)
    return books
  }

  private static let restated = """
    SELECT metric_name, to_char(period, 'MM') AS month, round(coalesce(old_value, 0), 0) AS old,
      round(coalesce(new_value, 0), 0) AS new
    FROM analytics.restatements
    WHERE company_id = public.company('A') AND metric_name IN ('revenue', 'rollup_events:module_used')
    ORDER BY 1, 2
    """

  @Test("a changed setting restates closed months of rollups and metrics alike")
  func settings() throws {
    let place = try RunPlace(shippedIn: "USD")
    let books = try Self.books()
    // The month is over, but closed only three days later: nothing is restated before.
    try place.compute("2026-02-02", withRollups: true)
    let moved = try RunPlace(shippedIn: "USD", zone: "company")
    try books.connection.run("UPDATE billing.companies SET timezone = 'Pacific/Kiritimati'")
    try moved.compute("2026-02-02", run: RunPlace.secondRun, withRollups: true)
    #expect(try books.lines(Self.restated) == [])
    let third = "33333333-0000-4000-8000-000000000003"
    try moved.compute("2026-03-03", run: third, withRollups: true)
    #expect(try books.lines(Self.restated) == [])
    try place.compute(
      "2026-03-03", run: "44444444-0000-4000-8000-000000000004", withRollups: true)
    #expect(
      try books.lines(Self.restated) == [
        "revenue 01 0 50", "revenue 02 50 0", "rollup_events:module_used 01 0 1",
        "rollup_events:module_used 02 1 0",
      ])
  }

  @Test("an older date takes neither metrics nor cohorts, funnels or rollups back")
  func olderDate() throws {
    let place = try RunPlace(shippedIn: "USD")
    var books = try Self.books()
    try books.connection.runScript(
      """
      INSERT INTO app.events
      SELECT md5('trial ' || at)::uuid, kind, public.company('A'), NULL, NULL, '{}', at, at
      FROM (VALUES ('trial_started', '2026-01-05 12:00Z'::timestamptz),
        ('trial_converted', '2026-02-20 12:00Z')) AS e (kind, at)
      """)
    try place.compute("2026-03-10", withRollups: true)
    func tables() throws -> [String] {
      try [
        "daily_metrics", "monthly_metrics", "mrr_movements", "cohort_retention", "funnels",
        "daily_rollups",
      ].flatMap { table in
        try books.lines("SELECT t::text AS row FROM analytics.\(table) AS t ORDER BY 1")
      }
    }
    let before = try tables()
    #expect(before.contains { $0.contains("activation,2026-01-05,1") })
    try place.compute("2026-02-10", run: RunPlace.secondRun, withRollups: true)
    #expect(try tables() == before)
    // What was recorded since then reaches every day, whichever date the run is for.
    try books.change("A", "upgrade", "2026-03-02", "150", recorded: "2026-03-11 08:00")
    let third = "33333333-0000-4000-8000-000000000003"
    try place.compute("2026-02-10", run: third, withRollups: true)
    #expect(
      try books.lines(
        """
        SELECT date, round(value, 0) FROM analytics.daily_metrics
        WHERE company_id = '\(UUIDValue.zero)' AND metric_name = 'mrr' AND dimension = ''
          AND date IN ('2026-02-10', '2026-03-01', '2026-03-02', '2026-03-10') ORDER BY 1
        """) == ["2026-02-10 100", "2026-03-01 100", "2026-03-02 150", "2026-03-10 150"])
  }
}
