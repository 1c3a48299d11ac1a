import AlmanacCore
import Billing
import Codecs
import Columns
import Postgres

extension MetricsPlan {
  static let dayStage = "metrics/rows/day"
  static let monthStage = "metrics/rows/month"

  /// Computes the metrics of rows that are kept by day for the days whose input changed.
  func writeDays(
    in context: RunContext, _ moves: ZoneMoves, _ outcome: inout StageOutcome
  ) throws -> MetricWriting.Result {
    let connection = context.lock.connection
    let knownDays = try IntervalLedger(stage: MetricsPlan.dayStage, run: context.run)
      .entries(on: connection).filter { $0.key <= newest }
    let knownMonths = try IntervalLedger(stage: MetricsPlan.monthStage, run: context.run)
      .entries(on: connection).filter { $0.key <= newest }
    if byDay.isEmpty, knownDays.isEmpty { return MetricWriting.Result() }
    let datasets = Set(byDay.filter { !$0.isRatio }.map(\.dataset.name)).sorted()
    let content = DayInputs(
      datasets.map { context.directory.manifest.days(of: $0) }, zones: zones, over: over,
      window: byDay.compactMap(\.windowDays).max() ?? 1, ratesDigest: ratesDigest(in: context))
    let days = content.days(through: newest)
    let months = months(of: days)
    let again = (
      day: try context.redone(MetricsPlan.dayStage),
      month: try context.redone(MetricsPlan.monthStage)
    )
    func isPending(_ known: IntervalEntry?, _ inputs: String) -> Bool {
      known?.inputs != inputs || known?.settings != settingsDigest
    }
    let movedDays = days.filter(moves.concern)
    let movedMonths = Set(movedDays.map(\.monthStart))
    let dayInputs = Dictionary(
      uniqueKeysWithValues: days.map { ($0, content.digest($0..<$0.adding(days: 1))) })
    let monthInputs = Dictionary(
      uniqueKeysWithValues: months.map { ($0, content.digest($0..<$0.monthStart(adding: 1))) })
    let moved = Set(movedDays)
    let pendingDays = days.filter {
      moved.contains($0) || again.day.concern($0, $0.adding(days: 1))
        || isPending(knownDays[$0], dayInputs[$0] ?? "")
    }
    let pendingMonths = Set(
      months.filter {
        movedMonths.contains($0) || again.month.concern($0, $0.monthStart(adding: 1))
          || isPending(knownMonths[$0], monthInputs[$0] ?? "")
      })
    outcome.note("days", days.count)
    outcome.note("days_computed", pendingDays.count)
    let plan = self
    let settled = (Set(days), Set(months))
    let computed = try compute(pendingDays, pendingMonths)
    outcome.rowsIn += computed.reduce(0) { $0 + $1.rowsRead }
    try recordDeclaredRates(
      computed.reduce(into: Set<RateUse>()) { $0.formUnion($1.rateUses) }, of: pendingDays,
      in: context)
    let names = byDay.map(\.name)
    var result = try plan.writing(
      .day, stage: MetricsPlan.dayStage, names: names, source: nil, writesMovements: false,
      in: context
    ).write(
      computed.flatMap(\.days), inputs: { dayInputs[$0] ?? "" },
      known: knownDays,
      forgotten: knownDays.keys.filter { !settled.0.contains($0) }.sorted(),
      again: again.day, jobs: context.jobs, target: context.lock.settings)
    result.add(
      try plan.writing(
        .month, stage: MetricsPlan.monthStage, names: names, source: nil, writesMovements: false,
        in: context
      ).write(
        computed.flatMap(\.months),
        inputs: { monthInputs[$0] ?? "" }, known: knownMonths,
        forgotten: knownMonths.keys.filter { !settled.1.contains($0) }.sorted(),
        again: again.month, jobs: context.jobs, target: context.lock.settings))
    return result
  }

  /// The months of some days that are over by the last date.
  func months(of days: [CalendarDate]) -> [CalendarDate] {
    guard let first = days.first, let last = days.last else { return [] }
    return MetricPeriods(.month, from: first, through: last).starts
      .filter { $0.adding(days: $0.daysInMonth - 1) <= newest }
  }

  /// Computes the metrics of rows that are kept by day for some days and months, a few months of days
  /// at a time; companies for which one is not over yet are left out.
  func compute(
    _ days: [CalendarDate], _ months: Set<CalendarDate>
  ) throws -> [DayWork.Output] {
    let units = Dictionary(grouping: days, by: \.monthStart)
    let work = DayWork(
      plan: byDay, window: byDay.compactMap(\.windowDays).max() ?? 1, project: inputs.project,
      reader: inputs.reader, zones: zones, currency: settings.currency,
      rates: try inputs.exchangeRates())
    let computed = try mapConcurrently(
      spans(of: Set(units.keys).union(months).sorted()), jobs: inputs.jobs, context: { work },
      work: { work, some in
        try work.rows(days: some.flatMap { units[$0] ?? [] }, months: some.filter(months.contains))
      })
    return computed.map { output in
      var output = output
      output.days = output.days.map { withoutPending($0, .day) }
      output.months = output.months.map { withoutPending($0, .month) }
      return output
    }
  }

