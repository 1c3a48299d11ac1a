import Foundation
import Pipelines
import Synchronization
import Testing

@Suite("Concurrent work")
struct ConcurrentWorkTests {
  private struct Failure: Error, Equatable {
    var item: Int
  }

  /// A context that notices use by two threads at once.
  private final class Context: Sendable {
    private let isBusy = Mutex(false)

    func use<Result>(_ body: () throws -> Result) rethrows -> Result {
      isBusy.withLock { busy in
        #expect(!busy)
        busy = true
      }
      defer { isBusy.withLock { $0 = false } }
      return try body()
    }
  }

  @Test("gives results in the order of the items", arguments: [1, 2, 3, 8, 1_000])
  func order(jobs: Int) throws {
    let results = try mapConcurrently(
      Array(0..<100), jobs: jobs, context: {},
      work: { _, item in
        if item % 10 == 0 { Thread.sleep(forTimeInterval: 0.001) }
        return item * item
      })
    #expect(results == (0..<100).map { $0 * $0 })
  }

  @Test("makes at most one context a thread, and none without an item", arguments: [1, 2, 5, 64])
  func contexts(jobs: Int) throws {
    for count in [0, 1, 3, 40] {
      let made = Mutex(0)
      _ = try mapConcurrently(
        Array(0..<count), jobs: jobs,
        context: {
          made.withLock { $0 += 1 }
          return Context()
        },
        work: { context, _ in context.use { Thread.sleep(forTimeInterval: 0.0005) } })
      let number = made.withLock { $0 }
      #expect(number <= min(jobs, count))
      #expect((number > 0) == (count > 0))
    }
  }

  @Test("throws the first error in the order of the items, not of time", arguments: [1, 2, 4, 16])
  func firstError(jobs: Int) {
    #expect(throws: Failure(item: 2)) {
      try mapConcurrently(
        Array(0..<16), jobs: jobs, context: {},
        work: { _, item in
          if item == 2 {
            Thread.sleep(forTimeInterval: 0.05)
            throw Failure(item: 2)
          }
          if item > 2 { throw Failure(item: item) }
        })
    }
  }

  @Test("begins no item after a failure", arguments: [1, 2, 4])
  func stops(jobs: Int) {
    let begun = Mutex<[Int]>([])
    let hasFailed = Mutex(false)
    #expect(throws: Failure(item: 3)) {
      try mapConcurrently(
        Array(0..<500), jobs: jobs, context: {},
        work: { _, item in
          begun.withLock { $0.append(item) }
          if item == 3 {
            hasFailed.withLock { $0 = true }
            throw Failure(item: 3)
          }
          // Those at work beside it end only after it has failed.
          while item > 3, !hasFailed.withLock({ $0 }) { Thread.sleep(forTimeInterval: 0.001) }
          if item > 3 { Thread.sleep(forTimeInterval: 0.02) }
        })
    }
    let items = begun.withLock { $0 }
    #expect(items.count < 4 + 2 * jobs, "\(items)")
    #expect(Set(items).isSuperset(of: 0...3))
  }

  @Test("throws what making a context throws, and does no work", arguments: [1, 4])
  func failingContext(jobs: Int) {
    let worked = Mutex(0)
    #expect(throws: Failure(item: -1)) {
      try mapConcurrently(
        Array(0..<10), jobs: jobs, context: { throw Failure(item: -1) },
        work: { (_: Void, _) in worked.withLock { $0 += 1 } })
    }
    #expect(worked.withLock { $0 } == 0)
  }
}
