import AlmanacCore
import Pipelines
import Postgres

/// `almanac forget`: takes a company, or a user of one, out of everything that is kept.
package struct ForgetCommand: Command {
  package static let name = "forget"
  package static let summary = "take a company, or a user of one, out of everything kept"
  package static let help = """
    Usage: almanac forget --company ID [--user ID] [OPTIONS]

    Takes a company out of every table of the target and every file of snapshots,
    and sees to it that no later extraction brings it back. Predictions and all
    that names it are removed. Numbers stay in totals under an identifier that
    stands for nobody; from now on nothing of it counts and nothing is predicted
    for it. With --user only this user of the company is forgotten.

    It cannot be undone. A call that was cut off is finished by calling it again,
    and by the next run. The source, its backups and those of the target are left
    to you: while the source still has the rows, nothing reads them. While a run is
    at work it ends with 75.

    Options:
      --company ID     the company, a uuid
      --user ID        a user of it, a uuid
      --dry-run        show what would be removed and rewritten, and change nothing
      --data DIR       the folder of snapshots (default: var/data)
      --target URL     the database that was written (default: $ALMANAC_TARGET,
                       else $ALMANAC_SOURCE, else PG*)
      --project DIR    the folder with pipelines, models and datasets (default: .)
      --format FORMAT  table, csv or json (default: table)

    Examples:
      almanac forget --company 0b5c7a52-6a0e-4d4e-8f0c-0d8c0c0f5a11 --dry-run
      almanac forget --company 0b5c7a52-6a0e-4d4e-8f0c-0d8c0c0f5a11
    """

  private let company: UUIDValue
  private let user: UUIDValue?
  private let isDry: Bool
  private let dataPath: String
  private let target: ConnectionSettings
  private let projectPath: String
  private let format: OutputFormat
  private let environment: [String: String]

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    self.environment = environment
    target = try targetSettings(&scanner, environment: environment)
    projectPath = try scanner.value("--project") ?? "."
    dataPath = try scanner.value("--data") ?? "var/data"
    isDry = try scanner.flag("--dry-run")
    format = try scanner.value("--format").map { try OutputFormat(option: $0) } ?? .table
    user = try ForgetCommand.identifier(&scanner, "--user")
    guard let company = try ForgetCommand.identifier(&scanner, "--company") else {
      throw UsageError("name the company to forget: `almanac forget --company ID`")
    }
    self.company = company
  }

  private static func identifier(
    _ scanner: inout ArgumentScanner, _ option: String
  ) throws(UsageError) -> UUIDValue? {
    guard let text = try scanner.value(option) else { return nil }
    guard let value = UUIDValue(text), value != .zero else {
      throw UsageError(
        "\(option) takes a uuid that is not all zero, such as "
          + "0b5c7a52-6a0e-4d4e-8f0c-0d8c0c0f5a11, not \(shown(text))")
    }
    return value
  }

  package func run(in setting: CommandSetting) throws {
    let project = try ProjectLoader(path: projectPath, environment: environment).load()
    // A folder that is not there would be made, and the one that holds the rows overlooked.
    _ = try DataDirectoryReading(path: dataPath)
    let connection = try Connection(target, purpose: .target)
    try SchemaCheck.run(on: connection)
    let identifier = try connection.query("SELECT pg_catalog.gen_random_uuid()::text AS id")
    guard let run = identifier[0, "id"].flatMap({ UUIDValue($0) }) else {
      throw PipelineError.unexpectedAnswer(what: "no uuid")
    }
    try interruptibly(setting.console) {
      let lock = try RunLock(
        connection, settings: target, run: run,
        holder: "forget by hand on \(setting.host), process \(setting.processID)")
      let forgetting = Forgetting(
        lock, directory: try DataDirectory(path: dataPath), project: project)
      let report =
        try isDry
        ? forgetting.preview(company, user: user)
        : forgetting.forget(
          company, user: user, by: "\(setting.user) on \(setting.host)")
      try Ledger(lock, run: run).release()
      setting.console.print(ForgetCommand.lines(report, isDry: isDry, format))
    }
  }

  /// What was removed and rewritten, or would be.
  static func lines(
    _ report: Forgetting.Report, isDry: Bool, _ format: OutputFormat
  ) -> [String] {
    let rows =
      report.tables.map { ("table", $0.table, $0.rows) }
      + report.datasets.map { ("dataset", $0.table, $0.rows) }
    switch format {
    case .table:
      if report.wasForgotten, rows.isEmpty { return ["forgotten already; nothing was left to do"] }
      var table = TextTable([
        ("where", .left), ("what", .left), (isDry ? "would forget" : "forgotten", .right),
      ])
      for (place, name, count) in rows { table.add([place, name, Display.count(count)]) }
      return table.lines(indent: 0)
    case .csv: return ["where,what,rows"] + rows.map { "\($0.0),\($0.1),\($0.2)" }
    case .json:
      return jsonArray(
        rows.map {
          JSONTree.object([("where", .text($0.0)), ("what", .text($0.1)), ("rows", .integer($0.2))])
            .line()
        })
    }
  }
}
