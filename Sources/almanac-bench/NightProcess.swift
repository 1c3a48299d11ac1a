import AlmanacCore
import FoundationEssentials
import Pipelines
import Postgres

/// A run of the pipeline in a process of its own, as a night is.
struct NightProcess: Codable {
  /// The word of a command line that asks for it; project, data folder, date and connection follow.
  static let command = "run-night"
  /// Threads and connections.
  static let jobs = 2

  /// The seconds of each stage, by name.
  let seconds: [String: Double]
  /// The rows that the source sent.
  let rowsRead: Int
  /// The most memory that the process had resident, in bytes.
  let peakBytes: Int
  /// What the run told people.
  let notices: [String]

  /// The seconds of the stage that extracts.
  var extraction: Double { seconds["extract"] ?? 0 }
  /// The seconds of the stage that checks the contracts.
  var checks: Double { seconds["check"] ?? 0 }

  /// Runs a pipeline in a process of its own, if forced also where a date is done.
  static func run(
    _ place: NightPlace, date: CalendarDate, isForced: Bool = false
  ) throws -> NightProcess {
    try place.options.runForJSON(
      [
        "/proc/self/exe", command, place.projectPath, place.dataPath, date.description,
        place.connection,
      ] + (isForced ? [forceWord] : []), program: "almanac-bench")
  }

  private static let forceWord = "force"

  /// Runs the pipeline and prints the result as JSON.
  static func printResult(_ arguments: [String]) throws {
    guard arguments.count >= 4, let date = CalendarDate(arguments[2]) else {
      throw BenchmarkError.usage("\(command) takes a project, a data folder, a date, a connection")
    }
    let settings = try ConnectionSettings(arguments[3])
    let report = try PipelineRunner(
      project: try ProjectLoader(path: arguments[0], environment: [:]).load(),
      request: RunRequest(
        pipeline: NightPlace.pipeline, date: date, source: settings, target: settings,
        dataPath: arguments[1], jobs: jobs,
        redo: arguments.last == forceWord ? .everything : .nothing,
        programVersion: "almanac-bench", host: "localhost",
        processID: ProcessInfo.processInfo.processIdentifier),
      zones: { _ in .utc }, log: LogSink(threshold: .warning) { _, line in note(line) }
    ).run()
    let result = NightProcess(
      seconds: Dictionary(
        report.stages.map { ($0.name, $0.seconds) }, uniquingKeysWith: { $0 + $1 }),
      rowsRead: report.stages.first { $0.name == "extract" }?.outcome.rowsIn ?? 0,
      peakBytes: peakMemory(),
      notices: report.notices + report.stages.flatMap(\.outcome.notices))
    print(String(decoding: try JSONEncoder().encode(result), as: UTF8.self))
  }
}
