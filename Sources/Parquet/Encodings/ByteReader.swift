/// A position in a range of bytes, every move checked against the end.
struct ByteReader {
  /// The bytes; the reader's range is a part of them.
  let bytes: [UInt8]
  /// The index of the next byte.
  private(set) var position: Int
  /// The index after the last byte.
  let end: Int

  /// A reader of `range`, which must lie within the bytes.
  init(_ bytes: [UInt8], _ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "range out of bounds")
    self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
  }

  /// A reader of all bytes.
  init(_ bytes: [UInt8]) {
    self.init(bytes, 0..<bytes.count)
  }

  /// The number of bytes left.
  var remaining: Int { end - position }

  /// The next byte.
  mutating func byte() throws(DecodingFault) -> UInt8 {
    guard position < end else { throw .corrupt("the data ends too early") }
    defer { position += 1 }
    return bytes[position]
  }

  /// The range of the next `count` bytes, which are passed over.
  mutating func take(_ count: Int) throws(DecodingFault) -> Range<Int> {
    guard count >= 0, count <= remaining else {
      throw .corrupt("\(count) bytes are expected, \(remaining) are left")
    }
    defer { position += count }
    return position..<position + count
  }

  /// A number of 7 bits a byte, least significant first (LEB128).
  mutating func variableLength() throws(DecodingFault) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let next = try byte()
      // Ten bytes hold 64 bits; the tenth may hold only the last one.
      guard shift < 63 || (shift == 63 && next <= 1) else {
        throw .corrupt("a number has more than 64 bits")
      }
      value |= UInt64(next & 0x7F) << shift
      if next & 0x80 == 0 { return value }
      shift += 7
    }
  }

  /// A signed number in zigzag order, which counts 0, -1, 1, -2 and so on.
  mutating func zigzag() throws(DecodingFault) -> Int64 {
    let value = try variableLength()
    return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }
}

extension [UInt8] {
  /// Adds a number of 7 bits a byte, least significant first (LEB128).
  mutating func appendVariableLength(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    append(UInt8(rest))
  }

  /// Adds a signed number in zigzag order.
  mutating func appendZigzag(_ value: Int64) {
    appendVariableLength(UInt64(bitPattern: value << 1 ^ value >> 63))
  }

  /// Adds a number of four bytes, least significant first.
  mutating func appendLittleEndian(_ value: UInt32) {
    for shift: UInt32 in [0, 8, 16, 24] { append(UInt8(truncatingIfNeeded: value >> shift)) }
  }
}
