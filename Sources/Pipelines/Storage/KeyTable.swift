import AlmanacCore

/// A set of keys, numbered in the order in which they came; each may carry a tag, such as a day or
/// a transaction, and counts as another one with another tag.
///
/// An open-addressing table: 24 bytes a key, and 4 bytes a slot of which at most half are in use.
struct KeyTable: Sendable {
  private struct Entry {
    var key: KeyValue
    var tag: Int64
  }

  private var entries: [Entry] = []
  /// The entry plus one, 0 for a free slot.
  private var slots: [UInt32]
  private var mask: Int
  /// Drawn for each program, so that nobody can choose keys that meet in one slot.
  private static let seed = UInt64.random(in: .min ... .max)

  /// A table with room for a number of keys.
  init(minimumCapacity: Int = 0) {
    var size = 256
    while size < 2 * minimumCapacity { size *= 2 }
    slots = [UInt32](repeating: 0, count: size)
    mask = size - 1
    entries.reserveCapacity(minimumCapacity)
  }

  /// The number of keys.
  var count: Int { entries.count }
  /// The keys in order, without their tags.
  var keys: [KeyValue] { entries.map(\.key) }

  /// The number of a key, which is added if it is not there.
  @inline(__always)
  mutating func insert(_ key: KeyValue, tag: Int64 = 0) -> (index: Int, isNew: Bool) {
    var slot = KeyTable.hash(key, tag) & mask
    while slots[slot] != 0 {
      let index = Int(slots[slot]) - 1
      if matches(index, key, tag) { return (index, false) }
      slot = (slot + 1) & mask
    }
    entries.append(Entry(key: key, tag: tag))
    precondition(entries.count < Int(UInt32.max), "too many keys for one table")
    slots[slot] = UInt32(entries.count)
    if 2 * entries.count > mask { grow() }
    return (entries.count - 1, true)
  }

  /// The number of a key, `nil` if it is not there.
  @inline(__always)
  func index(of key: KeyValue, tag: Int64 = 0) -> Int? {
    var slot = KeyTable.hash(key, tag) & mask
    while slots[slot] != 0 {
      let index = Int(slots[slot]) - 1
      if matches(index, key, tag) { return index }
      slot = (slot + 1) & mask
    }
    return nil
  }

  @inline(__always)
  private func matches(_ index: Int, _ key: KeyValue, _ tag: Int64) -> Bool {
    let entry = entries[index]
    return entry.key.low == key.low && entry.key.high == key.high && entry.tag == tag
  }

  private mutating func grow() {
    mask = mask * 2 + 1
    slots = [UInt32](repeating: 0, count: mask + 1)
    for (index, entry) in entries.enumerated() {
      var slot = KeyTable.hash(entry.key, entry.tag) & mask
      while slots[slot] != 0 { slot = (slot + 1) & mask }
      slots[slot] = UInt32(index + 1)
    }
  }

  /// A hash of a key for a table of this program; not to be stored.
  @inline(__always)
  static func hash(_ key: KeyValue, _ tag: Int64) -> Int {
    let tagged = key.low ^ (UInt64(bitPattern: tag) &* 0x9E37_79B9_7F4A_7C15)
    let first = (key.high ^ seed).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
    let second = (tagged ^ first.high ^ first.low).multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
    return Int(truncatingIfNeeded: second.high ^ second.low)
  }
  /// A number of 64 bits that depends on every bit of a key; not to be stored either.
  @inline(__always)
  static func slot(of key: KeyValue) -> UInt64 { UInt64(bitPattern: Int64(hash(key, 1))) }
}
