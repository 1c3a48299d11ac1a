/// Numbers of 32 bits as bytes, least significant first, and back.
enum Words {
  /// The bytes of numbers.
  static func bytes(of words: [UInt32]) -> [UInt8] {
    let words = UInt32(1).littleEndian == 1 ? words : words.map(\.littleEndian)
    return unsafe words.withUnsafeBytes { unsafe [UInt8]($0) }
  }

  /// The numbers that bytes hold, the last ones left out where they are no whole number.
  static func words(of bytes: ArraySlice<UInt8>) -> [UInt32] {
    let count = bytes.count / 4
    let words = unsafe [UInt32](unsafeUninitializedCapacity: count) { target, filled in
      unsafe bytes.withUnsafeBytes { source in
        let whole = unsafe UnsafeRawBufferPointer(rebasing: source[..<(4 * count)])
        unsafe UnsafeMutableRawBufferPointer(target).copyMemory(from: whole)
      }
      filled = count
    }
    return UInt32(1).littleEndian == 1 ? words : words.map { UInt32(littleEndian: $0) }
  }
}
