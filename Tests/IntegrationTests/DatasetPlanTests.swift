import AlmanacCore
import Columns
import Postgres
import TestSupport
import Testing

@testable import Pipelines

/// A value of the source and what it is read as.
private struct Reading: CustomTestStringConvertible, Sendable {
  var declared: String
  var sql: String
  var value: ColumnValue?

  init(_ declared: String, _ sql: String, _ value: ColumnValue?) {
    self.declared = declared
    self.sql = sql
    self.value = value
  }

  var testDescription: String { "\(declared) from \(sql)" }
}

@Suite("Datasets of a source", .database)
struct DatasetPlanTests {
  private static let id = "11111111-2222-4333-8444-555555555555"
  private static let types = """
    CREATE TYPE public.mood AS ENUM ('sad', 'glad');
    CREATE DOMAIN public.short AS text CHECK (length(VALUE) < 9);
    CREATE DOMAIN public.shorter AS public.short;
    CREATE DOMAIN public.cents AS numeric(12, 2);
    CREATE DOMAIN public.amount AS int4 NOT NULL;
    """

  private static let readings = [
    Reading("text", "'ä€'::text", .text("ä€")), Reading("text", "'v'::varchar(3)", .text("v")),
    Reading("text", "'GBP'::char(3)", .text("GBP")),
    Reading("text", "'open'::char(8)", .text("open")), Reading("text", "'n'::name", .text("n")),
    Reading("text", "'glad'::public.mood", .text("glad")),
    Reading("text", "'d'::public.short", .text("d")),
    Reading("text", "'dd'::public.shorter", .text("dd")), Reading("text?", "null::text", nil),
    Reading("int", "'4000000000'::xid", .integer(4_000_000_000)),
    Reading("int", "(-7)::int2", .integer(-7)), Reading("int", "(-7)::int4", .integer(-7)),
    Reading("int", "9223372036854775807", .integer(Int128(Int64.max))),
    Reading("int", "4294967295::oid", .integer(4_294_967_295)),
    Reading("int", "7::public.amount", .integer(7)), Reading("int", "'12'::text", .integer(12)),
    Reading("int?", "'1.5'::text", nil), Reading("int?", "null::int2", nil),
    Reading("smallint", "(-32768)::int2", .integer(-32_768)),
    Reading("float", "0.5::float4", .float(0.5)), Reading("float", "0.1::float8", .float(0.1)),
    Reading("float", "'-1e3'::text", .float(-1_000)),
    Reading("bool", "true", .bool(true)), Reading("bool", "'false'::text", .bool(false)),
    Reading("date", "'1970-01-03'::date", .date(CalendarDate(daysSinceEpoch: 2))),
    Reading("date", "'1970-01-03'::text", .date(CalendarDate(daysSinceEpoch: 2))),
    Reading(
      "timestamp", "'1970-01-01 01:00:01.5+01'::timestamptz",
      .timestamp(Timestamp(microseconds: 1_500_000))),
    Reading(
      "timestamp", "'1970-01-01T00:00:02Z'::text",
      .timestamp(Timestamp(microseconds: 2_000_000))),
    Reading("json", "'{\"a\": 1}'::json", .text("{\"a\": 1}")),
    Reading("json", "'{\"a\":   1}'::jsonb", .text("{\"a\": 1}")),
    Reading("bytes", "'\\x00ff'::bytea", .bytes([0, 255])),
    Reading("uuid", "'\(id)'::uuid", UUIDValue(id).map { .uuid($0) }),
    Reading("uuid", "'\(id)'::text", UUIDValue(id).map { .uuid($0) }),
    Reading("uuids", "ARRAY['\(id)'::uuid, '\(id)']", UUIDValue(id).map { .uuids([$0, $0]) }),
    Reading("uuids", "'{}'::uuid[]", .uuids([])), Reading("uuids?", "null::uuid[]", nil),
    Reading("decimal(2)", "1.25", .integer(125)),
    Reading("decimal(2)", "12.34::public.cents", .integer(1_234)),
    Reading("decimal(0)", "(-3)::int2", .integer(-3)),
    Reading("decimal(3)", "3::int4", .integer(3_000)),
    Reading("decimal(3)", "3::int8", .integer(3_000)),
    Reading("money(unit)", "922337203685477.5807", .integer(Int128(Int64.max))),
    Reading("money(unit)", "'-0.5'::text", .integer(-5_000)),
    Reading("money(unit)", "99999999999999999999.5", .integer(999_999_999_999_999_999_995_000)),
  ]

