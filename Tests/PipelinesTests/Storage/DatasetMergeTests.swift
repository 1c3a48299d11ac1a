import AlmanacCore
import Columns
import Files
import TestSupport
import Testing

@testable import Pipelines

@Suite("Merging a cut with what is held")
struct DatasetMergeTests {
  private typealias Row = StoreSample.Row

  @Test(
    "sorts loose rows into their days, whatever fits into memory and however many threads there are",
    arguments: UInt64(0)..<6, [1_000_000, 90, 25])
  func loose(seed: UInt64, maximumRows: Int) throws {
    var random = SplitMix64(seed: seed)
    try StoreSample.with(StoreSample.definition(mode: "append")) { sample in
      var rows: [Row] = []
      var parts: [Manifest.Part] = []
      for _ in 0..<5 {
        let chunk = StoreSample.rows(300, keys: 1_000_000, days: 200, using: &random)
        rows += chunk
        parts += try sample.parts(chunk, isLoose: true)
      }
      #expect(parts.allSatisfy { $0.kind == .loose && $0.date == nil })
      var merge = sample.merge(maximumRows: maximumRows)
      merge.jobs = 1 + Int(seed % 3)
      let spread = try merge.spread(parts)
      #expect(spread.allSatisfy { $0.holdsRows && $0.date != nil })
      #expect(try sample.stored(spread) == rows.sorted(), "seed \(seed)")
      if maximumRows == 1_000_000 {
        #expect(Set(spread.map(\.date)).count == spread.count)
      }
      // The listed parts are still there, and nothing that was written on the way is.
      let files = try FileSystem.list(sample.path + "/d").filter { $0.hasPrefix("loose") }
      #expect(Set(files.map { "d/" + $0 }) == Set(parts.map(\.path)))
    }
  }

  @Test("keeps every row of an increment and joins days of many parts", arguments: UInt64(0)..<6)
  func increments(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    try StoreSample.with(StoreSample.definition(mode: "append")) { sample in
      var held = sample.dataset([])
      var rows: [Row] = []
      for night in 0..<25 {
        let new = (0..<20).map { index in
          Row(
            id: UInt64(night * 20 + index), day: .random(in: 0..<3, using: &random),
            second: .random(in: 0..<99, using: &random), writer: Int64(night * 10 + 3))
        }
        rows += new
        let parts = try sample.parts(new)
        let merged = try sample.merge().merging(
          DatasetMerge.Read(whole: [], increment: parts, base: held), over: held)
        held.parts = merged.parts
        #expect(merged.rowsKept == 0 && merged.notices.isEmpty)
        for (_, day) in Dictionary(grouping: held.parts, by: \.date) {
          #expect(day.count <= Compaction.maximumParts)
        }
      }
      #expect(try sample.stored(held.parts) == rows.sorted(), "seed \(seed)")
      #expect(held.parts.compactMap(\.maximumXID).max() == rows.map(\.writer).max())
    }
  }

  @Test(
    "lets rows that were read whole replace their keys, and keeps the others",
    arguments: UInt64(0)..<12)
  func whole(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let isWide = seed % 2 == 1
    try StoreSample.with(StoreSample.definition(mode: "append", isWide: isWide)) { sample in
      func distinct(_ rows: [Row]) -> [Row] {
        var known: Set<[Int]> = []
        return rows.filter { known.insert([Int($0.id), $0.day]).inserted }
      }
      let old = distinct(StoreSample.rows(80, keys: 60, days: 4, using: &random))
      let new = distinct(StoreSample.rows(60, keys: 60, days: 5, using: &random))
      let held = sample.dataset(try sample.parts(old, batchSize: 30))
      let merged = try sample.merge().merging(
        DatasetMerge.Read(whole: try sample.parts(new), increment: nil, base: nil), over: held)
      let replaced = Set(new.map { [Int($0.id), $0.day] })
      let kept = old.filter { !replaced.contains([Int($0.id), $0.day]) }.map { row in
        var row = row
        row.writer = 0
        return row
      }
      #expect(merged.rowsKept == kept.count, "seed \(seed)")
      #expect(try sample.stored(merged.parts) == (kept + new).sorted(), "seed \(seed)")
      #expect(merged.notices.count { $0.contains("mode append") } == (kept.isEmpty ? 0 : 1))
      // Forgotten transactions are held back by nobody.
      let again = try HeldRows(
        merged.parts, reader: sample.reader, key: sample.definition.key,
        window: TransactionWindow(horizon: 1, next: 1_000))
      #expect(again.count == Set(new.map { [Int($0.id), Int($0.writer)] }).count)
    }
  }

