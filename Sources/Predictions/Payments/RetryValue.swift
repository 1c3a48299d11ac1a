import AlmanacCore
import Billing
import Glibc
package import Regression

/// What the proposed times of retries are worth by a log of retries that were made otherwise: the
/// chance that the next try after a refusal succeeds, doubly robust (DECISIONS.md, D-534).
///
/// Each refusal counts with what the model expects of the proposed time, and where the log tried at
/// just that time with what it expected too little or too much, over the share of tries that the log
/// makes then. The mean is right if either the model or these shares are.
///
/// - SeeAlso: Dudík, Langford and Li, *Doubly robust policy evaluation and learning*, 2011.
package struct RetryValue: Equatable, Sendable {
  /// The value, or why there is none.
  package enum Estimate: Equatable, Sendable {
    /// The value with the ends of its 95 % interval.
    case value(Double, lower: Double, upper: Double)
    /// The log cannot say it.
    case notEstimable(String)
  }

  /// The value of the proposed times.
  package var estimate: Estimate
  /// The share of the same tries that succeeded at the times of the log; NaN without any.
  package var logged: Double
  /// The refusals.
  package var refusals: Int
  /// Those of them that the log tried again at the proposed time.
  package var matched: Int

  /// Nothing can be said.
  package static func none(_ reason: String) -> RetryValue {
    RetryValue(estimate: .notEstimable(reason), logged: .nan, refusals: 0, matched: 0)
  }
}

/// A refusal and the try after it.
package struct LoggedRetry: Equatable, Sendable {
  /// The position of the company.
  package var company: Int
  /// What tells apart how the log chooses: the number of refusals of the invoice, at most 3.
  package var stratum: Int
  /// The time of the try, as a position among those that are looked at.
  package var slot: Int
  /// Whether it succeeded.
  package var succeeded: Bool

  /// A retry of the given parts.
  package init(company: Int, stratum: Int, slot: Int, succeeded: Bool) {
    self.company = company
    self.stratum = stratum
    self.slot = slot
    self.succeeded = succeeded
  }
}

extension RetryValue {
  /// The fewest refusals that the log tried again at the proposed time.
  static let neededMatches = 20
  /// The share of refusals whose proposed time the log never takes, from which nothing is said.
  static let mostUnsupported = 0.05
  /// The fewest tries of the log at a time for it to be one that it takes.
  static let neededTries = 5

  /// The value of proposed times by a log.
  ///
  /// - Parameters:
  ///   - retries: the refusals that are looked at.
  ///   - log: all tries from which the shares of times are counted.
  ///   - proposals: the proposed slot of each of `retries`, `nil` for no try, and the probabilities of
  ///     success that the model gives the proposed and the logged slot, learned from other rows.
  /// - Returns: the value; its interval is clustered by company.
  package static func estimate(
    _ retries: [LoggedRetry], log: [LoggedRetry],
    proposals: [(slot: Int?, proposed: Double, logged: Double)]
  ) -> RetryValue {
    precondition(retries.count == proposals.count, "a proposal for each refusal")
    var tries: [Int: [Int: Double]] = [:]
    for row in log { tries[row.stratum, default: [:]][row.slot, default: 0] += 1 }
    var result = RetryValue(
      estimate: .notEstimable("no refusal was tried again within the days"), logged: .nan,
      refusals: retries.count, matched: 0)
    guard !retries.isEmpty else { return result }
    result.logged = Double(retries.count { $0.succeeded }) / Double(retries.count)
    var terms: [Double] = []
    var unsupported = 0
    for (row, proposal) in zip(retries, proposals) {
      guard let slot = proposal.slot else {
        terms.append(0)
        continue
      }
      let own = tries[row.stratum] ?? [:]
      if own[slot] ?? 0 < Double(neededTries) { unsupported += 1 }
      var term = proposal.proposed
      if row.slot == slot {
        result.matched += 1
        let share = (own[slot] ?? 0) / own.values.reduce(0, +)
        if share > 0 { term += ((row.succeeded ? 1 : 0) - proposal.logged) / share }
      }
      terms.append(term)
    }
    if Double(unsupported) > mostUnsupported * Double(retries.count) {
      result.estimate = .notEstimable(
        "the log hardly ever tries when it is proposed to: of \(counted(retries.count, "refusal")) "
          + "at \(unsupported)")
      return result
    }
    guard result.matched >= neededMatches else {
      result.estimate = .notEstimable(
        "only \(counted(result.matched, "refusal")) of \(retries.count) were tried again when it is "
          + "proposed to; \(neededMatches) are needed")
      return result
    }
    let mean = terms.reduce(0, +) / Double(terms.count)
    var clusters: [Int: Double] = [:]
    for (row, term) in zip(retries, terms) { clusters[row.company, default: 0] += term - mean }
    let count = Double(clusters.count)
    guard count > 1 else {
      result.estimate = .notEstimable("all refusals are of one company")
      return result
    }
    let variance =
      clusters.values.reduce(0) { $0 + $1 * $1 } / Double(terms.count * terms.count) * count
      / (count - 1)
    let reach = 1.959964 * variance.squareRoot()
    // Terms go beyond 0 and 1; the value does not, and neither do the ends.
    func chance(_ value: Double) -> Double { max(0, min(1, value)) }
    result.estimate = .value(
      chance(mean), lower: chance(mean - reach), upper: chance(mean + reach))
    return result
  }

