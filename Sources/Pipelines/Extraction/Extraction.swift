import AlmanacCore
import Columns
import Postgres

/// Reads datasets under one cut and merges them with what the data directory holds.
struct Extraction {
  private let context: RunContext
  private let writer: PartWriter

  private let loading: LoadSettings
  private let held: HeldDatasets
  private let counting: SourceCounting
  private let crew: ThreadCrew

  /// An extraction of a run; `crew` are the threads that do what `counting` is told to.
  init(
    context: RunContext, loading: LoadSettings, held: HeldDatasets, counting: SourceCounting,
    on crew: ThreadCrew
  ) {
    self.context = context
    self.held = held
    self.counting = counting
    self.crew = crew
    self.loading = loading
    writer = PartWriter(path: context.directory.path)
  }

  /// A dataset as it was read.
  struct Result {
    var reading: DatasetReading
    var rows: DatasetRows
    /// The rows that the load read now.
    var loadedRows = 0
    var watermark: Watermark
    /// The clock of the source at the cut.
    var cutClock: Timestamp
    /// How the values that arrive as text were read, those of the load included.
    var findings = DatasetFindings()
    /// What the contract has to look at, of this extraction and of those since it last held.
    var unchecked: Manifest.Dataset.Unchecked?

    var definition: DatasetDefinition { reading.plan.definition }
  }

  /// Reads the datasets: large tables for the first time chunk by chunk, then all under one cut.
  func read(_ datasets: [DatasetDefinition]) throws -> (results: [Result], notices: [String]) {
    let coordinator = try Connection(context.source, purpose: .source)
    let (datasets, absences) = try present(datasets, on: coordinator)
    // What is missing is found here, with a message that names it.
    for dataset in datasets {
      let plan = try DatasetPlan(dataset, on: coordinator)
      // How much an increment brings is not known before.
      let isWhole = !dataset.readsByTransaction || held.datasets[dataset.name] == nil
      context.progress.report(
        dataset: dataset.name, rows: 0, bytes: 0,
        expectedRows: isWhole ? plan.table?.expectedRows : nil)
    }
    let (notices, loaded) = try TableLoad(
      context: context, settings: loading, held: held, writer: writer
    ).run(datasets, on: coordinator)
    var results = try readCut(datasets, on: coordinator)
    for index in results.indices {
      results[index].loadedRows = loaded[results[index].definition.name] ?? 0
    }
    return (results, absences + notices)
  }

  /// The datasets that the source has, and a line for each optional one that it has not.
  ///
  /// An optional dataset that is held is read, and its missing table is an error: what was computed
  /// with it must not change in silence (DECISIONS.md, D-193).
  private func present(
    _ datasets: [DatasetDefinition], on coordinator: Connection
  ) throws -> (datasets: [DatasetDefinition], notices: [String]) {
    var found: [DatasetDefinition] = []
    var notices: [String] = []
    for dataset in datasets {
      if context.directory.manifest.datasets[dataset.name] == nil,
        let absence = try dataset.absence(on: coordinator)
      {
        notices.append(absence)
      } else {
        found.append(dataset)
      }
    }
    return (found, notices)
  }

  /// Reads the datasets under one cut, which ends with this call.
  private func readCut(
    _ datasets: [DatasetDefinition], on coordinator: Connection
  ) throws -> [Result] {
    let plans = try datasets.map { try DatasetPlan($0, on: coordinator) }
    let tables = plans.compactMap(\.lockableTable)
    let holder = try hold(
      plans.filter { $0.table?.isMaterializedView ?? true }.map(\.definition))
    let moment = try SourceMoment(coordinator)
    let results = try coordinator.transaction(.repeatableReadReadOnly(snapshot: nil)) {
      // The first query takes the snapshot, LOCK does not: a table that was truncated after the
      // snapshot and before its lock would read as empty.
      if !tables.isEmpty {
        // What the holder keeps from being altered may be what somebody waits for who is in the way.
        if holder != nil {
          try coordinator.run("SET LOCAL lock_timeout = \(Connection.sourceLockPatience)")
        }
        try coordinator.runScript(
          "LOCK TABLE \(tables.map(\.quoted).joined(separator: ", ")) IN ACCESS SHARE MODE")
      }
      let plans = try datasets.map { try DatasetPlan($0, on: coordinator) }
      let cut = try SourceCut(coordinator, isShared: true, after: moment)
      context.log(.info, "extract: one cut of the source at \(cut.takenAt)")
      var results = try read(plans, at: cut, on: coordinator)
      let isDurable = try cut.isDurable(coordinator, patience: 1_000)
      for index in results.indices {
        results[index].watermark = watermark(of: results[index], at: cut, isDurable: isDurable)
        results[index].unchecked = try unchecked(of: results[index])
      }
      let apart = beginCounting(results, at: cut)
      for index in results.indices {
        results[index].findings = try findings(
          of: results[index], on: coordinator, counts: !apart.contains(index))
      }
      return results
    }
    try holder?.run("COMMIT")
    return results
  }

