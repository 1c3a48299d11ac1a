import AlmanacCore

/// Reads lines as most files hold them: an identifier, a date and a number, without quotes.
///
/// Everything else is left to ``LineReader``, which reads these lines to the same values.
struct PlainLineReader {
  /// Where the identifier of the last line stands.
  private(set) var id = 0..<0
  /// Whether it is that of the line before.
  private(set) var isRepeated = false
  /// The date of the last line, in days since 1970-01-01.
  private(set) var label = 0
  /// Its number.
  private(set) var value = 0.0
  /// Where the next line begins.
  private(set) var end = 0
  /// Whether there was a line since the identifier was forgotten.
  private(set) var hasID = false

  /// The month of the last date: year and month, the day before its first, and its length.
  private var month = (year: 0, month: 0, start: 0, length: 0)
  /// The eight bytes of that date before its day; 0 before the first.
  private var monthText: UInt64 = 0

  private static let comma = UInt8(ascii: ",")
  private static let quote = UInt8(ascii: "\"")
  private static let newline = UInt8(ascii: "\n")
  private static let carriageReturn = UInt8(ascii: "\r")
  /// The most digits of a number.
  private static let mostDigits = 19

  /// Lets the next identifier be a new one.
  mutating func forgetID() { hasID = false }

  /// Reads the line at a position.
  ///
  /// - Parameters:
  ///   - bytes: the file.
  ///   - start: where the line begins.
  ///   - limit: where the part to read ends.
  /// - Returns: whether it is a plain one; if not, nothing is read.
  mutating func next(_ bytes: [UInt8], at start: Int, end limit: Int) -> Bool {
    var position = start
    let isSame = hasID && repeatsID(bytes, at: start, end: limit)
    if isSame {
      position += id.count
    } else {
      while position < limit, bytes[position] != PlainLineReader.comma {
        let byte = bytes[position]
        if byte == PlainLineReader.newline || byte == PlainLineReader.carriageReturn
          || byte == PlainLineReader.quote
        {
          return false
        }
        position += 1
      }
    }
    let id = start..<position
    // A comma, ten bytes of a date, a comma and a digit.
    guard limit - position > 12, bytes[position + 11] == PlainLineReader.comma,
      let label = date(bytes, at: position + 1)
    else { return false }
    position += 12
    guard let value = PlainLineReader.number(bytes, at: &position, end: limit),
      PlainLineReader.passEnd(bytes, at: &position, end: limit)
    else { return false }
    self.id = id
    self.label = label
    self.value = value
    end = position
    isRepeated = isSame
    hasID = true
    return true
  }

  /// Whether a line begins with the identifier of the one before, and a comma.
  private func repeatsID(_ bytes: [UInt8], at start: Int, end limit: Int) -> Bool {
    let count = id.count
    guard limit - start > count, bytes[start + count] == PlainLineReader.comma else { return false }
    if count <= 8, start + 8 <= bytes.count {
      let unlike = bytes.eight(at: start) ^ bytes.eight(at: id.lowerBound)
      return count == 0 || unlike << UInt64(64 - 8 * count) == 0
    }
    for offset in 0..<count where bytes[start + offset] != bytes[id.lowerBound + offset] {
      return false
    }
    return true
  }

  /// The days since 1970-01-01 of ten bytes `YYYY-MM-DD`; `nil` for any others.
  private mutating func date(_ bytes: [UInt8], at start: Int) -> Int? {
    let text = bytes.eight(at: start)
    if text == monthText {
      let (tens, ones) = (bytes[start + 8] &- 48, bytes[start + 9] &- 48)
      let day = Int(tens) * 10 + Int(ones)
      return tens <= 9 && ones <= 9 && day >= 1 && day <= month.length ? month.start + day : nil
    }
    func digits(_ range: Range<Int>) -> Int {
      var value = 0
      for position in range {
        let digit = bytes[start + position] &- UInt8(ascii: "0")
        // One byte that is no digit makes the number too large for any date.
        value = value * 10 + (digit <= 9 ? Int(digit) : 1_000_000)
      }
      return value
    }
    let hyphen = UInt8(ascii: "-")
    guard bytes[start + 4] == hyphen, bytes[start + 7] == hyphen else { return nil }
    let (year, number, day) = (digits(0..<4), digits(5..<7), digits(8..<10))
    if year != month.year || number != month.month {
      guard let first = CalendarDate(year: year, month: number, day: 1) else { return nil }
      month = (year, number, Int(first.daysSinceEpoch) - 1, first.daysInMonth)
    }
    // With the month, even where it has no such day: one must never be that of the other's text.
    monthText = text
    return day >= 1 && day <= month.length ? month.start + day : nil
  }

  /// The number at a position, which moves behind it; `nil` where it is none of up to 19 digits with a
  /// point among them or without.
  private static func number(
    _ bytes: [UInt8], at position: inout Int, end limit: Int
  ) -> Double? {
    let isNegative = bytes[position] == UInt8(ascii: "-")
    if isNegative { position += 1 }
    var digits: UInt64 = 0
    let first = position
    var point = -1
    while position < limit {
      let byte = bytes[position]
      if point >= 0, limit - position >= 8,
        let eight = EightDigits.number(bytes.eight(at: position))
      {
        digits = digits &* 100_000_000 &+ eight
        position += 8
        continue
      }
      let digit = byte &- UInt8(ascii: "0")
      if digit <= 9 {
        digits = digits &* 10 &+ UInt64(digit)
      } else if byte == UInt8(ascii: "."), point < 0 {
        point = position
      } else {
        break
      }
      position += 1
    }
    let count = position - first - (point < 0 ? 0 : 1)
    let fraction = point < 0 ? 0 : position - point - 1
    guard count > 0, count <= mostDigits, point < 0 || (fraction > 0 && fraction < count) else {
      return nil
    }
    let size = Double.quotient(digits, ofPowerOfTen: fraction)
    return isNegative ? -size : size
  }

  /// Moves from behind the number to the next line; `false` where the number goes on or a quote follows.
  private static func passEnd(_ bytes: [UInt8], at position: inout Int, end limit: Int) -> Bool {
    if position < limit, bytes[position] == comma {
      while position < limit, bytes[position] != newline {
        if bytes[position] == quote { return false }
        position += 1
      }
    } else if position < limit, bytes[position] == carriageReturn {
      position += 1
    }
    guard position < limit else { return true }
    guard bytes[position] == newline else { return false }
    position += 1
    return true
  }
}
