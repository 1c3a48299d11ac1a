import Foundation
import Postgres
import TestSupport
import Testing

/// Sources that move: to another cluster or database, back in time, or to a standby.
@Suite("Extraction from clusters that move", .database)
struct ExtractionClusterTests {
  /// Copies the tables of one database into an empty one, as a dump does.
  private func restore(_ source: TestCluster, into other: TestCluster) throws {
    let file = "\(other.folder)/dump"
    try TestCluster.run([
      try TestCluster.program("pg_dump"), "-h", source.folder, "-U", "postgres", "-f", file,
      "postgres",
    ])
    try TestCluster.run([
      try TestCluster.program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", other.folder, "-U",
      "postgres", "-o", "/dev/null", "-f", file, "postgres",
    ])
  }

  @Test("takes rows once that were restored into another cluster, which may lack the latest")
  func restoredDump() throws {
    let (old, new) = (try TestCluster(), try TestCluster(.fresh))
    let place = try ExtractionPlace(source: old.url())
    try place.night()
    try restore(old, into: new)
    try place.add(3_001...3_050, "not in the dump")
    try place.night()
    let lost = try place.lines("(SELECT * FROM app.rows WHERE n > 3000)")
    place.source = new.url()
    try place.add(4_001...4_050, "new")
    let moved = try place.night("--verbose")
    #expect((moved.stdout + moved.stderr).contains("another cluster"), "\(moved.stdout)")
    let first = try place.compare(withLines: place.lines() + lost)
    #expect(first.verdict == "equal")
    try place.add(4_051...4_100, "new")
    try place.night()
    let second = try place.compare(withLines: place.lines() + lost)
    #expect(second.verdict == "equal")
  }

