import AlmanacCore
import Pipelines
import Postgres

/// `almanac doctor`: whether the next night will find all it needs.
package struct DoctorCommand: Command {
  package static let name = "doctor"
  package static let summary = "look for whatever would keep the next night from working"
  package static let help = """
    Usage: almanac doctor [OPTIONS]

    Looks at the definitions, at both databases and at this machine, and prints a
    line for each thing: ok, warning or error, and below it the command or the SQL
    that mends it. It looks at connections, poolers in transaction mode, versions,
    clocks, settings and free connections; at rights that are missing and rights
    too many, row-level security, tables, columns and indexes of the source; at a
    standby's max_standby_streaming_delay; at exchange rates, event types and time
    zones in the rows of the last 35 days; at the schemas of the target, missing
    days, failed nights and stale publications; at the disk. It changes nothing.

    Ends with 0 if there is no error, warnings or not; else with the status of the
    first error that trying again does not mend, such as 77 for a missing right, or
    69 if a database cannot be reached and nothing else is wrong.

    Options:
      --source URL     the database to read (default: $ALMANAC_SOURCE, else PG*)
      --target URL     the database to write (default: $ALMANAC_TARGET, else the
                       source)
      --data DIR       the folder of snapshots (default: var/data)
      --jobs N         threads and connections of a run (default: the processors)
      --project DIR    the folder with pipelines, models and datasets (default: .)
      --format FORMAT  table, csv or json (default: table)

    Examples:
      almanac doctor --source service=shop --target service=dw
      almanac doctor --format json
    """

  private let source: ConnectionSettings
  private let target: ConnectionSettings
  private let dataPath: String
  private let jobs: Int?
  private let projectPath: String
  private let format: OutputFormat
  private let environment: [String: String]

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    self.environment = environment
    (source, target) = try ConnectionOptions(environment: environment).sourceAndTarget(&scanner)
    dataPath = try scanner.value("--data") ?? "var/data"
    jobs = try scanner.integer("--jobs", in: 1...256)
    projectPath = try scanner.value("--project") ?? "."
    format = try scanner.value("--format").map { try OutputFormat(option: $0) } ?? .table
  }

  package func run(in setting: CommandSetting) throws {
    let diagnosis = Diagnosis(
      Diagnosis.Request(
        projectPath: projectPath, environment: environment, source: source, target: target,
        dataPath: dataPath, jobs: jobs ?? setting.processors,
        clock: currentTime, zones: systemZone))
    setting.console.print(DiagnosisText(diagnosis).lines(format))
    guard diagnosis.level != .error else {
      throw Ailing(errors: diagnosis.count(.error), exitStatus: diagnosis.exitStatus)
    }
  }
}

/// Errors that a diagnosis found; each of them was printed.
struct Ailing: ExitStatusConvertible {
  let errors: Int
  let exitStatus: ExitStatus

  var description: String {
    "\(counted(errors, "error")) would keep a night from working; mend what is listed"
  }
}
