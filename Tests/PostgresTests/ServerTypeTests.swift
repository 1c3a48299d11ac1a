import AlmanacCore
import Columns
import Postgres
import TestSupport
import Testing

/// A type of the server, the type of a field it is read as, and literals of it.
struct ServerType: CustomTestStringConvertible, Sendable {
  let name: String
  let type: ColumnType
  let literals: [String]
  /// How the server shows the value `v` for comparison.
  var shown = "v::text"

  var testDescription: String { "\(name) as \(type)" }
}

/// A type that has to be created is created by these.
private let createdTypes = """
  CREATE TYPE public.mood AS ENUM ('sad', 'Gläd');
  CREATE DOMAIN public.price AS numeric(12,2);
  CREATE DOMAIN public.short AS varchar(9) CHECK (length(VALUE) > 0);
  CREATE DOMAIN public.shorter AS public.short CHECK (length(VALUE) < 9);
  CREATE DOMAIN public.feeling AS public.mood;
  CREATE DOMAIN public.tags AS uuid[];
  CREATE DOMAIN public.moment AS timestamptz;
  """

private let instant = "to_char(v, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
private let first = "01234567-89ab-cdef-fedc-ba9876543210"
private let zero = "00000000-0000-0000-0000-000000000000"

private let serverTypes: [ServerType] = [
  ServerType(name: "bool", type: .bool, literals: ["t", "f"], shown: "left(v::text, 1)"),
  ServerType(name: "int2", type: .int16, literals: ["-32768", "0", "32767"]),
  ServerType(name: "int2", type: .int64, literals: ["-32768", "0", "32767"]),
  ServerType(name: "int4", type: .int32, literals: ["-2147483648", "-1", "2147483647"]),
  ServerType(name: "int4", type: .int64, literals: ["-2147483648", "-1", "2147483647"]),
  ServerType(
    name: "int8", type: .int64, literals: ["-9223372036854775808", "0", "9223372036854775807"]),
  ServerType(name: "xid", type: .int64, literals: ["0", "3", "4294967295"]),
  ServerType(name: "xid8", type: .int64, literals: ["0", "4294967296", "9223372036854775807"]),
  ServerType(name: "oid", type: .int64, literals: ["0", "2147483648", "4294967295"]),
  ServerType(
    name: "float4", type: .float32, literals: ["0", "-0", "1.5", "0.1", "3.4028235e+38", "1e-45"]),
  ServerType(
    name: "float8", type: .float64,
    literals: ["0", "-0", "0.1", "1.7976931348623157e+308", "5e-324", "-2.5"]),
  ServerType(name: "public.price", type: .decimal(scale: 2), literals: ["0.00", "-1234567890.12"]),
  ServerType(name: "text", type: .text, literals: ["", "a", "zwölf €𝄞", "\"\\", "NULL"]),
  ServerType(name: "varchar(3)", type: .text, literals: ["", "äöü"]),
  ServerType(name: "char(3)", type: .text, literals: ["EUR", "x"], shown: "rpad(v::text, 3)"),
  ServerType(name: "public.mood", type: .text, literals: ["sad", "Gläd"]),
  ServerType(name: "public.feeling", type: .text, literals: ["sad", "Gläd"]),
  ServerType(name: "public.short", type: .text, literals: ["x", "ünicode"]),
  ServerType(name: "public.shorter", type: .text, literals: ["x", "ünicode"]),
  ServerType(name: "uuid", type: .uuid, literals: [first, zero]),
  ServerType(
    name: "uuid[]", type: .uuidList, literals: ["{}", "{\(first)}", "{\(zero),\(first),\(zero)}"]),
  ServerType(name: "public.tags", type: .uuidList, literals: ["{\(first)}", "{}"]),
  ServerType(name: "date", type: .date, literals: ["1970-01-01", "0001-01-01", "9999-12-31"]),
  ServerType(
    name: "timestamp", type: .timestamp, literals: ["1969-12-31 23:59:59.999999", "2024-02-29"],
    shown: instant),
  ServerType(
    name: "timestamptz", type: .timestamp,
    literals: ["0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00", "2024-02-29+14"],
    shown: instant),
  ServerType(name: "public.moment", type: .timestamp, literals: ["2024-02-29"], shown: instant),
  ServerType(name: "json", type: .json, literals: ["{\"a\":  1.50, \"a\": null}", "\"\""]),
  ServerType(name: "jsonb", type: .json, literals: ["{\"b\": [1.50, {}], \"a\": \"ü\"}", "null"]),
  ServerType(
    name: "bytea", type: .bytes, literals: ["\\x", "\\x00ff5c"], shown: "encode(v, 'hex')"),
]

