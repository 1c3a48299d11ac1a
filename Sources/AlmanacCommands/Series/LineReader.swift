/// Takes lines of comma-separated fields from bytes.
struct LineReader {
  private let bytes: [UInt8]
  private let end: Int
  /// Where the next line begins.
  private(set) var position: Int
  /// The number of the line last taken; the first of the file is 1.
  private(set) var number: Int
  /// Whether a field in quotes was seen.
  private(set) var hasQuotes = false

  /// A reader of the lines in a range that begins with a line, after so many others.
  init(_ bytes: [UInt8], in range: Range<Int>, linesBefore: Int = 0) {
    self.bytes = bytes
    end = range.upperBound
    position = range.lowerBound
    number = linesBefore
    // A byte order mark is no part of the first name.
    if position == 0, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
  }

  /// Puts the fields of the next line in place of `fields`; `false` after the last.
  mutating func next(_ fields: inout [ArraySlice<UInt8>]) -> Bool {
    guard position < end else { return false }
    number += 1
    fields.removeAll(keepingCapacity: true)
    while true {
      if position < end, bytes[position] == UInt8(ascii: "\"") {
        fields.append(quoted())
      } else {
        let start = position
        while position < end, bytes[position] != 10, bytes[position] != 44 { position += 1 }
        var last = position
        if last > start, bytes[last - 1] == 13 { last -= 1 }
        fields.append(bytes[start..<last])
      }
      guard position < end else { return true }
      let byte = bytes[position]
      position += 1
      if byte == 10 { return true }
    }
  }

  /// Passes over a line that was read otherwise and ends before a position.
  mutating func skip(to position: Int) {
    self.position = position
    number += 1
  }

  /// A field in quotes, where a doubled quote stands for one.
  ///
  /// Ends before the comma or the line's end.
  private mutating func quoted() -> ArraySlice<UInt8> {
    hasQuotes = true
    position += 1
    var field: [UInt8] = []
    while position < end {
      let byte = bytes[position]
      position += 1
      if byte == UInt8(ascii: "\"") {
        guard position < end, bytes[position] == byte else { break }
        position += 1
      }
      field.append(byte)
    }
    while position < end, bytes[position] != 10, bytes[position] != 44 { position += 1 }
    return field[...]
  }
}
