package import AlmanacCore

/// How long the months of a series, and of its horizon, are and how many of their days are working
/// days, from Monday to Friday.
package struct MonthDays: Equatable, Sendable {
  /// Per month its length over that of a mean month, less 1.
  package let lengths: [Double]
  /// Per month the share of its working days over five sevenths, less 1.
  package let workingShares: [Double]

  /// The days of a mean month of the Gregorian calendar.
  private static let meanLength = 365.2425 / 12

  /// `count` months from the one that holds a day on.
  package init(from day: CalendarDate, count: Int) {
    var lengths: [Double] = []
    var shares: [Double] = []
    for index in 0..<count {
      let month = day.monthStart(adding: index)
      let days = month.daysInMonth
      let first = month.weekday - 1
      let working = (0..<days).count { (first + $0) % 7 < 5 }
      lengths.append(Double(days) / MonthDays.meanLength - 1)
      shares.append(Double(working) / Double(days) * 7 / 5 - 1)
    }
    self.lengths = lengths
    workingShares = shares
  }

  /// The months of an axis and of `horizon` periods after it; `nil` where its periods are no months.
  package init?(_ axis: TimeAxis, count: Int, horizon: Int) {
    guard axis.step == .months(1) else { return nil }
    self.init(
      from: CalendarDate(daysSinceEpoch: Int32(axis.label(0))), count: count + horizon)
  }

  private init(lengths: [Double], workingShares: [Double]) {
    self.lengths = lengths
    self.workingShares = workingShares
  }

  /// The same from a month on.
  func dropping(_ count: Int) -> MonthDays {
    MonthDays(
      lengths: Array(lengths.dropFirst(count)), workingShares: Array(workingShares.dropFirst(count))
    )
  }
}
