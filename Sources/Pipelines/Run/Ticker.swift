import Synchronization

/// Calls something again and again on a thread of its own, until it is stopped.
package final class Ticker: Sendable {
  private let isStopped = Mutex(false)

  /// Begins to call `body` every so many milliseconds.
  package init(everyMilliseconds pause: UInt32, _ body: @escaping @Sendable () -> Void) {
    startThread { [self] in
      while true {
        Interruption.pause(milliseconds: pause)
        let goesOn = isStopped.withLock { isStopped in
          if !isStopped { body() }
          return !isStopped
        }
        if !goesOn { return }
      }
    }
  }

  /// Stops; `body` is not called any more once this returns.
  package func stop() {
    isStopped.withLock { $0 = true }
  }
}
