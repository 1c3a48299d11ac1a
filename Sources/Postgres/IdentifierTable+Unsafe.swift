import AlmanacCore
import Columns

/// Gives the identifiers of a batch their codes, dictionary-coded while that pays.
///
/// Rows are coded in blocks: the places of a block's identifiers in memory are all looked up before
/// any of them is needed, so that the processor waits for them together. Row by row, in between all
/// other columns, these waits were most of the time that decoding took. A block is coded as soon as
/// its rows are there: a whole batch at once takes longer than the server needs to fill the socket,
/// and the server would wait.
@safe
struct IdentifierTable: ~Copyable {
  private var entries: UnsafeMutablePointer<UUIDValue>
  private var entryCapacity: Int
  private var entryCount = 0
  /// The entry plus one, 0 for a free slot.
  private var slots: UnsafeMutablePointer<UInt32>
  private var slotMask: Int
  /// What the slots of a block's rows held, and which of its rows were not found there.
  private let found: UnsafeMutablePointer<UInt32>
  private let missed: UnsafeMutablePointer<Int>
  /// The codes of the batch's rows so far.
  private var codes: UnsafeMutablePointer<UInt32>
  private var codeCapacity: Int
  /// The number of the batch's rows that have a code.
  private var codedRows = 0
  /// Whether the dictionary still pays for this batch.
  private var pays = true
  private var trial: DictionaryTrial

  /// The rows whose places are looked up together.
  static var blockRows: Int { 128 }

  /// An empty table for batches of up to so many rows.
  init(rowsPerBatch: Int) {
    trial = DictionaryTrial(rowsPerBatch: rowsPerBatch)
    entryCapacity = 256
    slotMask = 511
    codeCapacity = IdentifierTable.blockRows
    unsafe entries = .allocate(capacity: entryCapacity)
    unsafe slots = .allocate(capacity: slotMask + 1)
    unsafe slots.initialize(repeating: 0, count: slotMask + 1)
    unsafe entries.initialize(repeating: .zero, count: entryCapacity)
    unsafe found = .allocate(capacity: IdentifierTable.blockRows)
    unsafe missed = .allocate(capacity: IdentifierTable.blockRows)
    unsafe codes = .allocate(capacity: codeCapacity)
  }

  deinit {
    unsafe entries.deallocate()
    unsafe slots.deallocate()
    unsafe found.deallocate()
    unsafe missed.deallocate()
    unsafe codes.deallocate()
  }

  /// Codes the rows of the batch up to `rows` that have no code yet, if a dictionary pays.
  ///
  /// `values` has the identifier of each row, all zero for a null row, and `nulls` one bit a row, 1
  /// for null; it is `nil` where there is none so far.
  mutating func code(
    through rows: Int, of values: UnsafePointer<UUIDValue>, nulls: UnsafePointer<UInt64>?
  ) {
    guard pays, !trial.isSkipping else { return }
    if rows > codeCapacity { growCodes(to: rows) }
    while pays, codedRows < rows {
      let block = codedRows..<min(rows, codedRows + IdentifierTable.blockRows)
      pays = unsafe code(block, of: values, nulls: nulls, into: codes)
      codedRows = block.upperBound
    }
  }

  /// A batch of `rows` identifiers as storage of a column; the next row begins another batch.
  ///
  /// `values` and `nulls` are those of ``code(through:of:nulls:)``.
  mutating func storage(
    of values: UnsafePointer<UUIDValue>, nulls: UnsafePointer<UInt64>?, rows: Int
  ) -> UUIDStorage {
    unsafe code(through: rows, of: values, nulls: nulls)
    var storage = UUIDStorage()
    if pays, !trial.isSkipping {
      if let nulls = unsafe nulls { unsafe IdentifierTable.clear(codes, nulls, rows: rows) }
      storage.values = unsafe Array(UnsafeBufferPointer(start: entries, count: entryCount))
      storage.codes = unsafe Array(UnsafeBufferPointer(start: codes, count: rows))
    } else {
      storage.values = unsafe Array(UnsafeBufferPointer(start: values, count: rows))
    }
    if entryCount > 0 {
      unsafe slots.update(repeating: 0, count: slotMask + 1)
      entryCount = 0
    }
    codedRows = 0
    pays = true
    trial.finishBatch(rows: rows)
    return storage
  }

  /// Sets the codes of null rows to 0: some may have been taken for the all-zero identifier.
  private static func clear(
    _ codes: UnsafeMutablePointer<UInt32>, _ nulls: UnsafePointer<UInt64>, rows: Int
  ) {
    for word in 0..<((rows + 63) / 64) {
      var bits = unsafe nulls[word]
      while bits != 0 {
        unsafe codes[word * 64 + bits.trailingZeroBitCount] = 0
        bits &= bits - 1
      }
    }
  }

  /// Sets the codes of a block of rows; whether the dictionary still pays.
  @inline(__always)
  private mutating func code(
    _ block: Range<Int>, of values: UnsafePointer<UUIDValue>, nulls: UnsafePointer<UInt64>?,
    into codes: UnsafeMutablePointer<UInt32>
  ) -> Bool {
    let first = block.lowerBound
    for index in 0..<block.count {
      unsafe found[index] = slots[IdentifierTable.hash(values[first + index]) & slotMask]
    }
    var missedCount = 0
    for index in 0..<block.count {
      let row = first + index
      // A free slot gives the first entry, which is there even while no value is.
      let candidate = unsafe found[index]
      let code = candidate == 0 ? 0 : candidate - 1
      let (entry, value) = unsafe (entries[Int(code)], values[row])
      let differs = (entry.low ^ value.low) | (entry.high ^ value.high) != 0
      unsafe codes[row] = code
      unsafe missed[missedCount] = row
      missedCount += differs || candidate == 0 ? 1 : 0
    }
    for index in 0..<missedCount {
      let row = unsafe missed[index]
      if let nulls = unsafe nulls, unsafe nulls[row >> 6] >> UInt64(row & 63) & 1 == 1 { continue }
      if let code = unsafe code(of: values[row], row: row) {
        unsafe codes[row] = code
      } else {
        return false
      }
    }
    return true
  }

  /// The code of a row's identifier, which becomes an entry if it is new; `nil` if the dictionary
  /// does not pay.
  private mutating func code(of value: UUIDValue, row: Int) -> UInt32? {
    var slot = IdentifierTable.hash(value) & slotMask
    while true {
      let found = unsafe slots[slot]
      if found == 0 { break }
      let entry = unsafe entries[Int(found) - 1]
      if entry.low == value.low, entry.high == value.high { return found - 1 }
      slot = (slot + 1) & slotMask
    }
    if trial.shouldGiveUp(entries: entryCount + 1, rows: row + 1) { return nil }
    if entryCount == entryCapacity { growEntries() }
    unsafe entries[entryCount] = value
    entryCount += 1
    unsafe slots[slot] = UInt32(entryCount)
    if entryCount * 2 > slotMask { growSlots() }
    return UInt32(truncatingIfNeeded: entryCount - 1)
  }

  private mutating func growCodes(to rows: Int) {
    let capacity = max(rows, codeCapacity * 2)
    let larger = UnsafeMutablePointer<UInt32>.allocate(capacity: capacity)
    unsafe larger.update(from: codes, count: codedRows)
    unsafe codes.deallocate()
    unsafe codes = larger
    codeCapacity = capacity
  }

  private mutating func growEntries() {
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

  @inline(__always)
  private static func hash(_ value: UUIDValue) -> Int {
    Int(
      truncatingIfNeeded: mixed(value.high ^ firstMultiplier, value.low ^ secondMultiplier))
  }
}
