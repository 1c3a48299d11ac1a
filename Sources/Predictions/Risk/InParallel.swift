import Dispatch
import Regression
import Synchronization

/// Calls `body` with each number below a count, the largest first, on one thread per processor.
///
/// - Parameters:
///   - count: how often.
///   - isWide: whether calls may run side by side; otherwise they follow each other.
///   - body: the work, which must not depend on other calls.
/// - Returns: the results in the order of the numbers.
/// - Throws: the error of the least number that has one.
func inParallel<Value: Sendable>(
  _ count: Int, isWide: Bool = true,
  _ body: @Sendable (Int) throws(RegressionError) -> Value
) throws(RegressionError) -> [Value] {
  let results = Mutex([Result<Value, RegressionError>?](repeating: nil, count: count))
  @Sendable func work(_ place: Int) {
    let index = count - 1 - place
    let result: Result<Value, RegressionError>
    do throws(RegressionError) {
      result = .success(try body(index))
    } catch {
      result = .failure(error)
    }
    results.withLock { $0[index] = result }
  }
  if isWide {
    DispatchQueue.concurrentPerform(iterations: count) { work($0) }
  } else {
    for place in 0..<count { work(place) }
  }
  var values: [Value] = []
  for result in results.withLock({ $0 }) {
    if let value = try result?.get() { values.append(value) }
  }
  return values
}

/// Calls `body`, which does not fail, as ``inParallel(_:isWide:_:)`` does.
func concurrently<Value: Sendable>(_ count: Int, _ body: @Sendable (Int) -> Value) -> [Value] {
  let results = Mutex([Value?](repeating: nil, count: count))
  DispatchQueue.concurrentPerform(iterations: count) { index in
    let value = body(index)
    results.withLock { $0[index] = value }
  }
  return results.withLock { $0 }.compactMap(\.self)
}
