import AlmanacCore
import Billing
import Postgres
import Rollups
import TestSupport
import Testing

@testable import Pipelines

/// The tables of a run over a history with one company for each edge case, written out by hand.
@Suite("The tables of edge cases", .database)
struct EdgeCaseTests {
  private static let zero = "'\(UUIDValue.zero)'"
  private static let movements = """
    SELECT chr(('x' || right(company_id::text, 2))::bit(8)::int), to_char(month, 'MM'), movement,
      amount
    FROM analytics.mrr_movements WHERE company_id <> \(zero)
    ORDER BY 1, 2, 3
    """
  private static let totals = """
    SELECT to_char(month, 'MM'), round(value, 4) FROM analytics.monthly_metrics
    WHERE metric_name = 'mrr' AND dimension = '' AND company_id = \(zero) ORDER BY month
    """

  /// The values of a metric by company and period.
  private static func values(_ metric: String, of grain: String, where condition: String = "true")
    -> String
  {
    """
    SELECT chr(('x' || right(company_id::text, 2))::bit(8)::int),
      to_char(\(grain == "month" ? "month" : "date"), 'MM-DD'), round(value, 4)
    FROM analytics.\(grain == "month" ? "monthly_metrics" : "daily_metrics")
    WHERE metric_name = '\(metric)' AND company_id <> \(zero) AND \(condition) ORDER BY 1, 2
    """
  }

