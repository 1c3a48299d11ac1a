import Files
import Foundation
import Postgres
import TestSupport
import Testing

/// What datasets demand of their rows, through the built program.
@Suite("Contracts")
struct ContractTests {
  private static let date = "2025-12-30"

  @Test("of the shipped datasets hold in the small shop, and say so again every night", .database)
  func shipped() throws {
    let place = try Workplace()
    let first = try place.night(Self.date)
    try #require(first.status == 0, "\(first.stderr)")
    let unbroken = """
      SELECT count(*) FILTER (WHERE r.status = 'passed') = count(*) AND count(*) > 25
      FROM almanac.source_contract_results r JOIN almanac.runs USING (run_id)
      WHERE started_at = (SELECT max(started_at) FROM almanac.runs)
      """
    #expect(try place.value(unbroken) == "t")
    #expect(first.stdout.contains(" checks\n"), "\(first.stdout)")
    let second = try place.night("2025-12-31")
    try #require(second.status == 0, "\(second.stderr)")
    #expect(try place.value(unbroken) == "t")
    #expect(
      try place.value(
        """
        SELECT detail ->> 'units_read' FROM almanac.stage_runs JOIN almanac.runs USING (run_id)
        WHERE stage = 'check' ORDER BY runs.started_at DESC LIMIT 1
        """) == "0")
    let status = try place.almanac(["status", "--target", place.url])
    #expect(status.stdout.contains("checks, none broken"), "\(status.stdout)")
  }

  @Test("that are broken stop the night with 65 before anything is aggregated", .database)
  func error() throws {
    let place = try Workplace()
    try place.edit("datasets/events.yaml", "{matches_source: count}", "{minimum_rows: 1000000}")
    try place.edit("datasets/invoices.yaml", "{unique: id}", "{not_null: due_at}")
    let result = try place.night(Self.date)
    #expect(result.status == 65)
    let last = result.stderr.split(separator: "\n").last.map(String.init) ?? ""
    #expect(last.hasPrefix("almanac: dataset events: minimum_rows(1000000): "), "\(last)")
    #expect(last.contains("expected at least 1000000; 1 more check failed"), "\(last)")
    #expect(try place.value("SELECT count(*) FROM analytics.daily_rollups") == "0")
    #expect(try place.value("SELECT count(*) FROM almanac.published") == "0")
    #expect(
      try place.value(
        """
        SELECT string_agg(dataset || ' ' || check_name || ' ' || cardinality(example_keys), ', '
          ORDER BY dataset)
        FROM almanac.source_contract_results WHERE status = 'failed'
        """) == "events minimum_rows(1000000) 0, invoices not_null(due_at) 3")
    let status = try place.almanac(["status", "--target", place.url])
    #expect(
      status.stdout.contains("2 failed: events minimum_rows(1000000), …"), "\(status.stdout)")
    // What was corrected is enough: the extraction is not wrong.
    try place.edit("datasets/events.yaml", "{minimum_rows: 1000000}", "{matches_source: count}")
    try place.edit("datasets/invoices.yaml", "{not_null: due_at}", "{unique: id}")
    let again = try place.night(Self.date)
    #expect(again.status == 0, "\(again.stderr)")
  }

  @Test("that only warn are told in the summary", .database)
  func warning() throws {
    let place = try Workplace()
    try place.edit(
      "datasets/events.yaml", "{matches_source: count}", "{minimum_rows: 1000000, level: warn}")
    let result = try place.night(Self.date)
    #expect(result.status == 0, "\(result.stderr)")
    #expect(result.stdout.contains("events: minimum_rows(1000000): "), "\(result.stdout)")
    #expect(result.stdout.contains(" checks, 1 warned\n"), "\(result.stdout)")
    try place.verifyRollups(through: Self.date)
  }
}

/// `almanac check` through the built program.
@Suite("The check of definitions")
struct CheckCommandTests {
  @Test("finds the shipped files right, alone and beside a source", .database)
  func shipped() throws {
    let place = try Workplace(isInitialised: false)
    for arguments in [
      ["check"], ["check", "nightly"], ["check", "--source", place.url],
      ["check", "nightly", "--source", place.url, "--format", "json"],
    ] {
      let result = try place.almanac(arguments)
      #expect(result.status == 0, "\(result.stdout)\(result.stderr)")
      #expect(result.stderr == "")
    }
    let lines = try place.almanac(["check"]).stdout.split(separator: "\n")
    #expect(try lines.count == place.definitionCount())
    #expect(lines.allSatisfy { $0.hasSuffix("  ok") })
  }

  @Test("says that an optional dataset's table is absent, and takes it for no fault", .database)
  func absent() throws {
    let place = try Workplace(isInitialised: false)
    try TestDatabase.current.connect().run("DROP TABLE billing.exchange_rates")
    let result = try place.almanac(["check", "--source", place.url])
    #expect(result.status == 0, "\(result.stderr)")
    let line = result.stdout.split(separator: "\n").first { $0.contains("  exchange_rates") }
    #expect(line?.contains("has no table billing.exchange_rates") == true)
    #expect(line?.hasSuffix("what needs it is switched off") == true)
    let json = try place.almanac(["check", "--source", place.url, "--format", "json"])
    #expect(json.stdout.contains("\"status\": \"absent\""))
  }

