package import AlmanacCore
import Files
import Glibc
import Synchronization

/// Where a command writes for people and programs.
package struct Console: Sendable {
  private let writeOut: @Sendable (String) -> Void
  private let writeError: @Sendable (String) -> Void
  private let writeErrorPart: @Sendable (String) -> Void
  private let shape: (@Sendable (LogLevel, String) -> String)?
  /// Whether a person reads the lines about the work, who may see values of rows.
  package let reportsToTerminal: Bool
  /// Whether a person reads the result.
  package let printsToTerminal: Bool

  /// A console over two ways of writing a line, and one of writing a part of a line to the second.
  package init(
    out: @escaping @Sendable (String) -> Void, error: @escaping @Sendable (String) -> Void,
    errorPart: @escaping @Sendable (String) -> Void = { _ in }, reportsToTerminal: Bool = false,
    printsToTerminal: Bool = false, shape: (@Sendable (LogLevel, String) -> String)? = nil
  ) {
    self.shape = shape
    writeOut = out
    writeError = error
    writeErrorPart = errorPart
    self.reportsToTerminal = reportsToTerminal
    self.printsToTerminal = printsToTerminal
  }

  /// The same with lines about the work as `shape` has them; none of them is for a terminal.
  package func reporting(as shape: @escaping @Sendable (LogLevel, String) -> String) -> Console {
    Console(
      out: writeOut, error: writeError, errorPart: writeErrorPart, reportsToTerminal: false,
      printsToTerminal: printsToTerminal, shape: shape)
  }

  /// The process's own standard output and standard error.
  ///
  /// A result that cannot be written ends the process, with one line on standard error and
  /// ``ExitStatus/inputOutput``: whoever asked for it would take nothing for an empty result. What
  /// cannot be written to standard error is lost.
  package static let standard = standardConsole()

  private static func standardConsole() -> Console {
    // Without the reserve the streams still work wherever they are open.
    try? FileSystem.reserveStandardStreams()
    return Console(
      out: { line in
        do throws(FileError) {
          try FileSystem.writeResult(line)
        } catch {
          FileSystem.writeRemark("almanac: \(error.description)")
          ProcessSetting.exit(with: .inputOutput)
        }
      }, error: { FileSystem.writeRemark($0) },
      errorPart: { FileSystem.writeRemarkPart($0) },
      reportsToTerminal: isatty(STDERR_FILENO) == 1, printsToTerminal: isatty(STDOUT_FILENO) == 1)
  }

  /// Writes a line of the command's result.
  package func print(_ line: String = "") { writeOut(line) }

  /// Writes the lines of a result.
  package func print(_ lines: [String]) { lines.forEach(writeOut) }

  /// Writes a line about the work itself: progress, warnings, errors.
  package func report(_ line: String, level: LogLevel = .info) {
    writeError(shape?(level, line) ?? line)
  }

  /// Writes a part of such a line, on a terminal.
  package func reportPart(_ text: String) { writeErrorPart(text) }

  /// A log sink that reports lines at or above a level, marked with their level.
  package func logSink(threshold: LogLevel) -> LogSink {
    LogSink(threshold: threshold) { level, line in
      report(level == .warning && shape == nil ? "warning: \(line)" : line, level: level)
    }
  }
}
