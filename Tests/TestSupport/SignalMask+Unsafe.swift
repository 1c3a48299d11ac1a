import Glibc

/// Runs `body` with no signal blocked in this thread.
///
/// Tests run on threads that block most signals. A program inherits that, and would then survive
/// a SIGTERM that ends it anywhere else.
package func withoutBlockedSignals<Result>(_ body: () throws -> Result) rethrows -> Result {
  var none = sigset_t()
  var before = sigset_t()
  unsafe sigemptyset(&none)
  unsafe pthread_sigmask(SIG_SETMASK, &none, &before)
  defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
  return try body()
}
