import AlmanacCore
import Billing
import Glibc
import Predictions
import Testing

/// A random collection: attempts with the method before, limits that may be met, and chances that
/// depend on slot, number, class and time since.
private struct RandomCollection {
  let problem: RetryProblem

  init(seed: UInt64, slots: Int, retries: Int, tight: Bool = true) {
    var random = SplitMix64(seed: seed)
    let start = Timestamp(microseconds: 1_750_000_000_000_000)
    func hours(_ count: Int) -> Timestamp {
      Timestamp(microseconds: start.microseconds + Int64(count) * Timestamp.microsecondsPerHour)
    }
    let step = 1 + Int(random.nextUnit() * 12)
    let times = (1...slots).map { hours($0 * step) }
    let made = (0..<Int(random.nextUnit() * 12)).map { _ in
      hours(-Int(random.nextUnit() * 40) + (random.nextUnit() < 0.2 ? slots * step : 0))
    }
    let limits =
      tight
      ? (0..<(1 + Int(random.nextUnit() * 3))).map { _ in
        RetryPolicy.Limit(
          brand: nil, attempts: 1 + Int(random.nextUnit() * 6),
          hours: 1 + Int(random.nextUnit() * 60))
      } : []
    let bySlot = (0..<slots).map { _ in random.nextUnit() * 3 - 2 }
    let classes: [DeclineClass?] = [.soft, .hard, .never, nil]
    let byClass = classes.map { _ in random.nextUnit() * 2 - 1 }
    let shares = classes.map { _ in random.nextUnit() + 0.05 }
    let total = shares.reduce(0, +)
    problem = RetryProblem(
      slots: times, attempts: made, limits: limits, neverClasses: [.never], mostRetries: retries,
      declineClass: random.nextUnit() < 0.8 ? .soft : nil,
      success: { slot, state in
        let place = classes.firstIndex(of: state.declineClass) ?? 0
        let gap = log(Double(slot - state.slot))
        let logit = bySlot[slot] + byClass[place] - 0.3 * Double(state.retries) + 0.2 * gap
        return 1 / (1 + exp(-logit))
      },
      refusals: { _, _ in zip(classes, shares).map { ($0, $1 / total) } })
  }

  /// The largest chance, by trying every way to go on: no table, no order of evaluation in common.
  func bruteForce() -> Double {
    func best(_ state: RetryProblem.State, _ tried: [Int]) -> Double {
      var largest = 0.0
      if state.retries == problem.mostRetries || state.declineClass == .never { return 0 }
      for slot in problem.slots.indices where slot > state.slot {
        guard isAllowed(tried + [slot]) else { continue }
        let success = problem.success(slot, state)
        var value = success
        for (refusal, share) in problem.refusals(slot, state) {
          let next = RetryProblem.State(
            slot: slot, retries: state.retries + 1, declineClass: refusal)
          value += (1 - success) * share * best(next, tried + [slot])
        }
        largest = max(largest, value)
      }
      return largest
    }
    return best(problem.start, [])
  }

  /// Whether no span of any limit that holds one of the tries is too full.
  func isAllowed(_ tried: [Int]) -> Bool {
    let tries = tried.map { problem.slots[$0].microseconds }
    let all = problem.attempts.map(\.microseconds) + tries
    return problem.limits.allSatisfy { limit in
      let span = Int64(limit.hours) * Timestamp.microsecondsPerHour
      return all.allSatisfy { end in
        let within = all.filter { $0 <= end && $0 > end - span }
        return within.count <= limit.attempts || !tries.contains { $0 <= end && $0 > end - span }
      }
    }
  }
}

@Suite("Plans of retries")
struct RetryPlanTests {
  @Test("reach what trying every way reaches", arguments: UInt64(1)...60)
  func matchesBruteForce(seed: UInt64) {
    let collection = RandomCollection(seed: seed, slots: 6, retries: 3, tight: seed % 3 != 0)
    let plan = RetryPlan(collection.problem)
    #expect(abs(plan.value - collection.bruteForce()) < 1e-9)
    let followed = collection.problem.value { plan.next($0, tried: $1) }
    #expect(abs(plan.value - followed) < 1e-9)
  }

  @Test("never break a limit, whatever was attempted before", arguments: UInt64(100)...220)
  func keepsLimits(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let collection = RandomCollection(seed: seed, slots: 12, retries: 4)
    let problem = collection.problem
    let plan = RetryPlan(problem)
    // Ways that the plan may lead, each refusal drawn.
    for _ in 0..<20 {
      var state = problem.start
      var tried: [Int] = []
      while let slot = plan.next(state, tried: tried) {
        #expect(slot > state.slot)
        tried.append(slot)
        #expect(collection.isAllowed(tried), "seed \(seed): \(tried)")
        let refusals = problem.refusals(slot, state)
        let drawn = refusals[Int(random.nextUnit() * Double(refusals.count))].declineClass
        state = RetryProblem.State(slot: slot, retries: state.retries + 1, declineClass: drawn)
        #expect(tried.count <= problem.mostRetries)
        if drawn == .never {
          #expect(plan.next(state, tried: tried) == nil)
          break
        }
      }
    }
  }

