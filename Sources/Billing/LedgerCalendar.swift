import AlmanacCore

/// The local months of a zone over a stretch of time, as instants.
struct LedgerCalendar: Sendable {
  /// The zone.
  let zone: ZoneRules
  /// The first day of the first month.
  let firstMonth: CalendarDate
  /// The instant at which each month begins, and at the end that of the month after the last.
  let starts: [Timestamp]
  /// Where time ends: nothing at or after it counts.
  let end: Timestamp

  /// The months from that of `first` to that of the last instant before `end`.
  init(zone: ZoneRules, first: Timestamp, end: Timestamp) {
    self.zone = zone
    self.end = end
    let last = zone.localDate(at: Timestamp(microseconds: end.microseconds - 1))
    firstMonth = min(zone.localDate(at: first), last).monthStart
    var starts: [Timestamp] = []
    var month = firstMonth
    while month <= last {
      starts.append(zone.start(of: month))
      month = month.monthStart(adding: 1)
    }
    starts.append(zone.start(of: month))
    self.starts = starts
  }

  /// The number of months.
  var monthCount: Int { starts.count - 1 }

  /// The first day of a month.
  func month(_ index: Int) -> CalendarDate { firstMonth.monthStart(adding: index) }

  /// The last day of a month.
  func lastDay(_ index: Int) -> CalendarDate { month(index + 1).adding(days: -1) }

  /// Where a month ends: its own end, or the end of time.
  func end(ofMonth index: Int) -> Timestamp { min(starts[index + 1], end) }

  /// Whether a month is over.
  func isComplete(_ index: Int) -> Bool { starts[index + 1] <= end }

  /// The month that holds an instant; the first or last for instants outside.
  func index(of instant: Timestamp) -> Int {
    var low = 0
    var high = monthCount
    while low < high {
      let middle = (low + high) / 2
      if starts[middle + 1] <= instant { low = middle + 1 } else { high = middle }
    }
    return min(low, monthCount - 1)
  }
}
