import AlmanacCore
import Columns
import Files
import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Pipelines

@Suite("Modes of extraction", .database)
struct ModeTests {
  private static func definition(_ mode: String, _ more: String = "") -> String {
    AppendSource.definition.replacing("mode: append", with: "mode: \(mode)\(more)")
  }

  /// The versions of every key that were seen, and the deletions, in the order of the cuts.
  private func parts(_ source: AppendSource, _ kind: Manifest.Part.Kind) -> [Manifest.Part] {
    (source.entry?.parts ?? []).filter { ($0.kind ?? .rows) == kind }
  }

  @Test("changes: every version that a cut sees is kept, deletions too, and the last one is read")
  func changes() throws {
    let source = try AppendSource(definition: Self.definition("changes"))
    try source.add(["a", "b", "c"])
    try source.extract()
    try source.run("UPDATE app.events SET value = 'a2' WHERE value = 'a'")
    try source.run("DELETE FROM app.events WHERE value = 'b'")
    try source.add(["d"])
    #expect(try source.extract().new == 2)
    #expect(try source.held() == ["a2", "c", "d"])
    #expect(parts(source, .rows).reduce(0) { $0 + $1.rows } == 5)
    #expect(parts(source, .tombstones).map(\.rows) == [1])
    let second = try #require(source.entry?.watermark.takenAt)
    // The same again is no version; a key that comes back is one.
    #expect(try source.extract().new == 0)
    #expect(parts(source, .tombstones).count == 1)
    try source.run(
      "UPDATE app.events SET value = 'a3' WHERE value = 'a2'; DELETE FROM app.events WHERE value = 'd'"
    )
    try source.extract()
    #expect(try source.held() == ["a3", "c"])
    let versions = try source.context.directory.reader.readVersions(
      "events", asOf: Timestamp(second), columns: ["value"])
    let values = versions.flatMap { batch in
      batch.rowValues.compactMap { row -> String? in
        if case .bytes(let bytes)? = row[0] { String(decoding: bytes, as: UTF8.self) } else { nil }
      }
    }
    #expect(values.sorted() == ["a2", "c", "d"])
    // Another history of transactions: what is the same is no version either.
    try source.run(
      """
      CREATE TABLE app.other (LIKE app.events INCLUDING ALL);
      INSERT INTO app.other SELECT * FROM app.events;
      UPDATE app.other SET value = 'c2' WHERE value = 'c';
      DROP TABLE app.events; ALTER TABLE app.other RENAME TO events;
      """)
    let before = parts(source, .rows).reduce(0) { $0 + $1.rows }
    try source.extract()
    #expect(try source.held() == ["a3", "c2"])
    #expect(parts(source, .rows).reduce(0) { $0 + $1.rows } == before + 1)
  }

  /// Lets the last cut have been taken two days later than it was.
  private func setClockBack(_ source: AppendSource) throws -> Timestamp {
    var manifest = source.context.directory.manifest
    let watermark = try #require(manifest.datasets["events"]?.watermark)
    let taken = try #require(Timestamp(watermark.takenAt)?.microseconds)
    let later = Timestamp(microseconds: taken + 2 * Timestamp.microsecondsPerDay)
    manifest.datasets["events"]?.watermark.takenAt = later.description
    if watermark.changedThrough != nil {
      manifest.datasets["events"]?.watermark.changedThrough = later.description
    }
    source.context.directory.adopt(manifest)
    return later
  }

