import Columns

/// Takes the byte strings of a column, coded as long as every page is.
struct TextSink: ValueSink {
  private let length: Int?
  private let maximumBytes: Int
  private var storage = TextStorage(codes: [])
  /// The entries of the present row group's dictionary.
  private var dictionary = ByteStrings()
  /// The code in ``storage`` of each entry of the dictionary, `nil` while they are the same.
  private var codes: [UInt32]?
  /// The code of each entry in ``storage``, made when a second dictionary comes.
  private var known: [ArraySlice<UInt8>: UInt32] = [:]

  /// A sink of strings of the given length, or each of its own.
  init(length: Int?, _ maximumBytes: Int) {
    self.length = length
    self.maximumBytes = maximumBytes
  }

  mutating func takeDictionary(_ reader: inout ByteReader, count: Int) throws(DecodingFault) {
    dictionary = try ByteStrings.decode(&reader, .plain, length: length, count: count)
    if storage.codes == nil { return }
    if storage.entryCount == 0 {
      storage.bytes = dictionary.bytes
      storage.offsets = dictionary.offsets
      codes = nil
    } else {
      try mergeDictionary()
    }
  }

  mutating func take(
    _ reader: inout ByteReader, _ encoding: PageEncoding, _ rows: PageRows
  ) throws(DecodingFault) {
    switch encoding {
    case .plainDictionary, .runLengthDictionary:
      let pageCodes = try DictionaryCodes.decode(
        &reader, count: rows.presentCount, entryCount: dictionary.count)
      if storage.codes == nil {
        try appendPlain(dictionary, entries: pageCodes.map { Int($0) }, rows)
      } else {
        appendCodes(pageCodes, rows)
      }
    default:
      let strings = try ByteStrings.decode(
        &reader, encoding, length: length, count: rows.presentCount, maximumBytes: maximumBytes)
      try becomePlain(nextRows: rows)
      try appendPlain(strings, entries: nil, rows)
    }
  }

  consuming func finish() throws(DecodingFault) -> ColumnStorage {
    .text(storage)
  }

  private mutating func mergeDictionary() throws(DecodingFault) {
    if known.isEmpty {
      for entry in 0..<storage.entryCount {
        // The first of equal entries stands for all.
        let key = Array(storage.entry(entry))[...]
        if known[key] == nil { known[key] = UInt32(entry) }
      }
    }
    var merged: [UInt32] = []
    merged.reserveCapacity(dictionary.count)
    for index in 0..<dictionary.count {
      let entry = dictionary.bytes[dictionary.offsets[index]..<dictionary.offsets[index + 1]]
      if let code = known[entry] {
        merged.append(code)
        continue
      }
      guard storage.entryCount < UInt32.max, entry.count <= maximumBytes - storage.bytes.count
      else {
        throw .tooLarge(maximumBytes: maximumBytes)
      }
      let code = UInt32(storage.entryCount)
      storage.bytes.append(contentsOf: entry)
      storage.offsets.append(storage.bytes.count)
      known[Array(entry)[...]] = code
      merged.append(code)
    }
    codes = merged
  }

  private mutating func appendCodes(_ pageCodes: [UInt32], _ rows: PageRows) {
    let present = codes.map { codes in pageCodes.map { codes[Int($0)] } } ?? pageCodes
    guard let levels = rows.levels else {
      storage.codes?.append(contentsOf: present)
      return
    }
    var next = 0
    let spread = levels.map { level -> UInt32 in
      if level == 0 { return 0 }
      defer { next += 1 }
      return present[next]
    }
    storage.codes?.append(contentsOf: spread)
  }

  /// Gives each row an entry of its own.
  private mutating func becomePlain(nextRows: PageRows) throws(DecodingFault) {
    guard let codes = storage.codes else { return }
    let coded = storage
    storage = TextStorage()
    storage.offsets.reserveCapacity(codes.count + nextRows.count + 1)
    for code in codes {
      // The code of a null is 0 and may name no entry; what such a row holds means nothing.
      if Int(code) < coded.entryCount {
        let entry = coded.entry(Int(code))
        guard entry.count <= maximumBytes - storage.bytes.count else {
          throw .tooLarge(maximumBytes: maximumBytes)
        }
        storage.bytes.append(contentsOf: entry)
      }
      storage.offsets.append(storage.bytes.count)
    }
    known = [:]
  }

  private mutating func appendPlain(
    _ strings: ByteStrings, entries: [Int]?, _ rows: PageRows
  ) throws(DecodingFault) {
    if entries == nil, rows.levels == nil {
      let base = storage.bytes.count
      guard strings.bytes.count <= maximumBytes - base else {
        throw .tooLarge(maximumBytes: maximumBytes)
      }
      storage.bytes.append(contentsOf: strings.bytes)
      storage.offsets.append(contentsOf: strings.offsets.dropFirst().lazy.map { base + $0 })
      return
    }
    var next = 0
    for row in 0..<rows.count {
      if rows.levels.map({ $0[row] == 1 }) ?? true {
        let entry = entries.map { $0[next] } ?? next
        let range = strings.offsets[entry]..<strings.offsets[entry + 1]
        guard range.count <= maximumBytes - storage.bytes.count else {
          throw .tooLarge(maximumBytes: maximumBytes)
        }
        storage.bytes.append(contentsOf: strings.bytes[range])
        next += 1
      }
      storage.offsets.append(storage.bytes.count)
    }
  }
}
