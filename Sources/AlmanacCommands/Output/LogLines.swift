import AlmanacCore
import FoundationEssentials
import Pipelines
import Synchronization

/// How `--log-format` has lines about the work: with time, level, run and stage in each.
final class LogLines: Sendable {
  /// The forms of a line.
  enum Format: String, CaseIterable {
    /// `TIME LEVEL RUN STAGE: MESSAGE`, a hyphen where there is no run or stage.
    case text
    /// One JSON object.
    case json
  }

  private let format: Format
  private let clock: @Sendable () -> Timestamp
  private let position = Mutex(RunPosition())

  /// Lines of a form; `clock` tells the time.
  init(_ format: Format, clock: @escaping @Sendable () -> Timestamp = currentTime) {
    self.format = format
    self.clock = clock
  }

  /// The lines that the value of `--log-format` names, none where it is not given.
  static func option(_ scanner: inout ArgumentScanner) throws(UsageError) -> LogLines? {
    guard let word = try scanner.value("--log-format") else { return nil }
    guard let format = Format(rawValue: word) else {
      throw UsageError(
        "--log-format is text or json, found \(shown(word))"
          + Suggestion.didYouMean(word, among: Format.allCases.map(\.rawValue)))
    }
    return LogLines(format)
  }

  /// Says where the run is from now on.
  func follow(_ new: RunPosition) {
    position.withLock { $0 = new }
  }

  /// A line, of the stage that the calling thread works for, or that ended the run.
  func line(_ level: LogLevel, _ message: String) -> String {
    let position = position.withLock { $0 }
    let (run, stage) = (position.run, StageScope.currentStage ?? position.endedBy)
    let time = clock().description
    switch format {
    case .text:
      let text = CellText.escaped(message, keeping: [])
      return "\(time) \(level) \(run ?? "-") \(stage ?? "-"): \(text)"
    case .json:
      return JSONTree.object([
        ("time", .text(time)), ("level", .text("\(level)")), ("run", .optional(run)),
        ("stage", .optional(stage)), ("message", .text(message)),
      ]).line()
    }
  }
}

/// The time by this machine.
@Sendable func currentTime() -> Timestamp {
  Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1e6))
}

/// An error that was reported already, in a form of its own.
struct Reported: ExitStatusConvertible {
  let exitStatus: ExitStatus
  let description: String

  /// Reports an error; what is none for a user is our own fault.
  init(_ error: any Error, to console: Console) {
    let known = error as? any ExitStatusConvertible
    exitStatus = known?.exitStatus ?? .internalError
    description = known?.description ?? "unexpected fault (\(type(of: error)))"
    console.report(description, level: .error)
  }
}
