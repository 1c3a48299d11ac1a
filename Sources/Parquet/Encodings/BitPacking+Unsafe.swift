/// Numbers of equal width packed one after the other, lowest bit first.
enum BitPacking {
  /// The bytes that `count` numbers of `width` bits take.
  static func byteCount(_ count: Int, width: Int) -> Int {
    (count * width + 7) / 8
  }

  /// Packs `count` numbers into `target`, which has room for ``byteCount(_:width:)`` rounded up to
  /// whole words of 8 bytes.
  ///
  /// Each number must fit `width`, which is at most 64.
  @inline(__always)
  static func pack<Number: FixedWidthInteger & UnsignedInteger>(
    _ numbers: UnsafePointer<Number>, count: Int, width: Int, to target: UnsafeMutableRawPointer
  ) {
    var word: UInt64 = 0
    var filled = 0
    var offset = 0
    for index in 0..<count {
      let number = UInt64(truncatingIfNeeded: unsafe numbers[index])
      word |= number &<< UInt64(filled)
      filled += width
      if filled >= 64 {
        unsafe target.storeBytes(of: word.littleEndian, toByteOffset: offset, as: UInt64.self)
        offset += 8
        filled -= 64
        // The bits of the number that did not fit; none when it ended with the word.
        word = filled == 0 ? 0 : number &>> UInt64(width - filled)
      }
    }
    if filled > 0 {
      unsafe target.storeBytes(of: word.littleEndian, toByteOffset: offset, as: UInt64.self)
    }
  }

  /// Unpacks `count` numbers of `width` bits, at most 64, from the first `available` bytes of
  /// `source`, which must hold ``byteCount(_:width:)`` bytes.
  @inline(__always)
  static func unpack<Number: FixedWidthInteger & UnsignedInteger>(
    _ source: UnsafeRawPointer, available: Int, count: Int, width: Int,
    to target: UnsafeMutablePointer<Number>
  ) {
    if width == 0 {
      unsafe target.update(repeating: 0, count: count)
      return
    }
    let mask: UInt64 = width == 64 ? ~0 : 1 &<< UInt64(width) &- 1
    // A number below this index ends within `available` even when read as 9 bytes.
    let safeCount = available < 9 ? 0 : min(count, (available - 9) * 8 / width + 1)
    var bit = 0
    if width <= 57 {
      for index in 0..<safeCount {
        let word = UInt64(
          littleEndian: unsafe source.loadUnaligned(fromByteOffset: bit >> 3, as: UInt64.self))
        unsafe target[index] = Number(truncatingIfNeeded: word &>> UInt64(bit & 7) & mask)
        bit += width
      }
    } else {
      for index in 0..<safeCount {
        let word = UInt64(
          littleEndian: unsafe source.loadUnaligned(fromByteOffset: bit >> 3, as: UInt64.self))
        let next = UInt64(unsafe source.load(fromByteOffset: bit >> 3 + 8, as: UInt8.self))
        let shift = UInt64(bit & 7)
        let high = shift == 0 ? 0 : next &<< (64 - shift)
        unsafe target[index] = Number(truncatingIfNeeded: (word &>> shift | high) & mask)
        bit += width
      }
    }
    for index in safeCount..<count {
      var number: UInt64 = 0
      for place in 0..<width {
        let position = bit + place
        let byte = unsafe source.load(fromByteOffset: position >> 3, as: UInt8.self)
        number |= UInt64(byte &>> UInt8(position & 7) & 1) &<< UInt64(place)
      }
      unsafe target[index] = Number(truncatingIfNeeded: number)
      bit += width
    }
  }
}
