import AlmanacCore
import Testing

@testable import Columns

@Suite("Numbers sorted by their digits")
struct RadixOrderTests {
  @Test("are in the order of the standard library", arguments: UInt64(0)..<24)
  func law(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    // Few and many numbers, of few and many bits that vary, in different places.
    let count = [0, 1, 2_047, 2_048, 5_000, 30_000][Int(seed % 6)]
    let mask = UInt64.random(in: .min ... .max, using: &random) & (.max << (seed % 5 * 13))
    let common = UInt64.random(in: .min ... .max, using: &random) & ~mask
    var numbers = (0..<count).map { _ in
      UInt64.random(in: .min ... .max, using: &random) & mask | common
    }
    let expected = numbers.sorted()
    RadixOrder.sort(&numbers)
    #expect(numbers == expected, "seed \(seed)")
  }

  @Test("are left alone where all are equal")
  func equal() {
    var numbers = [UInt64](repeating: 7, count: 4_096)
    RadixOrder.sort(&numbers)
    #expect(numbers == [UInt64](repeating: 7, count: 4_096))
  }
}
