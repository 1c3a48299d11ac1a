import AlmanacCore
import Columns
import Postgres
import TestSupport
import Testing

@Suite("COPY against a server", .database)
struct CopyTests {
  private static let fields = [
    Field("row", .int64), Field("id", .int64), Field("flag", .bool, isNullable: true),
    Field("small", .int16, isNullable: true), Field("whole", .int32, isNullable: true),
    Field("single", .float32, isNullable: true), Field("double", .float64, isNullable: true),
    Field("amount", .money, isNullable: true), Field("label", .text, isNullable: true),
    Field("code", .text, isNullable: true), Field("document", .json, isNullable: true),
    Field("raw", .bytes, isNullable: true), Field("key", .uuid, isNullable: true),
    Field("keys", .uuidList, isNullable: true), Field("day", .date, isNullable: true),
    Field("at", .timestamp, isNullable: true),
  ]

  private static let table = """
    CREATE TABLE public.t (row bigserial, id bigint, flag bool, small smallint, whole int, single real,
      double float8, amount numeric(30,4), label text, code char(3), document jsonb, raw bytea,
      key uuid, keys uuid[], day date, at timestamptz)
    """

  @Test("reads every type as the server's own text shows it")
  func readsAsTextShows() throws {
    let connection = try TestDatabase.current.connect()
    try connection.runScript(
      CopyTests.table + ";"
        + """
        INSERT INTO public.t VALUES
          (1, 1, true, -32768, 2147483647, 1.5, 0.1, 12345678901234567890.1234, 'zwölf', 'EUR',
           '{"a": [1, 2.50]}', '\\x00ff', '01234567-89ab-cdef-fedc-ba9876543210',
           '{01234567-89ab-cdef-fedc-ba9876543210,00000000-0000-0000-0000-000000000000}', '2024-02-29',
           '2024-02-29 23:59:59.999999+00'),
          (2, 2, false, 0, 0, 3.4028235e+38, -1.7976931348623157e+308, 0, '', 'x', 'null', '',
           '00000000-0000-0000-0000-000000000000', '{}', '1970-01-01', '1969-12-31 23:59:59.999999+00');
        INSERT INTO public.t VALUES (3, 3, NULL, 32767, -2147483648, -0.0, 5e-324, -0.0001);
        INSERT INTO public.t (row, id) VALUES (4, -9223372036854775808)
        """)
    var batches: [Batch] = []
    let count = try connection.copyOut(
      "SELECT * FROM public.t ORDER BY row", fields: CopyTests.fields, source: "t"
    ) { batches.append($0) }
    let batch = try #require(batches.first)
    #expect(count == 4 && batches.count == 1 && batch.rowCount == 4)
    let expected = try connection.query(
      """
      SELECT row, id, flag, small, whole, single, double, amount, label, code, document,
        encode(raw, 'hex') AS raw, key, keys, day, to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at
      FROM public.t ORDER BY row
      """)
    for row in 0..<4 {
      for (column, field) in CopyTests.fields.enumerated() {
        let found = serverText(batch.columns[column].value(row), field.type)
        #expect(found == expected[row, field.name], "\(field.name) in row \(row)")
      }
    }
  }

  @Test("writes every type so that the same comes back")
  func roundTrip() throws {
    let connection = try TestDatabase.current.connect()
    try connection.runScript(CopyTests.table)
    var generator = SplitMix64(seed: 7)
    let batch = numbered(randomBatch(CopyTests.fields, rows: 5000, using: &generator))
    let name = QualifiedName(schema: "public", name: "t")
    #expect(try connection.copyIn(batch, into: name) == 5000)
    var batches: [Batch] = []
    try connection.copyOut(
      "SELECT * FROM public.t ORDER BY row", fields: CopyTests.fields, rowsPerBatch: 512,
      source: "t"
    ) { batches.append($0) }
    #expect(batches.map(\.rowCount) == [Int](repeating: 512, count: 9) + [392])
    #expect(firstDifference(batches.flatMap(\.rowValues), batch.rowValues) == nil)
  }

  /// The batch with the row's number in its first column, to order by.
  private func numbered(_ batch: Batch) -> Batch {
    var numbers = ColumnBuilder(batch.fields[0])
    for row in 0..<batch.rowCount { numbers.append(Int64(row)) }
    return Batch([numbers.finish()] + batch.columns.dropFirst())
  }
}
