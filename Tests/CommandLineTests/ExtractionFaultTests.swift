import AlmanacCore
import Foundation
import Postgres
import TestSupport
import Testing

/// Runs that are cut off: a clear end, a directory that stays sound, and a next run that completes.
@Suite("Extraction that is cut off", .database)
struct ExtractionFaultTests {
  /// Whether a run is the first one, which may load in chunks, or one that adds to a directory.
  enum Night: String, CaseIterable, CustomTestStringConvertible {
    case first = "a first load"
    case later = "an increment"

    var testDescription: String { rawValue }

    /// A place before such a night, with rows up to 4,400 to read and the brake at 4,000 on the way.
    func place(source: String? = nil) throws -> ExtractionPlace {
      let isFirst = self == .first
      let place = try ExtractionPlace(
        source: source, rows: isFirst ? 4_400 : 3_000, isPadded: isFirst)
      if !isFirst {
        try place.night()
        try place.add(3_001...4_400)
      }
      return place
    }
  }

  /// Checks that the directory holds nothing wrong, then that the next run completes it.
  private func expectRecovery(
    _ place: ExtractionPlace, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try place.expectHeld(
      relation: .within, toleratesStray: true, sourceLocation: sourceLocation)
    try place.night(sourceLocation: sourceLocation)
    try place.expectHeld(sourceLocation: sourceLocation)
    try place.add(9_001...9_050)
    try place.night(sourceLocation: sourceLocation)
    try place.expectHeld(sourceLocation: sourceLocation)
  }

  @Test("survives a kill of the server in the middle of a COPY", arguments: Night.allCases)
  func serverKilled(night: Night) throws {
    let cluster = try TestCluster()
    let place = try night.place(source: cluster.url())
    let result = try place.nightStopped(at: 4_000) { _ in
      try cluster.kill()
      try cluster.start()
    }
    place.expectFailure(result, status: 69, saying: "connection")
    try expectRecovery(place)
  }

  @Test("loses nothing where a crash made the server forget commits and count their numbers again")
  func forgottenCommits() throws {
    let cluster = try TestCluster(settings: ["synchronous_commit=off", "wal_writer_delay=10s"])
    let place = try ExtractionPlace(source: cluster.url())
    try place.sql("CHECKPOINT")
    try place.night()
    let connection = try place.connect()
    for number in 4_001...4_040 {
      try connection.run(ExtractionPlace.adding(number...number))
    }
    try place.night()
    try place.expectHeld(relation: .holds)
    try cluster.kill()
    try cluster.start()
    #expect(try place.lines().count < 3_040, "the server has forgotten nothing")
    let later = try place.connect()
    for number in 5_001...5_060 { try later.run(ExtractionPlace.adding(number...number)) }
    try place.night()
    try place.expectHeld(relation: .holds)
  }

  @Test(
    "survives the end of its server process in the middle of a COPY", arguments: Night.allCases)
  func backendTerminated(night: Night) throws {
    let place = try night.place()
    let result = try place.nightStopped(at: 4_000) { _ in
      try place.sql(
        """
        SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_locks
        WHERE locktype = 'advisory' AND NOT granted AND objid = 4000 AND database =
          (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
        """)
    }
    place.expectFailure(result, status: 69, saying: "app.rows")
    try expectRecovery(place)
  }

  @Test("survives the end of the session that holds the cut, while another reads")
  func coordinatorTerminated() throws {
    let place = try Night.later.place()
    let result = try place.nightStopped(at: 4_000) { _ in
      try place.sql(
        """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'
          AND datname = current_database() AND application_name = 'almanac'
        """)
    }
    if result.status != 0 { place.expectFailure(result, status: 69, saying: "connection") }
    try expectRecovery(place)
  }

  @Test("may be tried again where the session that holds the cut ends before another joins")
  func coordinatorTerminatedEarly() throws {
    let place = try Night.later.place()
    // Each session takes a moment to begin, so the cut is taken while the readers come.
    let source = place.source
    place.source += "&options=-c%20post_auth_delay%3D1"
    let program = try place.begin(["--jobs", "1"])
    place.source = source
    let connection = try place.connect()
    try wait(for: "the session that holds the cut to end") {
      let rows = try connection.query(
        """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'
          AND datname = current_database() AND application_name = 'almanac'
          AND clock_timestamp() - state_change > interval '0.3 s'
        """)
      return rows.count > 0 || !program.isRunning
    }
    let result = try program.wait()
    // On a busy machine the readers may have joined before the session ends.
    #expect([0, 69, 75].contains(result.status), "\(result.status): \(result.stderr)")
    try expectRecovery(place)
  }

  @Test("ends with 75 when a timeout of its role cancels the COPY", arguments: Night.allCases)
  func statementTimeout(night: Night) throws {
    let place = try night.place()
    try place.withReader { source, role in
      try place.sql("ALTER ROLE \(role) SET statement_timeout = '400ms'")
      let admin = place.source
      place.source = source
      let result = try place.nightStopped(at: 4_000, holder: admin) { program in
        try wait(for: "the timeout") { !program.isRunning }
      }
      place.expectFailure(result, status: 75, saying: "timeout", "app.rows")
      place.source = admin
      try place.sql("ALTER ROLE \(role) RESET statement_timeout")
      place.source = source
      try place.night()
      place.source = admin
      try place.expectHeld()
    }
  }

