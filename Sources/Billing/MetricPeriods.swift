package import AlmanacCore

/// The days or months a metric is asked for.
package struct MetricPeriods: Hashable, Sendable {
  /// How long a period is.
  package enum Grain: String, Sendable {
    /// Local days.
    case day
    /// Local months.
    case month
  }

  /// How long a period is.
  package let grain: Grain
  /// The first day of each period, ascending.
  package let starts: [CalendarDate]

  /// The days, or the whole months, of a range of dates.
  ///
  /// - Parameters:
  ///   - grain: days or months.
  ///   - first: the first day; months begin with the one it lies in.
  ///   - last: the last day; a month that ends after it is left out.
  package init(_ grain: Grain, from first: CalendarDate, through last: CalendarDate) {
    self.grain = grain
    var starts: [CalendarDate] = []
    var start = grain == .day ? first : first.monthStart
    while true {
      let next = grain == .day ? start.adding(days: 1) : start.monthStart(adding: 1)
      guard next.adding(days: -1) <= last else { break }
      starts.append(start)
      start = next
    }
    self.starts = starts
  }

  /// The number of periods.
  package var count: Int { starts.count }

  /// The last day of a period.
  package func lastDay(_ index: Int) -> CalendarDate {
    grain == .day ? starts[index] : starts[index].monthEnd
  }

  /// The period that holds a day, `nil` outside.
  package func index(of date: CalendarDate) -> Int? {
    guard let first = starts.first, date >= first else { return nil }
    let index =
      grain == .day
      ? first.distance(to: date) : date.monthsSinceYearZero - first.monthsSinceYearZero
    return index < count ? index : nil
  }
}

extension CalendarDate {
  /// The last day of the month.
  var monthEnd: CalendarDate { monthStart.adding(days: daysInMonth - 1) }

  /// A number of the month that grows by one from month to month.
  var monthsSinceYearZero: Int {
    let (year, month, _) = parts
    return year * 12 + month - 1
  }
}
