import Columns

/// A number of a fixed size as files store it.
///
/// What goes through many numbers is here, where the compiler knows their type, and not in the
/// generic code that calls it.
protocol StoredNumber: BitwiseCopyable, TableEntry {
  /// How pages that are not coded may hold such numbers.
  static var encodings: [PageEncoding] { get }
  /// Any number.
  static var zero: Self { get }
  /// Adds the numbers of rows to an array.
  static func gather(_ storage: ColumnStorage, _ rows: PresentRows, to numbers: inout [Self])
  /// Adds the codes of numbers; see ``EntryTable/appendCodes(of:to:limit:)``.
  static func appendCodes(
    of numbers: [Self], in table: inout EntryTable<Self>, to codes: inout [UInt32], limit: Int
  ) -> Bool
  /// The number of distinct numbers among every `step`th.
  static func distinctCount(_ numbers: [Self], step: Int) -> Int
  /// Adds numbers to a page, in one of ``encodings``.
  static func append(_ numbers: [Self], _ encoding: PageEncoding, to page: inout [UInt8])
  /// The least and greatest number, `nil` when there is none or they have no order.
  static func extremes(_ numbers: ArraySlice<Self>) -> (least: Self, greatest: Self)?
  /// The bounds of the numbers between two.
  static func bounds(_ least: Self, _ greatest: Self) -> StatisticsRecord
}

/// Numbers that wait for their page.
struct NumberValues<Number: StoredNumber>: PageValues {
  private var waiting: [Number] = []
  private var table = EntryTable(filler: Number.zero)
  private var isCoding = true
  private var entriesBefore = 0
  private var least: Number?
  private var greatest: Number?
  /// Whether a page had numbers without an order.
  private var isUnordered = false

  /// More entries than this do not fit the cache.
  private static var maximumEntries: Int { 1 << 18 }
  private static var sampleSize: Int { 1024 }

  var encodings: [PageEncoding] { Number.encodings }
  var count: Int { waiting.count }
  var isFull: Bool { false }
  var entryCount: Int { table.count }
  var dictionaryBytes: Int { table.count * (MemoryLayout<Number>.stride + 8) }

  var bounds: StatisticsRecord {
    guard let least, let greatest, !isUnordered else { return StatisticsRecord() }
    return Number.bounds(least, greatest)
  }

  mutating func add(_ column: Column, _ rows: PresentRows) -> Int {
    Number.gather(column.storage, rows, to: &waiting)
    return rows.rows.upperBound
  }

  mutating func codes() -> [UInt32]? {
    entriesBefore = table.count
    guard isCoding, entriesBefore > 0 || repeats() else { return nil }
    var codes: [UInt32] = []
    let limit = NumberValues.maximumEntries
    return Number.appendCodes(of: waiting, in: &table, to: &codes, limit: limit) ? codes : nil
  }

  /// Whether a sample of the numbers has some more than once.
  private func repeats() -> Bool {
    if waiting.count < NumberValues.sampleSize { return true }
    let step = waiting.count / NumberValues.sampleSize
    let sampled = (waiting.count + step - 1) / step
    return Number.distinctCount(waiting, step: step) <= sampled * 7 / 8
  }

  func append(_ encoding: PageEncoding, to page: inout [UInt8]) {
    Number.append(waiting, encoding, to: &page)
  }

  func dictionaryPage() -> [UInt8] {
    var page: [UInt8] = []
    Plain.append(table.entries, to: &page)
    return page
  }

  mutating func endPage(isCoded: Bool) {
    let seen = isCoded ? table.entries.dropFirst(entriesBefore) : waiting[...]
    if let extremes = Number.extremes(seen) {
      least = least.map { Number.extremes([$0, extremes.least])?.least ?? $0 } ?? extremes.least
      greatest =
        greatest.map { Number.extremes([$0, extremes.greatest])?.greatest ?? $0 }
        ?? extremes.greatest
    } else if !seen.isEmpty {
      isUnordered = true
    }
    waiting.removeAll(keepingCapacity: true)
  }

  mutating func stopCoding(entryCount: Int) {
    isCoding = false
    table.freeze(count: entryCount)
  }

  mutating func reset() {
    table = EntryTable(filler: Number.zero)
    isCoding = true
    least = nil
    greatest = nil
    isUnordered = false
  }
}

extension StoredNumber {
  @inline(__always)
  static func appendCodes(
    of numbers: [Self], in table: inout EntryTable<Self>, to codes: inout [UInt32], limit: Int
  ) -> Bool {
    table.appendCodes(of: numbers.span, to: &codes, limit: limit)
  }

  @inline(__always)
  static func distinctCount(_ numbers: [Self], step: Int) -> Int {
    var sample = EntryTable(filler: zero)
    for index in stride(from: 0, to: numbers.count, by: step) {
      _ = sample.code(of: numbers[index])
    }
    return sample.count
  }
}

