import AlmanacCore
import Columns
import Files
import Postgres
import TestSupport
import Testing

@testable import Pipelines

@Suite("Increments", .database)
struct IncrementTests {
  @Test("read what came since, and nothing when nothing came", arguments: [1, 3])
  func nothingNew(jobs: Int) throws {
    let source = try AppendSource(jobs: jobs)
    try source.add(["a", "b"])
    #expect(try source.extract().read == 2)
    for _ in 0..<3 {
      // Transactions of other databases hold the horizon as well, so rows may come again.
      let (_, new, notices) = try source.extract()
      #expect(new == 0)
      #expect(notices == [])
    }
    try source.add(["c"], at: "'2020-01-01Z'")
    #expect(try source.extract().new == 1)
    #expect(try source.held() == ["a", "b", "c"])
    #expect(source.entry?.parts.count == 2)
    #expect(source.entry?.firstCut ?? "" < source.entry?.watermark.takenAt ?? "")
  }

  @Test("take rows of a transaction that was open at the cut, with those of its savepoints")
  func openAtTheCut() throws {
    let source = try AppendSource()
    let late = try source.connect()
    try source.add(["before"])
    try late.run("BEGIN")
    try source.add(["late"], on: late)
    for name in ["kept", "undone"] {
      try late.run("SAVEPOINT one")
      try source.add([name], on: late)
      try late.run(name == "kept" ? "RELEASE one" : "ROLLBACK TO one")
    }
    try source.add(["meanwhile"])
    #expect(try source.extract().new == 2)
    #expect(try source.held() == ["before", "meanwhile"])
    // The open transaction holds the horizon, so what was committed behind it comes again.
    let second = try source.extract()
    #expect(second.new == 0)
    try late.run("SAVEPOINT two")
    try source.add(["after the cut"], on: late)
    try late.run("COMMIT")
    #expect(try source.extract().new == 3)
    #expect(try source.held() == source.source())
    try source.extract()
    #expect(try source.extract().new == 0)
    #expect(try source.held() == source.source())
  }

  @Test("take prepared transactions when they are committed, and never what is rolled back")
  func prepared() throws {
    let source = try AppendSource()
    let other = try source.connect()
    let name = TestDatabase.current.name
    for (gid, value) in [("commits", "kept"), ("aborts", "gone")] {
      try other.run("BEGIN")
      try source.add([value], on: other)
      try other.run("SAVEPOINT s")
      try source.add([value + " too"], on: other)
      try other.run("PREPARE TRANSACTION '\(name) \(gid)'")
    }
    try source.add(["x"])
    #expect(try source.extract().new == 1)
    try other.run("COMMIT PREPARED '\(name) commits'")
    try other.run("ROLLBACK PREPARED '\(name) aborts'")
    #expect(try source.extract().new == 2)
    #expect(try source.held() == ["kept", "kept too", "x"])
    try source.extract()
    #expect(try source.extract().new == 0)
  }

  @Test("keep rows that the source deleted, and take both versions of one that it changed")
  func deleted() throws {
    let source = try AppendSource()
    try source.add(["a", "b"])
    try source.extract()
    try source.run("DELETE FROM app.events WHERE value = 'a'")
    #expect(try source.extract().new == 0)
    #expect(try source.held() == ["a", "b"])
    try source.run("UPDATE app.events SET value = 'b2' WHERE value = 'b'")
    #expect(try source.extract().new == 1)
    #expect(try source.held() == ["a", "b", "b2"])
  }

  @Test("are not read twice for repeated keys, within a transaction or across some")
  func repeatedKeys() throws {
    let source = try AppendSource()
    let id = "'11111111-0000-4000-8000-000000000001'"
    let open = try source.connect()
    try open.run("BEGIN")
    try source.add(["open"], on: open)
    let twice = "(\(id), 'x'), (\(id), 'x')"
    try source.run("INSERT INTO app.events (id, value) VALUES \(twice)")
    try source.run("INSERT INTO app.events (id, value) VALUES (\(id), 'y')")
    #expect(try source.extract().new == 3)
    #expect(try source.extract().new == 0)
    try source.run("INSERT INTO app.events (id, value) VALUES (\(id), 'z')")
    #expect(try source.extract().new == 1)
    try open.run("COMMIT")
    try source.extract()
    #expect(try source.held() == ["open", "x", "x", "y", "z"])
  }

  @Test("survive VACUUM FREEZE, and read a rewritten table whole without doubling a row")
  func frozenAndRewritten() throws {
    let source = try AppendSource()
    try source.add(["a", "b"])
    try source.extract()
    try source.run("VACUUM FREEZE app.events")
    try source.add(["c"])
    #expect(try source.extract().new == 1)
    for rewrite in [
      "ALTER TABLE app.events ALTER value TYPE varchar(9)", "VACUUM FULL app.events",
    ] {
      try source.run(rewrite)
      let result = try source.extract()
      #expect(result.read == 3)
      #expect(result.notices == [])
      #expect(try source.held() == ["a", "b", "c"])
      #expect(try source.extract().new == 0)
    }
  }

