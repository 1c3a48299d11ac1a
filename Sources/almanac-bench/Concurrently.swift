import Dispatch
import Synchronization

/// Calls `body` with each item on a thread of its own and gives the results in the items' order.
func concurrently<Item: Sendable, Output: Sendable>(
  _ items: [Item], _ body: @Sendable (Item) throws -> Output
) throws -> [Output] {
  let results = Mutex([Result<Output, any Error>?](repeating: nil, count: items.count))
  DispatchQueue.concurrentPerform(iterations: items.count) { index in
    let result = Result { try body(items[index]) }
    results.withLock { $0[index] = result }
  }
  return try results.withLock { $0 }.compactMap { try $0?.get() }
}
