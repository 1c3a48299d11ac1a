import AlmanacCore
import Pipelines
import Postgres

/// `almanac check`: whether the definitions are right, without running anything.
package struct CheckCommand: Command {
  package static let name = "check"
  package static let summary = "check the definitions, and the source they name"
  package static let help = """
    Usage: almanac check [PIPELINE] [OPTIONS]

    Reads pipelines, models and datasets and prints a line for each: ok, or what
    is wrong, with file, line and column. With a source every dataset is looked up
    there too: its table, its columns and their types. Nothing is changed. An
    optional dataset whose table is not there is said to be switched off.

    With a PIPELINE only it and what it names are checked. Ends with 0 if all is
    well, else with the status of the first fault: 78 for a file, 66 for a table
    or column that is missing, 65 for a column of another type.

    Options:
      --source URL     the database to look into (default: $ALMANAC_SOURCE;
                       without either only the files are checked)
      --project DIR    the folder with pipelines, models and datasets (default: .)
      --format FORMAT  table, csv or json (default: table)

    Examples:
      almanac check
      almanac check nightly --source service=shop --format json
    """

  private let pipeline: String?
  private let source: ConnectionSettings?
  private let projectPath: String
  private let format: OutputFormat
  private let environment: [String: String]

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    self.environment = environment
    let value = try scanner.value("--source")
    let hasSource = value != nil || environment["ALMANAC_SOURCE"]?.isEmpty == false
    source =
      hasSource
      ? try ConnectionOptions(environment: environment).settings(
        option: "--source", value: value, variable: "ALMANAC_SOURCE") : nil
    projectPath = try scanner.value("--project") ?? "."
    format = try scanner.value("--format").map { try OutputFormat(option: $0) } ?? .table
    pipeline = try scanner.pipeline(before: "--source")
  }

  package func run(in setting: CommandSetting) throws {
    var inspection = try ProjectInspection(
      path: projectPath, environment: environment, zones: systemZone)
    if let pipeline { try inspection.select(pipeline: pipeline) }
    if let source { try inspection.resolve(against: source) }
    setting.console.print(InspectionText(inspection.entries).lines(format))
    let wrong = inspection.entries.filter { !$0.faults.isEmpty }
    if let first = wrong.first {
      throw WrongDefinitions(
        count: wrong.count, total: inspection.entries.count, exitStatus: first.status)
    }
  }
}

/// Definitions that are wrong; what is wrong was printed.
struct WrongDefinitions: ExitStatusConvertible {
  let count: Int
  let total: Int
  let exitStatus: ExitStatus

  var description: String {
    "\(count) of \(total) definitions \(count == 1 ? "is" : "are") wrong; correct what is listed"
  }
}
