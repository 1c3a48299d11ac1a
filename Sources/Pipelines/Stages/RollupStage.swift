import AlmanacCore
import Codecs
import Postgres
package import Rollups

/// Aggregates events by hour, day and month, unless forced only for days whose input changed.
///
/// The ledger keeps, for each day, the digest of the parts and exchange rates it was computed from. A
/// day whose digest or settings differ is computed again, and its rows are replaced in the transaction
/// that records it; so is a month of which a day was; so late rows, deleted rows, another data directory and a changed setting all end in
/// the tables of a run from scratch.
package struct RollupStage: Stage {
  package let name = "rollup"
  /// The grains to write.
  package let grains: [RollupGrain]
  /// The dataset that holds the events.
  package static let dataset = "events"

  /// Events that one transaction's days may hold together, unless a single day holds more.
  static let maximumChunkRows = 1_000_000
  /// Days that one transaction may replace.
  static let maximumChunkDays = 92

  /// The most rows of groups with late rows that all threads keep together.
  static let maximumLateRows = 4_000_000
  /// A day with more than one late row in so many is computed whole.
  let rowsPerLateRow: Int

  /// A stage that writes the given grains.
  ///
  /// - Parameters:
  ///   - grains: the grains.
  ///   - rowsPerLateRow: how many rows a day has at least for each late one of which only the groups
  ///     are computed again (DECISIONS.md, D-405).
  package init(grains: [RollupGrain], rowsPerLateRow: Int = 10) {
    self.grains = grains
    self.rowsPerLateRow = rowsPerLateRow
  }

  package func run(in context: RunContext) throws -> StageOutcome {
    var outcome = StageOutcome()
    guard let definition = context.project.dataset(RollupStage.dataset) else {
      throw PipelineError.notExtracted(dataset: RollupStage.dataset)
    }
    _ = try context.extracted(RollupStage.dataset)
    let coverage = try context.checkCoverage(of: definition)
    outcome.notices += coverage.notices
    let first = try context.zones().dates(ofUTCDay: coverage.days.lowerBound).lowerBound
    let plan = try self.plan(on: definition, from: first, in: context)
    outcome.note(plan.over, through: plan.newest)
    outcome.notices += plan.notices
    let (known, work, moves, uses) = (plan.known, plan.work, plan.moves, plan.uses)
    let (pending, forced) = (plan.pending, plan.forced)
    var inputs = plan.inputs
    outcome.note("days", plan.dates.count)
    outcome.note("days_computed", pending.count)
    let target = context.lock.settings
    let lateWork = LateWork(
      work: work, uses: uses, maximumRows: RollupStage.maximumLateRows / context.jobs)
    var late = try mapConcurrently(
      try lateMonths(pending, inputs: inputs, known: known, work, in: context), jobs: context.jobs,
      context: {}, work: { _, month in try lateWork.marked(month) }
    ).compactMap(\.self)
    // A rate that is missing must not leave some days in another currency than the rest.
    let isLate = Set(late.flatMap { $0.days.map(\.date) })
    _ = try mapConcurrently(
      chunks(pending.filter { !isLate.contains($0.date) }), jobs: context.jobs, context: {},
      work: { _, chunk in try work.requireRates(for: chunk) })
    let lateResults = try mapConcurrently(
      late, jobs: context.jobs, context: { try Connection(target, purpose: .target) },
      work: { connection, month in try lateWork.replace(month, on: connection) })
    late = zip(late, lateResults).compactMap { $1 == nil ? nil : $0 }
    let isDone = Set(late.flatMap { $0.days.map(\.date) })
    outcome.note("days_computed_in_part", isDone.count)
    var results = try mapConcurrently(
      chunks(pending.filter { !isDone.contains($0.date) }), jobs: context.jobs,
      context: { try Connection(target, purpose: .target) },
      work: { connection, chunk in try work.replace(chunk, on: connection) })
    results += lateResults.compactMap { $0?.days }
    for result in results {
      outcome.rowsIn += result.events
      outcome.rowsOut += result.written.values.reduce(0, +)
      for (date, digest) in result.inputs where inputs[date] != nil { inputs[date] = digest }
    }
    for grain in grains where grain != .month {
      outcome.note(grain.tableName, results.reduce(0) { $0 + ($1.written[grain] ?? 0) })
    }
    let repeated = results.reduce(0) { $0 + $1.repeated }
    if repeated > 0 {
      outcome.notices.append("events: \(repeated) repeated rows within a day were left out")
    }
    let withoutCurrency = results.reduce(0) { $0 + $1.withoutCurrency }
    if withoutCurrency > 0 {
      outcome.notices.append(
        "events: \(withoutCurrency) amounts without a usable currency are counted but not summed")
    }
    try updateMonths(
      work, inputs: inputs, forced: forced, done: lateResults.compactMap { $0?.month },
      in: context, outcome: &outcome)
    try moves.finish(in: context)
    context.directory.reader.keepRepeatedRows(of: definition)
    context.log(
      .info,
      "rollup: \(pending.count) of \(plan.dates.count) days computed, \(outcome.rowsOut) rows")
    return outcome
  }

  /// The months with days whose input only gained rows, and whether they can be computed with them:
  /// where nothing else changed since they were.
  private func lateMonths(
    _ pending: [RollupDay], inputs: [CalendarDate: String], known: [CalendarDate: IntervalDigests],
    _ work: RollupWork, in context: RunContext
  ) throws -> [LateMonth] {
    let byMonth = Dictionary(grouping: pending, by: \.date.monthStart)
    guard byMonth.contains(where: { $0.value.contains { !$0.lateParts.isEmpty } }) else {
      return []
    }
    let ledger = LedgerReading(context.lock.connection)
    let months = try ledger.intervals(of: MonthWork.stage)
    let ends = try ledger.intervalEnds(of: MonthWork.stage)
    let closed = try context.closedMonth(of: name)
    let content = context.directory.manifest.days(of: RollupStage.dataset)
    return byMonth.sorted { $0.key < $1.key }.compactMap { start, days in
      let late = days.filter { !$0.lateParts.isEmpty }
      let inputs = inputs.filter { $0.key.monthStart == start }
      guard !late.isEmpty,
        let month = RollupMonth(
          start, inputs, content, work.settings.zones, earlierEnd: ends[start], closed: closed)
      else { return nil }
      let before = inputs.keys.reduce(into: [:]) { $0[$1] = known[$1]?.inputs }
      let isWhole =
        grains.contains(.month) && late.count == days.count
        && ends[start] == month.dates.upperBound
        && months[start]
          == IntervalDigests(
            inputs: RollupMonth.digest(of: before), settings: work.settingsDigest)
      return LateMonth(days: late, month: isWhole ? month : nil, inputs: inputs)
    }
  }

  /// The days to look at, ascending.
  ///
  /// All days up to the logical date, as far back as ``continuousDays``; before that only those
  /// that have events, since one event with a wrong year must not cost a millennium of days. And
  /// every day that is in the ledger: what the source no longer has, and later days that other
  /// settings computed.
  func dates(
    _ content: DatasetDays, known: [CalendarDate: IntervalDigests], _ zones: CompanyZones,
    in context: RunContext
  ) -> [CalendarDate] {
    var dates = Set(known.keys)
    let start = context.date.adding(days: 1 - RollupStage.continuousDays)
    for day in content.dates {
      let local = zones.dates(ofUTCDay: day)
      dates.formUnion(
        [local.lowerBound, day, local.upperBound].filter { $0 <= context.date })
    }
    if let first = dates.filter({ $0 >= start }).min(), first <= context.date {
      dates.formUnion(first...context.date)
    }
    return dates.sorted()
  }

  /// How far back every day is looked at: ten years.
  package static let continuousDays = 3_653

  /// The digest of everything besides the input that the rows depend on.
  func settingsDigest(_ context: RunContext) -> String {
    let text =
      "rollup 2\nzone \(context.zoneName)\ncurrency \(context.pipeline.currency)\n"
      + "grains \(grains.map(\.rawValue).sorted().joined(separator: ","))\n"
    return SHA256.hexadecimalDigest(of: text)
  }

  /// Groups neighbouring days into transactions.
  private func chunks(_ days: [RollupDay]) -> [[RollupDay]] {
    var chunks: [[RollupDay]] = []
    var rows = 0
    for day in days {
      if let last = chunks.last?.last, last.date.adding(days: 1) == day.date,
        rows + day.rows <= RollupStage.maximumChunkRows,
        chunks[chunks.count - 1].count < RollupStage.maximumChunkDays
      {
        chunks[chunks.count - 1].append(day)
        rows += day.rows
      } else {
        chunks.append([day])
        rows = day.rows
      }
    }
    return chunks
  }

  func work(
    on events: DatasetDefinition, _ conversion: RollupConversion, _ zones: CompanyZones,
    _ over: DatesOver, in context: RunContext
  ) -> RollupWork {
    var settings = RollupSettings(
      events: events, zones: zones, currency: context.pipeline.currency)
    if context.pipeline.countsCompanyDays { settings.over = over }
    conversion.apply(to: &settings)
    return RollupWork(
      grains: grains, settings: settings, conversion: conversion,
      settingsDigest: settingsDigest(context), dataset: events,
      reader: context.directory.reader,
      fence: context.lock.fence, run: context.run)
  }
}

