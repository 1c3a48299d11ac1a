import Columns

/// The rows of a range that hold a value.
struct PresentRows {
  /// All rows of the range.
  let rows: Range<Int>
  /// Those that hold a value, `nil` when all do.
  let indices: [UInt32]?

  /// The rows of `rows` whose bit is set; all of them without a bitmap.
  init(_ validity: ValidityBitmap?, in rows: Range<Int>) {
    self.rows = rows
    guard let validity, !rows.isEmpty else {
      indices = nil
      return
    }
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= validity.count
        && rows.upperBound <= Int(UInt32.max), "rows out of bounds")
    let words = validity.words.span
    let indices = unsafe [UInt32](unsafeUninitializedCapacity: rows.count) { target, count in
      for word in rows.lowerBound >> 6...(rows.upperBound - 1) >> 6 {
        // Only the bits of the range count.
        let first = max(rows.lowerBound, word << 6)
        let end = min(rows.upperBound, (word + 1) << 6)
        var bits = words[word] >> UInt64(first & 63)
        if end - first < 64 { bits &= (1 << UInt64(end - first)) - 1 }
        while bits != 0 {
          unsafe target[count] = UInt32(truncatingIfNeeded: first + bits.trailingZeroBitCount)
          count += 1
          bits &= bits - 1
        }
      }
    }
    self.indices = indices.count == rows.count ? nil : indices
  }

  /// The number of rows that hold a value.
  var count: Int { indices?.count ?? rows.count }

  /// The row of the value at a position, from 0.
  @inline(__always)
  func row(at position: Int) -> Int {
    if let indices { return Int(indices[position]) }
    return rows.lowerBound + position
  }

  /// Adds the values of these rows at the end of an array.
  func append<Value>(_ all: [Value], to target: inout [Value]) {
    guard let indices else {
      unsafe all.withUnsafeBufferPointer { unsafe target.append(contentsOf: $0[rows]) }
      return
    }
    precondition(rows.upperBound <= all.count, "rows out of bounds")
    let gathered = unsafe [Value](unsafeUninitializedCapacity: indices.count) { buffer, count in
      guard let base = buffer.baseAddress else { return }
      unsafe all.withUnsafeBufferPointer { all in
        for (position, index) in indices.enumerated() {
          // In bounds: the indices lie within `rows`.
          unsafe (base + position).initialize(to: all[Int(index)])
        }
      }
      count = indices.count
    }
    target.append(contentsOf: gathered)
  }
}
