import Foundation
package import Postgres

/// Every table of `analytics` beside SQL that says the same in another way.
///
/// The oracle reads the tables of the source contract, as they are now, into the schema `oracle`:
/// one view or table for each table of `analytics`, and ``differences(in:)`` compares them row by row.
/// It shares nothing with the program and carries no state along: each statement asks all rows again.
package struct BusinessOracle {
  /// What the numbers depend on besides the rows.
  package struct Settings: Sendable {
    /// The zone whose days count.
    package var zone = "UTC"
    /// The last day.
    package var end: String
    /// `month_end` or `event`.
    package var recognition = "month_end"
    /// `service_end` or `cancellation`.
    package var churnAt = "service_end"
    /// `zero` or `keep`.
    package var pause = "zero"
    /// `at_change` or `month_end`.
    package var fx = "at_change"

    /// The defaults for a last day.
    package init(end: String) { self.end = end }

    /// As `models/metrics.yaml` has them.
    package var text: String {
      "settings: {recognition: \(recognition), churn_at: \(churnAt), pause: \(pause), fx: \(fx)}\n"
    }
  }

  private let connection: Connection

  /// Computes everything that the tables of `analytics` should hold, in US dollars.
  package init(_ connection: Connection, _ settings: Settings) throws {
    self.connection = connection
    try connection.run("SET TimeZone = 'UTC'")
    var script =
      Self.basics + Self.money + Self.ledger + Self.levels + Self.payments + Self.invoices
    script += Self.metrics + Self.events + Self.declared + Self.cohorts + Self.funnels
    for (name, value) in [
      ("zone", settings.zone), ("end", settings.end), ("recognition", settings.recognition),
      ("churn", settings.churnAt), ("pause", settings.pause), ("fx", settings.fx),
    ] {
      script = script.replacingOccurrences(of: "%\(name)%", with: value)
    }
    try connection.runScript(script)
  }

  /// A table of `analytics`, and what is compared of it.
  package enum Table: String, CaseIterable, Sendable {
    case dailyMetrics = "daily_metrics"
    case monthlyMetrics = "monthly_metrics"
    case movements = "mrr_movements"
    case cohorts = "cohort_retention"
    case users = "user_cohorts"
    case funnels
    case hours = "hourly_rollups"
    case days = "daily_rollups"
    case months = "monthly_rollups"
    case recordings = "daily_rollup_recordings"

    /// The columns that are compared.
    fileprivate var columns: String {
      let groups = "company_id, event_type, module_id"
      let sums = "event_count, unique_users, amount_sum, amount_min, amount_max, duration_ms_sum"
      let metric = "company_id, metric_name, dimension, dimension_value"
      let values = "value, numerator, denominator, unit, currency"
      switch self {
      case .dailyMetrics: return "\(metric), date, \(values)"
      case .monthlyMetrics: return "\(metric), month, \(values)"
      case .movements: return "company_id, month, movement, amount"
      case .cohorts:
        return "company_id, cohort_kind, cohort_month, period, size, retained, revenue_start, "
          + "revenue_retained_gross, revenue_retained_net, complete"
      case .users: return "company_id, cohort_month, created_at, user_count"
      case .funnels:
        return "company_id, funnel, cohort_date, step, entrants, converted, "
          + "round(median_seconds::numeric, 6), censored, round(conversion_rate::numeric, 9)"
      case .hours: return "\(groups), hour, \(sums)"
      case .days: return "\(groups), date, \(sums)"
      case .months: return "\(groups), month, \(sums)"
      case .recordings:
        return "\(groups), date, recorded_date, event_count, new_users, amount_sum, duration_ms_sum"
      }
    }
  }

  /// The rows that `analytics` has too many and too few; one line for each table that differs.
  ///
  /// A table about which the oracle has nothing to say is a difference too.
  package func differences(in tables: [Table] = Table.allCases) throws -> [String] {
    try tables.compactMap { table in
      let name = table.rawValue
      let rows = try connection.query(
        """
        WITH ours AS (SELECT \(table.columns) FROM analytics.\(name)),
          oracle AS (SELECT \(table.columns) FROM oracle.\(name)),
          extra AS (TABLE ours EXCEPT ALL TABLE oracle),
          missing AS (TABLE oracle EXCEPT ALL TABLE ours)
        SELECT (SELECT count(*) FROM oracle) AS size,
          (SELECT count(*) FROM extra) || ' too many, ' || (SELECT count(*) FROM missing)
            || ' missing' AS counts,
          (SELECT coalesce(string_agg(line, '; '), '') FROM (
            (SELECT 'ours ' || e::text AS line FROM extra AS e ORDER BY 1 LIMIT 4)
            UNION ALL
            (SELECT 'oracle ' || m::text FROM missing AS m ORDER BY 1 LIMIT 4)) AS l) AS lines
        """)
      if rows[0, "size"] == "0" { return "\(name): the oracle has no row" }
      if rows[0, "lines"] == "" { return nil }
      return "\(name): \(rows[0, "counts"] ?? "") \(rows[0, "lines"] ?? "")"
    }
  }

  /// Days, and quotients rounded half to even.
  private static let basics = #"""
    DROP SCHEMA IF EXISTS oracle CASCADE;
    CREATE SCHEMA oracle;
    CREATE FUNCTION oracle.zero() RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
      SELECT '00000000-0000-0000-0000-000000000000'::uuid $$;
    CREATE FUNCTION oracle.day(at timestamptz) RETURNS date LANGUAGE sql STABLE AS $$
      SELECT (at AT TIME ZONE '%zone%')::date $$;
    CREATE FUNCTION oracle.month(day date) RETURNS date LANGUAGE sql STABLE AS $$
      SELECT date_trunc('month', day::timestamp)::date $$;
    CREATE FUNCTION oracle.month_end(day date) RETURNS date LANGUAGE sql STABLE AS $$
      SELECT (date_trunc('month', day::timestamp) + interval '1 month - 1 day')::date $$;
    -- The instant a day begins at.
    CREATE FUNCTION oracle.start(day date) RETURNS timestamptz LANGUAGE sql STABLE AS $$
      SELECT day::timestamp AT TIME ZONE '%zone%' $$;
    CREATE FUNCTION oracle.finish() RETURNS timestamptz LANGUAGE sql STABLE AS $$
      SELECT oracle.start(date '%end%' + 1) $$;
    CREATE FUNCTION oracle.half_even(above numeric, below numeric) RETURNS numeric
      LANGUAGE sql IMMUTABLE AS $$
      SELECT sign(above) * sign(below) * CASE
          WHEN 2 * rest > size OR (2 * rest = size AND whole % 2 = 1) THEN whole + 1 ELSE whole END
      FROM (SELECT div(abs(above), abs(below)) AS whole, mod(abs(above), abs(below)) AS rest,
        abs(below) AS size) AS parts $$;
    -- A quotient with ten decimals; null where it is divided by nothing.
    CREATE FUNCTION oracle.share(above numeric, below numeric) RETURNS numeric
      LANGUAGE sql IMMUTABLE AS $$
      SELECT CASE WHEN below <> 0
        THEN oracle.half_even(above * 10000000000, below) / 10000000000 END $$;

    """#

  /// The rate of every day between every two currencies, and what it makes of an amount.
  private static let money = #"""
    CREATE TABLE oracle.rates AS
    WITH days AS (
      SELECT day::date FROM generate_series(
        date '%end%' - 1000, date '%end%' + 1, interval '1 day') AS day
    ), latest AS (
      SELECT DISTINCT ON (base, quote, day) base::text, quote::text, day, rate_date,
        rate * 10000000000 AS rate
      FROM days JOIN billing.exchange_rates ON rate_date BETWEEN day - 7 AND day
      ORDER BY base, quote, day, rate_date DESC, created_at DESC
    ), legs AS (
      SELECT DISTINCT ON (source, target, day) * FROM (
        SELECT base AS source, quote AS target, day, rate AS above, 10000000000 AS below,
          rate_date, 1 AS place FROM latest
        UNION ALL
        SELECT quote, base, day, 10000000000, rate, rate_date, 2 FROM latest) AS both_ways
      ORDER BY source, target, day, place
    ), crossed AS (
      SELECT DISTINCT ON (a.source, b.target, a.day) a.source, b.target, a.day,
        a.above * b.above AS above, a.below * b.below AS below
      FROM legs AS a JOIN legs AS b ON b.source = a.target AND b.day = a.day
      WHERE a.source <> b.target
      ORDER BY a.source, b.target, a.day, least(a.rate_date, b.rate_date) DESC, a.target
    )
    SELECT source, target, day, above, below FROM legs
    UNION ALL
    SELECT * FROM crossed AS c WHERE NOT EXISTS (SELECT FROM legs AS l
      WHERE (l.source, l.target, l.day) = (c.source, c.target, c.day));
    CREATE INDEX ON oracle.rates (source, target, day);
    ANALYZE oracle.rates;
    CREATE FUNCTION oracle.converted(amount numeric, source text, target text, day date,
        parts int DEFAULT 1) RETURNS numeric LANGUAGE sql STABLE AS $$
      SELECT CASE WHEN amount = 0 THEN 0
        WHEN $2 = $3 THEN oracle.half_even(oracle.half_even($1 * 10000, 1), $5) / 10000
        ELSE (SELECT oracle.half_even(oracle.half_even($1 * 10000, 1) * r.above, r.below * $5)
            / 10000 FROM oracle.rates AS r WHERE (r.source, r.target, r.day) = ($2, $3, $4)) END $$;

    """#
}