  /// The most refusals that are planned for.
  static let mostRefusals = 1_000

  /// The value of what a recipe proposes, learned from the first three quarters of a panel's months,
  /// by the tries of the last quarter.
  ///
  /// - Parameters:
  ///   - panel: the charges.
  ///   - policy: when a refused charge may be tried again.
  ///   - recipe: how a risk is learned.
  /// - Throws: `RegressionError`.
  package init(
    _ panel: PaymentPanel, policy: RetryPolicy, recipe: RiskRecipe = RiskRecipe()
  ) throws(RegressionError) {
    let months = panel.rows.asOf
    let split = months[months.count * 3 / 4]
    let log = panel.loggedRetries(policy)
    let later = log.filter { panel.charges[$0.refusal].charge.at >= split }
    guard later.count >= RetryValue.neededMatches, split > months[0] else {
      self = .none("only \(counted(later.count, "refusal")) of the last months were tried again")
      return
    }
    let earlier = PaymentPanel(
      panel.features, of: panel.history, cut: split, months: months.filter { $0 < split })
    guard case .model(let model) = RiskSource(try recipe.learn(earlier.rows, by: split)) else {
      self = .none("no model of the months before \(split.dateUTC) passes its gate")
      return
    }
    // Evenly over time and companies.
    let step = max(1, (later.count + RetryValue.mostRefusals - 1) / RetryValue.mostRefusals)
    let chosen = stride(from: 0, to: later.count, by: step).map { later[$0] }
    let refusals = RefusalShares(earlier)
    var proposals: [(slot: Int?, proposed: Double, logged: Double)] = []
    for (index, retry) in chosen {
      proposals.append(
        try earlier.proposal(panel.charges[index], retry.slot, model, refusals, policy))
    }
    self = RetryValue.estimate(
      chosen.map(\.retry), log: log.map(\.retry), proposals: proposals)
  }
}

extension PaymentPanel {
  /// The refusals that were tried again with the same method within the days of a policy, with the
  /// position of the charge that was refused.
  ///
  /// One that is resolved by another method, or not at all, is no choice of a time.
  package func loggedRetries(
    _ policy: RetryPolicy
  ) -> [(refusal: Int, retry: LoggedRetry)] {
    let step = Int64(policy.stepHours) * Timestamp.microsecondsPerHour
    let slots = 24 * policy.days / policy.stepHours
    var found: [(refusal: Int, retry: LoggedRetry)] = []
    // The latest charge of each invoice and how often it was refused before it.
    var latest: [UUIDValue: (charge: Int, refusals: Int)] = [:]
    for (index, labelled) in charges.enumerated() {
      guard let invoice = labelled.charge.invoice else { continue }
      let before = latest[invoice]
      latest[invoice] = (index, (before?.refusals ?? 0) + (labelled.failed == true ? 1 : 0))
      guard let before, let failed = labelled.failed else { continue }
      let refused = charges[before.charge]
      guard refused.failed == true, refused.decidedBy == refused.attempt,
        refused.charge.method == labelled.charge.method,
        !(refused.declineClass.map { policy.neverClasses.contains($0) } ?? false)
      else { continue }
      let gap = labelled.charge.at.microseconds - refused.charge.at.microseconds
      let slot = Int((Double(gap) / Double(step)).rounded()) - 1
      guard (0..<slots).contains(slot) else { continue }
      found.append(
        (
          before.charge,
          LoggedRetry(
            company: rows.rows[index].company, stratum: min(3, before.refusals), slot: slot,
            succeeded: !failed)
        ))
    }
    return found
  }

  /// What a model proposes after a refusal, and what it expects of that and of a time of the log.
  fileprivate func proposal(
    _ refused: LabelledCharge, _ logged: Int, _ model: RiskModel, _ shares: RefusalShares,
    _ policy: RetryPolicy
  ) throws(RegressionError) -> (slot: Int?, proposed: Double, logged: Double) {
    var next = refused.charge
    let refusedAt = refused.charge.at
    next.known = Timestamp(
      microseconds: max(refusedAt, refused.knownAt).microseconds + 1)
    let slots = policy.slots(after: refusedAt)
    let scores = try RetryScores(
      model, of: next, at: slots, in: self, mostRetries: policy.mostRetries)
    let made = history.attempts(of: next.company).filter {
      $0.method == next.method && $0.attemptedAt <= refusedAt
    }.map(\.attemptedAt)
    var classes: [DeclineClass?: [(declineClass: DeclineClass?, share: Double)]] = [:]
    for last in DeclineClass.allCases.map({ Optional($0) }) + [nil] {
      var later = next
      later.at = slots[0]
      later.assumedFailures = 1
      later.assumedClass = last
      classes[last] = shares.shares(of: later, in: history).map { ($0.declineClass, $0.share) }
    }
    let brand = history.methods[next.method]?.attributes[PaymentMethodHistory.brand]
    let problem = RetryProblem(
      slots: slots, attempts: made, limits: policy.limits(ofBrand: brand),
      neverClasses: policy.neverClasses, mostRetries: policy.mostRetries,
      declineClass: refused.declineClass, success: scores.success,
      refusals: { _, state in
        let own = classes[state.declineClass] ?? []
        return own.isEmpty ? [(nil, 1)] : own
      })
    let first = RetryPlan(problem).first
    return (
      first, first.map { scores.success($0, problem.start) } ?? 0,
      scores.success(logged, problem.start)
    )
  }
}
