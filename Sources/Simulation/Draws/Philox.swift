/// A counter-based random number generator: a keyed bijection of 128-bit counters.
///
/// There is no state to carry along. Whoever knows the key and the counter has the draw, so any
/// part of a world can be generated alone, in any order and on any thread, and comes out the same.
///
/// - SeeAlso: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011,
///   doi:10.1145/2063384.2063405: Philox4x32 with 10 rounds.
package struct Philox: Sendable {
  private let key: (UInt32, UInt32)

  /// A generator keyed by a seed.
  package init(seed: UInt64) {
    key = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
  }

  /// The four words that belong to a counter of four words.
  @inline(__always)
  package func block(_ first: UInt32, _ second: UInt32, _ third: UInt32, _ fourth: UInt32)
    -> DrawBlock
  {
    var (c0, c1, c2, c3) = (first, second, third, fourth)
    var (k0, k1) = key
    for _ in 0..<10 {
      let left = UInt64(0xD251_1F53) &* UInt64(c0)
      let right = UInt64(0xCD9E_8D57) &* UInt64(c2)
      let high0 = UInt32(truncatingIfNeeded: left >> 32)
      let high1 = UInt32(truncatingIfNeeded: right >> 32)
      (c0, c1, c2, c3) = (
        high1 ^ c1 ^ k0, UInt32(truncatingIfNeeded: right), high0 ^ c3 ^ k1,
        UInt32(truncatingIfNeeded: left)
      )
      k0 &+= 0x9E37_79B9
      k1 &+= 0xBB67_AE85
    }
    return DrawBlock(words: (c0, c1, c2, c3))
  }
}

/// The 128 random bits of one counter.
package struct DrawBlock: Sendable {
  /// The words, in the order of the paper.
  package let words: (UInt32, UInt32, UInt32, UInt32)

  /// A number in the open interval from 0 to 1, made of the first two words.
  @inline(__always)
  package var unit: Double {
    let bits = UInt64(words.0) << 32 | UInt64(words.1)
    return (Double(bits >> 12) + 0.5) * 0x1p-52
  }

  /// A second number like ``unit``, made of the last two words.
  @inline(__always)
  package var secondUnit: Double {
    let bits = UInt64(words.2) << 32 | UInt64(words.3)
    return (Double(bits >> 12) + 0.5) * 0x1p-52
  }
}

/// A word as a number in the open interval from 0 to 1.
@inline(__always)
func unit(_ word: UInt32) -> Double { (Double(word) + 0.5) * 0x1p-32 }

/// A word scaled to the whole numbers below `count`.
@inline(__always)
func choice(_ word: UInt32, below count: Int) -> Int {
  Int((UInt64(word) &* UInt64(truncatingIfNeeded: count)) >> 32)
}
