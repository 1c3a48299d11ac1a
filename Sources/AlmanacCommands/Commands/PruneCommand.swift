import AlmanacCore
import Pipelines
import Postgres

/// `almanac prune PIPELINE`: removes old runs and publications from the target.
package struct PruneCommand: Command {
  package static let name = "prune"
  package static let summary = "remove old runs, publications and predictions"
  package static let help = """
    Usage: almanac prune PIPELINE [OPTIONS]

    Removes what the runs of a pipeline left in the target longer ago than
    `retention:` in pipelines/PIPELINE.yaml says: publications with their
    predictions, and runs with their stages, results of checks and notifications.
    What readers see stays, what a kept publication brings back, forecasts of what
    is still to happen, the newest ten runs and every run that a model or snapshot
    comes from; so do decisions about models, metrics and outcomes.

    While a run is at work it ends with 75. Snapshots have `almanac datasets prune`.

    Options:
      --dry-run        show what would be removed, and remove nothing
      --target URL     the database that was written (default: $ALMANAC_TARGET,
                       else $ALMANAC_SOURCE, else PG*)
      --project DIR    the folder with pipelines, models and datasets (default: .)
      --format FORMAT  table, csv or json (default: table)

    Examples:
      almanac prune nightly --dry-run
      almanac prune nightly --target service=dw
    """

  private let pipeline: String
  private let isDry: Bool
  private let target: ConnectionSettings
  private let projectPath: String
  private let format: OutputFormat
  private let environment: [String: String]

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    self.environment = environment
    target = try targetSettings(&scanner, environment: environment)
    projectPath = try scanner.value("--project") ?? "."
    isDry = try scanner.flag("--dry-run")
    format = try scanner.value("--format").map { try OutputFormat(option: $0) } ?? .table
    guard let pipeline = try scanner.pipeline(before: "--target") else {
      throw UsageError("name the pipeline to prune, such as `almanac prune nightly`")
    }
    self.pipeline = pipeline
  }

  package func run(in setting: CommandSetting) throws {
    let project = try ProjectLoader(path: projectPath, environment: environment).load()
    let found = try project.requiredPipeline(pipeline)
    guard let retention = found.retention else { throw NoRetention(pipeline: pipeline) }
    let connection = try Connection(target, purpose: .target)
    try SchemaCheck.run(on: connection)
    let identifier = try connection.query("SELECT pg_catalog.gen_random_uuid()::text AS id")
    guard let run = identifier[0, "id"].flatMap({ UUIDValue($0) }) else {
      throw PipelineError.unexpectedAnswer(what: "no uuid")
    }
    let lock = try RunLock(
      connection, settings: target, run: run,
      holder: "prune by hand on \(setting.host), process \(setting.processID)")
    let pruning = LedgerPruning(found.name, retention, models: project.models)
    let removals = isDry ? try pruning.preview(lock) : try pruning.run(lock)
    try Ledger(lock, run: run).release()
    setting.console.print(PruneCommand.lines(removals, isDry: isDry, format))
  }

  /// What was removed, or would be.
  static func lines(
    _ removals: [LedgerPruning.Removal], isDry: Bool, _ format: OutputFormat
  ) -> [String] {
    switch format {
    case .table:
      guard !removals.isEmpty else { return ["nothing is old enough to be removed"] }
      var table = TextTable([("table", .left), (isDry ? "would remove" : "removed", .right)])
      for removal in removals { table.add([removal.table, Display.count(removal.rows)]) }
      return table.lines(indent: 0)
    case .csv: return ["table,rows"] + removals.map { "\($0.table),\($0.rows)" }
    case .json:
      return jsonArray(
        removals.map {
          JSONTree.object([("table", .text($0.table)), ("rows", .integer($0.rows))]).line()
        })
    }
  }
}

/// A pipeline without retention was asked to be pruned.
struct NoRetention: ExitStatusConvertible {
  let pipeline: String

  var exitStatus: ExitStatus { .configuration }
  var description: String {
    "pipeline \(pipeline) keeps everything; add `retention: {publications: 100d, runs: 400d}` to "
      + "pipelines/\(pipeline).yaml"
  }
}
