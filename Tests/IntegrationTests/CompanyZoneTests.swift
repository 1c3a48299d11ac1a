import AlmanacCore
import Columns
import Postgres
import Rollups
import TestSupport
import Testing

@testable import Pipelines

/// Companies from -12:00 to +14:00, one of a zone with daylight-saving time, and one of no known
/// zone; what their days are is told by `AT TIME ZONE`.
private struct WorldOfZones {
  static let datasets: KeyValuePairs = [
    "events": RollupHistory.events,
    "exchange_rates": """
    from: billing.exchange_rates
    recorded: created_at
    key: [base, quote, rate_date, created_at]
    mode: append
    columns: {base: text, quote: text, rate_date: date, rate: decimal(10), created_at: timestamp}
    """,
    "companies": """
    from: billing.companies
    key: id
    tenant: id
    mode: full
    columns: {timezone: text?}
    """,
  ]

  let connection: Connection
  private var random: SplitMix64
  private var events = 0

  init(seed: UInt64) throws {
    random = SplitMix64(seed: seed)
    connection = try TestDatabase.current.connect()
    try connection.run("SET search_path = public")
    try connection.runScript(Self.schema)
  }

  /// Adds events of all companies in the weeks up to the first days of April, when Europe's and
  /// America's clocks have changed, many of them around midnight somewhere.
  mutating func addEvents(_ count: Int) throws {
    let rows = (0..<count).map { _ in event() }.joined(separator: ",\n")
    try connection.runScript("INSERT INTO app.events VALUES\n\(rows)")
  }

  private mutating func event() -> String {
    events += 1
    let step = Int64([900, 3_600, 1_234].randomElement(using: &random) ?? 900) * 1_000_000
    let end = Timestamp("2026-04-05T00:00:00Z")?.microseconds ?? 0
    let at = Timestamp(
      microseconds: end - Int64.random(in: 0..<(40 * 86_400_000_000), using: &random) / step * step)
    let late = Int64([60, 20_000, 100_000].randomElement(using: &random) ?? 60)
    let recorded = Timestamp(microseconds: at.microseconds + late * 1_000_000)
    let company = Int.random(in: 1...6, using: &random)
    let currency = ["GBP", "EUR", "EUR"].randomElement(using: &random) ?? "GBP"
    let user = Int.random(in: 1...4, using: &random)
    return
      "(md5('event \(events)')::uuid, 'used', '00000000-0000-4000-8000-00000000000\(company)', "
      + "md5('user \(user)')::uuid, NULL, '{\"amount\": \"\(events % 90).125\", \"currency\": "
      + "\"\(currency)\", \"duration_ms\": 5}', '\(at)', '\(recorded)')"
  }

  /// Tells how many rows of a table and an oracle are not in the other.
  func difference(_ table: String, at end: String) throws -> String? {
    let oracle = "SELECT * FROM oracle_\(table)('\(end)')"
    let found = "TABLE analytics.\(table)"
    return try connection.query(
      """
      SELECT (SELECT count(*) FROM (\(oracle) EXCEPT ALL \(found)) m) || '/'
        || (SELECT count(*) FROM (\(found) EXCEPT ALL \(oracle)) e)
      """)[0, 0]
  }

  func value(_ sql: String) throws -> String? { try connection.query(sql)[0, 0] }

