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
    /// Why no further piece of work may begin: one reason at most.
    ///
    /// An optional here would be laid out in the program's file, where Swift 6.3's optimiser takes
    /// the absence of such an error for an error.
    var reasons: [PipelineError] = []
    /// What to do where the run does not end by itself.
    var giveUp: (@Sendable (PipelineError) -> Void)?
    /// What to do before the process ends without the run having come to its end.
    var onEnd: (@Sendable (PipelineError) -> Void)?
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
    onSignal: @escaping @Sendable (Signal) -> Void,
    onEnd: @escaping @Sendable (PipelineError) -> Void
  ) {
    state.withLock { $0.onEnd = onEnd }
    watchSignals { signal in
      state.withLock { $0.reasons = [.interrupted(signal)] }
      onSignal(signal)
      pause(milliseconds: patience.run)
      endUnlessOver(.interrupted(signal)) { true }
    }
  }

  /// Gives up on a run that has not come to its end, and ends the process.
  private static func endUnlessOver(
    _ reason: PipelineError, _ isWanted: @Sendable () -> Bool
  ) {
    let actions = state.withLock { state -> [@Sendable (PipelineError) -> Void]? in
      if state.isOver || !isWanted() { return nil }
      state.isGivenUp = true
      return [state.giveUp, state.onEnd].compactMap(\.self)
    }
    guard let actions else { return }
    startThread {
      pause(milliseconds: patience.recording)
      endProcess(reason.exitStatus)
    }
    for action in actions { action(reason) }
    endProcess(reason.exitStatus)
  }

  /// Says what to do where the run does not end by itself in time; a signal that has arrived holds.
  static func prepare(giveUp: @escaping @Sendable (PipelineError) -> Void) {
    state.withLock { state in
      state.giveUp = giveUp
      state.isOver = false
    }
  }

  /// Gives a stage a limit, up to its end.
  ///
  /// When it is reached the stage begins no further piece of work; if it has not ended after 2.5 seconds,
  /// the run is given up on as after a signal.
  ///
  /// - Parameters:
  ///   - limit: how long it may take.
  ///   - scope: the stage.
  static func setLimit(_ limit: Duration, on scope: StageScope) {
    let end = ContinuousClock.now + limit
    startThread {
      while ContinuousClock.now < end {
        if scope.isOver { return }
        pause(milliseconds: 50)
      }
      let reason = PipelineError.timedOut(stage: scope.stage, seconds: limit.components.seconds)
      guard scope.stop(reason) else { return }
      pause(milliseconds: patience.run)
      endUnlessOver(reason) { !scope.isOver }
    }
  }

  /// Throws once a signal has arrived, or the limit of the stage is reached that the thread works for.
  package static func check() throws(PipelineError) {
    if let reason { throw reason }
  }

  /// What an error means: after a signal that the run was interrupted, and so for a limit.
  package static func explain(_ error: any Error) -> any Error { reason ?? error }

  private static var reason: PipelineError? {
    state.withLock { $0.reasons }.first ?? StageScope.current?.reason
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
