import AlmanacCore
import Billing
import Codecs
import Postgres

extension MetricsPlan {
  /// Computes what is made of billing records for all periods, and writes what differs.
  ///
  /// - Throws: `BillingError`, an identity that does not hold among them: then nothing is written.
  func writeBooks(
    in context: RunContext, _ outcome: inout StageOutcome
  ) throws -> MetricWriting.Result {
    let inputs = booksDigest(in: context)
    let connection = context.lock.connection
    let stages = ["metrics/day", "metrics/month"]
    let known = try stages.map {
      try IntervalLedger(stage: $0, run: context.run).entries(on: connection)
        .filter { $0.key <= newest }
    }
    func isOfNow(_ entry: IntervalEntry) -> Bool {
      entry.inputs == inputs && entry.settings == settingsDigest
    }
    let marks = IntervalLedger(stage: MetricsPlan.booksStage, run: context.run)
    let marked = try marks.entries(on: connection)
    let isDone =
      marked.values.contains(where: isOfNow)
      && known.allSatisfy { $0.values.allSatisfy(isOfNow) }
    if isDone, !context.redo.isAny { return MetricWriting.Result() }
    try context.lock.write { try marks.forget(Array(marked.keys), on: $0) }
    let records = try context.billing(settings, through: newest)
    outcome.rowsIn += records.rowCount
    outcome.notices += records.notices
    let books = try books(records)
    try recordRates(
      records, from: books.first, owed: books.metrics.overdueRates, books.tallies, in: context)
    var result = MetricWriting.Result()
    for (index, grain) in [MetricPeriods.Grain.day, .month].enumerated() {
      let periods = periods(of: books, grain)
      let starts = Set(periods.map(\.start))
      let part = try writing(
        grain, stage: stages[index], names: bookNames, source: records.ledger?.source,
        writesMovements: grain == .month, in: context
      ).write(
        periods, inputs: { _ in inputs }, known: known[index],
        forgotten: known[index].keys.filter { !starts.contains($0) }.sorted(),
        again: try context.redone(stages[index]), jobs: context.jobs, target: context.lock.settings)
      result.add(part)
    }
    let mark = IntervalEntry(
      start: newest, end: newest.adding(days: 1), inputs: inputs, settings: settingsDigest,
      outputs: "", rows: result.rows)
    try context.lock.write { try marks.record([mark], on: $0) }
    return result
  }

  /// The name in the ledger under which stands that all periods of what is made of billing records are
  /// written: a run that is cut off leaves some, which say nothing of those that are not there yet.
  static let booksStage = "metrics/books"

  /// What billing records come to, before it is split into periods.
  struct Books {
    /// The first day with something to tell.
    var first: CalendarDate
    var metrics: BookMetrics
    /// Declared metrics of datasets without days.
    var tallies: [DeclaredTally]
  }

  /// Computes what is made of billing records.
  ///
  /// - Throws: `BillingError`, also where an identity does not hold.
  func books(_ records: BillingRecords) throws -> Books {
    let tallies = try wholeTallies()
    let firsts = [records.ledger?.firstDate(in: records.zones), records.books.firstDate]
      .compactMap(\.self)
    let first = max(firsts.min() ?? newest, MetricsPlan.earliest(newest))
    let metrics = try BookMetrics(
      records, from: first, through: newest, margin: definition.margin)
    try metrics.checkIdentities()
    return Books(first: first, metrics: metrics, tallies: tallies)
  }

  /// The days or months of what is made of billing records, as far as they are over.
  func periods(of books: Books, _ grain: MetricPeriods.Grain) -> [MetricPeriod] {
    let periods = MetricPeriods(grain, from: books.first, through: newest)
    var byPeriod = periods.starts.map { MetricPeriod(start: $0) }
    for row in grain == .day ? books.metrics.daily : books.metrics.monthly {
      if let place = periods.index(of: row.date) { byPeriod[place].rows.append(row) }
    }
    if !books.tallies.isEmpty { addDeclared(books.tallies, to: &byPeriod, grain) }
    if grain == .month {
      for place in byPeriod.indices {
        byPeriod[place].movements = books.metrics.movements(of: byPeriod[place].start)
      }
    }
    return byPeriod.map { withoutPending($0, grain) }
  }

  /// The digest of everything that metrics of billing records are made from.
  private func booksDigest(in context: RunContext) -> String {
    let datasets = Set(RunContext.billingDatasets + whole.map(\.dataset.name))
    return SHA256.hexadecimalDigest(
      of: "\(newest)\n\(context.contentDigest(Array(datasets)))")
  }

  /// What declared metrics of datasets without days have, up to the logical date.
  private func wholeTallies() throws -> [DeclaredTally] {
    var tallies: [DeclaredTally] = []
    let groups = Dictionary(grouping: whole.filter { !$0.isRatio }) { metric in
      "\(metric.dataset.name) \(metric.timeColumn?.name ?? "")"
    }
    for key in groups.keys.sorted() {
      guard let metrics = groups[key],
        let dataset = inputs.project.dataset(metrics[0].dataset.name),
        let time = metrics[0].timeColumn?.name ?? dataset.timeColumn
      else { continue }
      var tally = DeclaredTally(
        metrics, dataset: dataset, timeColumn: time,
        days: MetricsPlan.earliest(newest)..<newest.adding(days: 1), zones: zones,
        currency: settings.currency, rates: try inputs.exchangeRates())
      for batch in try inputs.rows(of: dataset.name, tally.columns) { try tally.add(batch) }
      tallies.append(tally)
    }
    return tallies
  }

