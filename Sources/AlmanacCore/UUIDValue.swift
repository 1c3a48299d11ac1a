/// A 128-bit universally unique identifier, ordered as PostgreSQL orders `uuid`: by its bytes.
package struct UUIDValue: Hashable, Sendable {
  /// The first eight bytes, big-endian.
  package var high: UInt64
  /// The last eight bytes, big-endian.
  package var low: UInt64

  /// The identifier with the given halves.
  @inlinable
  @inline(__always)
  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// The all-zero identifier: "all companies" as a company, "no module" as a module.
  package static let zero = UUIDValue(high: 0, low: 0)

  /// The identifier in its 36-character form, either case, or `nil` if the text is anything else.
  package init?(_ text: some StringProtocol) {
    var high: UInt64 = 0
    var low: UInt64 = 0
    var digits = 0
    var position = 0
    for byte in text.utf8 {
      if position == 8 || position == 13 || position == 18 || position == 23 {
        guard byte == UInt8(ascii: "-") else { return nil }
      } else {
        let nibble: UInt8
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): nibble = byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): nibble = byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): nibble = byte - UInt8(ascii: "A") + 10
        default: return nil
        }
        if digits < 16 {
          high = high << 4 | UInt64(nibble)
        } else {
          low = low << 4 | UInt64(nibble)
        }
        digits += 1
      }
      position += 1
      if position > 36 { return nil }
    }
    guard position == 36 else { return nil }
    self.init(high: high, low: low)
  }

  /// A version 8 identifier (RFC 9562) made of the first 16 bytes of a digest.
  ///
  /// The version and variant bits are overwritten; the other 122 bits are the digest's.
  ///
  /// - Parameter digest: at least 16 bytes.
  package init(version8 digest: [UInt8]) {
    precondition(digest.count >= 16, "a digest of \(digest.count) bytes is too short for a UUID")
    let high = digest[0..<8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let low = digest[8..<16].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    self.init(
      high: high & ~0xF000 | 0x8000, low: low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
  }

  /// The 16 bytes, most significant first.
  package var bytes: [UInt8] {
    (0..<16).map { index in
      UInt8(truncatingIfNeeded: (index < 8 ? high : low) >> UInt64((7 - index % 8) * 8))
    }
  }
}

extension UUIDValue: Comparable {
  /// Orders by the bytes, first byte first.
  @inlinable
  package static func < (left: UUIDValue, right: UUIDValue) -> Bool {
    left.high != right.high ? left.high < right.high : left.low < right.low
  }
}

extension UUIDValue: CustomStringConvertible {
  /// The identifier in its 36-character lower-case form.
  package var description: String {
    var text: [UInt8] = []
    text.reserveCapacity(36)
    for nibble in 0..<32 {
      if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 {
        text.append(UInt8(ascii: "-"))
      }
      let half = nibble < 16 ? high : low
      let digit = UInt8(truncatingIfNeeded: half >> UInt64((15 - nibble % 16) * 4)) & 0xF
      text.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
    return String(decoding: text, as: UTF8.self)
  }
}
