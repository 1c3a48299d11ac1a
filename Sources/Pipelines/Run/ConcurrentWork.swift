import Dispatch
import Synchronization

/// Works through items on several threads, each with a context of its own, such as a connection.
///
/// Items are taken in order and results come back in the order of the items, so the outcome does
/// not depend on `jobs`. The first error in item order is thrown once every thread has stopped;
/// items that were not begun by then are left. `makeContext` is called once on each thread that has
/// work; one of the threads is the caller's own.
package func mapConcurrently<Item: Sendable, Context, Output: Sendable>(
  _ items: [Item], jobs: Int, context makeContext: @Sendable () throws -> Context,
  work body: @Sendable (Context, Item) throws -> Output
) throws -> [Output] {
  if items.isEmpty { return [] }
  if jobs <= 1 || items.count == 1 {
    let context = try makeContext()
    return try items.map { try body(context, $0) }
  }
  let progress = Mutex(Progress<Output>(outputs: Array(repeating: nil, count: items.count)))
  DispatchQueue.concurrentPerform(iterations: min(jobs, items.count)) { _ in
    var context: Context?
    while true {
      let index: Int? = progress.withLock { state in
        guard state.failure == nil, state.next < items.count else { return nil }
        defer { state.next += 1 }
        return state.next
      }
      guard let index else { return }
      do {
        let ready = try context ?? makeContext()
        context = ready
        let output = try body(ready, items[index])
        progress.withLock { $0.outputs[index] = output }
      } catch {
        progress.withLock { state in
          if index < state.failure?.index ?? .max { state.failure = (index, error) }
        }
        return
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
  var next = 0
  var outputs: [Output?]
  var failure: (index: Int, error: any Error)?

  init(outputs: [Output?]) {
    self.outputs = outputs
  }
}
