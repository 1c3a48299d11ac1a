import AlmanacCore
import Pipelines

/// Does work that SIGINT or SIGTERM end within five seconds, a second one at once.
///
/// The work ends at its next ``Interruption/check()``, which rolls back and removes what is half done;
/// if it does not come to one in 2.5 seconds, the process ends, and the server rolls back.
///
/// - Parameters:
///   - console: where the signal is reported.
///   - body: the work.
/// - Throws: what the work throws; after a signal that it was interrupted.
func interruptibly(_ console: Console, _ body: () throws -> Void) throws {
  Interruption.watch(
    onSignal: { signal in
      console.report(
        "warning: \(signal.rawValue): stopping within 5 seconds; a second one stops at once")
    },
    onEnd: { reason in console.report("almanac: \(reason)") })
  do {
    try body()
    Interruption.end()
  } catch {
    let error = Interruption.explain(error)
    Interruption.end()
    throw error
  }
}
