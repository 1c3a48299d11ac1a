package import AlmanacCore
import Billing
package import Postgres

/// What the stages of one run share.
///
/// Stages beside each other have one each, with sessions of their own: what else is in it is shared.
package final class RunContext {
  /// The run's identifier.
  package let run: UUIDValue
  /// The pipeline that runs.
  package let pipeline: PipelineDefinition
  /// The definitions of the installation.
  package let project: Project
  /// The logical date: the last day that is computed.
  package let date: CalendarDate
  /// The rules of the pipeline's zone, UTC where days are those of each company.
  package let zone: ZoneRules
  /// The number of threads and connections.
  package let jobs: Int
  /// Which intervals are done again though nothing about them changed.
  package let redo: Redo
  /// What is known of the days to do again, `nil` where the run is no backfill.
  let backfill: Backfill?
  /// The source database.
  package let source: ConnectionSettings
  /// The lock, which is also the way to the target database.
  package let lock: RunLock
  /// The ledger as this run writes it.
  package let ledger: Ledger
  /// The data directory.
  package let directory: DataDirectory
  /// Where progress lines go.
  package let log: LogSink
  /// Where the extraction reports how far it is.
  package let progress: ProgressSink
  /// What stages of the run found for those behind and beside them.
  let memo: RunMemo
  /// Finds the rules of a time zone.
  let findZone: @Sendable (String) -> ZoneRules?

  /// A context of the given parts.
  package convenience init(
    run: UUIDValue, project: Project, pipeline: PipelineDefinition, date: CalendarDate,
    zone: ZoneRules, jobs: Int, redo: Redo = .nothing, backfill: Backfill? = nil,
    source: ConnectionSettings, lock: RunLock, ledger: Ledger, directory: DataDirectory,
    log: LogSink,
    progress: ProgressSink = .silent,
    findZone: @escaping @Sendable (String) -> ZoneRules? = { _ in nil }
  ) {
    self.init(
      run: run, project: project, pipeline: pipeline, date: date, zone: zone, jobs: jobs,
      redo: redo, backfill: backfill, source: source, lock: lock, ledger: ledger,
      directory: directory, log: log, progress: progress, memo: RunMemo(), findZone: findZone)
  }

  private init(
    run: UUIDValue, project: Project, pipeline: PipelineDefinition, date: CalendarDate,
    zone: ZoneRules, jobs: Int, redo: Redo, backfill: Backfill?, source: ConnectionSettings,
    lock: RunLock, ledger: Ledger, directory: DataDirectory, log: LogSink, progress: ProgressSink,
    memo: RunMemo, findZone: @escaping @Sendable (String) -> ZoneRules?
  ) {
    self.run = run
    self.pipeline = pipeline
    self.project = project
    self.date = date
    self.zone = zone
    self.jobs = jobs
    self.redo = redo
    self.backfill = backfill
    self.source = source
    self.lock = lock
    self.ledger = ledger
    self.directory = directory
    self.log = log
    self.progress = progress
    self.memo = memo
    self.findZone = findZone
  }

  /// The instant at which the logical date ends: nothing that happened later, or was recorded
  /// later, is known to the models of this run (DECISIONS.md, D-010).
  package var knowledgeEnd: Timestamp { end(of: date) }

  /// What a stage may do side by side: on the threads of the run that no other stage wants, within
  /// the memory that is left of it.
  var limits: ParallelLimits {
    guard let budget = StageScope.current?.budget else { return ParallelLimits(jobs: jobs) }
    return ParallelLimits(jobs: jobs, memory: budget.room, lender: budget)
  }

  /// The instant at which a date ends in the pipeline's zone.
  func end(of date: CalendarDate) -> Timestamp { zone.start(of: date.adding(days: 1)) }

  /// Makes the contexts of stages on other threads: as this one, but with another way to the target.
  func branching() -> @Sendable (RunLock) -> RunContext {
    let (run, project, pipeline, date, zone, jobs) = (run, project, pipeline, date, zone, jobs)
    let (redo, backfill, source, directory) = (redo, backfill, source, directory)
    let (log, progress, memo, findZone) = (log, progress, memo, findZone)
    return { lock in
      RunContext(
        run: run, project: project, pipeline: pipeline, date: date, zone: zone, jobs: jobs,
        redo: redo, backfill: backfill, source: source, lock: lock,
        ledger: Ledger(lock, run: run), directory: directory, log: log, progress: progress,
        memo: memo, findZone: findZone)
    }
  }

  /// The watermark of a dataset.
  ///
  /// - Throws: ``PipelineError/notExtracted(dataset:)`` if the data directory does not hold it.
  package func extracted(_ dataset: String) throws -> Manifest.Dataset {
    guard let entry = directory.manifest.datasets[dataset] else {
      throw PipelineError.notExtracted(dataset: dataset)
    }
    return entry
  }

  /// Whether a dataset is one that the source may lack, and nothing of it is held.
  package func isAbsent(_ dataset: DatasetDefinition) -> Bool {
    dataset.isOptional && directory.manifest.datasets[dataset.name] == nil
  }

  /// How far a dataset reaches.
  package struct Coverage: Sendable {
    /// The first and last UTC day with a row.
    package var days: ClosedRange<CalendarDate>
    /// What a person should know about the days up to the logical date.
    package var notices: [String]
  }

  /// Checks that the logical date lies within the data, give or take quiet days.
  ///
  /// A business may have days without an event, so a date up to ``quietDays`` after the last row
  /// counts as covered (DECISIONS.md, D-011), and is noticed.
  package func checkCoverage(of dataset: DatasetDefinition) throws -> Coverage {
    let cut = directory.manifest.datasets[dataset.name].flatMap { Timestamp($0.watermark.takenAt) }
    guard let days = directory.manifest.days(of: dataset.name).range(through: cut?.dateUTC) else {
      throw PipelineError.emptySource(dataset: dataset.name, table: dataset.displayedSource)
    }
    guard date >= days.lowerBound, date <= days.upperBound.adding(days: RunContext.quietDays)
    else {
      throw PipelineError.dateWithoutData(
        date: date, first: days.lowerBound, last: days.upperBound)
    }
    let behind = days.upperBound.distance(to: date)
    return Coverage(
      days: days,
      notices: behind < 1
        ? []
        : [
          "\(dataset.name): the newest row is of \(days.upperBound), \(behind) "
            + (behind == 1 ? "day" : "days") + " before \(date); days since then count as empty"
        ])
  }

  /// Days without a row after which a date counts as being without data.
  package static let quietDays = 7
}
