package import AlmanacCore
package import Billing

/// A refused charge that may be tried again, and what is believed of the tries.
package struct RetryProblem {
  /// Where a collection stands: what the next decision goes by.
  package struct State: Hashable, Sendable {
    /// The position among the slots of the latest retry; −1 before the first.
    package var slot: Int
    /// The retries made.
    package var retries: Int
    /// The class of the latest refusal; `nil` where it is not known.
    package var declineClass: DeclineClass?

    /// A state of the given parts.
    package init(slot: Int, retries: Int, declineClass: DeclineClass?) {
      self.slot = slot
      self.retries = retries
      self.declineClass = declineClass
    }
  }

  /// The times at which it may be tried, ascending.
  package var slots: [Timestamp]
  /// The attempts with the method, made or planned elsewhere, over all invoices.
  package var attempts: [Timestamp]
  /// The limits of the method.
  package var limits: [RetryPolicy.Limit]
  /// Classes after which there is no further try.
  package var neverClasses: Set<DeclineClass>
  /// The most retries.
  package var mostRetries: Int
  /// The class of the refusal that is known.
  package var declineClass: DeclineClass?
  /// The probability that a try at a slot succeeds in a state.
  package var success: (Int, State) -> Double
  /// The classes that a refusal in a state at a slot may have, with their shares, which sum to 1.
  package var refusals: (Int, State) -> [(declineClass: DeclineClass?, share: Double)]

  /// A problem of the given parts.
  package init(
    slots: [Timestamp], attempts: [Timestamp], limits: [RetryPolicy.Limit],
    neverClasses: Set<DeclineClass>, mostRetries: Int, declineClass: DeclineClass?,
    success: @escaping (Int, State) -> Double,
    refusals: @escaping (Int, State) -> [(declineClass: DeclineClass?, share: Double)]
  ) {
    self.slots = slots
    self.attempts = attempts.sorted()
    self.limits = limits
    self.neverClasses = neverClasses
    self.mostRetries = mostRetries
    self.declineClass = declineClass
    self.success = success
    self.refusals = refusals
  }

  /// The state before the first retry.
  package var start: State { State(slot: -1, retries: 0, declineClass: declineClass) }

  /// Whether a try at a slot keeps every limit, beside the tries at earlier ones.
  package func allows(_ slot: Int, after planned: [Int]) -> Bool {
    if limits.isEmpty { return true }
    let others = (attempts + planned.map { slots[$0] }).sorted()
    return limits.allSatisfy { $0.allows(slots[slot], beside: others) }
  }

  /// Whether a class of refusal ends all tries.
  package func isFinal(_ declineClass: DeclineClass?) -> Bool {
    declineClass.map { neverClasses.contains($0) } ?? false
  }
}

/// What to do in each state of a collection so that the chance of being paid within the slots is
/// the largest that the limits allow.
///
/// Found by dynamic programming backwards over the retries: the best next slot of a state is that
/// with the largest `p + (1 − p)·Σ share·value(next state)`; of equal ones the earliest, and no slot
/// where none adds anything.
///
/// - SeeAlso: Bellman, *Dynamic Programming*, 1957.
package struct RetryPlan: Sendable {
  /// A state with the tries that limits still see.
  struct Place: Hashable {
    var state: RetryProblem.State
    /// How far each of them is seen; see ``RetryWindows``.
    var seen: [Int32]
  }

  /// The best next slot.
  private var choices: [Place: Int] = [:]
  private var values: [Place: Double] = [:]
  /// What limits see of tries.
  private let windows: RetryWindows

  /// The chance of being paid within the slots if the plan is followed.
  package private(set) var value = 0.0
  /// The slot of the first retry; `nil` where none is allowed.
  package private(set) var first: Int?

  /// Plans the retries of a problem.
  ///
  /// - Complexity: slots² · retries · classes while no limit can be met, or none whose span is shorter
  ///   than the slots; else times the ways to choose slots within a span, of which no more are tried
  ///   than the limits allow. ``RetryPolicy/ways(slots:retries:)`` bounds it.
  package init(_ problem: RetryProblem) {
    precondition(problem.slots.count <= RetryPolicy.mostSlots, "\(problem.slots.count) slots")
    windows = RetryWindows(problem)
    guard !problem.isFinal(problem.declineClass) else { return }
    value = best(problem, problem.start, tried: [])
    first = choices[place(problem.start, [])]
  }

  /// The next slot in a state that following the plan leads to; `nil` for no further try.
  package func next(_ state: RetryProblem.State, tried: [Int]) -> Int? {
    choices[place(state, tried)]
  }

  /// The number of places that were looked at.
  package var placeCount: Int { values.count }

  private func place(_ state: RetryProblem.State, _ tried: [Int]) -> Place {
    Place(state: state, seen: windows.seen(tried, after: state.slot))
  }

  private mutating func best(
    _ problem: RetryProblem, _ state: RetryProblem.State, tried: [Int]
  ) -> Double {
    guard state.retries < problem.mostRetries else { return 0 }
    let place = place(state, tried)
    if let known = values[place] { return known }
    var best = 0.0
    for slot in (state.slot + 1)..<max(problem.slots.count, state.slot + 1) {
      if windows.isLimited, !problem.allows(slot, after: tried) { continue }
      let success = problem.success(slot, state)
      var value = success
      for refusal in problem.refusals(slot, state)
      where refusal.share > 0 && !problem.isFinal(refusal.declineClass) {
        let next = RetryProblem.State(
          slot: slot, retries: state.retries + 1, declineClass: refusal.declineClass)
        value +=
          (1 - success) * refusal.share
          * self.best(problem, next, tried: windows.isLimited ? tried + [slot] : [])
      }
      // Sums of the same terms in another order must not decide.
      if value > best + 1e-12 {
        best = value
        choices[place] = slot
      }
    }
    values[place] = best
    return best
  }
}

