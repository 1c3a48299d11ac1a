import AlmanacCore
import Billing
import Codecs
import Columns
import Postgres
import Rollups

/// Counts the calls of each agent by day, and the use of each module by billing period.
///
/// Days and periods whose events, bills or settings changed are read again from the partitions and
/// held against the daily rollups; if a number differs, nothing is written. Then they are replaced,
/// those of a month in the transaction that records them.
package struct UsageStage: Stage {
  package let name = "usage"

  /// The version of the computation: another one computes everything again.
  private static let version = 1

  /// A stage.
  package init() {}

  /// The digest of everything besides rows that the numbers depend on.
  static func settingsDigest(_ events: DatasetDefinition, zone: String) throws -> String {
    SHA256.hexadecimalDigest(
      of: "usage \(version)\nzone \(zone)\nagent \(try UsageReading.agentColumn(events) ?? "")\n")
  }

  package func run(in context: RunContext) throws -> StageOutcome {
    var outcome = StageOutcome()
    let agentLedger = IntervalLedger(stage: "usage/agents", run: context.run)
    let periodLedger = IntervalLedger(stage: "usage/periods", run: context.run)
    let knownDays = try agentLedger.entries(on: context.lock.connection)
    let knownMonths = try periodLedger.entries(on: context.lock.connection)
    let dataset = RollupStage.dataset
    let isRolledUp = context.pipeline.stages.contains { stage in
      if case .rollup(let grains) = stage.settings { return grains.contains(.day) }
      return false
    }
    guard try context.hasDataset(dataset), isRolledUp,
      let events = context.project.dataset(dataset)
    else {
      outcome.notices.append(
        isRolledUp
          ? "\(dataset): is not there; agents and usage are switched off"
          : "the pipeline rolls up no days to hold against; agents and usage are switched off")
      try write(
        [], [], UsageCounts(), try context.datesOver(through: context.date),
        (agentLedger, knownDays.keys.sorted()),
        (periodLedger, knownMonths.keys.sorted()), in: context, &outcome)
      return outcome
    }
    let settings = try UsageStage.settingsDigest(events, zone: context.zoneName)
    let content = context.directory.manifest.days(of: dataset)
    let zones = try context.zones()
    let moves = try ZoneMoves(name, zones, table: "agent_metrics", in: context)
    let again = (
      days: try context.redone(agentLedger.stage), months: try context.redone(periodLedger.stage)
    )
    func isPending(_ entry: IntervalEntry, _ known: IntervalEntry?) -> Bool {
      known?.inputs != entry.inputs || known?.settings != entry.settings
    }
    // The days that rollups keep, those after the logical date too, which they keep up as well.
    let rolledUp = try LedgerReading(context.lock.connection).intervals(of: "rollup").keys.sorted()
    let newest = max(context.date, rolledUp.last ?? context.date)
    let over = try context.datesOver(through: newest)
    outcome.note(over, through: newest)
    let days = rolledUp.map { date in
      IntervalEntry(
        start: date, end: date.adding(days: 1),
        inputs: content.digest(zones.rollupDays(of: date...date))
          + (date > over.last ? " pending" : ""),
        settings: settings, outputs: "", rows: 0)
    }
    let months = months(
      of: try periods(in: context, zones, over, through: newest, &outcome), content, settings,
      zones, over)
    let pendingDays = days.filter {
      moves.concern($0.start) || again.days.concern($0.start, $0.end)
        || isPending($0, knownDays[$0.start])
    }
    let memo = UsageMemo(dataset: dataset, in: context.directory.path)
    let pendingMonths = months.compactMap { month -> UsageMonth? in
      let isAskedFor = again.months.concern(month.entry.start, month.entry.end)
      let known = knownMonths[month.entry.start]
      guard isAskedFor || isPending(month.entry, known) else { return nil }
      var month = month
      let isKept = !isAskedFor && known?.settings == settings
      month.choose(
        but: isKept ? memo.periods(of: month.entry.start, inputs: known?.inputs ?? "") : [])
      return month
    }
    let dates = Set(pendingDays.map(\.start))
    let periods = pendingMonths.flatMap(\.pending)
    let reading = UsageReading(
      events: events, reader: context.directory.reader, zones: zones, over: over,
      dates: dates, periods: PeriodIndex(periods, over))
    let tally = try tally(reading, dates, periods, content, in: context)
    outcome.rowsIn = tally.rows
    let counts = tally.counts()
    let reconciliation = UsageReconciliation(
      connection: context.lock.connection, counts: counts, over: over)
    try reconciliation.checkCalls(on: dates)
    try reconciliation.checkModules(of: periods)
    let goneDays = Set(knownDays.keys).subtracting(days.map(\.start)).sorted()
    let goneMonths = Set(knownMonths.keys).subtracting(months.map(\.entry.start)).sorted()
    try write(
      pendingDays, pendingMonths, counts, over, (agentLedger, goneDays), (periodLedger, goneMonths),
      in: context, &outcome)
    try moves.finish(in: context)
    memo.write(months)
    context.directory.reader.keepRepeatedRows(of: events)
    outcome.note("days", days.count)
    outcome.note("days_computed", pendingDays.count)
    outcome.note("periods", months.reduce(0) { $0 + $1.periods.count })
    outcome.note("periods_computed", periods.count)
    context.log(
      .info,
      "usage: \(pendingDays.count) of \(days.count) days and \(periods.count) periods computed")
    return outcome
  }

  /// Reads the events of days and periods, a month of partitions in one piece.
  private func tally(
    _ reading: UsageReading, _ dates: Set<CalendarDate>, _ periods: [UsagePeriod],
    _ content: DatasetDays, in context: RunContext
  ) throws -> UsageTally {
    var wanted = Set<CalendarDate>()
    for date in dates { wanted.formUnion(reading.zones.rollupDays(of: date...date)) }
    for days in Set(periods.map { $0.start..<$0.end(reading.over) }) where !days.isEmpty {
      wanted.formUnion(
        reading.zones.rollupDays(of: days.lowerBound...days.upperBound.adding(days: -1)))
    }
    let pieces = Dictionary(
      grouping: content.dates.filter(wanted.contains).sorted(), by: \.monthStart)
    let tallies = try mapConcurrently(
      pieces.keys.sorted().map { pieces[$0] ?? [] }, jobs: context.jobs, context: {},
      work: { _, days in try reading.tally(days) })
    var tally = UsageTally(dates)
    for other in tallies { tally.add(other) }
    return tally
  }
}
