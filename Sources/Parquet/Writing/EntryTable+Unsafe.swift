import AlmanacCore

/// A value of a fixed size that a dictionary may hold.
protocol TableEntry: Sendable {
  /// A number that differs in its high bits for most different values.
  var tableHash: UInt64 { get }
  /// Whether the other value has the same bits.
  func isSame(as other: Self) -> Bool
}

/// Distinct values of a fixed size, numbered in order of first appearance.
///
/// Open addressing at a load of at most one half.
struct EntryTable<Entry: TableEntry> {
  /// The number of distinct values.
  private(set) var count = 0
  /// Room for as many entries as half the slots; the first ``count`` are in use.
  private var storage: [Entry] = []
  /// The number of an entry plus one, 0 for a free slot.
  private var slots: [UInt32] = []
  private let filler: Entry

  /// No entries; `filler` is any value, for room that is not in use.
  init(filler: Entry) {
    self.filler = filler
  }

  /// The distinct values.
  var entries: ArraySlice<Entry> { storage[..<count] }

  /// The distinct value of a number that this table gave.
  @inline(__always)
  subscript(code: UInt32) -> Entry { storage[Int(code)] }

  /// The number of a value, which is added if it is new.
  mutating func code(of entry: Entry) -> UInt32 {
    if count == storage.count { grow() }
    return unsafe slots.withUnsafeMutableBufferPointer { slots in
      unsafe storage.withUnsafeMutableBufferPointer { storage in
        unsafe EntryTable.code(of: entry, slots, storage, &count)
      }
    }
  }

  /// Adds the numbers of values, which are added where they are new, at the end of `codes`.
  ///
  /// Stops with `false` when there are more than `limit` distinct ones.
  mutating func appendCodes(
    of values: Span<Entry>, to codes: inout [UInt32], limit: Int
  ) -> Bool {
    var position = 0
    codes.reserveCapacity(codes.count + values.count)
    while position < values.count {
      if count >= limit { return false }
      if count == storage.count { grow() }
      // So few that there is room even if all are new.
      let part = position..<min(values.count, position + min(storage.count, limit) - count)
      let numbers = unsafe [UInt32](unsafeUninitializedCapacity: part.count) { target, written in
        unsafe slots.withUnsafeMutableBufferPointer { slots in
          unsafe storage.withUnsafeMutableBufferPointer { storage in
            while written < part.count {
              let block = written..<min(part.count, written + EntryTable.blockRows)
              unsafe EntryTable.code(
                block, of: values, from: position, slots, storage, &count, into: target)
              written = block.upperBound
            }
          }
        }
      }
      codes.append(contentsOf: numbers)
      position = part.upperBound
    }
    return true
  }

  /// Forgets the values after the first `count`, and how to find those that stay.
  mutating func freeze(count: Int) {
    self.count = count
    storage.removeLast(storage.count - count)
    slots = []
  }

  /// The values whose places are looked up together, so that the processor waits for them at once.
  private static var blockRows: Int { 128 }

  /// Sets the numbers of a block of values, which begin at `start` of all.
  ///
  /// A table of many values lies beyond the processor's nearest memory. One by one, each look at it
  /// is waited for; the looks of a block do not depend on each other.
  private static func code(
    _ block: Range<Int>, of values: Span<Entry>, from start: Int,
    _ slots: UnsafeMutableBufferPointer<UInt32>, _ storage: UnsafeMutableBufferPointer<Entry>,
    _ count: inout Int, into codes: UnsafeMutableBufferPointer<UInt32>
  ) {
    let mask = slots.count - 1
    for index in block {
      let hash = unsafe values[unchecked: start + index].tableHash
      unsafe codes[index] = slots[Int(truncatingIfNeeded: hash &>> 32) & mask]
    }
    unsafe withUnsafeTemporaryAllocation(of: Int.self, capacity: block.count) { missed in
      var missedCount = 0
      for index in block {
        // A free slot gives the first entry, for which there is room even while no value is.
        let found = unsafe codes[index]
        let code = found == 0 ? 0 : found - 1
        let differs = unsafe !storage[Int(code)].isSame(as: values[unchecked: start + index])
        unsafe codes[index] = code
        unsafe missed[missedCount] = index
        missedCount += differs || found == 0 ? 1 : 0
      }
      for position in 0..<missedCount {
        let index = unsafe missed[position]
        unsafe codes[index] = EntryTable.code(
          of: values[unchecked: start + index], slots, storage, &count)
      }
    }
  }

  @inline(__always)
  private static func code(
    of entry: Entry, _ slots: UnsafeMutableBufferPointer<UInt32>,
    _ storage: UnsafeMutableBufferPointer<Entry>, _ count: inout Int
  ) -> UInt32 {
    // The number of slots is a power of two, and at least half of them are free.
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: entry.tableHash &>> 32) & mask
    while true {
      let found = unsafe slots[slot]
      if found == 0 { break }
      if unsafe storage[Int(found) - 1].isSame(as: entry) { return found - 1 }
      slot = (slot + 1) & mask
    }
    unsafe storage[count] = entry
    count += 1
    unsafe slots[slot] = UInt32(truncatingIfNeeded: count)
    return UInt32(truncatingIfNeeded: count - 1)
  }

  private mutating func grow() {
    let slotCount = max(1024, slots.count * 2)
    storage.append(contentsOf: repeatElement(filler, count: slotCount / 2 - storage.count))
    slots = [UInt32](repeating: 0, count: slotCount)
    let mask = slotCount - 1
    for index in 0..<count {
      var slot = Int(truncatingIfNeeded: storage[index].tableHash &>> 32) & mask
      while slots[slot] != 0 { slot = (slot + 1) & mask }
      slots[slot] = UInt32(index + 1)
    }
  }
}

extension UUIDValue: TableEntry {
  @inline(__always)
  var tableHash: UInt64 {
    let product = (high ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(
      by: low ^ 0xD1B5_4A32_D192_ED03)
    return product.high ^ product.low
  }

  @inline(__always)
  func isSame(as other: UUIDValue) -> Bool { low == other.low && high == other.high }
}
