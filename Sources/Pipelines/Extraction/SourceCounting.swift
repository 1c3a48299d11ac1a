import Postgres
import Synchronization

/// Counts the source under the cut that was read, on a thread and in a session of their own, while
/// what was read is merged (DECISIONS.md, D-612).
///
/// Counting every key of a large table keeps one process of the server busy and the program idle.
final class SourceCounting: Sendable {
  /// What is counted, and how it is reached.
  struct Work: Sendable {
    let source: ConnectionSettings
    /// The cut, which is shared.
    let cut: SourceCut
    /// The datasets, each counted on all of its days.
    let plans: [DatasetPlan]
    /// Whose rows are not counted.
    let forgotten: [Forgotten]
  }

  private struct State {
    var work: Work?
    /// Whether the session sees the cut.
    var seesCut = false
    var isOver = false
    var counts: [String: SourceCounts] = [:]
    var failure: (any Error)?
  }

  private let state = Mutex(State())

  /// Begins to count on a thread of a crew whose threads call ``work()``.
  ///
  /// - Returns: whether there are a thread and a session that sees the cut, so that the transaction
  ///   in which it was taken may end.
  func begin(_ work: Work, on crew: ThreadCrew) -> Bool {
    let budget = StageScope.current?.budget
    guard budget?.takeForPart() ?? true else { return false }
    state.withLock { $0.work = work }
    guard crew.recruit() else {
      budget?.give()
      return false
    }
    while !state.withLock({ $0.seesCut || $0.isOver }) { Interruption.pause(milliseconds: 1) }
    return state.withLock { $0.seesCut }
  }

  /// Counts what it was told to; for the thread that was recruited.
  func work() {
    guard let work = state.withLock({ $0.work }) else { return }
    do {
      let connection = try Connection(work.source, purpose: .source)
      try connection.transaction(.repeatableReadReadOnly(snapshot: work.cut.exportedName)) {
        try connection.lockAtOnce(work.plans)
        state.withLock { $0.seesCut = true }
        for plan in work.plans {
          try Interruption.check()
          let counts = try SourceCounts(
            plan.definition, days: nil, without: work.forgotten, on: connection)
          state.withLock { $0.counts[plan.definition.name] = counts }
        }
      }
    } catch {
      // Where there is no session, or its locks are not to be had, the one of the cut counts.
      state.withLock { if $0.seesCut { $0.failure = error } }
    }
    state.withLock { $0.isOver = true }
    StageScope.current?.budget.give()
  }

  /// What was counted, by dataset; empty where nothing was begun.
  ///
  /// For the thread that made the crew.
  ///
  /// - Throws: what counting threw.
  func counts(of crew: ThreadCrew) throws -> [String: SourceCounts] {
    crew.join()
    return try state.withLock { state in
      if let failure = state.failure { throw failure }
      return state.counts
    }
  }
}