  /// Keeps what `LOCK` does not take from being refreshed, truncated or rewritten meanwhile:
  /// materialized views, and all that queries read.
  ///
  /// - Parameter datasets: those that are read from these.
  /// - Returns: the connection whose open transaction does so, `nil` if there is none to keep.
  /// - Throws: what the server reports.
  private func hold(_ datasets: [DatasetDefinition]) throws -> Connection? {
    if datasets.isEmpty { return nil }
    let holder = try Connection(context.source, purpose: .source)
    try holder.run("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY")
    for dataset in datasets {
      try dataset.blamingQuery {
        _ = try holder.run("SELECT FROM \(dataset.sqlSource) LIMIT 0")
      }
    }
    return holder
  }

  /// The watermark of what was read of a dataset.
  ///
  /// A cut that a crash of the source may still undo keeps the horizon of the one before, and so
  /// does a bounded increment for the next one without a bound.
  private func watermark(of result: Result, at cut: SourceCut, isDurable: Bool) -> Watermark {
    let extent = result.reading.extent
    var watermark = cut.watermark(
      of: result.reading.plan.table, horizon: isDurable ? cut.horizon : extent.horizon,
      after: extent.isIncrement ? result.reading.base?.watermark : nil)
    watermark.takenAt = result.reading.seen.description
    if result.definition.mode == .overlap { watermark.changedThrough = cut.changedThrough }
    if isDurable, cut.source.writesLog { watermark.flushedPosition = watermark.logPosition }
    if let base = result.reading.base?.watermark, result.reading.bound?.applies ?? false {
      watermark.unboundedAt = base.unboundedAt
      watermark.unboundedHorizon = base.unboundedHorizon ?? base.horizon
    }
    return watermark
  }

  /// Begins to count the datasets of which all days are counted, beside what follows.
  ///
  /// - Returns: their places; none where there is no thread to spare.
  private func beginCounting(_ results: [Result], at cut: SourceCut) -> Set<Int> {
    let places = results.indices.filter {
      results[$0].definition.wantsSourceCounts && results[$0].unchecked?.coversAllDays ?? false
    }
    if places.isEmpty { return [] }
    let work = SourceCounting.Work(
      source: context.source, cut: cut, plans: places.map { results[$0].reading.plan },
      forgotten: context.directory.manifest.forgotten ?? [])
    return counting.begin(work, on: crew) ? Set(places) : []
  }

  /// What the check stage has to know of a dataset, where `counts` says so with what the source holds
  /// under the cut.
  private func findings(
    of result: Result, on coordinator: Connection, counts: Bool
  ) throws -> DatasetFindings {
    let definition = result.definition
    let unchecked = result.unchecked ?? .nothing
    var findings = DatasetFindings(lifted: unchecked.lifted)
    findings.missedByBound = missedByBound(result, held: held.datasets[definition.name])
    if counts, definition.wantsSourceCounts {
      // Rows of days that were pruned are ignored.
      let floor = held.datasets[definition.name]?.floor ?? ""
      findings.sourceCounts = try SourceCounts(
        definition,
        days: unchecked.coversAllDays
          ? nil : unchecked.days.filter { $0 >= floor }.compactMap { CalendarDate($0) },
        without: context.directory.manifest.forgotten ?? [], on: coordinator)
    }
    return findings
  }