  @Test("movements and levels are those written by hand")
  func ledger() throws {
    let place = try RunPlace(shippedIn: "USD")
    let books = try EdgeCaseHistory.make()
    try place.compute("2026-05-02")
    #expect(
      try books.lines(Self.movements) == [
        "A 01 new 140.0000", "A 03 contraction -100.0000", "B 01 new 33.3333", "C 01 new 83.3333",
        "D 02 new 50.0000", "F 01 new 30.0000", "F 02 churned -30.0000",
        "F 03 reactivation 30.0000", "G 01 new 60.0000", "H 01 new 20.0000",
        "H 03 expansion 5.0000", "I 01 new 30.0000", "I 03 expansion 5.0000", "J 01 new 45.0000",
        "J 03 churned -45.0000", "K 01 new 112.0000", "L 02 new 60.0000", "M 01 new 70.0000",
        "M 03 churned -70.0000", "N 01 new 96.0000", "O 01 new 40.1212",
        "P 01 new 987654321012.3450", "Q 02 new 10.0000", "Q 03 churned -10.0000",
        "S 04 new 5.0000", "T 02 new 12.0000", "T 04 churned -12.0000",
      ])
    #expect(
      try books.lines(Self.totals) == [
        "01 987654321772.1328", "02 987654321874.1328", "03 987654321689.1328",
        "04 987654321682.1328",
      ])
    #expect(
      try books.lines(
        """
        SELECT to_char(month, 'MM'), max(value) FILTER (WHERE metric_name = 'customers_active')::int,
          max(value) FILTER (WHERE metric_name = 'customers_new')::int,
          max(value) FILTER (WHERE metric_name = 'customers_churned')::int
        FROM analytics.monthly_metrics WHERE company_id = \(Self.zero) AND dimension = ''
        GROUP BY month ORDER BY month
        """) == ["01 13 13 0", "02 16 4 1", "03 14 0 3", "04 14 1 1"])
  }

  @Test("the rows of rates that amounts were converted by are stored, the corrected one alone")
  func rates() throws {
    let place = try RunPlace(shippedIn: "USD")
    let books = try EdgeCaseHistory.make()
    for run in [RunPlace.firstRun, RunPlace.secondRun] {
      try place.compute("2026-05-02", run: run)
      #expect(
        try books.lines(
          """
          SELECT stage, currency, local_date, base, quote, rate_date, rate
          FROM almanac.interval_rates ORDER BY 1, 3, 2
          """) == [
            "metrics/mrr EUR 2026-01-08 EUR USD 2026-01-08 1.1200000000",
            "metrics/mrr JPY 2026-01-10 USD JPY 2026-01-10 156.2500000000",
            "metrics/mrr KWD 2026-01-11 KWD USD 2026-01-11 3.2500000000",
            "metrics/mrr EUR 2026-02-09 EUR USD 2026-02-02 1.2000000000",
            "metrics/overdue EUR 2026-01-09 EUR USD 2026-01-08 1.1200000000",
            "metrics/revenue JPY 2026-01-10 USD JPY 2026-01-10 156.2500000000",
          ])
    }
  }

  @Test("money comes in, goes back and is owed on the days written by hand")
  func money() throws {
    let place = try RunPlace(shippedIn: "USD")
    let books = try EdgeCaseHistory.make()
    try place.compute("2026-05-02")
    #expect(
      try books.lines(Self.values("revenue", of: "day")) == [
        "A 01-06 100.0000", "B 01-12 33.3300", "J 03-25 10.0000", "N 01-10 96.0000",
        "P 01-05 987654321012.3450",
      ])
    #expect(
      try books.lines(Self.values("revenue_net", of: "month")) == [
        "A 01-01 100.0000", "A 02-01 -30.0000", "J 03-01 10.0000", "N 01-01 96.0000",
        "P 01-01 987654321012.3450",
      ])
    #expect(
      try books.lines(Self.values("revenue_net", of: "day", where: "value < 0")) == [
        "A 02-20 -30.0000", "B 01-31 -33.3300",
      ])
    // Less by the credit note on its day and by what was paid on another.
    #expect(
      try books.lines(Self.values("overdue_amount", of: "day")) == [
        "J 03-15 45.0000", "J 03-20 40.0000", "J 03-25 30.0000", "J 03-31 30.0000",
        "J 04-30 30.0000", "K 01-09 112.0000",
      ])
    #expect(
      try books.lines(Self.values("invoices_pending", of: "month")) == [
        "J 03-01 1.0000", "J 04-01 1.0000",
      ])
    #expect(
      try books.lines(Self.values("payment_failure_rate", of: "month")) == [
        "J 03-01 1.0000", "K 01-01 1.0000",
      ])
  }

  @Test("events of unknown types and companies count, those of the future not yet")
  func events() throws {
    let place = try RunPlace(shippedIn: "USD")
    let books = try EdgeCaseHistory.make()
    let date = try #require(CalendarDate("2026-04-08"))
    let context = try place.context(run: RunPlace.firstRun, date: date)
    try place.extract(in: context)
    let outcome = try RollupStage(grains: [.hour, .day, .month]).run(in: context)
    #expect(outcome.notices.contains("events: 1 repeated rows within a day were left out"))
    #expect(
      try books.lines(
        """
        SELECT chr(('x' || right(company_id::text, 2))::bit(8)::int), event_type, date, event_count,
          unique_users, coalesce(amount_sum::text, '-'), coalesce(amount_min::text, '-'),
          coalesce(amount_max::text, '-'), coalesce(duration_ms_sum::text, '-')
        FROM analytics.daily_rollups ORDER BY 1, 2
        """) == [
          "A call_completed 2026-04-02 1 1 - - - 7",
          "A invoice_paid 2026-04-02 2 0 -3.5000 -3.5000 0.0000 -",
          "A thing_invented 2026-04-02 1 1 - - - -",
          "P invoice_paid 2026-04-02 2 0 987654321012.3450 987654321012.3450 987654321012.3450 -",
          "S user_logged_in 2026-04-02 1 1 - - - -",
        ])
    #expect(
      try books.lines(
        """
        SELECT chr(('x' || right(company_id::text, 2))::bit(8)::int), date, recorded_date,
          event_count, amount_sum FROM analytics.daily_rollup_recordings
        """) == ["A 2026-04-02 2026-04-04 1 -3.5000"])
  }

  @Test("a rate that is eight days old stops the night, and nothing is written")
  func oldRate() throws {
    let place = try RunPlace(shippedIn: "USD")
    var books = try EdgeCaseHistory.make()
    try books.change("U", "new", "2026-02-10", "50", in: "EUR")
    let error = #expect(throws: BillingError.self) { try place.compute("2026-05-02") }
    #expect(error?.description.contains("EUR") == true)
    #expect(error?.description.contains("2026-02-10") == true)
    #expect(error?.exitStatus == .badData)
    #expect(try books.lines("SELECT count(*) FROM analytics.monthly_metrics") == ["0"])
  }

  @Test(
    "each setting changes its companies and no others, and every number says so",
    arguments: [
      ("pause: keep", ["F 01 new 30.0000"]),
      (
        "churn_at: cancellation",
        ["J 01 new 45.0000", "J 02 churned -45.0000"]
      ),
      (
        "recognition: event",
        ["H 01 new 20.0000", "H 03 contraction -15.0000", "H 03 expansion 20.0000"]
      ),
      ("fx: month_end", ["V 01 new 110.0000", "V 02 fx 10.0000", "V 03 fx -4.0000"]),
    ])
  func settings(setting: String, expected: [String]) throws {
    let plain = try RunPlace(shippedIn: "USD")
    var books = try SourceBooks()
    for letter in "FHJV" { try books.company(letter) }
    try books.change("F", "new", "2026-01-02", "30")
    try books.change("F", "pause", "2026-02-05", nil)
    try books.change("F", "resume", "2026-03-10", "30")
    try books.change("H", "new", "2026-01-03", "20")
    try books.change("H", "upgrade", "2026-03-07 09:00", "40")
    try books.change("H", "downgrade", "2026-03-07 15:00", "25")
    try books.change("J", "new", "2026-01-06", "45")
    try books.change("J", "cancel", "2026-03-31 12:00", nil, recorded: "2026-02-10 10:00")
    try books.connection.run(
      """
      UPDATE billing.subscription_changes SET requested_at = created_at WHERE change = 'cancel'
      """)
    try books.change("V", "new", "2026-01-08", "100", in: "EUR")
    try books.connection.runScript(
      """
      INSERT INTO billing.exchange_rates (base, quote, rate_date, rate, created_at) VALUES
        ('EUR', 'USD', '2026-01-08', 1.10, '2026-01-08'),
        ('EUR', 'USD', '2026-01-31', 1.10, '2026-01-31'),
        ('EUR', 'USD', '2026-02-28', 1.20, '2026-02-28'),
        ('EUR', 'USD', '2026-03-31', 1.16, '2026-03-31'),
        ('EUR', 'USD', '2026-04-30', 1.16, '2026-04-30');
      """)
    try plain.compute("2026-05-02")
    let before = try books.lines(Self.movements)
    let digests = """
      SELECT DISTINCT settings_digest FROM (
        SELECT settings_digest FROM analytics.mrr_movements UNION
        SELECT settings_digest FROM analytics.monthly_metrics WHERE metric_name = 'mrr' UNION
        SELECT settings_digest FROM analytics.daily_metrics WHERE metric_name = 'mrr') AS d
      """
    let first = try books.lines(digests)
    #expect(first.count == 1)
    let other = try RunPlace(shippedIn: "USD", metrics: "settings: {\(setting)}\n")
    try other.compute("2026-05-02", run: RunPlace.secondRun)
    let after = try books.lines(Self.movements)
    let letter = try #require(expected.first?.first.map(String.init))
    #expect(after.filter { $0.hasPrefix(letter) } == expected)
    #expect(
      after.filter { !$0.hasPrefix(letter) } == before.filter { !$0.hasPrefix(letter) })
    #expect(before.filter { $0.hasPrefix(letter) } != expected)
    let second = try books.lines(digests)
    #expect(second.count == 1 && second != first)
  }
}
