extension Double {
  /// The number that a text writes in decimal notation, or `nil` for any other text.
  ///
  /// An optional sign, digits with at most one point, and an optional decimal exponent, as JSON and
  /// PostgreSQL write numbers: no hexadecimal digits, no NaN and no infinities, nor a number that is
  /// too large to be finite.
  package init?(decimal text: some StringProtocol) {
    var bytes = Array(text.utf8)[...]
    func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
    func isSign(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+") }
    if let sign = bytes.first, isSign(sign) { bytes = bytes.dropFirst() }
    let mantissa = bytes.prefix { isDigit($0) || $0 == UInt8(ascii: ".") }
    guard mantissa.contains(where: isDigit), mantissa.count(where: { !isDigit($0) }) <= 1 else {
      return nil
    }
    bytes = bytes.dropFirst(mantissa.count)
    if let letter = bytes.first {
      guard letter == UInt8(ascii: "e") || letter == UInt8(ascii: "E") else { return nil }
      bytes = bytes.dropFirst()
      if let sign = bytes.first, isSign(sign) { bytes = bytes.dropFirst() }
      guard !bytes.isEmpty, bytes.allSatisfy(isDigit) else { return nil }
    }
    guard let value = Double(text), value.isFinite else { return nil }
    self = value
  }
}

extension Double {
  /// The number that up to 19 digits write, with a sign, a point and a digit before it or after it as
  /// JSON has them but without an exponent; `nil` for any other text, valid or not.
  ///
  /// It is the nearest double, as of ``init(decimal:)``, found by one division of whole numbers.
  package init?(plainDecimal bytes: ArraySlice<UInt8>) {
    var position = bytes.startIndex
    let isNegative = position < bytes.endIndex && bytes[position] == UInt8(ascii: "-")
    if isNegative { position += 1 }
    var digits: UInt64 = 0
    var count = 0
    var point: Int?
    while position < bytes.endIndex {
      let digit = bytes[position] &- UInt8(ascii: "0")
      if digit <= 9 {
        guard count < 19 else { return nil }
        digits = digits &* 10 &+ UInt64(digit)
        count += 1
      } else {
        guard bytes[position] == UInt8(ascii: "."), point == nil else { return nil }
        point = count
      }
      position += 1
    }
    guard count > 0, point.map({ $0 > 0 && $0 < count }) ?? true else { return nil }
    let size = Double.quotient(digits, ofPowerOfTen: point.map { count - $0 } ?? 0)
    self = isNegative ? -size : size
  }

  /// A whole number over a power of ten of at most 18, rounded to the nearest double.
  package static func quotient(_ digits: UInt64, ofPowerOfTen power: Int) -> Double {
    guard digits > 0 else { return 0 }
    let divisor = powersOfTen[power]
    // Both are exact, and one operation rounds once.
    if digits < 1 << 53, divisor < 1 << 53 { return Double(digits) / Double(divisor) }
    return nearQuotient(digits, ofPowerOfTen: power) ?? exactQuotient(digits, divisor)
  }

  /// The same by a product with the reciprocal, which is several times as fast as a division of 128
  /// bits; `nil` where that is too near the middle between two doubles to tell.
  private static func nearQuotient(_ digits: UInt64, ofPowerOfTen power: Int) -> Double? {
    guard power > 0 else { return nil }
    let up = digits.leadingZeroBitCount
    // Less than 2 below the quotient, which then takes 62 to 64 bits.
    let product = (digits << up).multipliedFullWidth(by: reciprocals[power]).high
    let shift = product.leadingZeroBitCount
    let bits = product << shift
    let rest = bits & 0x7FF
    // After at most two doublings the quotient is less than 8 above.
    guard rest < 0x400 - 8 || rest > 0x400 else { return nil }
    let significand = (bits >> 11) + (rest > 0x400 ? 1 : 0)
    let exponent = powersOfTen[power].leadingZeroBitCount - up - shift - 52
    return Double(significand) * Double(bitPattern: UInt64(1023 + exponent) << 52)
  }

  /// The same by a division, for a divisor of 18 digits at most.
  private static func exactQuotient(_ digits: UInt64, _ divisor: UInt64) -> Double {
    let (up, down) = (digits.leadingZeroBitCount, divisor.leadingZeroBitCount)
    let (left, right) = (digits << up, divisor << down)
    // The quotient's first bit is set, so that eleven bits more than a double's are known; whether
    // anything is left makes the last of them odd.
    let isHalved = left >= right
    let found = right.dividingFullWidth(isHalved ? (left >> 1, left << 63) : (left, 0))
    let bits = found.quotient | (found.remainder == 0 ? 0 : 1)
    let exponent = down - up - 64 + (isHalved ? 1 : 0)
    return Double(sign: .plus, exponent: exponent, significand: Double(bits))
  }

  /// The powers of ten of 0 to 18.
  private static let powersOfTen: [UInt64] = [
    1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000,
    10_000_000_000, 100_000_000_000, 1_000_000_000_000, 10_000_000_000_000, 100_000_000_000_000,
    1_000_000_000_000_000, 10_000_000_000_000_000, 100_000_000_000_000_000,
    1_000_000_000_000_000_000,
  ]

  /// 2¹²⁷ over each power of ten that is shifted to have its first bit set, rounded down; unused for 1.
  private static let reciprocals: [UInt64] = powersOfTen.map { power in
    let right = power << power.leadingZeroBitCount
    return right > 1 << 63 ? right.dividingFullWidth((1 << 63, 0)).quotient : 0
  }
}
