import Files
import Foundation
import Postgres
import TestSupport
import Testing

/// What a user sees when something is wrong: one line, the documented status, nothing half-written.
@Suite("Failures of a run")
struct FailureTests {
  private func expectFailure(
    _ result: ProcessOutcome, status: Int32, saying parts: String...,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(result.status == status, "\(result.stderr)", sourceLocation: sourceLocation)
    let last = result.stderr.split(separator: "\n").last.map(String.init) ?? ""
    #expect(last.hasPrefix("almanac: "), "\(last)", sourceLocation: sourceLocation)
    for part in parts {
      #expect(last.contains(part), "\(last)", sourceLocation: sourceLocation)
    }
    #expect(!result.stderr.contains("Fatal error"), sourceLocation: sourceLocation)
  }

  @Test("an unreachable server ends with 69 and names what to check", .database)
  func unreachable() throws {
    let place = try Workplace(isFilled: false)
    let result = try place.almanac([
      "run", "nightly", "--date", "2025-12-31", "--source", "postgresql:///shop?host=/nonexistent",
      "--target", place.url,
    ])
    expectFailure(result, status: 69, saying: "--source")
  }

  @Test("a wrong password ends with 77 and never prints it", .database)
  func wrongPassword() throws {
    let place = try Workplace()
    let result = try place.almanac(
      [
        "run", "nightly", "--date", "2025-12-31", "--source",
        try TestServer.url(database: "postgres", user: "almanac_password"), "--target", place.url,
      ], environment: ["PGPASSWORD": "not-the-secret"])
    expectFailure(result, status: 77, saying: "password")
    #expect(!(result.stderr + result.stdout).contains("not-the-secret"))
  }

  @Test(
    "a password on the command line is refused with the alternatives",
    arguments: [
      "postgresql://user:hush@host/db", "host=x password=hush dbname=y",
      "postgresql://host/db?password=hush",
    ])
  func passwordInClear(text: String) throws {
    let result = try runProcess(
      try builtProgram(), ["run", "nightly", "--source", text], environment: [:])
    expectFailure(result, status: 64, saying: ".pgpass", "PGPASSWORD", "ALMANAC_SOURCE")
    #expect(!(result.stderr + result.stdout).contains("hush"))
  }

  @Test("a missing table ends with 66 and names dataset and table", .database)
  func missingTable() throws {
    let place = try Workplace()
    try place.sql("DROP TABLE billing.refunds")
    let result = try place.night("2025-12-31")
    expectFailure(result, status: 66, saying: "refunds", "billing.refunds")
    #expect(try place.value("SELECT count(*) FROM analytics.daily_rollups") == "0")
  }

  @Test("a missing column ends with 66 and suggests the likely one", .database)
  func missingColumn() throws {
    let place = try Workplace()
    try place.sql("ALTER TABLE billing.payment_attempts RENAME COLUMN outcome TO outcomes")
    let result = try place.night("2025-12-31")
    expectFailure(result, status: 66, saying: "billing.payment_attempts", "outcome", "\"outcomes\"")
  }

  @Test("a column of another type ends with 65 and names both types", .database)
  func wrongType() throws {
    let place = try Workplace()
    try place.sql(
      "ALTER TABLE billing.payment_attempts ALTER COLUMN attempted_at TYPE timestamp")
    let result = try place.night("2025-12-31")
    expectFailure(result, status: 65, saying: "attempted_at", "timestamp", "payment_attempts")
  }

  @Test("a missing right ends with 77", .database)
  func noPermission() throws {
    let place = try Workplace()
    let role = "almanac_stranger_\(UInt32.random(in: 0 ... .max))"
    try place.sql("CREATE ROLE \(role) LOGIN")
    defer { try? place.sql("DROP ROLE \(role)") }
    let stranger = try TestServer.url(database: TestDatabase.current.name, user: role)
    let result = try place.almanac([
      "run", "nightly", "--date", "2025-12-31", "--source", stranger, "--target", place.url,
      "--data", "data",
    ])
    expectFailure(result, status: 77, saying: "permission")
  }

