import AlmanacCore
import Columns
import Files
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Pipelines

@Suite("First loads in chunks", .database)
struct TableLoadTests {
  /// Chunks of a few blocks.
  private static let loading: LoadSettings = {
    var settings = LoadSettings()
    settings.minimumBlocks = 8
    settings.chunks = 20...20
    return settings
  }()

  private static let rows = 4_000
  /// Some 50 blocks, over a few days.
  private static let filled =
    AppendSource.table + """
      INSERT INTO app.events (at, value)
        SELECT '2026-01-01Z'::timestamptz + n * interval '1 minute', 'row ' || n
        FROM generate_series(1, \(rows)) n;
      """

  @Test("hold every row once, those that are added meanwhile too", arguments: [1, 3])
  func addedMeanwhile(jobs: Int) throws {
    let database = TestDatabase.current
    let chunks = Mutex(0)
    let source = try AppendSource(Self.filled, jobs: jobs, loading: Self.loading) { line in
      guard line.contains(", chunk ") else { return }
      do {
        let number = chunks.withLock {
          $0 += 1
          return $0
        }
        try database.connect().runScript(
          """
          BEGIN; INSERT INTO app.events (value) VALUES ('new \(number)'); SAVEPOINT s;
          INSERT INTO app.events (value) VALUES ('newer \(number)'); COMMIT;
          """)
      } catch {
        Issue.record(error)
      }
    }
    let result = try source.extract()
    let number = chunks.withLock { $0 }
    #expect(number >= 15)
    #expect(try source.held() == source.source())
    #expect(result.new == Self.rows + 2 * number)
    #expect(source.context.directory.manifest.loads == nil)
    #expect(try source.extract().new == 0)
    #expect(try source.held() == source.source())
  }

  @Test("go on where they were cut off, and check what they hold", arguments: [false, true])
  func cutOff(isDamaged: Bool) throws {
    let database = TestDatabase.current
    let chunks = Mutex(0)
    let source = try AppendSource(Self.filled, loading: Self.loading) { line in
      guard line.contains(", chunk ") else { return }
      let number = chunks.withLock {
        $0 += 1
        return $0
      }
      guard number == 16 else { return }
      do {
        try database.connect().runScript(
          """
          SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND application_name = 'almanac'
          """)
      } catch {
        Issue.record(error)
      }
    }
    let error = try #require(throws: PostgresError.self) { try source.extract() }
    #expect(error.exitStatus == .unavailable || error.code == "57P01")
    #expect(source.context.directory.manifest.datasets.isEmpty)
    let path = source.place.path + "/data"
    let load = try #require(DataDirectoryReading(path: path).manifest.loads?["events"])
    // Chunks of other sessions may be under way when the one is told of that ends them.
    #expect(load.chunks.count { $0.rows != nil } >= 10)
    if isDamaged {
      let part = try #require(load.parts.first)
      try FileSystem.write([1, 2, 3], to: path + "/" + part.path)
    }
    try source.add(["since"])
    let result = try source.extract()
    let done = load.chunks.reduce(0) { $0 + ($1.rows ?? 0) }
    let chunk = load.chunks[0].rows ?? 0
    #expect(result.new == Self.rows - done + (isDamaged ? chunk : 0) + 1)
    #expect(result.notices.count { $0.contains("goes on") } == 1)
    #expect(try source.held() == source.source())
    #expect(try SnapshotVerification(path: path).strayFiles.isEmpty)
  }

  @Test("begin anew for another definition, and leave no file of the load before")
  func otherDefinition() throws {
    let source = try AppendSource(Self.filled, loading: Self.loading)
    // One that fits the source, but not the definition.
    var manifest = source.context.directory.manifest
    try source.extract()
    let dataset = try #require(source.entry)
    manifest[load: "events"] = Manifest.Load(
      watermark: dataset.watermark, definitionDigest: "another",
      chunks: [
        Manifest.Load.Chunk(
          relation: dataset.watermark.relations?.first?.oid ?? "", start: 0, end: nil, rows: 1,
          parts: dataset.parts)
      ])
    try source.context.directory.commit(manifest)
    #expect(try source.extract().new == Self.rows)
    #expect(try source.held() == source.source())
  }

  @Test(
    "take a table whole that is truncated or rewritten meanwhile",
    arguments: [
      "TRUNCATE app.events; INSERT INTO app.events (value) VALUES ('only')",
      "VACUUM FULL app.events",
      """
      DROP TABLE app.events; CREATE TABLE app.events (id uuid DEFAULT gen_random_uuid(),
        at timestamptz DEFAULT now(), recorded timestamptz DEFAULT now(), value text);
      INSERT INTO app.events (value) VALUES ('only')
      """,
    ])
  func rewrittenMeanwhile(sql: String) throws {
    let database = TestDatabase.current
    let chunks = Mutex(0)
    let source = try AppendSource(Self.filled, jobs: 1, loading: Self.loading) { line in
      guard line.contains(", chunk ") else { return }
      let number = chunks.withLock {
        $0 += 1
        return $0
      }
      do {
        if number == 5 { try database.connect().runScript(sql) }
      } catch {
        Issue.record(error)
      }
    }
    try source.extract()
    let held = try source.held()
    #expect(Set(held).isSuperset(of: try source.source()))
    // Rows of chunks that were read before may stay, but none twice.
    #expect(Set(held).count == held.count)
    #expect(try source.extract().new == 0)
  }
}
