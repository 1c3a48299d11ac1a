import AlmanacCore
import Postgres
import TestSupport
import Testing

@testable import Pipelines

@Suite("As of an earlier time", .database)
struct AsOfTests {
  private static let tables = ["daily_metrics", "monthly_metrics", "cohort_retention", "funnels"]

  /// Three companies, of which the last is recorded late; what has no other time of recording was
  /// recorded when it happened.
  private static func books() throws -> SourceBooks {
    var books = try SourceBooks()
    try books.connection.run("SET search_path = public")
    for letter in "AB" { try books.company(letter) }
    try books.change("A", "new", "2026-01-10", "100")
    try books.change("B", "new", "2026-01-15", "50")
    try books.change("B", "cancel", "2026-03-01", nil, recorded: "2026-02-03 09:00")
    try books.connection.runScript(
      """
      INSERT INTO billing.invoices (id, company_id, status, currency, subtotal, total, issued_at,
        due_at, created_at, updated_at)
      SELECT md5('invoice ' || n)::uuid, company('A'), 'open', 'USD', 90, 90, at, at + interval '3 days',
        at, at
      FROM (VALUES (1, '2026-01-20 09:00Z'::timestamptz), (2, '2026-02-01 09:00Z')) AS i (n, at);
      INSERT INTO billing.payment_attempts (id, invoice_id, company_id, amount, currency, outcome,
        attempted_at, created_at)
      SELECT md5('attempt ' || n)::uuid, md5('invoice 1')::uuid, company('A'), 90, 'USD', outcome, at, at
      FROM (VALUES (1, 'failed', '2026-01-21 09:00Z'::timestamptz), (2, 'succeeded',
        '2026-01-25 09:00Z')) AS a (n, outcome, at);
      UPDATE billing.invoices SET status = 'paid', paid_at = '2026-01-25 09:00Z'
      WHERE id = md5('invoice 1')::uuid;
      INSERT INTO app.events
      SELECT md5('event ' || n)::uuid, kind, company(letter), md5('user ' || n % 3)::uuid, NULL, '{}', at,
        at + interval '1 hour'
      FROM (VALUES (1, 'trial_started', 'A', '2026-01-05 12:00Z'::timestamptz),
        (2, 'trial_converted', 'A', '2026-01-10 12:00Z'), (3, 'trial_started', 'B',
        '2026-01-06 12:00Z'), (4, 'module_used', 'B', '2026-02-09 12:00Z')) AS e (n, kind, letter, at);
      """)
    return books
  }

  /// What is recorded later, of times before and after.
  private static func goOn(_ books: inout SourceBooks, recorded: String) throws {
    let clock = recorded.isEmpty ? "clock_timestamp()" : "'\(recorded)Z'::timestamptz"
    try books.company("C", signedUp: "2026-01-20")
    try books.connection.run(
      "UPDATE billing.companies SET created_at = \(clock) WHERE id = company('C')")
    try books.change("C", "new", "2026-01-21", "70")
    try books.change("A", "upgrade", "2026-02-02", "120")
    try books.connection.runScript(
      """
      UPDATE billing.subscription_changes SET created_at = \(clock)
      WHERE company_id = company('C') OR change = 'upgrade';
      UPDATE billing.invoices SET status = 'paid', paid_at = '2026-02-20 09:00Z'
      WHERE id = md5('invoice 2')::uuid;
      INSERT INTO billing.payment_attempts (id, invoice_id, company_id, amount, currency, outcome,
        attempted_at, created_at)
      SELECT md5('attempt ' || n)::uuid, md5('invoice 2')::uuid, company('A'), 40, 'USD', 'succeeded',
        at, \(clock)
      FROM (VALUES (3, '2026-01-28 09:00Z'::timestamptz), (4, '2026-02-20 09:00Z')) AS a (n, at);
      INSERT INTO app.events
      SELECT md5('event ' || n)::uuid, kind, company(letter), md5('user ' || n)::uuid, NULL, '{}', at,
        \(clock)
      FROM (VALUES (11, 'trial_started', 'C', '2026-01-02 12:00Z'::timestamptz),
        (12, 'trial_converted', 'B', '2026-01-30 12:00Z'), (13, 'module_used', 'A',
        '2026-02-10 12:00Z'), (14, 'module_used', 'A', '2026-03-10 12:00Z')) AS e (n, kind, letter, at);
      """)
  }

