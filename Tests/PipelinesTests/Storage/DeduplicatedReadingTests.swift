import AlmanacCore
import Columns
import Files
import TestSupport
import Testing

@testable import Pipelines

@Suite("Days read with each key once")
struct DeduplicatedReadingTests {
  private static let columns = ["at", "recorded", "text"]

  /// The rows of some days by the plain way: everything is read and compared.
  private func plain(
    _ reader: PartReader, _ days: ClosedRange<CalendarDate>, _ definition: DatasetDefinition
  ) throws -> (batches: [Batch], dropped: Int) {
    dropRepeated(
      try reader.read("d", days: days, columns: DeduplicatedReadingTests.columns + definition.key),
      key: definition.key, recorded: "recorded", time: "at")
  }

  private func values(_ batches: [Batch]) -> [[String]] {
    batches.map { batch in
      (0..<batch.rowCount).map { row in
        DeduplicatedReadingTests.columns.map { "\(String(describing: batch[$0]?.value(row)))" }
          .joined(separator: " ")
      }
    }
  }

  @Test(
    "are as after comparing all keys, whether they were read before, alone or together",
    arguments: UInt64(0)..<24)
  func law(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let definition = try StoreSample.definition(mode: "append", isWide: seed % 3 == 0)
    try StoreSample.with(definition) { store in
      var parts: [Manifest.Part] = []
      let memo = RepeatedRowsMemo()
      for _ in 0..<4 {
        // Further parts of days that were read with fewer of them.
        parts += try store.parts(
          StoreSample.rows(
            .random(in: 1...60, using: &random), keys: 25, days: 4, using: &random),
          batchSize: .random(in: 5...60, using: &random))
        var reader = store.reader(parts)
        reader.repeatedRows = memo
        for _ in 0..<6 {
          let first = Int.random(in: 0..<4, using: &random)
          let start = CalendarDate(daysSinceEpoch: Int32(first))
          let days = start...start.adding(days: .random(in: 0...(3 - first), using: &random))
          let expected = try plain(reader, days, definition)
          let found = try reader.readDeduplicated(
            definition, days: days, columns: DeduplicatedReadingTests.columns)
          #expect(found.dropped == expected.dropped, "seed \(seed)")
          #expect(values(found.batches) == values(expected.batches), "seed \(seed)")
        }
      }
    }
  }

  @Test("give the columns that are asked for, the second time as the first")
  func memory() throws {
    let definition = try StoreSample.definition(mode: "append")
    try StoreSample.with(definition) { store in
      let rows = (0..<4).map { StoreSample.Row(id: UInt64($0 % 3), recorded: Int64($0), text: "t") }
      var reader = store.reader(try store.parts(rows))
      let memo = RepeatedRowsMemo()
      reader.repeatedRows = memo
      let day = CalendarDate(daysSinceEpoch: 0)
      let first = try reader.readDeduplicated(definition, days: day...day, columns: ["text"])
      #expect(first.dropped == 1)
      let parts = try #require(reader.parts(of: definition, on: day...day))
      let kept = try #require(memo.rows(of: reader.mark(parts, of: definition), in: "d"))
      #expect(kept.reduce(0) { $0 + $1.count } == 1)
      #expect(first.batches.map { $0.fields.map(\.name) } == [["text"]])
      let again = try reader.readDeduplicated(definition, days: day...day, columns: ["recorded"])
      #expect(again.dropped == 1)
      let recorded = again.batches.flatMap { batch in
        (0..<batch.rowCount).compactMap { row -> String? in
          guard case .timestamp(let at)? = batch["recorded"]?.value(row) else { return nil }
          return at.description
        }
      }
      #expect(
        recorded.sorted() == (0..<3).map { Timestamp(microseconds: $0).description }.sorted())
    }
  }

  @Test(
    "are the same with what an earlier run kept, and where its file is damaged or older",
    arguments: UInt64(0)..<8)
  func file(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let definition = try StoreSample.definition(mode: "append", isWide: seed % 2 == 0)
    let days = CalendarDate(daysSinceEpoch: 0)...CalendarDate(daysSinceEpoch: 3)
    try StoreSample.with(definition) { store in
      var parts: [Manifest.Part] = []
      func rows() -> [StoreSample.Row] {
        StoreSample.rows(40, keys: 25, days: 4, using: &random)
      }
      func read(_ memo: RepeatedRowsMemo) throws -> PartReader {
        var reader = store.reader(parts)
        reader.repeatedRows = memo
        for day in days {
          let expected = try plain(reader, day...day, definition)
          let found = try reader.readDeduplicated(
            definition, days: day...day, columns: DeduplicatedReadingTests.columns)
          #expect(values(found.batches) == values(expected.batches), "seed \(seed)")
        }
        reader.keepRepeatedRows(of: definition)
        return reader
      }
      let path = "\(store.path)/d/\(RepeatedRowsMemo.name)"
      for night in 0..<3 {
        parts += try store.parts(rows(), batchSize: 15)
        let memo = RepeatedRowsMemo()
        let reader = try read(memo)
        #expect(!memo.hasNews(of: "d"))
        // What the next program finds are all days as they are now, and no other.
        let next = RepeatedRowsMemo()
        next.load("d", in: store.path)
        for day in days {
          let known = try #require(reader.parts(of: definition, on: day...day))
          #expect(
            known.isEmpty || next.rows(of: reader.mark(known, of: definition), in: "d") != nil,
            "seed \(seed), night \(night)")
        }
        _ = try read(next)
      }
      let sound = try FileSystem.read(path)
      let place = Int.random(in: 0..<sound.count, using: &random)
      for bytes in [
        sound.enumerated().map { $0 == place ? $1 ^ 4 : $1 }, Array(sound.prefix(place)), [],
      ] {
        try FileSystem.write(bytes, to: path)
        let memo = RepeatedRowsMemo()
        memo.load("d", in: store.path)
        _ = try read(memo)
        #expect(try FileSystem.read(path) == sound, "seed \(seed), byte \(place)")
      }
    }
  }
}
