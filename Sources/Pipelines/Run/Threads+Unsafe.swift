import Glibc

/// Runs `body` on `count` threads at once, one of which is the caller's own; returns when all ended.
///
/// Work that waits for a server needs more threads than there are processors, which a pool of the
/// system does not give. Where no further thread can be had, there are fewer.
func onThreads(_ count: Int, _ body: @Sendable () -> Void) {
  withoutActuallyEscaping(body) { body in
    var threads: [pthread_t] = []
    for _ in 1..<max(1, count) {
      guard let thread = startThread(body) else { break }
      threads.append(thread)
    }
    body()
    // Nothing that `body` captures may go before the last thread has ended.
    for thread in threads { pthread_join(thread, nil) }
  }
}

/// A closure on its way to a thread.
private final class ThreadBody: Sendable {
  let run: @Sendable () -> Void

  init(_ run: @escaping @Sendable () -> Void) {
    self.run = run
  }
}

private func startThread(_ body: @escaping @Sendable () -> Void) -> pthread_t? {
  let box = unsafe Unmanaged.passRetained(ThreadBody(body))
  var thread = pthread_t()
  let status = unsafe pthread_create(
    &thread, nil,
    { argument in
      // The reference was retained for this thread alone.
      if let argument = unsafe argument {
        unsafe Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
      }
      return nil
    }, box.toOpaque())
  if status == 0 { return thread }
  unsafe box.release()
  return nil
}
