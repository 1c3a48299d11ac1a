import AlmanacCore
import Postgres
import Rollups
import TestSupport
import Testing

@testable import Pipelines

/// Rows of the source, written as a person would.
struct SourceBooks {
  let connection: Connection
  private var changes = 0

  init() throws {
    connection = try TestDatabase.current.connect()
    try connection.runScript(
      """
      CREATE FUNCTION public.company(letter text) RETURNS uuid LANGUAGE sql IMMUTABLE AS
        $$ SELECT ('00000000-0000-4000-8000-0000000000' || to_hex(ascii(letter)))::uuid $$;
      CREATE FUNCTION public.subscription(letter text, number int) RETURNS uuid
        LANGUAGE sql IMMUTABLE AS
        $$ SELECT md5('subscription ' || letter || number)::uuid $$;
      """)
  }

  /// Adds a company of a letter.
  func company(_ letter: Character, signedUp: String = "2026-01-01", deleted: String? = nil) throws
  {
    try connection.run(
      """
      INSERT INTO billing.companies (id, name, signed_up_at, deleted_at, created_at)
      VALUES (public.company($1), $1, $2::timestamptz, $3::timestamptz, $2::timestamptz)
      """, [String(letter), signedUp + " 00:00Z", deleted.map { $0 + "Z" }])
  }

  /// Adds a change of a subscription; its sequence is the order of the calls.
  mutating func change(
    _ letter: Character, _ kind: String, _ effective: String, _ amount: String?,
    per interval: String = "month", in currency: String = "USD", subscription: Int = 1,
    recorded: String? = nil
  ) throws {
    changes += 1
    let at = effective.count > 10 ? effective + "Z" : effective + " 00:00Z"
    try connection.run(
      """
      INSERT INTO billing.subscription_changes (id, subscription_id, company_id, sequence, change,
        recurring_amount, interval, interval_count, currency, effective_at, created_at)
      VALUES (md5('change ' || $1)::uuid, public.subscription($2, $3::int), public.company($2),
        $1::bigint, $4, $5::numeric, $6, 1, $7, $8::timestamptz, $9::timestamptz)
      """,
      [
        String(changes), String(letter), String(subscription), kind, amount, interval, currency, at,
        recorded.map { $0 + "Z" } ?? at,
      ])
  }

  /// The lines of a query whose columns become words.
  func lines(_ sql: String) throws -> [String] {
    let rows = try connection.query(
      """
      SELECT (SELECT string_agg(j.value, ' ') FROM json_each_text(row_to_json(q)) AS j) AS line
      FROM (\(sql)) AS q
      """)
    return (0..<rows.count).map { rows[$0, "line"] ?? "" }
  }
}

extension RunPlace {
  /// Extracts everything and runs the stages of metrics, cohorts and funnels for a date, and where
  /// asked those of rollups, usage and anomalies after them.
  @discardableResult
  func compute(
    _ date: String, run: String = RunPlace.firstRun, jobs: Int = 1, withRollups: Bool = false,
    zone: ZoneRules = .utc
  ) throws -> [StageOutcome] {
    let context = try context(
      run: run, jobs: jobs, date: try #require(CalendarDate(date)), zone: zone)
    try extract(in: context)
    var stages: [any Stage] = [
      MetricsStage(definition: project.metrics), CohortsStage(),
      FunnelsStage(definition: project.funnels),
    ]
    if withRollups {
      stages += [RollupStage(grains: [.hour, .day, .month]), UsageStage(), AnomaliesStage()]
    }
    return try self.run(stages, in: context)
  }
}

@Suite("Metrics of a run", .database)
struct MetricsStageTests {
  /// The companies of the worked example in the definitions.
  private static func example() throws -> SourceBooks {
    var books = try SourceBooks()
    for letter in "ABCDEFGHIJK" { try books.company(letter) }
    try books.change("A", "new", "2026-01-10", "100")
    try books.change("B", "new", "2026-01-15", "1200", per: "year")
    try books.change("B", "upgrade", "2026-03-05", "2400", per: "year")
    try books.change("C", "trial_start", "2026-01-20", "0")
    try books.change("C", "trial_convert", "2026-02-03", "50")
    try books.change("C", "cancel", "2026-04-01", nil, recorded: "2026-03-12 10:00")
    try books.change("D", "new", "2026-01-05", "80")
    try books.change("D", "cancel", "2026-02-10", nil)
    try books.change("D", "reactivate", "2026-04-02", "60")
    try books.change("E", "new", "2026-01-05", "80")
    try books.change("E", "cancel", "2026-02-10", nil)
    try books.change("E", "new", "2026-02-20", "90", subscription: 2)
    try books.change("F", "new", "2026-01-01", "30")
    try books.change("F", "cancel", "2026-02-15", nil)
    try books.change("F", "new", "2026-02-15", "35", subscription: 2)
    try books.change("G", "new", "2026-01-08", "100", in: "EUR")
    try books.change("G", "upgrade", "2026-03-03", "150", in: "EUR")
    try books.change("H", "new", "2026-01-02", "30")
    try books.change("H", "pause", "2026-02-05", nil)
    try books.change("H", "resume", "2026-03-10", "30")
    try books.change("I", "new", "2026-01-12", "100", per: "quarter")
    try books.change("J", "new", "2026-01-03", "20")
    try books.change("J", "upgrade", "2026-03-07 09:00", "40")
    try books.change("J", "downgrade", "2026-03-07 15:00", "25")
    try books.change("K", "trial_start", "2026-01-04", "0")
    try books.connection.runScript(
      """
      INSERT INTO billing.exchange_rates (base, quote, rate_date, rate, created_at) VALUES
        ('EUR', 'USD', '2026-01-08', 1.10, '2026-01-08'),
        ('EUR', 'USD', '2026-02-04', 1.20, '2026-02-04'),
        ('EUR', 'USD', '2026-03-03', 1.15, '2026-03-03');
      INSERT INTO billing.subscriptions (id, company_id, status, migrated_from)
      VALUES (public.subscription('F', 1), public.company('F'), 'canceled', NULL),
        (public.subscription('F', 2), public.company('F'), 'active', public.subscription('F', 1));
      """)
    return books
  }

