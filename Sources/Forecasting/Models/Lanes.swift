import AlmanacCore

/// Four numbers side by side, one of each of four recursions that know nothing of each other.
///
/// A recursion waits for each of its results in turn; four of them keep the processor busy meanwhile.
typealias Lanes = SIMD4<Double>

extension Lanes {
  /// The number two to a power.
  ///
  /// - Parameter power: in −1,000…1,000, else the result means nothing.
  /// - Returns: the number, within 3·10⁻¹² of its size; 1 for 0.
  @inline(__always)
  static func exponential2(_ power: Lanes) -> Lanes {
    // Added to so large a number, the power is rounded to a whole one, which the last bits then hold.
    let shifted = power + 0x1.8p52
    let rest = power - (shifted - 0x1.8p52)
    // Of the interpolation of two to the rest at the Chebyshev nodes of −½…½.
    let square = rest * rest
    let first = 1.0 + rest * 0.693147180545933455
    let second = 0.240226506958129882 + rest * 0.0555041094120593299
    let third = 0.00961812915940255819 + rest * 0.00133334505680006457
    let fourth = 0.000154034558524538394 + rest * 0.0000153100794022492974
    let upper = third + square * (fourth + square * 1.3255224878668817e-6)
    let mantissa = first + square * (second + square * upper)
    return Lanes(bits: mantissa.bits &+ (shifted.bits &<< 52))
  }

  /// The number `e` to a power.
  ///
  /// - Parameter power: in −690…690, else the result means nothing.
  /// - Returns: the number, within 4·10⁻¹² of its size; 1 for 0.
  @inline(__always)
  static func exponential(_ power: Lanes) -> Lanes { exponential2(power * 1.4426950408889634) }

  /// The logarithm to base two.
  ///
  /// - Parameter number: positive, finite and no less than 10⁻³⁰⁷, else the result means nothing.
  /// - Returns: the logarithm, within 5·10⁻¹² of its size; 0 for 1.
  @inline(__always)
  static func logarithm2(_ number: Lanes) -> Lanes {
    // The exponent of the number between √½ and √2 that is left; both are read from the bits.
    let bits = number.bits
    let exponent = (bits &+ (one &- rootOfHalf)) &>> 52
    let mantissa = Lanes(bits: bits &- ((exponent &- 1023) &<< 52))
    let share = (mantissa - 1) / (mantissa + 1)
    let square = share * share
    // Of the interpolation of the logarithm over the share at the Chebyshev nodes of its squares.
    let first = 2.88539008178998705 + square * 0.961796673451548475
    let second = 0.577083566004865861 + square * 0.411673766237710592
    let fourth = square * square
    let rest = first + fourth * (second + fourth * 0.340712041561908598)
    return whole(exponent) - 1023 + share * rest
  }

  /// The sine of an angle in half circles.
  ///
  /// - Parameter angle: in −½…½, else the result means nothing.
  /// - Returns: the sine, within 3·10⁻¹¹ of its size.
  @inline(__always)
  static func sine(_ angle: Lanes) -> Lanes {
    // Of the interpolation of its ratio to the angle at the Chebyshev nodes of the squares.
    let square = angle * angle
    let first = 3.14159265353613203 - square * 5.16771276459300002
    let second = 2.55016331793842691 - square * 0.59925218653158298
    let third = 0.0820503502014724751 - square * 0.00702830385520309599
    let fourth = square * square
    return angle * (first + fourth * (second + fourth * third))
  }

  /// Whole numbers below 2⁵² as numbers of floating point.
  @inline(__always)
  static func whole(_ numbers: SIMD4<UInt64>) -> Lanes {
    Lanes(bits: numbers | SIMD4<UInt64>(repeating: 0x4330_0000_0000_0000)) - 0x1p52
  }

  /// The bits of 1 and of the square root of one half.
  @inline(__always)
  static var one: SIMD4<UInt64> { SIMD4<UInt64>(repeating: 0x3FF0_0000_0000_0000) }
  @inline(__always)
  private static var rootOfHalf: SIMD4<UInt64> { SIMD4<UInt64>(repeating: 0x3FE6_A09E_667F_3BCD) }
  /// All bits but the sign.
  @inline(__always)
  static var sizeBits: SIMD4<UInt64> { SIMD4<UInt64>(repeating: 0x7FFF_FFFF_FFFF_FFFF) }
  /// The bits below the exponent.
  @inline(__always)
  static var mantissaBits: SIMD4<UInt64> { SIMD4<UInt64>(repeating: 0x000F_FFFF_FFFF_FFFF) }
}

/// Random numbers of four lanes, each of a seed of its own.
///
/// A generator of shifts and sums, which are done in all lanes at once.
///
/// - SeeAlso: Vigna, *Journal of Computational and Applied Mathematics* 315, 2017,
///   doi:10.1016/j.cam.2016.11.006 (xorshift128+).
struct LaneRandom: Sendable {
  /// The state, and that one draw before.
  private var last: SIMD4<UInt64>
  private var before: SIMD4<UInt64>

  /// Generators whose draws are determined by seeds.
  init(seeds: SIMD4<UInt64>) {
    last = .zero
    before = .zero
    for lane in 0..<4 {
      var random = SplitMix64(seed: seeds[lane])
      before[lane] = random.next()
      last[lane] = random.next()
    }
  }

  /// The next 64 random bits of each lane; the lowest of them are less random.
  @inline(__always)
  mutating func next() -> SIMD4<UInt64> {
    let mixed = before ^ (before &<< 23)
    before = last
    last = mixed ^ before ^ (mixed &>> 18) ^ (before &>> 5)
    return last &+ before
  }

  /// Numbers in `(0, 1]`.
  @inline(__always)
  mutating func nextUnit() -> Lanes { 2 - Lanes(bits: (next() &>> 12) | Lanes.one) }

  /// Two numbers between −½ and ½ each, of mean 0 and variance 1/12; a number and its negative are equally
  /// probable.
  @inline(__always)
  mutating func nextPair() -> (Lanes, Lanes) {
    let bits = next()
    let high = Lanes(bits: ((bits &>> 32) &<< 20) | Lanes.one)
    let low = Lanes(bits: ((bits &<< 32) &>> 12) | Lanes.one)
    // The middle of the numbers from 1 to 2 in steps of 2⁻³².
    let middle = 1.5 - 0x1p-33
    return (high - middle, low - middle)
  }

  /// Numbers of Student's distribution with four degrees of freedom.
  ///
  /// - SeeAlso: Bailey, *Mathematics of Computation* 62(206), 1994, doi:10.1090/S0025-5718-1994-1219702-8.
  @inline(__always)
  mutating func nextStudent() -> Lanes {
    let inverse = 1 / nextUnit().squareRoot()
    // The sine of an even angle of a half circle is distributed as the cosine of one of a whole circle.
    return (4 * (inverse - 1)).squareRoot() * Lanes.sine(nextUnit() - 0.5)
  }
}
