/// An unevaluated sum of two doubles, which carries about 31 decimal digits.
///
/// `high` is the sum rounded to a double and `low` what rounding left over. Exponents are those of
/// a double, so overflow comes no later.
///
/// - SeeAlso: Dekker, *Numerische Mathematik* 18, 1971, doi:10.1007/BF01397083; Hida, Li & Bailey,
///   *15th IEEE Symposium on Computer Arithmetic*, 2001, doi:10.1109/ARITH.2001.930115.
package struct DoubleDouble: Equatable, Sendable {
  /// The value rounded to a double.
  package private(set) var high: Double
  /// What rounding left over, at most half a unit in the last place of ``high``.
  package private(set) var low: Double

  /// A double, exactly.
  package init(_ value: Double) {
    high = value
    low = 0
  }

  /// The exact sum of two doubles of any size.
  package init(_ left: Double, plus right: Double) {
    let sum = left + right
    let part = sum - left
    high = sum
    low = (left - (sum - part)) + (right - part)
  }

  /// The exact product of two doubles.
  package init(_ left: Double, times right: Double) {
    high = left * right
    low = (-high).addingProduct(left, right)
  }

  private init(normalising large: Double, _ small: Double) {
    high = large + small
    low = small - (high - large)
  }

  /// The value as one double.
  package var rounded: Double { high + low }

  /// The sum of two values.
  package static func + (left: DoubleDouble, right: DoubleDouble) -> DoubleDouble {
    let sum = DoubleDouble(left.high, plus: right.high)
    let rest = DoubleDouble(left.low, plus: right.low)
    let first = DoubleDouble(normalising: sum.high, sum.low + rest.high)
    return DoubleDouble(normalising: first.high, first.low + rest.low)
  }

  /// The sum of a value and a double.
  package static func + (left: DoubleDouble, right: Double) -> DoubleDouble {
    let sum = DoubleDouble(left.high, plus: right)
    return DoubleDouble(normalising: sum.high, sum.low + left.low)
  }

  /// The difference of two values.
  package static func - (left: DoubleDouble, right: DoubleDouble) -> DoubleDouble { left + -right }

  /// The value with the other sign.
  package static prefix func - (value: DoubleDouble) -> DoubleDouble {
    var negated = value
    negated.high = -value.high
    negated.low = -value.low
    return negated
  }

  /// The product of two values.
  package static func * (left: DoubleDouble, right: DoubleDouble) -> DoubleDouble {
    let product = DoubleDouble(left.high, times: right.high)
    return DoubleDouble(
      normalising: product.high, product.low + (left.high * right.low + left.low * right.high))
  }

  /// The product of a value and a double.
  package static func * (left: DoubleDouble, right: Double) -> DoubleDouble {
    let product = DoubleDouble(left.high, times: right)
    return DoubleDouble(normalising: product.high, product.low + left.low * right)
  }

  /// The quotient of two values.
  package static func / (left: DoubleDouble, right: DoubleDouble) -> DoubleDouble {
    let first = left.high / right.high
    let rest = left - right * first
    let second = rest.high / right.high
    let last = (rest - right * second).high / right.high
    return DoubleDouble(first, plus: second) + last
  }

  /// The square root of a value that is not negative.
  package func squareRoot() -> DoubleDouble {
    guard high > 0 else { return DoubleDouble(0) }
    let root = high.squareRoot()
    let rest = self - DoubleDouble(root, times: root)
    return DoubleDouble(root, plus: rest.high / (2 * root))
  }
}

/// The values `x, x², …` of each number, exact to about 31 digits.
///
/// Powers rounded to doubles limit how well a polynomial of high degree can be fitted; what the
/// rounding left over goes along here.
///
/// - Parameters:
///   - values: `x`, one per row.
///   - degree: the largest power, at least 1.
/// - Returns: one column per power: its doubles, and what is to be added to them.
package func polynomialColumns(
  of values: [Double], degree: Int
) -> (high: [[Double]], low: [[Double]]) {
  var high: [[Double]] = []
  var low: [[Double]] = []
  var powers = values.map { DoubleDouble($0) }
  for power in 1...max(1, degree) {
    if power > 1 { for row in powers.indices { powers[row] = powers[row] * values[row] } }
    high.append(powers.map(\.high))
    low.append(powers.map(\.low))
  }
  return (high, low)
}