  @Test("names what the server has against a query, and tables that may not be read", .database)
  func queriesAndRights() throws {
    let place = try Workplace(isInitialised: false)
    try place.edit(
      "datasets/modules.yaml", "from: billing.modules",
      "query: SELECT * FROM billing.modules WHERE id = = id")
    try place.edit("datasets/modules.yaml", "mode: changes\ndeletes: key_sweep", "mode: full")
    try place.edit("datasets/modules.yaml", "optional: true\n", "")
    let role = "almanac_part_\(UInt32.random(in: 0 ... .max))"
    try place.sql(
      """
      CREATE ROLE \(role) LOGIN;
      GRANT USAGE ON SCHEMA app, billing TO \(role);
      GRANT SELECT ON ALL TABLES IN SCHEMA app, billing TO \(role);
      REVOKE SELECT ON billing.plans FROM \(role);
      REVOKE SELECT ON billing.refunds FROM \(role);
      GRANT SELECT (id) ON billing.refunds TO \(role);
      """)
    defer { try? place.sql("DROP OWNED BY \(role); DROP ROLE \(role)") }
    let reader = try TestServer.url(database: TestDatabase.current.name, user: role)
    let result = try place.almanac(["check", "--source", reader])
    let lines = result.stdout.split(separator: "\n").map(String.init)
    func line(_ name: String) -> String { lines.first { $0.contains("dataset   \(name)") } ?? "" }
    #expect(line("modules").contains("the server refuses its query: syntax error"), "\(lines)")
    for name in ["plans", "refunds"] {
      #expect(line(name).contains("permission denied for billing.\(name)"), "\(line(name))")
    }
    #expect(line("users").hasSuffix("  ok"))
    #expect(result.status == 78)
  }

  @Test("names everything that is wrong, not only the first", .database)
  func wrong() throws {
    let place = try Workplace(isInitialised: false)
    try place.edit("datasets/refunds.yaml", "mode: changes", "mode: ful")
    try place.edit("datasets/companies.yaml", "  industry: text?", "  industrie: text?")
    try place.edit("datasets/invoices.yaml", "billing.invoices", "billing.invoice")
    try place.edit("pipelines/nightly.yaml", "zone: UTC", "zone: Mars")
    let files = try place.almanac(["check"])
    #expect(files.status == 78)
    let count = try place.definitionCount()
    #expect(
      files.stderr == "almanac: 2 of \(count) definitions are wrong; correct what is listed\n")
    let source = try place.almanac(["check", "--source", place.url])
    let lines = source.stdout.split(separator: "\n").map(String.init)
    func line(_ start: String) -> String { lines.first { $0.hasPrefix(start) } ?? "" }
    #expect(line("dataset   refunds").contains("datasets/refunds.yaml:"))
    #expect(line("dataset   refunds").contains("did you mean \"full\"?"))
    #expect(line("dataset   companies").contains("has no column industrie (did you mean"))
    #expect(line("dataset   invoices").contains("has no table billing.invoice,"))
    #expect(line("pipeline  nightly").contains("found the zone \"Mars\""))
    #expect(line("dataset   events").hasSuffix("  ok"))
    #expect(source.status == 66)
    let json = try place.almanac(["check", "--source", place.url, "--format", "json"])
    let decoded = try JSONSerialization.jsonObject(with: Data(json.stdout.utf8)) as? [[String: Any]]
    #expect(decoded?.count == count)
    #expect(decoded?.filter { $0["status"] as? String == "wrong" }.count == 4)
  }

  @Test("refuses a clock that would be parsed from text, and says how to cast it", .database)
  func clockAsText() throws {
    let place = try Workplace(isInitialised: false)
    try place.edit(
      "datasets/events.yaml", "  event_type: text\n",
      "  event_type: text\n  timestamp: timestamp = metadata->>'at'\n")
    let result = try place.almanac(["check", "--source", place.url])
    #expect(result.status == 65)
    #expect(
      result.stdout.contains("`timestamp: timestamp = (metadata->>'at')::timestamptz`"),
      "\(result.stdout)")
  }

  @Test("refuses a view where rows are only added, and an unknown pipeline", .database)
  func views() throws {
    let place = try Workplace(isInitialised: false)
    try place.sql("CREATE VIEW billing.seen AS SELECT * FROM billing.payment_attempts")
    try place.edit(
      "datasets/payment_attempts.yaml", "billing.payment_attempts", "billing.seen")
    let result = try place.almanac(["check", "--source", place.url])
    #expect(result.status == 78)
    #expect(result.stdout.contains("billing.seen is a view"), "\(result.stdout)")
    let unknown = try place.almanac(["check", "nigthly"])
    #expect(unknown.status == 78)
    #expect(unknown.stderr.contains("did you mean \"nightly\"?"))
  }
}
