import AlmanacCore
import Columns
import TestSupport
import Testing

@testable import Pipelines

@Suite("Counting repeated keys")
struct RepeatedKeyCountTests {
  /// Keys from a small range, so that many repeat.
  private func keys(_ count: Int, below limit: UInt64, seed: UInt64) -> [UUIDValue] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { _ in
      UUIDValue(high: 0, low: UInt64.random(in: 0..<limit, using: &random))
    }
  }

  @Test("agrees with a set, with any filter and any memory", arguments: UInt64(0)..<24)
  func agreesWithSet(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let count = Int.random(in: 0...3_000, using: &random)
    let keys = keys(count, below: UInt64.random(in: 1...6_000, using: &random), seed: seed + 100)
    let repeated = try RepeatedKeyCount(
      rows: count, maximumBits: 64 << Int.random(in: 0...6, using: &random),
      maximumCollected: Int.random(in: 8...4_000, using: &random)
    ) { take in
      for piece in keys.windows(of: 100) { try take(piece) }
    }
    #expect(repeated.count == count - Set(keys).count, "seed \(seed)")
    let counts = Dictionary(keys.map { ($0, 1) }, uniquingKeysWith: +)
    #expect(repeated.examples.allSatisfy { counts[$0] ?? 0 > 1 }, "seed \(seed)")
    #expect(Set(repeated.examples).count == repeated.examples.count)
    #expect(repeated.examples.isEmpty == (repeated.count == 0), "seed \(seed)")
  }

  @Test("ends where one key is all there is, more often than memory holds")
  func oneKey() throws {
    let key = UUIDValue(high: 1, low: 2)
    let repeated = try RepeatedKeyCount(rows: 1_000, maximumCollected: 10) { take in
      for _ in 0..<1_000 { try take([key]) }
    }
    #expect(repeated.count == 999)
    #expect(repeated.examples == [key])
  }
}

@Suite("Keys that have to be whole")
struct WholeKeyTests {
  private func batch(_ rows: [(UUIDValue?, String?)]) -> Batch {
    var id = ColumnBuilder(Field("id", .uuid, isNullable: true))
    var text = ColumnBuilder(Field("text", .text, isNullable: true))
    for (identifier, word) in rows {
      id.append(identifier.map { .uuid($0) })
      text.append(word.map { .text($0) })
    }
    return Batch([id.finish(), text.finish()])
  }

  @Test("are the value itself for one uuid, and nothing for a key without a value")
  func identity() {
    let value = UUIDValue(high: 7, low: 9)
    let rows = batch([(value, "a"), (nil, "a"), (value, nil)])
    #expect(rows.wholeKeyValues(of: ["id"]) == [value, nil, value])
    let pairs = rows.wholeKeyValues(of: ["id", "text"])
    #expect(pairs[0] != nil && pairs[1] == nil && pairs[2] == nil)
  }

  @Test("differ where keys differ, and not where they are equal", arguments: UInt64(0)..<8)
  func injective(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let rows = (0..<2_000).map { _ -> (UUIDValue?, String?) in
      let length = Int.random(in: 0...17, using: &random)
      let text = String(
        (0..<length).map { _ in "ab\u{0}".randomElement(using: &random) ?? "a" })
      return (UUIDValue(high: 0, low: UInt64.random(in: 0...1, using: &random)), text)
    }
    let prints = batch(rows).wholeKeyValues(of: ["text", "id"])
    let distinct = Set(rows.map { "\($0.0?.low ?? 9) \($0.1 ?? "")" })
    #expect(Set(prints.compactMap(\.self)).count == distinct.count, "seed \(seed)")
  }
}

@Suite("Counts of the source by day")
struct SourceCountsTests {
  private func days(_ numbers: [Int32]) -> [CalendarDate] {
    numbers.map { CalendarDate(daysSinceEpoch: $0) }
  }

  @Test("ask for neighbouring days at once, and for very many at once")
  func ranges() {
    let found = SourceCounts.ranges(days([5, 1, 2, 3, 9, 5]))
    #expect(
      found.map { "\($0.lowerBound.daysSinceEpoch)-\($0.upperBound.daysSinceEpoch)" } == [
        "1-3", "5-5", "9-9",
      ])
    let many = SourceCounts.ranges(days((0..<100).map { $0 * 2 }))
    #expect(many.count == 1)
    #expect(many.first?.lowerBound.daysSinceEpoch == 0)
    #expect(many.first?.upperBound.daysSinceEpoch == 198)
    #expect(SourceCounts.ranges([]).isEmpty)
  }
}
