import Postgres
import TestSupport
import Testing

@testable import AlmanacCommands

@Suite("Rows of tables", .database)
struct RowCountTests {
  @Test("are counted in a small table, and in a large one that the server never looked at")
  func counted() throws {
    let connection = try TestDatabase.current.connect()
    try connection.runScript(
      """
      CREATE TABLE public.counted (number int) WITH (autovacuum_enabled = off);
      INSERT INTO public.counted SELECT generate_series(1, 5000);
      """)
    let large = 1 << 14
    #expect(try RowCount(of: "public.counted", on: connection) == RowCount(5_000))
    #expect(
      try RowCount(of: "public.counted", largeSize: large, on: connection) == RowCount(5_000))
    try connection.run("ANALYZE public.counted")
    #expect(try RowCount(of: "public.counted", on: connection) == RowCount(5_000))
    #expect(
      try RowCount(of: "public.counted", largeSize: large, on: connection)
        == RowCount(5_000, isEstimated: true))
    // Rows that came since make the table larger: as many to a page as there were.
    try connection.run("INSERT INTO public.counted SELECT generate_series(1, 5000)")
    let grown = try RowCount(of: "public.counted", largeSize: large, on: connection)
    #expect(grown.isEstimated && (9_500...10_500).contains(grown.rows))
  }

  @Test("are none in an empty table")
  func empty() throws {
    let connection = try TestDatabase.current.connect()
    try connection.runScript(
      "CREATE TABLE public.counted (number int); ANALYZE public.counted")
    #expect(try RowCount(of: "public.counted", largeSize: 0, on: connection) == RowCount(0))
  }
}
