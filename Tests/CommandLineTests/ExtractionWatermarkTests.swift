import Foundation
import Postgres
import TestSupport
import Testing

/// Rows that commit, move or vanish around a cut: everything arrives exactly once.
@Suite("Extraction around the watermark", .database)
struct ExtractionWatermarkTests {
  @Test("takes rows of transactions that began before a cut and ended after it, once")
  func openTransactions() throws {
    let place = try ExtractionPlace()
    let (plain, saved, undone) = (try place.connect(), try place.connect(), try place.connect())
    try plain.run("BEGIN")
    try plain.run(ExtractionPlace.adding(10001...10050, "plain"))
    try saved.run("BEGIN")
    try saved.run("SAVEPOINT a")
    try saved.run(ExtractionPlace.adding(10101...10150, "released"))
    try saved.run("RELEASE SAVEPOINT a")
    try saved.run("SAVEPOINT b")
    try saved.run(ExtractionPlace.adding(10201...10250, "undone"))
    try saved.run("ROLLBACK TO SAVEPOINT b")
    try saved.run("SAVEPOINT c")
    try saved.run(ExtractionPlace.adding(10301...10350, "kept"))
    try undone.run("BEGIN")
    try undone.run(ExtractionPlace.adding(10401...10450, "gone"))
    // Finished after the open ones began: above the horizon and visible at once.
    try place.add(10501...10550, "between")
    try place.night()
    try place.expectHeld()
    try plain.run("COMMIT")
    try saved.run(ExtractionPlace.adding(10351...10360, "after"))
    try saved.run("COMMIT")
    try undone.run("ROLLBACK")
    try place.night()
    try place.expectHeld()
    try place.add(10601...10610)
    try place.night()
    try place.expectHeld()
  }

  @Test("takes rows of a prepared transaction once it is committed, and never if rolled back")
  func preparedTransactions() throws {
    let place = try ExtractionPlace()
    let name = TestDatabase.current.name
    for (number, suffix) in [(20_001, "kept"), (20_101, "undone")] {
      let connection = try place.connect()
      try connection.run("BEGIN")
      try connection.run("SAVEPOINT a")
      try connection.run(ExtractionPlace.adding(number...number + 40))
      try connection.run("RELEASE SAVEPOINT a")
      try connection.run("PREPARE TRANSACTION '\(name)_\(suffix)'")
    }
    try place.add(20201...20250)
    try place.night()
    try place.expectHeld()
    try place.add(20301...20350)
    try place.night()
    try place.expectHeld()
    try place.connect().run("COMMIT PREPARED '\(name)_kept'")
    try place.connect().run("ROLLBACK PREPARED '\(name)_undone'")
    try place.night()
    try place.expectHeld()
    try place.night()
    try place.expectHeld()
  }

  @Test(
    "loses and doubles nothing while writers commit out of order", arguments: [11, 12] as [UInt64])
  func concurrentWriters(seed: UInt64) throws {
    let place = try ExtractionPlace(rows: 500)
    let writers = RandomWriters(6, seed: seed, url: place.source, first: 1_000_000)
    for night in 0..<5 {
      let committed = try place.lines()
      try place.night("--jobs", night % 2 == 0 ? "1" : "3")
      // What was committed before the night is held, and nothing that is not committed after it.
      let before = try place.compare(withLines: committed, relation: .holds)
      #expect(before.verdict == "equal", "seed \(seed), night \(night)")
      let after = try place.compare(relation: .within)
      #expect(after.verdict == "equal", "seed \(seed), night \(night)")
    }
    #expect(writers.stop() == [], "seed \(seed)")
    try place.night()
    try place.expectHeld("app.rows", "seed \(seed)")
  }

  @Test("takes what a session holds back by a lock, when it lets go")
  func lockedTable() throws {
    let place = try ExtractionPlace()
    try place.night()
    try place.sql("CREATE TABLE app.seen AS TABLE app.rows")
    let holder = try place.connect()
    try holder.run("BEGIN")
    try holder.run("LOCK TABLE app.rows IN ACCESS EXCLUSIVE MODE")
    try holder.run(ExtractionPlace.adding(4001...4100))
    let night = try place.begin()
    try wait(for: "the extraction to wait for the lock") {
      try holder.query(
        """
        SELECT count(*) FROM pg_catalog.pg_locks
        WHERE NOT granted AND relation = 'app.rows'::regclass
        """)[0, 0] != "0"
    }
    try holder.run("TRUNCATE app.rows")
    try holder.run(ExtractionPlace.adding(5001...5100))
    try holder.run("COMMIT")
    let result = try night.wait()
    #expect(result.status == 0, "\(result.stderr)")
    try place.expectHeld("(TABLE app.rows UNION ALL TABLE app.seen)")
  }

  @Test("makes a TRUNCATE wait for an increment that reads")
  func truncateDuringIncrement() throws {
    let place = try ExtractionPlace()
    try place.night()
    try place.add(3001...3200)
    try place.sql("CREATE TABLE app.seen AS TABLE app.rows")
    let result = try place.nightStopped(at: 3100) { _ in
      let other = try place.connect()
      try other.run("SET lock_timeout = '50ms'")
      let error = #expect(throws: PostgresError.self) { try other.run("TRUNCATE app.rows") }
      #expect(error?.description.contains("lock timeout") ?? false)
    }
    #expect(result.status == 0, "\(result.stderr)")
    try place.expectHeld()
    try place.sql("TRUNCATE app.rows")
    try place.night()
    try place.expectHeld("app.seen")
  }
}