  @Test("with longer spans and more tries reach it as well", arguments: UInt64(300)...306)
  func matchesBruteForceAtLength(seed: UInt64) {
    let collection = RandomCollection(seed: seed, slots: 9, retries: 4)
    let plan = RetryPlan(collection.problem)
    #expect(abs(plan.value - collection.bruteForce()) < 1e-9)
  }

  @Test("the longest one that may be configured stays small where limits may be met")
  func staysSmall() {
    // As many slots and tries as there may be.
    let longest = (1...6).compactMap { retries in
      (1...RetryPolicy.mostSlots).last {
        RetryPolicy.ways(slots: $0, retries: retries) <= RetryPolicy.mostWays
      }.map { ($0, retries) }
    }
    #expect(longest.map(\.0).last == 29)
    for (slots, retries) in longest.suffix(1) {
      var problem = RandomCollection(seed: 8, slots: slots, retries: retries, tight: false).problem
      // Room for one or two more in any span of the slots' length, and a short span besides.
      let hour = Timestamp.microsecondsPerHour
      let first = problem.slots[0]
      problem.attempts = (1...9).map { Timestamp(microseconds: first.microseconds - $0 * hour) }
      problem.limits = [
        RetryPolicy.Limit(brand: nil, attempts: 9 + retries / 2, hours: 30 * 24),
        RetryPolicy.Limit(brand: nil, attempts: 2, hours: 24),
      ]
      let plan = RetryPlan(problem)
      #expect(plan.placeCount < 60_000, "\(slots) slots, \(retries) tries")
    }
  }

  @Test("ways to have made fewer tries are counted as they can be listed")
  func ways() {
    for slots in 0...8 {
      for retries in 1...4 {
        let listed = (0..<(1 << slots)).count { $0.nonzeroBitCount < retries }
        #expect(RetryPolicy.ways(slots: slots, retries: retries) == listed)
      }
    }
  }

  @Test("a method that was refused for good is not tried")
  func never() {
    var problem = RandomCollection(seed: 1, slots: 6, retries: 3, tight: false).problem
    problem.declineClass = .never
    let plan = RetryPlan(problem)
    #expect(plan.first == nil && plan.value == 0)
    let policy = RetryPolicy()
    #expect(!policy.allowsCharges(after: [.soft, .never]))
    #expect(policy.allowsCharges(after: [.soft, .hard]))
  }

  @Test("the networks' limits hold to the attempt")
  func networks() {
    let policy = RetryPolicy()
    let start = Timestamp(microseconds: 1_750_000_000_000_000)
    func hours(_ count: Int) -> Timestamp {
      Timestamp(microseconds: start.microseconds + Int64(count) * Timestamp.microsecondsPerHour)
    }
    func allows(_ brand: String, _ at: Int, after made: [Int]) -> Bool {
      policy.limits(ofBrand: brand).allSatisfy {
        $0.allows(hours(at), beside: made.map(hours).sorted())
      }
    }
    let daily = (0..<14).map { $0 * 24 }
    #expect(allows("Visa", 14 * 24, after: daily))
    #expect(!allows("visa", 15 * 24, after: daily + [14 * 24]))
    // Thirty days after the first one there is room again.
    #expect(!allows("visa", 30 * 24 - 1, after: daily + [14 * 24]))
    #expect(allows("visa", 30 * 24, after: daily + [14 * 24]))
    #expect(allows("mastercard", 23, after: Array(0..<9)))
    #expect(!allows("mastercard", 23, after: Array(0..<10)))
    #expect(allows("mastercard", 24, after: Array(0..<10)))
    #expect(!allows("mastercard", 29 * 24, after: (0..<35).map { $0 * 18 }))
    #expect(allows("amex", 1, after: Array(repeating: 0, count: 100)))
    // A try before one that is planned elsewhere counts for that one's span.
    #expect(!allows("mastercard", 5, after: Array(6..<16)))
  }

  @Test("times to look at are evenly spaced and within the days")
  func slots() {
    let start = Timestamp(microseconds: 1_750_000_000_000_000)
    let slots = RetryPolicy(days: 7, stepHours: 6).slots(after: start)
    #expect(slots.count == 28)
    #expect(slots.first.map { $0.microseconds - start.microseconds } == Int64(6 * 3_600_000_000))
    #expect(slots.last.map { $0.microseconds - start.microseconds } == Int64(168 * 3_600_000_000))
  }
}