  @Test("ends with 75 when another session keeps the table locked longer than its role waits")
  func lockTimeout() throws {
    let place = try Night.later.place()
    try place.withReader { source, role in
      try place.sql("ALTER ROLE \(role) SET lock_timeout = '200ms'")
      let holder = try place.connect()
      try holder.run("BEGIN")
      try holder.run("LOCK TABLE app.rows IN ACCESS EXCLUSIVE MODE")
      let admin = place.source
      place.source = source
      let result = try place.begin().wait()
      place.expectFailure(result, status: 75, saying: "lock")
      try holder.run("ROLLBACK")
      try place.night()
      place.source = admin
      try place.expectHeld()
    }
  }

  @Test(
    "ends with 74 where the disk is full, and goes on when there is room",
    .enabled(if: SmallDisk.isPossible, "mounting a small disk needs root"),
    arguments: Night.allCases)
  func fullDisk(night: Night) throws {
    let place = try night.place()
    let disk = try SmallDisk(pages: 10_000)
    let data = disk.path + "/data"
    // What a whole run takes tells where the steps between nothing and all of it lie.
    place.data = disk.path + "/tried"
    try place.night()
    let whole = try disk.usedPages()
    try FileManager.default.removeItem(atPath: place.data)
    let before = place.folder.path(percentEncoded: false) + "/data"
    if FileManager.default.fileExists(atPath: before) {
      try FileManager.default.copyItem(atPath: before, toPath: data)
    }
    place.data = data
    let used = try disk.usedPages()
    for step in 0..<5 {
      try disk.resize(pages: max(used + 1, used + (whole - used) * step / 5))
      try place.awaitEndOfRuns()
      let result = try place.begin().wait()
      place.expectFailure(result, status: 74, saying: "data")
      try place.expectHeld(relation: .within, toleratesStray: true)
    }
    try disk.resize(pages: 10_000)
    try expectRecovery(place)
  }

  @Test(
    "names a column that is gone, renamed or of another type, and keeps what it holds",
    arguments: [
      ("ALTER TABLE app.rows DROP note", 66, "note"),
      ("ALTER TABLE app.rows RENAME note TO notes", 66, "\"notes\""),
      ("ALTER TABLE app.rows ALTER amount TYPE double precision", 65, "amount"),
      ("ALTER TABLE app.rows DROP CONSTRAINT rows_pkey, DROP id", 66, "id"),
      ("ALTER TABLE app.rows RENAME TO row", 66, "app.rows"),
    ] as [(String, Int32, String)])
  func alteredTable(statement: String, status: Int32, named: String) throws {
    let place = try ExtractionPlace()
    try place.night()
    try place.sql("CREATE TABLE app.seen AS TABLE app.rows")
    try place.sql(statement)
    place.expectFailure(try place.begin().wait(), status: status, saying: "rows", named)
    try place.expectHeld("app.seen")
    // Put back as it was, with the rows it had.
    try place.sql(
      """
      DROP TABLE IF EXISTS app.rows; DROP TABLE IF EXISTS app.row;
      CREATE TABLE app.rows (LIKE app.seen, PRIMARY KEY (id));
      INSERT INTO app.rows TABLE app.seen;
      """)
    try place.add(3_001...3_050)
    try place.night()
    try place.expectHeld()
  }

  @Test("removes what a run left that was killed while it wrote")
  func leftovers() throws {
    let place = try ExtractionPlace()
    try place.night()
    // A manifest on its way, and parts that were written before a manifest could list them.
    for name in [
      ".4242-1.almanac-tmp", "rows/date=2025-06-03/part-0123456789abcdef.parquet",
      "rows/date=1999-01-01/part-0123456789abcdef.parquet",
    ] {
      let file = URL(filePath: place.data + "/" + name)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data("half".utf8).write(to: file)
    }
    try place.add(3_001...3_010)
    try place.night()
    try place.expectHeld()
    let verified = try place.almanac(["datasets", "verify", "--data", place.data])
    #expect(verified.status == 0 && !verified.stdout.contains("stray"), "\(verified.stdout)")
  }

  @Test("survives SIGKILL at 50 random moments", arguments: [1, 2, 3, 4, 5] as [UInt64])
  func killed(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let place = try ExtractionPlace(rows: 4_400, isPadded: true)
    let start = ContinuousClock.now
    try place.night()
    var duration = ContinuousClock.now - start
    var next = 6_001
    for kill in 0..<12 {
      // The first kills meet a first load, the later ones increments onto what there is. After ten
      // of them a whole run follows, after the other two the next kill.
      if kill == 0 || kill == 6 { try FileManager.default.removeItem(atPath: place.data) }
      let program = try place.begin(["--jobs", kill % 2 == 0 ? "1" : "2"])
      Thread.sleep(
        forTimeInterval: Double.random(in: 0.05...1.05, using: &random)
          * (Double(duration.components.attoseconds) / 1e18 + Double(duration.components.seconds)))
      program.kill()
      _ = try program.wait()
      try place.awaitEndOfRuns()
      let answer = try place.compare(relation: .within, toleratesStray: true)
      #expect(answer.verdict == "equal", "seed \(seed), kill \(kill)")
      if kill % 6 != 0 {
        let start = ContinuousClock.now
        try place.night()
        duration = ContinuousClock.now - start
        try place.expectHeld("app.rows", "seed \(seed), kill \(kill)")
        try place.add(next...next + 500)
        next += 501
      }
    }
    try place.night()
    try place.expectHeld("app.rows", "seed \(seed)")
  }
}
