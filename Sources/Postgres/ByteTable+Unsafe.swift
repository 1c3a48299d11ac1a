import Columns

/// Collects byte strings, one for each row, dictionary-coded while that pays.
///
/// The memory is reused from batch to batch. The code of each row is kept by the caller; in plain
/// form row and entry are the same, and codes mean nothing.
@safe
struct ByteTable: ~Copyable {
  private var bytes: UnsafeMutableRawPointer
  private var byteCapacity: Int
  /// The number of bytes of all entries.
  private(set) var byteCount = 0
  private var ends: UnsafeMutablePointer<Int>
  private var endCapacity: Int
  private var entryCount = 0
  /// High half: high half of the entry's hash; low half: the entry plus one, 0 for a free slot.
  private var slots: UnsafeMutablePointer<UInt64>
  private var slotMask: Int
  /// Whether every row has an entry of its own.
  private(set) var isPlain = false
  private var trial: DictionaryTrial

  /// An empty table for batches of up to so many rows.
  init(rowsPerBatch: Int) {
    trial = DictionaryTrial(rowsPerBatch: rowsPerBatch)
    byteCapacity = 4096
    endCapacity = 256
    slotMask = 511
    unsafe bytes = .allocate(byteCount: byteCapacity, alignment: 16)
    unsafe ends = .allocate(capacity: endCapacity)
    unsafe slots = .allocate(capacity: slotMask + 1)
    unsafe slots.initialize(repeating: 0, count: slotMask + 1)
  }

  deinit {
    unsafe bytes.deallocate()
    unsafe ends.deallocate()
    unsafe slots.deallocate()
  }

  /// The code of a string that begins at `start`; in plain form the row's own entry.
  ///
  /// `start` must have `count` readable bytes.
  @inline(__always)
  mutating func code(_ start: UnsafeRawPointer, count: Int, earlier: RowCodes, row: Int)
    -> UInt32
  {
    if isPlain {
      unsafe append(start, count: count)
      return 0
    }
    let hash = unsafe ByteTable.hash(start, count: count)
    var slot = Int(truncatingIfNeeded: hash) & slotMask
    while true {
      let found = unsafe slots[slot]
      if found == 0 { break }
      if (found ^ hash) >> 32 == 0 {
        let entry = Int(truncatingIfNeeded: found & 0xFFFF_FFFF) - 1
        let entryStart = unsafe entry == 0 ? 0 : ends[entry - 1]
        if unsafe ends[entry] - entryStart == count,
          unsafe ByteTable.areEqual(bytes + entryStart, start, count: count)
        {
          return UInt32(truncatingIfNeeded: entry)
        }
      }
      slot = (slot + 1) & slotMask
    }
    return unsafe insert(start, count: count, hash: hash, slot: slot, earlier: earlier, row: row)
  }

  /// The code of a null row; in plain form an empty entry.
  mutating func codeOfNull() -> UInt32 {
    if isPlain { unsafe append(bytes, count: 0) }
    return 0
  }

  @inline(never)
  private mutating func insert(
    _ start: UnsafeRawPointer, count: Int, hash: UInt64, slot: Int, earlier: RowCodes,
    row: Int
  ) -> UInt32 {
    if trial.shouldGiveUp(entries: entryCount + 1, rows: row + 1) {
      unsafe becomePlain(earlier, rows: row)
      unsafe append(start, count: count)
      return 0
    }
    unsafe slots[slot] = hash & ~0xFFFF_FFFF | UInt64(entryCount + 1)
    unsafe append(start, count: count)
    if entryCount * 2 > slotMask { growSlots() }
    return UInt32(truncatingIfNeeded: entryCount - 1)
  }

  /// Gives each of the rows before `rows` an entry of its own.
  private mutating func becomePlain(_ earlier: RowCodes, rows: Int) {
    let oldBytes = UnsafeMutableRawPointer.allocate(byteCount: max(1, byteCount), alignment: 16)
    unsafe oldBytes.copyMemory(from: bytes, byteCount: byteCount)
    let oldEnds = unsafe Array(UnsafeBufferPointer(start: ends, count: entryCount))
    byteCount = 0
    entryCount = 0
    isPlain = true
    for row in 0..<rows {
      guard unsafe !earlier.isNull(row) else {
        unsafe append(bytes, count: 0)
        continue
      }
      let entry = unsafe Int(earlier.codes[row])
      let start = entry == 0 ? 0 : oldEnds[entry - 1]
      unsafe append(oldBytes + start, count: oldEnds[entry] - start)
    }
    unsafe oldBytes.deallocate()
  }

  @inline(__always)
  private mutating func append(_ start: UnsafeRawPointer, count: Int) {
    if byteCount + count > byteCapacity || entryCount == endCapacity { grow(count) }
    unsafe (bytes + byteCount).copyMemory(from: start, byteCount: count)
    byteCount += count
    unsafe ends[entryCount] = byteCount
    entryCount += 1
  }

