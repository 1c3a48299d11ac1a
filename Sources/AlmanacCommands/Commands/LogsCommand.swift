import AlmanacCore
import Pipelines
import Postgres

/// `almanac logs RUN`: what the ledger tells of one run.
package struct LogsCommand: Command {
  package static let name = "logs"
  package static let summary = "show what happened in a run: stages, facts, warnings, errors"
  package static let help = """
    Usage: almanac logs RUN [OPTIONS]

    Shows what the ledger tells of a run, line by line: when each stage began and
    ended, what it counted, its warnings, and the error that ended it. RUN is eight
    or more digits of an identifier that `almanac status` lists, or `last`.

    Options:
      --target URL     the database that was written (default: $ALMANAC_TARGET,
                       else $ALMANAC_SOURCE, else PG*)
      --format FORMAT  table, csv or json (default: table)

    Examples:
      almanac logs last
      almanac logs 80cb874a --format json
    """

  private let run: String
  private let target: ConnectionSettings
  private let format: OutputFormat

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    target = try targetSettings(&scanner, environment: environment)
    format = try scanner.value("--format").map { try OutputFormat(option: $0) } ?? .table
    guard let run = scanner.operand() else {
      throw UsageError("name the run, such as `almanac logs last`")
    }
    guard shown(run).contains(run) else {
      throw UsageError("the run is a connection string; put --target before")
    }
    self.run = run
  }

  package func run(in setting: CommandSetting) throws {
    let connection = try Connection(target, purpose: .target)
    try SchemaCheck.run(on: connection)
    setting.console.print(RunLogText(try RunLogReading(connection, run: run)).lines(format))
  }
}
