import Glibc

/// Distinct byte strings, numbered in order of first appearance.
///
/// Open addressing at a load of at most one half.
struct ByteStringTable {
  /// The distinct strings.
  private(set) var entries = ByteStrings()
  /// In the low half the number of a string plus one, 0 for a free slot; in the high half the high
  /// half of its hash.
  private var slots: [UInt64] = []

  /// The number of distinct strings.
  var count: Int { entries.count }
  /// The bytes in memory.
  var byteCount: Int { entries.bytes.count + entries.offsets.count * 8 + slots.count * 8 }

  /// The number of the string at `range` of some bytes, which is added if it is new.
  mutating func code(of bytes: [UInt8], _ range: Range<Int>) -> UInt32 {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "range out of bounds")
    if count * 2 >= slots.count { grow() }
    return unsafe bytes.withUnsafeBufferPointer { bytes -> UInt32 in
      let string = unsafe UnsafeBufferPointer(rebasing: bytes[range])
      let hash = unsafe ByteStringTable.hash(string)
      let mask = slots.count - 1
      var slot = Int(truncatingIfNeeded: hash) & mask
      while slots[slot] != 0 {
        let found = slots[slot]
        let entry = Int(found & 0xFFFF_FFFF) - 1
        if found >> 32 == hash >> 32, unsafe isEqual(entry, string) { return UInt32(entry) }
        slot = (slot + 1) & mask
      }
      unsafe entries.bytes.append(contentsOf: string)
      entries.offsets.append(entries.bytes.count)
      slots[slot] = (hash >> 32) << 32 | UInt64(count)
      return UInt32(count - 1)
    }
  }

  private func isEqual(_ entry: Int, _ string: UnsafeBufferPointer<UInt8>) -> Bool {
    let range = entries.offsets[entry]..<entries.offsets[entry + 1]
    guard range.count == string.count else { return false }
    guard let base = string.baseAddress, range.count > 0 else { return true }
    return unsafe entries.bytes.withUnsafeBufferPointer { bytes in
      guard let start = bytes.baseAddress else { return false }
      return unsafe memcmp(start + range.lowerBound, base, range.count) == 0
    }
  }

  /// Forgets the strings after the first `count`, and how to find those that stay.
  mutating func freeze(count: Int) {
    entries.offsets.removeLast(entries.count - count)
    entries.bytes.removeLast(entries.bytes.count - (entries.offsets.last ?? 0))
    slots = []
  }

  private mutating func grow() {
    slots = [UInt64](repeating: 0, count: max(1024, slots.count * 2))
    let mask = slots.count - 1
    for entry in 0..<count {
      let range = entries.offsets[entry]..<entries.offsets[entry + 1]
      let hash = unsafe entries.bytes.withUnsafeBufferPointer {
        unsafe ByteStringTable.hash(UnsafeBufferPointer(rebasing: $0[range]))
      }
      var slot = Int(truncatingIfNeeded: hash) & mask
      while slots[slot] != 0 { slot = (slot + 1) & mask }
      slots[slot] = (hash >> 32) << 32 | UInt64(entry + 1)
    }
  }

  /// A hash of eight bytes at a time.
  @inline(__always)
  private static func hash(_ string: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var hash = UInt64(truncatingIfNeeded: string.count) &* 0x9E37_79B9_7F4A_7C15
    let raw = UnsafeRawBufferPointer(string)
    var position = 0
    while position < raw.count {
      var word: UInt64 = 0
      if position + 8 <= raw.count {
        word = unsafe raw.loadUnaligned(fromByteOffset: position, as: UInt64.self)
      } else {
        for place in position..<raw.count { word = unsafe word << 8 | UInt64(raw[place]) }
      }
      let product = (hash ^ word ^ 0xD1B5_4A32_D192_ED03).multipliedFullWidth(
        by: 0x9E37_79B9_7F4A_7C15)
      hash = product.high ^ product.low
      position += 8
    }
    return hash
  }
}

extension ByteStrings {
  /// Whether the string at one range of some bytes comes before that at a range of others, in the
  /// order of their unsigned bytes.
  static func precedes(
    _ left: [UInt8], _ leftRange: Range<Int>, _ right: [UInt8], _ rightRange: Range<Int>
  ) -> Bool {
    precondition(
      leftRange.upperBound <= left.count && rightRange.upperBound <= right.count,
      "ranges out of bounds")
    let common = min(leftRange.count, rightRange.count)
    let order = unsafe left.withUnsafeBufferPointer { left in
      unsafe right.withUnsafeBufferPointer { right -> Int32 in
        guard let left = left.baseAddress, let right = right.baseAddress else { return 0 }
        return unsafe memcmp(left + leftRange.lowerBound, right + rightRange.lowerBound, common)
      }
    }
    return order != 0 ? order < 0 : leftRange.count < rightRange.count
  }
}
