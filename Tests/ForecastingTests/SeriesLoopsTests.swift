import AlmanacCore
import Testing

@testable import Forecasting

/// Every loop against the plain one that it stands for, to the bit.
@Suite("Loops over series")
struct SeriesLoopsTests {
  private func values(_ count: Int, _ random: inout SplitMix64) -> [Double] {
    (0..<count).map { _ in (random.nextUnit() - 0.3) * 1e3 }
  }

  private func bits(_ values: [Double]) -> [UInt64] { values.map(\.bitPattern) }

  @Test(
    "changes, distances, differences, ranges and sums are those of plain loops",
    arguments: UInt64(0)..<40)
  func plain(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let values = values(Int(seed), &random)
    let others = self.values(Int(seed), &random)
    let centre = random.nextUnit()
    let changes = values.indices.dropFirst().map { values[$0] - values[$0 - 1] }
    #expect(bits(SeriesLoops.changes(values)) == bits(changes), "seed \(seed)")
    let distances = values.map { abs($0 - centre) }
    #expect(bits(SeriesLoops.distances(values, from: centre)) == bits(distances), "seed \(seed)")
    #expect(
      bits(SeriesLoops.less(values, centre)) == bits(values.map { $0 - centre }), "seed \(seed)")
    let range = SeriesLoops.range(values)
    #expect(range.low == values.min() ?? 0 && range.high == values.max() ?? 0, "seed \(seed)")
    let sums = SeriesLoops.sums(values, others)
    #expect(sums.0 == values.reduce(0, +) && sums.1 == others.reduce(0, +), "seed \(seed)")
  }

  @Test("sums of windows take their values in order", arguments: UInt64(0)..<20)
  func windows(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let values = values(Int(random.next() % 70), &random)
    for window in [1, 2, 7, 8, 13, values.count, values.count + 1] where window > 0 {
      var expected: [Double] = []
      for start in 0..<max(0, values.count - window + 1) {
        expected.append(values[start..<(start + window)].reduce(0, +))
      }
      let found = SeriesLoops.slidingSums(values, window: window)
      #expect(bits(found) == bits(expected), "seed \(seed), window \(window)")
    }
  }

  @Test("sums of a season leave out where there is no trend", arguments: UInt64(0)..<10)
  func seasons(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let values = values(60, &random)
    let trend = values.indices.map { $0 < 3 || $0 > 56 ? .nan : values[$0] + random.nextUnit() + 1 }
    let length = 1 + Int(random.next() % 12)
    for kind in [SeasonalIndices.Kind.additive, .multiplicative] {
      var sums = [Double](repeating: 0, count: length)
      var squares = sums
      var counts = [Int](repeating: 0, count: length)
      for index in values.indices where !trend[index].isNaN {
        let deviation =
          kind == .additive ? values[index] - trend[index] : values[index] / trend[index]
        sums[index % length] += deviation
        squares[index % length] += deviation * deviation
        counts[index % length] += 1
      }
      let found = SeriesLoops.seasonalSums(values, trend: trend, length: length, kind: kind)
      #expect(bits(found.sums) == bits(sums) && found.counts == counts, "seed \(seed)")
      #expect(bits(found.squares) == bits(squares), "seed \(seed)")
    }
    let indices = self.values(length, &random)
    let first = Int(random.next() % UInt64(length))
    let expected = values.indices.map { values[$0] - indices[(first + $0) % length] }
    let found = SeriesLoops.seasonal(values, indices, from: first) { $0 - $1 }
    #expect(bits(found) == bits(expected), "seed \(seed)")
  }

  @Test(
    "known logarithms are used where a value is the same, and only there", arguments: UInt64(0)..<10
  )
  func logarithms(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let values = (0..<50).map { _ in random.nextUnit() + 0.1 }
    let known = KnownLogarithms(values)
    var others = values + [3]
    others[7] = 5
    others.removeLast(Int(random.next() % 20))
    let expected = KnownLogarithms([]).logarithms(of: others)
    #expect(bits(known.logarithms(of: others)) == bits(expected), "seed \(seed)")
  }
}
