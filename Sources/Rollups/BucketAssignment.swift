import AlmanacCore

/// Finds the bucket of an instant, as an offset from the first bucket of an interval.
struct BucketAssignment: Sendable {
  /// The offset of an instant outside the interval.
  static let outside = UInt32.max

  private let length: Int64
  private let first: Int64
  private let count: UInt64
  /// Instants from which an offset is in force, ascending; the first is the earliest there is.
  private let starts: [Int64]
  /// Microseconds to add to an instant from the start of the same index on.
  private let offsets: [Int64]

  /// The assignment to the given buckets; `zone` matters to days only.
  init(_ buckets: RollupBuckets, zone: ZoneRules) {
    count = UInt64(buckets.count)
    switch buckets {
    case .hours(let range):
      length = Timestamp.microsecondsPerHour
      first = Int64(range.lowerBound.hoursSinceEpoch)
      starts = [.min]
      offsets = [0]
    case .days(let range):
      length = Timestamp.microsecondsPerDay
      first = Int64(range.lowerBound.daysSinceEpoch)
      // No zone is a whole two days away from UTC.
      let changes = zone.offsetChanges(
        from: range.lowerBound.adding(days: -2).startUTC,
        to: range.upperBound.adding(days: 2).startUTC)
      starts = [.min] + changes.dropFirst().map(\.start.microseconds)
      offsets = changes.map { Int64($0.secondsEastOfUTC) * 1_000_000 }
    }
  }

  /// The offset of each instant's bucket, ``outside`` for those in none.
  func offsets(of instants: [Int64]) -> [UInt32] {
    var piece = 0
    var start = starts[0]
    var end = starts.count > 1 ? starts[1] : .max
    var shift = offsets[0]
    var result: [UInt32] = []
    result.reserveCapacity(instants.count)
    for instant in instants {
      if instant < start || instant >= end, starts.count > 1 {
        piece = (starts.firstIndex { $0 > instant } ?? starts.count) - 1
        start = starts[piece]
        end = piece + 1 < starts.count ? starts[piece + 1] : .max
        shift = offsets[piece]
      }
      let bucket = floorDivide(instant &+ shift, length) &- first
      let isInside = UInt64(bitPattern: bucket) < count
      result.append(isInside ? UInt32(truncatingIfNeeded: bucket) : BucketAssignment.outside)
    }
    return result
  }
}
