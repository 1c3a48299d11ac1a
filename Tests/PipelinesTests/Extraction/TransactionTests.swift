import AlmanacCore
import Testing

@testable import Pipelines

@Suite("Identifiers of transactions")
struct TransactionTests {
  private static let circle: Int64 = 1 << 32

  @Test("are widened to the greatest one that was given out")
  func widened() {
    for (next, stored, wide) in [
      (100, 99, 99), (100, 3, 3), (100, 2, 0), (100, 1, 0), (100, 100, 0), (100, 4_000_000_000, 0),
      (Self.circle + 100, 99, Self.circle + 99), (Self.circle + 100, 100, 100),
      (Self.circle + 100, 4_000_000_000, 4_000_000_000),
      (3 * Self.circle + 5, 4, 3 * Self.circle + 4), (3 * Self.circle + 5, 5, 2 * Self.circle + 5),
    ] as [(Int64, Int64, Int64)] {
      #expect(TransactionCounter(next: next).widened(stored) == wide)
    }
  }

  @Test("fall into a window by their 32 bits", arguments: 0..<20)
  func window(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let horizon = Int64(random.next() % (3 << 32)) + 3
    let window = TransactionWindow(horizon: horizon, next: horizon + Int64(random.next() % 5_000))
    /// Whether some number of circles further it is one of the increment's.
    func mayCome(_ transaction: Int64) -> Bool {
      (Int64(-4)...4).contains { turns in
        let other = transaction + turns * Self.circle
        return other >= window.horizon && other < window.next
      }
    }
    for _ in 0..<100 {
      let near = Int64(random.next() % 12_000) - 6_000
      let turns = Int64(random.next() % 4)
      let first = max(1, horizon + near - turns * Self.circle)
      #expect(window.holds(first) == mayCome(first), "seed \(seed)")
      let last = first + Int64(random.next() % 300)
      if (first...last).contains(where: mayCome) {
        #expect(window.mayHold(first, through: last), "seed \(seed)")
      }
      if last < horizon - 10_000, window.next < Self.circle {
        #expect(!window.mayHold(first, through: last), "seed \(seed)")
      }
    }
  }
}
