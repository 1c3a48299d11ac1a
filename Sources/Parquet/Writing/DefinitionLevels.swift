import Columns

/// Which rows of a page hold a value, a bit each.
struct DefinitionLevels {
  private var words: [UInt64] = []
  private(set) var count = 0
  private var presentCount = 0

  /// Adds rows of a column; without a bitmap all of them hold a value.
  mutating func append(_ validity: ValidityBitmap?, _ rows: Range<Int>) {
    var row = rows.lowerBound
    while row < rows.upperBound {
      let length = min(64 - row & 63, rows.upperBound - row)
      var bits = validity.map { $0.words[row >> 6] >> UInt64(row & 63) } ?? ~0
      if length < 64 { bits &= (1 << UInt64(length)) - 1 }
      append(bits, length)
      row += length
    }
  }

  private mutating func append(_ bits: UInt64, _ length: Int) {
    let shift = UInt64(count & 63)
    if shift == 0 {
      words.append(bits)
    } else {
      words[words.count - 1] |= bits << shift
      if Int(shift) + length > 64 { words.append(bits >> (64 - shift)) }
    }
    count += length
    presentCount += bits.nonzeroBitCount
  }

  /// The number of rows without a value.
  var nullCount: Int { count - presentCount }

  /// Adds the levels to a page, with their length in front.
  func write(to page: inout [UInt8]) {
    if presentCount == count || presentCount == 0 {
      let run = RunLength.encode(repeating: presentCount == 0 ? 0 : 1, count: count, width: 1)
      page.appendLittleEndian(UInt32(run.count))
      page.append(contentsOf: run)
      return
    }
    let groups = (count + 7) / 8
    var head: [UInt8] = []
    head.appendVariableLength(UInt64(groups) << 1 | 1)
    page.appendLittleEndian(UInt32(head.count + groups))
    page.append(contentsOf: head)
    // A group of 8 rows is a byte, the first row in its lowest bit.
    var bits: [UInt8] = []
    Plain.append(words[...], to: &bits)
    page.append(contentsOf: bits[..<groups])
  }

  /// Begins a page.
  mutating func removeAll() {
    words.removeAll(keepingCapacity: true)
    count = 0
    presentCount = 0
  }
}
