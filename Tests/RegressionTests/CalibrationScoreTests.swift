import AlmanacCore
import Regression
import TestSupport
import Testing

@Suite struct CalibrationScoreTests {
  private func drawn(_ seed: UInt64, rows: Int) -> (probabilities: [Double], outcomes: [Double]) {
    var random = SplitMix64(seed: seed)
    let probabilities = (0..<rows).map { _ in Double(random.next() % 19 + 1) / 20 }
    let outcomes = probabilities.map { random.nextUnit() < $0 ? 1.0 : 0.0 }
    return (probabilities, outcomes)
  }

  @Test("the parts of a Brier score sum up to it", arguments: UInt64(0)..<8)
  func brier(seed: UInt64) throws {
    let (probabilities, outcomes) = drawn(seed, rows: 300)
    let parts = try BrierParts(probabilities: probabilities, outcomes: outcomes)
    let scores = try BinaryScores(probabilities: probabilities, outcomes: outcomes)
    #expect(isClose(parts.total, scores.brierScore, relative: 1e-12))
    #expect(parts.reliability >= 0 && parts.resolution >= 0 && parts.uncertainty <= 0.25)
    // One probability per bin leaves nothing inside, as in Murphy's own decomposition.
    let rate = outcomes.reduce(0, +) / Double(outcomes.count)
    let flat = try BrierParts(
      probabilities: outcomes.map { _ in rate }, outcomes: outcomes, bins: 1)
    #expect(isClose(flat.total, flat.uncertainty, relative: 1e-12))
    #expect(isClose(flat.reliability, 0, absolute: 1e-12))
  }

  @Test("isotonic recalibration is the least of the largest means", arguments: UInt64(0)..<8)
  func isotonic(seed: UInt64) {
    let (probabilities, outcomes) = drawn(seed, rows: 40)
    let values = isotonicRecalibration(probabilities, outcomes)
    let levels = Array(Set(probabilities)).sorted()
    func meanOutcome(_ from: Int, _ to: Int) -> Double {
      let rows = probabilities.indices.filter {
        probabilities[$0] >= levels[from] && probabilities[$0] <= levels[to]
      }
      return rows.reduce(0) { $0 + outcomes[$1] } / Double(rows.count)
    }
    for row in probabilities.indices {
      let place = levels.firstIndex(of: probabilities[row]) ?? 0
      let expected =
        (0...place).map { from in
          (place..<levels.count).map { meanOutcome(from, $0) }.min() ?? 0
        }.max() ?? 0
      #expect(isClose(values[row], expected, absolute: 1e-12))
    }
  }

  @Test("drift is zero for the same values, and grows as they move", arguments: UInt64(0)..<4)
  func drift(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let values = (0..<2000).map { row in row % 10 == 0 ? Double.nan : random.nextUnit() }
    let reference = try DriftReference(values)
    #expect(isClose(reference.shares.reduce(reference.missingShare, +), 1, relative: 1e-12))
    #expect(reference.stabilityIndex(values, referenceCount: 2000) == 0)
    #expect(reference.largestDistance(values) == 0)
    var last = 0.0
    for shift in [0.1, 0.3, 0.6] {
      let moved = values.map { $0 + shift }
      let index = reference.stabilityIndex(moved, referenceCount: 2000)
      #expect(index > last)
      last = index
      // A uniform distribution moved by a share of its width is that far away.
      #expect(abs(reference.largestDistance(moved) - shift) < 0.12)
    }
    #expect(throws: RegressionError.self) { try DriftReference([.nan]) }
  }
}
