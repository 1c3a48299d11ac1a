package import AlmanacCore
import Codecs
import Postgres

/// Runs the stages of a pipeline for one date.
package struct PipelineRunner: Sendable {
  let project: Project
  let request: RunRequest
  let zones: @Sendable (String) -> ZoneRules?
  let log: LogSink
  let progress: ProgressSink
  let follow: @Sendable (RunPosition) -> Void
  let clock: @Sendable () -> Timestamp

  /// A runner of one request.
  ///
  /// - Parameters:
  ///   - project: the definitions.
  ///   - request: what to do.
  ///   - zones: finds the rules of a time zone.
  ///   - log: where lines about the work go.
  ///   - progress: where the extraction reports how far it is.
  ///   - follow: told of each change of position.
  ///   - clock: the time by this machine, for a message where no database tells the time.
  package init(
    project: Project, request: RunRequest, zones: @escaping @Sendable (String) -> ZoneRules?,
    log: LogSink, progress: ProgressSink = .silent,
    follow: @escaping @Sendable (RunPosition) -> Void = { _ in },
    clock: @escaping @Sendable () -> Timestamp = { Timestamp(microseconds: 0) }
  ) {
    self.project = project
    self.request = request
    self.zones = zones
    self.log = log
    self.progress = progress
    self.follow = follow
    self.clock = clock
  }

  /// Runs the pipeline.
  ///
  /// - Returns: what was done; a date that is finished with the same settings and an untouched
  ///   data directory is left alone unless the request forces it.
  /// - Throws: what a stage threw, after the ledger has recorded it; every stage before it stays
  ///   done and nothing of the failed one is visible.
  package func run() throws -> RunReport {
    var attempt = RunAttempt()
    while true {
      do {
        var report = try work(&attempt)
        report.notices += tell(nil, hasBegun: true)
        return report
      } catch {
        do {
          if try waits(for: &attempt, after: error) { continue }
        } catch let interruption {
          for line in attempt.lines(of: request, after: error) { log(.error, line) }
          throw interruption
        }
        for notice in tell(error, hasBegun: attempt.hasBegun) { log(.warning, notice) }
        for line in attempt.lines(of: request, after: error) { log(.error, line) }
        throw error
      }
    }
  }

  /// Tells the pipeline's webhook what is new, which never changes what comes of the run.
  ///
  /// - Returns: what kept it from being told.
  private func tell(_ error: (any Error)?, hasBegun: Bool) -> [String] {
    guard let pipeline = project.pipeline(request.pipeline),
      let notifier = Notifier(pipeline, zones: zones)
    else { return [] }
    let known = error as? any ExitStatusConvertible
    // A run that is told to end has no time left; the next one tells of it. What the command line or
    // another run is to blame for is nobody else's business.
    let silent: [ExitStatus] =
      [.interrupted, .terminated] + (hasBegun ? [] : [.usage, .temporaryFailure])
    if let known, silent.contains(known.exitStatus) { return [] }
    let connection = try? Connection(request.target, purpose: .target)
    do {
      if let connection, hasBegun {
        return [try notifier.run(on: connection).notice].compactMap(\.self)
      }
      guard let error else { return ["no notification could be sent: the target is not there"] }
      let text = known?.description ?? "unexpected fault (\(type(of: error)))"
      return [notifier.tell(early: text, on: connection, now: clock()).notice].compactMap(\.self)
    } catch {
      let reason = (error as? any ExitStatusConvertible)?.description ?? "\(type(of: error))"
      return ["no notification could be sent: \(reason)"]
    }
  }

  private func work(_ attempt: inout RunAttempt) throws -> RunReport {
    let opening = try open()
    let (pipeline, connection, date) = (opening.pipeline, opening.connection, opening.date)
    let identifier = try connection.query("SELECT pg_catalog.gen_random_uuid()::text AS id")
    guard let run = identifier[0, "id"].flatMap({ UUIDValue($0) }) else {
      throw PipelineError.unexpectedAnswer(what: "no uuid")
    }
    follow(RunPosition(run: run.description))
    let settingsDigest = self.settingsDigest(pipeline)
    let lock = try RunLock(
      connection, settings: request.target, run: run,
      holder: "\(request.pipeline) for \(date) on \(request.host), process \(request.processID)")
    let ledger = Ledger(lock, run: run)
    var report = RunReport(run: run.description, pipeline: pipeline.name, date: date)
    report.notices += opening.notices + RunReport.notices(crashed: try ledger.markCrashed())
    let directory = try DataDirectory(path: request.dataPath)
    report.notices += try Forgetting(lock, directory: directory, project: project).catchUp()
    if !request.redo.isAny, request.selection.isWhole,
      case .finished(let last) = try nightState(
        LedgerReading(connection), opening, settingsDigest: settingsDigest, directory: directory)
    {
      report.run = last.run
      report.wasFinished = true
      report.finishedAt = last.finishedAt
      try ledger.release()
      return report
    }
    let backfill = try backfill(opening, settingsDigest: settingsDigest)
    if let backfill, !backfill.unfinished.isEmpty {
      report.notices.append("goes on where an earlier call for the same days was cut off")
    }
    let context = RunContext(
      run: run, project: project, pipeline: pipeline, date: date, zone: opening.zone,
      jobs: request.jobs, redo: request.redo, backfill: backfill,
      source: request.source, lock: lock, ledger: ledger,
      directory: directory, log: log, progress: progress, findZone: zones)
    try ledger.begin(
      Ledger.RunRecord(
        pipeline: pipeline.name, logicalDate: date,
        settingsDigest: backfill?.mark
          ?? (request.selection.isWhole ? settingsDigest : LedgerReading.partialDigest),
        jobs: request.jobs, isForced: request.redo.isAny, programVersion: request.programVersion,
        host: request.host,
        processID: request.processID))
    attempt.begin(date)
    let (target, fence, backend) = (request.target, lock.fence, try lock.backend())
    Interruption.prepare { reason in
      try? Ledger.recordInterruption(reason, of: run, fence, backend: backend, target)
    }
    do {
      try perform(opening, in: context, &attempt, &report)
      follow(RunPosition(run: run.description))
      try ledger.finish(failure: nil)
      Interruption.end()
    } catch {
      let error = Interruption.explain(error)
      // The first error counts: recording it may fail for the same reason.
      try? ledger.finish(failure: error.words)
      Interruption.end()
      throw error
    }
    return report
  }

  /// What a run and a plan find before they look into the ledger.
  struct Opening {
    let pipeline: PipelineDefinition
    let zone: ZoneRules
    /// The stages that the request asks for, in the pipeline's order.
    let stages: [(kind: StageKind, work: any Stage)]
    /// The target, whose schema is the one this program needs.
    let connection: Connection
    let date: CalendarDate
    /// Which database the source is; `nil` where a plan cannot reach it.
    let source: String?
    /// The source, of which its clock was read; `nil` where a plan cannot reach it.
    let sourceConnection: Connection?
    /// Lines about stages that were asked for and cannot be done for a range of days, and about a source
    /// that cannot be reached.
    let notices: [String]
  }

  /// Checks the request, connects, and finds the date.
  ///
  /// - Parameter needsSource: Whether a source that cannot be reached is an error; otherwise the clock of
  ///   the target tells the date.
  /// - Returns: what was found.
  /// - Throws: ``PipelineError`` for a name that is unknown or a date that is not over; what
  ///   connecting throws.
  func open(needsSource: Bool = true) throws -> Opening {
    let pipeline = try project.requiredPipeline(request.pipeline)
    try project.validate(pipeline)
    if pipeline.countsCompanyDays, let reason = project.missingCompanyZones {
      throw PipelineError.noCompanyZones(reason: reason)
    }
    guard let zone = pipeline.countsCompanyDays ? .utc : zones(pipeline.zone) else {
      throw PipelineError.unknownZone(name: pipeline.zone)
    }
    let (chosen, leftOut) = try chosenStages(of: pipeline)
    let stages = chosen.map { (kind: $0.kind, work: makeStage($0, project: project)) }
    let connection = try Connection(request.target, purpose: .target)
    try SchemaCheck.run(on: connection)
    var notices = leftOut
    var source: (connection: Connection, identity: String)?
    do {
      let opened = try Connection(request.source, purpose: .source)
      source = (opened, try SourceIdentity(opened).description)
    } catch let error as PostgresError where !needsSource {
      notices.append("the target's clock tells the date, for want of the source: \(error.words)")
    }
    let date = try logicalDate(zone: zone, by: source?.connection ?? connection)
    if let range = request.redo.range, range.upperBound > date {
      throw PipelineError.backfillAhead(last: range.upperBound, date: date)
    }
    return Opening(
      pipeline: pipeline, zone: zone, stages: stages, connection: connection, date: date,
      source: source?.identity, sourceConnection: source?.connection, notices: notices)
  }

  /// The stages that the request asks for, in the pipeline's order: of a backfill those that go by
  /// intervals, and what brings and checks their rows.
  ///
  /// - Returns: the stages, and a line about those that a backfill leaves out.
  /// - Throws: ``PipelineError`` for a name that is unknown, or where none is left.
  private func chosenStages(
    of pipeline: PipelineDefinition
  ) throws(PipelineError) -> (stages: [StageReference], notices: [String]) {
    let chosen = try request.selection.stages(of: pipeline)
    guard request.redo.range != nil else { return (chosen, []) }
    let intervals = chosen.filter { $0.kind.isOfIntervals }
    if intervals.isEmpty { throw .nothingToBackfill(pipeline: pipeline.name) }
    let others = chosen.filter { !$0.kind.isOfIntervals }.map(\.kind.rawValue)
    if others.isEmpty { return (intervals, []) }
    return (
      intervals,
      ["left out, being of one date and not of days: \(others.joined(separator: ", "))"]
    )
  }

  /// What is known of the days to do again, `nil` where the run is no backfill.
  ///
  /// - Throws: ``PipelineError/noDaysOfCompanies(range:)``, `PostgresError`.
  func backfill(_ opening: Opening, settingsDigest: String) throws -> Backfill? {
    guard let range = request.redo.range else { return nil }
    let companies = request.redo.companies
    let mark = LedgerReading.backfillMark(
      range, companies: companies, stages: opening.stages.map(\.kind),
      settingsDigest: settingsDigest)
    let reading = LedgerReading(opening.connection)
    let unfinished = try reading.unfinishedBackfill(mark, pipeline: opening.pipeline.name)
    return Backfill(
      mark: mark, unfinished: unfinished,
      days: companies.isEmpty
        ? nil : try reading.days(of: companies, in: range, unfinished: unfinished))
  }

  /// The date to run, checked against a server's clock.
  private func logicalDate(zone: ZoneRules, by connection: Connection) throws -> CalendarDate {
    let rows = try connection.query(
      "SELECT (extract(epoch FROM pg_catalog.now()) * 1000000)::int8::text AS now")
    guard let now = rows[0, "now"].flatMap({ Int64($0) }) else {
      throw PipelineError.unexpectedAnswer(what: "no time")
    }
    let today = zone.localDate(at: Timestamp(microseconds: now))
    guard let date = request.date else { return today.adding(days: -1) }
    guard date < today else { throw PipelineError.dateNotOver(date: date, zone: zone.name) }
    return date
  }

  /// What is left to do for a date.
  enum NightState {
    /// Nothing; the run that finished it.
    case finished(LedgerReading.NewestRun)
    /// Something, and why, in words.
    case open(reason: String)
  }

  /// Whether a date is finished.
  ///
  /// A date is finished if the newest run for it did every stage with the present definitions from
  /// the same source, and so did the last run of any date, whose numbers are in the tables
  /// (DECISIONS.md, D-403), its forecasts or newer ones are published, and the data directory
  /// is as the newest extraction left it.
  func nightState(
    _ reading: LedgerReading, _ opening: Opening, settingsDigest: String, directory: DataDirectory
  ) throws -> NightState {
    let date = opening.date
    guard let newest = try reading.newestRun(pipeline: opening.pipeline.name, date: date) else {
      return .open(reason: "there was no run for \(date) yet")
    }
    guard newest.hasSucceeded else {
      return .open(reason: "the newest run for \(date) did not end well")
    }
    guard newest.settingsDigest == settingsDigest else {
      return .open(
        reason: newest.settingsDigest.hasPrefix(LedgerReading.partialDigest)
          ? "the newest run for \(date) did some stages only"
          : "the definitions changed since the newest run for \(date)")
    }
    guard opening.source == nil || newest.source == opening.source else {
      return .open(reason: "the newest run for \(date) read another source")
    }
    guard try reading.lastRunWasWhole(settingsDigest) else {
      return .open(reason: "a later run did some stages only, failed, or had other definitions")
    }
    if opening.pipeline.stage(.publish) != nil {
      guard let published = try reading.publishedDate(), published >= date else {
        return .open(reason: "the forecasts as of \(date) are not published")
      }
    }
    guard let last = try reading.lastExtraction(),
      last.directoryID == directory.identity.description,
      last.manifestDigest == directory.extractedDigest
    else { return .open(reason: "the data folder is not as the last run left it") }
    return .finished(newest)
  }

  /// The digest of the definitions that the pipeline's outcome depends on.
  func settingsDigest(_ pipeline: PipelineDefinition) -> String {
    var text = pipeline.canonicalText
    text += project.datasets.map { $0.canonicalText + $0.checksText }.joined()
    text += project.models.map(\.canonicalText).joined()
    text += project.risks.map { $0.canonicalText + $0.actionsText }.joined()
    text += project.metrics.canonicalText + project.funnels.canonicalText
    return SHA256.hexadecimalDigest(of: text)
  }
}