extension RollupSettings {
  /// Settings for the columns that a dataset of events has.
  ///
  /// Time and company are those that the definition names; what is optional and not declared is
  /// not aggregated.
  init(events: DatasetDefinition, zones: CompanyZones, currency: CurrencyCode) {
    self.init(zone: zones.standard, currency: currency)
    self.zones = zones
    timestampColumn = events.timeColumn ?? timestampColumn
    companyColumn = events.tenantColumn ?? companyColumn
    func declared(_ name: String?) -> String? {
      name.flatMap { events[column: $0] == nil ? nil : $0 }
    }
    moduleColumn = declared(moduleColumn)
    userColumn = declared(userColumn)
    durationColumn = declared(durationColumn)
    amountColumn = declared(amountColumn)
    currencyColumn = declared(amountColumn.flatMap { events[column: $0]?.currencyColumn })
  }

  /// The names of all columns that are read.
  var columns: [String] {
    [eventTypeColumn, companyColumn, timestampColumn]
      + [moduleColumn, userColumn, amountColumn, currencyColumn, durationColumn].compactMap { $0 }
  }
}

extension RollupGrain {
  /// The table of schema `analytics` that holds the grain.
  package var tableName: String {
    switch self {
    case .hour: "hourly_rollups"
    case .day: "daily_rollups"
    case .month: "monthly_rollups"
    }
  }
}