  @Test("gives kept rows the columns of a new definition, or says which one they lack")
  func columnsChanged() throws {
    let old = try StoreSample.definition(mode: "append")
    try StoreSample.with(old) { before in
      let held = before.dataset(try before.parts([Row(id: 1, text: "a"), Row(id: 2, text: "b")]))
      let nullable = StoreSample(
        before.path, try StoreSample.definition(mode: "append", more: "  more: int?"))
      let new = try nullable.parts([Row(id: 2, text: "c")])
      let read = DatasetMerge.Read(whole: new, increment: nil, base: nil)
      let merged = try nullable.merge().merging(read, over: held)
      #expect(merged.rowsKept == 1)
      for part in merged.parts {
        #expect(
          try nullable.reader.decode(part, columns: nil).fields.map(\.name)
            == nullable.definition.storedFields.map(\.name))
      }
      #expect(try nullable.stored(merged.parts).map(\.text) == ["a", "c"])
      let strict = StoreSample(
        before.path, try StoreSample.definition(mode: "append", more: "  more: int"))
      #expect(throws: PipelineError.columnsChanged(dataset: "d", column: "more")) {
        _ = try strict.merge().merging(
          DatasetMerge.Read(whole: [], increment: nil, base: nil), over: held)
      }
    }
  }

  @Test("drops exactly the rows whose key and transaction are held", arguments: UInt64(0)..<8)
  func heldRows(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    try StoreSample.with(StoreSample.definition(mode: "append", isWide: seed % 2 == 0)) { sample in
      let held = StoreSample.rows(200, keys: 30, days: 3, using: &random)
      let arriving = StoreSample.rows(200, keys: 30, days: 3, using: &random)
      let horizon: Int64 = 20
      let rows = try HeldRows(
        try sample.parts(held), reader: sample.reader, key: sample.definition.key,
        window: TransactionWindow(horizon: horizon, next: 1_000))
      let known = Set(held.filter { $0.writer >= horizon }.map { [Int64($0.id), $0.writer] })
      let expected = arriving.filter { !known.contains([Int64($0.id), $0.writer]) }
      let (remaining, dropped) = rows.removingHeld(from: sample.batch(arriving))
      #expect(StoreSample.rows([remaining]) == expected, "seed \(seed)")
      #expect(dropped == arriving.count - expected.count)
      #expect(rows.count == known.count)
    }
  }

  @Test("lets rows of an overlap replace their keys on any day", arguments: UInt64(0)..<6)
  func overlap(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let definition = try StoreSample.definition(mode: "overlap", more: "overlap: 2d")
    try StoreSample.with(definition) { sample in
      var current: [UInt64: Row] = [:]
      var held: Manifest.Dataset?
      for _ in 0..<12 {
        var new: [UInt64: Row] = [:]
        for var row in StoreSample.rows(15, keys: 40, days: 4, using: &random) {
          row.writer = 0
          new[row.id] = row
        }
        current.merge(new) { $1 }
        let parts = try sample.parts(Array(new.values))
        let merged = try sample.merge().merging(
          DatasetMerge.Read(whole: [], increment: parts, base: held), over: held)
        held = sample.dataset(merged.parts)
        #expect(try sample.visible(merged.parts) == current.values.sorted(), "seed \(seed)")
      }
    }
  }

  @Test("ignores and counts rows below the floor")
  func floor() throws {
    try StoreSample.with(StoreSample.definition(mode: "append")) { sample in
      var held = sample.dataset(try sample.parts([Row(id: 1, day: 5)]))
      held.floor = "1970-01-05"
      let merged = try sample.merge().merging(
        DatasetMerge.Read(
          whole: [], increment: try sample.parts([Row(id: 2, day: 3), Row(id: 3, day: 4)]),
          base: held), over: held)
      #expect(try sample.stored(merged.parts).map(\.id) == [1, 3])
      #expect(merged.notices.contains { $0.contains("1 row of days before 1970-01-05") })
      let below = try sample.reader(try sample.parts([Row(id: 2, day: 3)]), floor: "1970-01-05")
        .read("d", columns: ["id"])
      #expect(below.isEmpty)
    }
  }
}
