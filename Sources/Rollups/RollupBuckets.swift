package import AlmanacCore

/// The length of the buckets of a rollup.
package enum RollupGrain: String, Sendable, CaseIterable {
  /// Hours of UTC.
  case hour
  /// Local dates.
  case day

  /// The name of the column that holds the bucket.
  package var bucketColumn: String {
    switch self {
    case .hour: "hour"
    case .day: "date"
    }
  }
}

/// The buckets a rollup is wanted for: a half-open interval of hours or of days.
package enum RollupBuckets: Hashable, Sendable {
  /// Hours of UTC.
  case hours(Range<HourBucket>)
  /// Local dates in the zone of the settings.
  case days(Range<CalendarDate>)

  /// The length of a bucket.
  package var grain: RollupGrain {
    switch self {
    case .hours: .hour
    case .days: .day
    }
  }

  /// The number of buckets.
  package var count: Int {
    switch self {
    case .hours(let range):
      Int(range.upperBound.hoursSinceEpoch) - Int(range.lowerBound.hoursSinceEpoch)
    case .days(let range): range.lowerBound.distance(to: range.upperBound)
    }
  }
}
