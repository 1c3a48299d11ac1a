package import AlmanacCore
package import Billing
package import Columns

extension CompanyAmounts {
  /// Revenue of each company by local day; see ``DailyRevenue`` for what counts.
  ///
  /// What a company pays belongs to the plans and modules that its MRR belonged to at the end of the
  /// month of payment, or of the last month before in which it had any (DECISIONS.md, D-491).
  ///
  /// - Parameters:
  ///   - main: the rows that count.
  ///   - alternative: rows that count where the main source has none.
  ///   - date: the logical date.
  ///   - zone: the zone whose days count.
  ///   - currency: the reporting currency.
  ///   - rates: the exchange rates, if any.
  ///   - segments: the segment of each company that has one.
  ///   - ledger: MRR, if it is known.
  /// - Returns: the companies by identifier, and the number of days left out as too old.
  /// - Throws: what ``DailyRevenue`` throws, also for no revenue at all.
  package static func revenue(
    main: AmountSource, alternative: AmountSource?, through date: CalendarDate, zone: ZoneRules,
    currency: CurrencyCode, rates: ExchangeRates?, segments: [UUIDValue: String],
    ledger: RevenueLedger?
  ) throws(PredictionError) -> (companies: [CompanyAmounts], daysLeftOut: Int) {
    var sums: [UUIDValue: [CalendarDate: Int128]] = [:]
    try DailyRevenue.collect(
      main: main, alternative: alternative, through: date, zone: zone, currency: currency,
      rates: rates
    ) { company, day, amount in sums[company, default: [:]][day, default: 0] += amount }
    let earliest = date.adding(days: 1 - DailyRevenue.longestHistory)
    var tooOld: Set<CalendarDate> = []
    var companies: [CompanyAmounts] = []
    for company in sums.keys.sorted() {
      var entries: [Entry] = []
      for (day, amount) in sums[company] ?? [:] {
        if day < earliest {
          tooOld.insert(day)
        } else {
          entries.append(Entry(day: day, amount: amount))
        }
      }
      if entries.isEmpty { continue }
      companies.append(
        CompanyAmounts(
          company: company, segment: segments[company],
          entries: entries.sorted { $0.day < $1.day },
          splits: ledger?.ledger(of: company).map(splits) ?? []))
    }
    guard !companies.isEmpty else { throw .noRevenue(through: date) }
    return (companies, tooOld.count)
  }

  /// MRR of each company at the end of each local day on which it changes.
  ///
  /// - Parameters:
  ///   - ledger: MRR up to the end of `date`.
  ///   - date: the logical date.
  ///   - zones: the zones the ledger was made with.
  ///   - segments: the segment of each company that has one.
  /// - Returns: the companies that ever had MRR, by identifier.
  package static func recurring(
    _ ledger: RevenueLedger, through date: CalendarDate, zones: CompanyZones,
    segments: [UUIDValue: String]
  ) -> [CompanyAmounts] {
    let earliest = date.adding(days: 1 - DailyRevenue.longestHistory)
    return ledger.companies.map { company in
      let zone = zones.zone(of: company.company)
      var entries: [Entry] = []
      for step in company.steps {
        let moment = step.instant.microseconds - (step.isRevaluation ? 1 : 0)
        let day = max(earliest, zone.localDate(at: Timestamp(microseconds: moment)))
        if day > date { continue }
        if let last = entries.last, last.day == day { entries.removeLast() }
        entries.append(Entry(day: day, amount: step.amount))
      }
      return CompanyAmounts(
        company: company.company, segment: segments[company.company], entries: entries,
        splits: splits(company))
    }
  }

  /// The splits of a company by month; a month without MRR keeps that of the month before.
  private static func splits(_ ledger: CompanyLedger) -> [Split] {
    ledger.levels.compactMap { level in
      let parts = level.parts.map { Part(plan: $0.plan, module: $0.module, weight: $0.amount) }
      guard !parts.isEmpty, parts.allSatisfy({ $0.weight > 0 }) else { return nil }
      return Split(day: level.month, parts: parts)
    }
  }
}

/// The segments of companies.
package enum CompanySegments {
  /// The segment of each company that has one.
  ///
  /// - Parameter batches: rows of `companies` with `id` and `segment`.
  /// - Returns: the segments by company.
  /// - Throws: ``PredictionError/missingColumn(dataset:column:)``.
  package static func read(_ batches: [Batch]) throws(PredictionError) -> [UUIDValue: String] {
    var segments: [UUIDValue: String] = [:]
    for batch in batches {
      let rows = AmountRows(
        source: AmountSource(
          dataset: "companies", batches: [], amountColumn: "", currencyColumn: "", timeColumn: "",
          recordedColumn: ""), batch: batch)
      let ids = try rows.identifiers("id")
      let names = try rows.texts("segment")
      for row in 0..<batch.rowCount {
        if let id = ids(row), let name = names(row), !name.isEmpty { segments[id] = name }
      }
    }
    return segments
  }
}
