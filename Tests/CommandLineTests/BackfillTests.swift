import Files
import Postgres
import TestSupport
import Testing

/// `almanac run --from --to`: days done again on request.
@Suite("A backfill", .database)
struct BackfillTests {
  private static let date = "2025-12-30"
  private static let range = ["--from", "2025-11-10", "--to", "2025-11-20"]

  /// Makes a row of each table of intervals wrong, on days within and outside the range.
  private func spoil(_ place: Workplace) throws {
    try place.sql(
      """
      UPDATE analytics.daily_rollups SET event_count = 777777
        WHERE date IN ('2025-11-09', '2025-11-10', '2025-11-20', '2025-11-21');
      UPDATE analytics.monthly_rollups SET event_count = 777777
        WHERE month IN ('2025-10-01', '2025-11-01');
      UPDATE analytics.daily_metrics SET numerator = 777777
        WHERE date IN ('2025-11-09', '2025-11-10', '2025-11-20', '2025-11-21');
      UPDATE analytics.monthly_metrics SET numerator = 777777
        WHERE month IN ('2025-10-01', '2025-11-01');
      UPDATE analytics.funnels SET entrants = 777777
        WHERE date_trunc('month', cohort_date) IN ('2025-10-01', '2025-11-01');
      UPDATE analytics.cohort_retention SET size = 777777
        WHERE cohort_month IN ('2025-10-01', '2025-11-01');
      """)
  }

  /// Where wrong numbers are, table by table.
  private func spoilt(_ place: Workplace) throws -> [String] {
    let rows = try TestDatabase.current.connect().query(
      """
      SELECT DISTINCT 'daily_rollups ' || date AS place FROM analytics.daily_rollups
        WHERE event_count = 777777
      UNION SELECT 'monthly_rollups ' || month FROM analytics.monthly_rollups
        WHERE event_count = 777777
      UNION SELECT 'daily_metrics ' || date FROM analytics.daily_metrics WHERE numerator = 777777
      UNION SELECT 'monthly_metrics ' || month FROM analytics.monthly_metrics
        WHERE numerator = 777777
      UNION SELECT 'funnels ' || date_trunc('month', cohort_date)::date FROM analytics.funnels
        WHERE entrants = 777777
      UNION SELECT 'cohort_retention ' || cohort_month FROM analytics.cohort_retention
        WHERE size = 777777
      ORDER BY 1
      """)
    return (0..<rows.count).compactMap { rows[$0, "place"] }
  }

  /// Whether a place of ``spoilt(_:)`` is one of the days of the range, or their month.
  private func isInside(_ place: String) -> Bool {
    let date = String(place.suffix(10))
    return place.hasPrefix("daily")
      ? ("2025-11-10"..."2025-11-20").contains(date) : date == "2025-11-01"
  }

  private func publications(_ place: Workplace) throws -> String? {
    try place.value("SELECT count(*) || ' ' || max(publication_id) FROM almanac.published")
  }