  private static func place(_ declared: String, _ sql: String) throws -> RunPlace {
    try RunPlace([
      "d": """
      query: SELECT '\(id)'::uuid AS id, 'GBP'::text AS unit, \(sql.replacing("\"", with: "\\\""))
        AS value
      key: id
      mode: full
      columns: {unit: text, value: \(declared)}
      """.replacing("query: ", with: "query: \"").replacing("AS value\n", with: "AS value\"\n")
        .replacing("\\x", with: "\\\\x")
    ])
  }

  private static func extract(
    _ place: RunPlace
  ) throws -> (values: [ColumnValue?], notices: [String]) {
    let connection = try TestDatabase.current.connect(purpose: .source)
    let plan = try DatasetPlan(place.dataset, on: connection)
    let writer = PartWriter(path: place.path + "/data")
    let reader = PieceReader(plan: plan, writer: writer, maximumWaitingRows: 0)
    let rows = try connection.transaction(.repeatableReadReadOnly()) {
      let cut = try SourceCut(connection, isShared: false)
      return try reader.read(
        ReadTask(dataset: 0, piece: SourcePiece()), in: CutSession(connection, cut: cut))
    }
    var manifest = Manifest(directoryID: "x")
    manifest.datasets["d"] = Manifest.Dataset(
      watermark: Watermark(
        snapshot: "", takenAt: "", systemIdentifier: "", databaseOID: "", tableOID: nil),
      definitionDigest: "", parts: rows.parts)
    let batches = try PartReader(path: place.path + "/data", manifest: manifest).read(
      "d", columns: ["value"])
    let notices = rows.lifting.notices(dataset: "d", roundedOnWire: rows.rounded)
    return (batches.flatMap { $0.rowValues.map { $0[0] } }, notices)
  }

  @Test("reads every declared type from every type of the server that holds no more")
  func accepted() throws {
    try TestDatabase.current.connect().runScript(Self.types)
    for reading in Self.readings {
      let result = try Self.extract(Self.place(reading.declared, reading.sql))
      #expect(result.values == [reading.value], "\(reading.testDescription)")
      let isMalformed = reading.value == nil && reading.sql.hasPrefix("'")
      #expect(result.notices.isEmpty != isMalformed, "\(reading.testDescription)")
    }
  }

  @Test("reads citext as text where the server has it")
  func citext() throws {
    let connection = try TestDatabase.current.connect()
    let available = try connection.value(
      "SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'")
    if available == "0" { try Test.cancel("the server has no extension citext") }
    try connection.run("CREATE EXTENSION citext SCHEMA public")
    let result = try Self.extract(Self.place("text", "'MiXed'::public.citext"))
    #expect(result.values == [.text("MiXed")])
  }

