import AlmanacCore
import Columns

/// Finds the bucket of an instant, as an offset from the first bucket of an interval.
struct BucketAssignment: Sendable {
  /// The offset of an instant outside the interval.
  static let outside = UInt32.max

  private let length: Int64
  private let first: Int64
  private let count: UInt64
  /// The bucket of each day, `nil` where days or hours are the buckets.
  private let bucketsOfDays: [UInt32]?
  /// Instants from which an offset is in force, ascending; the first is the earliest there is.
  private let starts: [Int64]
  /// Microseconds to add to an instant from the start of the same index on.
  private let offsets: [Int64]

  /// The assignment to the given buckets; `zone` and `last` matter to days only.
  ///
  /// An instant of a date after `last` is in no bucket.
  init(_ buckets: RollupBuckets, zone: ZoneRules, last: CalendarDate? = nil) {
    let dates: Range<CalendarDate>
    switch buckets {
    case .hours(let range):
      length = Timestamp.microsecondsPerHour
      first = Int64(range.lowerBound.hoursSinceEpoch)
      count = UInt64(buckets.count)
      starts = [.min]
      offsets = [0]
      bucketsOfDays = nil
      return
    case .days(let range):
      dates = range
      bucketsOfDays = nil
    case .months(let start, let months):
      precondition(start.day == 1, "a month that begins on \(start)")
      dates = start..<start.monthStart(adding: months)
      bucketsOfDays = (0..<months).flatMap { month in
        [UInt32](
          repeating: UInt32(month), count: start.monthStart(adding: month).daysInMonth)
      }
    case .span(let range):
      dates = range
      bucketsOfDays = range.map { _ in 0 }
    }
    length = Timestamp.microsecondsPerDay
    first = Int64(dates.lowerBound.daysSinceEpoch)
    count = UInt64(
      last.map { max(0, min(dates.count, dates.lowerBound.distance(to: $0) + 1)) } ?? dates.count)
    // No zone is a whole two days away from UTC.
    let changes = zone.offsetChanges(
      from: dates.lowerBound.adding(days: -2).startUTC,
      to: dates.upperBound.adding(days: 2).startUTC)
    starts = [.min] + changes.dropFirst().map(\.start.microseconds)
    offsets = changes.map { Int64($0.secondsEastOfUTC) * 1_000_000 }
  }

  /// The offset of one instant's bucket, ``outside`` where it is in none.
  func offset(of instant: Int64) -> UInt32 {
    var piece = starts.count - 1
    while piece > 0, starts[piece] > instant { piece -= 1 }
    let offset = floorDivide(instant &+ offsets[piece], length) &- first
    guard UInt64(bitPattern: offset) < count else { return BucketAssignment.outside }
    return bucketsOfDays?[Int(offset)] ?? UInt32(truncatingIfNeeded: offset)
  }

  /// The offset of each instant's bucket, ``outside`` for those in none.
  func offsets(of instants: [Int64]) -> [UInt32] {
    var piece = 0
    var start = starts[0]
    var end = starts.count > 1 ? starts[1] : .max
    var shift = offsets[0]
    var result: [UInt32] = []
    result.reserveLarge(instants.count)
    var bucket = BucketAssignment.outside
    var bucketStart: Int64 = 0
    var bucketEnd: Int64 = 0
    for instant in instants {
      if instant < start || instant >= end, starts.count > 1 {
        piece = (starts.firstIndex { $0 > instant } ?? starts.count) - 1
        start = starts[piece]
        end = piece + 1 < starts.count ? starts[piece + 1] : .max
        shift = offsets[piece]
      }
      let local = instant &+ shift
      // Events mostly come in the order of time: the last bucket saves most of the divisions.
      if local < bucketStart || local >= bucketEnd {
        let number = floorDivide(local, length)
        let offset = number &- first
        bucket =
          UInt64(bitPattern: offset) < count
          ? UInt32(truncatingIfNeeded: offset) : BucketAssignment.outside
        bucketStart = number &* length
        bucketEnd = bucketStart &+ length
      }
      result.append(bucket)
    }
    guard let bucketsOfDays else { return result }
    return result.map { day in
      day == BucketAssignment.outside ? day : bucketsOfDays[Int(day)]
    }
  }
}

/// Finds the bucket of a company's instant, in the zone whose days count for it.
struct CompanyAssignment: Sendable {
  private let zones: CompanyZones
  /// The assignment of the standard zone, then those of the zones of companies.
  private let assignments: [BucketAssignment]
  /// The place of a zone's assignment, by name; empty where all companies share one.
  private let places: [String: UInt16]

  /// The assignment to the given buckets in the zones of the settings; hours know no zone.
  init(_ buckets: RollupBuckets, settings: RollupSettings) {
    zones = settings.zones
    var assignments = [
      BucketAssignment(
        buckets, zone: zones.standard, last: settings.over?.lastOfStandard)
    ]
    var places: [String: UInt16] = [:]
    if buckets.grain != .hour {
      for (company, zone) in zones.own where places[zone.name] == nil {
        places[zone.name] = UInt16(assignments.count)
        assignments.append(
          BucketAssignment(buckets, zone: zone, last: settings.over?.last(company)))
      }
    }
    self.assignments = assignments
    self.places = places
  }

  /// Finds the bucket of each row.
  ///
  /// - Parameters:
  ///   - instants: in microseconds.
  ///   - companies: the company of each row.
  ///   - values: the companies by the codes of the state.
  /// - Returns: the offset of each row's bucket, ``BucketAssignment/outside`` for none.
  func offsets(
    of instants: [Int64], companies: CodedColumn, _ values: [UUIDValue]
  ) -> [UInt32] {
    if places.isEmpty { return assignments[0].offsets(of: instants) }
    let entries = values.map { company in
      zones.own[company].flatMap { places[$0.name] } ?? 0
    }
    let table = companies.table(to: entries, null: 0)
    var result: [UInt32] = []
    result.reserveLarge(instants.count)
    for (row, instant) in instants.enumerated() {
      let isNull = companies.validity.map { !$0[row] } ?? false
      let place = table[isNull ? table.count - 1 : Int(companies.codes[row])]
      result.append(assignments[Int(place)].offset(of: instant))
    }
    return result
  }
}
