import AlmanacCore
import Files
import Pipelines
import Postgres

/// `almanac run PIPELINE`: runs the stages of a pipeline for one date.
package struct RunCommand: Command {
  package static let name = "run"
  package static let summary = "run a pipeline for a date: extract, roll up, forecast, publish"
  package static let help = """
    Usage: almanac run PIPELINE [OPTIONS]

    Runs the stages of pipelines/PIPELINE.yaml for one date. A date that is
    finished already is left alone. One run at a time works on a target; a second
    one ends with status 75. After a crash the same command continues.

    Options:
      --date DATE    the day to compute, such as 2026-01-31
                     (default: yesterday in the pipeline's zone)
      --source URL   the database to read (default: $ALMANAC_SOURCE, else PG*)
      --target URL   the database to write (default: $ALMANAC_TARGET, else the
                     source)
      --data DIR     the folder of snapshots (default: var/data)
      --jobs N       threads and connections (default: the processors)
      --only STAGES  only these stages, separated by commas
      --force        do a finished date again, and every day up to it
      --project DIR  the folder with pipelines, models and datasets (default: .)
      --quiet        no progress lines
      --verbose      more of them, and on a terminal the details of an error

    A URL has no password in it; use ~/.pgpass, PGPASSWORD or a service file.

    Examples:
      almanac run nightly
      almanac run nightly --date 2026-01-31 --source service=shop
      almanac run nightly --date 2026-01-31 --only fit,predict,publish
    """

  private let pipeline: String
  private let date: CalendarDate?
  private let source: ConnectionSettings
  private let target: ConnectionSettings
  private let dataPath: String
  private let projectPath: String
  private let jobs: Int?
  private let only: [String]?
  private let isForced: Bool
  private let isQuiet: Bool
  private let isVerbose: Bool
  private let environment: [String: String]

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    self.environment = environment
    let options = ConnectionOptions(environment: environment)
    date = try scanner.date("--date")
    source = try options.settings(
      option: "--source", value: try scanner.value("--source"), variable: "ALMANAC_SOURCE")
    target = try options.settings(
      option: "--target", value: try scanner.value("--target"), variable: "ALMANAC_TARGET",
      fallback: source)
    dataPath = try scanner.value("--data") ?? "var/data"
    projectPath = try scanner.value("--project") ?? "."
    jobs = try scanner.integer("--jobs", in: 1...256)
    only = try scanner.value("--only")?.split(separator: ",", omittingEmptySubsequences: false)
      .map(String.init)
    isForced = try scanner.flag("--force")
    isQuiet = try scanner.flag("--quiet")
    isVerbose = try scanner.flag("--verbose")
    guard let pipeline = scanner.operand() else {
      throw UsageError("name the pipeline to run, such as `almanac run nightly`")
    }
    guard shown(pipeline).contains(pipeline) else {
      throw UsageError(
        "the pipeline's name is a connection string; put --source or --target before")
    }
    self.pipeline = pipeline
  }

  package func run(in setting: CommandSetting) throws {
    let project = try ProjectLoader(path: projectPath, environment: environment).load()
    let progress = ProgressLine(setting, isQuiet: isQuiet)
    defer { progress.erase() }
    let log = progress.logSink(
      threshold: isQuiet ? .warning : isVerbose ? .debug : .info)
    let runner = PipelineRunner(
      project: project,
      request: RunRequest(
        pipeline: pipeline, date: date, source: source, target: target, dataPath: dataPath,
        jobs: jobs ?? setting.processors, isForced: isForced, only: only,
        programVersion: ProgramVersion.text, host: setting.host, processID: setting.processID),
      zones: systemZone, log: log, progress: progress.sink)
    let report = try runner.run()
    progress.erase()
    // Keeps the progress apart from the result on a terminal; the result itself stays clean.
    if !report.stages.isEmpty { log(.info, "") }
    let summary = try RunSummary(report, target: target, dataPath: dataPath)
    setting.console.print(summary.lines())
  }
}
