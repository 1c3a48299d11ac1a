import AlmanacCore
import Columns
import Files
import Postgres
import TestSupport
import Testing

@testable import Pipelines

/// What a source no longer has, and what it wrote anew without a change.
@Suite("What is held against the source", .database)
struct RepairLossTests {
  private static let versions = AppendSource.definition.replacing(
    "mode: append", with: "mode: changes")

  private func remove(_ parts: some Sequence<Manifest.Part>, of source: AppendSource) throws {
    for part in parts { try FileSystem.remove(source.place.path + "/data/" + part.path) }
  }

  /// What was told of rows that are lost; transactions of other tests make the number a lower bound.
  private func losses(_ notices: [String]) -> [String] {
    notices.filter { $0.contains("read again") && !$0.contains("damaged") }
      .map { $0.replacing("at least ", with: "") }
  }

  @Test("counts the versions that only damaged files held")
  func versions() throws {
    let source = try AppendSource(definition: Self.versions)
    try source.add((0..<20).map { "a\($0)" }, at: "'2026-01-01Z'")
    try source.extract()
    for word in ["b", "c"] {
      try source.run("UPDATE app.events SET value = '\(word)' || id")
      try source.extract()
    }
    try source.add(["new 1", "new 2"], at: "'2026-01-01Z'")
    let parts = try #require(source.entry).parts
    #expect(parts.count == 3)
    try remove(parts.prefix(3), of: source)
    let notices = try source.extract().notices
    #expect(
      notices.contains("events: 3 files were damaged; everything was read again from the source"))
    // Of each of 20 keys the last of three versions is there again.
    #expect(
      losses(notices) == [
        "events: 40 versions that the source no longer has could not be read again"
      ]
    )
    #expect(try source.held() == source.source())
    #expect(source.entry?.rows == 22)
  }

  @Test("tells of no loss where the source has all, and new rows on the day")
  func nothingLost() throws {
    let source = try AppendSource()
    try source.add(["a", "b", "c"], at: "'2026-01-01Z'")
    try source.extract()
    try source.add(["d"], at: "'2026-01-01Z'")
    try remove(try #require(source.entry).parts, of: source)
    let notices = try source.extract().notices
    #expect(notices.count == 1 && losses(notices).isEmpty, "\(notices)")
    #expect(try source.held() == ["a", "b", "c", "d"])
  }

  @Test(
    "stores no version of unchanged rows that a rewrite gave its transaction, while one is open")
  func rewrite() throws {
    let source = try AppendSource(definition: Self.versions)
    try source.add((0..<100).map { "a\($0)" })
    let open = try source.connect()
    try open.run("BEGIN")
    _ = try open.query("SELECT pg_current_xact_id()")
    try source.extract()
    try source.run("ALTER TABLE app.events ADD more uuid DEFAULT gen_random_uuid()")
    #expect(try source.extract().new == 0)
    let (read, new, _) = try source.extract()
    #expect(read == 100 && new == 0)
    #expect(source.entry?.rows == 100)
    // Changed, and changed back between two nights: versions of their own.
    try source.run("UPDATE app.events SET value = 'b' WHERE value = 'a7'")
    #expect(try source.extract().new == 1)
    try source.run("UPDATE app.events SET value = 'a7' WHERE value = 'b'")
    #expect(try source.extract().new == 1)
    try open.run("COMMIT")
    #expect(try source.extract().new == 0)
    #expect(source.entry?.rows == 102)
    #expect(try source.held() == source.source())
  }

  @Test("tells of rows that are kept of a truncated table, and not of those of other partitions")
  func truncated() throws {
    let source = try AppendSource()
    try source.add(["a", "b"])
    try source.extract()
    try source.run("TRUNCATE app.events")
    try source.add(["c"])
    let notices = try source.extract().notices
    #expect(notices.count == 1)
    #expect(
      notices.first?.hasPrefix("events: 2 rows that the source no longer has are kept") == true)
    #expect(try source.extract().notices.isEmpty)
    #expect(try source.held() == ["a", "b", "c"])
  }

  @Test("shows no row that readers leave out since another day counts it")
  func shown() throws {
    let source = try AppendSource()
    let id = "'11111111-0000-4000-8000-000000000001'"
    try source.run(
      """
      INSERT INTO app.events (id, at, recorded, value) VALUES
        (\(id), '2026-01-01Z', '2026-01-05Z', 'late'), (\(id), '2026-01-02Z', '2026-01-03Z', 'first');
      """)
    try source.add(["other"], at: "'2026-01-01Z'")
    try source.extract()
    #expect(try source.held() == ["first", "other"])
    let reading = try DataDirectoryReading(path: source.place.path + "/data")
    for limit in [1, 2, 9] {
      let rows = try reading.rows(of: "events", on: nil, limit: limit)
      #expect(rows.total == 2)
      #expect(rows.batches.reduce(0) { $0 + $1.rowCount } == min(limit, 2))
    }
    let day = try reading.rows(of: "events", on: CalendarDate("2026-01-01"), limit: 9)
    #expect(day.total == 1)
  }
}
