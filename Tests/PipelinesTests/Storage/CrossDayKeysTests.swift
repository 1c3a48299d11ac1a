import AlmanacCore
import Columns
import TestSupport
import Testing

@testable import Pipelines

@Suite("Keys of several days")
struct CrossDayKeysTests {
  private typealias Row = StoreSample.Row

  /// The rows that count when each is compared with every other: of a key those of the day whose row
  /// was recorded first, or of the earlier of two such days.
  private func counting(_ rows: [Row]) -> [Row] {
    rows.filter { row in
      !rows.contains { other in
        other.id == row.id && other.day != row.day
          && !rows.contains { mine in
            mine.id == row.id && mine.day == row.day
              && (mine.recorded, mine.day) < (other.recorded, other.day)
          }
      }
    }
  }

  @Test(
    "count on one day as by comparing all rows, night after night",
    arguments: UInt64(0)..<10, [1_000_000, 7])
  func nights(seed: UInt64, maximumRows: Int) throws {
    var random = SplitMix64(seed: seed)
    let definition = try StoreSample.definition(mode: "append", isWide: seed % 3 == 0)
    try StoreSample.with(definition) { sample in
      var held: Manifest.Dataset?
      var rows: [Row] = []
      for night in 0..<8 {
        let new = StoreSample.rows(12, keys: 30, days: 5, using: &random)
        rows += new
        let parts = try sample.parts(new)
        // Now and then everything is read again.
        let read =
          night == 0 || night == 5
          ? DatasetMerge.Read(whole: try sample.parts(rows), increment: nil, base: nil)
          : DatasetMerge.Read(whole: [], increment: parts, base: held)
        let merged = try sample.merge(maximumRows: maximumRows).merging(read, over: held)
        held = sample.dataset(merged.parts)
        #expect(
          try sample.visible(merged.parts) == counting(rows).sorted(),
          "seed \(seed), night \(night)")
        let days = Set(rows.map { [Int($0.id), $0.day] }).count
        let counted = Set(counting(rows).map { [Int($0.id), $0.day] }).count
        let listed = merged.parts.filter { $0.kind == .repeats }.reduce(0) { $0 + $1.rows }
        #expect(listed == days - counted, "seed \(seed), night \(night)")
        #expect(merged.notices.contains { $0.contains("several days") } == (listed > 0))
      }
    }
  }

  @Test("change the digest of a day whose rows they take away, and not its rows")
  func digest() throws {
    try StoreSample.with(StoreSample.definition(mode: "append")) { sample in
      let held = sample.dataset(try sample.parts([Row(id: 1, day: 3, recorded: 5)]))
      let merged = try sample.merge().merging(
        DatasetMerge.Read(
          whole: [], increment: try sample.parts([Row(id: 1, day: 1, recorded: 2)]), base: held),
        over: held)
      let before = DatasetDays(held)
      let after = DatasetDays(sample.dataset(merged.parts))
      let day = CalendarDate(daysSinceEpoch: 3)
      #expect(before.digest(day...day) != after.digest(day...day))
      #expect(after.rowCount(day...day) == 1)
      #expect(try sample.visible(merged.parts).map(\.day) == [1])
    }
  }
}
