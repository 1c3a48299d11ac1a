import AlmanacCore
import Pipelines
import Postgres

/// `almanac status`: the last runs, their stages, and what is missing.
package struct StatusCommand: Command {
  package static let name = "status"
  package static let summary = "show the last runs, their stages and what is missing"
  package static let help = """
    Usage: almanac status [--target URL] [--last N] [--format FORMAT]

    Shows the last runs, the stages of the newest one with rows and durations,
    what is published, and the days a rollup is missing for.

    Options:
      --target URL     the database that was written (default: $ALMANAC_TARGET,
                       else $ALMANAC_SOURCE, else PG*)
      --last N         how many runs to list (default: 5)
      --format FORMAT  table, csv (the runs) or json (default: table)

    Examples:
      almanac status --target service=dw
      almanac status --format json
    """

  private let target: ConnectionSettings
  private let last: Int
  private let format: OutputFormat

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    target = try targetSettings(&scanner, environment: environment)
    last = try scanner.integer("--last", in: 1...1_000) ?? 5
    format = try scanner.value("--format").map { try OutputFormat(option: $0) } ?? .table
  }

  package func run(in setting: CommandSetting) throws {
    let connection = try Connection(target, purpose: .target)
    try SchemaCheck.run(on: connection)
    let status = try StatusReading(connection, last: last)
    setting.console.print(StatusText(status).lines(format))
  }
}

/// The target of a command that only reads it.
func targetSettings(
  _ scanner: inout ArgumentScanner, environment: [String: String]
) throws -> ConnectionSettings {
  let options = ConnectionOptions(environment: environment)
  return try options.settings(
    option: "--target", value: try scanner.value("--target"), variable: "ALMANAC_TARGET",
    fallback: try options.settings(option: "", value: nil, variable: "ALMANAC_SOURCE"))
}
