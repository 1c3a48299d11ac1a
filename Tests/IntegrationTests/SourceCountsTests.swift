import AlmanacCore
import Documents
import Postgres
import TestSupport
import Testing

@testable import Pipelines

@Suite("Keys counted in the source", .database)
struct SourceCountsTests {
  private static func definition(_ column: String) throws -> DatasetDefinition {
    let text = """
      dataset: d
      from: app.d
      time: at
      key: \(column)
      mode: append
      columns: {\(column): uuid}
      """
    return try DatasetDefinition(
      node: try Document.parse(Array(text.utf8), file: "datasets/d.yaml"))
  }

  /// A table of `rows` rows on nine days; about one in forty repeats a key, on its day or another one.
  private static func fill(
    _ connection: Connection, seed: Double, repeating share: Int, nulls: Bool = false
  ) throws {
    try connection.runScript(
      """
      CREATE SCHEMA app;
      SELECT setseed(\(seed));
      CREATE TABLE app.d AS
      SELECT ('00000000-0000-4000-8000-' || lpad((CASE WHEN random() * \(share) < 1
          THEN n / 2 ELSE n END)::text, 12, '0'))::uuid AS key,
        '2026-01-01 00:00Z'::timestamptz + make_interval(mins => (random() * 12000)::int) AS at,
        repeat('x', 200) AS note
      FROM generate_series(1, 20000) n;
      \(nulls ? "INSERT INTO app.d SELECT NULL, at, note FROM app.d LIMIT 5;" : "")
      """)
  }

  private static func index(_ connection: Connection) throws {
    try connection.run("CREATE INDEX ON app.d (key)")
    try connection.run("VACUUM ANALYZE app.d")
    // As the server does by itself where a hash of all keys would not fit its memory.
    try connection.run("SET enable_hashagg = off")
    try connection.run("SET enable_seqscan = off")
  }

  @Test(
    "are as many by an index on the key as by comparing every row",
    arguments: [(0.1, 40), (0.2, 4_000), (0.3, 2)])
  func index(seed: Double, share: Int) throws {
    let connection = try TestDatabase.current.connect()
    try Self.fill(connection, seed: seed, repeating: share)
    let definition = try Self.definition("key")
    // Without an index there is but one way.
    let expected = try SourceCounts(definition, days: nil, on: connection)
    try Self.index(connection)
    let plan = try connection.query(
      "EXPLAIN SELECT key FROM app.d GROUP BY 1 HAVING count(*) > 1 LIMIT 200001")
    let lines = (0..<plan.count).compactMap { plan[$0, 0] }
    #expect(lines.contains { $0.contains("Index Only Scan") }, "the other way would be tested")
    let found = try SourceCounts(definition, days: nil, on: connection)
    #expect(found == expected)
    let byHand = try connection.value(
      "SELECT count(DISTINCT (key, (at AT TIME ZONE 'UTC')::date)) FROM app.d")
    #expect("\(found.keysByDay.values.reduce(0, +))" == byHand)
  }

  @Test("count rows without a key as one of each day")
  func nulls() throws {
    let connection = try TestDatabase.current.connect()
    try Self.fill(connection, seed: 0.4, repeating: 40, nulls: true)
    let definition = try Self.definition("key")
    let expected = try SourceCounts(definition, days: nil, on: connection)
    try Self.index(connection)
    #expect(try SourceCounts(definition, days: nil, on: connection) == expected)
  }
}