extension StoredNumber where Self: Comparable {
  @inline(__always)
  static func extremes(_ numbers: ArraySlice<Self>) -> (least: Self, greatest: Self)? {
    leastAndGreatest(numbers)
  }
}

extension StoredNumber where Self: FixedWidthInteger & SignedInteger {
  static var encodings: [PageEncoding] { [.deltaBinaryPacked, .plain] }

  static func bounds(_ least: Self, _ greatest: Self) -> StatisticsRecord {
    StatisticsRecord(minimum: least.bytes, maximum: greatest.bytes)
  }
}

extension Int32: StoredNumber {
  @inline(__always)
  var tableHash: UInt64 { UInt64(UInt32(bitPattern: self)) &* 0x9E37_79B9_7F4A_7C15 }
  @inline(__always)
  func isSame(as other: Int32) -> Bool { self == other }

  static func gather(_ storage: ColumnStorage, _ rows: PresentRows, to numbers: inout [Int32]) {
    if case .int32(let values) = storage { rows.append(values, to: &numbers) }
  }

  static func append(_ numbers: [Int32], _ encoding: PageEncoding, to page: inout [UInt8]) {
    if encoding == .plain {
      Plain.append(numbers[...], to: &page)
    } else {
      DeltaBinaryPacked.append(numbers.span, to: &page)
    }
  }
}

extension Int64: StoredNumber {
  @inline(__always)
  var tableHash: UInt64 { UInt64(bitPattern: self) &* 0x9E37_79B9_7F4A_7C15 }
  @inline(__always)
  func isSame(as other: Int64) -> Bool { self == other }

  static func gather(_ storage: ColumnStorage, _ rows: PresentRows, to numbers: inout [Int64]) {
    switch storage {
    case .int64(let values): rows.append(values, to: &numbers)
    case .int128(let values):
      // Values were held against the 18 digits that 64 bits hold.
      for position in 0..<rows.count {
        numbers.append(Int64(truncatingIfNeeded: values[rows.row(at: position)]))
      }
    default: break
    }
  }

  static func append(_ numbers: [Int64], _ encoding: PageEncoding, to page: inout [UInt8]) {
    if encoding == .plain {
      Plain.append(numbers[...], to: &page)
    } else {
      DeltaBinaryPacked.append(numbers.span, to: &page)
    }
  }
}

/// Numbers of different bits differ, such as zeros of both signs.
extension Float: StoredNumber {
  static var encodings: [PageEncoding] { [.plain] }
  @inline(__always)
  var tableHash: UInt64 { UInt64(bitPattern) &* 0x9E37_79B9_7F4A_7C15 }
  @inline(__always)
  func isSame(as other: Float) -> Bool { bitPattern == other.bitPattern }

  static func gather(_ storage: ColumnStorage, _ rows: PresentRows, to numbers: inout [Float]) {
    if case .float32(let values) = storage { rows.append(values, to: &numbers) }
  }

  static func append(_ numbers: [Float], _ encoding: PageEncoding, to page: inout [UInt8]) {
    Plain.append(numbers[...], to: &page)
  }

  static func extremes(_ numbers: ArraySlice<Float>) -> (least: Float, greatest: Float)? {
    floatBounds(numbers)
  }

  static func bounds(_ least: Float, _ greatest: Float) -> StatisticsRecord {
    // Zeros of both signs are equal, so bounds take the outer one.
    StatisticsRecord(
      minimum: (least == 0 ? -0.0 : least).bitPattern.bytes,
      maximum: (greatest == 0 ? 0.0 : greatest).bitPattern.bytes)
  }
}

/// Numbers of different bits differ, such as zeros of both signs.
extension Double: StoredNumber {
  static var encodings: [PageEncoding] { [.plain] }
  @inline(__always)
  var tableHash: UInt64 { bitPattern &* 0x9E37_79B9_7F4A_7C15 }
  @inline(__always)
  func isSame(as other: Double) -> Bool { bitPattern == other.bitPattern }

  static func gather(_ storage: ColumnStorage, _ rows: PresentRows, to numbers: inout [Double]) {
    if case .float64(let values) = storage { rows.append(values, to: &numbers) }
  }

  static func append(_ numbers: [Double], _ encoding: PageEncoding, to page: inout [UInt8]) {
    Plain.append(numbers[...], to: &page)
  }

  static func extremes(_ numbers: ArraySlice<Double>) -> (least: Double, greatest: Double)? {
    floatBounds(numbers)
  }

  static func bounds(_ least: Double, _ greatest: Double) -> StatisticsRecord {
    // Zeros of both signs are equal, so bounds take the outer one.
    StatisticsRecord(
      minimum: (least == 0 ? -0.0 : least).bitPattern.bytes,
      maximum: (greatest == 0 ? 0.0 : greatest).bitPattern.bytes)
  }
}
