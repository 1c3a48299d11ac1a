import AlmanacCore
import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Pipelines

/// Somebody alters a table of the source while it is extracted.
@Suite("Locks of the source", .database)
struct SourceLockTests {
  /// Alters the table on a thread of its own as soon as the cut is taken, and waits until the server has
  /// it wait.
  private final class Alteration: Sendable {
    private let hasBegun = Mutex(false)
    let ended = DispatchSemaphore(value: 0)

    func begin(after line: String) {
      guard line.contains("one cut of the source"),
        hasBegun.withLock({ hasBegun in
          defer { hasBegun = true }
          return !hasBegun
        }), let own = try? TestDatabase.current.connect(),
        let other = try? TestDatabase.current.connect()
      else { return }
      let sessions = Mutex(own)
      Thread.detachNewThread { [ended] in
        sessions.withLock { _ = try? $0.run("ALTER TABLE app.events ADD more int") }
        ended.signal()
      }
      for _ in 0..<400 {
        let rows = try? other.query(
          """
          SELECT count(*) FROM pg_locks
          WHERE relation = 'app.events'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted
          """)
        if rows?[0, 0] == "1" { return }
        usleep(25_000)
      }
    }
  }

  @Test("end the extraction at once where somebody waits behind the cut", arguments: [1, 3])
  func waitsBehind(jobs: Int) throws {
    let alteration = Alteration()
    let source = try AppendSource(jobs: jobs) { alteration.begin(after: $0) }
    try source.add(["a", "b"])
    #expect(throws: PipelineError.sourceBusy(dataset: "events", table: "app.events")) {
      try source.extract()
    }
    #expect(PipelineError.sourceBusy(dataset: "e", table: "t").exitStatus == .temporaryFailure)
    // Whoever waited is let in, and the next extraction has everything.
    #expect(alteration.ended.wait(timeout: .now() + 20) == .success)
    try source.add(["c"])
    try source.extract()
    #expect(try source.held() == ["a", "b", "c"])
  }
}
