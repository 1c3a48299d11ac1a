import AlmanacCore
import Columns

/// The values of a column in a row group, nulls left out, in the encoding that suits them.
struct ChunkValues {
  /// The distinct values that codes stand for.
  struct Dictionary {
    var entryCount: Int
    /// The entries in the PLAIN encoding.
    var page: [UInt8]
  }

  private enum Form {
    case booleans(ArraySlice<Bool>)
    case codes([UInt32], width: Int)
    case differences32(ArraySlice<Int32>)
    case differences64(ArraySlice<Int64>)
    case plain(bytes: [UInt8], size: Int)
    case floats(ArraySlice<Float>)
    case doubles(ArraySlice<Double>)
    case byteStrings(TextStorage, entries: [Int]?, rows: Range<Int>)
  }

  private let form: Form
  /// The dictionary, `nil` when the values are not coded.
  let dictionary: Dictionary?
  /// The least and greatest value.
  let statistics: StatisticsRecord

  /// The values of `present` in the column of a plan.
  init(_ plan: ColumnPlan, _ present: PresentRows) {
    switch plan.column.storage {
    case .bool(let all): self.init(booleans: present.values(of: all))
    case .int32(let all): self.init(present.values(of: all))
    case .int64(let all) where plan.isWide:
      self.init(wide: present.values(of: all).map { Int128($0) })
    case .int64(let all): self.init(present.values(of: all))
    case .int128(let all): self.init(wide: Array(present.values(of: all)))
    case .float32(let all): self.init(present.values(of: all))
    case .float64(let all): self.init(present.values(of: all))
    case .text(let all): self.init(all, present)
    case .uuid(let all): self.init(all, present)
    case .uuidList: preconditionFailure("\(plan.column.field.name): lists cannot be written")
    }
  }

  /// How the data pages hold the values.
  var encoding: PageEncoding {
    switch form {
    case .codes: .runLengthDictionary
    case .differences32, .differences64: .deltaBinaryPacked
    case .booleans, .plain, .floats, .doubles, .byteStrings: .plain
    }
  }

  /// Adds the values at the given positions to a page.
  func append(_ positions: Range<Int>, to page: inout [UInt8]) {
    switch form {
    case .booleans(let values):
      let base = values.startIndex
      for start in stride(from: positions.lowerBound, to: positions.upperBound, by: 8) {
        var byte: UInt8 = 0
        for index in start..<min(start + 8, positions.upperBound) where values[base + index] {
          byte |= 1 << UInt8(index - start)
        }
        page.append(byte)
      }
    case .codes(let codes, let width):
      page.append(UInt8(width))
      page.append(contentsOf: RunLength.encode(codes[positions].span, width: width))
    case .differences32(let values):
      page.append(contentsOf: DeltaBinaryPacked.encode(values.at(positions).span))
    case .differences64(let values):
      page.append(contentsOf: DeltaBinaryPacked.encode(values.at(positions).span))
    case .plain(let bytes, let size):
      page.append(contentsOf: bytes[positions.lowerBound * size..<positions.upperBound * size])
    case .floats(let values): Plain.append(values.at(positions), to: &page)
    case .doubles(let values): Plain.append(values.at(positions), to: &page)
    case .byteStrings(let storage, let entries, let rows):
      if let entries {
        Plain.append(
          bytes: storage.bytes, offsets: storage.offsets, entries: entries[positions], to: &page)
      } else {
        Plain.append(
          bytes: storage.bytes, offsets: storage.offsets,
          entries: rows.lowerBound + positions.lowerBound..<rows.lowerBound + positions.upperBound,
          to: &page)
      }
    }
  }
}

extension ChunkValues {
  private init(booleans values: ArraySlice<Bool>) {
    form = .booleans(values)
    dictionary = nil
    statistics = StatisticsRecord(
      minimum: values.isEmpty ? nil : [values.contains(false) ? 0 : 1],
      maximum: values.isEmpty ? nil : [values.contains(true) ? 1 : 0])
  }

  private init(_ values: ArraySlice<Int32>) {
    statistics = StatisticsRecord(leastAndGreatest(values)) { UInt32(bitPattern: $0).bytes }
    let bits = DeltaBinaryPacked.estimatedBits(values)
    if let coded = DistinctNumbers.codes(of: values, bitsOtherwise: bits) {
      form = .codes(coded.codes, width: coded.width)
      dictionary = Dictionary(plain: coded.entries)
    } else {
      form = .differences32(values)
      dictionary = nil
    }
  }

  private init(_ values: ArraySlice<Int64>) {
    statistics = StatisticsRecord(leastAndGreatest(values)) { UInt64(bitPattern: $0).bytes }
    let bits = DeltaBinaryPacked.estimatedBits(values)
    if let coded = DistinctNumbers.codes(of: values, bitsOtherwise: bits) {
      form = .codes(coded.codes, width: coded.width)
      dictionary = Dictionary(plain: coded.entries)
    } else {
      form = .differences64(values)
      dictionary = nil
    }
  }

  private init(_ values: ArraySlice<Float>) {
    // Zeros of both signs are equal, so bounds take the outer one.
    statistics = StatisticsRecord(
      minimum: floatBounds(values).map { ($0.least == 0 ? -0.0 : $0.least).bitPattern.bytes },
      maximum: floatBounds(values).map { ($0.greatest == 0 ? 0.0 : $0.greatest).bitPattern.bytes })
    if let coded = DistinctNumbers.codes(of: values, bitsOtherwise: 32) {
      form = .codes(coded.codes, width: coded.width)
      dictionary = Dictionary(plain: coded.entries)
    } else {
      form = .floats(values)
      dictionary = nil
    }
  }

