import Columns
import Testing

@Suite("Ordering of null rows")
struct SortRankTests {
  @Test("orders by a dictionary-coded column of nulls alone", arguments: [ColumnType.text, .uuid])
  func onlyNulls(type: ColumnType) {
    var nulls = ColumnBuilder(Field("nulls", type, isNullable: true))
    var numbers = ColumnBuilder(Field("numbers", .int64))
    for number in [3, 1, 2] {
      nulls.appendNull()
      numbers.append(Int64(number))
    }
    let batch = Batch([nulls.finish(), numbers.finish()])
    #expect(batch.order(by: ["nulls", "numbers"]) == [1, 2, 0])
  }
}
