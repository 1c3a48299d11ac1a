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
    finished already is left alone. One run at a time works on a target. After a
    crash the same command continues.

    Options:
      --date DATE    the day to compute, such as 2026-01-31
                     (default: yesterday in the pipeline's zone)
      --source URL   the database to read (default: $ALMANAC_SOURCE, else PG*)
      --target URL   the database to write (default: $ALMANAC_TARGET, else the
                     source)
      --data DIR     the folder of snapshots (default: var/data)
      --jobs N       threads at work at the same time, shared by the stages that do
                     not read from each other (default: the processors)
      --memory SIZE  such as 4GB: while more is in use, no stage or thread begins
                     beside others (default: three quarters of the machine's)
      --only STAGES  only these stages, separated by commas; STAGE+ is a stage
                     with all that read from it, +STAGE with all it reads from
      --skip STAGES  not these stages, named in the same way
      --if-running wait|skip|fail
                     while another run is at work: wait for its end, do nothing and
                     end well, or end with status 75 (default: fail)
      --dry-run      show what would be done and why, as `almanac plan` does
      --force        do a finished date again, and every day up to it
      --from DATE    the first of days to do again, though nothing about them
                     changed, with their months; forecasts and what is published
                     stay. After a crash the same command goes on
      --to DATE      the last of these days
      --company IDS  of these days only those that hold numbers of the companies
                     with these uuids, separated by commas
      --format FORMAT
                     how the result is printed: table, csv (the stages) or json
      --log-format text|json
                     time, level, run and stage in each line about the work, the
                     last one about an error included
      --metrics-file FILE
                     write figures of the newest runs there when the run ends, as
                     Prometheus' node exporter reads them (a name in .prom)
      --project DIR  the folder with pipelines, models and datasets (default: .)
      --quiet        no progress lines
      --verbose      more of them, and on a terminal the details of an error

    A URL has no password in it; use ~/.pgpass, PGPASSWORD or a service file.

    Examples:
      almanac run nightly
      almanac run nightly --date 2026-01-31 --source service=shop
      almanac run nightly --date 2026-01-31 --only fit,predict,publish
      almanac run nightly --only rollup+ --skip publish --dry-run
      almanac run nightly --from 2026-01-01 --to 2026-01-31 --only rollup,metrics
    """

  private let options: RunOptions
  private let isDry: Bool
  private let ifRunning: IfRunning
  private let format: OutputFormat
  private let logLines: LogLines?
  private let metricsPath: String?
  private let isQuiet: Bool
  private let isVerbose: Bool

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    isQuiet = try scanner.flag("--quiet")
    isVerbose = try scanner.flag("--verbose")
    isDry = try scanner.flag("--dry-run")
    ifRunning = try IfRunning.option(&scanner)
    metricsPath = try scanner.value("--metrics-file")
    format = try scanner.value("--format").map { try OutputFormat(option: $0) } ?? .table
    logLines = try LogLines.option(&scanner)
    options = try RunOptions(&scanner, of: RunCommand.name, environment: environment)
  }

  package func run(in setting: CommandSetting) throws {
    guard let logLines else { return try work(in: setting) { _ in } }
    var setting = setting
    setting.console = setting.console.reporting(as: logLines.line)
    do {
      try work(in: setting, follow: logLines.follow)
    } catch {
      throw Reported(error, to: setting.console)
    }
  }

  private func work(
    in setting: CommandSetting, follow: @escaping @Sendable (RunPosition) -> Void
  ) throws {
    if isDry {
      let plan = try options.runner(in: setting).plan()
      setting.console.print(PlanText(plan).lines(format))
      return
    }
    let progress = ProgressLine(setting, isQuiet: isQuiet)
    defer { progress.erase() }
    let log = progress.logSink(
      threshold: isQuiet ? .warning : isVerbose ? .debug : .info)
    let prefix = logLines == nil ? "almanac: " : ""
    Interruption.watch(
      onSignal: { signal in
        log(.warning, "\(signal.rawValue): stopping within 5 seconds; a second one stops at once")
      },
      onEnd: { reason in
        progress.erase()
        setting.console.report("\(prefix)\(reason)", level: .error)
      })
    let ticker = progress.showStages()
    defer { ticker?.stop() }
    let report: RunReport
    do {
      let runner = try options.runner(
        in: setting, log: log, progress: progress.sink,
        follow: { position in
          progress.follow(position)
          follow(position)
        })
      guard let done = try ifRunning.perform(log, runner.run) else {
        Interruption.end()
        return
      }
      report = done
    } catch {
      // The first error counts: without the target the file stays as it is.
      try? writeMetrics()
      throw error
    }
    try writeMetrics()
    ticker?.stop()
    progress.erase()
    guard format == .table else {
      setting.console.print(RunReportText(report).lines(format))
      return
    }
    // Keeps the progress apart from the result on a terminal; the result itself stays clean.
    if !report.stages.isEmpty, logLines == nil { log(.info, "") }
    let summary = try RunSummary(report, target: options.target, dataPath: options.dataPath)
    setting.console.print(summary.lines())
  }

  /// Writes what monitoring asks, as the ledger has it now.
  private func writeMetrics() throws {
    guard let metricsPath else { return }
    let metrics = try RunMetrics(Connection(options.target, purpose: .target))
    try FileSystem.writeAtomically(Array(metrics.text.utf8), to: metricsPath)
  }
}