  private init(_ values: ArraySlice<Double>) {
    statistics = StatisticsRecord(
      minimum: floatBounds(values).map { ($0.least == 0 ? -0.0 : $0.least).bitPattern.bytes },
      maximum: floatBounds(values).map { ($0.greatest == 0 ? 0.0 : $0.greatest).bitPattern.bytes })
    if let coded = DistinctNumbers.codes(of: values, bitsOtherwise: 64) {
      form = .codes(coded.codes, width: coded.width)
      dictionary = Dictionary(plain: coded.entries)
    } else {
      form = .doubles(values)
      dictionary = nil
    }
  }

  private init(wide values: [Int128]) {
    var words: [UInt64] = []
    words.reserveCapacity(values.count * 2)
    for value in values { words.appendBigEndian(value) }
    form = .plain(bytes: plainBytes(words), size: 16)
    dictionary = nil
    statistics = StatisticsRecord(leastAndGreatest(values[...])) { value in
      var words: [UInt64] = []
      words.appendBigEndian(value)
      return plainBytes(words)
    }
  }

  private init(_ storage: UUIDStorage, _ present: PresentRows) {
    let entries: ArraySlice<UUIDValue>
    var coded: [UInt32]?
    if let codes = storage.codes {
      let used = UsedEntries(present.values(of: codes), entryCount: storage.values.count)
      if used.pays(entryBytes: used.entries.count * 16) {
        entries = used.entries.map { storage.values[$0] }[...]
        coded = used.codes
      } else {
        entries = present.values(of: codes).map { storage.values[Int($0)] }[...]
      }
    } else {
      entries = present.values(of: storage.values)
    }
    var words: [UInt64] = []
    words.reserveCapacity(entries.count * 2)
    for entry in entries {
      words.append(entry.high.bigEndian)
      words.append(entry.low.bigEndian)
    }
    let page = plainBytes(words)
    if let coded {
      form = .codes(coded, width: codeWidth(entryCount: entries.count))
      dictionary = Dictionary(entryCount: entries.count, page: page)
    } else {
      form = .plain(bytes: page, size: 16)
      dictionary = nil
    }
    statistics = StatisticsRecord(leastAndGreatest(entries)) { $0.bytes }
  }

  private init(_ storage: TextStorage, _ present: PresentRows) {
    guard let codes = storage.codes else {
      form = .byteStrings(storage, entries: present.indices, rows: present.rows)
      dictionary = nil
      statistics = StatisticsRecord(
        present.indices.map { storage.bounds(of: $0) } ?? storage.bounds(of: present.rows))
      return
    }
    let used = UsedEntries(present.values(of: codes), entryCount: storage.entryCount)
    let size = used.entries.reduce(0) { $0 + storage.offsets[$1 + 1] - storage.offsets[$1] + 4 }
    statistics = StatisticsRecord(storage.bounds(of: used.entries))
    if used.pays(entryBytes: size) {
      var page: [UInt8] = []
      page.reserveCapacity(size)
      Plain.append(
        bytes: storage.bytes, offsets: storage.offsets, entries: used.entries, to: &page)
      form = .codes(used.codes, width: codeWidth(entryCount: used.entries.count))
      dictionary = Dictionary(entryCount: used.entries.count, page: page)
    } else {
      form = .byteStrings(
        storage, entries: present.values(of: codes).map { Int($0) }, rows: present.rows)
      dictionary = nil
    }
  }
}

/// The entries of a column's dictionary that a row group uses, in order of first appearance.
private struct UsedEntries {
  /// Their numbers in the column's dictionary.
  var entries: [Int] = []
  /// For each value its position in ``entries``.
  var codes: [UInt32] = []

  init(_ original: ArraySlice<UInt32>, entryCount: Int) {
    var positions = [UInt32](repeating: .max, count: entryCount)
    codes.reserveCapacity(original.count)
    for code in original {
      var position = positions[Int(code)]
      if position == .max {
        position = UInt32(entries.count)
        positions[Int(code)] = position
        entries.append(Int(code))
      }
      codes.append(position)
    }
  }

  /// Whether dictionary and codes are smaller than the values themselves, which together are about
  /// as large as the entries are on average.
  func pays(entryBytes: Int) -> Bool {
    if entries.isEmpty { return false }
    let plain = Double(entryBytes) / Double(entries.count) * Double(codes.count)
    let coded = codes.count * codeWidth(entryCount: entries.count) / 8 + entryBytes
    return entryBytes <= 64 << 20 && Double(coded) < 0.9 * plain
  }
}

/// The bits of a code; readers disagree on codes of no bits, so there is at least one.
func codeWidth(entryCount: Int) -> Int {
  max(1, RunLength.width(of: UInt32(max(0, entryCount - 1))))
}

extension ChunkValues.Dictionary {
  /// A dictionary of numbers of a fixed size.
  fileprivate init<Number: BitwiseCopyable>(plain entries: [Number]) {
    entryCount = entries.count
    page = plainBytes(entries)
  }
}

extension ArraySlice {
  /// The elements at positions counted from the start of the slice.
  fileprivate func at(_ positions: Range<Int>) -> ArraySlice {
    self[startIndex + positions.lowerBound..<startIndex + positions.upperBound]
  }
}

extension [UInt64] {
  /// Adds the two halves of a number as they lie in memory when the most significant byte is first.
  fileprivate mutating func appendBigEndian(_ value: Int128) {
    append(UInt64(truncatingIfNeeded: value >> 64).bigEndian)
    append(UInt64(truncatingIfNeeded: value).bigEndian)
  }
}

private func plainBytes<Number: BitwiseCopyable>(_ numbers: [Number]) -> [UInt8] {
  var bytes: [UInt8] = []
  Plain.append(numbers[...], to: &bytes)
  return bytes
}
