/// A day of the proleptic Gregorian calendar, without a zone.
///
/// Stored as days since 1970-01-01, which is also how Parquet's `DATE` counts. Conversions follow
/// Howard Hinnant's `days_from_civil` and `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>).
package struct CalendarDate: Hashable, Sendable {
  /// Days since 1970-01-01; negative before it.
  package var daysSinceEpoch: Int32

  /// The day `daysSinceEpoch` days after 1970-01-01.
  @inlinable
  package init(daysSinceEpoch: Int32) {
    self.daysSinceEpoch = daysSinceEpoch
  }

  /// The first day of the year 1.
  package static let earliest = CalendarDate(daysSinceEpoch: -719_162)
  /// The last day of the year 9999, the last that ``description`` writes with four digits.
  package static let latest = CalendarDate(daysSinceEpoch: 2_932_896)

  /// The day with the given parts, or `nil` if there is no such day.
  ///
  /// Years run from 1 to 9999.
  package init?(year: Int, month: Int, day: Int) {
    guard (1...9999).contains(year), (1...12).contains(month),
      (1...CalendarDate.daysInMonth(year: year, month: month)).contains(day)
    else { return nil }
    let shifted = month <= 2 ? year - 1 : year
    let era = shifted / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    self.daysSinceEpoch = Int32(era * 146_097 + dayOfEra - 719_468)
  }

  /// The day written as `YYYY-MM-DD`, or `nil` if the text is anything else.
  package init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    guard bytes.count == 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
      let year = decimal(bytes[0..<4]), let month = decimal(bytes[5..<7]),
      let day = decimal(bytes[8..<10])
    else { return nil }
    self.init(year: year, month: month, day: day)
  }

  /// Year, month (1-12) and day (1-31).
  package var parts: (year: Int, month: Int, day: Int) {
    let shifted = Int(daysSinceEpoch) + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }

  /// The year.
  package var year: Int { parts.year }
  /// The month, 1 to 12.
  package var month: Int { parts.month }
  /// The day of the month, 1 to 31.
  package var day: Int { parts.day }

  /// The ISO weekday: 1 is Monday, 7 is Sunday.
  package var weekday: Int {
    let offset = (Int(daysSinceEpoch) + 3) % 7
    return (offset < 0 ? offset + 7 : offset) + 1
  }

  /// The first day of the month.
  package var monthStart: CalendarDate {
    CalendarDate(daysSinceEpoch: daysSinceEpoch - Int32(day) + 1)
  }

  /// The number of days in the month of this day.
  package var daysInMonth: Int {
    let (year, month, _) = parts
    return CalendarDate.daysInMonth(year: year, month: month)
  }

  /// The number of days of the month after this one; 0 for its last.
  package var daysLeftInMonth: Int { daysInMonth - day }

  /// The first day of the month `months` after this day's month.
  package func monthStart(adding months: Int) -> CalendarDate {
    let (year, month, _) = parts
    let index = year * 12 + (month - 1) + months
    let targetYear = Int(floorDivide(Int64(index), 12))
    guard let start = CalendarDate(year: targetYear, month: index - targetYear * 12 + 1, day: 1)
    else { preconditionFailure("month \(months) after \(self) is outside the years 1 to 9999") }
    return start
  }

  /// The day `days` after this one.
  @inlinable
  package func adding(days: Int) -> CalendarDate {
    CalendarDate(daysSinceEpoch: daysSinceEpoch + Int32(days))
  }

  /// Midnight UTC at the start of the day.
  package var startUTC: Timestamp {
    Timestamp(microseconds: Int64(daysSinceEpoch) * Timestamp.microsecondsPerDay)
  }

  /// The number of days in a month; `month` is 1 to 12.
  package static func daysInMonth(year: Int, month: Int) -> Int {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }
}

extension CalendarDate: Comparable {
  /// Orders by time.
  @inlinable
  package static func < (left: CalendarDate, right: CalendarDate) -> Bool {
    left.daysSinceEpoch < right.daysSinceEpoch
  }
}

extension CalendarDate: CustomStringConvertible {
  /// The day as `YYYY-MM-DD`.
  package var description: String {
    let (year, month, day) = parts
    return "\(padded(year, to: 4))-\(padded(month, to: 2))-\(padded(day, to: 2))"
  }
}

extension CalendarDate: Strideable {
  /// Days from this day to another.
  @inlinable
  package func distance(to other: CalendarDate) -> Int {
    Int(other.daysSinceEpoch) - Int(daysSinceEpoch)
  }

  /// The day `n` days later.
  @inlinable
  package func advanced(by n: Int) -> CalendarDate { adding(days: n) }
}

/// The value of a run of ASCII digits, or `nil` if there is any other byte or none.
func decimal(_ digits: ArraySlice<UInt8>) -> Int? {
  guard !digits.isEmpty, digits.count <= 18 else { return nil }
  var value = 0
  for digit in digits {
    guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
    value = value * 10 + Int(digit - UInt8(ascii: "0"))
  }
  return value
}

/// A whole number with zeros in front, at least `width` characters.
func padded(_ value: Int, to width: Int) -> String {
  let digits = String(value)
  return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
