import AlmanacCore
import Columns
import Documents
import TestSupport
import Testing

@testable import Pipelines

@Suite("Checks of single rows")
struct RowRuleTests {
  private static let cut = Timestamp(microseconds: 1_000_000_000)

  private func rule(_ rule: DatasetCheck.Rule) -> RowRule? {
    RowRule(
      DatasetCheck(
        rule: rule, level: .error, maximumShare: 0, name: "check",
        mark: Mark(file: "f", line: 1, column: 1)), cut: Self.cut)
  }

  private func batch(_ field: Field, _ values: [ColumnValue?]) -> Batch {
    var builder = ColumnBuilder(field)
    for value in values { builder.append(value) }
    return Batch([builder.finish()])
  }

  private func limit(_ value: ColumnValue) -> DatasetCheck.Limit { .init(value: value, text: "") }

  @Test("name the rows without a value")
  func notNull() {
    let rows = batch(Field("c", .text, isNullable: true), [.text("a"), nil, .text("b"), nil])
    #expect(rule(.notNull(column: "c"))?.badRows(in: rows) == [1, 3])
    let full = batch(Field("c", .text, isNullable: true), [.text("a")])
    #expect(rule(.notNull(column: "c"))?.badRows(in: full) == [])
  }

  @Test("name the rows with another value, a missing one passes")
  func acceptedValues() {
    let rows = batch(
      Field("c", .text, isNullable: true),
      [.text("open"), .text("Open"), nil, .text(""), .text("paid"), .text("Open")])
    let accepted = rule(.acceptedValues(column: "c", values: ["open", "paid"]))
    #expect(accepted?.badRows(in: rows) == [1, 3, 5])
  }

  @Test("know the types of events of the source contract")
  func eventTypes() {
    let rows = batch(Field("c", .text), [.text("invoice_paid"), .text("invoice_eaten")])
    #expect(rule(.knownEventTypes(column: "c"))?.badRows(in: rows) == [1])
  }

  @Test("name the rows outside of limits, which are included themselves")
  func range() {
    let money = batch(
      Field("c", .money, isNullable: true),
      [.integer(-1), .integer(0), .integer(10), .integer(11), nil])
    let both = rule(
      .range(column: "c", minimum: limit(.integer(0)), maximum: limit(.integer(10))))
    #expect(both?.badRows(in: money) == [0, 3])
    let wide = batch(Field("c", .money), [.integer(Int128(Int64.max) + 1), .integer(3)])
    #expect(both?.badRows(in: wide) == [0])
    let least = rule(.range(column: "c", minimum: limit(.integer(Int128.max)), maximum: nil))
    #expect(least?.badRows(in: money) == [0, 1, 2, 3])
    let dates = batch(
      Field("c", .date),
      [.date(CalendarDate(daysSinceEpoch: 4)), .date(CalendarDate(daysSinceEpoch: 5))])
    let late = rule(
      .range(
        column: "c", minimum: limit(.date(CalendarDate(daysSinceEpoch: 5))), maximum: nil))
    #expect(late?.badRows(in: dates) == [0])
    let floats = batch(Field("c", .float64, isNullable: true), [.float(0.5), .float(1.5), nil])
    let below = rule(.range(column: "c", minimum: nil, maximum: limit(.float(1))))
    #expect(below?.badRows(in: floats) == [1])
  }

  @Test("name the rows dated after the cut and the tolerance")
  func notInFuture() {
    let second: Int64 = 1_000_000
    let rows = batch(
      Field("c", .timestamp),
      [0, 60 * second, 60 * second + 1].map {
        .timestamp(Timestamp(microseconds: Self.cut.microseconds + $0))
      })
    let check = rule(.notInFuture(column: "c", tolerance: .seconds(60)))
    #expect(check?.badRows(in: rows) == [2])
  }

  @Test("are not made of checks of whole datasets")
  func others() {
    #expect(rule(.unique(columns: ["c"])) == nil)
    #expect(rule(.minimumRows(1)) == nil)
    #expect(rule(.matchesSource) == nil)
  }
}