  @Test("changes: a clock that was set back hides no version, and is told")
  func clockSetBack() throws {
    let source = try AppendSource(definition: Self.definition("changes", "\ndeletes: key_sweep"))
    try source.add(["a", "b"])
    try source.extract()
    var last = try setClockBack(source)
    for (value, next) in [("a", "a2"), ("a2", "a3")] {
      try source.run("UPDATE app.events SET value = '\(next)' WHERE value = '\(value)'")
      let notices = try source.extract().notices
      #expect(
        notices.contains { $0.contains("the clock of the source was set back") }, "\(notices)")
      #expect(try source.held() == [next, "b"])
      let taken = try #require(Timestamp(source.entry?.watermark.takenAt ?? ""))
      #expect(taken > last)
      last = taken
    }
    try source.run("DELETE FROM app.events WHERE value = 'b'")
    try source.extract()
    #expect(try source.held() == ["a3"])
  }

  @Test("overlap: everything is read again where the clock was set back")
  func overlapSetBack() throws {
    let source = try AppendSource(
      AppendSource.table
        + "ALTER TABLE app.events ADD updated timestamptz DEFAULT clock_timestamp();",
      definition: Self.definition("overlap", "\nupdated: updated\noverlap: 1h"))
    try source.add(["a", "b"])
    try source.extract()
    _ = try setClockBack(source)
    try source.run(
      "UPDATE app.events SET value = 'a2', updated = clock_timestamp() WHERE value = 'a'")
    let (read, _, notices) = try source.extract()
    #expect(read == 2 && notices.contains { $0.contains("clock of the source was set back") })
    #expect(try source.held() == ["a2", "b"])
    #expect(try source.extract().read == 2)
  }

  @Test("overlap: reads what changed since the last cut and a while before, from any source")
  func overlap() throws {
    let source = try AppendSource(
      AppendSource.table + """
        ALTER TABLE app.events ADD updated timestamptz DEFAULT clock_timestamp();
        ALTER TABLE app.events RENAME TO stored;
        CREATE VIEW app.events AS SELECT * FROM app.stored;
        """, definition: Self.definition("overlap", "\nupdated: updated\noverlap: 1h"))
    try source.run(
      """
      INSERT INTO app.events (value, updated, at) VALUES
        ('old', now() - interval '1 day', '2026-01-01Z'), ('new', now(), '2026-01-01Z')
      """)
    #expect(try source.extract().read == 2)
    #expect(try source.extract().read == 1)
    try source.run(
      """
      UPDATE app.events SET value = 'moved', at = '2026-01-05Z', updated = clock_timestamp()
        WHERE value = 'new';
      UPDATE app.events SET value = 'unnoticed' WHERE value = 'old';
      INSERT INTO app.events (value) VALUES ('third');
      """)
    #expect(try source.extract().read == 2)
    #expect(try source.held() == ["moved", "old", "third"])
  }

  @Test("a bound on the recorded clock leaves rows out until an increment without it counts them")
  func bound() throws {
    let source = try AppendSource(definition: Self.definition("append", "\nincrement_bound: 1h"))
    let late =
      "INSERT INTO app.events (value, recorded) VALUES ('late', now() - interval '2 hours')"
    try source.add(["a"])
    try source.extract()
    try source.run(late)
    try source.add(["b"])
    #expect(try source.extract().new == 1)
    #expect(try source.held() == ["a", "b"])
    #expect(source.entry?.missedByBound == nil)
    try source.add(["c"])
    try source.extract()
    // As if a week had passed.
    var manifest = source.context.directory.manifest
    manifest.datasets["events"]?.watermark.unboundedAt = "2020-01-01T00:00:00.000000Z"
    try source.context.directory.commit(manifest)
    #expect(try source.extract().new == 1)
    #expect(try source.held() == ["a", "b", "c", "late"])
    #expect(source.entry?.missedByBound == 1)
    #expect(source.entry?.watermark.unboundedHorizon == nil)
    #expect(source.context.memo.findings.withLock { $0["events"] }?.missedByBound == 1)
    #expect(try source.extract().new == 0)
    #expect(source.entry?.missedByBound == 1)
  }

  @Test("an increment within its bound goes by the index on the clock, not through the table")
  func boundByIndex() throws {
    let source = try AppendSource(
      AppendSource.table + """
        ALTER TABLE app.events ADD filler text DEFAULT repeat('x', 1900);
        ALTER TABLE app.events ALTER filler SET STORAGE PLAIN;
        CREATE INDEX events_recorded ON app.events (recorded);
        """, definition: Self.definition("append", "\nincrement_bound: 1h"))
    // More blocks than one piece has.
    let rows = 4 * SourcePieces.minimumBlocks + 400
    try source.run(
      """
      INSERT INTO app.events (value, at, recorded)
        SELECT 'old', '2026-01-01Z', '2026-01-01Z' FROM generate_series(1, \(rows));
      ANALYZE app.events;
      """)
    #expect(try source.extract().new == rows)
    func indexScans() throws -> Int {
      let found = try source.connect().query(
        "SELECT coalesce(idx_scan, 0) FROM pg_stat_user_tables WHERE relname = 'events'")
      return Int(found[0, 0] ?? "") ?? -1
    }
    try source.add(["b", "c"])
    #expect(try indexScans() == 0)
    #expect(try source.extract().new == 2)
    // A session tells of its scans when it ends, which may be a little later.
    for _ in 0..<100 where try indexScans() == 0 { Thread.sleep(forTimeInterval: 0.1) }
    #expect(try indexScans() > 0)
    #expect(try source.held().filter { $0 != "old" } == ["b", "c"])
  }

  @Test(
    "a bound that left rows out fails the contract until it is changed, and one that did not does")
  func boundContract() throws {
    let source = try AppendSource(definition: Self.definition("append", "\nincrement_bound: 1h"))
    let check = CheckStage(datasets: ["events"])
    func result() throws -> [String?] {
      let rows = try source.connect().query(
        """
        SELECT level, status, rows_bad FROM almanac.source_contract_results
        WHERE dataset = 'events' AND check_name = 'increment_bound' ORDER BY checked_at DESC LIMIT 1
        """)
      // A run records each check once.
      try source.run("DELETE FROM almanac.source_contract_results")
      return rows.count == 0 ? [] : rows.row(0)
    }
    /// As if a week had passed.
    func age() throws {
      var manifest = source.context.directory.manifest
      manifest.datasets["events"]?.watermark.unboundedAt = "2020-01-01T00:00:00.000000Z"
      try source.context.directory.commit(manifest)
    }
    try source.add(["a"])
    try source.extract()
    #expect(try check.run(in: source.context).notices.isEmpty)
    #expect(try result() == ["error", "skipped", "0"])
    try age()
    try source.extract()
    _ = try check.run(in: source.context)
    #expect(try result() == ["error", "passed", "0"])
    try source.run(
      "INSERT INTO app.events (value, recorded) VALUES ('late', now() - interval '2 hours')")
    try source.extract()
    _ = try check.run(in: source.context)
    #expect(try result() == ["error", "passed", "0"], "nobody knows yet")
    try age()
    #expect(try source.extract().notices.contains { $0.contains("1 row recorded earlier than") })
    for _ in 1...2 {
      let error = try #require(throws: ContractError.self) {
        _ = try check.run(in: source.context)
      }
      #expect(error.exitStatus == .badData)
      #expect(error.description.contains("1 row that it leaves out"))
      #expect(error.description.contains("lengthen increment_bound"))
      #expect(try result() == ["error", "failed", "1"])
      try source.extract()
    }
    // Another bound is proved anew.
    var manifest = source.context.directory.manifest
    manifest.datasets["events"]?.missedBound = 1
    try source.context.directory.commit(manifest)
    try source.extract()
    _ = try check.run(in: source.context)
    #expect(try result() == ["error", "skipped", "0"])
  }

  @Test("a bound reaches back to the begin of a transaction that was prepared at the last cut")
  func preparedBound() throws {
    let source = try AppendSource(definition: Self.definition("append", "\nincrement_bound: 1h"))
    try source.add(["a"])
    try source.extract()
    let slow = try source.connect()
    let name = "\(TestDatabase.current.name)_slow"
    try slow.run("BEGIN")
    // As early as a row of this transaction may be dated.
    try slow.run(
      """
      INSERT INTO app.events (value, recorded)
      VALUES ('slow', now() - interval '1 hour' + interval '0.05 s')
      """)
    _ = try slow.query("SELECT pg_sleep(0.3)")
    try slow.run("PREPARE TRANSACTION '\(name)'")
    #expect(try source.extract().new == 0)
    try slow.run("COMMIT PREPARED '\(name)'")
    #expect(try source.extract().new == 1)
    #expect(try source.held() == ["a", "slow"])
  }

  @Test(
    "tells the rows that are new from those that are read again", arguments: ["append", "changes"])
  func newRows(mode: String) throws {
    let source = try AppendSource(definition: Self.definition(mode))
    try source.add(["a", "b", "c"])
    #expect(try source.extract().new == 3)
    try source.run("VACUUM FULL app.events")
    try source.add(["d"])
    let whole = try source.extract()
    #expect((whole.read, whole.new) == (4, 1))
    try source.run("TRUNCATE app.events")
    try source.add(["e", "f"])
    #expect(try source.extract().new == 2)
  }

  @Test("a materialized view cannot be refreshed while it is read")
  func materializedView() throws {
    let database = TestDatabase.current
    let source = try AppendSource(
      AppendSource.table + """
        ALTER TABLE app.events RENAME TO stored;
        CREATE MATERIALIZED VIEW app.events AS TABLE app.stored;
        """, definition: Self.definition("full")
    ) { line in
      guard line.hasPrefix("extract: one cut") else { return }
      do {
        let connection = try database.connect()
        try connection.run("SET lock_timeout = '50ms'")
        let code = try refusal { try connection.run("REFRESH MATERIALIZED VIEW app.events") }
        #expect(code == "55P03")
      } catch {
        Issue.record(error)
      }
    }
    try source.extract()
    try source.run(
      "INSERT INTO app.stored (value) VALUES ('x'); REFRESH MATERIALIZED VIEW app.events")
    try source.extract()
    #expect(try source.held() == ["x"])
  }

  @Test("a table below a query cannot be truncated while it is read")
  func tableBelowQuery() throws {
    let database = TestDatabase.current
    let source = try AppendSource(
      definition: Self.definition("full").replacing(
        "from: app.events", with: "query: SELECT id, at, recorded, value FROM app.events")
    ) { line in
      guard line.hasPrefix("extract: one cut") else { return }
      do {
        let connection = try database.connect()
        try connection.run("SET lock_timeout = '50ms'")
        #expect(try refusal { try connection.run("TRUNCATE app.events") } == "55P03")
      } catch {
        Issue.record(error)
      }
    }
    try source.add(["a"])
    try source.extract()
    #expect(try source.held() == ["a"])
  }
}
