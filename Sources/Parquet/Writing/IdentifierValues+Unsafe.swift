import AlmanacCore
import Columns

/// Values of 16 bytes that wait for their page: identifiers, or decimals of up to 38 digits.
struct IdentifierValues: PageValues {
  /// What the 16 bytes are.
  enum Meaning {
    /// An identifier, which orders by its bytes.
    case identifier
    /// A number in two's complement, most significant byte first.
    case decimal
  }

  private let meaning: Meaning
  private var waitingCodes: [UInt32] = []
  /// The values that wait, PLAIN, where they are not coded.
  private var waitingBytes: [UInt8] = []
  private var table = EntryTable(filler: UUIDValue.zero)
  private var isCoding = true
  private var entriesBefore = 0
  private var extremes = Extremes<UUIDValue>()
  /// The codes of the entries of the dictionary that the last column had.
  private var known = KnownCodes<UUIDValue>()

  /// No values.
  init(_ meaning: Meaning) {
    self.meaning = meaning
  }

  var encodings: [PageEncoding] { [.plain] }
  var count: Int { isCoding ? waitingCodes.count : waitingBytes.count / 16 }
  var isFull: Bool { false }
  var entryCount: Int { table.count }
  var dictionaryBytes: Int { table.count * 24 }

  var bounds: StatisticsRecord {
    StatisticsRecord(
      minimum: extremes.values?.least.bytes, maximum: extremes.values?.greatest.bytes)
  }

  mutating func add(_ column: Column, _ rows: PresentRows) -> Int {
    switch column.storage {
    case .uuid(let storage):
      if let codes = storage.codes {
        add(storage.values, codes, rows)
      } else {
        add(storage.values, rows)
      }
    case .int128(let all): add((0..<rows.count).map { UUIDValue(decimal: all[rows.row(at: $0)]) })
    case .int64(let all):
      add((0..<rows.count).map { UUIDValue(decimal: Int128(all[rows.row(at: $0)])) })
    default: preconditionFailure("\(column.field.name) has no values of 16 bytes")
    }
    return rows.rows.upperBound
  }

  /// Adds coded rows; each entry of the dictionary is looked up once.
  private mutating func add(_ entries: [UUIDValue], _ codes: [UInt32], _ rows: PresentRows) {
    let count = rows.count
    guard isCoding else {
      add((0..<count).map { entries[Int(codes[rows.row(at: $0)])] })
      return
    }
    var map = known.take(for: entries)
    // Those that the rows want and that are not known, in the order of the rows.
    var wanted: [Int] = []
    for position in 0..<count {
      let code = Int(codes[rows.row(at: position)])
      if map[code] == .max {
        map[code] = .max - 1
        wanted.append(code)
      }
    }
    let found = numbers(of: wanted.map { entries[$0] })
    for (position, code) in wanted.enumerated() { map[code] = found[position] }
    waitingCodes.reserveCapacity(waitingCodes.count + count)
    for position in 0..<count { waitingCodes.append(map[Int(codes[rows.row(at: position)])]) }
    known.put(map, for: entries)
  }

  /// The numbers of values in the dictionary, to which they are added where they are new.
  private mutating func numbers(of values: [UUIDValue]) -> [UInt32] {
    var numbers: [UInt32] = []
    _ = table.appendCodes(of: values.span, to: &numbers, limit: .max)
    return numbers
  }

  private mutating func add(_ values: [UUIDValue], _ rows: PresentRows) {
    if rows.count == values.count {
      add(values)
    } else {
      var present: [UUIDValue] = []
      rows.append(values, to: &present)
      add(present)
    }
  }

  private mutating func add(_ present: [UUIDValue]) {
    if isCoding {
      _ = table.appendCodes(of: present.span, to: &waitingCodes, limit: .max)
    } else {
      append(present)
    }
  }