  /// Groups neighbouring months that are computed together.
  ///
  /// Each group reads the days before it that windows reach back to, so few groups read little twice;
  /// enough of them are left for all threads, and none has very many rows.
  private func spans(of months: [CalendarDate]) -> [[CalendarDate]] {
    let names = Set(byDay.filter { !$0.isRatio }.map(\.dataset.name))
    let content = names.sorted().map { inputs.manifest.days(of: $0) }
    let longest = max(1, min(6, months.count / (2 * max(1, inputs.jobs))))
    var spans: [[CalendarDate]] = []
    var size = 0
    for month in months {
      let days = zones.utcDays(of: month...month.adding(days: month.daysInMonth - 1))
      let rows = content.reduce(0) { $0 + $1.rowCount(days) }
      if let last = spans.last, last.count < longest, size + rows <= MetricsPlan.maximumSpanRows,
        last.last?.monthStart(adding: 1) == month
      {
        spans[spans.count - 1].append(month)
        size += rows
      } else {
        spans.append([month])
        size = rows
      }
    }
    return spans
  }

  /// Rows of neighbouring months that are computed together, unless a single month has more.
  private static let maximumSpanRows = 3_000_000

  /// The digest of the rates, where a metric adds up money.
  private func ratesDigest(in context: RunContext) -> String {
    let addsMoney = byDay.contains { metric in
      guard case .sum(let column) = metric.measure else { return false }
      return context.project.dataset(metric.dataset.name)?[column: column.name]?.currencyColumn
        != nil
    }
    return addsMoney ? context.contentDigest([RunContext.ratesDataset]) : ""
  }
}

/// The input of days and months, by digest.
private struct DayInputs {
  let content: [DatasetDays]
  let zones: CompanyZones
  let over: DatesOver
  /// The longest window, in days.
  let window: Int
  let ratesDigest: String

  init(
    _ content: [DatasetDays], zones: CompanyZones, over: DatesOver, window: Int,
    ratesDigest: String
  ) {
    self.content = content
    self.zones = zones
    self.over = over
    self.window = window
    self.ratesDigest = ratesDigest
  }

  /// Every day from the first one with a row, ten years back at most, to a date.
  func days(through date: CalendarDate) -> [CalendarDate] {
    let earliest = MetricsPlan.earliest(date)
    let first = content.flatMap { Array($0.dates) }
      .map { zones.dates(ofUTCDay: $0).lowerBound }.filter { $0 >= earliest }.min()
    guard let first, first <= date else { return [] }
    return Array(first...date)
  }

  /// The digest of the rows that local days, with their windows, are made of.
  func digest(_ days: Range<CalendarDate>) -> String {
    let last = days.upperBound.adding(days: -1)
    let utcDays = zones.utcDays(of: days.lowerBound.adding(days: 1 - window)...last)
    return SHA256.hexadecimalDigest(
      of: content.map { $0.digest(utcDays) }.joined(separator: "\n") + ratesDigest
        + (last > over.last ? " pending" : ""))
  }
}

/// Reads partitions and tallies the metrics of the days of some months.
struct DayWork: Sendable {
  let plan: [DeclaredMetric]
  let window: Int
  let project: Project
  let reader: PartReader
  let zones: CompanyZones
  let currency: CurrencyCode
  let rates: ExchangeRates?

  struct Output: Sendable {
    var days: [MetricPeriod]
    var months: [MetricPeriod]
    var rowsRead: Int
    /// The rates that sums of days were converted by.
    var rateUses: Set<RateUse> = []
  }

  /// The rows of some days, and of some months, both ascending and close to each other.
  func rows(days: [CalendarDate], months: [CalendarDate]) throws -> Output {
    let first = [days.first, months.first].compactMap(\.self).min()
    let last = [days.last, months.last.map { $0.adding(days: $0.daysInMonth - 1) }]
      .compactMap(\.self).max()
    guard let first, let last else { return Output(days: [], months: [], rowsRead: 0) }
    let range = first.adding(days: 1 - window)..<last.adding(days: 1)
    var byDay: [CalendarDate: [MetricTableRow]] = [:]
    var byMonth: [CalendarDate: [MetricTableRow]] = [:]
    var rowsRead = 0
    var rateUses: Set<RateUse> = []
    let groups = Dictionary(grouping: plan.filter { !$0.isRatio }, by: \.dataset.name)
    for name in groups.keys.sorted() {
      guard let metrics = groups[name], let dataset = project.dataset(name),
        let time = dataset.timeColumn
      else { continue }
      var tally = DeclaredTally(
        metrics, dataset: dataset, timeColumn: time, days: range, zones: zones, currency: currency,
        rates: rates)
      for day in zones.utcDays(of: first.adding(days: 1 - window)...last) {
        let kept = try reader.readDeduplicated(dataset, days: day...day, columns: tally.columns)
        for batch in kept.batches {
          rowsRead += batch.rowCount
          try tally.add(batch)
        }
      }
      rateUses.formUnion(tally.rateUses)
      let made = tally.rows(days: days, months: months)
      for (date, rows) in made.days { byDay[date, default: []] += rows }
      for (month, rows) in made.months { byMonth[month, default: []] += rows }
    }
    let ratios = plan.filter(\.isRatio)
    func period(_ start: CalendarDate, _ rows: [MetricTableRow]) -> MetricPeriod {
      let all = rows + ratioRows(ratios, of: rows, on: start)
      return MetricPeriod(start: start, declared: MetricTableRow.order(of: all).map { all[$0] })
    }
    return Output(
      days: days.map { period($0, byDay[$0] ?? []) },
      months: months.map { period($0, byMonth[$0] ?? []) }, rowsRead: rowsRead, rateUses: rateUses)
  }
}