  @Test("do not confuse a table that was created anew, or truncated, with the one before")
  func createdAnew() throws {
    let source = try AppendSource()
    try source.add(["a", "b"])
    try source.extract()
    try source.run("CREATE TABLE app.copy AS TABLE app.events")
    try source.run("TRUNCATE app.events")
    try source.run("INSERT INTO app.events SELECT * FROM app.copy WHERE value = 'a'")
    try source.add(["c"])
    #expect(try source.extract().read == 2)
    #expect(try source.held() == ["a", "b", "c"])
    try source.run("DROP TABLE app.events")
    try source.run("ALTER TABLE app.copy RENAME TO events")
    let result = try source.extract()
    #expect(result.read == 2)
    #expect(result.notices.first == "events is read whole: the table was created anew")
    #expect(try source.held() == ["a", "b", "c"])
    #expect(try source.extract().new == 0)
  }

  @Test("go over the leaves of a partitioned table, with new, moved and detached ones")
  func partitions() throws {
    let source = try AppendSource(
      """
      CREATE SCHEMA app;
      CREATE TABLE app.events (id uuid DEFAULT gen_random_uuid(), at timestamptz,
        recorded timestamptz DEFAULT now(), value text) PARTITION BY RANGE (at);
      CREATE TABLE app.old PARTITION OF app.events FOR VALUES FROM (MINVALUE) TO ('2026-01-01Z');
      CREATE TABLE app.new PARTITION OF app.events FOR VALUES FROM ('2026-01-01Z') TO ('2027-01-01Z')
        PARTITION BY LIST (value);
      CREATE TABLE app.new_a PARTITION OF app.new FOR VALUES IN ('a');
      CREATE TABLE app.new_rest PARTITION OF app.new DEFAULT;
      """)
    try source.add(["x", "y"], at: "'2025-06-01Z'")
    try source.add(["a", "b"], at: "'2026-06-01Z'")
    #expect(try source.extract().read == 4)
    #expect(try source.extract().new == 0)
    try source.run(
      """
      CREATE TABLE app.later (LIKE app.events);
      INSERT INTO app.later (id, at, recorded, value)
        VALUES (gen_random_uuid(), '2027-06-01Z', now(), 'c');
      """)
    try source.extract()
    try source.run(
      "ALTER TABLE app.events ATTACH PARTITION app.later FOR VALUES FROM ('2027-01-01Z') TO (MAXVALUE)"
    )
    try source.add(["d"], at: "'2026-06-02Z'")
    #expect(try source.extract().new == 2)
    #expect(try source.held() == ["a", "b", "c", "d", "x", "y"])
    try source.run("ALTER TABLE app.events DETACH PARTITION app.old; TRUNCATE app.new_a")
    #expect(try source.extract().new == 0)
    #expect(try source.held() == ["a", "b", "c", "d", "x", "y"])
  }

  @Test("read all kinds of changes in any order of commits as one reading does", arguments: 0..<6)
  func anyHistory(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let source = try AppendSource()
    var sessions = try (0..<4).map { _ in (connection: try source.connect(), isOpen: false) }
    var count = 0
    for _ in 0..<60 {
      let index = Int(random.next() % 4)
      let connection = sessions[index].connection
      switch (random.next() % 8, sessions[index].isOpen) {
      case (0, _): try source.extract()
      case (1, true), (2, true):
        try connection.run(random.next() % 3 == 0 ? "ROLLBACK" : "COMMIT")
        sessions[index].isOpen = false
      case (3, true): try connection.run("SAVEPOINT s")
      case (4, true):
        try connection.run("SAVEPOINT t")
        try source.add(["undone \(count)"], on: connection)
        try connection.run("ROLLBACK TO t")
      case (1, false), (2, false), (3, false):
        try connection.run("BEGIN")
        sessions[index].isOpen = true
      default:
        count += 1
        let day = 1 + random.next() % 9
        try source.add(["row \(count)"], at: "'2026-01-0\(day)Z'", on: connection)
      }
    }
    for (connection, isOpen) in sessions where isOpen { try connection.run("COMMIT") }
    try source.extract()
    #expect(try source.held() == source.source(), "seed \(seed)")
    try source.extract()
    #expect(try source.held() == source.source(), "seed \(seed)")
  }

