import Glibc

/// A stream that every process has.
package enum StandardStream: Sendable {
  /// Results.
  case standardOutput
  /// Progress, warnings and errors.
  case standardError
}

extension FileSystem {
  /// Writes a line; a stream that nobody reads any more ends the writing silently.
  package static func writeLine(_ line: String, to stream: StandardStream) {
    let bytes = Array((line + "\n").utf8)
    let number = stream == .standardOutput ? STDOUT_FILENO : STDERR_FILENO
    SystemCalls.writeAll(bytes.span, to: number)
  }
}
