import AlmanacCore
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Pipelines

/// A random business in PostgreSQL: events of several companies in several currencies, exchange rates,
/// and what both are to become, as SQL that shares nothing with the pipeline.
final class RollupHistory {
  /// A zone, and the last day of a history that has something peculiar to it.
  struct Case: CustomTestStringConvertible, Sendable {
    var zone: String
    var end: String
    var testDescription: String { "\(zone) up to \(end)" }
  }

  /// Daylight-saving changes both ways, the zones furthest from UTC, one of 45 minutes, one that
  /// changed its rules and one that left out a day.
  static let cases = [
    Case(zone: "America/New_York", end: "2025-11-20"),
    Case(zone: "Europe/London", end: "2025-04-04"),
    Case(zone: "Pacific/Kiritimati", end: "2026-01-01"),
    Case(zone: "Etc/GMT+12", end: "2026-01-01"),
    Case(zone: "Asia/Kathmandu", end: "2025-03-01"), Case(zone: "Asia/Almaty", end: "2024-03-09"),
    Case(zone: "Pacific/Apia", end: "2012-01-10"),
  ]

  /// Events with an amount, a currency and a duration in their metadata.
  static let events = """
    from: app.events
    time: timestamp
    recorded: created_at
    key: event_id
    tenant: company_id
    mode: append
    columns:
      event_type: text
      user_id: uuid?
      module_id: uuid?
      amount: money(currency)? = metadata->>'amount'
      currency: text? = metadata->>'currency'
      duration_ms: int? = metadata->>'duration_ms'
    """

  static let datasets: KeyValuePairs = [
    "events": events,
    "exchange_rates": """
    from: billing.exchange_rates
    optional: true
    recorded: created_at
    key: [base, quote, rate_date, created_at]
    mode: append
    columns: {base: text, quote: text, rate_date: date, rate: decimal(10), created_at: timestamp}
    """,
  ]

  let zone: ZoneRules
  let end: CalendarDate
  private let connection: Connection
  private var random: SplitMix64
  private var events = 0

  init(_ each: Case, seed: UInt64) throws {
    let file = try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/" + each.zone))
    zone = try #require(ZoneRules(name: each.zone, file: Array(file)))
    end = try #require(CalendarDate(each.end))
    random = SplitMix64(seed: seed)
    connection = try TestDatabase.current.connect()
    try connection.run("SET search_path = public")
    try connection.runScript(Self.schema)
    try connection.runScript(
      Self.oracle.replacingOccurrences(of: "%zone%", with: each.zone)
        .replacingOccurrences(of: "%end%", with: each.end))
    try addRates(every: 3, through: 2, factor: 1)
  }

  /// Adds events, some in each of the last 70 days.
  func addEvents(_ count: Int) throws {
    let rows = (0..<count).map { _ in event() }.joined(separator: ",\n")
    try connection.runScript("INSERT INTO app.events VALUES\n\(rows)")
  }

  private func event() -> String {
    events += 1
    func pick(_ choices: [String]) -> String { choices.randomElement(using: &random) ?? "" }
    func uuid(_ number: Int) -> String { "00000000-0000-4000-8000-00000000000\(number)" }
    let last = end.adding(days: 1).startUTC.microseconds
    let step: Int64 = pick(["1", "2"]) == "1" ? 3_600_000_000 : 900_000_123
    let back = Int64.random(in: 0..<(70 * 86_400_000_000), using: &random) / step * step
    let at = Timestamp(microseconds: last - back)
    let late: Int64 = [0, 60, 40_000, 200_000, 2_000_000].randomElement(using: &random) ?? 0
    let recorded = Timestamp(microseconds: at.microseconds + late * 1_000_000)
    let amount = pick([
      "\(Int.random(in: -5_000...90_000, using: &random))", "0.005", "1234567890.1234", "0",
      "\(Int.random(in: 1...999, using: &random)).125",
    ])
    let currency = pick(["GBP", "EUR", "JPY", "KWD", "GBP"])
    var members = ["\"duration_ms\": \(Int.random(in: 0...9_000, using: &random))"]
    if Int.random(in: 0..<4, using: &random) > 0 { members.append("\"amount\": \"\(amount)\"") }
    if Int.random(in: 0..<9, using: &random) > 0 { members.append("\"currency\": \"\(currency)\"") }
    let user = Int.random(in: 0...7, using: &random)
    let module = Int.random(in: 0...2, using: &random)
    return "(md5('event \(events)')::uuid, '\(pick(["a_used", "Z_used", "é"]))', "
      + "'\(uuid(Int.random(in: 1...3, using: &random)))', "
      + "\(user == 0 ? "NULL" : "'\(uuid(user))'"), \(module == 0 ? "NULL" : "'\(uuid(module))'"), "
      + "'{\(members.joined(separator: ", "))}', '\(at)', '\(recorded)')"
  }

