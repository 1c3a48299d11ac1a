import AlmanacCore
import Codecs
import Columns
import Postgres

/// Reads every dataset whole, under one snapshot of the source, into the data directory.
///
/// All tables are locked against truncation and rewriting before the snapshot is taken, so the rows
/// of all datasets are of one instant. Connections beside the first import that snapshot;
/// each reads one dataset at a time.
package struct ExtractStage: Stage {
  package let name = "extract"
  /// The datasets to read.
  package let datasets: [DatasetDefinition]

  /// A stage that reads the given datasets.
  package init(datasets: [DatasetDefinition]) {
    self.datasets = datasets
  }

  package func run(in context: RunContext) throws -> StageOutcome {
    var outcome = StageOutcome()
    outcome.notices += try noticesOnDirectory(context)
    try context.directory.removeStrayFiles()
    let coordinator = try Connection(context.source, purpose: .source)
    // What is missing is found here, with a message that names it.
    let tables = try datasets.map { try DatasetPlan($0, on: coordinator) }.compactMap(
      \.lockableTable)
    let (manifest, extractions) = try coordinator.transaction(
      .repeatableReadReadOnly(snapshot: nil)
    ) {
      // The first query takes the snapshot, LOCK does not: a table that was truncated after the
      // snapshot and before its lock would read as empty.
      if !tables.isEmpty {
        try coordinator.runScript(
          "LOCK TABLE \(tables.map(\.quoted).joined(separator: ", ")) IN ACCESS SHARE MODE")
      }
      let plans = try datasets.map { try DatasetPlan($0, on: coordinator) }
      let cut = try SourceCut(coordinator)
      context.log(.info, "extract: one cut of the source at \(cut.takenAt)")
      for plan in plans {
        context.progress.report(
          dataset: plan.definition.name, rows: 0, bytes: 0, expectedRows: plan.expectedRows)
      }
      var extractions = try readAll(plans, at: cut, in: context)
      var manifest = context.directory.manifest
      for (plan, extraction) in zip(plans, extractions) {
        manifest.datasets[plan.definition.name] = Manifest.Dataset(
          watermark: cut.watermark(of: plan), definitionDigest: plan.definition.digest,
          parts: extraction.parts)
      }
      for (index, plan) in plans.enumerated() where plan.definition.wantsSourceCounts {
        extractions[index].findings.sourceCounts = try SourceCounts(
          plan.definition,
          days: DatasetDefinition.touchedDays(
            from: context.directory.manifest.days(of: plan.definition.name),
            to: manifest.days(of: plan.definition.name)), on: coordinator)
      }
      return (manifest, extractions)
    }
    try context.directory.commit(manifest)
    try record(manifest, in: context)
    for (dataset, extraction) in zip(datasets, extractions) {
      outcome.rowsIn += extraction.rows
      outcome.rowsOut += extraction.rows
      outcome.bytes += extraction.parts.reduce(0) { $0 + $1.bytes }
      outcome.note(dataset.name, extraction.rows)
      outcome.notices += extraction.notices
      context.findings[dataset.name] = extraction.findings
    }
    return outcome
  }

  /// What the state of the data directory tells against the ledger.
  private func noticesOnDirectory(_ context: RunContext) throws -> [String] {
    let directory = context.directory
    guard let last = try LedgerReading(context.lock.connection).lastExtraction() else {
      return directory.notices
    }
    let path = directory.path
    if last.directoryID != directory.identity.description {
      return directory.notices + [
        directory.foundDigest == nil
          ? "\(path) is new, the last run used another data folder; everything is read anew"
          : "\(path) is not the data folder of the last run; everything is read anew"
      ]
    }
    if last.manifestDigest != directory.foundDigest {
      return directory.notices + [
        "\(path) is not as the last run left it (an older copy, or a run that was cut off?); everything is read anew"
      ]
    }
    return directory.notices
  }

  private func readAll(
    _ plans: [DatasetPlan], at cut: SourceCut, in context: RunContext
  ) throws -> [DatasetExtraction] {
    let writer = PartWriter(path: context.directory.path)
    let source = context.source
    let log = context.log
    let progress = context.progress
    let snapshot = cut.exportedName
    return try mapConcurrently(
      plans, jobs: context.jobs, context: { try Connection(source, purpose: .source) },
      work: { connection, plan in
        let extraction = try connection.transaction(.repeatableReadReadOnly(snapshot: snapshot)) {
          try plan.extract(on: connection, to: writer, progress: progress)
        }
        log(.info, "extract: \(plan.definition.name), \(extraction.rows) rows")
        return extraction
      })
  }

  /// Records the directory and the cut with the run, and a watermark for each dataset.
  private func record(_ manifest: Manifest, in context: RunContext) throws {
    let digest = try manifest.digest()
    guard let first = datasets.first.flatMap({ manifest.datasets[$0.name] }) else { return }
    try context.ledger.recordExtraction(
      source: "\(first.watermark.systemIdentifier)/\(first.watermark.databaseOID)",
      directory: context.directory.identity, manifestDigest: digest,
      cut: first.watermark.takenAt)
    try context.ledger.recordWatermarks(
      datasets.compactMap { dataset in
        manifest.datasets[dataset.name].map { (dataset.name, $0) }
      }, directory: context.directory.identity, manifestDigest: digest)
  }
}

/// Which database a source is: another cluster or database is another source.
struct SourceIdentity: CustomStringConvertible {
  /// The cluster's system identifier, or `unknown` where the role may not read it.
  let systemIdentifier: String
  let databaseOID: String

  /// Reads the identity of the database a connection leads to.
  init(_ connection: Connection) throws {
    let rows = try connection.query(
      """
      SELECT
        (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
          AS database,
        pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') AS readable
      """)
    databaseOID = rows[0, "database"] ?? ""
    systemIdentifier =
      rows[0, "readable"] == "t"
      ? try connection.query(
        "SELECT system_identifier FROM pg_catalog.pg_control_system()")[0, "system_identifier"]
        ?? "unknown" : "unknown"
  }

  /// Cluster and database as the ledger records them.
  var description: String { "\(systemIdentifier)/\(databaseOID)" }
}

/// The instant of the source that all datasets are read at.
struct SourceCut {
  /// The name by which other connections import the snapshot.
  let exportedName: String
  let snapshot: String
  let takenAt: String
  let source: SourceIdentity

  /// Takes the cut of the connection's transaction.
  ///
  /// The clock is read after the snapshot is taken, so no row of the cut was recorded later.
  init(_ connection: Connection) throws {
    let rows = try connection.query(
      """
      SELECT pg_catalog.pg_export_snapshot() AS name, pg_catalog.pg_current_snapshot() AS snapshot,
        pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC',
          'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS taken
      """)
    exportedName = rows[0, "name"] ?? ""
    snapshot = rows[0, "snapshot"] ?? ""
    takenAt = rows[0, "taken"] ?? ""
    source = try SourceIdentity(connection)
  }

  /// The watermark of one dataset.
  func watermark(of plan: DatasetPlan) -> Watermark {
    Watermark(
      snapshot: snapshot, takenAt: takenAt, systemIdentifier: source.systemIdentifier,
      databaseOID: source.databaseOID, tableOID: plan.tableOID)
  }
}
