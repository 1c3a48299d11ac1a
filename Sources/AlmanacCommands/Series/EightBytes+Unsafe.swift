extension [UInt8] {
  /// The eight bytes from a position on, the first as the lowest of the number.
  ///
  /// - Precondition: there are as many.
  @inline(__always)
  func eight(at position: Int) -> UInt64 {
    precondition(position >= 0 && position <= count - 8, "eight bytes at \(position) of \(count)")
    return unsafe withUnsafeBytes { bytes in
      unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
    }
  }
}

/// Digits that are read eight at a time.
enum EightDigits {
  /// The number that eight bytes write in decimal, the first digit as the lowest byte; `nil` unless all
  /// are digits.
  ///
  /// Neighbours are joined to numbers of two digits, of four, and of eight.
  @inline(__always)
  static func number(_ bytes: UInt64) -> UInt64? {
    let high: UInt64 = 0xF0F0_F0F0_F0F0_F0F0
    let zeros: UInt64 = 0x3030_3030_3030_3030
    guard bytes & high == zeros, (bytes &+ 0x0606_0606_0606_0606) & high == zeros else {
      return nil
    }
    let digits = bytes &- zeros
    let pairs = digits &* 10 &+ digits >> 8
    let mask: UInt64 = 0x0000_00FF_0000_00FF
    let left = (pairs & mask) &* (100 + 1_000_000 << 32)
    let right = (pairs >> 16 & mask) &* (1 + 10_000 << 32)
    return (left &+ right) >> 32
  }
}
