package import AlmanacCore
import Synchronization

/// SIGINT and SIGTERM while a run or another command that writes is at work (DECISIONS.md, D-552).
///
/// The first signal asks the run to end: it begins no further piece of work, rolls back the one at
/// hand, and records that. What has not ended then is given up on: the sessions of the run are ended,
/// which rolls back what they wrote, the run is recorded as interrupted, and the process ends. A second
/// signal ends the process at once.
package enum Interruption {
  /// A signal that ends a run.
  package enum Signal: String, Sendable {
    /// From the keyboard.
    case interrupt = "SIGINT"
    /// From a scheduler or an operator.
    case terminate = "SIGTERM"

    /// The status of a process that this signal ended.
    package var exitStatus: ExitStatus { self == .interrupt ? .interrupted : .terminated }
  }

  /// How far an interruption has come.
  private struct State {
    var signal: Signal?
    /// What to do where the run does not end by itself.
    var giveUp: (@Sendable (Signal) -> Void)?
    var isGivenUp = false
    var isOver = false
  }

  private static let state = Mutex(State())

  /// Milliseconds that a run has to end by itself, and those that recording takes at most.
  private static let patience: (run: UInt32, recording: UInt32) = (2_500, 1_500)

  /// Watches for the signals from now on; to be called once.
  ///
  /// - Parameters:
  ///   - onSignal: called on a thread of its own when the first signal arrives.
  ///   - onEnd: called there before the process ends without the run having come to its end.
  package static func watch(
    onSignal: @escaping @Sendable (Signal) -> Void, onEnd: @escaping @Sendable (Signal) -> Void
  ) {
    watchSignals { signal in
      state.withLock { $0.signal = signal }
      onSignal(signal)
      pause(milliseconds: patience.run)
      let giveUp = state.withLock { state -> (@Sendable (Signal) -> Void)? in
        if state.isOver { return nil }
        state.isGivenUp = true
        return state.giveUp ?? { _ in }
      }
      guard let giveUp else { return }
      startThread {
        pause(milliseconds: patience.recording)
        endProcess(signal.exitStatus)
      }
      giveUp(signal)
      onEnd(signal)
      endProcess(signal.exitStatus)
    }
  }

  /// Says what to do where the run does not end by itself in time.
  static func prepare(giveUp: @escaping @Sendable (Signal) -> Void) {
    state.withLock { $0.giveUp = giveUp }
  }

  /// Throws once a signal has arrived.
  package static func check() throws(PipelineError) {
    if let signal = state.withLock({ $0.signal }) { throw .interrupted(signal) }
  }

  /// What an error means: after a signal, that the run was interrupted.
  package static func explain(_ error: any Error) -> any Error {
    state.withLock { $0.signal }.map { PipelineError.interrupted($0) } ?? error
  }

  /// Says that the run has come to its end.
  ///
  /// Where it was given up on meanwhile, this waits for the end of the process, which is near.
  package static func end() {
    let isGivenUp = state.withLock { state in
      state.isOver = !state.isGivenUp
      state.giveUp = nil
      return state.isGivenUp
    }
    while isGivenUp { pause(milliseconds: 1_000) }
  }
}