  @Test("takes rows once from a copy of the database in the same cluster")
  func copiedDatabase() throws {
    let cluster = try TestCluster()
    let place = try ExtractionPlace(source: cluster.url())
    try place.night()
    try place.add(3_001...3_050)
    // In the copy table, file and transactions have the same numbers.
    try cluster.connect(database: "template1").runScript(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'postgres'")
    try cluster.connect(database: "template1").run("CREATE DATABASE copy TEMPLATE postgres")
    try place.add(3_051...3_100)
    try place.night()
    let lost = try place.lines("(SELECT * FROM app.rows WHERE n > 3050)")
    place.source = cluster.url(database: "copy")
    try place.add(4_001...4_050)
    try place.night()
    let answer = try place.compare(withLines: place.lines() + lost)
    #expect(answer.verdict == "equal")
  }

  @Test("reads whole where the server is behind what was read before")
  func restoredFiles() throws {
    let cluster = try TestCluster()
    let place = try ExtractionPlace(source: cluster.url())
    try place.night()
    try cluster.stop()
    let behind = try TestCluster(.copy(of: cluster.dataPath))
    try cluster.start()
    let connection = try place.connect()
    for number in 3_001...3_100 { try connection.run(ExtractionPlace.adding(number...number)) }
    try place.night()
    let lost = try place.lines("(SELECT * FROM app.rows WHERE n > 3000)")
    // The same cluster, database, table, file and timeline; only the transactions are fewer.
    place.source = behind.url()
    try place.add(4_001...4_050)
    let moved = try place.night("--verbose")
    #expect((moved.stdout + moved.stderr).contains("behind"), "\(moved.stdout)")
    let first = try place.compare(withLines: place.lines() + lost)
    #expect(first.verdict == "equal")
    try place.add(4_051...4_200)
    try place.night()
    let second = try place.compare(withLines: place.lines() + lost)
    #expect(second.verdict == "equal")
  }

  /// A primary and its standby, which has replayed all that the primary did.
  private func pair(_ settings: [String] = []) throws -> (TestCluster, TestCluster) {
    let primary = try TestCluster()
    return (primary, try TestCluster(.standby(of: primary), settings: settings))
  }

  /// Waits until the standby has replayed what the primary wrote.
  private func catchUp(_ primary: TestCluster, _ standby: TestCluster) throws {
    let position = try primary.connect().query("SELECT pg_current_wal_lsn()")[0, 0] ?? ""
    let connection = try standby.connect()
    try wait(for: "the standby to catch up") {
      try connection.query("SELECT pg_last_wal_replay_lsn() >= '\(position)'")[0, 0] == "t"
    }
  }

  @Test("reads a standby as it reads the primary, in turn with it and when it lags behind")
  func standby() throws {
    let (primary, standby) = try pair()
    let place = try ExtractionPlace(source: primary.url())
    try catchUp(primary, standby)
    place.source = standby.url()
    try place.night("--jobs", "3")
    try place.expectHeld()
    // Begun before a cut on the standby, in a savepoint, and committed after it.
    let open = try Connection(
      ConnectionSettings(primary.url()), purpose: .target, applicationName: "almanac tests")
    try open.run("BEGIN")
    try open.run("SAVEPOINT a")
    try open.run(ExtractionPlace.adding(3_001...3_050))
    try open.run("RELEASE SAVEPOINT a")
    place.source = primary.url()
    try place.add(3_051...3_100)
    try catchUp(primary, standby)
    place.source = standby.url()
    try place.night()
    try place.expectHeld()
    try open.run("COMMIT")
    place.source = primary.url()
    try place.night()
    try place.expectHeld()
    // The standby shows an older state than the one that was read of the primary.
    try standby.connect().run("SELECT pg_wal_replay_pause()")
    try place.add(3_101...3_150)
    try place.night()
    let all = try place.lines()
    place.source = standby.url()
    place.expectFailure(try place.begin([]).wait(), status: 75, saying: "standby")
    let lagging = try place.compare(withLines: all)
    #expect(lagging.verdict == "equal")
    try standby.connect().run("SELECT pg_wal_replay_resume()")
    place.source = primary.url()
    try place.add(3_151...3_200)
    try catchUp(primary, standby)
    place.source = standby.url()
    try place.night()
    try place.expectHeld()
  }

  @Test("reads what a lagging standby did not show, beyond the overlap, once it does")
  func overlapOnStandby() throws {
    let (primary, standby) = try pair()
    let place = try ExtractionPlace(
      [
        "rows": ExtractionPlace.rows("overlap", "updated: recorded", "overlap: 1s")
          .replacing("from: app.rows", with: "query: SELECT * FROM app.rows")
      ], source: primary.url())
    try place.sql("UPDATE app.rows SET recorded = now() - interval '1 day'")
    try catchUp(primary, standby)
    place.source = standby.url()
    try place.night()
    try place.expectHeld()
    try standby.connect().run("SELECT pg_wal_replay_pause()")
    place.source = primary.url()
    try place.add(3_001...3_050)
    usleep(1_500_000)
    place.source = standby.url()
    try place.night()
    try standby.connect().run("SELECT pg_wal_replay_resume()")
    try catchUp(primary, standby)
    usleep(1_500_000)
    for _ in 0..<2 {
      let quiet = try place.night("--verbose")
      #expect(!quiet.stderr.contains("rows: 3,0"), "\(quiet.stderr)")
      try place.expectHeld()
    }
  }

  @Test("waits for a standby that has not replayed a commit though it has later transactions")
  func commitNotReplayed() throws {
    let (primary, standby) = try pair()
    let place = try ExtractionPlace(
      ["rows": ExtractionPlace.rows("changes", "deletes: key_sweep")], source: primary.url())
    let open = try place.connect()
    try open.run("BEGIN")
    try open.run(ExtractionPlace.adding(3_001...3_050))
    try place.add(3_051...3_060)
    try catchUp(primary, standby)
    try standby.connect().run("SELECT pg_wal_replay_pause()")
    try open.run("COMMIT")
    try place.night()
    try place.expectHeld(view: .latest)
    let all = try place.lines()
    // By the numbers of transactions the standby has seen everything.
    place.source = standby.url()
    place.expectFailure(try place.begin([]).wait(), status: 75, saying: "standby")
    #expect(try place.compare(withLines: all, view: .latest).verdict == "equal")
    try standby.connect().run("SELECT pg_wal_replay_resume()")
    try catchUp(primary, standby)
    try place.night()
    try place.expectHeld(view: .latest)
  }

  @Test("notices that a machine was put back, though its transactions are as many as before")
  func rolledBack() throws {
    let cluster = try TestCluster()
    let place = try ExtractionPlace(source: cluster.url())
    try place.night()
    try cluster.stop()
    let before = try TestCluster(.copy(of: cluster.dataPath))
    try cluster.start()
    // A few transactions with a long log.
    for start in [10_001, 13_001] { try place.add(start...(start + 2_999)) }
    try place.night()
    let lost = try place.lines("(SELECT * FROM app.rows WHERE n > 3000)")
    place.source = before.url()
    // More transactions than were lost, with a short one.
    let connection = try place.connect()
    for number in 4_001...4_040 { try connection.run(ExtractionPlace.adding(number...number)) }
    let moved = try place.night("--verbose")
    #expect(
      (moved.stdout + moved.stderr).contains("log of the source is behind"), "\(moved.stdout)")
    #expect(try place.compare(withLines: place.lines() + lost).verdict == "equal")
    try place.add(4_041...4_080)
    try place.night()
    #expect(try place.compare(withLines: place.lines() + lost).verdict == "equal")
  }

