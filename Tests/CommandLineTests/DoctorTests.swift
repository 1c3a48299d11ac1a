import Foundation
import Postgres
import TestSupport
import Testing

/// `almanac doctor` through the built program, against roles that may no more than they need.
@Suite("The doctor")
struct DoctorTests {
  /// What `--format json` prints of one finding.
  private struct Finding: Decodable {
    var check: String
    var level: String
    var text: String
    var fix: String?
  }

  /// Two roles of the cluster that exist while a test runs.
  private struct Roles {
    let reader = "almanac_doctor_reader_\(UInt32.random(in: 0 ... .max))"
    let writer = "almanac_doctor_writer_\(UInt32.random(in: 0 ... .max))"

    func url(_ role: String) throws -> String {
      try TestServer.url(database: TestDatabase.current.name, user: role)
    }

    /// Makes them with what the README grants.
    func create(in place: Workplace) throws {
      try place.sql(
        """
        CREATE ROLE \(reader) LOGIN;
        CREATE ROLE \(writer) LOGIN IN ROLE almanac_writer, almanac_api;
        GRANT USAGE ON SCHEMA app, billing TO \(reader);
        GRANT SELECT ON ALL TABLES IN SCHEMA app, billing TO \(reader);
        GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system(),
          pg_catalog.pg_control_checkpoint() TO \(reader);
        GRANT pg_monitor TO \(reader);
        """)
    }

    func drop(in place: Workplace) {
      try? place.sql(
        "DROP OWNED BY \(reader), \(writer); DROP ROLE \(reader); DROP ROLE \(writer)")
    }
  }

  private func doctor(
    _ place: Workplace, source: String, target: String
  ) throws -> (status: Int32, findings: [Finding], error: String) {
    let result = try place.almanac([
      "doctor", "--source", source, "--target", target, "--data", "data", "--jobs", "1",
      "--format", "json",
    ])
    let findings = try JSONDecoder().decode([Finding].self, from: Data(result.stdout.utf8))
    return (result.status, findings, result.stderr)
  }

  @Test("finds nothing wrong, then everything that is, and its fixes mend that", .database)
  func fixes() throws {
    let place = try Workplace()
    let roles = Roles()
    try roles.create(in: place)
    defer { roles.drop(in: place) }
    let (source, target) = (try roles.url(roles.reader), try roles.url(roles.writer))
    try place.edit("pipelines/nightly.yaml", "zone: UTC", "zone: company")

    let sound = try doctor(place, source: source, target: target)
    let odd = sound.findings.filter { $0.level != "ok" }
    #expect(odd.map(\.text) == ["there was no run yet"], "\(odd)")
    #expect(odd.map(\.fix) == ["almanac run nightly"])
    #expect(sound.status == 0)
    #expect(sound.findings.allSatisfy { $0.level != "ok" || $0.fix == nil })

    try place.sql(
      """
      ALTER TABLE billing.plans ENABLE ROW LEVEL SECURITY;
      REVOKE SELECT ON billing.refunds FROM \(roles.reader);
      GRANT UPDATE ON billing.companies TO \(roles.reader);
      DROP INDEX app.events_timestamp_idx;
      UPDATE billing.companies SET timezone = 'Mars/O''Neill'
        WHERE id = '00000000-0000-4000-8000-000000000001';
      INSERT INTO app.events (event_id, event_type, company_id, metadata, "timestamp", created_at)
        VALUES (gen_random_uuid(), 'coffee_spilt', '00000000-0000-4000-8000-000000000001', '{}',
          '2025-12-30 12:00+00', '2025-12-30 12:00+00');
      UPDATE billing.payment_attempts SET currency = 'USD'
        WHERE attempted_at >= '2025-12-30' AND company_id = '00000000-0000-4000-8000-000000000002';
      ALTER ROLE \(roles.writer) SET statement_timeout = '30s';
      REVOKE DELETE ON analytics.daily_rollups FROM almanac_writer;
      """)
    let sick = try doctor(place, source: source, target: target)
    func text(_ check: String, _ level: String) -> [String] {
      sick.findings.filter { $0.check == check && $0.level == level }.map(\.text)
    }
    #expect(text("source row security", "error").first?.contains("billing.plans hides") == true)
    #expect(text("source rights", "error").first?.contains("billing.refunds may not") == true)
    #expect(text("source rights too many", "warning").first?.contains("billing.companies") == true)
    #expect(text("source indexes", "warning").first?.contains("app.events by timestamp") == true)
    #expect(text("time zones", "warning").first?.contains("Mars/O'Neill") == true)
    #expect(text("event types", "warning").first?.contains("\"coffee_spilt\"") == true)
    #expect(text("exchange rates", "error").first?.contains("USD to GBP for 2025-12-30") == true)
    #expect(text("target settings", "warning").first?.contains("30 s") == true)
    #expect(text("target rights", "error").first?.contains("analytics.daily_rollups") == true)
    #expect(sick.status == 77)
    #expect(sick.error.hasPrefix("almanac: 4 errors would keep a night from working"))

    // What it names as statements is done as it stands; the two others are facts to be put in.
    for fix in sick.findings.compactMap(\.fix) where fix.hasSuffix(";") {
      try place.sql(fix.replacing("…", with: "0.79").replacing("CONCURRENTLY ", with: ""))
    }
    try place.sql("DELETE FROM app.events WHERE event_type = 'coffee_spilt'")
    let mended = try doctor(place, source: source, target: target)
    let left = mended.findings.filter { $0.level != "ok" }
    #expect(left.map(\.check) == ["nights"], "\(left)")
    #expect(mended.status == 0)
  }

  @Test("tells of the ledger, of superusers and of a server that is not there", .database)
  func ledger() throws {
    let place = try Workplace()
    let night = try place.night("2025-12-31")
    try #require(night.status == 0, "\(night.stderr)")
    let found = try doctor(place, source: place.url, target: place.url)
    #expect(found.status == 0, "\(found.findings.filter { $0.level == "error" })")
    let warned = found.findings.filter { $0.level == "warning" }
    #expect(
      warned.map(\.check)
        == ["source rights too many", "target rights too many", "intervals", "publication"],
      "\(warned)")
    #expect(
      warned.contains { $0.text.hasPrefix("the oldest missing day is 2026-01-01") }, "\(warned)")

    let away = "postgresql:///shop?host=/nonexistent&user=me"
    let lost = try doctor(place, source: away, target: place.url)
    #expect(lost.status == 69)
    let errors = lost.findings.filter { $0.level == "error" }
    #expect(errors.map(\.check) == ["source connection"])
    #expect(errors.allSatisfy { $0.fix?.hasPrefix("psql ") == true })
    #expect(lost.findings.contains { $0.check == "target schemas" && $0.level == "ok" })
    // A file that is wrong does not mend itself, the server may.
    try place.edit("pipelines/nightly.yaml", "zone: UTC", "zone: Mars")
    let both = try doctor(place, source: away, target: away)
    #expect(both.status == 78)
    #expect(
      both.findings.map(\.check)
        == ["definitions", "source connection", "target connection", "disk space"])
  }
}
