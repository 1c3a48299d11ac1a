/// An instant, in microseconds since 1970-01-01 00:00 UTC, the resolution of PostgreSQL.
package struct Timestamp: Hashable, Sendable {
  /// Microseconds since 1970-01-01 00:00 UTC; negative before it.
  package var microseconds: Int64

  /// The number of microseconds in a day.
  package static let microsecondsPerDay: Int64 = 86_400_000_000
  /// The number of microseconds in an hour.
  package static let microsecondsPerHour: Int64 = 3_600_000_000

  /// The instant `microseconds` after 1970-01-01 00:00 UTC.
  @inlinable
  package init(microseconds: Int64) {
    self.microseconds = microseconds
  }

  /// The UTC day that holds the instant.
  @inlinable
  package var dateUTC: CalendarDate {
    CalendarDate(
      daysSinceEpoch: Int32(truncatingIfNeeded: floorDivide(microseconds, 86_400_000_000)))
  }

  /// The UTC hour that holds the instant.
  @inlinable
  package var hour: HourBucket {
    HourBucket(
      hoursSinceEpoch: Int32(truncatingIfNeeded: floorDivide(microseconds, 3_600_000_000)))
  }

  /// The instant a text in ISO 8601 form names, or `nil` if it is in no such form.
  ///
  /// `YYYY-MM-DDTHH:MM[:SS[.ffffff]]` with `Z` or a numeric offset such as `+02`, `+0200` or
  /// `+02:00`; a space may stand for the `T`. Further digits of the second are rounded to the
  /// microsecond as PostgreSQL does it: the nearest double, then halves to even.
  package init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    guard bytes.count >= 17, let date = CalendarDate(text.prefix(10)),
      bytes[10] == UInt8(ascii: "T") || bytes[10] == UInt8(ascii: " "),
      let hour = decimal(bytes[11..<13]), hour < 24, bytes[13] == UInt8(ascii: ":"),
      let minute = decimal(bytes[14..<16]), minute < 60
    else { return nil }
    var position = 16
    var micros = Int64(hour * 3600 + minute * 60) * 1_000_000
    if bytes[position] == UInt8(ascii: ":") {
      guard bytes.count >= 19, let second = decimal(bytes[17..<19]), second < 60 else { return nil }
      micros += Int64(second) * 1_000_000
      position = 19
      if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
        let start = position + 1
        var end = start
        while end < bytes.count, bytes[end] >= UInt8(ascii: "0"), bytes[end] <= UInt8(ascii: "9") {
          end += 1
        }
        guard let fraction = Double("0." + String(decoding: bytes[start..<end], as: UTF8.self)),
          end > start
        else { return nil }
        micros += Int64((fraction * 1_000_000).rounded(.toNearestOrEven))
        position = end
      }
    }
    guard let offset = Timestamp.offsetSeconds(bytes[position...]) else { return nil }
    self.microseconds =
      date.startUTC.microseconds + micros - Int64(offset) * 1_000_000
  }

  /// Seconds east of UTC of `Z`, `+hh`, `+hhmm` or `+hh:mm`.
  private static func offsetSeconds(_ text: ArraySlice<UInt8>) -> Int? {
    guard let first = text.first else { return nil }
    let rest = text.dropFirst()
    if first == UInt8(ascii: "Z") { return rest.isEmpty ? 0 : nil }
    guard first == UInt8(ascii: "+") || first == UInt8(ascii: "-") else { return nil }
    let bytes = Array(rest)
    let hasColon = bytes.count == 5 && bytes[2] == UInt8(ascii: ":")
    guard bytes.count == 2 || bytes.count == 4 || hasColon, let hours = decimal(bytes[0..<2]),
      let minutes = bytes.count == 2 ? 0 : decimal(bytes[(bytes.count - 2)...]), hours < 16,
      minutes < 60
    else { return nil }
    return (hours * 3600 + minutes * 60) * (first == UInt8(ascii: "-") ? -1 : 1)
  }
}

extension Timestamp: Comparable {
  /// Orders by time.
  @inlinable
  package static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.microseconds < right.microseconds
  }
}

extension Timestamp: CustomStringConvertible {
  /// The instant in UTC as `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`.
  package var description: String {
    let date = dateUTC
    let inDay = microseconds - date.startUTC.microseconds
    let seconds = Int(inDay / 1_000_000)
    let fraction = Int(inDay % 1_000_000)
    let clock =
      "\(padded(seconds / 3600, to: 2)):\(padded(seconds / 60 % 60, to: 2)):"
      + padded(seconds % 60, to: 2)
    return "\(date)T\(clock)" + (fraction == 0 ? "" : "." + padded(fraction, to: 6)) + "Z"
  }
}

/// An hour of UTC, counted from 1970-01-01 00:00.
package struct HourBucket: Hashable, Sendable, Comparable {
  /// Hours since 1970-01-01 00:00 UTC; negative before it.
  package var hoursSinceEpoch: Int32

  /// The hour `hoursSinceEpoch` hours after 1970-01-01 00:00 UTC.
  @inlinable
  package init(hoursSinceEpoch: Int32) {
    self.hoursSinceEpoch = hoursSinceEpoch
  }

  /// The instant at which the hour begins.
  package var start: Timestamp {
    Timestamp(microseconds: Int64(hoursSinceEpoch) * Timestamp.microsecondsPerHour)
  }

  /// Orders by time.
  @inlinable
  package static func < (left: HourBucket, right: HourBucket) -> Bool {
    left.hoursSinceEpoch < right.hoursSinceEpoch
  }
}

/// Division that rounds towards minus infinity; `divisor` is positive.
@inlinable
package func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
  let quotient = value / divisor
  return value % divisor < 0 ? quotient - 1 : quotient
}
