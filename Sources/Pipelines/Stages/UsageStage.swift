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
        [], [], UsageTally(), (agentLedger, knownDays.keys.sorted()),
        (periodLedger, knownMonths.keys.sorted()), in: context, &outcome)
      return outcome
    }
    let settings = SHA256.hexadecimalDigest(
      of: "usage \(UsageStage.version)\nzone \(context.zone.name)\n"
        + "agent \(try UsageReading.agentColumn(events) ?? "")\n")
    let content = context.directory.manifest.days(of: dataset)
    let end = context.date.adding(days: 1)
    func isPending(_ entry: IntervalEntry, _ known: IntervalEntry?) -> Bool {
      context.isForced || known?.inputs != entry.inputs || known?.settings != entry.settings
    }
    // The days that rollups keep, those after the logical date too, which they keep up as well.
    let days = try LedgerReading(context.lock.connection).intervals(of: "rollup").keys.sorted()
      .map { date in
        IntervalEntry(
          start: date, end: date.adding(days: 1),
          inputs: content.digest(context.zone.utcDays(of: date...date)), settings: settings,
          outputs: "", rows: 0)
      }
    let months = try months(of: periods(in: context, &outcome), content, settings, in: context)
    let pendingDays = days.filter { isPending($0, knownDays[$0.start]) }
    let pendingMonths = months.filter { isPending($0.entry, knownMonths[$0.entry.start]) }
    let dates = Set(pendingDays.map(\.start))
    let periods = pendingMonths.flatMap(\.periods)
    let reading = UsageReading(
      events: events, reader: context.directory.reader, zone: context.zone, dates: dates,
      periods: PeriodIndex(periods, before: end))
    let tally = try tally(reading, dates, periods, content, in: context)
    outcome.rowsIn = tally.rows
    let reconciliation = UsageReconciliation(connection: context.lock.connection, tally: tally)
    try reconciliation.checkCalls(on: dates)
    try reconciliation.checkModules(of: periods, before: end)
    let goneDays = Set(knownDays.keys).subtracting(days.map(\.start)).sorted()
    let goneMonths = Set(knownMonths.keys).subtracting(months.map(\.entry.start)).sorted()
    try write(
      pendingDays, pendingMonths, tally, (agentLedger, goneDays), (periodLedger, goneMonths),
      in: context, &outcome)
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
    for date in dates { wanted.formUnion(context.zone.utcDays(of: date...date)) }
    for days in Set(periods.map { $0.start...min($0.end.adding(days: -1), context.date) }) {
      wanted.formUnion(context.zone.utcDays(of: days))
    }
    let pieces = Dictionary(
      grouping: content.dates.filter(wanted.contains).sorted(), by: \.monthStart)
    let tallies = try mapConcurrently(
      pieces.keys.sorted().map { pieces[$0] ?? [] }, jobs: context.jobs, context: {},
      work: { _, days in try reading.tally(days) })
    var tally = UsageTally()
    for other in tallies { tally.add(other) }
    return tally
  }
}