  @Test("a full disk ends with 74 and leaves the tables as they were", .database)
  func fullDisk() throws {
    let place = try Workplace()
    // A limit on the size of a file stands for the full disk: the kernel refuses the write alike.
    let result = try runProcess(
      URL(filePath: "/bin/bash"),
      [
        "-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"", try builtProgram().path, "run",
        "nightly",
        "--date", "2025-12-31", "--source", place.url, "--target", place.url, "--data", "data",
      ], environment: [:], in: place.folder.url)
    expectFailure(result, status: 74, saying: "data")
    #expect(try place.value("SELECT count(*) FROM analytics.daily_rollups") == "0")
    #expect(try !FileSystem.exists(place.folder.path + "/data/manifest.json"))
    #expect(try place.night("2025-12-31").status == 0)
  }

  @Test("unreadable YAML ends with 78 and names file, line and column", .database)
  func unreadableYAML() throws {
    let place = try Workplace(isFilled: false)
    try place.edit("pipelines/nightly.yaml", "stages:", "stagse:")
    let result = try place.night("2025-12-31")
    expectFailure(result, status: 78, saying: "pipelines/nightly.yaml:", "stagse", "\"stages\"")
  }

  @Test("an unknown stage is named with the closest known one", .database)
  func unknownStage() throws {
    let place = try Workplace(isFilled: false)
    expectFailure(
      try place.night("2025-12-31", "--only", "rolup"), status: 64, saying: "rolup", "\"rollup\"")
    try place.edit("pipelines/nightly.yaml", "- publish", "- publich")
    expectFailure(try place.night("2025-12-31"), status: 78, saying: "publich", "publish")
  }

  @Test("an unknown pipeline, command or option suggests the closest")
  func unknownNames() throws {
    for (arguments, word) in [
      (["runn"], "run"), (["run", "--dat", "2025-01-01"], "--date"), (["--halp"], "--help"),
    ] {
      let result = try runProcess(try builtProgram(), arguments, environment: [:])
      expectFailure(result, status: 64, saying: "did you mean \"\(word)\"")
    }
  }

  @Test(
    "a date without data ends with 66 and says which dates there are", .database,
    arguments: ["2012-05-05", "2026-03-01"])
  func dateWithoutData(date: String) throws {
    let place = try Workplace()
    expectFailure(
      try place.night(date), status: 66, saying: date, SmallShop.firstDate, SmallShop.lastDate)
    #expect(try place.value("SELECT count(*) FROM analytics.daily_rollups") == "0")
  }

  @Test("a date that is not over is refused", .database)
  func dateNotOver() throws {
    let place = try Workplace()
    expectFailure(try place.night("2999-01-01"), status: 64, saying: "2999-01-01", "not over")
  }

  @Test("an empty source ends with 66 and names the table", .database)
  func emptySource() throws {
    let place = try Workplace()
    try place.sql("TRUNCATE app.events")
    expectFailure(try place.night("2025-12-31"), status: 66, saying: "app.events", "empty")
  }

  @Test("a target without the schemas ends with 78 and says how to make them", .database)
  func withoutSchemas() throws {
    let place = try Workplace(isInitialised: false)
    expectFailure(try place.night("2025-12-31"), status: 78, saying: "almanac init")
  }

  @Test("a second run at the same time ends with 75 and names the first", .database)
  func secondRun() throws {
    let place = try Workplace()
    let connection = try TestDatabase.current.connect()
    try #require(try connection.tryAdvisoryLock(0x61_6C_6D_61_6E_61_63))
    try connection.run(
      """
      INSERT INTO almanac.locks (name, token, holder, acquired_at)
      VALUES ('run', 7, 'nightly on elsewhere', now())
      """)
    expectFailure(try place.night("2025-12-31"), status: 75, saying: "nightly on elsewhere")
    #expect(try place.value("SELECT token FROM almanac.locks") == "7")
    #expect(try place.value("SELECT count(*) FROM almanac.runs") == "0")
  }

  @Test("a failed run is recorded with its reason, and the next one succeeds", .database)
  func failureIsRecorded() throws {
    let place = try Workplace()
    try place.sql("ALTER TABLE billing.refunds RENAME TO refunds_gone")
    #expect(try place.night("2025-12-31").status == 66)
    #expect(
      try place.value("SELECT status || ' ' || (error LIKE '%billing.refunds%') FROM almanac.runs")
        == "failed true")
    try place.sql("ALTER TABLE billing.refunds_gone RENAME TO refunds")
    #expect(try place.night("2025-12-31").status == 0)
    let status = try place.almanac(["status", "--target", place.url])
    #expect(status.stdout.contains("succeeded"))
    #expect(status.stdout.contains("failed"))
  }
}