  /// The rates are chosen so that each amount in pounds has four decimals at most: conversion itself
  /// has tests of its own, here the date of the rate is what matters.
  private static let schema = """
    CREATE SCHEMA app;
    CREATE SCHEMA billing;
    CREATE TABLE app.events (event_id uuid, event_type text, company_id uuid, user_id uuid,
      module_id uuid, metadata jsonb, "timestamp" timestamptz, created_at timestamptz);
    CREATE TABLE billing.companies (id uuid PRIMARY KEY, timezone text);
    INSERT INTO billing.companies
    SELECT ('00000000-0000-4000-8000-00000000000' || number)::uuid, zone
    FROM (VALUES (1, 'Etc/GMT+12'), (2, 'Asia/Kathmandu'), (3, 'Pacific/Kiritimati'),
      (4, 'America/New_York'), (5, NULL), (6, 'Mars/Olympus')) AS c (number, zone);
    CREATE TABLE billing.exchange_rates (base char(3), quote char(3), rate_date date,
      rate numeric(20,10), created_at timestamptz);
    INSERT INTO billing.exchange_rates
    SELECT 'EUR', 'GBP', day, extract(day FROM day)::int * 2, '2026-01-01Z'
    FROM generate_series('2026-02-01'::date, '2026-04-10'::date, '1 day') AS day;

    CREATE FUNCTION zone_of(company uuid) RETURNS text LANGUAGE sql AS $$
      SELECT coalesce((SELECT c.timezone FROM billing.companies AS c
        JOIN pg_timezone_names AS n ON n.name = c.timezone WHERE c.id = company), 'UTC') $$;
    CREATE TABLE zones AS SELECT id, 'UTC'::text AS zone FROM billing.companies;
    CREATE FUNCTION happened(ended date) RETURNS TABLE (company_id uuid, event_type text,
      module_id uuid, user_id uuid, at timestamptz, date date, recorded date, amount numeric,
      duration bigint, is_over boolean) LANGUAGE sql AS $$
      SELECT company_id, event_type, '00000000-0000-0000-0000-000000000000'::uuid, user_id,
        "timestamp", local::date, (created_at AT TIME ZONE zone)::date,
        (metadata->>'amount')::numeric * CASE metadata->>'currency' WHEN 'GBP' THEN 1
          ELSE extract(day FROM local)::int * 2 END,
        (metadata->>'duration_ms')::bigint,
        (local::date + 1)::timestamp AT TIME ZONE zone <= (ended + 1)::timestamp AT TIME ZONE 'UTC'
      FROM app.events JOIN zones ON id = company_id,
        LATERAL (SELECT "timestamp" AT TIME ZONE zone AS local) AS l $$;
    CREATE FUNCTION oracle_daily_rollups(ended date) RETURNS SETOF analytics.daily_rollups
    LANGUAGE sql AS $$
      SELECT company_id, event_type, module_id, date, count(*), count(DISTINCT user_id),
        sum(amount)::numeric(28,4), min(amount)::numeric(28,4), max(amount)::numeric(28,4),
        sum(duration)::numeric(38,0)
      FROM happened(ended) WHERE is_over AND date <= ended GROUP BY 1, 2, 3, 4 $$;
    CREATE FUNCTION oracle_monthly_rollups(ended date) RETURNS SETOF analytics.monthly_rollups
    LANGUAGE sql AS $$
      SELECT company_id, event_type, module_id, date_trunc('month', date)::date, count(*),
        count(DISTINCT user_id), sum(amount)::numeric(28,4), min(amount)::numeric(28,4),
        max(amount)::numeric(28,4), sum(duration)::numeric(38,0)
      FROM happened(ended) WHERE is_over AND date <= ended GROUP BY 1, 2, 3, 4 $$;
    CREATE FUNCTION oracle_hourly_rollups(ended date) RETURNS SETOF analytics.hourly_rollups
    LANGUAGE sql AS $$
      SELECT company_id, event_type, module_id, date_trunc('hour', at, 'UTC'), count(*),
        count(DISTINCT user_id), sum(amount)::numeric(28,4), min(amount)::numeric(28,4),
        max(amount)::numeric(28,4), sum(duration)::numeric(38,0)
      FROM happened(ended) WHERE (at AT TIME ZONE 'UTC')::date <= ended GROUP BY 1, 2, 3, 4 $$;
    CREATE FUNCTION oracle_daily_rollup_recordings(ended date)
    RETURNS SETOF analytics.daily_rollup_recordings LANGUAGE sql AS $$
      WITH h AS (SELECT * FROM happened(ended) WHERE is_over AND date <= ended)
      SELECT company_id, event_type, module_id, date, recorded, count(*),
        (SELECT count(*) FROM (SELECT user_id FROM h AS o WHERE (o.company_id, o.date)
            = (h.company_id, h.date) GROUP BY user_id HAVING min(o.recorded) = h.recorded) AS u),
        sum(amount)::numeric(28,4), sum(duration)::numeric(38,0)
      FROM h WHERE recorded > date GROUP BY 1, 2, 3, 4, 5 $$;
    """

  /// Looks at where companies are now; the names of zones are looked up once, which takes a while.
  func locate() throws {
    try connection.runScript(
      "DELETE FROM zones; INSERT INTO zones SELECT id, zone_of(id) FROM billing.companies")
  }
}

@Suite("Days of each company's own zone", .database)
struct CompanyZoneTests {
  private static let tables = [
    "hourly_rollups", "daily_rollups", "monthly_rollups", "daily_rollup_recordings",
  ]

  private func fact(_ name: String, _ outcome: StageOutcome) -> String? {
    outcome.facts.first { $0.name == name }?.value
  }

  @Test("rollups equal AT TIME ZONE night by night, and after a company moves")
  func rollups() throws {
    try migrate()
    var world = try WorldOfZones(seed: 5)
    let place = try RunPlace(WorldOfZones.datasets, zone: "company")
    try world.addEvents(500)
    try world.locate()
    var notices: [String] = []
    func night(_ date: String, run: String = RunPlace.firstRun) throws -> StageOutcome {
      let context = try place.context(run: run, jobs: 2, date: try #require(CalendarDate(date)))
      try place.extract(in: context)
      let outcome = try RollupStage(grains: [.hour, .day, .month]).run(in: context)
      #expect(!outcome.notices.contains { $0.contains("timezone") })
      notices = context.zoneNotices()
      for table in Self.tables {
        #expect(try world.difference(table, at: date) == "0/0", "\(table) on \(date)")
      }
      return outcome
    }
    let first = try night("2026-03-31")
    #expect(fact("pending", first) == "2026-03-31 of 2 companies")
    #expect(
      notices == [
        "companies: 1 without a timezone count in UTC",
        "companies: 1 count in UTC, since their timezone is not known here, such as "
          + "\"Mars/Olympus\"",
      ])
    // Of the day before only what was not over then.
    let second = try night("2026-04-01")
    #expect(fact("days_computed", second) == "2")
    try world.addEvents(60)
    _ = try night("2026-04-01")
    try world.connection.run(
      "UPDATE billing.companies SET timezone = 'Asia/Kathmandu' WHERE timezone LIKE 'Etc%'")
    try world.locate()
    _ = try night("2026-04-01")
    #expect(fact("days_computed", try night("2026-04-01")) == "0")
    // A night that ended in between computes all days again, wherever the company is by then.
    try world.connection.run("UPDATE almanac.company_zones SET zone = '' WHERE stage = 'rollup'")
    #expect(
      try night("2026-04-01").facts.contains { $0.name == "days_computed" && $0.value > "30" })
    let rows = try world.value("SELECT count(*) FROM almanac.company_zones WHERE zone <> ''")
    #expect(rows == "4")
    // An older date takes nothing back.
    _ = try place.extract(in: place.context(run: RunPlace.secondRun))
    let context = try place.context(
      run: RunPlace.secondRun, date: try #require(CalendarDate("2026-03-30")))
    #expect(
      fact("days_computed", try RollupStage(grains: [.hour, .day, .month]).run(in: context)) == "0")
    #expect(try world.difference("daily_rollups", at: "2026-04-01") == "0/0")
  }
}
