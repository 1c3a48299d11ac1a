import Glibc

/// How long after it happened a thing is recorded, and which events are sent twice.
///
/// About 2 % of rows come more than an hour late, 0.1 % more than a week; the rest within seconds.
package enum Recording {
  /// The share of rows recorded more than an hour late.
  package static let lateShare = 0.02
  /// The share of rows recorded more than a week late.
  package static let veryLateShare = 0.001
  /// The share of events that are sent twice.
  package static let repeatedShare = 0.003
  /// The share of events of use whose metadata hold a value that cannot be read.
  package static let malformedShare = 0.0001

  /// Microseconds from happening to recording, from two random words.
  static func delay(_ first: UInt32, _ second: UInt32) -> Int64 {
    let place = unit(first)
    let size = unit(second)
    let week = 7 * microsecondsPerDay
    if place < veryLateShare { return week + 1 + Int64(size * 21 * Double(microsecondsPerDay)) }
    if place < lateShare {
      return microsecondsPerHour + 1
        + Int64(size * size * size * Double(week - microsecondsPerHour - 1))
    }
    return 20_000 + min(50 * microsecondsPerMinute, Int64(-log(size) * 3_000_000))
  }

  /// When an event recorded at an instant is recorded again, or `nil` if it is not.
  static func repetition(of recordedAt: Int64, _ first: UInt32, _ second: UInt32) -> Int64? {
    guard unit(first) < repeatedShare else { return nil }
    return recordedAt + 1_000 + Int64(-log(unit(second)) * Double(20 * microsecondsPerMinute))
  }
}
