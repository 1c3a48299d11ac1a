package import AlmanacCore

/// The length of the periods of a series.
package enum Grain: String, CaseIterable, Sendable {
  /// One value per calendar day.
  case day
  /// One value per calendar month.
  case month

  /// The number of periods after which the shortest season repeats: a week of days, a year of
  /// months.
  package var seasonLength: Int {
    switch self {
    case .day: 7
    case .month: 12
    }
  }

  /// The mean number of periods in a year.
  package var periodsPerYear: Double {
    switch self {
    case .day: 365.25
    case .month: 12
    }
  }
}

/// Values of consecutive periods.
///
/// A NaN stands for a period whose value is unknown; it is never taken for zero. Fits leave such
/// periods out, and backtests count no error for them.
package struct TimeSeries: Equatable, Sendable {
  /// The length of each period.
  package let grain: Grain
  /// The first day of the first period.
  package let start: CalendarDate
  /// One value per period, without gaps; NaN where unknown.
  package let values: [Double]

  /// A series from `start`, which for months is moved to the first day of its month.
  ///
  /// A start outside the years 1 to 9999 is kept as it is; forecasts refuse it.
  package init(grain: Grain, start: CalendarDate, values: [Double]) {
    self.grain = grain
    let isMonth = grain == .month && TimeSeries.calendarDays.contains(Int(start.daysSinceEpoch))
    self.start = isMonth ? start.monthStart : start
    self.values = values
  }

  /// The first day of a period counted from zero; it may lie after the last value.
  ///
  /// - Precondition: the period is in the years 1 to 9999.
  package func periodStart(_ period: Int) -> CalendarDate {
    switch grain {
    case .day: start.adding(days: period)
    case .month: start.monthStart(adding: period)
    }
  }

  /// Whether the series and `horizon` periods after it lie in the years 1 to 9999.
  func fitsCalendar(horizon: Int) -> Bool {
    let (periods, overflow) = values.count.addingReportingOverflow(horizon)
    let longest = grain == .day ? 1 : 31
    guard !overflow, periods <= TimeSeries.calendarDays.count else { return false }
    let first = Int(start.daysSinceEpoch)
    return TimeSeries.calendarDays.contains(first)
      && TimeSeries.calendarDays.contains(first + (periods + 1) * longest)
  }

  /// The days of the years 1 to 9999, since 1970-01-01.
  private static let calendarDays = -719_162...2_932_896
}

/// What the calendar says about one period.
struct CalendarFeatures: Equatable {
  /// The ISO weekday of its first day, 1 is Monday.
  let weekday: Int
  /// How much of the year is over when the period begins, in `[0, 1)`.
  let yearPhase: Double

  /// The features of the period of this grain that begins on a day.
  init(periodStart: CalendarDate, grain: Grain) {
    let (year, month, _) = periodStart.parts
    weekday = periodStart.weekday
    switch grain {
    case .day:
      let isLeap = CalendarDate.daysInMonth(year: year, month: 2) == 29
      let dayOfYear = periodStart.monthStart(adding: 1 - month).distance(to: periodStart)
      yearPhase = Double(dayOfYear) / (isLeap ? 366 : 365)
    case .month:
      yearPhase = Double(month - 1) / 12
    }
  }
}
