import AlmanacCore
import Columns
import Postgres
import TestSupport
import Testing

@Suite("COPY that fails or converts", .database)
struct CopyFailureTests {
  private let table = QualifiedName(schema: "public", name: "t")

  private func read(
    _ connection: Connection, _ query: String, _ fields: [Field]
  ) throws -> [[ColumnValue?]] {
    var rows: [[ColumnValue?]] = []
    try connection.copyOut(query, fields: fields, source: "t") { rows += $0.rowValues }
    return rows
  }

  @Test("cancels the query when the body throws, and the connection stays usable")
  func bodyThrows() throws {
    let connection = try TestDatabase.current.connect()
    var batches = 0
    #expect(throws: TestFailure.self) {
      try connection.copyOut(
        "SELECT g FROM generate_series(1, 50000000) g", fields: [Field("g", .int32)],
        rowsPerBatch: 100, source: "numbers"
      ) { _ in
        batches += 1
        if batches == 3 { throw TestFailure() }
      }
    }
    #expect(batches == 3)
    #expect(try connection.query("SELECT 1")[0, 0] == "1")
    #expect(throws: TestFailure.self) {
      try connection.copyOutBytes("SELECT g FROM generate_series(1, 50000000) g") { _ in
        throw TestFailure()
      }
    }
    #expect(try connection.query("SELECT 2")[0, 0] == "2")
  }

  @Test("reports what the server says in the middle of a COPY")
  func serverFails() throws {
    let connection = try TestDatabase.current.connect()
    let error = #expect(throws: PostgresError.self) {
      try connection.copyOut(
        "SELECT 1 / (40000 - g) AS g FROM generate_series(1, 50000) g",
        fields: [Field("g", .int32)], rowsPerBatch: 1000, source: "app.events"
      ) { _ in }
    }
    guard case .server(let failure)? = error else { throw TestFailure() }
    #expect(failure.state.rawValue == "22012" && failure.during == "reading app.events")
    #expect(connection.lastCopyCounters.rows == 39_999)
    #expect(try connection.query("SELECT 1")[0, 0] == "1")
  }

  @Test("reports a session ended in the middle of a COPY as unreachable")
  func terminated() throws {
    let administrator = try TestDatabase.current.connect()
    let connection = try TestDatabase.current.connect()
    let process = try #require(connection.query("SELECT pg_backend_pid()")[0, 0])
    var isFirst = true
    let error = #expect(throws: PostgresError.self) {
      try connection.copyOut(
        "SELECT g FROM generate_series(1, 50000000) g", fields: [Field("g", .int32)],
        source: "numbers"
      ) { _ in
        if isFirst { try administrator.run("SELECT pg_terminate_backend($1::int)", [process]) }
        isFirst = false
      }
    }
    #expect(error?.exitStatus == .unavailable)
  }

  @Test("names table, column, row and key of a value that cannot be read")
  func badValues() throws {
    let connection = try TestDatabase.current.connect()
    let fields = [Field("id", .int64), Field("at", .timestamp)]
    let error = #expect(throws: PostgresError.self) {
      try connection.copyOut(
        "VALUES (7::bigint, now()), (8, 'infinity'), (9, now())", fields: fields,
        source: "app.events", key: ["id"]
      ) { _ in }
    }
    #expect(
      error
        == .unsuitableValue(
          ValueFailure(
            source: "app.events", column: "at", row: 2, key: "id=8", problem: .infinite)))
    #expect(try connection.query("SELECT 1")[0, 0] == "1")
  }

  @Test("checks number and types of columns before it reads")
  func declarations() throws {
    let connection = try TestDatabase.current.connect()
    #expect(throws: PostgresError.columnCount(source: "t", expected: 1, found: 2)) {
      try read(connection, "SELECT 1, 2", [Field("a", .int32)])
    }
    #expect(
      throws: PostgresError.unsuitableType(
        table: "t", column: "a", type: "character varying(9)", field: .money)
    ) { try read(connection, "SELECT 'x'::varchar(9)", [Field("a", .money)]) }
    #expect(
      throws: PostgresError.unsuitableType(
        table: "t", column: "a", type: "interval", field: .text)
    ) { try read(connection, "SELECT interval '1 day'", [Field("a", .text)]) }
  }

  @Test("reads types that are not built in and narrower or wider ones than declared")
  func conversions() throws {
    let connection = try TestDatabase.current.connect()
    try connection.runScript(
      """
      CREATE EXTENSION citext WITH SCHEMA public; CREATE TYPE public.mood AS ENUM ('sad', 'glad');
      CREATE DOMAIN public.price AS numeric(12,2); CREATE DOMAIN public.cost AS public.price;
      """)
    let rows = try read(
      connection,
      """
      SELECT 'Ab'::public.citext, 'glad'::public.mood, 12.50::public.cost, 'x'::char(3),
        'events'::name, '[1, 2]'::json, 7::smallint, 4000000000::oid, '4294967295'::xid,
        12::int, 2.5::real, 0.1::numeric, '2024-02-29 12:00'::timestamp, 9::bigint
      """,
      [
        Field("a", .text), Field("b", .text), Field("c", .money), Field("d", .text),
        Field("e", .text), Field("f", .json), Field("g", .int64), Field("h", .int64),
        Field("i", .int64), Field("j", .money), Field("k", .float64), Field("l", .float64),
        Field("m", .timestamp), Field("n", .int16),
      ])
    let noon = try #require(Timestamp("2024-02-29T12:00:00Z"))
    #expect(
      rows == [
        [
          .text("Ab"), .text("glad"), .integer(125_000), .text("x  "), .text("events"),
          .text("[1, 2]"), .integer(7), .integer(4_000_000_000), .integer(4_294_967_295),
          .integer(120_000), .float(2.5), .float(0.1), .timestamp(noon), .integer(9),
        ]
      ])
  }

  @Test("counts the decimals it rounds, by column")
  func roundedValues() throws {
    let connection = try TestDatabase.current.connect()
    let rows = try read(
      connection, "VALUES (1.00005, 1.5), (1.00015, 2.5), (2, 3)",
      [Field("amount", .money), Field("quantity", .decimal(scale: 0))])
    #expect(
      rows == [
        [.integer(10_000), .integer(2)], [.integer(10_002), .integer(2)],
        [.integer(20_000), .integer(3)],
      ])
    #expect(connection.lastCopyCounters.roundedValues == ["amount": 2, "quantity": 2])
    #expect(connection.lastCopyCounters.rows == 3)
  }

  @Test("hands over the same bytes behind the header as the decoder reads")
  func rawBytes() throws {
    let connection = try TestDatabase.current.connect()
    let query = "SELECT g, 'number ' || g FROM generate_series(1, 20000) g ORDER BY g"
    var bytes: [UInt8] = []
    try connection.copyOutBytes(query) { bytes += $0 }
    let fields = [Field("g", .int32), Field("t", .text)]
    let decoded = try decode(CopyEncoder.header + bytes, fields)
    #expect(
      firstDifference(decoded.flatMap(\.rowValues), try read(connection, query, fields)) == nil)
    var empty: [UInt8] = []
    try connection.copyOutBytes("SELECT 1 WHERE false") { empty += $0 }
    #expect(empty == CopyEncoder.trailer)
  }

  @Test("gives no batch for a query without rows")
  func noRows() throws {
    let connection = try TestDatabase.current.connect()
    #expect(try read(connection, "SELECT 1 WHERE false", [Field("a", .int32)]).isEmpty)
  }

  @Test("writes into columns of other types, domains and enumerations, and leaves defaults")
  func targetTypes() throws {
    let connection = try TestDatabase.current.connect()
    try connection.runScript(
      """
      CREATE TYPE public.mood AS ENUM ('sad', 'glad');
      CREATE DOMAIN public.price AS numeric(12,2) CHECK (VALUE < 100);
      CREATE TABLE public.t (id serial, a smallint, b int, c numeric, d public.price, e float8,
        f real, g public.mood, h varchar(5), i char(3), j jsonb, k json, l timestamp,
        note text DEFAULT 'none')
      """)
    let fields = [
      Field("a", .int64), Field("b", .int64), Field("c", .int32), Field("d", .money),
      Field("e", .money), Field("f", .float64), Field("g", .text), Field("h", .text),
      Field("i", .text), Field("j", .json), Field("k", .text), Field("l", .timestamp),
    ]
    let values: [ColumnValue] = [
      .integer(5), .integer(-6), .integer(70_000), .integer(125_051), .integer(25_000),
      .float(0.1), .text("glad"), .text("häß"), .text("EUR"), .text("{\"b\":1}"), .text("[ 1]"),
      .timestamp(Timestamp(microseconds: 1)),
    ]
    let columns = zip(fields, values).map { field, value in
      var builder = ColumnBuilder(field)
      builder.append(value)
      return builder.finish()
    }
    #expect(try connection.copyIn(Batch(columns), into: table) == 1)
    #expect(
      try connection.query("SELECT * FROM public.t").row(0) == [
        "1", "5", "-6", "70000", "12.51", "2.5", "0.1", "glad", "häß", "EUR", "{\"b\": 1}",
        "[ 1]", "1970-01-01 00:00:00.000001", "none",
      ])
  }

  @Test("refuses missing tables, missing columns and unsuitable types by name")
  func targets() throws {
    let connection = try TestDatabase.current.connect()
    var builder = ColumnBuilder(Field("x", .text))
    builder.append("1")
    let batch = Batch([builder.finish()])
    #expect(throws: PostgresError.missingTable("public.t")) {
      try connection.copyIn(batch, into: table)
    }
    try connection.run("CREATE TABLE public.t (y int)")
    #expect(throws: PostgresError.missingColumn(table: "public.t", column: "x")) {
      try TestDatabase.current.connect().copyIn(batch, into: table)
    }
    try connection.run("ALTER TABLE public.t ADD x int[]")
    #expect(
      throws: PostgresError.unsuitableType(
        table: "public.t", column: "x", type: "integer[]", field: .text)
    ) { try TestDatabase.current.connect().copyIn(batch, into: table) }
  }

  @Test("writes nothing when a value is refused, here or by the server")
  func refusedValues() throws {
    let connection = try TestDatabase.current.connect()
    try connection.run("CREATE TABLE public.t (x smallint CHECK (x <> 3))")
    func write(_ values: [Int64]) throws -> Int {
      var builder = ColumnBuilder(Field("x", .int64))
      for value in values { builder.append(value) }
      return try connection.copyIn(Batch([builder.finish()]), into: table)
    }
    let many = [Int64](repeating: 1, count: 100_000)
    let constraint = #expect(throws: PostgresError.self) { try write(many + [3]) }
    guard case .server(let failure)? = constraint else { throw TestFailure() }
    #expect(SQLState.Class.constraint ~= failure.state && failure.during == "writing public.t")
    #expect(constraint?.exitStatus == .badData)
    let range = #expect(throws: PostgresError.self) { try write(many + [70_000]) }
    #expect(
      range
        == .unsuitableValue(
          ValueFailure(
            source: "public.t", column: "x", row: 100_001, key: nil, problem: .outOfRange)))
    #expect(try connection.query("SELECT count(*) FROM public.t")[0, 0] == "0")
    #expect(try write([]) == 0)
    #expect(try write([1, 2]) == 2)
  }
}
