/// A whole number of units of `10^-scale` as PostgreSQL's `numeric` holds it: digits in base
/// 10,000.
struct NumericGroups {
  /// The digits, least significant first, without zeros at either end.
  private var groups: [12 of UInt16]
  /// The number of digits.
  let count: Int
  /// The power of 10,000 of the most significant digit.
  let weight: Int
  /// Whether the number is below zero.
  let isNegative: Bool

  /// The digits of a number of units; `scale` is 0 to 38.
  init(units: Int128, scale: Int) {
    isNegative = units < 0
    groups = [12 of UInt16](repeating: 0)
    let fractionGroups = (scale + 3) / 4
    let divisor: UInt64 = [10_000, 1000, 100, 10][fractionGroups * 4 - scale]
    let magnitude = units.magnitude
    var position = 0
    var stored = 0
    func add(_ group: UInt64, to groups: inout [12 of UInt16]) {
      if group != 0 || stored > 0 {
        groups[stored] = UInt16(truncatingIfNeeded: group)
        stored += 1
      }
      position += 1
    }
    // The digit behind the last point of the scale is filled up with zeros.
    var rest: UInt128
    if magnitude <= UInt128(UInt64.max) {
      var small = UInt64(truncatingIfNeeded: magnitude)
      add(small % divisor * (10_000 / divisor), to: &groups)
      small /= divisor
      while small != 0 {
        add(small % 10_000, to: &groups)
        small /= 10_000
      }
    } else {
      add(UInt64(magnitude % UInt128(divisor)) * (10_000 / divisor), to: &groups)
      rest = magnitude / UInt128(divisor)
      while rest != 0 {
        add(UInt64(rest % 10_000), to: &groups)
        rest /= 10_000
      }
    }
    // Whole groups are added until none is left, so only a lone zero can be at the upper end.
    count = stored
    weight = stored == 0 ? 0 : position - 1 - fractionGroups
  }

  /// The digit at a position counted from the most significant one.
  subscript(position: Int) -> UInt16 { groups[count - 1 - position] }
}
