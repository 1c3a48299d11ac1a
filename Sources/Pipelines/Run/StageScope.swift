import AlmanacCore
import Synchronization

/// What the threads of one stage of a run share: whose they are, and what they may take.
///
/// It belongs to a thread by ``current``; ``ThreadCrew`` hands it on to the threads that are started for
/// the stage.
package final class StageScope: Sendable {
  /// The scope of the thread that asks, `nil` outside of stages.
  @TaskLocal static var current: StageScope?

  /// The name of the stage that the present thread works for, `nil` outside of stages.
  package static var currentStage: String? { current?.stage }

  /// The stage's name.
  let stage: String
  /// The threads of the run.
  let budget: ThreadBudget

  private struct State {
    /// Why no further piece of work may begin: one reason at most.
    var reasons: [PipelineError] = []
    var isOver = false
    var memory: (start: Int, peak: Int)
  }

  private let state: Mutex<State>

  /// A scope of a stage that begins now.
  init(stage: String, budget: ThreadBudget) {
    self.stage = stage
    self.budget = budget
    let memory = budget.residentMemory()
    state = Mutex(State(memory: (memory, memory)))
  }

  /// Why the stage may begin no further piece of work, `nil` while it may.
  var reason: PipelineError? { state.withLock { $0.reasons }.first }

  /// Whether the stage has ended.
  var isOver: Bool { state.withLock { $0.isOver } }

  /// Says that the stage may begin no further piece of work.
  ///
  /// - Returns: whether it is news: it has not ended, and nothing was said before.
  func stop(_ reason: PipelineError) -> Bool {
    state.withLock { state in
      guard !state.isOver, state.reasons.isEmpty else { return false }
      state.reasons = [reason]
      return true
    }
  }

  /// Says that the stage has ended.
  func end() { state.withLock { $0.isOver = true } }

  /// Takes note of how much memory the process has now.
  func note(memory: Int) { state.withLock { $0.memory.peak = max($0.memory.peak, memory) } }

  /// By how many bytes the process grew at the most while the stage was at work, which is more than the
  /// stage's own share where others were at work beside it.
  var memoryGrowth: Int { state.withLock { $0.memory.peak - $0.memory.start } }
}

/// The threads and the memory of a run (DECISIONS.md, D-565).
///
/// Each stage at work has one thread; what is left is lent to stages that can share their work out,
/// and comes back as soon as another stage is ready.
final class ThreadBudget: Sendable {
  private struct State {
    /// Threads at work; the one that makes the budget is the first.
    var inUse = 1
    /// Whether a stage waits for a thread.
    var isWanted = false
  }

  private let state = Mutex(State())
  private let onFree = Mutex<(@Sendable () -> Void)?>(nil)
  private let threads: Int
  private let memory: Int
  /// The bytes of memory that the process has.
  let residentMemory: @Sendable () -> Int

  /// A budget of `threads` threads and `memory` bytes, of which the process has `residentMemory` now.
  init(threads: Int, memory: Int, residentMemory: @escaping @Sendable () -> Int) {
    self.threads = threads
    self.memory = memory
    self.residentMemory = residentMemory
  }

  /// Takes a thread for a part of a stage's work.
  ///
  /// - Returns: whether there is one: not while a stage waits for it, nor where memory is used up.
  func takeForPart() -> Bool {
    let isTaken = state.withLock { state in
      guard !state.isWanted, state.inUse < threads else { return false }
      state.inUse += 1
      return true
    }
    if isTaken, residentMemory() >= memory {
      give()
      return false
    }
    return isTaken
  }

  /// Takes a thread for a stage; where there is none, the next one that comes free is kept for it.
  func takeForStage() -> Bool {
    state.withLock { state in
      state.isWanted = state.inUse >= threads
      if state.isWanted { return false }
      state.inUse += 1
      return true
    }
  }

  /// Says that no stage waits for a thread.
  func wantNone() { state.withLock { $0.isWanted = false } }

  /// Whether a thread that does a part of a stage's work should end in favour of another stage.
  var isWanted: Bool { state.withLock { $0.isWanted } }

  /// Gives a thread back.
  func give() {
    let isWanted = state.withLock { state in
      state.inUse -= 1
      return state.isWanted
    }
    if isWanted { onFree.withLock { $0 }?() }
  }

  /// Says what to do while `body` runs when a thread comes free that a stage waits for.
  func whenFree(_ action: @escaping @Sendable () -> Void, during body: () -> Void) {
    onFree.withLock { $0 = action }
    body()
    onFree.withLock { $0 = nil }
  }

  /// The bytes that are left of the run's memory.
  var room: Int { max(0, memory - residentMemory()) }

  /// Whether a stage may begin beside others that is known to take some bytes.
  ///
  /// One that is not known counts as a quarter of all.
  func hasRoom(for bytes: Int?) -> Bool { residentMemory() + (bytes ?? memory / 4) <= memory }
}

extension ThreadBudget: ThreadLender {
  func lend() -> Bool { takeForPart() }
  func takeBack() { give() }
  var wantsBack: Bool { isWanted }
}
