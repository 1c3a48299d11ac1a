import AlmanacCore
import Columns
import TestSupport
import Testing

@testable import Pipelines

@Suite("Versions of rows")
struct RowVersionsTests {
  private typealias Row = StoreSample.Row

  /// A table that changes from night to night, with what each night saw.
  private struct Source {
    var rows: [UInt64: Row] = [:]
    var writer: Int64 = 3

    /// Changes, adds and deletes some rows.
    mutating func live(using random: inout SplitMix64) {
      for _ in 0..<6 {
        let id = UInt64.random(in: 0..<15, using: &random)
        writer += 1
        if Int.random(in: 0..<4, using: &random) == 0 {
          rows[id] = nil
        } else {
          rows[id] = Row(
            id: id, day: .random(in: 0..<3, using: &random), recorded: 1,
            text: "t\(Int.random(in: 0..<3, using: &random))", writer: writer)
        }
      }
    }
  }

  private func content(_ rows: [Row]) -> [Row] {
    rows.map { row in
      var row = row
      row.writer = 0
      row.seen = 0
      return row
    }.sorted()
  }

  @Test(
    "give the source as it was at each cut, whether nights read increments or everything",
    arguments: UInt64(0)..<12, [true, false])
  func cuts(seed: UInt64, isDated: Bool) throws {
    var random = SplitMix64(seed: seed)
    try StoreSample.with(StoreSample.definition(mode: "changes", isDated: isDated)) { sample in
      var source = Source()
      var held: Manifest.Dataset?
      var truth: [(Int64, [Row])] = []
      for night in 1...14 {
        let horizon = source.writer
        source.live(using: &random)
        let seen = Int64(night * 1_000)
        let all = source.rows.values.map { row in
          var row = row
          row.seen = seen
          if !isDated { row.day = 0 }
          return row
        }
        let isWhole = held == nil || Int.random(in: 0..<3, using: &random) == 0
        let new = isWhole ? all : all.filter { $0.writer > horizon }
        let parts = try sample.parts(new)
        let merged = try sample.merge().merging(
          DatasetMerge.Read(
            whole: isWhole ? parts : [], increment: isWhole ? nil : parts, base: held), over: held)
        let sweep = KeySweep(key: sample.definition.key)
        sweep.see(sample.batch(all))
        let tombstones = try sweep.tombstones(
          over: merged.parts, of: "d", at: Timestamp(microseconds: seen), reader: sample.reader,
          writer: sample.writer)
        held = sample.dataset(merged.parts + [tombstones].compactMap(\.self))
        truth.append((seen, content(all)))
      }
      let parts = held?.parts ?? []
      #expect(content(try sample.visible(parts)) == truth.last?.1, "seed \(seed)")
      for (seen, expected) in truth {
        let rows = try sample.reader(parts).readVersions(
          "d", asOf: Timestamp(microseconds: seen + 10),
          columns: sample.definition.storedFields.map(\.name))
        #expect(content(StoreSample.rows(rows)) == expected, "seed \(seed), \(seen)")
      }
      // What is read again unchanged is stored once.
      let versions = try sample.stored(parts)
      for (_, same) in Dictionary(grouping: versions, by: \.id) {
        let ordered = same.sorted { $0.seen < $1.seen }
        #expect(Set(ordered.map(\.seen)).count == ordered.count, "seed \(seed)")
      }
      #expect(
        try sample.reader(parts).readVersions(
          "d", asOf: Timestamp(microseconds: 1), columns: ["id"]
        )
        .isEmpty)
    }
  }

  @Test("that were read whole and are held already are not stored again")
  func unchanged() throws {
    try StoreSample.with(StoreSample.definition(mode: "changes", isDated: false)) { sample in
      let held = sample.dataset(
        try sample.parts([
          Row(id: 1, text: "a", writer: 5, seen: 1), Row(id: 2, text: "b", seen: 1),
        ]))
      let merged = try sample.merge().merging(
        DatasetMerge.Read(
          whole: try sample.parts([
            Row(id: 1, text: "a", writer: 90, seen: 2), Row(id: 2, text: "c", writer: 91, seen: 2),
          ]), increment: nil, base: nil), over: held)
      #expect(
        try sample.stored(merged.parts).map { [Int64($0.id), $0.seen] } == [
          [1, 1], [2, 1], [2, 2],
        ])
      #expect(merged.rowsKept == 0 && merged.notices.isEmpty)
    }
  }

  @Test("are all kept where a key has several among what was read")
  func several() throws {
    try StoreSample.with(StoreSample.definition(mode: "changes", isDated: false)) { sample in
      let held = sample.dataset(try sample.parts([Row(id: 1, text: "a", seen: 1)]))
      // The load of a large table sees a row again that changed meanwhile and changed back.
      let load = try sample.parts([Row(id: 1, text: "b", writer: 7, seen: 2)])
      let end = try sample.parts([Row(id: 1, text: "a", writer: 9, seen: 3)])
      let merged = try sample.merge().merging(
        DatasetMerge.Read(whole: [], increment: end, base: sample.dataset(load)), over: held)
      #expect(try sample.stored(merged.parts).map(\.seen).sorted() == [1, 2, 3])
      #expect(try sample.visible(merged.parts).map(\.text) == ["a"])
    }
  }
}
