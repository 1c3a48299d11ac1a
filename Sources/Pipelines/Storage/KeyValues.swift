import AlmanacCore
import Columns

/// What stands for the values of some columns in a row, 128 bits wide.
///
/// An identifier stands for itself. Of other columns, and of several, it is the value of two
/// SipHash functions whose key is drawn when the program starts: nobody can choose values that meet
/// in one, and a billion rows meet by chance with a probability below 10⁻²⁰. It must not be stored.
typealias KeyValue = UUIDValue

extension Batch {
  /// What stands for each row's values of the named columns, all of which exist.
  ///
  /// Rows with equal values, nulls among them, get equal ones, however the columns are stored.
  func keyValues(of names: [String]) -> [KeyValue] {
    let columns = names.map { name in
      guard let column = self[name] else { preconditionFailure("no column \(name)") }
      return column
    }
    if columns.count == 1, let identifiers = columns[0].plainIdentifiers() { return identifiers }
    let parts = columns.map { $0.valueDigests() }
    return (0..<rowCount).map { row in
      var low = Hasher()
      var high = Hasher()
      high.combine(UInt8(1))
      for part in parts {
        let value = part.row(row)
        low.combine(value.low)
        low.combine(value.high)
        high.combine(value.high)
        high.combine(value.low)
      }
      return KeyValue(
        high: UInt64(truncatingIfNeeded: high.finalize()),
        low: UInt64(truncatingIfNeeded: low.finalize()))
    }
  }
}

/// A digest for each row, by way of a dictionary where the column has one.
private struct ValueDigests {
  var entries: [KeyValue]
  var codes: [UInt32]?
  var validity: ValidityBitmap?

  /// The digest of no value: no number, text or identifier is hashed to it but by chance.
  private static let null = digest { $0.combine(UInt8(0xFF)) }

  func row(_ row: Int) -> KeyValue {
    if let validity, !validity[row] { return ValueDigests.null }
    return entries[codes.map { Int($0[row]) } ?? row]
  }

  /// Two independent hashes of what `feed` combines.
  static func digest(_ feed: (inout Hasher) -> Void) -> KeyValue {
    var low = Hasher()
    feed(&low)
    var high = Hasher()
    high.combine(UInt8(1))
    feed(&high)
    return KeyValue(
      high: UInt64(truncatingIfNeeded: high.finalize()),
      low: UInt64(truncatingIfNeeded: low.finalize()))
  }
}

extension Column {
  /// The identifiers of the rows, `nil` where a row has none or the column is of another type.
  fileprivate func plainIdentifiers() -> [UUIDValue]? {
    guard validity == nil, case .uuid(let storage) = storage else { return nil }
    guard let codes = storage.codes else { return storage.values }
    return codes.map { storage.values[Int($0)] }
  }

  fileprivate func valueDigests() -> ValueDigests {
    switch storage {
    case .bool(let values): return digests(values.map { $0 ? 1 : 0 })
    case .int32(let values): return digests(values.map { Int128($0) })
    case .int64(let values): return digests(values.map { Int128($0) })
    case .int128(let values): return digests(values)
    case .float32(let values): return digests(values.map { Int128($0.bitPattern) })
    case .float64(let values): return digests(values.map { Int128($0.bitPattern) })
    case .uuid(let values):
      return ValueDigests(entries: values.values, codes: values.codes, validity: validity)
    case .uuidList(let lists):
      let rows = (0..<rowCount).map { row in
        ValueDigests.digest { hasher in
          for index in lists.offsets[row]..<lists.offsets[row + 1] {
            hasher.combine(lists.elements.row(index))
          }
        }
      }
      return ValueDigests(entries: rows, validity: validity)
    case .text(let values):
      let entries = (0..<values.entryCount).map { entry in
        ValueDigests.digest { $0.combine(bytes: values.entry(entry)) }
      }
      return ValueDigests(entries: entries, codes: values.codes, validity: validity)
    }
  }

  private func digests(_ values: [Int128]) -> ValueDigests {
    // A number of 128 bits is its own digest.
    ValueDigests(
      entries: values.map { value in
        KeyValue(
          high: UInt64(truncatingIfNeeded: value >> 64), low: UInt64(truncatingIfNeeded: value))
      }, validity: validity)
  }
}

extension Hasher {
  /// Adds bytes and their number, eight at a time.
  fileprivate mutating func combine(bytes: ArraySlice<UInt8>) {
    combine(bytes.count)
    var word: UInt64 = 0
    var filled = 0
    for byte in bytes {
      word = word << 8 | UInt64(byte)
      filled += 1
      if filled == 8 {
        combine(word)
        word = 0
        filled = 0
      }
    }
    if filled > 0 { combine(word) }
  }
}

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
}
