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
/// works through items until none is left, or until another stage wants the thread, and throws what
/// `body` threw. Threads beside the caller's begin and end as the run has some to lend.
package func mapConcurrently<Item: Sendable, Context, Output: Sendable>(
  _ items: [Item], jobs: Int, session: @Sendable ((Context) throws -> Void) throws -> Void,
  work body: @escaping @Sendable (Context, Item) throws -> Output
) throws -> [Output] {
  if items.isEmpty { return [] }
  let budget = StageScope.current?.budget
  let progress = Mutex(
    Progress<Output>(
      outputs: Array(repeating: nil, count: items.count), threads: min(jobs, items.count)))

  @Sendable func recruit(_ crew: ThreadCrew) -> Bool {
    guard progress.withLock({ $0.beginThread() }) else { return false }
    if budget?.takeForPart() ?? true {
      if crew.recruit() { return true }
      budget?.give()
    }
    progress.withLock { $0.endThread() }
    return false
  }

  @Sendable func work(_ crew: ThreadCrew, isLent: Bool) {
    guard var index = progress.withLock({ $0.begin() }) else { return }
    do {
      try session { context in
        while true {
          try Interruption.check()
          let output = try body(context, items[index])
          let isWanted = isLent && budget?.isWanted ?? false
          let next = progress.withLock { state in
            state.outputs[index] = output
            return isWanted ? nil : state.begin()
          }
          guard let next else { return }
          index = next
          _ = recruit(crew)
        }
      }
    } catch {
      progress.withLock { state in
        if index < state.failure?.index ?? .max { state.failure = (index, error) }
      }
    }
  }

  ThreadCrew.work { crew in
    while recruit(crew) {}
    work(crew, isLent: false)
  } beside: { crew in
    work(crew, isLent: true)
    progress.withLock { $0.endThread() }
    budget?.give()
  }
  return try progress.withLock { state in
    if let failure = state.failure { throw failure.error }
    return state.outputs.compactMap { $0 }
  }
}

/// How far the threads have come.
private struct Progress<Output> {
  private var next = 0
  private var threads = 1
  private let maximumThreads: Int
  var outputs: [Output?]
  var failure: (index: Int, error: any Error)?

  init(outputs: [Output?], threads: Int) {
    self.outputs = outputs
    maximumThreads = threads
  }

  /// The index of the next item, `nil` if none is left to begin.
  mutating func begin() -> Int? {
    guard failure == nil, next < outputs.count else { return nil }
    defer { next += 1 }
    return next
  }

  /// Counts one more thread; `false` where there is nothing for it to do.
  mutating func beginThread() -> Bool {
    guard failure == nil, next < outputs.count, threads < maximumThreads else { return false }
    threads += 1
    return true
  }

  /// Counts one thread less.
  mutating func endThread() { threads -= 1 }
}