  /// Adds values as they lie in a page.
  private mutating func append(_ values: [UUIDValue]) {
    guard let first = values.first else { return }
    let meaning = meaning
    var least = first
    var greatest = first
    let start = waitingBytes.count
    waitingBytes.append(contentsOf: repeatElement(0, count: values.count * 16))
    unsafe waitingBytes.withUnsafeMutableBytes { raw in
      for (index, value) in values.enumerated() {
        if IdentifierValues.precedes(value, least, meaning) { least = value }
        if IdentifierValues.precedes(greatest, value, meaning) { greatest = value }
        unsafe raw.storeBytes(
          of: value.high.bigEndian, toByteOffset: start + index * 16, as: UInt64.self)
        unsafe raw.storeBytes(
          of: value.low.bigEndian, toByteOffset: start + index * 16 + 8, as: UInt64.self)
      }
    }
    extremes.take(least, by: precedes)
    extremes.take(greatest, by: precedes)
  }

  private var precedes: (UUIDValue, UUIDValue) -> Bool {
    let meaning = meaning
    return { IdentifierValues.precedes($0, $1, meaning) }
  }

  @inline(__always)
  private static func precedes(
    _ left: UUIDValue, _ right: UUIDValue, _ meaning: Meaning
  ) -> Bool {
    switch meaning {
    case .identifier:
      left.high == right.high ? left.low < right.low : left.high < right.high
    case .decimal:
      left.high == right.high
        ? left.low < right.low : Int64(bitPattern: left.high) < Int64(bitPattern: right.high)
    }
  }

  mutating func codes() -> [UInt32]? {
    isCoding ? waitingCodes : nil
  }

  func append(_ encoding: PageEncoding, to page: inout [UInt8]) {
    if isCoding {
      page.append(contentsOf: IdentifierValues.plain(waitingCodes.lazy.map { table[$0] }))
    } else {
      page.append(contentsOf: waitingBytes)
    }
  }

  func dictionaryPage() -> [UInt8] {
    IdentifierValues.plain(table.entries)
  }

  private static func plain(_ values: some Sequence<UUIDValue>) -> [UInt8] {
    var words: [UInt64] = []
    words.reserveCapacity(values.underestimatedCount * 2)
    for value in values {
      words.append(value.high.bigEndian)
      words.append(value.low.bigEndian)
    }
    var bytes: [UInt8] = []
    Plain.append(words[...], to: &bytes)
    return bytes
  }

  mutating func endPage(isCoded: Bool) {
    if isCoded {
      for entry in table.entries.dropFirst(entriesBefore) { extremes.take(entry, by: precedes) }
      entriesBefore = table.count
    } else if isCoding {
      for code in waitingCodes { extremes.take(table[code], by: precedes) }
    }
    waitingCodes.removeAll(keepingCapacity: true)
    waitingBytes.removeAll(keepingCapacity: true)
  }

  mutating func stopCoding(entryCount: Int) {
    isCoding = false
    table.freeze(count: entryCount)
    known = KnownCodes()
    waitingCodes = []
  }

  mutating func reset() {
    table = EntryTable(filler: UUIDValue.zero)
    isCoding = true
    entriesBefore = 0
    extremes = Extremes()
    known = KnownCodes()
    waitingBytes = []
  }
}

extension UUIDValue {
  /// The two halves of a number.
  fileprivate init(decimal: Int128) {
    self.init(
      high: UInt64(truncatingIfNeeded: decimal >> 64), low: UInt64(truncatingIfNeeded: decimal))
  }
}

/// The codes that a row group gave to the entries of a batch's dictionary.
///
/// Batches that are cut from one share its dictionary, the same array in memory: its entries are
/// looked up once for all of them.
struct KnownCodes<Entry> {
  private var entries: [Entry] = []
  private var codes: [UInt32] = []

  /// The code of each entry, `UInt32.max` where it is not known yet.
  mutating func take(for wanted: [Entry]) -> [UInt32] {
    // The array held here keeps the memory of the entries from being used for others.
    let isSame = unsafe entries.withUnsafeBufferPointer { mine in
      unsafe wanted.withUnsafeBufferPointer { theirs in
        unsafe mine.baseAddress == theirs.baseAddress && mine.count == theirs.count
      }
    }
    defer { codes = [] }
    return isSame && codes.count == wanted.count
      ? codes : [UInt32](repeating: .max, count: wanted.count)
  }

  /// Keeps the codes for the next batch.
  mutating func put(_ codes: [UInt32], for entries: [Entry]) {
    self.entries = entries
    self.codes = codes
  }
}
