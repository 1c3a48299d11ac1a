import AlmanacCore
import Pipelines
import Postgres

/// `almanac notify PIPELINE`: tells the pipeline's webhook what was not told yet.
package struct NotifyCommand: Command {
  package static let name = "notify"
  package static let summary = "tell a pipeline's webhook what was not told yet"
  package static let help = """
    Usage: almanac notify PIPELINE [OPTIONS]

    Looks whether a run failed or succeeded again, a model was refused, a night
    passed its deadline, or a rule of `notify:` in pipelines/PIPELINE.yaml applies,
    and sends what the webhook was not told yet. Runs do so by themselves; this is
    for a night that never began: call it when the deadline is over, by cron or a
    timer of its own. Each message is sent once; one that did not arrive is kept
    for seven days and sent again.

    A message is a JSON object with text (as Slack shows it), kind, pipeline, date,
    run, occurred_at, id, and what belongs to its kind. Ends with 69 if a message
    did not arrive.

    Options:
      --test         send a message that only says that it arrived
      --target URL   the database that was written (default: $ALMANAC_TARGET,
                     else $ALMANAC_SOURCE, else PG*)
      --project DIR  the folder with pipelines, models and datasets (default: .)
      --format FORMAT
                     text or json: how many were sent, and how many are kept
                     (default: text)

    Examples:
      almanac notify nightly --test
      30 6 * * * almanac notify nightly --target service=dw --project /srv/almanac
    """

  private let pipeline: String
  private let isTest: Bool
  private let format: ReportFormat
  private let target: ConnectionSettings
  private let projectPath: String
  private let environment: [String: String]

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    self.environment = environment
    target = try targetSettings(&scanner, environment: environment)
    projectPath = try scanner.value("--project") ?? "."
    isTest = try scanner.flag("--test")
    format = try ReportFormat.option(&scanner)
    guard let pipeline = try scanner.pipeline(before: "--target") else {
      throw UsageError("name the pipeline, such as `almanac notify nightly`")
    }
    self.pipeline = pipeline
  }

  package func run(in setting: CommandSetting) throws {
    let project = try ProjectLoader(path: projectPath, environment: environment).load()
    let found = try project.requiredPipeline(pipeline)
    guard let notifier = Notifier(found, zones: systemZone) else {
      guard found.notify == nil else { throw PipelineError.unknownZone(name: found.zone) }
      throw NoWebhook(pipeline: pipeline)
    }
    if isTest {
      try notifier.test(now: currentTime())
      let sent = NotifyCommand.json(pipeline, isTest: true, sent: 1, kept: 0, reason: nil)
      setting.console.print(format == .text ? "the test message arrived" : sent.lines())
      return
    }
    let connection = try Connection(target, purpose: .target)
    try SchemaCheck.run(on: connection)
    let outcome = try notifier.run(on: connection)
    switch format {
    case .text: setting.console.print("\(counted(outcome.delivered, "notification")) sent")
    case .json:
      setting.console.print(
        NotifyCommand.json(
          pipeline, isTest: false, sent: outcome.delivered, kept: outcome.pending,
          reason: outcome.failure
        ).lines())
    }
    if let notice = outcome.notice { throw NotifierError(reason: notice) }
  }

  /// What was sent, how many messages are kept for another try, and why the last one did not arrive.
  private static func json(
    _ pipeline: String, isTest: Bool, sent: Int, kept: Int, reason: String?
  ) -> JSONTree {
    .object([
      ("pipeline", .text(pipeline)), ("test", .truth(isTest)), ("sent", .integer(sent)),
      ("kept", .integer(kept)), ("reason", .optional(reason)),
    ])
  }
}

/// A pipeline without a webhook was asked to tell something.
struct NoWebhook: ExitStatusConvertible {
  let pipeline: String

  var exitStatus: ExitStatus { .configuration }
  var description: String {
    "pipeline \(pipeline) tells nobody; add `notify: {webhook: …}` to pipelines/\(pipeline).yaml"
  }
}