/// What the limits of a problem see of tries.
///
/// A limit sees a try until the last end of a span that holds it and may become too full. Tries that
/// are seen equally far are one to all that follows, and those that no coming end sees count no more;
/// so a plan has far fewer places than there are ways to choose slots.
private struct RetryWindows {
  /// The end, in microseconds, until which each limit that may be met sees a try at each slot; less
  /// than the slot for one that never becomes too full.
  private let lasting: [[Int64]]
  private let slots: [Int64]
  /// Whether a limit may be met within the slots.
  var isLimited: Bool { !lasting.isEmpty }

  init(_ problem: RetryProblem) {
    let times = problem.slots.map(\.microseconds)
    slots = times
    guard let first = times.first else {
      lasting = []
      return
    }
    let made = problem.attempts.map(\.microseconds)
    let ends = Set(times + made.filter { $0 >= first }).sorted()
    lasting = problem.limits.compactMap { limit in
      let full = ends.filter { end in
        let within = made.count { $0 <= end && end - $0 < limit.span }
        let tries = times.count { $0 <= end && end - $0 < limit.span }
        return within + min(tries, problem.mostRetries) > limit.attempts
      }
      if full.isEmpty { return nil }
      return times.map { time in full.last { $0 >= time && $0 - time < limit.span } ?? .min }
    }
  }

  /// How far tries are seen, those left out that nothing after a slot sees.
  func seen(_ tried: [Int], after slot: Int) -> [Int32] {
    guard isLimited, slot >= 0 else { return [] }
    var found: [Int32] = []
    for own in lasting {
      let ends = tried.map { own[$0] }.filter { $0 > slots[slot] }.sorted()
      found.append(Int32(ends.count))
      // An end is named by the first try that is seen until it.
      for end in ends { found.append(Int32(own.firstIndex(of: end) ?? 0)) }
    }
    return found
  }
}

extension RetryProblem {
  /// The chance of being paid if tries follow a rule.
  ///
  /// A final refusal ends them, and so does a slot that a limit does not allow.
  ///
  /// - Parameter rule: the next slot in a state after the slots tried; `nil` for no further try.
  /// - Returns: the chance, from 0 to 1.
  package func value(following rule: (State, [Int]) -> Int?) -> Double {
    value(start, [], rule)
  }

  private func value(
    _ state: State, _ tried: [Int], _ rule: (State, [Int]) -> Int?
  ) -> Double {
    guard state.retries < mostRetries, !isFinal(state.declineClass),
      let slot = rule(state, tried), slot > state.slot, slot < slots.count,
      allows(slot, after: tried)
    else { return 0 }
    let success = success(slot, state)
    var sum = success
    for refusal in refusals(slot, state) where refusal.share > 0 {
      let next = State(
        slot: slot, retries: state.retries + 1, declineClass: refusal.declineClass)
      sum += (1 - success) * refusal.share * value(next, tried + [slot], rule)
    }
    return sum
  }
}
