import AlmanacCore
import Columns
import Postgres

/// Reads datasets under one cut and merges them with what the data directory holds.
struct Extraction {
  private let context: RunContext
  private let writer: PartWriter

  private let loading: LoadSettings

  init(context: RunContext, loading: LoadSettings) {
    self.context = context
    self.loading = loading
    writer = PartWriter(path: context.directory.path)
  }

  /// A dataset as it was read.
  struct Result {
    var plan: DatasetPlan
    var extent: DatasetExtent
    /// What an increment is added to: what is held, or the load that ends with this cut.
    var base: Manifest.Dataset?
    var rows: DatasetRows
    /// The rows that the load read now.
    var loadedRows: Int
    var watermark: Watermark
    /// How the values that arrive as text were read, those of the load included.
    var findings = DatasetFindings()
  }

  /// Reads the datasets: large tables for the first time chunk by chunk, then all under one cut.
  func read(_ datasets: [DatasetDefinition]) throws -> (results: [Result], notices: [String]) {
    let coordinator = try Connection(context.source, purpose: .source)
    // What is missing is found here, with a message that names it.
    for dataset in datasets {
      let plan = try DatasetPlan(dataset, on: coordinator)
      // How much an increment brings is not known before.
      let isWhole =
        !dataset.readsByTransaction || context.directory.manifest.datasets[dataset.name] == nil
      context.progress.report(
        dataset: dataset.name, rows: 0, bytes: 0,
        expectedRows: isWhole ? plan.table?.expectedRows : nil)
    }
    let (notices, loaded) = try TableLoad(context: context, settings: loading, writer: writer)
      .run(datasets, on: coordinator)
    var results = try readCut(datasets, on: coordinator)
    for index in results.indices {
      results[index].loadedRows = loaded[results[index].plan.definition.name] ?? 0
    }
    return (results, notices)
  }

  /// Reads the datasets under one cut, which ends with this call.
  private func readCut(
    _ datasets: [DatasetDefinition], on coordinator: Connection
  ) throws -> [Result] {
    let tables = try datasets.map { try DatasetPlan($0, on: coordinator) }.compactMap(
      \.lockableTable)
    let oldest = try SourceCut.oldestTransaction(coordinator)
    return try coordinator.transaction(.repeatableReadReadOnly(snapshot: nil)) {
      // The first query takes the snapshot, LOCK does not: a table that was truncated after the
      // snapshot and before its lock would read as empty.
      if !tables.isEmpty {
        try coordinator.runScript(
          "LOCK TABLE \(tables.map(\.quoted).joined(separator: ", ")) IN ACCESS SHARE MODE")
      }
      let plans = try datasets.map { try DatasetPlan($0, on: coordinator) }
      let cut = try SourceCut(coordinator, isShared: true, oldestTransaction: oldest)
      context.log(.info, "extract: one cut of the source at \(cut.takenAt)")
      var results = try read(plans, at: cut)
      for index in results.indices {
        results[index].findings = try findings(of: results[index], on: coordinator)
      }
      return results
    }
  }

  /// What the check stage has to know of a dataset, counted in the source under the cut.
  private func findings(of result: Result, on coordinator: Connection) throws -> DatasetFindings {
    let definition = result.plan.definition
    let load = context.directory.manifest[load: definition.name]
    var findings = DatasetFindings()
    for chunk in load?.chunks ?? [] { findings.add(chunk.lifted ?? []) }
    findings.add(result.rows.lifted)
    if definition.wantsSourceCounts {
      let loaded = (load?.parts ?? []).compactMap(\.date).compactMap { CalendarDate($0) }
      findings.sourceCounts = try SourceCounts(
        definition,
        days: result.rows.days(time: definition.timeColumn).union(loaded).sorted(),
        on: coordinator)
    }
    return findings
  }

  private func read(_ plans: [DatasetPlan], at cut: SourceCut) throws -> [Result] {
    let manifest = context.directory.manifest
    let bases = plans.map { plan in
      manifest[load: plan.definition.name]?.dataset ?? manifest.datasets[plan.definition.name]
    }
    let extents = plans.indices.map { DatasetExtent(plans[$0], held: bases[$0], at: cut) }
    let held = try plans.indices.map { index -> HeldRows? in
      guard case .increment(let horizon, _) = extents[index] else { return nil }
      return try HeldRows(
        bases[index]?.parts ?? [], reader: context.directory.reader,
        key: plans[index].definition.key, horizon: horizon)
    }
    let log = context.log
    let rows = try CutReading(
      plans, extents, held: held, at: cut, writer: writer, progress: context.progress
    ).read(
      from: context.source, jobs: context.jobs
    ) { dataset, rows in
      log(.info, "extract: \(plans[dataset].definition.name), \(rows) rows")
    }
    return plans.indices.map { index in
      Result(
        plan: plans[index], extent: extents[index], base: bases[index], rows: rows[index],
        loadedRows: 0, watermark: cut.watermark(of: plans[index].table))
    }
  }

  /// Writes what was read of a dataset and merges it with what is held.
  ///
  /// - Returns: the dataset's entry of the manifest, and what to tell of it.
  func merge(_ result: Result) throws -> (Manifest.Dataset, ExtractionReport) {
    let definition = result.plan.definition
    let held = context.directory.manifest.datasets[definition.name]
    let merge = DatasetMerge(
      definition: definition, reader: context.directory.reader, writer: writer)
    let whole = try parts(of: result.rows.whole, plan: result.plan)
    let increment = try parts(of: result.rows.increment, plan: result.plan)
    var notices = result.rows.notices(dataset: definition.name)
    if case .whole(let reason?) = result.extent {
      notices.append("\(definition.name) is read whole: \(reason)")
    }
    let merged = try merge.merging(
      DatasetMerge.Read(
        whole: whole, increment: result.extent.isIncrement ? increment : nil, base: result.base),
      over: held)
    notices += merged.notices
    let parts = merged.parts
    var entry = Manifest.Dataset(
      watermark: result.watermark, definitionDigest: definition.digest,
      parts: parts.sorted { $0.path < $1.path })
    entry.firstCut = held?.firstCut ?? held?.watermark.takenAt ?? result.watermark.takenAt
    entry.floor = held?.floor
    entry.layout = definition.layout
    let known = Set(held?.parts.map(\.path) ?? [])
    let report = ExtractionReport(
      dataset: definition.name, rowsRead: result.rows.read + result.loadedRows,
      rowsNew: result.rows.read + result.loadedRows - result.rows.held,
      bytes: parts.reduce(0) { $0 + (known.contains($1.path) ? 0 : $1.bytes) }, notices: notices)
    return (entry, report)
  }

  /// The files of what was read; rows that waited in memory are written.
  private func parts(of rows: ReadRows, plan: DatasetPlan) throws -> [Manifest.Part] {
    var partitioner = plan.partitioner(writer)
    for batch in rows.waiting { try partitioner.add(batch) }
    return try rows.parts + partitioner.finish()
  }
}

extension DatasetExtent {
  /// Whether what is held goes on.
  var isIncrement: Bool {
    if case .increment = self { true } else { false }
  }
}