  @Test("refuses what it could only guess at or would lose, naming both types")
  func refused() throws {
    try TestDatabase.current.connect().runScript(Self.types)
    for (declared, sql, found) in [
      ("timestamp", "'2026-01-01'::timestamp", "timestamp without time zone"),
      ("timestamp", "'2026-01-01'::date", "date"), ("date", "now()", "timestamp with time zone"),
      ("money(unit)", "0.1::float8", "double precision"), ("money(unit)", "0.1::float4", "real"),
      ("decimal(2)", "0.1::float8", "double precision"), ("money(unit)", "1::money", "money"),
      ("int", "1.0::numeric(9,1)", "numeric(9,1)"), ("int", "1::float8", "double precision"),
      ("smallint", "1::int4", "integer"), ("text", "1::int4", "integer"),
      ("text", "'\(Self.id)'::uuid", "uuid"), ("text", "'{}'::jsonb", "jsonb"),
      ("json", "'{}'::text", "text"), ("bool", "1::int4", "integer"),
      ("uuid", "'\\x00'::bytea", "bytea"), ("bytes", "'x'::text", "text"),
      ("float", "1::int4", "integer"), ("float", "1::numeric", "numeric"),
      ("text", "'1 day'::interval", "interval"), ("text", "ARRAY[1]", "integer[]"),
    ] {
      let place = try Self.place(declared, sql)
      let expected = declared.replacing("(unit)", with: "")
      #expect(
        throws: PipelineError.wrongType(
          dataset: "d", table: "the query of dataset d", column: "value", found: found,
          expected: expected), "\(declared) from \(sql)"
      ) {
        _ = try Self.extract(place)
      }
    }
  }

  @Test("rounds amounts half-even and counts them, on the wire and in text alike")
  func rounded() throws {
    for sql in ["v::numeric", "v::text"] {
      let place = try RunPlace([
        "d": """
        query: >-
          SELECT gen_random_uuid() AS id, 'GBP'::text AS unit, \(sql) AS value
          FROM unnest('{0.00005,0.00015,1.00000000009,2.5,-0.00025,3.00000}'::text[]) AS v
        key: id
        mode: full
        columns: {unit: text, value: money(unit)}
        """
      ])
      let result = try Self.extract(place)
      let units = result.values.compactMap { value -> Int128? in
        if case .integer(let units)? = value { units } else { nil }
      }
      #expect(units.sorted() == [-2, 0, 2, 10_000, 25_000, 30_000])
      #expect(
        result.notices == [
          "d.value: 4 amounts with more than 4 decimals were rounded half-even"
        ])
    }
  }

  @Test("counts malformed text and never stops for it, but for a null that may not be")
  func lifted() throws {
    func place(_ declared: String, _ values: String) throws -> RunPlace {
      try RunPlace([
        "d": """
        query: >-
          SELECT gen_random_uuid() AS id, 'GBP'::text AS unit, v AS value
          FROM (VALUES \(values)) AS t (v)
        key: id
        mode: full
        columns: {unit: text, value: \(declared)}
        """
      ])
    }
    let result = try Self.extract(place("int?", "('1'), ('x'), (null), ('2')"))
    #expect(result.values.count { $0 == nil } == 2)
    #expect(result.notices == ["d.value: 1 malformed values became null"])
    #expect(try Self.extract(place("int", "('1'), ('x')")).values.count { $0 == nil } == 1)
    for (declared, values) in [("int", "('1'), (null)"), ("text", "('1'), (null)")] {
      let error = try #require(throws: PostgresError.self) {
        _ = try Self.extract(place(declared, values))
      }
      guard case .unsuitableValue(let failure) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(failure.problem == .null)
      #expect(failure.column == "value")
    }
  }

  @Test("reads tables and columns whose names are keywords or in capitals, and odd ones by SQL")
  func oddNames() throws {
    try TestDatabase.current.connect().runScript(
      """
      CREATE SCHEMA "select";
      CREATE TABLE "select"."Order" ("from" uuid, "GROUP" text, "a b""c" text);
      INSERT INTO "select"."Order" VALUES ('\(Self.id)', 'g', 'odd');
      """)
    let place = try RunPlace([
      "d": #"""
      from: select.Order
      key: from
      mode: full
      columns:
        GROUP: text
        value: text = "GROUP" || "a b""c"
      """#
    ])
    #expect(try Self.extract(place).values == [.text("godd")])
    let query = try RunPlace([
      "d": #"""
      query: |-
        SELECT "from" AS id, "a b""c" AS value FROM "select"."Order" -- the end
      key: id
      mode: full
      columns: {value: text}
      """#
    ])
    #expect(try Self.extract(query).values == [.text("odd")])
  }

  @Test("names a missing table or column, and suggests the closest")
  func missing() throws {
    try TestDatabase.current.connect().runScript(
      """
      CREATE SCHEMA app;
      CREATE TABLE app.events (id uuid, valeu text, gone text);
      ALTER TABLE app.events DROP COLUMN gone;
      """)
    func error(_ table: String, _ column: String) throws -> PipelineError {
      let place = try RunPlace([
        "d": "from: \(table)\nkey: id\nmode: full\ncolumns: {\(column): text}"
      ])
      return try #require(throws: PipelineError.self) { _ = try Self.extract(place) }
    }
    for table in ["app.event", "apps.events", "APP.events"] {
      #expect(try error(table, "value") == .missingTable(dataset: "d", table: table))
    }
    #expect(
      try error("app.events", "value")
        == .missingColumn(
          dataset: "d", table: "app.events", column: "value",
          suggestion: " (did you mean \"valeu\"?)"))
    #expect(
      try error("app.events", "gone")
        == .missingColumn(dataset: "d", table: "app.events", column: "gone", suggestion: ""))
  }
}
