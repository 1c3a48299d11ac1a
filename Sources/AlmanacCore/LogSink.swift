/// How much a log line matters.
package enum LogLevel: Int, Sendable, Comparable {
  /// Details for someone looking into a fault.
  case debug
  /// What happens on a normal night.
  case info
  /// Something a person should know, though the run goes on.
  case warning
  /// The reason the run fails.
  case error

  /// Orders by weight.
  package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
}

/// Where log lines go; pure modules never hold one.
package struct LogSink: Sendable {
  /// Lines below this level are dropped.
  package let threshold: LogLevel
  private let write: @Sendable (LogLevel, String) -> Void

  /// A sink that hands each line at or above `threshold` to `write`.
  package init(threshold: LogLevel = .info, write: @escaping @Sendable (LogLevel, String) -> Void) {
    self.threshold = threshold
    self.write = write
  }

  /// Drops everything.
  package static let silent = LogSink(threshold: .error) { _, _ in }

  /// Logs one line; `message` is only evaluated when the level is kept.
  package func callAsFunction(_ level: LogLevel, _ message: @autoclosure () -> String) {
    if level >= threshold { write(level, message()) }
  }
}