  /// Computes all subjects and tells how many rows of each table differ from those that were kept.
  private func differences(
    _ place: RunPlace, _ moment: AsOfReading.Moment, through date: String? = nil,
    _ books: SourceBooks
  ) throws -> [String] {
    let reading = try AsOfReading(
      place.project, place.project.requiredPipeline("nightly"),
      DataDirectoryReading(path: place.path + "/data"),
      at: moment, through: date.flatMap { CalendarDate($0) }, jobs: 2, zones: RunPlace.systemZone)
    let connection = try TestDatabase.current.connect()
    for subject in [AsOfReading.Subject.metric(nil), .cohorts, .funnels] {
      try reading.fill(subject, on: connection)
    }
    return try Self.tables.map { table in
      let now = "SELECT to_jsonb(t) - 'restated_at' AS row FROM pg_temp.\(table) AS t"
      let then = "SELECT row FROM public.kept_\(table)"
      let rows = try connection.query(
        """
        SELECT (SELECT count(*) FROM (\(now)) AS n), (SELECT count(*) FROM (\(then)) AS t),
          (SELECT count(*) FROM ((\(now)) EXCEPT ALL (\(then))) AS d),
          (SELECT min(row::text) FROM ((\(now)) EXCEPT ALL (\(then))) AS d)
        """)
      let counts = (0..<3).map { rows[0, $0] ?? "" }
      return counts[0] == counts[1] && counts[2] == "0" && counts[0] != "0"
        ? "\(table) equal" : "\(table) \(counts) \(rows[0, 3] ?? "")"
    }
  }

  private func keep(_ books: SourceBooks) throws {
    for table in Self.tables {
      try books.connection.runScript(
        """
        DROP TABLE IF EXISTS kept_\(table);
        CREATE TABLE kept_\(table) AS
        SELECT to_jsonb(t) - 'restated_at' AS row FROM analytics.\(table) AS t;
        """)
    }
  }

  private static let equal = tables.map { "\($0) equal" }

  @Test("of a date the tables are those of a run made when it ended")
  func endOfDate() throws {
    let place = try RunPlace(shippedIn: "USD")
    var books = try Self.books()
    try place.compute("2026-02-10")
    try keep(books)
    let moment = AsOfReading.Moment.date(try #require(CalendarDate("2026-02-10")))
    #expect(try differences(place, moment, books) == Self.equal)
    try Self.goOn(&books, recorded: "2026-02-11 08:00")
    try place.compute("2026-03-10", run: RunPlace.secondRun)
    #expect(try differences(place, moment, books) == Self.equal)
    // Also where nothing was ever read before: then dates tell what had happened.
    let late = try RunPlace(shippedIn: "USD")
    try late.compute("2026-03-10", run: "33333333-0000-4000-8000-000000000003")
    #expect(try differences(late, moment, books) == Self.equal)
  }

  @Test("of an instant they are those of a run made then, with the versions it saw")
  func instant() throws {
    let place = try RunPlace(shippedIn: "USD")
    var books = try Self.books()
    try place.compute("2026-02-10")
    try keep(books)
    func lastCut() throws -> AsOfReading.Moment {
      let events = try DataDirectoryReading(path: place.path + "/data").dataset("events")
      return .instant(try #require(Timestamp(events.watermark.takenAt)))
    }
    let moment = try lastCut()
    try Self.goOn(&books, recorded: "")
    // What changes and disappears.
    try books.connection.runScript(
      """
      UPDATE billing.companies SET deleted_at = '2026-02-05Z' WHERE id = company('B');
      DELETE FROM billing.invoices WHERE id = md5('invoice 1')::uuid;
      """)
    try place.compute("2026-03-10", run: RunPlace.secondRun)
    #expect(try differences(place, moment, through: "2026-02-10", books) == Self.equal)
    let now = try lastCut()
    let found = try differences(place, now, through: "2026-02-10", books)
    #expect(found.allSatisfy { !$0.hasSuffix("equal") }, "\(found)")
    try keep(books)
    #expect(try differences(place, now, through: "2026-03-10", books) == Self.equal)
  }
}
