import AlmanacCore
import Columns
import TestSupport
import Testing

@testable import Pipelines

@Suite("Columns that arrive as text")
struct LiftedColumnsTests {
  private static let moneyField = Field("amount", .money, isNullable: true)

  /// A text column in either form.
  private func column(_ texts: [String?], isPlain: Bool) -> Column {
    var storage = TextStorage(codes: isPlain ? nil : [])
    var validity = ValidityBitmap(repeating: false, count: 0)
    for text in texts {
      storage.bytes += Array((text ?? "").utf8)
      storage.offsets.append(storage.bytes.count)
      let entry = UInt32(storage.entryCount - 1)
      if !isPlain { storage.codes?.append(entry) }
      validity.append(text != nil)
    }
    return Column(
      Field("amount", .text, isNullable: true), .text(storage), validity: validity)
  }

  private func parse(
    _ texts: [String?], as type: ColumnType, isPlain: Bool
  ) throws -> (values: [ColumnValue?], notices: [String]) {
    let field = Field("amount", type, isNullable: true)
    var lifting = LiftedColumns(
      wireFields: [Field("amount", .text, isNullable: true)], fields: [field])
    let batch = try lifting.parse(
      Batch([column(texts, isPlain: isPlain)]), dataset: "events")
    #expect(batch.fields == [field])
    return (batch.rowValues.map { $0[0] }, lifting.notices(dataset: "events"))
  }

  private static let uuid = "11111111-2222-4333-8444-555555555555"

  @Test(
    "are parsed as every type, in either form of storage", arguments: [true, false])
  func types(isPlain: Bool) throws {
    let cases: [(ColumnType, [String?], [ColumnValue?], malformed: Int)] = [
      (
        .money, ["1.5", "-0.0001", nil, "", "x", "1e2", "NaN"],
        [.integer(15_000), .integer(-1), nil, nil, nil, .integer(1_000_000), nil], 3
      ),
      (
        .money, ["123456789012345.1234", "-99999999999999999999.5", "1e34"],
        [.integer(1_234_567_890_123_451_234), .integer(-999_999_999_999_999_999_995_000), nil], 1
      ),
      (
        .decimal(scale: 18), ["12.5", "-0.000000000000000001", "100000000000000000000"],
        [.integer(12_500_000_000_000_000_000), .integer(-1), nil], 1
      ),
      (.decimal(scale: 0), ["7", "-7", "+7"], [.integer(7), .integer(-7), .integer(7)], 0),
      (
        .int64, ["9223372036854775807", "9223372036854775808", "1.0", " 1", nil],
        [.integer(Int128(Int64.max)), nil, nil, nil, nil], 3
      ),
      (.uuid, [Self.uuid, "1111", nil], [UUIDValue(Self.uuid).map { .uuid($0) }, nil, nil], 1),
      (
        .timestamp, ["1970-01-01T00:00:01Z", "yesterday", "1970-01-01T00:00:00.123456789Z"],
        [
          .timestamp(Timestamp(microseconds: 1_000_000)), nil,
          .timestamp(Timestamp(microseconds: 123_457)),
        ], 1
      ),
      (
        .date, ["1970-01-03", "1970-02-30"], [.date(CalendarDate(daysSinceEpoch: 2)), nil], 1
      ),
      (.bool, ["true", "false", "t", "1", "TRUE"], [.bool(true), .bool(false), nil, nil, nil], 3),
      (
        .float64, ["", ".", "1e", "1e+", "1.2.3", "+-1", " 1", "1_0"],
        [ColumnValue?](repeating: nil, count: 8), 8
      ),
      (
        .float64,
        [
          "0.5", "-1e3", ".5", "5.", "1E+2", "nan", "inf", "infinity", "1e999", "x", "0x10",
          "0x1p4",
        ],
        [.float(0.5), .float(-1_000), .float(0.5), .float(5), .float(100)]
          + [ColumnValue?](repeating: nil, count: 7), 7
      ),
    ]
    for (type, texts, values, malformed) in cases {
      let result = try parse(texts, as: type, isPlain: isPlain)
      #expect(result.values == values, "\(type)")
      #expect(
        result.notices
          == (malformed == 0
            ? [] : ["events.amount: \(malformed) malformed values became null"]),
        "\(type)")
    }
  }

  @Test("are counted row by row where a dictionary entry repeats")
  func repeated() throws {
    var lifting = LiftedColumns(
      wireFields: [Field("amount", .text, isNullable: true)], fields: [Self.moneyField])
    var builder = ColumnBuilder(Field("amount", .text, isNullable: true))
    for text in ["x", "1.00005", "x", "1.00005", "x", "2"] { builder.append(text) }
    let batch = Batch([builder.finish()])
    for _ in 0..<2 { _ = try lifting.parse(batch, dataset: "events") }
    #expect(
      lifting.notices(dataset: "events") == [
        "events.amount: 6 malformed values became null",
        "events.amount: 4 amounts with more than 4 decimals were rounded half-even",
      ])
  }

  @Test("tell the decimals of their own type, and what was rounded on the wire")
  func rounding() throws {
    let fields = [
      Field("a", .decimal(scale: 2), isNullable: true), Field("b", .money, isNullable: true),
    ]
    var lifting = LiftedColumns(
      wireFields: [Field("a", .text, isNullable: true), fields[1]], fields: fields)
    var text = ColumnBuilder(Field("a", .text, isNullable: true))
    text.append("0.125")
    text.append("0.135")
    var money = ColumnBuilder(fields[1])
    money.append(integer: 1)
    money.append(integer: 2)
    let batch = try lifting.parse(Batch([text.finish(), money.finish()]), dataset: "d")
    #expect(batch.rowValues.map { $0[0] } == [.integer(12), .integer(14)])
    #expect(
      lifting.notices(dataset: "d", roundedOnWire: ["b": 3]) == [
        "d.a: 2 amounts with more than 2 decimals were rounded half-even",
        "d.b: 3 amounts with more than 4 decimals were rounded half-even",
      ])
  }

  @Test("leave a batch alone that has none of them")
  func untouched() throws {
    let batch = StateSample.batch([
      .init(id: 1, day: 1, second: 1, recorded: 1, text: "1.5", amount: 2)
    ])
    var lifting = LiftedColumns(wireFields: batch.fields, fields: batch.fields)
    #expect(try lifting.parse(batch, dataset: "events") == batch)
    #expect(lifting.notices(dataset: "events").isEmpty)
  }
}
