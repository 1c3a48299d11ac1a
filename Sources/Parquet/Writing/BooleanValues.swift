import Columns

/// Booleans that wait for their page, a bit each.
struct BooleanValues: PageValues {
  private var waiting: [Bool] = []
  private var hasFalse = false
  private var hasTrue = false

  var encodings: [PageEncoding] { [.plain] }
  var count: Int { waiting.count }
  var isFull: Bool { false }
  var entryCount: Int { 0 }
  var dictionaryBytes: Int { 0 }

  var bounds: StatisticsRecord {
    hasFalse || hasTrue
      ? StatisticsRecord(minimum: [hasFalse ? 0 : 1], maximum: [hasTrue ? 1 : 0])
      : StatisticsRecord()
  }

  mutating func add(_ column: Column, _ rows: PresentRows) -> Int {
    if case .bool(let all) = column.storage { rows.append(all, to: &waiting) }
    return rows.rows.upperBound
  }

  mutating func codes() -> [UInt32]? { nil }

  func append(_ encoding: PageEncoding, to page: inout [UInt8]) {
    for start in stride(from: 0, to: waiting.count, by: 8) {
      var byte: UInt8 = 0
      for index in start..<min(start + 8, waiting.count) where waiting[index] {
        byte |= 1 << UInt8(index - start)
      }
      page.append(byte)
    }
  }

  func dictionaryPage() -> [UInt8] { [] }

  mutating func endPage(isCoded: Bool) {
    hasFalse = hasFalse || waiting.contains(false)
    hasTrue = hasTrue || waiting.contains(true)
    waiting.removeAll(keepingCapacity: true)
  }

  mutating func stopCoding(entryCount: Int) {}

  mutating func reset() {
    hasFalse = false
    hasTrue = false
  }
}
