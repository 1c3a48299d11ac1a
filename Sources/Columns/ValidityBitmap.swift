/// Which rows of a column hold a value: one bit a row, 1 for a value, 0 for null.
///
/// A column without nulls has no bitmap at all.
package struct ValidityBitmap: Hashable, Sendable {
  /// The bits, lowest first; bits past ``count`` are 0.
  package private(set) var words: [UInt64]
  /// The number of rows.
  package private(set) var count: Int

  /// A bitmap of `count` rows that all hold a value, or are all null.
  package init(repeating isValid: Bool, count: Int) {
    self.count = count
    words = [UInt64](repeating: isValid ? ~0 : 0, count: (count + 63) / 64)
    if isValid, count % 64 != 0 { words[words.count - 1] = (1 << UInt64(count % 64)) - 1 }
  }

  /// Whether the row holds a value.
  package subscript(row: Int) -> Bool {
    get {
      precondition(row >= 0 && row < count, "row \(row) of \(count)")
      return words[row >> 6] >> UInt64(row & 63) & 1 == 1
    }
    set {
      precondition(row >= 0 && row < count, "row \(row) of \(count)")
      let bit: UInt64 = 1 << UInt64(row & 63)
      if newValue { words[row >> 6] |= bit } else { words[row >> 6] &= ~bit }
    }
  }

  /// Adds a row at the end.
  package mutating func append(_ isValid: Bool) {
    if count & 63 == 0 { words.append(0) }
    if isValid { words[count >> 6] |= 1 << UInt64(count & 63) }
    count += 1
  }

  /// Adds up to 64 rows at the end: the lowest bits of a word whose other bits are 0.
  package mutating func append(word bits: UInt64, rows: Int) {
    precondition(rows >= 0 && rows <= 64, "\(rows) rows of a word")
    if rows == 0 { return }
    let shift = UInt64(count & 63)
    if shift == 0 {
      words.append(bits)
    } else {
      words[words.count - 1] |= bits << shift
      if Int(shift) + rows > 64 { words.append(bits >> (64 - shift)) }
    }
    count += rows
  }

  /// Adds the rows of another bitmap at the end.
  package mutating func append(contentsOf other: ValidityBitmap) {
    let shift = UInt64(count & 63)
    words.reserveCapacity((count + other.count + 63) / 64)
    if shift == 0 {
      words.append(contentsOf: other.words)
    } else {
      for word in other.words {
        words[words.count - 1] |= word << shift
        words.append(word >> (64 - shift))
      }
    }
    count += other.count
    words.removeLast(words.count - (count + 63) / 64)
  }

  /// The rows at the given indices, in the given order.
  func taking(_ rows: [Int]) -> ValidityBitmap {
    var bits = ValidityBitmap(repeating: false, count: rows.count)
    for (position, row) in rows.enumerated() {
      precondition(row >= 0 && row < count, "row \(row) of \(count)")
      let bit = words[row >> 6] >> UInt64(row & 63) & 1
      bits.words[position >> 6] |= bit << UInt64(position & 63)
    }
    return bits
  }

  /// The number of null rows.
  package var nullCount: Int { count - words.reduce(0) { $0 + $1.nonzeroBitCount } }
}
