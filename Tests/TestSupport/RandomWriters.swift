import AlmanacCore
import Foundation
import Postgres
import Synchronization

/// Sessions that write into `app.rows` at the same time, from seeds: transactions of any length that
/// commit out of order, with savepoints that are released or rolled back.
package final class RandomWriters: Sendable {
  private let isStopping = Mutex(false)
  private let failures = Mutex<[String]>([])
  private let group = DispatchGroup()

  /// Starts the writers, each on a connection and a thread of its own.
  ///
  /// - Parameters:
  ///   - count: how many.
  ///   - seed: what their steps follow from, except for the timing.
  ///   - url: the database.
  ///   - first: rows are numbered from here, a million numbers for each writer.
  package init(_ count: Int, seed: UInt64, url: String, first: Int) {
    for writer in 0..<count {
      group.enter()
      let thread = Thread { [self] in
        do {
          try write(seed: seed &+ UInt64(writer), url: url, first: first + writer * 1_000_000)
        } catch {
          failures.withLock { $0.append("\(error)") }
        }
        group.leave()
      }
      thread.start()
    }
  }

  /// Stops the writers and waits until each has ended its transaction; returns what went wrong.
  package func stop() -> [String] {
    isStopping.withLock { $0 = true }
    group.wait()
    return failures.withLock { $0 }
  }

  private func write(seed: UInt64, url: String, first: Int) throws {
    var random = SplitMix64(seed: seed)
    let connection = try Connection(
      ConnectionSettings(url), purpose: .target, applicationName: "almanac tests")
    var next = first
    while !isStopping.withLock({ $0 }) {
      try connection.run("BEGIN")
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let rows = Int.random(in: 1...20, using: &random)
        let isNested = Bool.random(using: &random)
        if isNested { try connection.run("SAVEPOINT s") }
        try connection.run(ExtractionPlace.adding(next...next + rows - 1, "seed"))
        next += rows
        if isNested {
          try connection.run(
            Int.random(in: 0..<3, using: &random) == 0
              ? "ROLLBACK TO SAVEPOINT s" : "RELEASE SAVEPOINT s")
        }
        Thread.sleep(forTimeInterval: Double.random(in: 0...0.02, using: &random))
      }
      try connection.run(Int.random(in: 0..<6, using: &random) == 0 ? "ROLLBACK" : "COMMIT")
    }
  }
}