  /// What this extraction noticed, with what earlier ones did since the contract last held.
  private func unchecked(of result: Result) throws -> Manifest.Dataset.Unchecked? {
    let definition = result.definition
    guard definition.wantsFindings else { return nil }
    var findings = DatasetFindings()
    var days: Set<String> = []
    var coversAllDays = false
    let load = context.directory.manifest[load: definition.name]
    if let held = held.datasets[definition.name], let open = held.unchecked {
      let memo = try ContractMemo(
        dataset: definition.name, in: context.directory.path, isEmpty: false)
      if !memo.hasHeld(at: held.watermark.takenAt) {
        // Of what is read whole every value is counted again.
        if result.reading.extent.isIncrement, load == nil { findings.add(open.lifted) }
        days.formUnion(open.days)
        coversAllDays = open.coversAllDays
      }
    }
    for chunk in load?.chunks ?? [] { findings.add(chunk.lifted ?? []) }
    findings.add(result.rows.lifted)
    // Chunks in no order of time lie in files without a day.
    let loaded = load?.parts ?? []
    coversAllDays = coversAllDays || loaded.contains { $0.date == nil }
    days.formUnion(loaded.compactMap(\.date))
    days.formUnion(result.rows.days(time: definition.timeColumn).map(\.description))
    return Manifest.Dataset.Unchecked(
      lifted: findings.lifted, days: days.sorted(), coversAllDays: coversAllDays)
  }

  private func read(
    _ plans: [DatasetPlan], at cut: SourceCut, on coordinator: Connection
  ) throws -> [Result] {
    var readings = try plans.map { try reading(of: $0, at: cut) }
    for index in readings.indices { try readings[index].findIndexes(on: coordinator) }
    let log = context.log
    let rows = try CutReading(
      readings, at: cut, writer: writer, progress: context.progress,
      forgotten: context.directory.manifest.forgotten ?? []
    ).read(from: context.source, jobs: context.jobs) { dataset, rows in
      log(.info, "extract: \(plans[dataset].definition.name), \(counted(rows, "row"))")
    }
    return zip(readings, rows).map { reading, rows in
      Result(
        reading: reading, rows: rows,
        watermark: cut.watermark(of: reading.plan.table, horizon: nil), cutClock: cut.clock)
    }
  }

  /// What is to be read of a dataset under the cut.
  private func reading(of plan: DatasetPlan, at cut: SourceCut) throws -> DatasetReading {
    let definition = plan.definition
    let load = context.directory.manifest[load: definition.name]?.dataset
    let base = load ?? held.datasets[definition.name]
    let repair = load == nil ? held.repairs[definition.name] : nil
    // What a standby does not show yet would look deleted, or be read twice.
    if let base, base.watermark.isAhead(ofStandby: cut) {
      throw PipelineError.standbyBehind(dataset: definition.name)
    }
    let extent = DatasetExtent(plan, held: base, repair: repair, at: cut)
    let earlier = [base, held.datasets[definition.name]].compactMap { $0?.watermark.takenAt }
    var reading = DatasetReading(
      plan: plan, extent: extent, base: base, repair: repair, seen: cut.clock(after: earlier))
    guard case .increment(let horizon, _) = extent, let base else { return reading }
    reading.heldRows = try HeldRows(
      base.parts, reader: context.directory.reader, key: definition.key,
      window: TransactionWindow(horizon: horizon, next: cut.next))
    if load == nil {
      reading.bound = IncrementBound(definition, watermark: base.watermark, at: cut)
    }
    if definition.deletes == .keySweep { reading.sweep = KeySweep(key: definition.key) }
    return reading
  }