  @inline(never)
  private mutating func grow(_ count: Int) {
    if byteCount + count > byteCapacity {
      byteCapacity = max(byteCapacity * 2, byteCount + count)
      let larger = UnsafeMutableRawPointer.allocate(byteCount: byteCapacity, alignment: 16)
      unsafe larger.copyMemory(from: bytes, byteCount: byteCount)
      unsafe bytes.deallocate()
      unsafe bytes = larger
    }
    if entryCount == endCapacity {
      endCapacity *= 2
      let larger = UnsafeMutablePointer<Int>.allocate(capacity: endCapacity)
      unsafe larger.update(from: ends, count: entryCount)
      unsafe ends.deallocate()
      unsafe ends = larger
    }
  }

  private mutating func growSlots() {
    unsafe slots.deallocate()
    slotMask = slotMask * 2 + 1
    unsafe slots = .allocate(capacity: slotMask + 1)
    unsafe slots.initialize(repeating: 0, count: slotMask + 1)
    var start = 0
    for entry in 0..<entryCount {
      let end = unsafe ends[entry]
      let hash = unsafe ByteTable.hash(bytes + start, count: end - start)
      var slot = Int(truncatingIfNeeded: hash) & slotMask
      while unsafe slots[slot] != 0 { slot = (slot + 1) & slotMask }
      unsafe slots[slot] = hash & ~0xFFFF_FFFF | UInt64(entry + 1)
      start = end
    }
  }

  /// The strings of `rows` rows as storage of a column; the table is empty after that.
  mutating func take(_ earlier: RowCodes, rows: Int) -> TextStorage {
    let allBytes = unsafe Array(UnsafeRawBufferPointer(start: bytes, count: byteCount))
    let count = entryCount
    let offsets = unsafe [Int](unsafeUninitializedCapacity: count + 1) { buffer, initialized in
      unsafe buffer[0] = 0
      for entry in 0..<count { unsafe buffer[entry + 1] = ends[entry] }
      initialized = count + 1
    }
    let rowCodes =
      isPlain ? nil : unsafe Array(UnsafeBufferPointer(start: earlier.codes, count: rows))
    if entryCount > 0, !isPlain || trial.gaveUp {
      unsafe slots.update(repeating: 0, count: slotMask + 1)
    }
    trial.finishBatch(rows: rows)
    isPlain = trial.isSkipping
    byteCount = 0
    entryCount = 0
    return TextStorage(bytes: allBytes, offsets: offsets, codes: rowCodes)
  }

  /// A hash of bytes that spreads over all 64 bits.
  @inline(__always)
  static func hash(_ start: UnsafeRawPointer, count: Int) -> UInt64 {
    var hash = mixed(UInt64(truncatingIfNeeded: count) ^ 0x9E37_79B9_7F4A_7C15, firstMultiplier)
    var position = 0
    while count - position >= 8 {
      let word = unsafe (start + position).loadUnaligned(as: UInt64.self)
      hash = mixed(hash ^ word, firstMultiplier)
      position += 8
    }
    if position < count {
      let rest = unsafe tail(start + position, count - position)
      hash = mixed(hash ^ rest, secondMultiplier)
    }
    return hash
  }

  /// One to seven bytes as a number.
  @inline(__always)
  private static func tail(_ start: UnsafeRawPointer, _ count: Int) -> UInt64 {
    if count >= 4 {
      let low = unsafe start.loadUnaligned(as: UInt32.self)
      let high = unsafe (start + count - 4).loadUnaligned(as: UInt32.self)
      return UInt64(high) << 32 | UInt64(low)
    }
    let first = unsafe start.load(as: UInt8.self)
    let middle = unsafe (start + count / 2).load(as: UInt8.self)
    let last = unsafe (start + count - 1).load(as: UInt8.self)
    return UInt64(first) << 16 | UInt64(middle) << 8 | UInt64(last)
  }

  @inline(__always)
  private static func areEqual(
    _ left: UnsafeRawPointer, _ right: UnsafeRawPointer, count: Int
  ) -> Bool {
    var position = 0
    while count - position >= 8 {
      let leftWord = unsafe (left + position).loadUnaligned(as: UInt64.self)
      let rightWord = unsafe (right + position).loadUnaligned(as: UInt64.self)
      if leftWord != rightWord { return false }
      position += 8
    }
    if position == count { return true }
    return unsafe tail(left + position, count - position)
      == tail(right + position, count - position)
  }
}

let firstMultiplier: UInt64 = 0xA076_1D64_78BD_642F
let secondMultiplier: UInt64 = 0xE703_7ED1_A0B4_28DB

/// The two halves of a 128-bit product, folded: a cheap mixing step for hashes.
@inline(__always)
func mixed(_ left: UInt64, _ right: UInt64) -> UInt64 {
  let product = left.multipliedFullWidth(by: right)
  return product.high ^ product.low
}

/// The codes of a batch's rows so far, and which of the rows are null.
@unsafe
struct RowCodes {
  /// The code of each row.
  let codes: UnsafePointer<UInt32>
  /// One bit a row, 1 for null.
  let nulls: UnsafePointer<UInt64>

  @inline(__always)
  func isNull(_ row: Int) -> Bool {
    unsafe nulls[row >> 6] >> UInt64(row & 63) & 1 == 1
  }
}
