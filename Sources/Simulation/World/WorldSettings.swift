package import AlmanacCore

/// What kind of behaviour a world has.
package enum WorldKind: String, CaseIterable, Sendable {
  /// Every decision is exactly logistic in the documented covariates.
  case logistic
  /// Also unobserved effects of companies, thresholds, and base rates that shift half-way.
  case hard
}

/// What determines a world, down to its last byte.
package struct WorldSettings: Hashable, Sendable {
  /// The number of companies that sign up by ``firstEnd``.
  package var companies: Int
  /// The length of the first generation in months.
  package var months: Int
  /// The seed of all draws.
  package var seed: UInt64
  /// What companies do.
  package var kind: WorldKind
  /// The first day.
  package let start: CalendarDate
  /// The last day of the first generation, which sign-ups and the shift of rates are placed by.
  package let firstEnd: CalendarDate
  /// The last day; what was recorded by its end (UTC) is in the world.
  package var end: CalendarDate

  /// A world of `months` months up to and with the day `end`.
  package init(companies: Int, months: Int, seed: UInt64, kind: WorldKind, end: CalendarDate) {
    precondition(companies > 0 && months > 0, "\(companies) companies for \(months) months")
    self.companies = companies
    self.months = months
    self.seed = seed
    self.kind = kind
    self.firstEnd = end
    self.end = end
    let next = end.adding(days: 1)
    start = next.monthStart(adding: -months).adding(days: min(next.day, 28) - 1)
  }

  /// The instant at which the world ends; nothing later has happened or been recorded.
  package var cut: Timestamp { end.adding(days: 1).startUTC }

  /// The days of the first generation.
  var firstDays: Int { start.distance(to: firstEnd) + 1 }

  /// The number of companies that have signed up by ``end``.
  ///
  /// After the first generation new ones sign up at half its average rate, so that a world that is
  /// continued keeps growing.
  package var companyCount: Int {
    let later = max(0, firstEnd.distance(to: end))
    return companies + later * companies / (2 * firstDays)
  }

  /// The day on which the company of an index beyond the first generation signs up.
  func laterSignUp(index: Int) -> CalendarDate {
    let order = index - companies + 1
    let days = (order * 2 * firstDays + companies - 1) / companies
    return firstEnd.adding(days: days)
  }
}

/// Microseconds in an hour.
let microsecondsPerHour = Timestamp.microsecondsPerHour
/// Microseconds in a day.
let microsecondsPerDay = Timestamp.microsecondsPerDay
/// Microseconds in a minute.
let microsecondsPerMinute: Int64 = 60_000_000
