import Columns

/// Texts, documents and raw bytes that wait for their page.
struct ByteStringValues: PageValues {
  private var waitingCodes: [UInt32] = []
  /// The strings that wait, PLAIN, where they are not coded, and how many they are.
  private var waitingBytes: [UInt8] = []
  private var waitingCount = 0
  /// The bytes of the strings that wait, as they are PLAIN.
  private var plainSize = 0
  private var table = ByteStringTable()
  private var isCoding = true
  private var entriesBefore = 0
  private var least: [UInt8]?
  private var greatest: [UInt8]?
  private var known = KnownCodes<Int>()

  /// A page has at most this many bytes and one string more.
  private static let maximumPageBytes = 4 << 20

  var encodings: [PageEncoding] { [.plain] }
  var count: Int { isCoding ? waitingCodes.count : waitingCount }
  var isFull: Bool { plainSize >= ByteStringValues.maximumPageBytes }
  var entryCount: Int { table.count }
  var dictionaryBytes: Int { table.byteCount }
  var bounds: StatisticsRecord { StatisticsRecord(least: least, greatest: greatest) }

  mutating func add(_ column: Column, _ rows: PresentRows) -> Int {
    guard case .text(let storage) = column.storage else {
      preconditionFailure("\(column.field.name) has no byte strings")
    }
    guard let codes = storage.codes else {
      for position in 0..<rows.count {
        let row = rows.row(at: position)
        add(storage.bytes, storage.offsets[row]..<storage.offsets[row + 1])
        if isFull { return row + 1 }
      }
      return rows.rows.upperBound
    }
    return isCoding ? addCoded(storage, codes, rows) : addPlain(storage, codes, rows)
  }

  /// Adds coded rows; each entry of the dictionary is looked up once.
  private mutating func addCoded(
    _ storage: TextStorage, _ codes: [UInt32], _ rows: PresentRows
  ) -> Int {
    var map = known.take(for: storage.offsets)
    defer { known.put(map, for: storage.offsets) }
    waitingCodes.reserveCapacity(waitingCodes.count + rows.count)
    for position in 0..<rows.count {
      let row = rows.row(at: position)
      let code = Int(codes[row])
      let range = storage.offsets[code]..<storage.offsets[code + 1]
      var mapped = map[code]
      if mapped == .max {
        mapped = table.code(of: storage.bytes, range)
        map[code] = mapped
      }
      waitingCodes.append(mapped)
      plainSize += 4 + range.count
      if isFull { return row + 1 }
    }
    return rows.rows.upperBound
  }

  private mutating func addPlain(
    _ storage: TextStorage, _ codes: [UInt32], _ rows: PresentRows
  ) -> Int {
    for position in 0..<rows.count {
      let row = rows.row(at: position)
      let code = Int(codes[row])
      add(storage.bytes, storage.offsets[code]..<storage.offsets[code + 1])
      if isFull { return row + 1 }
    }
    return rows.rows.upperBound
  }

  private mutating func add(_ bytes: [UInt8], _ range: Range<Int>) {
    if isCoding {
      waitingCodes.append(table.code(of: bytes, range))
    } else {
      Plain.append(bytes, range, to: &waitingBytes)
      waitingCount += 1
      takeBounds(bytes, range)
    }
    plainSize += 4 + range.count
  }

  private mutating func takeBounds(_ bytes: [UInt8], _ range: Range<Int>) {
    if least.map({ ByteStrings.precedes(bytes, range, $0, $0.indices) }) ?? true {
      least = Array(bytes[range])
    }
    if greatest.map({ ByteStrings.precedes($0, $0.indices, bytes, range) }) ?? true {
      greatest = Array(bytes[range])
    }
  }

  mutating func codes() -> [UInt32]? {
    isCoding ? waitingCodes : nil
  }

  func append(_ encoding: PageEncoding, to page: inout [UInt8]) {
    guard isCoding else {
      page.append(contentsOf: waitingBytes)
      return
    }
    let entries = table.entries
    page.reserveCapacity(page.count + plainSize)
    for code in waitingCodes {
      Plain.append(
        entries.bytes, entries.offsets[Int(code)]..<entries.offsets[Int(code) + 1], to: &page)
    }
  }

  func dictionaryPage() -> [UInt8] {
    let entries = table.entries
    var page: [UInt8] = []
    page.reserveCapacity(entries.bytes.count + 4 * entries.count)
    for entry in 0..<entries.count {
      Plain.append(entries.bytes, entries.offsets[entry]..<entries.offsets[entry + 1], to: &page)
    }
    return page
  }

  mutating func endPage(isCoded: Bool) {
    if isCoding {
      let entries = table.entries
      for entry in entriesBefore..<entries.count {
        takeBounds(entries.bytes, entries.offsets[entry]..<entries.offsets[entry + 1])
      }
      entriesBefore = entries.count
    }
    waitingCodes.removeAll(keepingCapacity: true)
    waitingBytes.removeAll(keepingCapacity: true)
    waitingCount = 0
    plainSize = 0
  }

  mutating func stopCoding(entryCount: Int) {
    isCoding = false
    table.freeze(count: entryCount)
    known = KnownCodes()
    waitingCodes = []
  }

  mutating func reset() {
    table = ByteStringTable()
    isCoding = true
    entriesBefore = 0
    least = nil
    greatest = nil
    known = KnownCodes()
    waitingBytes = []
  }
}