  /// Adds a rate of each pair every few days: the euro has a direct one, the yen its inverse, and the
  /// dinar only the way through the dollar.
  func addRates(every step: Int, through last: Int, factor: Double) throws {
    try connection.run(
      """
      INSERT INTO billing.exchange_rates
      SELECT base, quote, day, round((rate * $3::numeric
          * (1 + extract(day FROM day) / 1000))::numeric, 10),
        clock_timestamp() - interval '1 second'
      FROM (VALUES ('EUR', 'GBP', 0.8431), ('GBP', 'JPY', 191.37), ('KWD', 'USD', 3.2561),
          ('GBP', 'USD', 1.2719)) AS pairs (base, quote, rate),
        generate_series('\(end)'::date - 84, '\(end)'::date + $2::int, $1 * interval '1 day') AS day
      """, ["\(step)", "\(last)", "\(factor)"])
  }

  /// Records another rate of the euro for one day.
  func correct(_ date: CalendarDate, to rate: String) throws {
    try connection.run(
      "INSERT INTO billing.exchange_rates VALUES ('EUR', 'GBP', $1, $2, clock_timestamp())",
      [date.description, rate])
  }

  /// Runs SQL that gives one value.
  func value(_ sql: String) throws -> String? { try connection.query(sql)[0, 0] }

  /// Keeps the monthly values as they are, to be compared with later ones.
  func keepMonths() throws {
    try connection.runScript(
      "DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT * FROM month_values")
  }

  /// The rows that the pipeline's tables have too many and too few, against the oracle.
  func differences() throws -> [String: String] {
    var found: [String: String] = [:]
    for table in [
      "hourly_rollups", "daily_rollups", "monthly_rollups", "daily_rollup_recordings",
    ] {
      let missing = "TABLE oracle_\(table) EXCEPT ALL TABLE analytics.\(table)"
      let extra = "TABLE analytics.\(table) EXCEPT ALL TABLE oracle_\(table)"
      let count = try value(
        "SELECT (SELECT count(*) FROM (\(missing)) m) || '/' || (SELECT count(*) FROM (\(extra)) e)"
      )
      if count != "0/0" {
        let row = try value("SELECT (SELECT e::text FROM (\(missing)) e LIMIT 1)") ?? ""
        let other = try value("SELECT (SELECT e::text FROM (\(extra)) e LIMIT 1)") ?? ""
        found[table] = "\(count ?? ""): \(row) against \(other)"
      }
    }
    return found
  }

  private static let schema = """
    CREATE SCHEMA app;
    CREATE SCHEMA billing;
    CREATE TABLE app.events (event_id uuid, event_type text, company_id uuid, user_id uuid,
      module_id uuid, metadata jsonb, "timestamp" timestamptz, created_at timestamptz);
    CREATE TABLE billing.exchange_rates (base char(3), quote char(3), rate_date date,
      rate numeric(20,10), created_at timestamptz);
    """

