import AlmanacCore
import Columns
import Postgres
import TestSupport
import Testing

@Suite("Connection", .database)
struct ConnectionTests {
  @Test("sets up a session that does not depend on the server's defaults")
  func sessionSettings() throws {
    let administrator = try TestDatabase.current.connect()
    let name = quoteIdentifier(TestDatabase.current.name)
    for setting in [
      "TimeZone = 'Asia/Tokyo'", "DateStyle = 'German'", "search_path = public",
      "extra_float_digits = -10", "bytea_output = 'escape'", "idle_session_timeout = 5000",
      "statement_timeout = 12345", "idle_in_transaction_session_timeout = 5000",
    ] {
      try administrator.run("ALTER DATABASE \(name) SET \(setting)")
    }
    let connection = try TestDatabase.current.connect(purpose: .source)
    func setting(_ name: String) throws -> String? { try connection.query("SHOW \(name)")[0, 0] }
    #expect(try setting("TimeZone") == "UTC")
    #expect(try setting("DateStyle") == "ISO, YMD")
    #expect(try setting("search_path") == "\"\"")
    #expect(try setting("extra_float_digits") == "1")
    #expect(try setting("bytea_output") == "hex")
    #expect(try setting("idle_session_timeout") == "0")
    #expect(try setting("idle_in_transaction_session_timeout") == "0")
    #expect(try setting("client_encoding") == "UTF8")
    #expect(try setting("row_security") == "off")
    #expect(try setting("default_transaction_read_only") == "on")
    #expect(try setting("statement_timeout") == "12345ms")
    #expect(try setting("application_name") == "almanac tests")
  }

  @Test("refuses to write through a source connection")
  func sourceIsReadOnly() throws {
    let connection = try TestDatabase.current.connect(purpose: .source)
    let error = #expect(throws: PostgresError.self) {
      try connection.run("CREATE TABLE public.t (x int)")
    }
    guard case .server(let failure)? = error else { throw TestFailure() }
    #expect(failure.state.rawValue == "25006")
  }

  @Test("returns text, nulls and column names of a query with parameters")
  func queryRows() throws {
    let connection = try TestDatabase.current.connect()
    let rows = try connection.query(
      "SELECT $1::int + 1 AS next, $2::text AS missing, 'ü\"' AS text UNION ALL SELECT 7, 'x', ''",
      ["41", nil])
    #expect(rows.columns == ["next", "missing", "text"])
    #expect(rows.count == 2)
    #expect(rows[0, "next"] == "42")
    #expect(rows[0, "missing"] == nil)
    #expect(rows[0, "text"] == "ü\"")
    #expect(rows.row(1) == ["7", "x", ""])
  }

  @Test("counts the rows a statement touches")
  func affectedRows() throws {
    let connection = try TestDatabase.current.connect()
    try connection.runScript("CREATE TABLE public.t (x int); INSERT INTO public.t VALUES (0);")
    #expect(try connection.run("INSERT INTO public.t SELECT generate_series(1, 9)") == 9)
    #expect(try connection.run("UPDATE public.t SET x = x WHERE x < $1::int", ["3"]) == 3)
    #expect(try connection.run("ANALYZE public.t") == 0)
  }

  @Test("undoes a whole script when one statement fails")
  func scriptIsAtomic() throws {
    let connection = try TestDatabase.current.connect()
    #expect(throws: PostgresError.self) {
      try connection.runScript("CREATE TABLE public.a (x int); SELECT 1 / 0;")
    }
    #expect(try connection.query("SELECT to_regclass('public.a') AS t")[0, "t"] == nil)
  }

  @Test("refuses statements and parameters with a zero byte")
  func zeroByte() throws {
    let connection = try TestDatabase.current.connect()
    #expect(throws: PostgresError.zeroByte) { try connection.query("SELECT 1 \0 ; garbage") }
    #expect(throws: PostgresError.zeroByte) { try connection.query("SELECT $1::text", ["a\0b"]) }
  }

  @Test("stays usable after a refused statement")
  func usableAfterError() throws {
    let connection = try TestDatabase.current.connect()
    #expect(throws: PostgresError.self) { try connection.query("SELECT * FROM public.nothing") }
    #expect(try connection.query("SELECT 1")[0, 0] == "1")
  }

  @Test("has an advisory lock from one session only")
  func advisoryLock() throws {
    let first = try TestDatabase.current.connect()
    let second = try TestDatabase.current.connect()
    #expect(try first.tryAdvisoryLock(-42))
    #expect(try !second.tryAdvisoryLock(-42))
    #expect(try second.tryAdvisoryLock(43))
  }

  @Test("reports a session that the server ended as unreachable")
  func terminated() throws {
    let administrator = try TestDatabase.current.connect()
    let connection = try TestDatabase.current.connect()
    let process = try #require(connection.query("SELECT pg_backend_pid()")[0, 0])
    try administrator.run("SELECT pg_terminate_backend($1::int, 5000)", [process])
    let error = #expect(throws: PostgresError.self) { try connection.query("SELECT 1") }
    #expect(error?.exitStatus == .unavailable)
    let later = #expect(throws: PostgresError.self) { try connection.query("SELECT 1") }
    #expect(later?.exitStatus == .unavailable)
  }

  @Test("describes the columns of a query without running it")
  func describe() throws {
    let connection = try TestDatabase.current.connect()
    try connection.runScript(
      """
      CREATE TYPE public.mood AS ENUM ('sad', 'happy');
      CREATE DOMAIN public.price AS numeric(12,2) CHECK (VALUE > 0);
      """)
    let fields = try connection.describe(
      """
      SELECT 1 / 0 AS a, NULL::public.mood AS b, NULL::public.price AS c, ARRAY[1] AS d,
        'x'::char(3) AS e, 'text' AS f
      """)
    #expect(fields.map(\.name) == ["a", "b", "c", "d", "e", "f"])
    #expect(
      fields.map(\.typeName) == [
        "integer", "public.mood", "numeric(12,2)", "integer[]", "character(3)", "text",
      ])
    #expect(fields.map(\.wireType) == [.int32, .text, .numeric, nil, .text, .text])
  }
}

/// Ends a test whose premise does not hold.
struct TestFailure: Error {}
