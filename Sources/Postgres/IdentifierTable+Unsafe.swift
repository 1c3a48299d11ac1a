import AlmanacCore
import Columns

/// Collects identifiers, one for each row, dictionary-coded while that pays.
///
/// Works as ``ByteTable`` does, for values of 16 bytes.
@safe
struct IdentifierTable: ~Copyable {
  private var entries: UnsafeMutablePointer<UUIDValue>
  private var entryCapacity: Int
  private var entryCount = 0
  /// The entry plus one, 0 for a free slot.
  private var slots: UnsafeMutablePointer<UInt32>
  private var slotMask: Int
  /// Whether every row has an entry of its own.
  private(set) var isPlain = false
  private var trial: DictionaryTrial

  /// An empty table for batches of up to so many rows.
  init(rowsPerBatch: Int) {
    trial = DictionaryTrial(rowsPerBatch: rowsPerBatch)
    entryCapacity = 256
    slotMask = 511
    unsafe entries = .allocate(capacity: entryCapacity)
    unsafe slots = .allocate(capacity: slotMask + 1)
    unsafe slots.initialize(repeating: 0, count: slotMask + 1)
  }

  deinit {
    unsafe entries.deallocate()
    unsafe slots.deallocate()
  }

  /// The code of an identifier; in plain form the row gets an entry of its own.
  @inline(__always)
  mutating func code(_ value: UUIDValue, earlier: RowCodes, row: Int) -> UInt32 {
    if isPlain {
      append(value)
      return 0
    }
    var slot = IdentifierTable.hash(value) & slotMask
    while true {
      let found = unsafe slots[slot]
      if found == 0 { break }
      let entry = unsafe entries[Int(found) - 1]
      if entry.low == value.low, entry.high == value.high { return found - 1 }
      slot = (slot + 1) & slotMask
    }
    return unsafe insert(value, slot: slot, earlier: earlier, row: row)
  }

  /// The code of a null row; in plain form the all-zero identifier.
  mutating func codeOfNull() -> UInt32 {
    if isPlain { append(.zero) }
    return 0
  }

  @inline(never)
  private mutating func insert(
    _ value: UUIDValue, slot: Int, earlier: RowCodes, row: Int
  ) -> UInt32 {
    if trial.shouldGiveUp(entries: entryCount + 1, rows: row + 1) {
      unsafe becomePlain(earlier, rows: row)
      append(value)
      return 0
    }
    unsafe slots[slot] = UInt32(entryCount + 1)
    append(value)
    if entryCount * 2 > slotMask { growSlots() }
    return UInt32(truncatingIfNeeded: entryCount - 1)
  }

  /// Gives each of the rows before `rows` an entry of its own.
  private mutating func becomePlain(_ earlier: RowCodes, rows: Int) {
    while entryCapacity < rows { grow() }
    // The last row first: an entry never stands behind the row that first had it.
    for row in (0..<rows).reversed() {
      unsafe entries[row] = earlier.isNull(row) ? .zero : entries[Int(earlier.codes[row])]
    }
    entryCount = rows
    isPlain = true
  }

  @inline(__always)
  private mutating func append(_ value: UUIDValue) {
    if entryCount == entryCapacity { grow() }
    unsafe entries[entryCount] = value
    entryCount += 1
  }

  @inline(never)
  private mutating func grow() {
    entryCapacity *= 2
    let larger = UnsafeMutablePointer<UUIDValue>.allocate(capacity: entryCapacity)
    unsafe larger.update(from: entries, count: entryCount)
    unsafe entries.deallocate()
    unsafe entries = larger
  }

  private mutating func growSlots() {
    unsafe slots.deallocate()
    slotMask = slotMask * 2 + 1
    unsafe slots = .allocate(capacity: slotMask + 1)
    unsafe slots.initialize(repeating: 0, count: slotMask + 1)
    for entry in 0..<entryCount {
      var slot = unsafe IdentifierTable.hash(entries[entry]) & slotMask
      while unsafe slots[slot] != 0 { slot = (slot + 1) & slotMask }
      unsafe slots[slot] = UInt32(entry + 1)
    }
  }

  /// The identifiers of `rows` rows as storage of a column; the table is empty after that.
  mutating func take(_ earlier: RowCodes, rows: Int) -> UUIDStorage {
    let values = unsafe Array(UnsafeBufferPointer(start: entries, count: entryCount))
    let rowCodes =
      isPlain ? nil : unsafe Array(UnsafeBufferPointer(start: earlier.codes, count: rows))
    if entryCount > 0, !isPlain || trial.gaveUp {
      unsafe slots.update(repeating: 0, count: slotMask + 1)
    }
    trial.finishBatch(rows: rows)
    isPlain = trial.isSkipping
    entryCount = 0
    return UUIDStorage(values: values, codes: rowCodes)
  }

  @inline(__always)
  private static func hash(_ value: UUIDValue) -> Int {
    Int(
      truncatingIfNeeded: mixed(value.high ^ firstMultiplier, value.low ^ secondMultiplier))
  }
}