  @Test(
    "are refused for sources whose rows carry no transaction, by the check of the definitions too",
    arguments: ["append", "changes"],
    [
      ("a view", "CREATE VIEW app.events AS TABLE app.kept"),
      ("a materialized view", "CREATE MATERIALIZED VIEW app.events AS TABLE app.kept"),
      (
        "a foreign table",
        """
        CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
        CREATE FOREIGN TABLE app.events (id uuid, at timestamptz, recorded timestamptz, value text)
          SERVER nowhere
        """
      ),
    ])
  func withoutTransactions(mode: String, source: (kind: String, sql: String)) throws {
    let place = try AppendSource(
      AppendSource.table + "ALTER TABLE app.events RENAME TO kept;" + source.sql,
      definition: AppendSource.definition.replacing("mode: append", with: "mode: \(mode)"))
    let expected = PipelineError.noTransactions(
      dataset: "events", table: "app.events", kind: source.kind, mode: mode)
    #expect(throws: expected) { try place.extract() }
    #expect(expected.exitStatus == .configuration)
    #expect(
      expected.description
        == "dataset events: app.events is \(source.kind), whose rows carry no transaction; mode "
        + "\(mode) needs one: set `mode: full` in datasets/events.yaml")
    // `almanac check` resolves definitions by this.
    #expect(throws: expected) {
      _ = try DatasetPlan(try #require(place.place.project.dataset("events")), on: place.connect())
    }
  }
}

@Suite("Damaged parts", .database)
struct DamagedPartTests {
  /// Breaks the file of a part.
  private func damage(_ part: Manifest.Part, of source: AppendSource, by damage: String) throws {
    let path = source.place.path + "/data/" + part.path
    switch damage {
    case "missing": try FileSystem.remove(path)
    case "truncated":
      try FileSystem.writeAtomically(Array(try FileSystem.read(path).dropLast(9)), to: path)
    default:
      var bytes = try FileSystem.read(path)
      bytes[bytes.count / 2] ^= 1
      try FileSystem.writeAtomically(bytes, to: path)
      try DamageList(directory: source.place.path + "/data").add([part.path])
    }
  }

  @Test(
    "are replaced by their days, read again", arguments: ["missing", "truncated", "flipped"])
  func days(kind: String) throws {
    let source = try AppendSource()
    for day in 1...5 { try source.add(["a\(day)", "b\(day)"], at: "'2026-01-0\(day)Z'") }
    try source.extract()
    try source.add(["late"], at: "'2026-01-02T23:59:59.999999Z'")
    try source.extract()
    let parts = try #require(source.entry).parts.filter { $0.date == "2026-01-02" }
    #expect(parts.count == 2)
    try source.run("DELETE FROM app.events WHERE value IN ('a1', 'a2')")
    try source.add(["new"], at: "'2026-01-02Z'")
    let first = try #require(parts.first { $0.rows == 2 })
    try damage(first, of: source, by: kind)
    let result = try source.extract()
    #expect(
      result.notices.map { $0.replacing("at least ", with: "") } == [
        "events: the file \(first.path) was damaged; 2026-01-02 was read again from the source",
        "events: 1 row that the source no longer has could not be read again",
      ])
    // Only the damaged file held a2; a1 is on a day that is as it was.
    #expect(try source.held() == (source.source() + ["a1"]).sorted())
    #expect(try SnapshotVerification(path: source.place.path + "/data").damages.isEmpty)
    #expect(try !FileSystem.exists(source.place.path + "/data/.damaged"))
    #expect(try source.extract().new == 0)
    #expect(try source.held() == (source.source() + ["a1"]).sorted())
  }

  @Test("have everything read again where they are of no day")
  func undated() throws {
    let source = try AppendSource(
      definition: AppendSource.definition.replacing("time: at\n", with: ""))
    try source.add(["a", "b"])
    try source.extract()
    try source.add(["c"])
    try source.extract()
    try damage(try #require(source.entry?.parts.first), of: source, by: "missing")
    #expect(try source.extract().read == 3)
    #expect(try source.held() == ["a", "b", "c"])
    #expect(try source.extract().new == 0)
  }

  @Test("are noticed where an increment meets them, and replaced at once")
  func met() throws {
    let source = try AppendSource()
    let open = try source.connect()
    try open.run("BEGIN")
    try source.add(["open"], on: open)
    try source.add(["a", "b"], at: "'2026-01-01Z'")
    try source.extract()
    // The increment compares the rows of this file, since the open transaction holds the horizon.
    let part = try #require(source.entry?.parts.first)
    let path = source.place.path + "/data/" + part.path
    var bytes = try FileSystem.read(path)
    bytes[bytes.count / 2] ^= 1
    try FileSystem.writeAtomically(bytes, to: path)
    try source.extract()
    #expect(try source.held() == ["a", "b"])
    try open.run("COMMIT")
    try source.extract()
    #expect(try source.held() == ["a", "b", "open"])
  }
}
