import AlmanacCore
import Billing
import FoundationEssentials
import Glibc
import Predictions
import Regression
import Simulation

/// What plans of retries are worth on the refusals of a simulated world, by the probabilities that the
/// world itself decides by.
struct RiskRetries {
  /// Sums over refusals of the chance of being paid within the days.
  private(set) var planned = 0.0
  private(set) var fixed = 0.0
  private(set) var best = 0.0
  /// The refusals.
  private(set) var count = 0

  /// How much of what can be gained over the fixed schedule the plans gain.
  var share: Double { (planned - fixed) / (best - fixed) }

  /// The most refusals of one world.
  private static let most = 400
  /// The days of the schedule that is the baseline.
  private static let scheduleDays = [1, 3, 5, 7]

  /// Plans the retries of first refusals after an instant, by a model of what was known at it.
  mutating func add(_ world: RiskWorld, learnedBy cut: Timestamp) throws {
    let all = world.payments
    let panel = PaymentPanel(
      all.features, of: all.history, cut: cut, months: all.rows.asOf.filter { $0 < cut })
    guard case .model(let model) = try RiskRecipe().learn(panel.rows, by: cut) else {
      throw BenchmarkError.wrongResult(
        of: "retries", found: "no model of failing payments", expected: "one")
    }
    let refusals = RefusalShares(panel)
    let policy = RetryPolicy()
    var taken = 0
    for charge in all.charges where charge.charge.at >= cut && charge.failed == true {
      guard taken < RiskRetries.most, let attempt = charge.decidedBy,
        let decision = world.attemptTruth[attempt], let declined = charge.declineClass,
        !policy.neverClasses.contains(declined),
        // No refusal of the invoice went before.
        decision.covariates[9...12].allSatisfy({ $0 == 0 })
      else { continue }
      taken += 1
      try add(charge, decision, declined, world, model, refusals, policy, panel)
    }
  }

  private mutating func add(
    _ charge: LabelledCharge, _ decision: Decision, _ declined: DeclineClass, _ world: RiskWorld,
    _ model: RiskModel, _ refusals: RefusalShares, _ policy: RetryPolicy, _ panel: PaymentPanel
  ) throws {
    let refusedAt = Timestamp(microseconds: decision.at)
    var next = charge.charge
    let known = max(refusedAt, charge.knownAt)
    next.known = Timestamp(microseconds: known.microseconds + 1)
    let slots = policy.slots(after: refusedAt)
    let method = panel.history.methods[next.method]
    let made = panel.history.attempts(of: next.company)
      .filter { $0.method == next.method && $0.attemptedAt <= refusedAt }.map(\.attemptedAt)
    let limits = policy.limits(ofBrand: method?.attributes[PaymentMethodHistory.brand])
    func problem(
      _ success: @escaping (Int, RetryProblem.State) -> Double,
      _ classes:
        @escaping (Int, RetryProblem.State) -> [(
          declineClass: DeclineClass?, share: Double
        )]
    ) -> RetryProblem {
      RetryProblem(
        slots: slots, attempts: made, limits: limits, neverClasses: policy.neverClasses,
        mostRetries: policy.mostRetries, declineClass: declined, success: success,
        refusals: classes)
    }
    let scores = try RetryScores(
      model, of: next, at: slots, in: panel, mostRetries: policy.mostRetries)
    var shares: [DeclineClass?: [(declineClass: DeclineClass?, share: Double)]] = [:]
    for last in DeclineClass.allCases.map({ Optional($0) }) {
      var later = next
      later.at = slots[0]
      later.assumedFailures = 1
      later.assumedClass = last
      let own = refusals.shares(of: later, in: panel.history)
      shares[last] = own.map { ($0.declineClass, $0.share) }
    }
    let ours = RetryPlan(
      problem({ scores.success($0, $1) }, { _, state in shares[state.declineClass] ?? [(nil, 1)] }))
    let truth = RetryTruth(
      decision, world.profiles[next.company], slots, refusedAt,
      expiry: method?.version(knownBefore: next.known)?.expiresAt)
    let real = problem({ truth.success($0, $1) }, { slot, _ in truth.refusals(slot) })
    let plan = RetryPlan(real)
    let schedule = RiskRetries.scheduleDays.compactMap { day in
      slots.firstIndex { $0.microseconds - refusedAt.microseconds == Int64(day) * 86_400_000_000 }
    }
    best += plan.value
    planned += real.value { state, tried in ours.next(state, tried: tried) }
    fixed += real.value { state, tried in
      schedule.first { $0 > state.slot && real.allows($0, after: tried) }
    }
    count += 1
  }
}

/// The probabilities of retries as the world has them.
private struct RetryTruth {
  private let base: Double
  private let covariates: [Double]
  private let coefficients: [Double]
  private let slots: [Timestamp]
  private let refusedAt: Timestamp
  /// Covariates 2, 6 and 7 at each slot: expired, night and weekend.
  private let clock: [(expired: Double, night: Double, weekend: Double)]

  init(
    _ decision: Decision, _ profile: CompanyProfile?, _ slots: [Timestamp], _ refusedAt: Timestamp,
    expiry: Timestamp?
  ) {
    base = log(decision.probability / (1 - decision.probability))
    covariates = decision.covariates
    coefficients = Hazard.of(.paymentFailure).coefficients
    self.slots = slots
    self.refusedAt = refusedAt
    let zone = profile.flatMap { RiskWorld.zone($0.zone) } ?? .utc
    clock = slots.map { slot in
      let local = Timestamp(
        microseconds: slot.microseconds + Int64(zone.offsetSeconds(at: slot)) * 1_000_000)
      let hour = Int(local.hour.hoursSinceEpoch) % 24
      return (
        expiry.map { $0 <= slot } ?? false ? 1 : 0, hour < 6 ? 1 : 0,
        profile?.isWeekend(local.dateUTC) ?? false ? 1 : 0
      )
    }
  }

  func success(_ slot: Int, _ state: RetryProblem.State) -> Double {
    var now = covariates
    (now[2], now[6], now[7]) = clock[slot]
    now[8] = min(4, covariates[8] + 1 + Double(state.retries))
    now[9] = state.declineClass == .soft ? 1 : 0
    now[10] = state.declineClass == .technical ? 1 : 0
    now[11] = state.declineClass == .authentication ? 1 : 0
    now[12] = state.declineClass == .hard || state.declineClass == .never ? 1 : 0
    let last = state.slot < 0 ? refusedAt : slots[state.slot]
    now[13] = log(1 + Double(slots[slot].microseconds - last.microseconds) / 86_400_000_000)
    var logit = base
    for index in now.indices { logit += coefficients[index] * (now[index] - covariates[index]) }
    return 1 / (1 + exp(logit))
  }

  /// The classes of a refusal: three of four of an expired card are hard (D-205's world).
  func refusals(_ slot: Int) -> [(declineClass: DeclineClass?, share: Double)] {
    let usual: [(DeclineClass?, Double)] = [
      (.soft, 0.55), (.technical, 0.17), (.authentication, 0.14), (.hard, 0.09), (.never, 0.05),
    ]
    guard clock[slot].expired == 1 else { return usual.map { ($0, $1) } }
    return usual.map { ($0, 0.25 * $1 + ($0 == .hard ? 0.75 : 0)) }
  }
}