  /// The definitions as SQL: rates as fractions, amounts rounded once and half to even, groups by
  /// GROUP BY and users by count(DISTINCT).
  private static let oracle = """
    CREATE FUNCTION leg(source text, target text, day date) RETURNS numeric[] LANGUAGE sql AS $$
      SELECT fraction FROM (
        SELECT 1 AS place, ARRAY[rate * 10000000000, 10000000000] AS fraction, rate_date, created_at
        FROM billing.exchange_rates WHERE base = source AND quote = target
        UNION ALL
        SELECT 2, ARRAY[10000000000, rate * 10000000000], rate_date, created_at
        FROM billing.exchange_rates WHERE base = target AND quote = source) AS legs
      WHERE rate_date BETWEEN day - 7 AND day
      ORDER BY place, rate_date DESC, created_at DESC LIMIT 1 $$;
    CREATE FUNCTION in_pounds(amount numeric, currency text, day date) RETURNS numeric
    LANGUAGE plpgsql AS $$
    DECLARE
      fraction numeric[];
      first numeric[];
      product numeric;
      whole numeric;
      rest numeric;
    BEGIN
      IF currency IS NULL THEN RETURN NULL; END IF;
      IF currency = 'GBP' OR amount = 0 THEN RETURN amount; END IF;
      fraction := leg(currency, 'GBP', day);
      IF fraction IS NULL THEN
        first := leg(currency, 'USD', day);
        fraction := leg('USD', 'GBP', day);
        fraction := ARRAY[first[1] * fraction[1], first[2] * fraction[2]];
      END IF;
      product := abs(amount) * 10000 * fraction[1];
      whole := div(product, fraction[2]);
      rest := 2 * (product - whole * fraction[2]);
      IF rest > fraction[2] OR (rest = fraction[2] AND whole % 2 = 1) THEN
        whole := whole + 1;
      END IF;
      RETURN sign(amount) * whole / 10000;
    END $$;
    CREATE VIEW happened AS
    SELECT company_id, event_type,
      coalesce(module_id, '00000000-0000-0000-0000-000000000000') AS module_id, user_id,
      "timestamp" AS at, ("timestamp" AT TIME ZONE '%zone%')::date AS date,
      (created_at AT TIME ZONE '%zone%')::date AS recorded,
      in_pounds(round((metadata->>'amount')::numeric, 4), metadata->>'currency',
        ("timestamp" AT TIME ZONE '%zone%')::date) AS amount,
      (metadata->>'duration_ms')::bigint AS duration
    FROM (SELECT DISTINCT ON (event_id) * FROM app.events ORDER BY event_id, created_at) AS once;
    CREATE VIEW oracle_hourly_rollups (company_id,
      event_type, module_id, hour, event_count, unique_users,
      amount_sum, amount_min, amount_max, duration_ms_sum) AS
    SELECT company_id, event_type, module_id, date_trunc('hour', at, 'UTC') AS hour, count(*),
      count(DISTINCT user_id), sum(amount)::numeric(28,4), min(amount)::numeric(28,4),
      max(amount)::numeric(28,4), sum(duration)::numeric(38,0)
    FROM happened WHERE (at AT TIME ZONE 'UTC')::date <= '%end%' GROUP BY 1, 2, 3, 4;
    CREATE VIEW oracle_daily_rollups (company_id,
      event_type, module_id, date, event_count, unique_users,
      amount_sum, amount_min, amount_max, duration_ms_sum) AS
    SELECT company_id, event_type, module_id, date, count(*), count(DISTINCT user_id),
      sum(amount)::numeric(28,4), min(amount)::numeric(28,4), max(amount)::numeric(28,4),
      sum(duration)::numeric(38,0)
    FROM happened WHERE date <= '%end%' GROUP BY 1, 2, 3, 4;
    CREATE VIEW oracle_monthly_rollups (company_id,
      event_type, module_id, month, event_count, unique_users,
      amount_sum, amount_min, amount_max, duration_ms_sum) AS
    SELECT company_id, event_type, module_id, date_trunc('month', date)::date, count(*),
      count(DISTINCT user_id), sum(amount)::numeric(28,4), min(amount)::numeric(28,4),
      max(amount)::numeric(28,4), sum(duration)::numeric(38,0)
    FROM happened WHERE date <= '%end%' GROUP BY 1, 2, 3, 4;
    CREATE VIEW oracle_daily_rollup_recordings (company_id,
      event_type, module_id, date, recorded_date,
      event_count, new_users, amount_sum, duration_ms_sum) AS
    SELECT company_id, event_type, module_id, date, recorded, count(*),
      (SELECT count(*) FROM (
        SELECT user_id FROM happened o
        WHERE (o.company_id, o.event_type, o.module_id, o.date)
            = (h.company_id, h.event_type, h.module_id, h.date) AND user_id IS NOT NULL
        GROUP BY user_id HAVING min(o.recorded) = h.recorded) AS first) AS new_users,
      sum(amount)::numeric(28,4), sum(duration)::numeric(38,0)
    FROM happened h WHERE date <= '%end%' AND recorded > date GROUP BY 1, 2, 3, 4, 5;
    CREATE VIEW month_values AS
    SELECT company_id, metric, month, value FROM (
      SELECT company_id, event_type, date_trunc('month', date)::date AS month,
        count(*)::numeric AS events, sum(amount) AS amount
      FROM happened WHERE date <= '%end%' GROUP BY 1, 2, 3) AS months,
      LATERAL (VALUES ('rollup_events:' || event_type, events),
        ('rollup_amount:' || event_type, amount)) AS parts (metric, value)
    WHERE value IS NOT NULL AND month + interval '1 month 2 days' <= '%end%'::date;
    """
}
