import Synchronization

@testable import AlmanacCommands

/// What a program wrote.
final class Transcript: Sendable {
  private let lines = Mutex<(out: [String], error: [String])>(([], []))

  var console: Console {
    Console(
      out: { line in self.lines.withLock { $0.out.append(line) } },
      error: { line in self.lines.withLock { $0.error.append(line) } })
  }
  var out: [String] { lines.withLock { $0.out } }
  var error: [String] { lines.withLock { $0.error } }
}
