import Files
import Foundation
import Postgres
import TestSupport
import Testing

/// SIGINT and SIGTERM while a run is at work.
@Suite("Interrupted runs", .database)
struct InterruptionTests {
  @Test(
    "a run that waits in a transaction rolls back, is recorded, and the next one goes on",
    arguments: [(SIGTERM, Int32(143), "SIGTERM"), (SIGINT, 130, "SIGINT")])
  func rollsBack(signal: Int32, status: Int32, name: String) throws {
    let place = try Workplace()
    let (blocker, night) = try place.blockedNight(
      by: "LOCK TABLE analytics.daily_rollups IN ACCESS EXCLUSIVE MODE")
    kill(night.process.processIdentifier, signal)
    #expect(night.end() == status)
    let last = try night.stderr().split(separator: "\n").last ?? ""
    #expect(
      last
        == "almanac: interrupted by \(name); what was finished is kept, and the same command goes on"
    )
    #expect(
      try place.value(
        """
        SELECT string_agg(status || ' ' || (finished_at IS NOT NULL) || ' '
          || starts_with(error, 'interrupted by \(name)'), ' ') FROM almanac.runs
        """) == "failed true true")
    #expect(
      try place.value(
        """
        SELECT string_agg(status, ' ') FROM almanac.stage_runs WHERE stage IN ('rollup', 'usage')
        """) == "failed")
    let log = try place.almanac(["logs", "last", "--target", place.url])
    #expect(log.status == 0, "\(log.stderr)")
    let lines = log.stdout.split(separator: "\n")
    #expect(lines.first?.hasPrefix("Run ") == true)
    #expect(lines.contains { $0.contains("  extract  succeeded in ") })
    #expect(lines.contains { $0.contains("  rollup   error: interrupted by \(name)") })
    #expect(lines.last?.contains("error: failed in ") == true)
    #expect(try place.almanac(["logs", "00000000", "--target", place.url]).status == 66)
    #expect(
      try place.value("SELECT released_at IS NOT NULL FROM almanac.locks") == "t")
    // No session of the run is left to write anything once the table is free.
    try place.waitUntil(
      "SELECT count(*) = 0 FROM pg_stat_activity "
        + "WHERE datname = current_database() AND application_name = 'almanac'")
    try blocker.run("ROLLBACK")
    #expect(try place.value("SELECT count(*) FROM analytics.hourly_rollups") == "0")
    let next = try place.night("2025-12-30", "--metrics-file", "almanac.prom")
    #expect(next.status == 0, "\(next.stderr)")
    #expect(!next.stderr.contains("ended without a word"))
    let metrics = try String(
      contentsOf: place.folder.url.appending(path: "almanac.prom"), encoding: .utf8)
    #expect(metrics.contains("\nalmanac_run_success{pipeline=\"nightly\"} 1.0\n"))
    #expect(
      metrics.split(separator: "\n").count { $0.hasPrefix("almanac_stage_rows_read{") } == 11)
    #expect(metrics.contains("\nalmanac_publication_timestamp_seconds "))
    try place.verifyRollups(through: "2025-12-30")
  }

  @Test(
    "other commands that wait end too, and leave nothing half done",
    arguments: [
      (["export", "rollups", "--format", "csv", "--to", "out", "--target"], SIGTERM, Int32(143)),
      (["load", "online-retail", "--target"], SIGINT, Int32(130)),
    ])
  func others(arguments: [String], signal: Int32, status: Int32) throws {
    let place = try Workplace()
    // Two rows of the real file: all of it takes long in a debug build.
    let folder = place.folder.path + "/datasets/online-retail"
    try FileSystem.createDirectories(folder)
    let rows = """
      InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
      489434,85048,15CM CHRISTMAS GLASS BALL 20 LIGHTS,12,2009-12-01 07:45:00,6.95,13085.0,United Kingdom
      489434,79323P,PINK CHERRY LIGHTS,12,2009-12-01 07:45:00,6.75,13085.0,United Kingdom

      """
    try FileSystem.writeAtomically(Array(rows.utf8), to: folder + "/2009-2010.csv")
    let packed = try runProcess(
      URL(filePath: "/usr/bin/zstd"), ["-q", "--rm", folder + "/2009-2010.csv"])
    try #require(packed.status == 0, "\(packed.stderr)")
    let blocker = try TestDatabase.current.connect()
    try blocker.run("BEGIN")
    try blocker.run(
      "LOCK TABLE analytics.daily_rollups, billing.companies IN ACCESS EXCLUSIVE MODE")
    let command = try RunningNight(place, arguments: arguments + [place.url])
    try place.waitUntil(
      """
      SELECT EXISTS (SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'almanac')
      """)
    kill(command.process.processIdentifier, signal)
    #expect(command.end() == status)
    #expect(command.process.terminationReason == .exit)
    let lines = try command.stderr().split(separator: "\n")
    #expect(lines.first?.contains("stopping within 5 seconds") == true, "\(lines)")
    #expect(lines.last?.hasPrefix("almanac: interrupted by ") == true, "\(lines)")
    try blocker.run("ROLLBACK")
    // The same command does the whole of it once nothing is in its way.
    let again = try place.almanac(arguments + [place.url])
    let isLoad = arguments[0] == "load"
    // The tables hold the rows of the shop, which a load refuses.
    #expect(again.status == (isLoad ? 73 : 0), "\(again.stderr)")
    let files = (try? FileSystem.list(place.folder.path + "/out")) ?? []
    #expect(!files.contains { $0.contains("tmp") }, "\(files)")
  }

  @Test("a second signal ends the process at once")
  func second() throws {
    let place = try Workplace()
    // The run takes the lock and waits for its row.
    let (blocker, night) = try place.blockedNight(
      by: "LOCK TABLE almanac.stage_runs, almanac.locks IN EXCLUSIVE MODE")
    kill(night.process.processIdentifier, SIGTERM)
    for _ in 0..<1_000 where try !night.stderr().contains("a second one stops at once") {
      usleep(10_000)
    }
    kill(night.process.processIdentifier, SIGINT)
    #expect(night.end() == 130)
    #expect(night.process.terminationReason == .uncaughtSignal)
    try blocker.run("ROLLBACK")
  }
}
