package import AlmanacCore

/// What a subscription says of the period it is in.
package struct CurrentPeriod: Hashable, Sendable {
  /// The company.
  package var company: UUIDValue
  /// The subscription.
  package var subscription: UUIDValue
  /// Where the period begins.
  package var start: Timestamp
  /// Where it ends.
  package var end: Timestamp

  /// A period of the given parts.
  package init(company: UUIDValue, subscription: UUIDValue, start: Timestamp, end: Timestamp) {
    self.company = company
    self.subscription = subscription
    self.start = start
    self.end = end
  }
}

/// A billing period of a subscription in local days.
package struct UsagePeriod: Hashable, Sendable {
  /// The company.
  package var company: UUIDValue
  /// The subscription.
  package var subscription: UUIDValue
  /// The first day.
  package var start: CalendarDate
  /// The day after the last one; later than ``start``.
  package var end: CalendarDate

  /// A period of the given parts.
  package init(
    company: UUIDValue, subscription: UUIDValue, start: CalendarDate, end: CalendarDate
  ) {
    self.company = company
    self.subscription = subscription
    self.start = start
    self.end = end
  }

  /// The periods that have begun by a date, as bills and subscriptions tell (DECISIONS.md, D-179).
  ///
  /// Bills come first: of several for periods of one subscription that begin on one day the last one
  /// recorded holds, and what a subscription says counts where none begins that day. A period ends at
  /// the latest where the next one of its subscription begins, so that no day is in two of them.
  ///
  /// - Parameters:
  ///   - invoices: bills; drafts, void ones, corrections within a period and those without
  ///     subscription or period are left out.
  ///   - current: the periods that subscriptions are in.
  ///   - zones: whose days count.
  ///   - dates: periods that begin on another day are left out.
  /// - Returns: the periods by company, subscription and start; none is empty.
  package static func periods(
    invoices: [Invoice], current: [CurrentPeriod], zones: CompanyZones,
    dates: ClosedRange<CalendarDate>
  ) -> [UsagePeriod] {
    struct Key: Hashable {
      var company: UUIDValue
      var subscription: UUIDValue
      var start: CalendarDate
    }
    func days(
      _ company: UUIDValue, _ start: Timestamp, _ end: Timestamp
    ) -> Range<CalendarDate>? {
      let zone = zones.zone(of: company)
      guard start.isWithinCalendar, end.isWithinCalendar else { return nil }
      let (first, after) = (zone.localDate(at: start), zone.localDate(at: end))
      return first < after ? first..<after : nil
    }
    var found: [Key: (end: CalendarDate, invoice: Invoice?)] = [:]
    for invoice in invoices where invoice.billsPeriod {
      guard let subscription = invoice.subscription, let start = invoice.periodStart,
        let end = invoice.periodEnd, let days = days(invoice.company, start, end)
      else { continue }
      let key = Key(
        company: invoice.company, subscription: subscription, start: days.lowerBound)
      if let other = found[key]?.invoice,
        (other.recordedAt, other.id) > (invoice.recordedAt, invoice.id)
      {
        continue
      }
      found[key] = (days.upperBound, invoice)
    }
    for period in current {
      guard let days = days(period.company, period.start, period.end) else { continue }
      let key = Key(
        company: period.company, subscription: period.subscription, start: days.lowerBound)
      if let other = found[key] {
        // Of rows that repeat a subscription the longer period, whatever their order.
        if other.invoice != nil || other.end >= days.upperBound { continue }
      }
      found[key] = (days.upperBound, nil)
    }
    var periods = found.map { key, value in
      UsagePeriod(
        company: key.company, subscription: key.subscription, start: key.start, end: value.end)
    }.sorted {
      ($0.company, $0.subscription, $0.start) < ($1.company, $1.subscription, $1.start)
    }
    for index in periods.indices.dropLast() {
      let next = periods[index + 1]
      if next.company == periods[index].company, next.subscription == periods[index].subscription {
        periods[index].end = min(periods[index].end, next.start)
      }
    }
    return periods.filter { dates.contains($0.start) }
  }
}

extension Invoice {
  /// Whether it bills a period, rather than a change within one or something else.
  fileprivate var billsPeriod: Bool {
    status != .draft && status != .void && voidedAt == nil && reason != .manual && reason != .update
  }
}