  /// Writes what was read of a dataset and merges it with what is held.
  ///
  /// - Returns: the dataset's entry of the manifest, and what to tell of it.
  func merge(_ result: Result) throws -> (Manifest.Dataset, ExtractionReport) {
    let definition = result.definition
    let reading = result.reading
    let held = held.datasets[definition.name]
    var merge = DatasetMerge(
      definition: definition, reader: context.directory.reader, writer: writer)
    merge.jobs = context.jobs
    let whole = try parts(of: result.rows.whole, plan: reading.plan)
    let increment = try parts(of: result.rows.increment, plan: reading.plan)
    let merged = try merge.merging(
      DatasetMerge.Read(
        whole: whole, increment: reading.extent.isIncrement ? increment : nil,
        base: reading.base, isComplete: reading.readsAll),
      over: held)
    var parts = merged.parts
    if let tombstones = try tombstones(of: result, whole: whole, among: parts) {
      parts.append(tombstones)
    }
    var entry = Manifest.Dataset(
      watermark: result.watermark, definitionDigest: definition.digest,
      parts: parts.sorted { $0.path < $1.path })
    entry.firstCut = held?.firstCut ?? held?.watermark.takenAt ?? result.watermark.takenAt
    entry.floor = held?.floor
    entry.layout = definition.layout
    entry.unchecked = result.unchecked
    entry.missedByBound = missedByBound(result, held: held)
    entry.missedBound = entry.missedByBound == nil ? nil : definition.incrementBound
    let known = Set(held?.parts.map(\.path) ?? [])
    let read = result.rows.read + result.loadedRows
    let new = rowsNew(result, entry: entry, held: held)
    context.log(
      .info,
      "\(definition.name): \(counted(read, "row")) read, \(new) new, "
        + "\(max(0, read - new)) held already")
    let report = ExtractionReport(
      dataset: definition.name, rowsRead: read, rowsNew: new,
      bytes: parts.reduce(0) { $0 + (known.contains($1.path) ? 0 : $1.bytes) },
      notices: try notices(of: result, entry: entry) + merged.notices)
    return (entry, report)
  }

  /// The rows of forgotten companies with the columns of a definition that changed; `nil` where there
  /// are none, or nothing changed.
  func apart(_ definition: DatasetDefinition) throws -> Manifest.Dataset? {
    guard var entry = context.directory.manifest.apart?[definition.name],
      entry.definitionDigest != definition.digest
    else { return nil }
    let merge = DatasetMerge(
      definition: definition, reader: context.directory.reader, writer: writer)
    entry.parts = try entry.parts.map { part in
      part.holdsRows ? try merge.write(merge.conformed(rows: part), date: part.date) : part
    }
    entry.parts.sort { $0.path < $1.path }
    entry.definitionDigest = definition.digest
    entry.layout = definition.layout
    return entry
  }

  /// How many rows, or versions of rows, are held that were not held before.
  ///
  /// What is read whole takes the place of what is held, so there the difference counts; in mode
  /// full, which keeps nothing, every row is new.
  private func rowsNew(
    _ result: Result, entry: Manifest.Dataset, held: Manifest.Dataset?
  ) -> Int {
    // In mode changes versions are only added, and some of those that arrive are held already.
    let adds =
      result.reading.extent.horizon != nil && result.reading.base == held
      && result.definition.mode != .changes
    guard let held, result.definition.mode != .full, !adds || result.rows.whole.read > 0 else {
      return result.rows.read + result.loadedRows - result.rows.held
    }
    return max(0, entry.rows - held.rows)
  }

  /// What to tell of a dataset beside the merge.
  private func notices(of result: Result, entry: Manifest.Dataset) throws -> [String] {
    let name = result.definition.name
    var notices = result.rows.notices(dataset: name)
    if let repair = held.repairs[name] {
      notices.append(repair.notice(of: name))
      if let before = context.directory.manifest.datasets[name] {
        let loss = try RepairLoss(
          of: result.definition, from: before, to: entry, reader: context.directory.reader)
        notices += [loss?.notice].compactMap(\.self)
      }
    }
    if let held = held.datasets[name]?.watermark.takenAt, result.cutClock.description < held {
      notices.append(
        "\(name): the clock of the source was set back: the cut before was taken at \(held), this one at "
          + "\(result.cutClock); what is read now counts as seen just after it")
    }
    if case .whole(let reason?) = result.reading.extent {
      notices.append("\(name) is read whole: \(reason)")
    }
    // What ends a first load has no bound to apply.
    if result.definition.incrementBound != nil, result.reading.extent.horizon != nil,
      let bound = result.reading.bound, bound.instant == nil,
      result.watermark.oldestTransaction == nil
    {
      notices.append(
        "\(name): increment_bound is not applied, since nobody tells when the oldest open transaction "
          + "began: grant the role pg_read_all_stats, and end transactions that are prepared; a standby "
          + "never tells")
    }
    if let bound = result.reading.bound, bound.instant != nil, !bound.applies,
      case let missed = result.rows.increment.beyondBound, missed > 0
    {
      notices.append(
        "\(name): \(counted(missed, "row")) recorded earlier than increment_bound allows "
          + "\(missed == 1 ? "is" : "are") taken now, late")
    }
    return notices
  }

