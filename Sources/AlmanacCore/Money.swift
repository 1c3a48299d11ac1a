import Glibc

/// Exact amounts of money as whole ten-thousandths of the currency's unit.
///
/// Columns hold the `Int64`, or `Int128` where a value needs it; sums are `Int128`, so that no batch can overflow them. A value with
/// more than four decimals is rounded half-even, and the caller is told so that it can count it.
package enum Money {
  /// Ten-thousandths in one unit.
  package static let scale: Int64 = 10_000
  /// Decimal digits behind the point.
  package static let decimals = 4

  /// What parsing an amount gave.
  package enum Parsed: Equatable, Sendable {
    /// The amount in ten-thousandths, and whether digits beyond the fourth decimal were rounded.
    case amount(Int128, rounded: Bool)
    /// The text is not a decimal number.
    case malformed
    /// The number has more than 38 digits, the decimals counted.
    case outOfRange
  }

  /// Reads a plain decimal number such as `12`, `-0.5`, `+3.14159` or `1e3`.
  ///
  /// White space, separators of thousands, currency signs, `NaN` and infinities are malformed.
  package static func parse(_ text: some StringProtocol) -> Parsed {
    parse(decimal: text, decimals: decimals)
  }

  /// Reads a plain decimal number into whole units of `10^-decimals`, rounding half-even.
  ///
  /// The text is an optional sign, digits with at most one point, and an optional decimal exponent;
  /// `decimals` is 0 to 18.
  package static func parse(decimal text: some StringProtocol, decimals: Int) -> Parsed {
    var digits: [UInt8] = []
    var pointAt: Int?
    var negative = false
    var exponent = 0
    var bytes = Array(text.utf8)[...]
    if let sign = bytes.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      negative = sign == UInt8(ascii: "-")
      bytes = bytes.dropFirst()
    }
    while let byte = bytes.first {
      if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
        digits.append(byte - UInt8(ascii: "0"))
      } else if byte == UInt8(ascii: "."), pointAt == nil {
        pointAt = digits.count
      } else if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
        guard let value = Int(String(decoding: bytes.dropFirst(), as: UTF8.self)),
          value.magnitude <= 1_000
        else { return .malformed }
        exponent = value
        break
      } else {
        return .malformed
      }
      bytes = bytes.dropFirst()
    }
    guard !digits.isEmpty, digits.count <= 1_000 else { return .malformed }
    // The number is 0.d₀d₁d₂… × 10^(point + exponent); keep `point + exponent + decimals` digits.
    let kept = (pointAt ?? digits.count) + exponent + decimals
    var magnitude: UInt128 = 0
    var index = 0
    while index < kept {
      if index >= digits.count && magnitude == 0 { break }
      guard magnitude < limit / 10 else { return .outOfRange }
      magnitude = magnitude &* 10 &+ (index < digits.count ? UInt128(digits[index]) : 0)
      index += 1
    }
    let (up, inexact) = roundsUp(dropped: digits, from: kept, isOdd: magnitude & 1 == 1)
    if up { magnitude += 1 }
    guard magnitude < limit else { return .outOfRange }
    return .amount(negative ? -Int128(magnitude) : Int128(magnitude), rounded: inexact)
  }

  /// The first number of 39 digits.
  private static let limit = (0..<38).reduce(UInt128(1)) { power, _ in power * 10 }

  /// Whether dropping the digits from `kept` on rounds away from zero, half going to even.
  private static func roundsUp(
    dropped digits: [UInt8], from kept: Int, isOdd: Bool
  ) -> (up: Bool, inexact: Bool) {
    guard kept < digits.count else { return (false, false) }
    // With `kept` below zero the first dropped digit is an implied zero.
    let first = kept >= 0 ? digits[kept] : 0
    let rest = digits[max(0, kept >= 0 ? kept + 1 : 0)...].contains { $0 != 0 }
    let inexact = first != 0 || rest
    if first != 5 { return (first > 5, inexact) }
    return (rest || isOdd, inexact)
  }

  /// An amount as a plain decimal number with four decimals, for example `-12.5000`.
  package static func text(_ tenThousandths: some BinaryInteger) -> String {
    let digits = String(tenThousandths.magnitude)
    let filled = String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    return (tenThousandths < 0 ? "-" : "") + filled.dropLast(4) + "." + filled.suffix(4)
  }

  /// The nearest amount to a number of units, halves to even; `nil` if it is not finite or does
  /// not fit.
  package static func tenThousandths(units: Double) -> Int64? {
    Int64(exactly: (units * Double(scale)).rounded(.toNearestOrEven))
  }
}
