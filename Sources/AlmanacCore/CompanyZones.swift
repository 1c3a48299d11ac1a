/// The zone whose days count for each company.
package struct CompanyZones: Sendable, Equatable {
  /// The zone of companies that have none of their own.
  package var standard: ZoneRules
  /// The zones of companies whose days are their own (`zone: company`).
  package var own: [UUIDValue: ZoneRules]

  /// One zone for all companies, but for those with one of their own.
  package init(_ standard: ZoneRules, own: [UUIDValue: ZoneRules] = [:]) {
    self.standard = standard
    self.own = own
  }

  /// The zone of a company.
  package func zone(of company: UUIDValue) -> ZoneRules { own[company] ?? standard }

  /// Whether all companies share one zone.
  package var areShared: Bool { own.isEmpty }

  /// The local dates on which something of a UTC day can have happened.
  package func dates(ofUTCDay day: CalendarDate) -> ClosedRange<CalendarDate> {
    // No zone was ever a whole day away from UTC.
    if !areShared { return day.adding(days: -1)...day.adding(days: 1) }
    let end = Timestamp(microseconds: day.adding(days: 1).startUTC.microseconds - 1)
    return standard.localDate(at: day.startUTC)...standard.localDate(at: end)
  }

  /// The UTC days on which something of some local dates can have happened.
  package func utcDays(of dates: ClosedRange<CalendarDate>) -> ClosedRange<CalendarDate> {
    if !areShared { return dates.lowerBound.adding(days: -1)...dates.upperBound.adding(days: 1) }
    let end = standard.start(of: dates.upperBound.adding(days: 1))
    return standard.start(of: dates.lowerBound)
      .dateUTC...Timestamp(
        microseconds: end.microseconds - 1
      ).dateUTC
  }
}

/// Which local dates are over at an instant, for each company and for all of them together.
///
/// With `zone: company` a date is over for a company once it has ended there, and for all companies
/// once it has ended for every one (DECISIONS.md, D-400).
package struct DatesOver: Sendable, Equatable {
  /// The instant.
  package let end: Timestamp
  /// The last date that is over for all companies.
  package let last: CalendarDate
  private let zones: CompanyZones
  /// The last date that is over in each zone in which it is not ``last``, by the zone's name.
  private let later: [String: CalendarDate]

  /// The dates that are over at an instant.
  package init(_ zones: CompanyZones, at end: Timestamp) {
    self.zones = zones
    self.end = end
    var lasts: [String: CalendarDate] = [:]
    for zone in [zones.standard] + zones.own.values where lasts[zone.name] == nil {
      lasts[zone.name] = zone.localDate(at: end).adding(days: -1)
    }
    let last = lasts.values.min() ?? end.dateUTC.adding(days: -1)
    self.last = last
    later = lasts.filter { $0.value != last }
  }

  /// The last date that is over for a company; all-zero is all companies.
  package func last(_ company: UUIDValue) -> CalendarDate {
    if company == .zero || later.isEmpty { return last }
    return later[zones.zone(of: company).name] ?? last
  }

  /// The last date that is over in the zone of companies without one of their own.
  package var lastOfStandard: CalendarDate { later[zones.standard.name] ?? last }

  /// Whether a date is over for a company; all-zero is all companies.
  package func isOver(_ date: CalendarDate, _ company: UUIDValue) -> Bool {
    date <= last || date <= last(company)
  }

  /// The companies for which a date is not over yet.
  package func pending(_ date: CalendarDate) -> Int {
    date <= last ? 0 : zones.own.keys.count { date > last($0) }
  }
}