  private func addDeclared(
    _ tallies: [DeclaredTally], to periods: inout [MetricPeriod], _ grain: MetricPeriods.Grain
  ) {
    let starts = periods.map(\.start)
    var rows: [CalendarDate: [MetricTableRow]] = [:]
    for tally in tallies {
      let made = tally.rows(
        days: grain == .day ? starts : [], months: grain == .month ? starts : [])
      for (date, more) in grain == .day ? made.days : made.months {
        rows[date, default: []] += more
      }
    }
    let ratios = whole.filter(\.isRatio)
    for place in periods.indices {
      var declared = rows[periods[place].start] ?? []
      declared += ratioRows(ratios, of: declared, on: periods[place].start)
      periods[place].declared = MetricTableRow.order(of: declared).map { declared[$0] }
    }
  }
}

extension MetricWriting.Result {
  /// Adds what another part did.
  mutating func add(_ other: MetricWriting.Result) {
    periods += other.periods
    rows += other.rows
    restatements += other.restatements
  }
}

extension DeclaredMetric {
  /// Whether it is one metric over another.
  var isRatio: Bool {
    if case .ratio = measure { return true }
    return false
  }
}

extension RevenueLedger {
  /// The first local date on which a company had MRR, `nil` without any.
  func firstDate(in zones: CompanyZones) -> CalendarDate? {
    companies.compactMap { company in
      company.steps.first.map { zones.zone(of: company.company).localDate(at: $0.instant) }
    }.min()
  }
}

/// The metrics of ledger, payments and invoices by day and month.
struct BookMetrics {
  let daily: [MetricRow]
  let monthly: [MetricRow]
  /// The rates that what is owed on overdue invoices was converted by.
  let overdueRates: Set<RateUse>
  private let movements: [CalendarDate: [MovementRow]]

  init(
    _ records: BillingRecords, from first: CalendarDate, through last: CalendarDate, margin: Int
  ) throws(BillingError) {
    let days = MetricPeriods(.day, from: first, through: last)
    let months = MetricPeriods(.month, from: first, through: last)
    var daily: [MetricRow] = []
    var monthly: [MetricRow] = []
    var moved: [CalendarDate: [MovementRow]] = [:]
    if let ledger = records.ledger {
      daily += ledger.dailyMetrics(days, zones: records.zones)
      monthly += ledger.monthlyMetrics(months, margin: margin)
      let wanted = Set(months.starts)
      for company in ledger.companies {
        for movement in company.movements where wanted.contains(movement.month) {
          moved[movement.month, default: []].append(
            MovementRow(
              company: company.company, kind: movement.kind, amount: movement.amount,
              causes: movement.causes))
        }
      }
      for (month, rows) in moved {
        for kind in MovementKind.allCases {
          let own = rows.filter { $0.kind == kind }
          if own.isEmpty { continue }
          moved[month]?.append(
            MovementRow(
              company: .zero, kind: kind, amount: own.reduce(0) { $0 + $1.amount }, causes: []))
        }
      }
    }
    if records.hasPayments {
      daily += try records.books.revenueMetrics(days)
      monthly += try records.books.revenueMetrics(months)
    }
    if records.hasAttempts {
      daily += records.books.collectionMetrics(days, end: records.end)
      monthly += records.books.collectionMetrics(months, end: records.end)
    }
    var overdueRates: Set<RateUse> = []
    if records.hasInvoices {
      daily += try records.books.invoiceMetrics(days, rates: &overdueRates)
      monthly += try records.books.invoiceMetrics(months)
    }
    self.daily = daily
    self.monthly = monthly
    movements = moved
    self.overdueRates = overdueRates
  }

  /// The movements of a month, by company as the ledger has them, those of all companies last.
  func movements(of month: CalendarDate) -> [MovementRow] { movements[month] ?? [] }

  /// MRR at the start + movements = MRR at the end for all companies together, and so are the sums
  /// over plans and over modules; the ledger has checked the same for each company.
  ///
  /// - Throws: `BillingError.brokenIdentity` with the all-zero company.
  func checkIdentities() throws(BillingError) {
    var totals: [CalendarDate: Int128] = [:]
    var parts: [MetricDimension: [CalendarDate: Int128]] = [:]
    var byCompany: [CalendarDate: Int128] = [:]
    for row in monthly where row.metric == .mrr {
      switch (row.company == .zero, row.dimension) {
      case (true, .none): totals[row.date] = row.numerator
      case (true, let dimension):
        parts[dimension, default: [:]][row.date, default: 0] += row.numerator
      case (false, .none): byCompany[row.date, default: 0] += row.numerator
      case (false, _): break
      }
    }
    let months = totals.keys.sorted()
    for (index, month) in months.enumerated() {
      let end = totals[month] ?? 0
      let moved = movements(of: month).filter { $0.company == .zero }.reduce(0) { $0 + $1.amount }
      if index > 0 {
        try check((totals[months[index - 1]] ?? 0) + moved, end, month, "start and movements make")
      }
      try check(byCompany[month] ?? 0, end, month, "companies make")
      try check(parts[.plan]?[month] ?? 0, end, month, "plans make")
      try check(parts[.module]?[month] ?? 0, end, month, "plans and modules make")
    }
  }

  private func check(
    _ sum: Int128, _ total: Int128, _ month: CalendarDate, _ words: String
  ) throws(BillingError) {
    guard sum != total else { return }
    throw .brokenIdentity(
      company: .zero, month: month,
      rule: "\(words) \(Money.text(sum)), the total is \(Money.text(total))")
  }
}
