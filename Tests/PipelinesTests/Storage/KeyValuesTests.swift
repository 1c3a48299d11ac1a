import AlmanacCore
import Columns
import TestSupport
import Testing

@testable import Pipelines

@Suite("Keys")
struct KeyValuesTests {
  @Test(
    "are equal exactly where all values are, however they are stored", arguments: UInt64(0)..<12)
  func equality(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let fields = [
      Field("u", .uuid, isNullable: true), Field("t", .text, isNullable: true),
      Field("i", .int32), Field("d", .money, isNullable: true), Field("b", .bool),
    ]
    var rows: [[ColumnValue?]] = []
    for _ in 0..<120 {
      rows.append([
        Bool.random(using: &random)
          ? .uuid(UUIDValue(high: 0, low: .random(in: 0...1, using: &random))) : nil,
        Bool.random(using: &random)
          ? .text(["", "a", "abcdefgh", "abcdefghi"].randomElement(using: &random) ?? "") : nil,
        .integer(.random(in: 0...1, using: &random)),
        Bool.random(using: &random) ? .integer(.random(in: 0...1, using: &random)) : nil,
        .bool(.random(using: &random)),
      ])
    }
    let batch = Batch(
      fields.indices.map { index in
        var builder = ColumnBuilder(fields[index])
        for row in rows { builder.append(row[index]) }
        return builder.finish()
      })
    let wide = Batch(
      batch.columns.map { column in
        guard case .int64(let values) = column.storage else { return column }
        return Column(column.field, .int128(values.map { Int128($0) }), validity: column.validity)
      })
    for names in [["u"], ["t"], ["d", "b"], fields.map(\.name)] {
      let keys = batch.compacted().keyValues(of: names)
      #expect(keys == wide.keyValues(of: names), "seed \(seed)")
      let columns = names.compactMap { name in fields.firstIndex { $0.name == name } }
      for left in rows.indices {
        for right in rows.indices {
          let isEqual = columns.allSatisfy { rows[left][$0] == rows[right][$0] }
          if (keys[left] == keys[right]) != isEqual {
            Issue.record("seed \(seed): rows \(left) and \(right) by \(names)")
          }
        }
      }
    }
  }

  @Test("are found in a table exactly if they were added with the tag", arguments: UInt64(0)..<8)
  func table(seed: UInt64) {
    struct Tagged: Hashable {
      var key: UUIDValue
      var tag: Int64
    }
    var random = SplitMix64(seed: seed)
    var table = KeyTable()
    var known: [Tagged: Int] = [:]
    for _ in 0..<3_000 {
      let tagged = Tagged(
        key: UUIDValue(
          high: .random(in: 0...3, using: &random), low: .random(in: 0...200, using: &random)),
        tag: .random(in: -2...2, using: &random))
      let (index, isNew) = table.insert(tagged.key, tag: tagged.tag)
      #expect(isNew == (known[tagged] == nil), "seed \(seed)")
      #expect(index == known[tagged, default: known.count], "seed \(seed)")
      known[tagged] = index
    }
    #expect(table.count == known.count)
    for high in UInt64(0)...4 {
      for low in UInt64(0)...201 {
        let key = UUIDValue(high: high, low: low)
        #expect(table.index(of: key, tag: 1) == known[Tagged(key: key, tag: 1)], "seed \(seed)")
      }
    }
  }
}

@Suite("The order of rows")
struct RowOrderTests {
  @Test("is that of comparing whole rows, whatever order they come in", arguments: UInt64(0)..<16)
  func order(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let sample = StoreSample("", try StoreSample.definition(mode: "append"))
    // Clocks that span all of time leave no room for a row's number.
    let spread: Int64 = seed % 4 == 0 ? 1 << 45 : 1
    let rows = StoreSample.rows(300, keys: 25, days: seed % 2 == 0 ? 2 : 40, using: &random).map {
      var row = $0
      row.day *= Int(spread % 1_000_003)
      return row
    }
    let batch = sample.batch(rows)
    for names in [["at", "id"], ["id"], ["text", "at"], ["recorded"]] {
      let order = batch.settledOrder(by: names) ?? Array(rows.indices)
      let shuffled = batch.taking(Array(rows.indices).shuffled(using: &random))
      let other = shuffled.settledOrder(by: names).map { shuffled.taking($0) } ?? shuffled
      let ordered = batch.taking(order)
      #expect(firstDifference(ordered.rowValues, other.rowValues) == nil, "seed \(seed), \(names)")
      #expect(ordered.order(by: names) == Array(rows.indices), "seed \(seed), \(names)")
      #expect(order.sorted() == Array(rows.indices), "seed \(seed), \(names)")
    }
  }

  @Test("moves nothing where rows are in order")
  func unmoved() throws {
    let sample = StoreSample("", try StoreSample.definition(mode: "append"))
    let rows = (0..<50).map { StoreSample.Row(id: UInt64(50 - $0), day: $0 / 9, second: $0) }
    #expect(sample.batch(rows).settledOrder(by: ["at", "id"]) == nil)
    #expect(sample.batch([]).settledOrder(by: ["at"]) == nil)
    #expect(sample.batch(Array(rows.reversed())).settledOrder(by: ["at"]) == (0..<50).reversed())
  }
}