  @Test("loses and doubles nothing where the numbers of transactions begin again at 2^32")
  func counterWraps() throws {
    let cluster = try TestCluster(.fresh)
    // Numbers half a circle apart look reversed, so the counter is turned in steps, and all that is
    // there is frozen after each.
    for next in [2_000_000_000, 4_000_000_000, 4_294_967_295 - 150] as [Int] {
      try cluster.setNextTransaction(next)
      for database in ["template1", "postgres"] {
        try cluster.connect(database: database).run("VACUUM (FREEZE)")
      }
    }
    let place = try ExtractionPlace(source: cluster.url())
    let connection = try place.connect()
    try place.night()
    try place.expectHeld()
    func epoch() throws -> Int {
      try connection.query("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint >> 32")[
        0, 0
      ]
      .flatMap { Int($0) } ?? -1
    }
    try #require(try epoch() == 0, "the numbers began again too early for the test")
    // Begun before the turn, in a savepoint, and committed after it.
    let open = try place.connect()
    try open.run("BEGIN")
    try open.run("SAVEPOINT a")
    try open.run(ExtractionPlace.adding(3_001...3_050))
    try open.run("RELEASE SAVEPOINT a")
    for number in 4_001...4_090 { try connection.run(ExtractionPlace.adding(number...number)) }
    try place.night()
    try place.expectHeld()
    for number in 4_091...4_200 { try connection.run(ExtractionPlace.adding(number...number)) }
    try #require(try epoch() == 1, "the numbers did not begin again")
    try place.night()
    try place.expectHeld()
    try open.run("COMMIT")
    for number in 4_201...4_230 { try connection.run(ExtractionPlace.adding(number...number)) }
    try place.night()
    try place.expectHeld()
    try connection.run("VACUUM (FREEZE) app.rows")
    try place.add(4_231...4_260)
    try place.night()
    try place.expectHeld()
    // Nothing is read as new because its number is small.
    let quiet = try place.night("--verbose")
    #expect(quiet.stderr.contains("rows: 0 rows read"), "\(quiet.stderr)")
  }

  @Test("loses nothing when a standby is promoted that had not all of the primary's commits")
  func promotion() throws {
    let (primary, standby) = try pair()
    let place = try ExtractionPlace(source: primary.url())
    try catchUp(primary, standby)
    try place.night()
    try standby.connect().run("SELECT pg_wal_replay_pause()")
    // The standby goes on from here by numbers of its own: stop what it receives first.
    try standby.connect().run("ALTER SYSTEM SET primary_conninfo = ''")
    try standby.connect().run("SELECT pg_reload_conf()")
    let connection = try place.connect()
    for number in 3_001...3_040 { try connection.run(ExtractionPlace.adding(number...number)) }
    try place.night()
    let lost = try place.lines("(SELECT * FROM app.rows WHERE n > 3000)")
    try primary.kill()
    try standby.connect().run("SELECT pg_wal_replay_resume()")
    try standby.promote()
    place.source = standby.url()
    let survivors = try place.lines("(SELECT * FROM app.rows WHERE n > 3000)")
    let later = try place.connect()
    for number in 4_001...4_080 { try later.run(ExtractionPlace.adding(number...number)) }
    let moved = try place.night("--verbose")
    #expect((moved.stdout + moved.stderr).contains("promoted"), "\(moved.stdout)")
    let gone = Set(lost).subtracting(survivors)
    let answer = try place.compare(withLines: place.lines() + Array(gone))
    #expect(answer.verdict == "equal", "\(gone.count) commits were lost")
    try place.add(4_101...4_150)
    try place.night()
    let last = try place.compare(withLines: place.lines() + Array(gone))
    #expect(last.verdict == "equal")
  }

  @Test(
    "ends with 75 where recovery on the standby conflicts, and the next run completes",
    arguments: ["DELETE FROM app.rows WHERE n <= 1000", "TRUNCATE app.rows"])
  func recoveryConflict(change: String) throws {
    let (primary, standby) = try pair(["max_standby_streaming_delay=0"])
    let place = try ExtractionPlace(source: primary.url())
    try place.sql("CREATE TABLE app.seen AS TABLE app.rows")
    try catchUp(primary, standby)
    place.source = standby.url()
    let result = try place.nightStopped(at: 2_000) { program in
      let connection = try Connection(
        ConnectionSettings(primary.url()), purpose: .target, applicationName: "almanac tests")
      try connection.run(change)
      try connection.run("VACUUM app.rows")
      try wait(for: "the conflict") { !program.isRunning }
    }
    place.expectFailure(result, status: 75, saying: "recovery")
    try catchUp(primary, standby)
    try place.night()
    try place.expectHeld()
    place.source = primary.url()
    try place.add(5_001...5_100)
    try place.night()
    try place.expectHeld()
  }
}
