extension Lanes {
  /// The bits of each number.
  ///
  /// Both types are four words of 64 bits, and every pattern of bits is a number of each.
  @inline(__always)
  var bits: SIMD4<UInt64> { unsafe unsafeBitCast(self, to: SIMD4<UInt64>.self) }

  /// The numbers of given bits.
  @inline(__always)
  init(bits: SIMD4<UInt64>) { self = unsafe unsafeBitCast(bits, to: Lanes.self) }
}
