import AlmanacCore
import Columns
import Testing

@Suite("Order of nulls")
struct NullOrderTests {
  @Test("orders rows by a column of which every row is null", arguments: [ColumnType.text, .uuid])
  func allNull(type: ColumnType) {
    var key = ColumnBuilder(Field("key", type, isNullable: true))
    var number = ColumnBuilder(Field("number", .int64))
    for value in [3, 1, 2] as [Int64] {
      key.appendNull()
      number.append(value)
    }
    let batch = Batch([key.finish(), number.finish()])
    #expect(batch.order(by: ["key", "number"]) == [1, 2, 0])
  }
}
