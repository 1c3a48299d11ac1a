package import AlmanacCore
import Billing
package import Regression

/// The probabilities of success of retries at all slots, as a model of failure has them.
///
/// The terms of the model add up, so what the retries before change (their number, the class of the
/// last refusal, the time since) is scored once each and added to the score of every slot.
package struct RetryScores: Sendable {
  /// The number of retries and the class of the latest refusal.
  private struct Past: Hashable {
    var retries: Int
    var declineClass: DeclineClass?
  }

  private let model: RiskModel
  /// The raw log-odds of failure at each slot, as things stand.
  private let standing: [Double]
  /// What is added after retries of which the last is one step back.
  private var past: [Past: Double] = [:]
  /// What is added where the last is so many more steps back.
  private var gaps: [Double] = []

  /// Scores the slots of a charge.
  ///
  /// - Parameters:
  ///   - model: the model of failure.
  ///   - charge: the charge; its time is not looked at.
  ///   - slots: the times, evenly spaced and ascending; at least one.
  ///   - panel: the features and the history.
  ///   - mostRetries: the most retries.
  /// - Throws: `RegressionError` where the model has a feature that the panel lacks.
  package init(
    _ model: RiskModel, of charge: Charge, at slots: [Timestamp], in panel: PaymentPanel,
    mostRetries: Int
  ) throws(RegressionError) {
    precondition(!slots.isEmpty, "no slot")
    self.model = model
    let step = slots.count > 1 ? slots[1].microseconds - slots[0].microseconds : 0
    func moved(_ slot: Int) -> Charge {
      var moved = charge
      moved.at = slots[slot]
      return moved
    }
    func after(_ retries: Int, _ declineClass: DeclineClass?, steps: Int) -> Charge {
      var later = moved(0)
      later.assumedFailures += retries
      later.assumedClass = declineClass
      later.assumedAt = Timestamp(microseconds: slots[0].microseconds - Int64(steps) * step)
      return later
    }
    let classes = DeclineClass.allCases.map { Optional($0) } + [nil]
    let pasts = (1..<max(2, mostRetries)).flatMap { retries in
      classes.map { Past(retries: retries, declineClass: $0) }
    }
    let charges =
      slots.indices.map(moved)
      + pasts.map { after($0.retries, $0.declineClass, steps: 1) }
      + slots.indices.map { after(1, nil, steps: $0 + 1) }
    let raw = try model.fitted.linearPredictor(panel.history.table(panel.features, of: charges))
    standing = Array(raw[..<slots.count])
    for (index, key) in pasts.enumerated() { past[key] = raw[slots.count + index] - raw[0] }
    let first = slots.count + pasts.count
    gaps = raw[first...].map { $0 - raw[first] }
  }

  /// The probability that a try at a slot succeeds in a state.
  package func success(_ slot: Int, _ state: RetryProblem.State) -> Double {
    var raw = standing[slot]
    if state.retries > 0 {
      let key = Past(retries: state.retries, declineClass: state.declineClass)
      raw += (past[key] ?? 0) + gaps[slot - state.slot - 1]
    }
    return ModelFamily.logistic.mean(-(model.fitted.calibration.logOdds(raw) + model.shift))
  }
}
