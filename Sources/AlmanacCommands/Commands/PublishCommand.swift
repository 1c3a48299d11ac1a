import AlmanacCore
import Pipelines
import Postgres

/// `almanac publish`: shows readers the predictions of a chosen run.
package struct PublishCommand: Command {
  package static let name = "publish"
  package static let summary = "show readers the predictions of a run"
  package static let help = """
    Usage: almanac publish --run ID [--target URL]

    Makes the predictions of a run the ones that readers see, in one transaction
    for all its models; models it did not predict keep what is shown of them. A
    night does this by itself. By hand it also takes a run for an earlier day,
    until the next night publishes again.

    Listeners on the channel almanac_published are told, as after every
    publication, by a JSON object with publication_id, published_at, pipeline,
    run_id, restores, as_of, valid_until and models.

    Options:
      --run ID         the run, as `almanac status` lists it; its first eight or
                       more digits do
      --target URL     the database that was written (default: $ALMANAC_TARGET,
                       else $ALMANAC_SOURCE, else PG*)
      --format FORMAT  table or json (default: table)

    Example:
      almanac publish --run 80cb874a --target service=dw
    """

  private let target: ConnectionSettings
  private let format: OutputFormat
  private let run: String

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    target = try targetSettings(&scanner, environment: environment)
    format = try publicationFormat(&scanner)
    guard let run = try scanner.value("--run") else {
      throw UsageError("--run is missing; `almanac status` lists the runs")
    }
    self.run = run
  }

  package func run(in setting: CommandSetting) throws {
    let connection = try Connection(target, purpose: .target)
    try SchemaCheck.run(on: connection)
    let chosen = try LedgerReading(connection).run(beginningWith: run)
    let lock = try RunLock(
      connection, settings: target, run: chosen.run,
      holder: "publish by hand on \(setting.host), process \(setting.processID)")
    let predictions = try RunPredictions(connection, run: chosen.run.description)
    let publication = try Publisher(lock).publish(
      predictions, pipeline: chosen.pipeline, isByHand: true)
    try Ledger(lock, run: chosen.run).release()
    if format == .json {
      setting.console.print(publication.tree(restores: nil).lines())
      return
    }
    setting.console.print(
      "publication \(publication.id) shows run \(chosen.run.description.prefix(8)), as of "
        + (predictions.models.map(\.asOf).max() ?? publication.asOf))
    setting.console.print(publication.lines)
  }
}

/// `almanac rollback`: shows readers an earlier publication again.
package struct RollbackCommand: Command {
  package static let name = "rollback"
  package static let summary = "show readers an earlier publication again"
  package static let help = """
    Usage: almanac rollback [--to PUBLICATION] [--target URL]

    Brings an earlier publication back, in one transaction for all its models: a
    new publication names the same runs. Without --to it is the one before what
    readers see now; called again it goes one further back. The next night
    publishes as usual.

    Options:
      --to N           the publication (default: the one before)
      --target URL     the database that was written (default: $ALMANAC_TARGET,
                       else $ALMANAC_SOURCE, else PG*)
      --format FORMAT  table or json (default: table)

    Example:
      almanac rollback --target service=dw
    """

  private let target: ConnectionSettings
  private let format: OutputFormat
  private let publication: Int?

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    target = try targetSettings(&scanner, environment: environment)
    format = try publicationFormat(&scanner)
    publication = try scanner.integer("--to", in: 1...Int.max)
  }

  package func run(in setting: CommandSetting) throws {
    let connection = try Connection(target, purpose: .target)
    try SchemaCheck.run(on: connection)
    let run = try LedgerReading(connection).publishedRun()
    let lock = try RunLock(
      connection, settings: target, run: run,
      holder: "rollback on \(setting.host), process \(setting.processID)")
    let result = try Publisher(lock).rollBack(to: publication)
    try Ledger(lock, run: run).release()
    guard let new = result.new else {
      if format == .json {
        setting.console.print(
          JSONTree.object([("publication", .null), ("in_force", .integer(result.restored))])
            .lines())
        return
      }
      setting.console.print("publication \(result.restored) is in force already")
      return
    }
    if format == .json {
      setting.console.print(new.tree(restores: result.restored).lines())
      return
    }
    setting.console.print(
      "publication \(new.id) shows again what \(result.restored) did, as of \(new.asOf)")
    setting.console.print(new.lines)
  }
}

/// The format of what was published: a table or JSON.
private func publicationFormat(_ scanner: inout ArgumentScanner) throws -> OutputFormat {
  let format = try scanner.value("--format").map { try OutputFormat(option: $0) } ?? .table
  guard format != .csv else {
    throw UsageError("--format of a publication is table or json, found \"csv\"")
  }
  return format
}

extension Publication {
  /// The publication for programs.
  fileprivate func tree(restores: Int?) -> JSONTree {
    let models = models.map { model in
      JSONTree.object([("model", .text(model.name)), ("predictions", .integer(model.rows))])
    }
    return [
      "publication": .integer(id), "as_of": .text(asOf),
      "restores": restores.map { .integer($0) } ?? .null, "models": .array(models),
    ]
  }

  /// Each model with its number of rows.
  fileprivate var lines: [String] {
    var table = TextTable([("model", .left), ("predictions", .right)])
    for model in models { table.add([model.name, Display.count(model.rows)]) }
    return table.lines(indent: 2)
  }
}
