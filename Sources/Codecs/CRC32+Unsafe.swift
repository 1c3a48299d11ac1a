/// The cyclic redundancy check of gzip, PNG and Parquet pages (polynomial 0x04C11DB7, reflected).
package enum CRC32 {
  /// The check value of all bytes of an array.
  package static func checksum(of bytes: [UInt8]) -> UInt32 {
    checksum(of: bytes.span)
  }

  /// The check value of the given bytes; that of `"123456789"` is `0xCBF43926`.
  package static func checksum(of bytes: Span<UInt8>) -> UInt32 {
    var checksum: UInt32 = ~0
    let tables = CRC32.tables.span
    var position = 0
    // Eight bytes at a time, one table for each ("slicing by 8").
    let wholeEnd = bytes.count - bytes.count % 8
    let raw = unsafe bytes.bytes
    while position < wholeEnd {
      // In bounds: position + 8 <= wholeEnd <= bytes.count; each table index is below 8 * 256.
      let word = unsafe raw.unsafeLoadUnaligned(
        fromUncheckedByteOffset: position, as: UInt64.self)
      let mixed = UInt64(littleEndian: word) ^ UInt64(checksum)
      let low =
        unsafe tables[unchecked: 1792 + Int(mixed & 255)]
        ^ tables[unchecked: 1536 + Int(mixed >> 8 & 255)]
        ^ tables[unchecked: 1280 + Int(mixed >> 16 & 255)]
        ^ tables[unchecked: 1024 + Int(mixed >> 24 & 255)]
      let high =
        unsafe tables[unchecked: 768 + Int(mixed >> 32 & 255)]
        ^ tables[unchecked: 512 + Int(mixed >> 40 & 255)]
        ^ tables[unchecked: 256 + Int(mixed >> 48 & 255)]
        ^ tables[unchecked: Int(mixed >> 56)]
      checksum = low ^ high
      position += 8
    }
    while position < bytes.count {
      checksum = checksum >> 8 ^ tables[Int((checksum ^ UInt32(bytes[position])) & 255)]
      position += 1
    }
    return ~checksum
  }

  /// Eight tables of 256 entries: table `t` advances a byte past `t` zero bytes.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var value = UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
      tables[byte] = value
    }
    for index in 256..<8 * 256 {
      let previous = tables[index - 256]
      tables[index] = previous >> 8 ^ tables[Int(previous & 255)]
    }
    return tables
  }()
}