  /// The tombstones of keys that the source no longer has, `nil` where there are none.
  private func tombstones(
    of result: Result, whole: [Manifest.Part], among parts: [Manifest.Part]
  ) throws -> Manifest.Part? {
    let definition = result.definition
    guard definition.deletes == .keySweep else { return nil }
    let reader = context.directory.reader
    var sweep = result.reading.sweep
    if !result.reading.extent.isIncrement {
      let seen = KeySweep(key: definition.key)
      try seen.see(whole, reader: reader)
      sweep = seen
    }
    let instant = Timestamp(result.watermark.takenAt) ?? Timestamp(microseconds: 0)
    return try sweep?.tombstones(
      over: parts, of: definition.name, at: instant, reader: reader, writer: writer)
  }

  /// The rows that a bound would have missed, as the last increment without it found; what was found
  /// for another bound says nothing.
  private func missedByBound(_ result: Result, held: Manifest.Dataset?) -> Int? {
    guard result.definition.incrementBound != nil else { return nil }
    guard let bound = result.reading.bound, bound.instant != nil, !bound.applies else {
      return held?.missedBound == result.definition.incrementBound ? held?.missedByBound : nil
    }
    return result.rows.increment.beyondBound
  }

  /// The files of what was read; rows that waited in memory are written.
  private func parts(of rows: ReadRows, plan: DatasetPlan) throws -> [Manifest.Part] {
    var partitioner = plan.partitioner(writer)
    for batch in rows.waiting { try partitioner.add(batch) }
    return try rows.parts + partitioner.finish()
  }
}

/// What is held and sound, and what is damaged.
struct HeldDatasets {
  /// The datasets by name, without the damaged files.
  private(set) var datasets: [String: Manifest.Dataset] = [:]
  /// What has to be read again, by dataset.
  private(set) var repairs: [String: Repair] = [:]

  /// Looks at the files of some datasets.
  ///
  /// - Throws: ``PipelineError/layoutChanged(dataset:key:)`` where a dataset's file asks for another
  ///   order of what is held.
  init(_ definitions: [DatasetDefinition], in directory: DataDirectory) throws {
    for definition in definitions {
      guard var dataset = directory.manifest.datasets[definition.name] else { continue }
      // Mode full keeps nothing, so there is nothing to merge with.
      if dataset.layout?.mode == DatasetDefinition.Mode.full.rawValue, definition.mode != .full {
        continue
      }
      try definition.checkLayout(of: dataset)
      let damaged = try DamagedParts.of(dataset, in: directory.path)
      repairs[definition.name] = Repair(damaged, of: definition)
      let paths = Set(damaged.map(\.path))
      dataset.parts.removeAll { paths.contains($0.path) }
      datasets[definition.name] = dataset
    }
  }
}

extension DatasetDefinition {
  /// Throws if rows that are held are of other days, of other keys or of other versions than the
  /// definition makes of them: merged with new ones they would count twice or on a wrong day.
  ///
  /// Mode full replaces what is held, whatever it is.
  fileprivate func checkLayout(of held: Manifest.Dataset) throws(PipelineError) {
    guard mode != .full, let layout = held.layout, held.rows > 0 else { return }
    let wasVersioned = layout.mode == Mode.changes.rawValue && mode != .changes
    let movesDays =
      layout.time != timeColumn || layout.timeSQL.map { $0 != self.layout.timeSQL } ?? false
    let changed =
      wasVersioned ? "mode" : movesDays ? "time" : layout.key != key ? "key" : nil
    if let changed { throw .layoutChanged(dataset: name, key: changed) }
  }
}
