package import AlmanacCore

/// The length of the buckets of a rollup.
package enum RollupGrain: String, Sendable, CaseIterable {
  /// Hours of UTC.
  case hour
  /// Local dates.
  case day
  /// Months of local dates.
  case month

  /// The name of the column that holds the bucket.
  package var bucketColumn: String {
    switch self {
    case .hour: "hour"
    case .day: "date"
    case .month: "month"
    }
  }
}

/// The buckets a rollup is wanted for: hours, days, months, or one span of days.
package enum RollupBuckets: Hashable, Sendable {
  /// Hours of UTC.
  case hours(Range<HourBucket>)
  /// Local dates in the zone of the settings.
  case days(Range<CalendarDate>)
  /// Months of local dates, `count` of them; `first` is the first day of one.
  case months(first: CalendarDate, count: Int)
  /// All local dates of a range as one bucket.
  case span(Range<CalendarDate>)

  /// The length of a bucket, `nil` where all is one.
  package var grain: RollupGrain? {
    switch self {
    case .hours: .hour
    case .days: .day
    case .months: .month
    case .span: nil
    }
  }

  /// The number of buckets.
  package var count: Int {
    switch self {
    case .hours(let range):
      Int(range.upperBound.hoursSinceEpoch) - Int(range.lowerBound.hoursSinceEpoch)
    case .days(let range): range.lowerBound.distance(to: range.upperBound)
    case .months(_, let count): count
    case .span(let range): range.isEmpty ? 0 : 1
    }
  }
}
