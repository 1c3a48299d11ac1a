import Files
import Foundation
import Postgres
import TestSupport
import Testing

/// What a run would do: `almanac plan` and `almanac run --dry-run`.
@Suite("Plans", .database)
struct PlanTests {
  /// A plan as its JSON tells it.
  private struct Plan: Decodable {
    struct Stage: Decodable {
      var stage: String
      var action: String
      var reasons: [String]
      var days: Int?
      var firstDay: String?
      var rows: Int?
      var seconds: Double?
    }
    struct Source: Decodable {
      var lookedAt: Bool
      var newEvents: Int?
      var reason: String?
    }
    var finished: Bool
    var date: String
    var reason: String?
    var notices: [String]
    var source: Source?
    var lateDays: [String]?
    var stages: [Stage]

    subscript(_ name: String) -> Stage? { stages.first { $0.stage == name } }
  }

  /// Every row of every table with its place and the transaction that wrote it, the sequences, and
  /// the bytes and times of every file.
  private func state(_ place: Workplace) throws -> [String] {
    let connection = try TestDatabase.current.connect()
    let tables = try connection.query(
      """
      SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name, c.relkind = 'S' AS counts
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'S')
        AND n.nspname IN ('almanac', 'analytics', 'predictions', 'api', 'app', 'billing')
      ORDER BY 1
      """)
    var state: [String] = []
    for row in 0..<tables.count {
      let name = tables[row, "name"] ?? ""
      let query =
        tables[row, "counts"] == "t"
        ? "SELECT last_value || ' ' || is_called FROM \(name)"
        : """
        SELECT count(*) || ' ' || coalesce(md5(string_agg(
          t.ctid || ' ' || t.xmin || ' ' || t::text, ' ' ORDER BY t.ctid)), '') FROM \(name) AS t
        """
      let digest = try connection.query(query)
      state.append("\(name) \(digest[0, 0] ?? "")")
    }
    let files = FileManager.default.enumerator(atPath: place.folder.path)
    while let file = files?.nextObject() as? String {
      let path = place.folder.path + "/" + file
      let time = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate]
      let bytes = try FileSystem.isDirectory(path) ? [] : FileSystem.read(path)
      state.append("\(file) \(time ?? "") \(Data(bytes).base64EncodedString().hashValue)")
    }
    return state.sorted()
  }

  /// Plans and checks that nothing changed.
  private func unchanged(_ place: Workplace, _ date: String, _ more: String...) throws -> Plan {
    let before = try state(place)
    var arguments = [
      "plan", "nightly", "--date", date, "--source", place.url, "--data", "data", "--format",
      "json",
    ]
    arguments += more
    let result = try place.almanac(arguments)
    try #require(result.status == 0, "\(result.stderr)")
    #expect(try state(place) == before)
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Plan.self, from: Data(result.stdout.utf8))
  }

  /// The days that the newest run's rollup stage computed.
  private func computedDays(_ place: Workplace) throws -> Int? {
    try place.value(
      """
      SELECT detail->>'days_computed' FROM almanac.stage_runs WHERE stage = 'rollup'
      ORDER BY started_at DESC LIMIT 1
      """
    ).flatMap { Int($0) }
  }

  @Test("name the earlier days to which rows came late before they are read")
  func lateDays() throws {
    let place = try Workplace()
    #expect(try unchanged(place, "2025-12-28").source == nil)
    try #require(try place.night("2025-12-28").status == 0)
    try place.sql(
      """
      INSERT INTO app.events (event_id, company_id, user_id, module_id, event_type, "timestamp",
        metadata, created_at)
      SELECT gen_random_uuid(), company_id, user_id, module_id, event_type, "timestamp", metadata,
        clock_timestamp() FROM app.events WHERE "timestamp" < '2025-12-20' ORDER BY event_id LIMIT 5
      """)
    let days = try place.value(
      """
      SELECT string_agg(DISTINCT (("timestamp" AT TIME ZONE 'UTC')::date)::text, ' ') FROM app.events
      WHERE created_at = (SELECT max(created_at) FROM app.events)
        OR created_at > now() - interval '1 hour'
      """)
    var plan = try unchanged(place, "2025-12-29")
    let late = try #require(plan.lateDays)
    #expect(late.joined(separator: " ") == days && !late.isEmpty)
    #expect(plan.source?.lookedAt == true && plan.source?.newEvents == 5)
    #expect(plan["rollup"]?.days == late.count + 1)
    #expect(
      plan["rollup"]?.reasons.last
        == late.joined(separator: ", ") + ": rows came late to the source")
    let skipped = try unchanged(place, "2025-12-29", "--skip", "extract")
    #expect(skipped.source == nil && skipped["rollup"]?.days == 1)
    let dry = try place.night("2025-12-29", "--dry-run")
    #expect(dry.stdout.contains("came late to the source"), "\(dry.stdout)")
    try #require(try place.night("2025-12-29").status == 0)
    #expect(try computedDays(place) == late.count + 1)
    plan = try unchanged(place, "2025-12-30")
    #expect(plan.lateDays == [] && plan.source?.newEvents == 0)

    // Without an index the server would have to look at all rows of a large table.
    try place.sql(
      """
      DROP INDEX app.events_created_at_idx;
      DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %I SET seq_page_cost = 100000', current_database());
      END $$
      """)
    plan = try unchanged(place, "2025-12-30")
    #expect(plan.source?.lookedAt == false && plan.lateDays == nil)
    #expect(plan.source?.reason == "app.events is large and no index on created_at finds them")
    #expect(plan["rollup"]?.days == 1)
    #expect(plan.notices.contains { $0.contains("not known to which earlier days") })
  }

  @Test("do without a source that cannot be reached, and say so")
  func withoutSource() throws {
    let place = try Workplace()
    try #require(try place.night("2025-12-28").status == 0)
    let call = [
      "plan", "nightly", "--source", "postgresql:///shop?host=/nonexistent&user=me", "--target",
      place.url, "--data", "data", "--format", "json",
    ]
    func plan(_ more: [String]) throws -> Plan {
      let result = try place.almanac(call + more)
      try #require(result.status == 0, "\(result.stderr)")
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      return try decoder.decode(Plan.self, from: Data(result.stdout.utf8))
    }
    let next = try plan(["--date", "2025-12-29"])
    #expect(next.source?.reason == "the source cannot be reached" && next.lateDays == nil)
    #expect(next["rollup"]?.reasons == ["2025-12-29: not computed yet"])
    #expect(next.notices.contains { $0.hasPrefix("the target's clock tells the date") })
    #expect(try plan(["--date", "2025-12-28"]).finished)
    #expect(
      try plan([]).date
        == place.value("SELECT ((now() AT TIME ZONE 'UTC')::date - 1)::text"))
    // A run needs it.
    #expect(try place.almanac(["run"] + call.dropFirst()).status == 69)
  }

  @Test("say what the next run then does, and change neither database nor folder")
  func agreement() throws {
    let place = try Workplace()
    // Before the first night there is no folder, and none is made.
    var plan = try unchanged(place, "2025-12-28")
    #expect(plan.reason == "there was no run for 2025-12-28 yet")
    #expect(plan["extract"]?.reasons.first?.contains("for the first time") == true)
    #expect(plan["rollup"]?.reasons == ["events is extracted first"])
    #expect(plan.stages.allSatisfy { $0.seconds == nil })
    #expect(plan.stages.count == 11)

    try #require(try place.night("2025-12-28").status == 0)
    plan = try unchanged(place, "2025-12-28")
    #expect(plan.finished && plan.stages.isEmpty)
    let text = try place.night("2025-12-28", "--dry-run")
    #expect(text.stdout.contains("nothing to do"))

    // A new date: one day of rollups, and times by the night before.
    plan = try unchanged(place, "2025-12-29")
    #expect(plan["rollup"]?.days == 1 && plan["rollup"]?.firstDay == "2025-12-29")
    #expect(plan["rollup"]?.reasons == ["2025-12-29: not computed yet"])
    #expect(plan["metrics"]?.reasons.first == "2025-12-29 is new, the last date is 2025-12-28")
    #expect(plan["publish"]?.reasons == ["readers see the forecasts as of 2025-12-28"])
    #expect(plan.stages.allSatisfy { $0.seconds != nil })
    try #require(try place.night("2025-12-29").status == 0)
    #expect(try computedDays(place) == 1)

    // Late rows are known once they are extracted.
    try place.sql(
      """
      INSERT INTO app.events (event_id, company_id, user_id, module_id, event_type, "timestamp",
        metadata, created_at)
      SELECT gen_random_uuid(), company_id, user_id, module_id, event_type, "timestamp", metadata,
        now() FROM app.events WHERE "timestamp" < '2025-12-20' ORDER BY event_id LIMIT 5
      """)
    try #require(try place.night("2025-12-29", "--only", "extract").status == 0)
    plan = try unchanged(place, "2025-12-29")
    #expect(plan.reason == "the newest run for 2025-12-29 did some stages only")
    #expect(plan["rollup"]?.reasons.last?.hasSuffix("rows or rates came, went or changed") == true)
    #expect(plan["usage"]?.reasons == ["reads what rollup writes"])
    #expect(plan["cohorts"]?.action == "look")
    let late = try #require(plan["rollup"]?.days)
    #expect(late >= 1)
    try #require(try place.night("2025-12-29").status == 0)
    #expect(try computedDays(place) == late)

    // A changed definition concerns every day, and an older date no reader.
    try place.edit("pipelines/nightly.yaml", "grains: [hour, day, month]", "grains: [day]")
    plan = try unchanged(place, "2025-12-28", "--skip", "extract,check")
    #expect(plan["extract"] == nil)
    #expect(plan["rollup"]?.reasons.last?.hasSuffix("zone, currency or grains changed") == true)
    #expect(plan["publish"]?.action == "nothing")
    let all = try #require(plan["rollup"]?.days)
    try #require(try place.night("2025-12-28", "--skip", "extract,check,publish").status == 0)
    #expect(try computedDays(place) == all)
    #expect(
      try place.value(
        """
        SELECT string_agg(stage, ' ' ORDER BY sequence) FROM almanac.stage_runs
        WHERE run_id = (SELECT run_id FROM almanac.runs ORDER BY started_at DESC LIMIT 1)
        """) == "rollup metrics cohorts funnels usage anomalies fit predict")
  }
}
