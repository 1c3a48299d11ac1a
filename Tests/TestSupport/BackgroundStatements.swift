import Foundation
import Postgres
import Synchronization

/// Statements of another session, on a thread of its own.
package final class BackgroundStatements: Sendable {
  private let group = DispatchGroup()
  private let failure = Mutex<(any Error)?>(nil)

  /// No statements yet.
  package init() {}

  /// Begins to run statements one after the other on a connection of their own.
  package func run(_ statements: [String], url: String) {
    group.enter()
    let thread = Thread { [self] in
      do {
        let connection = try Connection(
          ConnectionSettings(url), purpose: .target, applicationName: "almanac tests")
        for statement in statements { try connection.runScript(statement) }
      } catch {
        failure.withLock { $0 = error }
      }
      group.leave()
    }
    thread.start()
  }

  /// Waits until all of them have run.
  ///
  /// - Throws: what the first that failed gave.
  package func wait() throws {
    group.wait()
    if let error = failure.withLock({ $0 }) { throw error }
  }
}