/// Decimals of a scale: zero, the smallest, the ends of 64 and of nearly 128 bits.
private func decimals(scale: Int) -> ServerType {
  let units: [Int128] = [
    0, 1, -1, 10_000, Int128(Int64.max), Int128(Int64.min), Int128(Int64.max) + 1, .max, -.max,
    123_456_789_012_345_678_901_234_567,
  ]
  return ServerType(
    name: "numeric", type: .decimal(scale: scale),
    literals: units.map { decimal($0, scale: scale) })
}

/// A number of units with a point before the last `scale` digits.
private func decimal(_ units: Int128, scale: Int) -> String {
  var digits = String(units.magnitude)
  digits = String(repeating: "0", count: max(0, scale + 1 - digits.count)) + digits
  if scale > 0 { digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -scale)) }
  return (units < 0 ? "-" : "") + digits
}

/// A value as PostgreSQL shows it.
func serverText(_ value: ColumnValue?, _ type: ColumnType) -> String? {
  switch value {
  case nil: return nil
  case .bool(let value): return value ? "t" : "f"
  case .integer(let value):
    if case .decimal(let scale) = type { return decimal(value, scale: scale) }
    return String(value)
  case .float(let value):
    let shortest = type == .float32 ? "\(Float(value))" : "\(value)"
    return shortest.hasSuffix(".0") ? String(shortest.dropLast(2)) : shortest
  case .bytes(let bytes):
    if type != .bytes { return String(decoding: bytes, as: UTF8.self) }
    return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  case .uuid(let value): return value.description
  case .uuids(let values): return "{\(values.map(\.description).joined(separator: ","))}"
  case .date(let value): return value.description
  case .timestamp(let value):
    let text = value.description
    return text.contains(".") ? text : text.dropLast() + ".000000Z"
  }
}

