/// A currency code of three upper-case ASCII letters (ISO 4217).
package struct CurrencyCode: Hashable, Sendable {
  /// The three bytes in the low 24 bits, first letter highest.
  package let packed: UInt32

  /// The code written as three letters of either case, or `nil` if the text is anything else.
  package init?(_ text: some StringProtocol) {
    var packed: UInt32 = 0
    var count = 0
    for byte in text.utf8 {
      let upper: UInt8
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): upper = byte
      case UInt8(ascii: "a")...UInt8(ascii: "z"): upper = byte - 32
      default: return nil
      }
      packed = packed << 8 | UInt32(upper)
      count += 1
      if count > 3 { return nil }
    }
    guard count == 3 else { return nil }
    self.packed = packed
  }
}

extension CurrencyCode: Comparable, CustomStringConvertible {
  /// Orders alphabetically.
  package static func < (left: CurrencyCode, right: CurrencyCode) -> Bool {
    left.packed < right.packed
  }

  /// The three letters.
  package var description: String {
    String(
      decoding: [16, 8, 0].map { UInt8(truncatingIfNeeded: packed >> $0) }, as: UTF8.self)
  }
}
