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
    let shifts = CRC32.shifts.span
    let raw = unsafe bytes.bytes
    var position = 0
    // Three parts at a time, whose steps do not wait for one another.
    while bytes.count - position >= 3 * partSize {
      let end = position + partSize
      var second: UInt32 = 0
      var third: UInt32 = 0
      while position < end {
        // In bounds: position + 8 + 2 * partSize <= bytes.count.
        checksum = unsafe step(checksum, raw, position, tables)
        second = unsafe step(second, raw, position + partSize, tables)
        third = unsafe step(third, raw, position + 2 * partSize, tables)
        position += 8
      }
      checksum = shifted(shifted(checksum, shifts) ^ second, shifts) ^ third
      position += 2 * partSize
    }
    let wholeEnd = bytes.count - bytes.count % 8
    while position < wholeEnd {
      // In bounds: position + 8 <= wholeEnd <= bytes.count.
      checksum = unsafe step(checksum, raw, position, tables)
      position += 8
    }
    while position < bytes.count {
      checksum = checksum >> 8 ^ tables[Int((checksum ^ UInt32(bytes[position])) & 255)]
      position += 1
    }
    return ~checksum
  }

  /// The bytes of each of three parts that are checked at a time, a multiple of 8.
  private static let partSize = 4096

  /// Takes eight bytes, one table for each ("slicing by 8").
  @unsafe @inline(__always)
  private static func step(
    _ checksum: UInt32, _ raw: RawSpan, _ position: Int, _ tables: Span<UInt32>
  ) -> UInt32 {
    let word = unsafe raw.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt64.self)
    let mixed = UInt64(littleEndian: word) ^ UInt64(checksum)
    // Each index is below 8 * 256.
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
    return low ^ high
  }

  /// The state after as many zero bytes as a part has.
  @inline(__always)
  private static func shifted(_ checksum: UInt32, _ shifts: Span<UInt32>) -> UInt32 {
    shifts[Int(checksum & 255)] ^ shifts[256 + Int(checksum >> 8 & 255)]
      ^ shifts[512 + Int(checksum >> 16 & 255)] ^ shifts[768 + Int(checksum >> 24)]
  }

  /// Four tables of 256 entries, one for each byte of a state: the state is linear in its bits.
  private static let shifts: [UInt32] = {
    let bits = (0..<32).map { bit in
      (0..<partSize).reduce(1 << UInt32(bit) as UInt32) { state, _ in
        state >> 8 ^ tables[Int(state & 255)]
      }
    }
    return (0..<1024).map { index in
      (0..<8).reduce(0) { $0 ^ (index >> $1 & 1 == 1 ? bits[index >> 8 * 8 + $1] : 0) }
    }
  }()

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
