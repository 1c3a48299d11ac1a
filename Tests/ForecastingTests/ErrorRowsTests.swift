import AlmanacCore
import Testing

@testable import Forecasting

/// The sums over errors of many nodes, against plain loops.
@Suite("Rows of errors")
struct ErrorRowsTests {
  @Test("give the sums of plain loops to the bit", arguments: UInt64(0)..<40)
  func plain(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let count = Int(random.nextUnit() * 50)
    let times = 1 + Int(random.nextUnit() * 40)
    func list(_ count: Int) -> [Double] {
      (0..<count).map { _ in (random.nextUnit() - 0.5) * (random.nextUnit() < 0.1 ? 1e12 : 1) }
    }
    let errors = (0..<count).map { _ in list(times) }
    let (vector, weights) = (list(times), list(count))
    let rows = ErrorRows(errors)
    #expect(
      rows.products(with: vector)
        == errors.map { row in zip(row, vector).reduce(0) { $0 + $1.0 * $1.1 } }, "seed \(seed)")
    let sums = (0..<times).map { time in
      errors.indices.reduce(0) { $0 + errors[$1][time] * weights[$1] }
    }
    #expect(rows.combined(weights) == (count > 0 ? sums : []), "seed \(seed)")
  }
}
