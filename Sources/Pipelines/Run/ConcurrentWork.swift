import Synchronization

/// Works through items on several threads, each with a context of its own, such as a connection.
///
/// Items are taken in order and results come back in the order of the items, so the outcome does
/// not depend on `jobs`. The first error in item order is thrown once every thread has stopped;
/// items that were not begun by then are left, as they are once the process is asked to end.
/// `makeContext` is called once on each thread that has
/// work; one of the threads is the caller's own.
package func mapConcurrently<Item: Sendable, Context, Output: Sendable>(
  _ items: [Item], jobs: Int, context makeContext: @escaping @Sendable () throws -> Context,
  work body: @escaping @Sendable (Context, Item) throws -> Output
) throws -> [Output] {
  try mapConcurrently(
    items, jobs: jobs, session: { perform in try perform(makeContext()) }, work: body)
}

/// Works through items on several threads, each within a session of its own, such as a transaction.
///
/// `session` is called once on each thread that has work. It must call its argument once, which
/// works through items until none is left and throws what `body` threw.
package func mapConcurrently<Item: Sendable, Context, Output: Sendable>(
  _ items: [Item], jobs: Int, session: @Sendable ((Context) throws -> Void) throws -> Void,
  work body: @escaping @Sendable (Context, Item) throws -> Output
) throws -> [Output] {
  if items.isEmpty { return [] }
  let progress = Mutex(Progress<Output>(outputs: Array(repeating: nil, count: items.count)))
  onThreads(min(jobs, items.count)) {
    guard var index = progress.withLock({ $0.begin() }) else { return }
    do {
      try session { context in
        while true {
          try Interruption.check()
          let output = try body(context, items[index])
          let next = progress.withLock { state in
            state.outputs[index] = output
            return state.begin()
          }
          guard let next else { return }
          index = next
        }
      }
    } catch {
      progress.withLock { state in
        if index < state.failure?.index ?? .max { state.failure = (index, error) }
      }
    }
  }
  return try progress.withLock { state in
    if let failure = state.failure { throw failure.error }
    return state.outputs.compactMap { $0 }
  }
}

/// How far the threads have come.
private struct Progress<Output> {
  private var next = 0
  var outputs: [Output?]
  var failure: (index: Int, error: any Error)?

  init(outputs: [Output?]) {
    self.outputs = outputs
  }

  /// The index of the next item, `nil` if none is left to begin.
  mutating func begin() -> Int? {
    guard failure == nil, next < outputs.count else { return nil }
    defer { next += 1 }
    return next
  }
}
