/// `value × numerator ÷ denominator`, rounded once, halves to even; `nil` if it does not fit.
///
/// The product is 256 bits wide, so nothing is lost before the division. `denominator` is positive.
package func scaledHalfEven(
  _ value: Int128, by numerator: UInt128, over denominator: UInt128
) -> Int128? {
  let product = value.magnitude.multipliedFullWidth(by: numerator)
  guard product.high < denominator else { return nil }
  let (quotient, remainder) =
    product.high == 0
    ? product.low.quotientAndRemainder(dividingBy: denominator)
    : denominator.dividingFullWidth(product)
  let missing = denominator - remainder
  let isUp = remainder > missing || (remainder == missing && quotient & 1 == 1)
  let (magnitude, overflows) = quotient.addingReportingOverflow(isUp ? 1 : 0)
  guard !overflows, magnitude <= UInt128(Int128.max) else { return nil }
  return value < 0 ? -Int128(magnitude) : Int128(magnitude)
}

/// The product of two fractions in lowest common form, or `nil` if a part does not fit 128 bits.
package func fractionProduct(
  _ left: (numerator: UInt128, denominator: UInt128),
  _ right: (numerator: UInt128, denominator: UInt128)
) -> (numerator: UInt128, denominator: UInt128)? {
  let first = greatestCommonDivisor(left.numerator, right.denominator)
  let second = greatestCommonDivisor(right.numerator, left.denominator)
  let (numerator, isTooLarge) = (left.numerator / first)
    .multipliedReportingOverflow(by: right.numerator / second)
  let (denominator, isTooSmall) = (left.denominator / second)
    .multipliedReportingOverflow(by: right.denominator / first)
  return isTooLarge || isTooSmall ? nil : (numerator, denominator)
}

/// The largest number that divides both; the other one where one is zero.
private func greatestCommonDivisor(_ left: UInt128, _ right: UInt128) -> UInt128 {
  var (larger, smaller) = (left, right)
  while smaller != 0 { (larger, smaller) = (smaller, larger % smaller) }
  return max(larger, 1)
}
