extension SHA256 {
  /// The digest of all bytes of an array, 32 bytes.
  package static func digest(of bytes: [UInt8]) -> [UInt8] {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finalize()
  }

  /// The digest of the UTF-8 form of a text, 32 bytes.
  package static func digest(of text: String) -> [UInt8] {
    digest(of: Array(text.utf8))
  }

  /// Bytes as lower-case hexadecimal digits, two for each byte.
  package static func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count * 2)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The digest of all bytes of an array as 64 lower-case hexadecimal digits.
  package static func hexadecimalDigest(of bytes: [UInt8]) -> String {
    hexadecimal(digest(of: bytes))
  }

  /// The digest of the UTF-8 form of a text as 64 lower-case hexadecimal digits.
  package static func hexadecimalDigest(of text: String) -> String {
    hexadecimal(digest(of: text))
  }

  /// Takes the next bytes.
  package mutating func update(_ bytes: [UInt8]) {
    update(bytes.span)
  }

  /// Takes the next bytes.
  package mutating func update(_ bytes: ArraySlice<UInt8>) {
    update(bytes.span)
  }
}
