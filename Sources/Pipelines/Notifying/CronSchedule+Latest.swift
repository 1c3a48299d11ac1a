import AlmanacCore

extension CronSchedule {
  /// The last time up to an instant at which the schedule was due; `nil` if that is more than five
  /// years ago.
  ///
  /// A time that a change of the clock skips counts as moved forward by the change, one that occurs
  /// twice as the first.
  func latest(upTo instant: Timestamp, zone: ZoneRules) -> (due: Timestamp, date: CalendarDate)? {
    let today = zone.localDate(at: instant)
    for back in 0...(5 * 366) {
      let date = today.adding(days: -back)
      guard matches(date) else { continue }
      let midnight = date.startUTC.microseconds
      for hour in hours.sorted(by: >) {
        for minute in minutes.sorted(by: >) {
          let local = midnight + Int64(hour * 60 + minute) * 60_000_000
          let due = zone.instant(localMicroseconds: local)
          if due <= instant { return (due, date) }
        }
      }
    }
    return nil
  }

  private func matches(_ date: CalendarDate) -> Bool {
    guard months.contains(date.month) else { return false }
    let isDay = days.contains(date.day)
    // Here Sunday is 7, in a schedule 0.
    let isWeekday = weekdays.contains(date.weekday % 7)
    return matchesEitherDay ? isDay || isWeekday : isDay && isWeekday
  }
}
