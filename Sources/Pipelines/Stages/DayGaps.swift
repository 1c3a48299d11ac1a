package import AlmanacCore

/// Stretches of days on which a dataset has no row, though it has some on nearly all others.
package enum DayGaps {
  /// The shortest stretch that is told of: a week.
  private static let shortest = 7
  /// The share of the other days that have rows where a stretch without is no matter of chance.
  private static let usualShare = 0.9

  /// The stretches without rows, ascending (DECISIONS.md, D-546): one before the first day with rows as
  /// well, but whether days without are usual is told by the days after it.
  ///
  /// - Parameters:
  ///   - dates: the days that have rows, in any order.
  ///   - start: the first day that counts: a row of long before has a wrong clock.
  ///   - end: the last day that counts: rows of later ones have wrong clocks.
  /// - Returns: none where days without rows are usual.
  package static func found(
    in dates: some Sequence<CalendarDate>, since start: CalendarDate, through end: CalendarDate
  ) -> [ClosedRange<CalendarDate>] {
    let days = Set(dates).filter { start <= $0 && $0 <= end }.sorted()
    var gaps: [ClosedRange<CalendarDate>] = []
    for (day, next) in zip(days, days.dropFirst() + [end.adding(days: 1)])
    where day.distance(to: next) > shortest {
      gaps.append(day.adding(days: 1)...next.adding(days: -1))
    }
    guard let first = days.first else { return [] }
    let all = first.distance(to: end) + 1
    let others = all - gaps.reduce(0) { $0 + $1.lowerBound.distance(to: $1.upperBound) + 1 }
    let isUsual =
      Double(days.count) >= usualShare * Double(others) && 2 * days.count > all
      && others > 4 * shortest
    guard isUsual else { return [] }
    let isLate = start.distance(to: first) >= shortest
    return (isLate ? [start...first.adding(days: -1)] : []) + gaps
  }
}
