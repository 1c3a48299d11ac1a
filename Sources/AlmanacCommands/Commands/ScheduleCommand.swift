import AlmanacCore
import Files
import FoundationEssentials
import Pipelines

/// `almanac schedule print`: the pipelines' times for cron or systemd.
package struct ScheduleCommand: Command {
  package static let name = "schedule"
  package static let summary = "print the pipelines' times for cron or systemd"
  package static let verbs = ["print"]
  package static let help = """
    Usage: almanac schedule print [PIPELINE] --format cron|systemd [OPTIONS]

    Prints what makes cron or systemd run the pipelines at the times of their
    `schedule`, each in its own zone. Almanac itself does not wait for a time.

    Cron on Debian counts in the system's zone and has none of its own per line,
    so a pipeline in another zone is refused; systemd takes every zone.

    Where a pipeline has `notify:` and `deadline:`, a second call tells the webhook
    a minute after the deadline of a night that is late, even if it never began.

    Options:
      --format FORMAT  cron: lines for `crontab -e`; systemd: a service and a timer
                       for each pipeline
      --to DIR         write the units into files of that folder, such as
                       /etc/systemd/system, instead of printing them
      --project DIR    the folder with pipelines, models and datasets (default: .)

    Examples:
      almanac schedule print --format cron
      almanac schedule print nightly --format systemd --to /etc/systemd/system
    """

  /// What prints the times.
  private enum Format: String, CaseIterable {
    case cron, systemd
  }

  private let pipeline: String?
  private let format: Format
  private let folder: String?
  private let projectPath: String
  private let environment: [String: String]

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    self.environment = environment
    projectPath = try scanner.value("--project") ?? "."
    folder = try scanner.value("--to")
    let word = try scanner.value("--format")
    guard let verb = scanner.operand() else {
      throw UsageError("say what to do with the schedule: `almanac schedule print`")
    }
    guard verb == "print" else {
      throw UsageError(
        "almanac schedule has no \(shown(verb))"
          + Suggestion.didYouMean(verb, among: ["print"]) + "; known: print")
    }
    let known = Format.allCases.map(\.rawValue)
    guard let word else {
      throw UsageError("say who runs the pipelines: --format \(known.joined(separator: " or "))")
    }
    guard let format = Format(rawValue: word) else {
      throw UsageError(
        "--format of a schedule is \(known.joined(separator: " or ")), found \(shown(word))"
          + Suggestion.didYouMean(word, among: known))
    }
    self.format = format
    if format == .cron, folder != nil {
      throw UsageError("--to is for --format systemd; cron's lines go into `crontab -e`")
    }
    pipeline = scanner.operand()
  }

  package func run(in setting: CommandSetting) throws {
    let project = try ProjectLoader(path: projectPath, environment: environment).load()
    let program =
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "almanac"
    let calls = try pipelines(of: project).map { pipeline in
      guard systemZone(pipeline.zone) != nil || pipeline.countsCompanyDays else {
        throw PipelineError.unknownZone(name: pipeline.zone)
      }
      return ScheduledCall(
        pipeline: pipeline, program: program, project: Self.absolute(projectPath))
    }
    switch format {
    case .cron:
      for call in calls where !Self.isSystemZone(call.zone) {
        throw ScheduleError.otherZone(pipeline: call.pipeline.name, zone: call.zone)
      }
      setting.console.print(calls.flatMap(\.crontabLines))
    case .systemd:
      let units = calls.flatMap(\.units)
      guard let folder else {
        let texts = units.map { (["# \($0.0)"] + $0.1).joined(separator: "\n") }
        setting.console.print(
          texts.joined(separator: "\n\n").split(
            separator: "\n", omittingEmptySubsequences: false
          ).map(String.init))
        return
      }
      guard try FileSystem.isDirectory(folder) else { throw ScheduleError.noFolder(folder) }
      for (name, lines) in units {
        try FileSystem.writeAtomically(
          Array((lines.joined(separator: "\n") + "\n").utf8), to: "\(folder)/\(name)")
        setting.console.print("\(folder)/\(name)")
      }
    }
  }

  private func pipelines(of project: Project) throws -> [PipelineDefinition] {
    guard let name = pipeline else { return project.pipelines.sorted { $0.name < $1.name } }
    return [try project.requiredPipeline(name)]
  }

  private static func absolute(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    let current = FileManager.default.currentDirectoryPath
    return path == "." ? current : current + "/" + path
  }

  /// Whether the system's zone has the rules of another one; a system without a zone counts in UTC.
  private static func isSystemZone(_ name: String) -> Bool {
    guard let rules = try? FileSystem.read("/usr/share/zoneinfo/\(name)") else {
      return name == "UTC" && (try? FileSystem.exists("/etc/localtime")) != true
    }
    guard let own = try? FileSystem.read("/etc/localtime") else { return name == "UTC" }
    return own == rules
  }
}

/// Why there are no lines for a schedule.
enum ScheduleError: ExitStatusConvertible, Equatable {
  /// Cron counts in another zone than a pipeline.
  case otherZone(pipeline: String, zone: String)
  /// The folder for units is not there.
  case noFolder(String)

  var exitStatus: ExitStatus {
    switch self {
    case .otherZone: .configuration
    case .noFolder: .cannotCreate
    }
  }

  var description: String {
    switch self {
    case .otherZone(let pipeline, let zone):
      "pipeline \(pipeline) is due in zone \(zone), but cron counts in the system's zone; use "
        + "--format systemd, or set `zone:` to the system's"
    case .noFolder(let path):
      "there is no folder \(shown(path)) for the units; make it, or leave --to out"
    }
  }
}