@Suite("Types of the server", .database)
struct ServerTypeTests {
  /// Reads all values and a null, compares them with what the server shows, writes them into a
  /// table of the same type, and compares the two tables on the server.
  private func check(_ server: ServerType, on connection: Connection) throws {
    try connection.runScript(
      "CREATE TABLE public.found (n int, v \(server.name)); "
        + "CREATE TABLE public.written (n int, v \(server.name))")
    for (index, literal) in (server.literals + [nil]).enumerated() {
      let value = literal.map(quoteLiteral) ?? "NULL"
      try connection.run("INSERT INTO public.found VALUES (\(index), \(value))")
    }
    var batches: [Batch] = []
    try connection.copyOut(
      "SELECT n, v FROM public.found ORDER BY n",
      fields: [Field("n", .int32), Field("v", server.type, isNullable: true)], source: "found"
    ) { batches.append($0) }
    let batch = try #require(batches.first)
    let shown = try connection.query("SELECT \(server.shown) AS v FROM public.found ORDER BY n")
    #expect(
      (0..<batch.rowCount).map { serverText(batch.columns[1].value($0), server.type) }
        == (0..<shown.count).map { shown[$0, "v"] }, "\(server)")
    #expect(batch.columns[1].value(batch.rowCount - 1) == nil)
    try connection.copyIn(batch, into: QualifiedName(schema: "public", name: "written"))
    let texts = try ["found", "written"].map {
      try connection.query("SELECT n, v::text FROM public.\($0) ORDER BY n")
    }
    #expect(texts[0] == texts[1], "\(server)")
    try connection.runScript("DROP TABLE public.found, public.written")
  }

  @Test("are read as the server shows them, and written so that nothing changes")
  func roundTrip() throws {
    let connection = try TestDatabase.current.connect()
    try connection.runScript(createdTypes)
    // A connection remembers the columns of a table, and each type has a table of the same name.
    for server in serverTypes { try check(server, on: TestDatabase.current.connect()) }
  }

  @Test("hold decimals of every scale exactly, up to 128 bits")
  func everyScale() throws {
    for scale in 0...38 { try check(decimals(scale: scale), on: TestDatabase.current.connect()) }
  }

  @Test("take citext as text where the server has it")
  func citext() throws {
    let connection = try TestDatabase.current.connect()
    let available = try connection.query(
      "SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'")[0, 0]
    if available == "0" { try Test.cancel("the server has no extension citext") }
    try connection.runScript(
      "CREATE EXTENSION citext SCHEMA public; CREATE DOMAIN public.mail AS public.citext")
    for name in ["public.citext", "public.mail"] {
      try check(ServerType(name: name, type: .text, literals: ["MiXed", ""]), on: connection)
    }
  }

  @Test("take dates and instants at the ends of what the server has")
  func extremes() throws {
    let connection = try TestDatabase.current.connect()
    try connection.runScript(
      """
      CREATE TABLE public.found (d date, t timestamptz, u timestamp);
      INSERT INTO public.found VALUES
        ('4713-01-01 BC', '4713-11-25 00:00:00+00 BC', '4713-11-25 BC'),
        ('5874897-12-31', '294246-12-31 23:59:59.999999+00', '294246-12-31 23:59:59.999999');
      CREATE TABLE public.written (LIKE public.found)
      """)
    let fields = [
      Field("d", .date), Field("t", .timestamp), Field("u", .timestamp),
    ]
    let writer = try TestDatabase.current.connect()
    try connection.copyOut("SELECT * FROM public.found", fields: fields, source: "found") {
      try writer.copyIn($0, into: QualifiedName(schema: "public", name: "written"))
    }
    let difference = """
      SELECT count(*) FROM (TABLE public.found EXCEPT ALL TABLE public.written) AS missing
      """
    #expect(try connection.query(difference)[0, 0] == "0")
    #expect(try connection.query("SELECT count(*) FROM public.written")[0, 0] == "2")
  }

  @Test(
    "that have no value here are errors that name table, column and key",
    arguments: [
      ("'NaN'::float4", .float32, .notANumber), ("'NaN'::float4", .float64, .notANumber),
      ("'-Infinity'::float4", .float32, .infinite), ("'Infinity'::float4", .float64, .infinite),
      ("'NaN'::float8", .float64, .notANumber), ("'Infinity'::float8", .float64, .infinite),
      ("'-Infinity'::float8", .float64, .infinite), ("'NaN'::numeric", .money, .notANumber),
      ("'Infinity'::numeric", .money, .infinite), ("'-Infinity'::numeric", .money, .infinite),
      ("'NaN'::numeric", .float64, .notANumber), ("'Infinity'::numeric", .float64, .infinite),
      ("1e35::numeric", .money, .outOfRange), ("'infinity'::date", .date, .infinite),
      ("'-infinity'::date", .date, .infinite), ("'infinity'::timestamp", .timestamp, .infinite),
      ("'-infinity'::timestamptz", .timestamp, .infinite),
      ("'infinity'::timestamptz", .timestamp, .infinite),
      ("ARRAY['\(zero)', NULL]::uuid[]", .uuidList, .nullElement),
      ("ARRAY[['\(zero)']]::uuid[]", .uuidList, .nested),
    ] as [(String, ColumnType, ValueFailure.Problem)])
  func noValue(sql: String, type: ColumnType, problem: ValueFailure.Problem) throws {
    let connection = try TestDatabase.current.connect(purpose: .source)
    let error = #expect(throws: PostgresError.self) {
      try connection.copyOut(
        """
        SELECT 7::numeric(9,2) AS id, '1970-01-02'::timestamptz AS at, NULL AS v
        UNION ALL SELECT 8.5, '1970-01-03 00:00:01+00', \(sql)
        """,
        fields: [
          Field("id", .decimal(scale: 2)), Field("at", .timestamp),
          Field("v", type, isNullable: true),
        ], source: "app.readings", key: ["id", "at"]
      ) { _ in }
    }
    let failure = ValueFailure(
      source: "app.readings", column: "v", row: 2, key: "id=8.5, at=1970-01-03T00:00:01Z",
      problem: problem)
    #expect(error == .unsuitableValue(failure))
    // The connection goes on with something else.
    #expect(try connection.query("SELECT 1")[0, 0] == "1")
  }

  @Test(
    "are not written a number that is not finite",
    arguments: [(Double.nan, .notANumber), (.infinity, .infinite), (-.infinity, .infinite)]
      as [(Double, ValueFailure.Problem)])
  func notFinite(value: Double, problem: ValueFailure.Problem) throws {
    for (type, wire) in [
      (ColumnType.float32, WireType.float32), (.float64, .float32), (.float64, .float64),
      (.float32, .float64),
    ] {
      var builder = ColumnBuilder(Field("x", type))
      builder.append(1.0)
      builder.append(value)
      let batch = Batch([builder.finish()])
      let encoder = try CopyEncoder(fields: batch.fields, wireTypes: [wire], table: "app.t")
      let failure = ValueFailure(
        source: "app.t", column: "x", row: 2, key: nil, problem: problem)
      #expect(throws: PostgresError.unsuitableValue(failure)) { try encoder.encode(batch) }
    }
  }
}
