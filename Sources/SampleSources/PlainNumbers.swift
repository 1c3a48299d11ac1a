/// The whole number written as 1 to 18 ASCII digits, or `nil` if the text is anything else.
///
/// A zero in front is refused too, so that each number is written in one way only.
func wholeNumber(_ text: ArraySlice<UInt8>) -> Int64? {
  guard !text.isEmpty, text.count <= 18, text.count == 1 || text.first != UInt8(ascii: "0") else {
    return nil
  }
  var value: Int64 = 0
  for byte in text {
    guard let digit = digit(byte) else { return nil }
    value = value * 10 + digit
  }
  return value
}

/// A plain decimal number in ten-thousandths, or `nil` if it is malformed or not exact in them.
///
/// An optional minus, at most 13 digits, and optionally a point with digits on both sides. Digits
/// behind the fourth decimal must be zero.
func tenThousandths(_ text: ArraySlice<UInt8>) -> Int64? {
  var value: Int64 = 0
  var wholeDigits = 0
  var decimals = 0
  var seenPoint = false
  let isNegative = text.first == UInt8(ascii: "-")
  for byte in isNegative ? text.dropFirst() : text {
    if byte == UInt8(ascii: "."), !seenPoint, wholeDigits > 0 {
      seenPoint = true
      continue
    }
    guard let digit = digit(byte) else { return nil }
    if seenPoint {
      decimals += 1
      if decimals > 4 {
        if digit != 0 { return nil }
        continue
      }
    } else {
      wholeDigits += 1
      if wholeDigits > 13 { return nil }
    }
    value = value * 10 + digit
  }
  guard wholeDigits > 0, !seenPoint || decimals > 0 else { return nil }
  for _ in 0..<max(0, 4 - decimals) { value *= 10 }
  return isNegative ? -value : value
}

/// The whole number that a plain decimal number such as `-6` or `6.0` stands for.
func wholeValue(_ text: ArraySlice<UInt8>) -> Int64? {
  guard let scaled = tenThousandths(text), scaled % 10_000 == 0 else { return nil }
  return scaled / 10_000
}

private func digit(_ byte: UInt8) -> Int64? {
  byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") ? Int64(byte - UInt8(ascii: "0")) : nil
}
