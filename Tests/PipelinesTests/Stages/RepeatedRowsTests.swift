import AlmanacCore
import Columns
import TestSupport
import Testing

@testable import Pipelines

@Suite("Repeated rows")
struct RepeatedRowsTests {
  private typealias Row = StateSample.Row

  private func drop(_ batches: [[Row]]) -> (batches: [Batch], dropped: Int) {
    dropRepeated(
      batches.map { StateSample.batch($0) }, key: ["id"], recorded: "recorded", time: "time")
  }

  @Test("are left out as by comparing every row with every other", arguments: UInt64(0)..<64)
  func oracle(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let batches = (0..<Int.random(in: 0...4, using: &random)).map { _ in
      (0..<Int.random(in: 0...30, using: &random)).map { _ in
        Row(
          id: .random(in: 0...12, using: &random), day: .random(in: -1...1, using: &random),
          second: .random(in: 0..<86_400, using: &random),
          recorded: .random(in: 0...4, using: &random),
          text: "\(Int.random(in: 0...9, using: &random))", amount: nil)
      }
    }
    let all = batches.flatMap { $0 }
    let kept = all.indices.filter { index in
      !all.indices.contains { other in
        let isSame = all[other].id == all[index].id && all[other].day == all[index].day
        return isSame && other != index
          && (all[other].recorded, other) < (all[index].recorded, index)
      }
    }
    let result = drop(batches)
    #expect(result.dropped == all.count - kept.count)
    #expect(
      firstDifference(
        result.batches.flatMap(\.rowValues), StateSample.batch(kept.map { all[$0] }).rowValues)
        == nil)
  }

  @Test("are told apart by every column of the key")
  func longKey() {
    let rows = [0, 0, 1].map {
      Row(id: 1, day: $0, second: 0, recorded: 0, text: nil, amount: nil)
    }
    let batch = StateSample.batch(rows)
    let other = Batch([
      Column(
        Field("id2", .uuid), .uuid(UUIDStorage(values: [.zero, UUIDValue(high: 1, low: 1), .zero])))
    ])
    let both = Batch(batch.columns + other.columns)
    let result = dropRepeated([both], key: ["id", "id2"], recorded: "recorded", time: "time")
    #expect(result.dropped == 0)
    #expect(drop([rows]).dropped == 1)
  }

  @Test("are none where there is no row")
  func empty() {
    #expect(drop([]).batches.isEmpty)
    #expect(drop([[], []]).dropped == 0)
  }
}
