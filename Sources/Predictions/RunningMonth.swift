package import AlmanacCore

/// The month that is going on at the end of the data, with what is known of it.
///
/// It is forecast as a whole, and part of the answer is in already (DECISIONS.md, D-009).
package struct RunningMonth: Sendable, Equatable {
  /// The first day of the month.
  package let start: CalendarDate
  /// The last day of the data.
  package let knownThrough: CalendarDate
  /// The revenue of the month up to ``knownThrough``, in ten-thousandths.
  package let known: Int128
  /// Whether the whole month comes to at least ``known``: no day has ever taken revenue back.
  package let isFloor: Bool

  /// The number of its days to come.
  package var daysToCome: Int { knownThrough.daysLeftInMonth }

  /// The amount that a forecast of the period starting on `period` cannot be below, if there is one.
  package func floor(of period: CalendarDate) -> Int128? {
    isFloor && period == start ? known : nil
  }
}

extension DailyRevenue {
  /// The month of ``end``; `nil` where that is its last day, so that the month is over.
  package var runningMonth: RunningMonth? {
    guard end.day < end.daysInMonth else { return nil }
    let month = end.monthStart
    return RunningMonth(
      start: month, knownThrough: end,
      known: amounts.suffix(end.day).reduce(0, +), isFloor: !amounts.contains { $0 < 0 })
  }
}

/// A forecast with its intervals, in ten-thousandths.
package struct ForecastAmounts: Sendable, Hashable {
  /// The point.
  package var predicted: Int128
  /// The ends of the 80 % interval.
  package var lower80: Int128, upper80: Int128
  /// The ends of the 95 % interval.
  package var lower95: Int128, upper95: Int128

  /// A point with the ends of its intervals.
  package init(
    predicted: Int128, lower80: Int128, upper80: Int128, lower95: Int128, upper95: Int128
  ) {
    self.predicted = predicted
    self.lower80 = lower80
    self.upper80 = upper80
    self.lower95 = lower95
    self.upper95 = upper95
  }

  /// The same with everything below `floor` raised to it; nested intervals stay nested.
  package func raised(to floor: Int128) -> ForecastAmounts {
    ForecastAmounts(
      predicted: max(predicted, floor), lower80: max(lower80, floor),
      upper80: max(upper80, floor), lower95: max(lower95, floor), upper95: max(upper95, floor))
  }
}
