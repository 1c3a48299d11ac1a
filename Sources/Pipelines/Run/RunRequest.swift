package import AlmanacCore
package import Postgres

/// What a run was asked to do.
package struct RunRequest: Sendable {
  /// The pipeline's name.
  package var pipeline: String
  /// The logical date; `nil` is yesterday in the pipeline's zone by the source's clock.
  package var date: CalendarDate?
  /// The database to read.
  package var source: ConnectionSettings
  /// The database to write.
  package var target: ConnectionSettings
  /// The folder of snapshots.
  package var dataPath: String
  /// The threads at work at the same time.
  package var jobs: Int
  /// The bytes of memory above which no further stage or thread begins beside others.
  package var memory: Int
  /// What is done again though it is done.
  package var redo: Redo
  /// The stages to run.
  package var selection: StageSelection
  /// The words of the command line behind `almanac run`, for the line that says how to go on.
  package var words: [String] = []
  /// The program's version, for the ledger.
  package var programVersion: String
  /// The machine's name, for the ledger.
  package var host: String
  /// The process's number, for the ledger.
  package var processID: Int32

  /// A request of the given parts.
  package init(
    pipeline: String, date: CalendarDate?, source: ConnectionSettings, target: ConnectionSettings,
    dataPath: String, jobs: Int, memory: Int = .max, redo: Redo = .nothing,
    selection: StageSelection = StageSelection(),
    programVersion: String, host: String, processID: Int32
  ) {
    self.pipeline = pipeline
    self.date = date
    self.source = source
    self.target = target
    self.dataPath = dataPath
    self.jobs = jobs
    self.memory = memory
    self.redo = redo
    self.selection = selection
    self.programVersion = programVersion
    self.host = host
    self.processID = processID
  }
}
