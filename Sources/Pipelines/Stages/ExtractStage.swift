import AlmanacCore
import Columns
import Postgres
import Synchronization

/// Brings the data directory to one instant of the source.
///
/// All tables are locked against truncation and rewriting before the snapshot is taken, so the rows
/// of all datasets are of one cut. Connections beside the first import that snapshot. What earlier
/// cuts brought is not read again where the mode of the dataset allows it.
package struct ExtractStage: Stage {
  package let name = "extract"
  /// The datasets to read.
  package let datasets: [DatasetDefinition]

  /// How large tables are read for the first time.
  var loading = LoadSettings()

  /// A stage that reads the given datasets.
  package init(datasets: [DatasetDefinition]) {
    self.datasets = datasets
  }

  package func run(in context: RunContext) throws -> StageOutcome {
    var outcome = StageOutcome()
    outcome.notices += try noticesOnDirectory(context)
    // Without a manifest nothing tells what is stray until everything is read.
    if context.directory.foundDigest != nil { try context.directory.removeStrayFiles() }
    let manifest = try repairing(in: context) { try extract(in: context, into: &outcome) }
    try record(manifest, in: context)
    return outcome
  }

  /// Reads everything and replaces the manifest, while the source is counted on another thread.
  private func extract(
    in context: RunContext, into outcome: inout StageOutcome
  ) throws -> Manifest {
    let counting = SourceCounting()
    let result: Result<Manifest, any Error> = ThreadCrew.work { crew in
      Result { try extract(in: context, into: &outcome, counting, on: crew) }
    } beside: { _ in
      counting.work()
    }
    return try result.get()
  }

  private func extract(
    in context: RunContext, into outcome: inout StageOutcome, _ counting: SourceCounting,
    on crew: ThreadCrew
  ) throws -> Manifest {
    let extraction = Extraction(
      context: context, loading: loading,
      held: try HeldDatasets(datasets, in: context.directory), counting: counting, on: crew)
    let (results, notices) = try extraction.read(datasets)
    var manifest = context.directory.manifest
    manifest.maintainedFrom = nil
    var reports: [ExtractionReport] = []
    for result in results {
      let (entry, report) = try extraction.merge(result)
      manifest.datasets[result.definition.name] = entry
      if let apart = try extraction.apart(result.definition) {
        manifest.apart?[result.definition.name] = apart
      }
      manifest[load: result.definition.name] = nil
      reports.append(report)
    }
    let counts = try counting.counts(of: crew)
    for result in results {
      var findings = result.findings
      findings.sourceCounts = findings.sourceCounts ?? counts[result.definition.name]
      context.memo.findings.withLock { $0[result.definition.name] = findings }
    }
    try context.directory.commit(manifest)
    try DamagedParts.forget(datasets.map(\.name), in: context.directory.path)
    outcome.notices += notices
    for report in reports { outcome.add(report) }
    return manifest
  }

  /// Does some work again when it meets a damaged part, as long as there are further ones.
  ///
  /// The whole dataset of the part is looked through then, so that it is not met part by part.
  private func repairing<Result>(
    in context: RunContext, _ work: () throws -> Result
  ) throws -> Result {
    let directory = context.directory
    for _ in datasets {
      do {
        return try work()
      } catch let error as PipelineError {
        guard case .damagedPart(let path, _) = error else { throw error }
        let name = String(path.prefix { $0 != "/" })
        let damaged = try (directory.manifest.datasets[name]?.parts ?? []).filter { part in
          try !directory.reader.isSound(part)
        }
        guard !damaged.isEmpty else { throw error }
        try DamageList(directory: directory.path).add(damaged.map(\.path))
      }
    }
    return try work()
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
          : "\(path) is not the data folder of the last run; what is read goes by what it holds"
      ]
    }
    // A load that was cut off has written the manifest, and says itself that it goes on.
    if last.manifestDigest != directory.extractedDigest, directory.manifest.loads == nil {
      return directory.notices + [
        "\(path) is not as the last run left it (an older copy, or a run that was cut off?); "
          + "what is read goes by what it holds"
      ]
    }
    return directory.notices
  }

  /// Records the directory and the cut with the run, and a watermark for each dataset.
  private func record(_ manifest: Manifest, in context: RunContext) throws {
    let digest = try manifest.digest()
    guard let first = datasets.lazy.compactMap({ manifest.datasets[$0.name] }).first else { return }
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

/// What reading and merging one dataset gave, in numbers and words.
struct ExtractionReport: Equatable {
  var dataset: String
  /// The rows that the source sent.
  var rowsRead: Int
  /// Those that were not held before.
  var rowsNew: Int
  /// The size of the files that are new.
  var bytes: Int
  var notices: [String]
}

extension StageOutcome {
  /// Adds what came of one dataset.
  fileprivate mutating func add(_ report: ExtractionReport) {
    rowsIn += report.rowsRead
    rowsOut += report.rowsNew
    bytes += report.bytes
    note(report.dataset, report.rowsRead)
    notices += report.notices
  }
}
