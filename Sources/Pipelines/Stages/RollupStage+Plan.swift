import AlmanacCore
import Rollups

/// Which days a run of the rollup stage computes, and why.
struct RollupPlan {
  /// Why a day is computed.
  enum Reason: Hashable, CaseIterable {
    /// It never was.
    case missing
    /// Zone, currency or grains are others.
    case definition
    /// Its rows, or the rates that its amounts took, are others.
    case rows
    /// Companies changed their zone.
    case moved
    /// It was asked for.
    case forced
  }

  /// What the ledger says of each day.
  var known: [CalendarDate: IntervalDigests]
  /// The last date that is kept up.
  var newest: CalendarDate
  /// Which dates are over when the logical date ends.
  var over: DatesOver
  /// The work on a day.
  var work: RollupWork
  /// The companies that changed their zone.
  var moves: ZoneMoves
  /// The rates that days took.
  var uses: [CalendarDate: [(currency: CurrencyCode, date: CalendarDate)]]
  /// The days that were looked at, ascending.
  var dates: [CalendarDate]
  /// The days to compute, ascending.
  var pending: [RollupDay] = []
  /// Why, one for each of ``pending``.
  var reasons: [Reason] = []
  /// The days that are computed whatever they were made from.
  var forced: Set<CalendarDate> = []
  /// The digest of what each day is made from.
  var inputs: [CalendarDate: String] = [:]
  /// Lines for a person.
  var notices: [String]
}

extension RollupStage {
  /// Finds the days to compute, by what is extracted and what the ledger says.
  ///
  /// - Parameters:
  ///   - definition: the dataset of events.
  ///   - first: the first day with an event.
  ///   - context: the run, or one that only plans.
  /// - Returns: the days with what else the stage needs.
  /// - Throws: what reading the ledger, zones and rates throws.
  func plan(
    on definition: DatasetDefinition, from first: CalendarDate, in context: RunContext
  ) throws -> RollupPlan {
    let ledger = LedgerReading(context.lock.connection)
    let known = try ledger.intervals(of: name)
    let newest = max(context.date, known.keys.max() ?? context.date)
    let zones = try context.zones()
    let over = try context.datesOver(through: newest)
    let uses = try ledger.rateUses(of: name)
    let (conversion, notices) = try conversion(in: context)
    let work = work(on: definition, conversion, zones, over, in: context)
    let moves = try ZoneMoves(name, zones, table: "daily_rollups", in: context)
    let content = context.directory.manifest.days(of: RollupStage.dataset)
    var plan = RollupPlan(
      known: known, newest: newest, over: over, work: work, moves: moves, uses: uses,
      dates: dates(content, known: known, zones, in: context), notices: notices)
    let entry = context.directory.manifest.datasets[RollupStage.dataset]
    // Without days the rates that they took are not known.
    let addsOnly =
      entry?.layout?.mode == DatasetDefinition.Mode.append.rawValue && entry?.floor == nil
      && grains.contains(.day)
    let again = try context.redone(name)
    for date in plan.dates {
      let utcDays = zones.rollupDays(of: date...date)
      var rowsDigest = content.digest(utcDays)
      if date > over.last { rowsDigest += " pending" }
      let digests = IntervalDigests(
        inputs: conversion.inputsDigest(rows: rowsDigest, uses: uses[date] ?? []),
        settings: work.settingsDigest)
      plan.inputs[date] = digests.inputs
      let isAskedFor = date <= context.date && again.concern(date, date.adding(days: 1))
      if isAskedFor || moves.concern(date) { plan.forced.insert(date) }
      guard known[date] != digests || plan.forced.contains(date) else { continue }
      let rows = content.rowCount(utcDays)
      let isForgotten = rows == 0 && date < first
      var day = RollupDay(
        date: date, rowsDigest: rowsDigest, rows: rows, isForgotten: isForgotten,
        isFirst: known.isEmpty && !plan.forced.contains(date))
      if addsOnly, !isForgotten, date <= over.last, !plan.forced.contains(date),
        let before = known[date], before.settings == work.settingsDigest
      {
        day.lateParts =
          content.added(to: utcDays) { digest in
            conversion.inputsDigest(rows: digest, uses: uses[date] ?? []) == before.inputs
          } ?? []
        let late = day.lateParts.reduce(0) { $0 + $1.rows }
        if late * rowsPerLateRow > rows { day.lateParts = [] }
      }
      plan.pending.append(day)
      plan.reasons.append(
        known[date] == nil
          ? .missing
          : known[date]?.settings != digests.settings
            ? .definition
            : known[date] != digests ? .rows : isAskedFor ? .forced : .moved)
      if isForgotten { plan.inputs[date] = nil }
    }
    return plan
  }
}
