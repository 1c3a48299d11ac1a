package import AlmanacCore

/// What makes companies a cohort: `cohort_retention.cohort_kind`.
package enum CohortKind: String, CaseIterable, Sendable {
  /// They signed up in the same month.
  case signup
  /// They paid for the first time in the same month.
  case firstPayment = "first_payment"
  /// They added their first module in the same month.
  case firstModule = "first_module"
}

/// A row of `cohort_retention` for all companies.
package struct CohortRow: Hashable, Sendable {
  /// What the members have in common.
  package var kind: CohortKind
  /// The first day of the month in which they have it.
  package var month: CalendarDate
  /// The number of months after it, 0 first.
  package var period: Int
  /// The number of members.
  package var size: Int
  /// Members with revenue in the period.
  package var retained: Int
  /// Revenue of the members in period 0, in ten-thousandths.
  package var revenueStart: Int128
  /// Of that what is left, never counting more than a member began with.
  package var revenueRetainedGross: Int128
  /// Revenue of the members in the period.
  package var revenueRetainedNet: Int128
  /// Whether the month of the period is over for all members.
  package var isComplete: Bool
}

/// Retention of companies by the month of their first event of a kind (DECISIONS.md, D-168).
package struct Cohorts {
  /// The kind of the cohorts.
  let kind: CohortKind
  /// When each company had its first event of the kind.
  let firsts: [UUIDValue: Timestamp]
  /// Whose months count.
  let zones: CompanyZones
  /// Where time ends.
  let end: Timestamp

  /// Cohorts of companies by their first events.
  ///
  /// - Parameters:
  ///   - kind: the kind of the events.
  ///   - firsts: when each company had its first one; from `end` on it has not happened yet.
  ///   - zones: whose months count.
  ///   - end: where time ends.
  package init(
    _ kind: CohortKind, firsts: [UUIDValue: Timestamp], zones: CompanyZones, end: Timestamp
  ) {
    self.kind = kind
    self.firsts = firsts.filter { $0.value < end }
    self.zones = zones
    self.end = end
  }

  /// When each company added its first module, by the known changes that took effect before `end`.
  package static func firstModules(
    in changes: some Sequence<SubscriptionChange>, knownBy cut: Timestamp? = nil, end: Timestamp
  ) -> [UUIDValue: Timestamp] {
    var firsts: [UUIDValue: Timestamp] = [:]
    for change in changes where change.kind == .moduleAdded && change.effectiveAt < end {
      if let cut, change.recordedAt > cut { continue }
      firsts[change.company] = min(firsts[change.company] ?? change.effectiveAt, change.effectiveAt)
    }
    return firsts
  }

  /// Retention by MRR at the ends of months.
  package func retention(in ledger: RevenueLedger) -> [CohortRow] {
    retention { company in
      let own = ledger.ledger(of: company)
      return { month in own?.amount(ofMonth: month) ?? 0 }
    }
  }

  /// Retention by payments within months.
  ///
  /// - Throws: ``BillingError``: a missing rate, or an amount without a currency.
  package func retention(in books: PaymentBooks) throws(BillingError) -> [CohortRow] {
    var paid: [UUIDValue: [CalendarDate: Int128]] = [:]
    for payment in books.payments where payment.at < end {
      let date = books.localDate(payment.company, payment.at)
      paid[payment.company, default: [:]][date.monthStart, default: 0] += try books.converted(
        payment.amount, from: payment.currency, to: books.currency, on: date,
        dataset: payment.dataset)
    }
    return retention { company in
      let own = paid[company] ?? [:]
      return { own[$0] ?? 0 }
    }
  }

  /// Adds up the revenue of the members, period by period.
  private func retention(
    _ revenueOf: (UUIDValue) -> (CalendarDate) -> Int128
  ) -> [CohortRow] {
    var rows: [CalendarDate: [CohortRow]] = [:]
    var sizes: [CalendarDate: Int] = [:]
    for (company, first) in firsts {
      let zone = zones.zone(of: company)
      let month = zone.localDate(at: first).monthStart
      let last = zone.localDate(at: Timestamp(microseconds: end.microseconds - 1)).monthStart
      sizes[month, default: 0] += 1
      let revenue = revenueOf(company)
      let start = revenue(month)
      let periods = last.monthsSinceYearZero - month.monthsSinceYearZero + 1
      for period in 0..<periods {
        if rows[month, default: []].count == period {
          rows[month, default: []].append(emptyRow(month, period))
        }
        let now = revenue(month.monthStart(adding: period))
        rows[month]?[period].add(now, start)
        // Only the last months of a zone can still be going on.
        if period >= periods - 1, zone.start(of: last.monthStart(adding: 1)) > end {
          rows[month]?[period].isComplete = false
        }
      }
    }
    return rows.keys.sorted().flatMap { month in
      finished(rows[month] ?? [], members: sizes[month] ?? 0)
    }
  }

  private func emptyRow(_ month: CalendarDate, _ period: Int) -> CohortRow {
    CohortRow(
      kind: kind, month: month, period: period, size: 0, retained: 0, revenueStart: 0,
      revenueRetainedGross: 0, revenueRetainedNet: 0, isComplete: true)
  }

  /// The rows of a cohort; a period that has not begun for every member is not complete.
  private func finished(_ rows: [CohortRow], members: Int) -> [CohortRow] {
    rows.map { row in
      var row = row
      if row.size < members { row.isComplete = false }
      row.size = members
      row.revenueStart = rows[0].revenueStart
      return row
    }
  }
}

extension CohortRow {
  /// Adds a member that has `now` in the period and had `start` in period 0.
  fileprivate mutating func add(_ now: Int128, _ start: Int128) {
    size += 1
    if now > 0 { retained += 1 }
    revenueStart += start
    revenueRetainedGross += min(now, start)
    revenueRetainedNet += now
  }
}

extension PaymentBooks {
  /// When each company paid for the first time before `end`.
  package func firstPayments(end: Timestamp) -> [UUIDValue: Timestamp] {
    var firsts: [UUIDValue: Timestamp] = [:]
    for payment in payments where payment.at < end {
      firsts[payment.company] = min(firsts[payment.company] ?? payment.at, payment.at)
    }
    return firsts
  }
}
