import AlmanacCore
import Columns
import Files
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Pipelines

/// A folder of definitions and snapshots, beside the database of the running test, which is source
/// and target at once.
final class RunPlace {
  /// The folder; it is removed with this value.
  let path: String
  private let folder: URL
  private(set) var project: Project

  /// A place with datasets, each given as the lines below `dataset: NAME`, and days of a zone.
  init(_ datasets: KeyValuePairs<String, String> = [:], zone: String = "UTC") throws {
    folder = FileManager.default.temporaryDirectory
      .appending(path: "almanac-\(UUID().uuidString.prefix(13))")
    path = folder.path(percentEncoded: false)
    for name in ["pipelines", "models", "datasets"] {
      try FileSystem.createDirectories(path + "/" + name)
    }
    let pipeline = """
      {pipeline: nightly, schedule: "0 2 * * *", zone: \(zone), currency: GBP,
        stages: [extract: all]}
      """
    try FileSystem.writeAtomically(Array(pipeline.utf8), to: path + "/pipelines/nightly.yaml")
    for (name, text) in datasets {
      try FileSystem.writeAtomically(
        Array("dataset: \(name)\n\(text)\n".utf8), to: path + "/datasets/\(name).yaml")
    }
    project = try ProjectLoader(path: path, environment: [:]).load()
  }

  /// A place with the definitions of the repository, and the tables of the source contract, empty.
  ///
  /// The pipeline reports in `currency`; `metrics` replaces `models/metrics.yaml`; with
  /// `agents`, events have the column `agent_id`. Days are those of `zone`.
  init(
    shippedIn currency: String, metrics: String? = nil, agents: Bool = false, zone: String = "UTC"
  ) throws {
    folder = FileManager.default.temporaryDirectory
      .appending(path: "almanac-\(UUID().uuidString.prefix(13))")
    path = folder.path(percentEncoded: false)
    let repository = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().path(percentEncoded: false)
    for name in ["pipelines", "models", "datasets"] {
      try FileSystem.createDirectories(path + "/" + name)
      for file in try FileSystem.list(repository + "/" + name) where file.hasSuffix(".yaml") {
        var text = String(
          decoding: try FileSystem.read(repository + "/" + name + "/" + file), as: UTF8.self)
        if name == "pipelines" {
          text = text.replacingOccurrences(of: "currency: GBP", with: "currency: \(currency)")
            .replacingOccurrences(of: "zone: UTC", with: "zone: \(zone)")
        }
        if file == "metrics.yaml", let metrics { text = metrics }
        if file == "events.yaml", agents {
          text = text.replacingOccurrences(
            of: "  event_type: text\n",
            with: "  event_type: text\n  agent_id: uuid? = metadata->>'agent_id'\n")
        }
        try FileSystem.writeAtomically(Array(text.utf8), to: path + "/" + name + "/" + file)
      }
    }
    project = try ProjectLoader(path: path, environment: [:]).load()
    let schema = try FileSystem.read(repository + "/datasets/source-schema.sql")
    try TestDatabase.current.connect().runScript(String(decoding: schema, as: UTF8.self))
    try migrate()
  }

  deinit {
    try? FileManager.default.removeItem(at: folder)
  }

  /// The only dataset.
  var dataset: DatasetDefinition { project.datasets[0] }

  /// A context of a run of its own, which holds the lock for as long as it lives.
  func context(
    run: String, source: String? = nil, jobs: Int = 1,
    date: CalendarDate = CalendarDate(daysSinceEpoch: 20_454), zone: ZoneRules = .utc,
    log: @escaping @Sendable (String) -> Void = { _ in }
  ) throws -> RunContext {
    let settings = try ConnectionSettings(TestDatabase.current.url)
    let identifier = UUIDValue(run) ?? .zero
    let lock = try RunLock(
      TestDatabase.current.connect(), settings: settings, run: identifier, holder: "the test")
    return RunContext(
      run: identifier, project: project,
      pipeline: project.pipeline("nightly") ?? project.pipelines[0],
      date: date, zone: zone, jobs: jobs,
      source: try source.map { try ConnectionSettings($0) } ?? settings, lock: lock,
      ledger: Ledger(lock, run: identifier), directory: try DataDirectory(path: path + "/data"),
      log: LogSink(threshold: .debug) { _, line in log(line) }, findZone: RunPlace.systemZone)
  }

  /// The rules of a zone of the system, `nil` for unknown names.
  static func systemZone(_ name: String) -> ZoneRules? {
    (try? FileSystem.read("/usr/share/zoneinfo/" + name)).flatMap {
      ZoneRules(name: name, file: $0)
    }
  }

  /// Runs a stage as part of a run that the ledger knows.
  func recorded(
    _ stage: String, in context: RunContext, _ work: () throws -> StageOutcome
  ) throws {
    try begin(context)
    try context.ledger.beginStage(stage, sequence: 1)
    try context.ledger.finishStage(stage, try work())
    try context.ledger.finish(failure: nil)
  }

  /// Runs stages one after the other as a run that the ledger knows, and returns their outcomes.
  func run(_ stages: [any Stage], in context: RunContext) throws -> [StageOutcome] {
    try begin(context)
    var outcomes: [StageOutcome] = []
    for (index, stage) in stages.enumerated() {
      try context.ledger.beginStage(stage.name, sequence: index + 1)
      let outcome = try stage.run(in: context)
      try context.ledger.finishStage(stage.name, outcome)
      outcomes.append(outcome)
    }
    try context.ledger.finish(failure: nil)
    return outcomes
  }

  private func begin(_ context: RunContext) throws {
    try context.ledger.begin(
      Ledger.RunRecord(
        pipeline: "nightly", logicalDate: context.date, settingsDigest: "partial",
        jobs: context.jobs, isForced: false, programVersion: "0", host: "test", processID: 1))
  }

  /// Extracts every dataset and returns what was noticed.
  @discardableResult
  func extract(in context: RunContext, loading: LoadSettings = LoadSettings()) throws
    -> StageOutcome
  {
    var stage = ExtractStage(datasets: project.datasets)
    stage.loading = loading
    return try stage.run(in: context)
  }

  /// The values of a column of a dataset as it was extracted last.
  func values(_ dataset: String, _ column: String, in context: RunContext) throws -> [String] {
    try context.directory.reader.read(dataset, columns: [column]).flatMap { batch in
      batch.rowValues.map { row in
        if case .some(.bytes(let bytes)) = row[0] { return String(decoding: bytes, as: UTF8.self) }
        return row[0].map { "\($0)" } ?? "null"
      }
    }
  }

  /// Two identifiers of runs.
  static let firstRun = "11111111-0000-4000-8000-000000000001"
  static let secondRun = "22222222-0000-4000-8000-000000000002"
}

/// Brings the database of the running test to the latest schema.
func migrate() throws {
  try Migrator(TestDatabase.current.connect()).migrate()
}

extension RunPlace {
  /// `models/metrics.yaml` of the repository with other settings, given as a line.
  static func shippedMetrics(_ settings: String) throws -> String {
    let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "models/metrics.yaml")
    let text = try String(contentsOf: path, encoding: .utf8)
    let start = try #require(text.range(of: "settings:\n")?.lowerBound)
    let end = try #require(text.range(of: "metrics:\n")?.lowerBound)
    return text.replacingCharacters(in: start..<end, with: settings)
  }
}
