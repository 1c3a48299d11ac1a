package import AlmanacCore

/// Finds the command a command line names, runs it, and turns its outcome into an exit status.
package struct Program {
  private let arguments: [String]
  private let environment: [String: String]
  private let setting: CommandSetting

  /// Every command, in the order the overview lists them.
  package static let commands: [any Command.Type] = [
    InitCommand.self, LoadCommand.self, SimulateCommand.self, CheckCommand.self,
    DoctorCommand.self, PlanCommand.self,
    RunCommand.self,
    StatusCommand.self, LogsCommand.self, NotifyCommand.self, PruneCommand.self, ForgetCommand.self,
    ScheduleCommand.self,
    PublishCommand.self, RollbackCommand.self, ModelsCommand.self, ExplainCommand.self,
    QueryCommand.self,
    ExportCommand.self,
    DigestCommand.self, DatasetsCommand.self,
    CompactCommand.self, ForecastCommand.self, BacktestCommand.self, DecomposeCommand.self,
    FitCommand.self, PredictCommand.self, EvaluateCommand.self, ShowCommand.self,
    CompletionCommand.self,
  ]

  /// A program for one command line.
  ///
  /// - Parameters:
  ///   - arguments: the arguments after the program's name.
  ///   - environment: the environment by name.
  ///   - setting: what commands find around them.
  package init(arguments: [String], environment: [String: String], setting: CommandSetting) {
    self.arguments = arguments
    self.environment = environment
    self.setting = setting
  }

  /// Runs the command line.
  ///
  /// An error becomes one line on standard error and the status it carries. With `--verbose` on a
  /// terminal its details follow, which may hold values of rows but no secret.
  package func run() -> ExitStatus {
    do {
      try dispatch()
      return .ok
    } catch let error as Reported {
      return error.exitStatus
    } catch let error as any ExitStatusConvertible {
      // A name in the message may hold a line break, the message may not.
      let line = error.description.split(whereSeparator: \.isNewline).joined(separator: " ")
      setting.console.report("almanac: \(line)")
      reportDetails(of: error)
      return error.exitStatus
    } catch {
      setting.console.report(
        "almanac: unexpected fault (\(type(of: error))); please report it with the command line")
      return .internalError
    }
  }

  private func reportDetails(of error: any ExitStatusConvertible) {
    let isVerbose = arguments.prefix { $0 != "--" }.contains("--verbose")
    guard isVerbose, setting.console.reportsToTerminal,
      let debug = (error as? any CustomDebugStringConvertible)?.debugDescription
    else { return }
    let details =
      debug.hasPrefix(error.description)
      ? debug.dropFirst(error.description.count) : debug[...]
    for line in details.split(whereSeparator: \.isNewline) {
      // A value may hold sequences that control the terminal.
      let plain = line.unicodeScalars.map { scalar in
        scalar.properties.generalCategory == .control ? "\u{FFFD}" : Character(scalar)
      }
      setting.console.report("  " + String(plain))
    }
  }

  private func dispatch() throws {
    guard let first = arguments.first else {
      setting.console.print(Program.overview)
      return
    }
    switch first {
    case "--help", "-h": setting.console.print(Program.overview)
    case "--version": setting.console.print("almanac \(ProgramVersion.text)")
    case "help":
      guard let name = arguments.dropFirst().first else {
        setting.console.print(Program.overview)
        return
      }
      setting.console.print(try Program.command(named: name).help)
    default:
      let command = try Program.command(named: first)
      let rest = arguments.dropFirst()
      let beforeOperands = rest.prefix { $0 != "--" }
      if beforeOperands.contains("--help") || beforeOperands.contains("-h") {
        setting.console.print(command.help)
        return
      }
      var scanner = ArgumentScanner(rest)
      let parsed = try command.init(&scanner, environment: environment)
      try scanner.finish()
      try parsed.run(in: setting)
    }
  }

  private static func command(named name: String) throws(UsageError) -> any Command.Type {
    if let command = commands.first(where: { $0.name == name }) { return command }
    let names = commands.map { $0.name }
    let kind = name.hasPrefix("-") ? "option" : "command"
    throw UsageError(
      "there is no \(kind) \(shown(name))"
        + Suggestion.didYouMean(name, among: names + ["help", "--help", "--version"])
        + "; `almanac --help` lists the commands")
  }

  /// What `almanac` alone prints.
  package static var overview: String {
    let width = commands.map { $0.name.count }.max() ?? 0
    let lines = commands.map { command in
      "  " + command.name + String(repeating: " ", count: width - command.name.count + 2)
        + command.summary
    }
    return """
      almanac - nightly analytics and forecasts for subscription businesses

      Usage: almanac COMMAND [OPTIONS]

      Commands:
      \(lines.joined(separator: "\n"))

      `almanac COMMAND --help` says more about each. A first night:
        almanac init --target URL
        almanac run nightly --source URL --target URL --data DIR

      URL is a PostgreSQL URI or keyword string without a password. Without it the
      PG* variables, service files and ~/.pgpass count, as for psql.
      """
  }
}