  private static let movements = """
    SELECT c.name, to_char(m.month, 'MM'), m.movement, m.amount
    FROM analytics.mrr_movements m JOIN billing.companies c ON c.id = m.company_id
    ORDER BY c.name, m.month, m.amount DESC
    """
  private static let totals = """
    SELECT to_char(month, 'MM'), round(value, 4) FROM analytics.monthly_metrics
    WHERE metric_name = 'mrr' AND dimension = '' AND company_id = '\(UUIDValue.zero)'
    ORDER BY month
    """

  @Test("the worked example gives the movements and levels of its table")
  func workedExample() throws {
    let place = try RunPlace(shippedIn: "USD")
    let books = try Self.example()
    let outcomes = try place.compute("2026-05-02")
    #expect(
      try books.lines(Self.movements) == [
        "A 01 new 100.0000", "B 01 new 100.0000", "B 03 expansion 100.0000",
        "C 02 new 50.0000", "C 04 churned -50.0000", "D 01 new 80.0000",
        "D 02 churned -80.0000", "D 04 reactivation 60.0000", "E 01 new 80.0000",
        "E 02 expansion 10.0000", "F 01 new 30.0000", "F 02 expansion 5.0000",
        "G 01 new 110.0000", "G 03 expansion 62.5000", "H 01 new 30.0000",
        "H 02 churned -30.0000", "H 03 reactivation 30.0000", "I 01 new 33.3333",
        "J 01 new 20.0000", "J 03 expansion 5.0000",
      ])
    #expect(
      try books.lines(Self.totals) == ["01 583.3333", "02 538.3333", "03 735.8333", "04 745.8333"])
    #expect(outcomes[0].rowsOut > 0)
    #expect(
      try books.lines(
        """
        SELECT cardinality(cause_change_ids) FROM analytics.mrr_movements
        WHERE company_id = public.company('J') ORDER BY month
        """) == ["1", "2"])
  }

  @Test("the worked example with movements at every instant differs where the definitions say")
  func workedExampleByEvent() throws {
    let place = try RunPlace(shippedIn: "USD", metrics: "settings: {recognition: event}\n")
    let books = try Self.example()
    try place.compute("2026-05-02")
    let lines = try books.lines(Self.movements).filter { $0.hasPrefix("E") || $0.hasPrefix("J") }
    #expect(
      lines == [
        "E 01 new 80.0000", "E 02 reactivation 90.0000", "E 02 churned -80.0000",
        "J 01 new 20.0000", "J 03 expansion 20.0000", "J 03 contraction -15.0000",
      ])
    #expect(
      try books.lines(Self.totals) == ["01 583.3333", "02 538.3333", "03 735.8333", "04 745.8333"])
  }

  @Test("a late change of a closed month is restated once, and nothing else is written")
  func restatement() throws {
    let place = try RunPlace(shippedIn: "USD")
    var books = try Self.example()
    try place.compute("2026-05-02")
    let again = try place.compute("2026-05-02", run: RunPlace.secondRun)
    #expect(again[0].rowsOut == 0)
    try books.company("L")
    // The sequence goes on from that of the example.
    try books.change("L", "new", "2026-03-20", "10", recorded: "2026-05-03 08:00")
    try place.compute("2026-05-03", run: "33333333-0000-4000-8000-000000000003")
    let restated = """
      SELECT to_char(period, 'MM'), metric_name, round(old_value, 4), round(new_value, 4)
      FROM analytics.restatements r
      WHERE company_id = '\(UUIDValue.zero)' AND metric_name IN ('mrr', 'customers_new')
      ORDER BY period, metric_name
      """
    #expect(
      try books.lines(restated) == [
        "03 customers_new 0.0000 1.0000", "03 mrr 735.8333 745.8333",
      ])
    #expect(
      try books.lines(
        """
        SELECT to_char(month, 'MM'), restated_at IS NOT NULL FROM analytics.monthly_metrics
        WHERE company_id = '\(UUIDValue.zero)' AND metric_name = 'mrr' AND dimension = ''
        ORDER BY month
        """) == ["01 false", "02 false", "03 true", "04 false"])
  }

  @Test("the rates of declared sums and of what is owed are stored with the days they served")
  func storedRates() throws {
    let place = try RunPlace(
      shippedIn: "USD",
      metrics: """
        metrics:
          fees: {sum: amount, from: events}
          billed: {sum: total, from: invoices, at: issued_at}

        """)
    let books = try SourceBooks()
    try books.company("A")
    try books.connection.runScript(
      """
      INSERT INTO billing.exchange_rates
      SELECT 'EUR', 'USD', day, 1.25, '2026-01-01Z'
      FROM (VALUES ('2026-02-03'::date), ('2026-02-11')) AS d (day);
      INSERT INTO app.events VALUES (md5('fee')::uuid, 'fee', public.company('A'), NULL, NULL,
        '{"amount": "10", "currency": "EUR"}', '2026-02-05 12:00Z', '2026-02-05 12:00Z');
      INSERT INTO billing.invoices (id, company_id, status, currency, subtotal, total, issued_at,
        due_at, created_at, updated_at)
      VALUES (md5('bill')::uuid, public.company('A'), 'open', 'EUR', 20, 20, '2026-02-06 12:00Z',
        '2026-02-10 12:00Z', '2026-02-06 12:00Z', '2026-02-06 12:00Z');
      INSERT INTO billing.payment_attempts (id, invoice_id, company_id, amount, currency, outcome,
        attempted_at, created_at)
      VALUES (md5('part')::uuid, md5('bill')::uuid, public.company('A'), 5, 'USD', 'succeeded',
        '2026-02-12 12:00Z', '2026-02-12 12:00Z');
      """)
    try place.compute("2026-02-12")
    let stored = """
      SELECT stage, currency, to_char(local_date, 'MM-DD'), to_char(rate_date, 'MM-DD')
      FROM almanac.interval_rates ORDER BY 1, local_date
      """
    let others = [
      "metrics/declared EUR 02-06 02-03", "metrics/overdue EUR 02-10 02-03",
      "metrics/overdue EUR 02-11 02-11", "metrics/overdue EUR 02-12 02-11",
      "metrics/overdue/EUR USD 02-12 02-11",
    ]
    #expect(try books.lines(stored) == others + ["metrics/rows EUR 02-05 02-03"])
    #expect(
      try books.lines(
        """
        SELECT metric_name, round(value, 4) FROM analytics.daily_metrics
        WHERE company_id = public.company('A') AND value <> 0 AND dimension = ''
          AND metric_name IN ('fees', 'billed', 'overdue_amount') ORDER BY 1, date
        """) == [
          "billed 25.0000", "fees 12.5000", "overdue_amount 25.0000", "overdue_amount 20.0000",
        ])
    try books.connection.run(
      """
      INSERT INTO app.events VALUES (md5('late')::uuid, 'fee', public.company('A'), NULL, NULL,
        '{"amount": "7", "currency": "EUR"}', '2026-02-03 12:00Z', '2026-02-13 12:00Z')
      """)
    try place.compute("2026-02-12", run: RunPlace.secondRun)
    #expect(
      try books.lines(stored)
        == others + ["metrics/rows EUR 02-03 02-03", "metrics/rows EUR 02-05 02-03"])
  }
}