  @Test("writes its days and their months again, and nothing else")
  func onlyItsDays() throws {
    let place = try Workplace()
    try #require(try place.night(Self.date).status == 0)
    let whole = try place.digest()
    try spoil(place)
    let wrong = try spoilt(place)
    #expect(wrong.count { isInside($0) } >= 4 && wrong.contains { !isInside($0) }, "\(wrong)")
    let published = try publications(place)
    let plan = try place.night(Self.date, Self.range + ["--dry-run"])
    #expect(plan.stdout.contains("the days 2025-11-10 to 2025-11-20 are asked\nfor again"))
    #expect(plan.stdout.contains("rollup: 11 days, 2025-11-10 to 2025-11-20: asked for"))
    let result = try place.night(Self.date, Self.range)
    try #require(result.status == 0, "\(result.stderr)")
    let left = try spoilt(place)
    #expect(left == wrong.filter { !isInside($0) })
    #expect(try publications(place) == published)
    #expect(
      try place.value(
        """
        SELECT string_agg(stage, ' ' ORDER BY sequence) FROM almanac.stage_runs
        WHERE run_id = (SELECT run_id FROM almanac.runs ORDER BY started_at DESC LIMIT 1)
        """) == "extract check rollup metrics cohorts funnels usage")
    // The rest of the days brings back what a run from scratch has.
    let rest = try place.night(Self.date, "--from", "2025-10-01", "--to", Self.date)
    try #require(rest.status == 0, "\(rest.stderr)")
    #expect(try spoilt(place).isEmpty)
    #expect(try place.digest() == whole)
    // It stands for no night: the next run looks at all stages again.
    let night = try place.night(Self.date)
    #expect(night.status == 0 && !night.stdout.contains("nothing to do"))
    #expect(try place.digest() == whole)
  }

  @Test("that was cut off goes on with what it had not done")
  func goesOn() throws {
    let place = try Workplace()
    try #require(try place.night(Self.date).status == 0)
    try place.sql("ALTER TABLE analytics.daily_metrics RENAME TO elsewhere")
    let failed = try place.night(Self.date, Self.range)
    #expect(failed.status != 0)
    try place.sql("ALTER TABLE analytics.elsewhere RENAME TO daily_metrics")
    try spoil(place)
    let wrong = try spoilt(place)
    let second = try place.night(Self.date, Self.range)
    try #require(second.status == 0, "\(second.stderr)")
    #expect(second.stdout.contains("goes on where an earlier call for the same days was cut off"))
    // Rollups were done by the first call, and are not done twice.
    var left = try spoilt(place)
    #expect(left == wrong.filter { !isInside($0) || $0.contains("rollups") })
    // A call that ended well is over: another one begins anew.
    let third = try place.night(Self.date, Self.range)
    try #require(third.status == 0, "\(third.stderr)")
    #expect(!third.stdout.contains("cut off"))
    left = try spoilt(place)
    #expect(left == wrong.filter { !isInside($0) })
  }

  /// A company that the source does not know, with rollups on some days.
  private func unknownCompany(in place: Workplace, on dates: [String]) throws -> String {
    let company = "0b5c7a52-6a0e-4d4e-8f0c-0d8c0c0f5a11"
    try place.sql(
      """
      INSERT INTO analytics.daily_rollups
      SELECT '\(company)', event_type, module_id, date, 1, 1 FROM analytics.daily_rollups
      WHERE date IN (\(dates.map { "'\($0)'" }.joined(separator: ", "))) ON CONFLICT DO NOTHING
      """)
    return company
  }

  @Test("of companies writes the days again that hold numbers of them, for all companies")
  func ofCompanies() throws {
    let place = try Workplace()
    try #require(try place.night(Self.date).status == 0)
    let whole = try place.digest()
    let company = try unknownCompany(in: place, on: ["2025-11-10", "2025-11-20", "2025-11-21"])
    try spoil(place)
    let wrong = try spoilt(place)
    let arguments = Self.range + ["--company", "\(company),\(company.uppercased())"]
    let plan = try place.night(Self.date, arguments + ["--dry-run"])
    #expect(plan.stdout.contains("rollup: 2 days, 2025-11-10 to 2025-11-20: asked for"))
    let result = try place.night(Self.date, arguments)
    try #require(result.status == 0, "\(result.stderr)")
    #expect(try spoilt(place) == wrong.filter { !isInside($0) })
    // The rows that no event stands behind are gone on the days that were done again.
    #expect(
      try place.value(
        """
        SELECT string_agg(DISTINCT date::text, ' ') FROM analytics.daily_rollups
        WHERE company_id = '\(company)'
        """) == "2025-11-21")
    let none = try place.night(Self.date, arguments)
    #expect(none.status == 64 && none.stderr.contains("no number of what --company names"))
    try #require(try place.night(Self.date, "--force").status == 0)
    #expect(try place.digest() == whole)
  }

  @Test("of companies goes on where it was cut off, though it has taken their numbers away")
  func ofCompaniesGoesOn() throws {
    let place = try Workplace()
    try #require(try place.night(Self.date).status == 0)
    let whole = try place.digest()
    let company = try unknownCompany(in: place, on: ["2025-11-10"])
    try place.sql("ALTER TABLE analytics.agent_metrics RENAME TO elsewhere")
    let arguments = Self.range + ["--company", company]
    #expect(try place.night(Self.date, arguments).status != 0)
    try place.sql("ALTER TABLE analytics.elsewhere RENAME TO agent_metrics")
    let second = try place.night(Self.date, arguments)
    try #require(second.status == 0, "\(second.stderr)")
    #expect(second.stdout.contains("goes on where an earlier call for the same days was cut off"))
    #expect(
      try place.value(
        """
        SELECT run_id = (SELECT run_id FROM almanac.runs ORDER BY started_at DESC LIMIT 1)
        FROM almanac.intervals WHERE stage = 'usage/agents' AND interval_start = '2025-11-10'
        """) == "t")
    #expect(try place.digest() == whole)
  }

  @Test("of everything mends tables whose ledger is gone")
  func withoutLedger() throws {
    let place = try Workplace()
    try #require(try place.night(Self.date).status == 0)
    let whole = try place.digest()
    try spoil(place)
    try place.sql("DELETE FROM almanac.intervals")
    let night = try place.night(Self.date, "--force")
    #expect(night.status == 0, "\(night.stderr)")
    #expect(try place.digest() == whole)
  }

  @Test(
    "is refused with a range that is none",
    arguments: [
      (["--from", "2025-11-10"], "--from needs --to"),
      (["--to", "2025-11-10"], "--to needs --from"),
      (["--company", "0b5c7a52-6a0e-4d4e-8f0c-0d8c0c0f5a11"], "--company needs --from and --to"),
      (
        ["--from", "2025-11-10", "--to", "2025-11-20", "--company", "acme"],
        "--company takes uuids separated by commas, found \"acme\""
      ),
      (
        ["--from", "2025-11-11", "--to", "2025-11-10"], "--from 2025-11-11 is after --to 2025-11-10"
      ),
      (["--from", "2025-11-10", "--to", "2026-01-02"], "--to 2026-01-02 is after 2025-12-30"),
      (["--from", "2025-11-10", "--to", "2025-11-20", "--force"], "--force does every day again"),
      (
        ["--from", "2025-11-10", "--to", "2025-11-20", "--only", "fit+"],
        "no stage of pipeline nightly that is asked for goes by days"
      ),
    ])
  func refusals(_ arguments: [String], _ message: String) throws {
    let place = try Workplace(isFilled: false)
    let result = try place.night(Self.date, arguments)
    #expect(result.status == 64 && result.stderr.contains(message), "\(result.stderr)")
  }
}
