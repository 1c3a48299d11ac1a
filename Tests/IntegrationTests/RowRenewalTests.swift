import AlmanacCore
import Columns
import Postgres
import TestSupport
import Testing

@testable import Pipelines

@Suite("Replacing rows of days that differ", .database)
struct RowRenewalTests {
  private struct Row {
    var company: Int
    var name: String
    var day: Int
    var amount: Int?
  }

  private let connection: Connection
  private let renewal = RowRenewal(
    table: QualifiedName(schema: "public", name: "renewed"), keyCount: 3)
  private static let condition = "date BETWEEN date '1970-01-01' AND date '1970-01-09'"

  init() throws {
    connection = try TestDatabase.current.connect()
    try connection.runScript(
      """
      CREATE TABLE public.renewed (company uuid, name text, date date, amount numeric(38,4),
        code char(3), PRIMARY KEY (company, name, date));
      """)
  }

  private static func batch(_ rows: [Row]) -> Batch {
    var company = ColumnBuilder(Field("company", .uuid))
    var name = ColumnBuilder(Field("name", .text))
    var date = ColumnBuilder(Field("date", .date))
    var amount = ColumnBuilder(Field("amount", .decimal(scale: 4), isNullable: true))
    var code = ColumnBuilder(Field("code", .text, isNullable: true))
    for row in rows {
      company.append(UUIDValue(high: 0, low: UInt64(row.company)))
      name.append(row.name)
      date.append(CalendarDate(daysSinceEpoch: Int32(row.day)))
      amount.appendInteger(row.amount.map { Int128($0) })
      if row.amount == nil { code.appendNull() } else { code.append("USD") }
    }
    return Batch([
      company.finish(), name.finish(), date.finish(), amount.finish(), code.finish(),
    ])
  }

  /// What the table holds, in the order of its key, without where each row lies.
  private func held() throws -> [String] {
    let rows = try connection.query(
      """
      SELECT concat_ws(' ', right(company::text, 1), name, date - date '1970-01-01',
        coalesce(amount::text, 'null'), coalesce(code, 'null'))
      FROM public.renewed ORDER BY company, name COLLATE "C", date
      """)
    return (0..<rows.count).compactMap { rows[$0, 0] }
  }

  /// Where each row lies, by its name.
  private func places() throws -> [String: String] {
    let rows = try connection.query("SELECT name, ctid FROM public.renewed")
    return (0..<rows.count).reduce(into: [:]) { $0[rows[$1, 0] ?? ""] = rows[$1, 1] }
  }

  @Test("leaves equal rows where they are, and writes, replaces and deletes the others")
  func differences() throws {
    try connection.copyIn(
      Self.batch([
        Row(company: 1, name: "kept, \"as\" it is", day: 0, amount: nil),
        Row(company: 1, name: "kept as zero", day: 1, amount: 0),
        Row(company: 1, name: "changed", day: 2, amount: 5),
        Row(company: 1, name: "to null", day: 2, amount: 0),
        Row(company: 2, name: "gone {\\}", day: 3, amount: 7),
        Row(company: 2, name: "of another day", day: 10, amount: 7),
      ]), into: renewal.table)
    let before = try places()
    let written = try renewal.renew(
      where: Self.condition,
      by: Self.batch([
        Row(company: 1, name: "to null", day: 2, amount: nil),
        Row(company: 3, name: "new", day: 8, amount: -1),
        Row(company: 1, name: "kept as zero", day: 1, amount: 0),
        Row(company: 1, name: "kept, \"as\" it is", day: 0, amount: nil),
        Row(company: 1, name: "changed", day: 2, amount: 6),
      ]), on: connection)
    #expect(written == 3)
    #expect(
      try held() == [
        "1 changed 2 0.0006 USD", "1 kept as zero 1 0.0000 USD",
        "1 kept, \"as\" it is 0 null null", "1 to null 2 null null",
        "2 of another day 10 0.0007 USD", "3 new 8 -0.0001 USD",
      ])
    let after = try places()
    for name in ["kept, \"as\" it is", "kept as zero", "of another day"] {
      #expect(after[name] == before[name])
    }
    for name in ["changed", "to null"] { #expect(after[name] != before[name]) }
  }

  @Test("empties the days of which there are no rows")
  func nothing() throws {
    try connection.copyIn(
      Self.batch([
        Row(company: 1, name: "a", day: 0, amount: 1),
        Row(company: 1, name: "b", day: 10, amount: 1),
      ]), into: renewal.table)
    try renewal.renew(where: Self.condition, by: Self.batch([]), on: connection)
    #expect(try held() == ["1 b 10 0.0001 USD"])
  }

  @Test("replaces all rows where they are not to be compared")
  func whole() throws {
    let batch = Self.batch([Row(company: 1, name: "a", day: 0, amount: 1)])
    try connection.copyIn(batch, into: renewal.table)
    let before = try places()
    try renewal.renew(where: Self.condition, by: batch, comparing: false, on: connection)
    #expect(try places() != before)
    #expect(try held() == ["1 a 0 0.0001 USD"])
  }

  @Test("lets the server refuse a key that comes twice")
  func repeated() throws {
    let row = Row(company: 1, name: "a", day: 0, amount: 1)
    #expect(throws: PostgresError.self) {
      try renewal.renew(where: Self.condition, by: Self.batch([row, row]), on: connection)
    }
  }
}
