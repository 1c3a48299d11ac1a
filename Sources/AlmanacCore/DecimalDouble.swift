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
