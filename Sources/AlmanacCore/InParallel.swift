import Dispatch
import Synchronization

/// Calls `body` with each number below a count, on several threads, and gives the results in order.
///
/// Results and the error do not depend on the number of threads, as long as no call depends on
/// another. One thread is the caller's own, and with one job it is the only one.
///
/// - Parameters:
///   - count: how often.
///   - limits: the threads; memory is for the caller to heed, by ``ParallelLimits/fitting(_:)``.
///   - largestLast: whether calls take longer the larger their number, so that several threads had
///     better begin with the last ones.
///   - body: the work.
/// - Returns: the results in the order of the numbers.
/// - Throws: the error of the least number that has one; calls with greater numbers that were not
///   begun by then are left.
package func inParallel<Output: Sendable, Failure: Error>(
  _ count: Int, within limits: ParallelLimits, largestLast: Bool = false,
  _ body: @Sendable (Int) throws(Failure) -> Output
) throws(Failure) -> [Output] {
  let width = min(limits.jobs, count)
  guard width > 1 else {
    var outputs: [Output] = []
    outputs.reserveCapacity(count)
    for index in 0..<count { outputs.append(try body(index)) }
    return outputs
  }
  let lender = limits.lender
  let progress = Mutex(
    ParallelProgress<Output, Failure>(count: count, width: width, isDescending: largestLast))
  DispatchQueue.concurrentPerform(iterations: width) { _ in
    // Whichever comes first needs no thread but the caller's, and stays to the end.
    let isLent = !progress.withLock { $0.beginFirst() }
    if isLent, let lender, !lender.lend() { return }
    defer { if isLent { lender?.takeBack() } }
    while let places = progress.withLock({ $0.next() }) {
      var outputs: [Output] = []
      outputs.reserveCapacity(places.count)
      var failure: (place: Int, error: Failure)?
      for place in places {
        do throws(Failure) {
          outputs.append(try body(largestLast ? count - 1 - place : place))
        } catch {
          failure = (place, error)
          break
        }
      }
      let (made, failed) = (outputs, failure)
      progress.withLock { $0.finish(places, made, failed) }
      if isLent, lender?.wantsBack ?? false { return }
    }
  }
  return try progress.withLock { $0 }.results()
}

/// The same on so many threads.
package func inParallel<Output: Sendable, Failure: Error>(
  _ count: Int, jobs: Int, _ body: @Sendable (Int) throws(Failure) -> Output
) throws(Failure) -> [Output] {
  try inParallel(count, within: ParallelLimits(jobs: jobs), body)
}

/// The same with each of some items, on one thread per processor unless told otherwise.
package func inParallel<Item: Sendable, Output: Sendable, Failure: Error>(
  _ items: [Item], jobs: Int? = nil, _ body: @Sendable (Item) throws(Failure) -> Output
) throws(Failure) -> [Output] {
  try inParallel(items.count, within: ParallelLimits(jobs: jobs)) {
    (index) throws(Failure) -> Output in try body(items[index])
  }
}

/// How far threads have come.
private struct ParallelProgress<Output: Sendable, Failure: Error>: Sendable {
  /// What was made, by number.
  private var outputs: [Output?]
  private var failure: (index: Int, error: Failure)?
  /// The first place that is not begun; a place is a number, or its distance from the last one.
  private var place = 0
  private var hasBegun = false
  /// Places are handed out in blocks, so that threads seldom meet, and in many, so that none waits
  /// long for the last one.
  private let block: Int
  private let isDescending: Bool

  init(count: Int, width: Int, isDescending: Bool) {
    outputs = [Output?](repeating: nil, count: count)
    block = isDescending ? 1 : max(1, min(64, count / (32 * width)))
    self.isDescending = isDescending
  }

  private func number(_ place: Int) -> Int { isDescending ? outputs.count - 1 - place : place }

  /// Whether nobody began before.
  mutating func beginFirst() -> Bool {
    defer { hasBegun = true }
    return !hasBegun
  }

  /// The next places, `nil` where none is left to begin.
  mutating func next() -> Range<Int>? {
    // Only what comes before a failure may still decide which one is told, and ascending that has begun.
    guard place < outputs.count, failure == nil || isDescending else { return nil }
    let start = place
    place = min(outputs.count, place + block)
    return start..<place
  }

  /// Takes what was made of places, up to one that failed.
  mutating func finish(
    _ places: Range<Int>, _ made: [Output], _ failed: (place: Int, error: Failure)?
  ) {
    for (offset, output) in made.enumerated() {
      outputs[number(places.lowerBound + offset)] = output
    }
    guard let failed else { return }
    let index = number(failed.place)
    if index < failure?.index ?? .max { failure = (index, failed.error) }
  }

  /// What all calls gave.
  func results() throws(Failure) -> [Output] {
    if let failure { throw failure.error }
    return outputs.compactMap(\.self)
  }
}
