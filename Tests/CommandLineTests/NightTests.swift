import Files
import Foundation
import Postgres
import TestSupport
import Testing

/// Whole nights through the built program.
@Suite("A night")
struct NightTests {
  private static let date = "2025-12-30"

  @Test("writes rollups, forecasts and a publication that readers see", .database)
  func writesEverything() throws {
    let place = try Workplace()
    let result = try place.night(Self.date)
    try #require(result.status == 0, "\(result.stderr)")
    #expect(result.stdout.contains("Revenue forecast"))
    #expect(result.stdout.contains("seasonal naive"))
    try place.verifyRollups(through: Self.date)
    #expect(
      try place.value(
        """
        SELECT bool_and(lower_95 <= lower_80 AND lower_80 <= predicted AND predicted <= upper_80
          AND upper_80 <= upper_95 AND lower_95 >= 0) FROM predictions.revenue_forecasts
        """) == "t")
    let connection = try TestDatabase.current.connect()
    try connection.run("SET ROLE almanac_reader")
    #expect(try connection.query("SELECT * FROM api.revenue_forecast_v1").count == 0)
    try connection.run("SET almanac.company_id = '00000000-0000-0000-0000-000000000000'")
    let seen = try connection.query(
      "SELECT grain, count(*) AS rows FROM api.revenue_forecast_v1 WHERE scope = 'total' "
        + "GROUP BY grain ORDER BY grain")
    #expect(seen.row(0) == ["day", "90"])
    #expect(seen.row(1) == ["month", "6"])
    // What is forecast of all companies is what is forecast of each, to the last digit.
    let sums = """
      SELECT grain, measure, period_start, sum(predicted) FILTER (WHERE scope = 'total') AS total,
        sum(predicted) FILTER (WHERE scope = 'company') AS companies
      FROM predictions.revenue_forecasts GROUP BY 1, 2, 3
      """
    #expect(
      try place.value(
        "SELECT count(*) || ' ' || bool_and(total = companies) FROM (\(sums)) AS s") == "96 true")
  }

  @Test("forecasts for a month that has begun no less than what is known of it", .database)
  func runningMonth() throws {
    let place = try Workplace()
    let result = try place.night("2025-12-30")
    try #require(result.status == 0, "\(result.stderr)")
    let known = """
      (SELECT sum(amount) FROM (
        SELECT amount FROM billing.payment_attempts
        WHERE outcome = 'succeeded' AND attempted_at >= '2025-12-01 00:00+00'
          AND attempted_at < '2025-12-31 00:00+00' AND created_at < '2025-12-31 00:00+00'
        UNION ALL
        SELECT amount FROM billing.transactions t
        WHERE succeeded_at >= '2025-12-01 00:00+00' AND succeeded_at < '2025-12-31 00:00+00'
          AND created_at < '2025-12-31 00:00+00' AND NOT EXISTS (
            SELECT FROM billing.payment_attempts a
            WHERE a.transaction_id = t.id AND a.created_at < '2025-12-31 00:00+00')
      ) AS payments)
      """
    #expect(
      try place.value(
        """
        SELECT lower_95 >= \(known) AND \(known) > 0 FROM predictions.revenue_forecasts
        WHERE scope = 'total' AND grain = 'month' AND period_start = '2025-12-01'
        """) == "t")
    let rounded = try #require(
      try place.value("SELECT to_char(\(known), 'FM999,999,999,990')"))
    #expect(
      result.stdout.contains("\n  2025-12: \(rounded) of it is known by 2025-12-30\n"),
      "\(result.stdout)")
    // A whole month is not the running one.
    let over = try place.night("2025-11-30")
    #expect(over.status == 0)
    #expect(!over.stdout.contains("of it is known"))
  }

  @Test("gives equal digests for any number of jobs, from empty starts", .database)
  func jobsChangeNothing() throws {
    let place = try Workplace()
    try #require(try place.night(Self.date, "--jobs", "1").status == 0)
    let one = try place.digest()
    try place.sql(
      """
      DROP SCHEMA api, predictions, analytics, almanac CASCADE
      """)
    try #require(try place.almanac(["init", "--target", place.url]).status == 0)
    try FileSystem.removeTree(place.folder.path + "/data")
    try #require(try place.night(Self.date, "--jobs", "2").status == 0)
    #expect(try place.digest() == one)
  }

  @Test("does a finished date again only when forced, with the same digest", .database)
  func finishedNight() throws {
    let place = try Workplace()
    try #require(try place.night(Self.date).status == 0)
    let first = try place.digest()
    let again = try place.night(Self.date)
    #expect(again.status == 0)
    #expect(again.stdout.contains("is finished"))
    #expect(try place.value("SELECT count(*) FROM almanac.runs") == "1")
    try place.sql("DELETE FROM analytics.daily_rollups WHERE date = '2025-03-03'")
    let forced = try place.night(Self.date, "--force")
    #expect(forced.status == 0, "\(forced.stderr)")
    #expect(try place.value("SELECT count(*) FROM almanac.published") == "2")
    #expect(try place.digest() == first)
  }

  @Test(
    "changes its digest when one source row changes", .database,
    arguments: [
      """
      INSERT INTO billing.payment_attempts
      SELECT (jsonb_populate_record(p, jsonb_build_object('id', gen_random_uuid()))).*
      FROM billing.payment_attempts p ORDER BY p.id LIMIT 1
      """,
      """
      INSERT INTO app.events
      SELECT (jsonb_populate_record(e, jsonb_build_object('event_id', gen_random_uuid()))).*
      FROM app.events e ORDER BY e.event_id LIMIT 1
      """,
    ])
  func oneRowMatters(change: String) throws {
    let place = try Workplace()
    try #require(try place.night(Self.date).status == 0)
    let before = try place.digest()
    try place.sql(change)
    try #require(try place.night(Self.date, "--force").status == 0)
    #expect(try place.digest() != before)
  }

  @Test("computes only the days whose events changed", .database)
  func onlyChangedDays() throws {
    let place = try Workplace()
    try #require(try place.night(Self.date).status == 0)
    try place.sql(
      """
      INSERT INTO app.events (event_id, event_type, company_id, "timestamp", created_at)
      VALUES (gen_random_uuid(), 'late_event', '00000000-0000-4000-8000-000000000001',
        '2025-05-05 12:00+00', '2025-12-30 12:00+00')
      """)
    let result = try place.night("2025-12-31")
    try #require(result.status == 0, "\(result.stderr)")
    #expect(
      try place.value(
        """
        SELECT string_agg(interval_start::text, ' ' ORDER BY interval_start)
        FROM almanac.intervals
        WHERE stage = 'rollup' AND run_id = (SELECT run_id FROM almanac.runs ORDER BY started_at DESC LIMIT 1)
        """) == "2025-05-05 2025-12-31")
    #expect(
      try place.value(
        """
        SELECT event_count FROM analytics.daily_rollups WHERE event_type = 'late_event'
        """) == "1")
  }

  @Test(
    "keeps what an append table no longer has, and empties days that a table in mode full lost",
    .database, arguments: ["append", "full"])
  func vanishedDays(mode: String) throws {
    let place = try Workplace()
    try place.edit("datasets/events.yaml", "mode: append", "mode: \(mode)")
    try #require(try place.night(Self.date).status == 0)
    let before = try place.digest()
    try place.sql("DELETE FROM app.events WHERE \"timestamp\" < '2025-02-01 00:00+00'")
    try #require(try place.night(Self.date, "--force").status == 0)
    let first = try place.value("SELECT min(date) FROM analytics.daily_rollups")
    if mode == "full" {
      #expect(first ?? "" >= "2025-02-01")
    } else {
      #expect(try place.digest() == before)
    }
  }

  @Test("a deleted data folder is noticed and the tables stay right", .database)
  func deletedFolder() throws {
    let place = try Workplace()
    try #require(try place.night(Self.date).status == 0)
    let digest = try place.digest()
    try FileSystem.removeTree(place.folder.path + "/data")
    let result = try place.night(Self.date)
    #expect(result.status == 0, "\(result.stderr)")
    #expect(result.stdout.contains("data is new"))
    #expect(try place.digest() == digest)
    #expect(try FileSystem.exists(place.folder.path + "/data/manifest.json"))
  }

  @Test("a swapped data folder is noticed and the tables stay right", .database)
  func swappedFolders() throws {
    let place = try Workplace()
    try #require(try place.night(Self.date).status == 0)
    let digest = try place.digest()
    let path = place.folder.path
    // Another folder, made from another state of the source.
    try place.sql(
      """
      BEGIN;
      CREATE TABLE billing.kept AS TABLE billing.payment_attempts;
      DELETE FROM billing.payment_attempts WHERE amount > 150;
      COMMIT
      """)
    try #require(
      try place.almanac([
        "run", "nightly", "--date", "2025-12-29", "--source", place.url, "--target", place.url,
        "--data", "other",
      ]).status == 0)
    try place.sql(
      """
      BEGIN;
      TRUNCATE billing.payment_attempts;
      INSERT INTO billing.payment_attempts TABLE billing.kept;
      DROP TABLE billing.kept;
      COMMIT
      """)
    try #require(try place.night(Self.date, "--force").status == 0)
    try FileSystem.rename(path + "/data", to: path + "/aside")
    try FileSystem.rename(path + "/other", to: path + "/data")
    let result = try place.night(Self.date)
    #expect(result.status == 0, "\(result.stderr)")
    #expect(result.stdout.contains("is not the data folder of the last run"))
    #expect(try place.digest() == digest)
  }

  @Test("a restored older data folder is noticed and the tables stay right", .database)
  func restoredFolder() throws {
    let place = try Workplace()
    let path = place.folder.path
    try #require(try place.night("2025-12-29").status == 0)
    try #require(
      try runProcess(
        URL(filePath: "/bin/cp"), ["-a", path + "/data", path + "/backup"], environment: [:]
      ).status == 0)
    try place.sql(
      """
      INSERT INTO app.events (event_id, event_type, company_id, "timestamp", created_at)
      VALUES (gen_random_uuid(), 'new_event', '00000000-0000-4000-8000-000000000001',
        '2025-12-30 12:00+00', '2025-12-30 12:00+00')
      """)
    try #require(try place.night(Self.date).status == 0)
    let digest = try place.digest()
    try FileSystem.removeTree(path + "/data")
    try FileSystem.rename(path + "/backup", to: path + "/data")
    let result = try place.night(Self.date)
    #expect(result.status == 0, "\(result.stderr)")
    #expect(result.stdout.contains("is not as the last run left it"))
    #expect(try place.digest() == digest)
  }

  @Test(
    "a damaged part is named by a stage that reads it, and replaced by the next extraction",
    .database)
  func damagedPart() throws {
    let place = try Workplace()
    let path = place.folder.path
    try #require(try place.night(Self.date).status == 0)
    let digest = try place.digest()
    let day = path + "/data/events/date=2025-12-30"
    let name = try #require(try FileSystem.list(day).first)
    var bytes = try FileSystem.read(day + "/" + name)
    bytes[bytes.count / 2] ^= 1
    try FileSystem.writeAtomically(bytes, to: day + "/" + name)
    try place.sql("DELETE FROM almanac.intervals WHERE interval_start = '2025-12-30'")
    let partial = try place.night(Self.date, "--only", "rollup")
    #expect(partial.status == 65)
    #expect(partial.stderr.contains(name))
    let whole = try place.night(Self.date, "--force")
    #expect(whole.status == 0, "\(whole.stderr)")
    #expect(try place.digest() == digest)
  }

  @Test("leaves no stray file and only days up to its date", .database)
  func noStrayFiles() throws {
    let place = try Workplace()
    let path = place.folder.path
    try #require(try place.night(Self.date).status == 0)
    try FileSystem.createDirectories(path + "/data/events/date=1999-01-01")
    try FileSystem.writeAtomically([1, 2, 3], to: path + "/data/events/date=1999-01-01/x.parquet")
    try #require(try place.night(Self.date, "--force").status == 0)
    #expect(try !FileSystem.exists(path + "/data/events/date=1999-01-01"))
    #expect(try place.value("SELECT max(date) FROM analytics.daily_rollups") == Self.date)
  }

  @Test("two runs started together: one works, the other says so", .database)
  func startedTogether() async throws {
    let place = try Workplace()
    let arguments = [
      "run", "nightly", "--date", Self.date, "--source", place.url, "--target", place.url,
      "--data", "data",
    ]
    let folder = place.folder.url
    let statuses = try await withThrowingTaskGroup(of: Int32.self) { group in
      for _ in 0..<2 {
        group.addTask {
          try runProcess(try builtProgram(), arguments, environment: [:], in: folder).status
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    // The later one may also come so late that the night is finished.
    #expect(statuses.sorted() == [0, 75] || statuses == [0, 0])
    #expect(
      try place.value("SELECT count(*) FROM almanac.runs WHERE status = 'succeeded'") == "1")
  }

  @Test(
    "killed at any moment, the next run ends in the right tables", .database,
    arguments: [0.1, 0.4, 0.8, 1.3])
  func killed(seconds: Double) throws {
    let place = try Workplace()
    let script =
      "\"$0\" \"$@\" & sleep \(seconds); kill -9 $! 2>/dev/null; wait $! 2>/dev/null; true"
    _ = try runProcess(
      URL(filePath: "/bin/bash"),
      [
        "-c", script, try builtProgram().path, "run", "nightly", "--date", Self.date, "--source",
        place.url, "--target", place.url, "--data", "data",
      ], environment: [:], in: place.folder.url)
    let result = try place.night(Self.date)
    #expect(result.status == 0, "\(result.stderr)")
    try place.verifyRollups(through: Self.date)
    #expect(
      try place.value(
        """
        SELECT count(*) FROM predictions.revenue_forecasts
        WHERE run_id = (SELECT run_id FROM almanac.published ORDER BY publication_id DESC LIMIT 1)
          AND scope = 'total' AND measure = 'revenue'
        """) == "96")
  }

  @Test("an older date is computed and kept, and readers stay with the newer one", .database)
  func olderDate() throws {
    let place = try Workplace()
    try #require(try place.night(Self.date).status == 0)
    let older = try place.night("2025-11-15")
    #expect(older.status == 0, "\(older.stderr)")
    #expect(older.stdout.contains("were not published"))
    #expect(
      try place.value("SELECT string_agg(as_of::text, ' ') FROM almanac.published") == Self.date)
    #expect(
      try place.value("SELECT count(DISTINCT as_of) FROM predictions.revenue_forecasts") == "2")
    #expect(try place.night("2025-11-15").stdout.contains("is finished"))
    try place.verifyRollups(through: Self.date)
  }

  @Test("a date is not finished after a run of an older one with other settings", .database)
  func olderDateWithOtherSettings() throws {
    let place = try Workplace()
    try #require(try place.night(Self.date).status == 0)
    // What only some stages of another date did, the others do not know.
    try #require(try place.night("2025-11-15", "--only", "extract").status == 0)
    #expect(try !place.night(Self.date).stdout.contains("is finished"))
    #expect(try place.night(Self.date).stdout.contains("is finished"))
    try place.edit("pipelines/nightly.yaml", "zone: UTC", "zone: Pacific/Kiritimati")
    // Since D-403 this computes all newer days too.
    try #require(try place.night("2025-11-15", "--only", "rollup").status == 0)
    try place.edit("pipelines/nightly.yaml", "zone: Pacific/Kiritimati", "zone: UTC")
    let repaired = try place.night(Self.date)
    #expect(repaired.status == 0 && !repaired.stdout.contains("is finished"))
    try place.verifyRollups(through: Self.date)
    #expect(try place.night(Self.date).stdout.contains("is finished"))
  }

  @Test("a date is not finished after a forced run of it failed or was cut off", .database)
  func failedAfterSuccess() throws {
    let place = try Workplace()
    try #require(try place.night(Self.date).status == 0)
    try place.sql(
      """
      INSERT INTO app.events (event_id, event_type, company_id, "timestamp", created_at)
      VALUES (gen_random_uuid(), 'late', '00000000-0000-4000-8000-000000000001',
        '2025-04-04 12:00+00', '2025-04-04 12:00+00')
      """)
    try place.edit("pipelines/nightly.yaml", "currency: GBP", "currency: EUR")
    #expect(try place.night(Self.date, "--force").status == 65)
    #expect(try place.night(Self.date).status == 65)
    try place.edit("pipelines/nightly.yaml", "currency: EUR", "currency: GBP")
    let repaired = try place.night(Self.date)
    #expect(repaired.status == 0)
    #expect(!repaired.stdout.contains("is finished"))
    try place.verifyRollups(through: Self.date)
    try place.sql("UPDATE almanac.runs SET status = 'running', finished_at = NULL")
    #expect(try place.night(Self.date).stdout.contains("ended without a word"))
  }

  @Test(
    "other settings reach days after the date, and grains that are no longer asked for",
    .database)
  func changedSettings() throws {
    let place = try Workplace()
    try #require(try place.night(Self.date).status == 0)
    try place.edit("pipelines/nightly.yaml", "zone: UTC", "zone: Pacific/Kiritimati")
    try #require(try place.night("2025-11-15").status == 0)
    #expect(
      try place.value(
        """
        SELECT count(DISTINCT settings_digest) FROM almanac.intervals WHERE stage = 'rollup'
        """) == "1")
    try place.edit("pipelines/nightly.yaml", "grains: [hour, day, month]", "grains: [hour]")
    try #require(try place.night(Self.date).status == 0)
    #expect(try place.value("SELECT count(*) FROM analytics.daily_rollups") == "0")
  }

  @Test("one event in the year 1 costs no millennium of days, and leaves none behind", .database)
  func ancientEvent() throws {
    let place = try Workplace()
    // Only then is it forgotten as well.
    try place.edit("datasets/events.yaml", "mode: append", "mode: full")
    try place.sql(
      """
      INSERT INTO app.events (event_id, event_type, company_id, "timestamp", created_at)
      VALUES ('00000000-0000-4000-8000-0000000000ff', 'ancient',
        '00000000-0000-4000-8000-000000000001', '0001-02-03 12:00+00', '2025-04-04 12:00+00')
      """)
    try #require(try place.night(Self.date).status == 0)
    try place.verifyRollups(through: Self.date)
    #expect(try place.value("SELECT count(*) <= 3660 FROM almanac.intervals") == "t")
    try place.sql("DELETE FROM app.events WHERE event_type = 'ancient'")
    try #require(try place.night("2025-12-31").status == 0)
    try place.verifyRollups(through: "2025-12-31")
    #expect(
      try place.value(
        "SELECT min(interval_start) FROM almanac.intervals WHERE stage = 'rollup'") == "2025-01-01")
  }

  @Test("a date after the newest row says so", .database)
  func quietDays() throws {
    let place = try Workplace()
    let result = try place.night("2026-01-03")
    #expect(result.status == 0, "\(result.stderr)")
    #expect(result.stdout.contains("3 days before 2026-01-03"))
  }
}
