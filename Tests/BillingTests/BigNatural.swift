/// A natural number of any size, in limbs of 32 bits, lowest first: just what a check of rounding
/// needs, without a division.
struct BigNatural: Equatable, Comparable {
  private var limbs: [UInt32]

  init(_ value: UInt128) {
    limbs = (0..<4).map { UInt32(truncatingIfNeeded: value >> UInt128($0 * 32)) }
    trim()
  }

  private init(limbs: [UInt32]) {
    self.limbs = limbs
    trim()
  }

  private mutating func trim() {
    while limbs.last == 0 { limbs.removeLast() }
  }

  static func < (left: BigNatural, right: BigNatural) -> Bool {
    if left.limbs.count != right.limbs.count { return left.limbs.count < right.limbs.count }
    return left.limbs.reversed().lexicographicallyPrecedes(right.limbs.reversed())
  }

  static func + (left: BigNatural, right: BigNatural) -> BigNatural {
    var sum: [UInt32] = []
    var carry: UInt64 = 0
    for index in 0..<max(left.limbs.count, right.limbs.count) {
      for limbs in [left.limbs, right.limbs] where index < limbs.count {
        carry += UInt64(limbs[index])
      }
      sum.append(UInt32(truncatingIfNeeded: carry))
      carry >>= 32
    }
    return BigNatural(limbs: sum + [UInt32(carry)])
  }

  static func * (left: BigNatural, right: BigNatural) -> BigNatural {
    var product = [UInt32](repeating: 0, count: left.limbs.count + right.limbs.count + 1)
    for (low, factor) in left.limbs.enumerated() {
      var carry: UInt64 = 0
      for (high, other) in right.limbs.enumerated() {
        carry += UInt64(factor) * UInt64(other) + UInt64(product[low + high])
        product[low + high] = UInt32(truncatingIfNeeded: carry)
        carry >>= 32
      }
      product[low + right.limbs.count] = UInt32(carry)
    }
    return BigNatural(limbs: product)
  }

  /// Whether `result` is `value × numerator ÷ denominator`, halves to even: twice the distance is
  /// at most the denominator, and where it is equal the result is even.
  static func isHalfEven(
    _ result: UInt128, of value: UInt128, times numerator: BigNatural, over denominator: BigNatural
  ) -> Bool {
    let exact = BigNatural(2) * BigNatural(value) * numerator
    let found = BigNatural(2) * BigNatural(result) * denominator
    if exact == found { return true }
    let nearer = exact < found ? exact + denominator : found + denominator
    let farther = max(exact, found)
    return nearer == farther ? result & 1 == 0 : nearer > farther
  }
}
