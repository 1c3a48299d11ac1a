package import AlmanacCore

/// A day that comes again and is unlike others: a holiday, a payday, a sale.
package struct Holiday: Hashable, Sendable {
  /// When it comes.
  package enum Rule: Hashable, Sendable {
    /// On a day of a month each year; 29 February in leap years alone.
    case date(month: Int, day: Int)
    /// On the `nth` weekday (1 is Monday) of a month, counted from its end where `nth` is negative.
    case weekday(Int, nth: Int, month: Int)
    /// So many days after Easter Sunday of the Gregorian calendar, before it where negative.
    case easter(Int)
    /// On a day of each month, its last day where the month is shorter.
    case monthDay(Int)
    /// On these days.
    case dates([CalendarDate])
  }

  /// Its name.
  package var name: String
  /// When it comes.
  package var rule: Rule
  /// The days before it that are unlike others as well.
  package var before: Int
  /// The days after it.
  package var after: Int

  /// A holiday.
  package init(name: String, rule: Rule, before: Int = 0, after: Int = 0) {
    self.name = name
    self.rule = rule
    self.before = before
    self.after = after
  }

  /// The days it falls on in a year.
  package func days(in year: Int) -> [CalendarDate] {
    switch rule {
    case .date(let month, let day):
      return [CalendarDate(year: year, month: month, day: day)].compactMap(\.self)
    case .weekday(let weekday, let nth, let month):
      guard let first = CalendarDate(year: year, month: month, day: 1) else { return [] }
      let length = first.daysInMonth
      let earliest = 1 + (weekday - first.weekday + 7) % 7
      let day =
        nth > 0 ? earliest + 7 * (nth - 1) : earliest + 7 * ((length - earliest) / 7 + nth + 1)
      guard (1...length).contains(day) else { return [] }
      return [first.adding(days: day - 1)]
    case .easter(let offset):
      return [easterSunday(year)].compactMap { $0?.adding(days: offset) }
    case .monthDay(let day):
      return (1...12).compactMap { month in
        let length = CalendarDate.daysInMonth(year: year, month: month)
        return CalendarDate(year: year, month: month, day: min(day, length))
      }
    case .dates(let dates): return dates.filter { $0.year == year }
    }
  }
}

/// Easter Sunday of the Gregorian calendar.
///
/// - SeeAlso: "Anonymous Gregorian" in Meeus, *Astronomical Algorithms*, 1991, chapter 8.
func easterSunday(_ year: Int) -> CalendarDate? {
  let golden = year % 19
  let (century, yearOfCentury) = (year / 100, year % 100)
  let (leapCenturies, centuryOfFour) = (century / 4, century % 4)
  let correction = (century - (century + 8) / 25 + 1) / 3
  let moon = (19 * golden + century - leapCenturies - correction + 15) % 30
  let (leaps, yearOfFour) = (yearOfCentury / 4, yearOfCentury % 4)
  let weekday = (32 + 2 * centuryOfFour + 2 * leaps - moon - yearOfFour) % 7
  let late = (golden + 11 * moon + 22 * weekday) / 451
  let position = moon + weekday - 7 * late + 114
  return CalendarDate(year: year, month: position / 31, day: position % 31 + 1)
}

/// Which periods of a series, and of its horizon, hold a special day.
package struct SpecialPeriods: Equatable, Sendable {
  /// Per period what it holds, numbered from 0; -1 for an ordinary one.
  package let kinds: [Int]
  /// How many different things there are.
  package let kindCount: Int
  /// The distance of periods that are otherwise alike: those of a week ago for days and hours.
  package let cycle: Int

  /// Periods as they are.
  package init(kinds: [Int], kindCount: Int, cycle: Int) {
    precondition(cycle > 0 && kinds.allSatisfy { $0 < kindCount }, "special periods without order")
    self.kinds = kinds
    self.kindCount = kindCount
    self.cycle = cycle
  }

  /// The periods of an axis and of `horizon` periods after it; `nil` where its labels are whole
  /// numbers, which have no calendar.
  ///
  /// Each holiday, and each day before and after it, is a kind of its own. Of several in one period
  /// the first in the order of the holidays counts.
  package init?(_ axis: TimeAxis, count: Int, horizon: Int, holidays: [Holiday]) {
    let periods = count + horizon
    let firstDays: [Int]
    let cycle: Int
    let seconds = 86_400
    switch axis.step {
    case .count: return nil
    case .seconds(let step):
      func day(_ period: Int) -> Int {
        Int(floorDivide(Int64(axis.label(period)), Int64(seconds)))
      }
      firstDays = (0...periods).map(day)
      cycle = step <= 7 * seconds && 7 * seconds % step == 0 ? 7 * seconds / step : 1
    case .days(let step):
      firstDays = (0...periods).map(axis.label)
      cycle = step <= 7 && 7 % step == 0 ? 7 / step : 1
    case .months(let step):
      // A label may be any day of its month, such as the last.
      firstDays = (0...periods).map { period in
        let date = CalendarDate(daysSinceEpoch: Int32(axis.label(period)))
        return Int(date.monthStart.daysSinceEpoch)
      }
      cycle = 12 % step == 0 ? 12 / step : 1
    }
    self.init(firstDays: firstDays, cycle: cycle, holidays: holidays)
  }

  /// The periods of a series by day or month and of `horizon` periods after it.
  package init(
    grain: Grain, start: CalendarDate, count: Int, horizon: Int, holidays: [Holiday]
  ) {
    let spine = TimeSeries(grain: grain, start: start, values: [])
    self.init(
      firstDays: (0...(count + horizon)).map { Int(spine.periodStart($0).daysSinceEpoch) },
      cycle: grain.seasonLength, holidays: holidays)
  }

  /// Periods by the day each begins on, with that of the period after the last.
  private init(firstDays: [Int], cycle: Int, holidays: [Holiday]) {
    var kinds = [Int](repeating: -1, count: firstDays.count - 1)
    var kindCount = 0
    let (first, last) = (firstDays[0], firstDays[firstDays.count - 1])
    let years =
      CalendarDate(daysSinceEpoch: Int32(first)).year - 1...CalendarDate(
        daysSinceEpoch: Int32(last)
      ).year + 1
    for holiday in holidays {
      let days = years.flatMap(holiday.days).map { Int($0.daysSinceEpoch) }
      for offset in -holiday.before...holiday.after {
        for day in days {
          // Periods within a day all begin on it; longer ones hold the days up to the next one's.
          var low = firstDays.partitioningIndex { $0 >= day + offset }
          if low == firstDays.count || firstDays[low] != day + offset { low -= 1 }
          while low >= 0, low < kinds.count, firstDays[low] <= day + offset {
            if kinds[low] < 0 { kinds[low] = kindCount }
            low += 1
          }
        }
        kindCount += 1
      }
    }
    self.init(kinds: kinds, kindCount: kindCount, cycle: cycle)
  }

  /// The same from a period on.
  func dropping(_ count: Int) -> SpecialPeriods {
    SpecialPeriods(kinds: Array(kinds.dropFirst(count)), kindCount: kindCount, cycle: cycle)
  }
}

extension Array {
  /// The first index whose element meets a condition that no element before and every one after
  /// does; the count where none does.
  fileprivate func partitioningIndex(_ isAfter: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isAfter(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
