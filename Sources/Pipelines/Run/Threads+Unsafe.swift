import AlmanacCore
import Glibc
import Synchronization

/// Threads that work on one thing until it is done, as many as they find use for.
///
/// Work that waits for a server needs more threads than there are processors, which a pool of the
/// system does not give.
final class ThreadCrew: Sendable {
  private let body: @Sendable (ThreadCrew) -> Void
  private let threads = Mutex<[pthread_t]>([])

  private init(_ body: @escaping @Sendable (ThreadCrew) -> Void) { self.body = body }

  /// Does something on the caller's thread, and `body` on each thread that is asked for meanwhile.
  ///
  /// - Parameters:
  ///   - first: what the caller's thread does.
  ///   - body: what each further one does.
  /// - Returns: what `first` returns, once every thread has ended.
  static func work<Result>(
    _ first: (ThreadCrew) -> Result, beside body: @Sendable (ThreadCrew) -> Void
  ) -> Result {
    withoutActuallyEscaping(body) { body in
      let crew = ThreadCrew(body)
      let result = first(crew)
      // Nothing that `body` captures may go before the last thread has ended.
      crew.join()
      return result
    }
  }

  /// Waits until every further thread has ended; for the thread that made the crew.
  func join() {
    while let thread = threads.withLock({ $0.popLast() }) { pthread_join(thread, nil) }
  }

  /// Starts one more thread, for the stage that the caller's works for.
  ///
  /// - Returns: whether one could be had.
  func recruit() -> Bool {
    let scope = StageScope.current
    return threads.withLock { threads in
      let thread = startThread { StageScope.$current.withValue(scope) { self.body(self) } }
      guard let thread else { return false }
      threads.append(thread)
      return true
    }
  }
}

/// A closure on its way to a thread.
private final class ThreadBody: Sendable {
  let run: @Sendable () -> Void

  init(_ run: @escaping @Sendable () -> Void) {
    self.run = run
  }
}

/// Starts a thread; `nil` where none can be had.
@discardableResult
func startThread(_ body: @escaping @Sendable () -> Void) -> pthread_t? {
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

extension Interruption {
  /// Waits for SIGINT or SIGTERM on a thread of its own.
  ///
  /// Blocking the signals would not do: libraries start threads before the program does, and any of
  /// them may be given a signal. After the first one both end the process again. A signal that is
  /// ignored, as SIGINT is in the background of a script, stays so.
  static func watchSignals(_ body: @escaping @Sendable (Signal) -> Void) {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { return }
    let reading = ends[0]
    unsafe signalPipe = ends[1]
    for number in [SIGINT, SIGTERM] {
      var before = sigaction()
      guard unsafe sigaction(number, nil, &before) == 0,
        unsafe unsafeBitCast(before.__sigaction_handler.sa_handler, to: Int.self) != ignored
      else { continue }
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { number in
        let code = errno
        var byte = UInt8(truncatingIfNeeded: number)
        _ = unsafe write(signalPipe, &byte, 1)
        errno = code
      }
      action.sa_flags = SA_RESTART
      _ = unsafe sigaction(number, &action, nil)
    }
    startThread {
      var byte: UInt8 = 0
      while unsafe read(reading, &byte, 1) != 1 {
        guard errno == EINTR else { return }
      }
      for number in [SIGINT, SIGTERM] { _ = signal(number, SIG_DFL) }
      body(Int32(byte) == SIGINT ? .interrupt : .terminate)
    }
  }

  /// What stands for a handler where a signal is ignored: `SIG_IGN` of signal.h.
  private static var ignored: Int { 1 }

  /// Lets a thread rest.
  package static func pause(milliseconds: UInt32) {
    usleep(milliseconds * 1_000)
  }

  /// Ends the process without waiting for its threads.
  static func endProcess(_ status: ExitStatus) -> Never {
    _exit(status.rawValue)
  }
}

/// Where the handler of signals writes the number of one; it may call nothing that takes a lock.
///
/// Written once, before the handler is installed, and only read after that: so no access races.
nonisolated(unsafe) private var signalPipe: Int32 = -1
