import AlmanacCore
import Forecasting

/// A label of a period as it stands in a file: a whole number, a date or a moment.
struct SeriesLabel: Equatable {
  /// What it is.
  let kind: AxisKind
  /// The number, days since 1970-01-01 or seconds since its midnight.
  let value: Int
  /// How it was written.
  let style: Style

  /// How moments are written.
  struct Style: Hashable {
    /// The byte between date and time.
    var separator = UInt8(ascii: " ")
    /// Whether the moment had an offset; it is then written in UTC with a `Z`.
    var hasOffset = false
  }

  /// The label of a text: `12`, `2026-01-31`, `2026-01`, `2026-01-31 10:00`, `2026-01-31T10:00:00Z`
  /// or with an offset; `nil` for anything else, and for fractions of a second other than zero.
  init?(_ text: ArraySlice<UInt8>) {
    var reader = ByteReader(text)
    let isNegative = reader.take(UInt8(ascii: "-"))
    guard let first = reader.number(digits: 1...18) else { return nil }
    if reader.isAtEnd {
      self.init(kind: .number, value: isNegative ? -first : first, style: Style())
      return
    }
    guard !isNegative, first >= 1, first <= 9999, reader.take(UInt8(ascii: "-")),
      let month = reader.number(digits: 2...2)
    else { return nil }
    var day = 1
    if reader.take(UInt8(ascii: "-")) {
      guard let found = reader.number(digits: 2...2) else { return nil }
      day = found
    }
    guard let date = CalendarDate(year: first, month: month, day: day) else { return nil }
    let days = Int(date.daysSinceEpoch)
    if reader.isAtEnd {
      self.init(kind: .date, value: days, style: Style())
      return
    }
    var style = Style()
    if reader.take(UInt8(ascii: "T")) {
      style.separator = UInt8(ascii: "T")
    } else if !reader.take(UInt8(ascii: " ")) {
      return nil
    }
    guard let hour = reader.number(digits: 2...2), hour < 24, reader.take(UInt8(ascii: ":")),
      let minute = reader.number(digits: 2...2), minute < 60
    else { return nil }
    var second = 0
    if reader.take(UInt8(ascii: ":")) {
      guard let found = reader.number(digits: 2...2), found < 60 else { return nil }
      second = found
      if reader.take(UInt8(ascii: ".")) {
        guard reader.number(digits: 1...9) == 0 else { return nil }
      }
    }
    var offset = 0
    if reader.take(UInt8(ascii: "Z")) {
      style.hasOffset = true
    } else if let sign = reader.sign() {
      guard let hours = reader.number(digits: 2...2), hours < 24 else { return nil }
      _ = reader.take(UInt8(ascii: ":"))
      let minutes = reader.isAtEnd ? 0 : reader.number(digits: 2...2)
      guard let minutes, minutes < 60 else { return nil }
      offset = sign * (hours * 3_600 + minutes * 60)
      style.hasOffset = true
    }
    guard reader.isAtEnd else { return nil }
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset
    self.init(kind: .moment, value: seconds, style: style)
  }

  /// The label of a date, in days since 1970-01-01.
  init(days: Int) { self.init(kind: .date, value: days, style: Style()) }

  private init(kind: AxisKind, value: Int, style: Style) {
    self.kind = kind
    self.value = value
    self.style = style
  }

  /// Appends the text of a label in a style, in UTF-8.
  static func append(_ value: Int, kind: AxisKind, style: Style, to text: inout [UInt8]) {
    guard kind == .date, let days = Int32(exactly: value),
      CalendarDate.earliest.daysSinceEpoch <= days, days <= CalendarDate.latest.daysSinceEpoch
    else {
      text.append(contentsOf: SeriesLabel.text(value, kind: kind, style: style).utf8)
      return
    }
    func appendDigits(_ number: Int, _ count: Int) {
      var power = count == 4 ? 1_000 : 10
      while power > 0 {
        text.append(UInt8(ascii: "0") + UInt8(number / power % 10))
        power /= 10
      }
    }
    let (year, month, day) = CalendarDate(daysSinceEpoch: days).parts
    appendDigits(year, 4)
    text.append(UInt8(ascii: "-"))
    appendDigits(month, 2)
    text.append(UInt8(ascii: "-"))
    appendDigits(day, 2)
  }

  /// The text of a label in a style.
  static func text(_ value: Int, kind: AxisKind, style: Style) -> String {
    switch kind {
    case .number: return "\(value)"
    case .date: return date(value)
    case .moment:
      let day = Int((Double(value) / 86_400).rounded(.down))
      let second = value - day * 86_400
      let time = [second / 3_600, second / 60 % 60, second % 60]
        .map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
      let separator = String(UnicodeScalar(style.separator))
      return date(day) + separator + time + (style.hasOffset ? "Z" : "")
    }
  }

  /// A label as JSON: a whole number, or the text of a date or moment.
  static func json(_ value: Int, kind: AxisKind, style: Style) -> JSONTree {
    kind == .number ? .integer(value) : .text(text(value, kind: kind, style: style))
  }

  private static func date(_ days: Int) -> String {
    // Beyond the calendar there is no date; the number of days still tells the period.
    guard let days = Int32(exactly: days), abs(days) < 2_900_000 else { return "\(days)" }
    return CalendarDate(daysSinceEpoch: days).description
  }
}

/// Reads numbers and separators from bytes.
private struct ByteReader {
  private let bytes: ArraySlice<UInt8>
  private var position: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  var isAtEnd: Bool { position == bytes.endIndex }

  mutating func take(_ byte: UInt8) -> Bool {
    guard position < bytes.endIndex, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  mutating func sign() -> Int? {
    if take(UInt8(ascii: "+")) { return 1 }
    if take(UInt8(ascii: "-")) { return -1 }
    return nil
  }

  /// A number of at least the lower and at most the upper count of digits.
  mutating func number(digits: ClosedRange<Int>) -> Int? {
    var value = 0
    var count = 0
    while position < bytes.endIndex, count < digits.upperBound {
      let digit = bytes[position] &- UInt8(ascii: "0")
      guard digit <= 9 else { break }
      value = value * 10 + Int(digit)
      position += 1
      count += 1
    }
    return count >= digits.lowerBound ? value : nil
  }
}
