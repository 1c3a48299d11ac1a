import AlmanacCore
import Glibc
import Testing

@testable import Predictions

/// A log of tries at six times, made at a time of its own four times in five and else at any.
private struct RandomLog {
  var retries: [LoggedRetry] = []
  /// The probability of success of each try at each time.
  var truth: [[Double]] = []

  init(seed: UInt64, count: Int, randomised: Double = 0.2) {
    var random = SplitMix64(seed: seed)
    for index in 0..<count {
      let ease = random.nextUnit() * 2 - 1
      let chances = (0..<6).map { 1 / (1 + exp(-(ease + 0.3 * Double($0) - 1))) }
      let slot = random.nextUnit() < randomised ? Int(random.nextUnit() * 6) : 1
      retries.append(
        LoggedRetry(
          company: index / 3, stratum: 1, slot: slot,
          succeeded: random.nextUnit() < chances[slot]))
      truth.append(chances)
    }
  }

  /// The value of a time for each, by a model that is off by so much on the scale of the logit.
  func value(_ proposed: Int, off: Double) -> RetryValue {
    func model(_ chance: Double) -> Double { 1 / (1 + exp(-(log(chance / (1 - chance)) + off))) }
    return RetryValue.estimate(
      retries, log: retries,
      proposals: zip(retries, truth).map {
        (proposed, model($1[proposed]), model($1[$0.slot]))
      })
  }
}

@Suite("What proposed retries are worth")
struct RetryValueTests {
  @Test(
    "is found by a model that is right or wrong, with intervals that hold it", arguments: [0, 0.8])
  func coversTruth(off: Double) {
    var inside = 0
    var widths = 0.0
    for seed in UInt64(1)...100 {
      let log = RandomLog(seed: seed, count: 1_500)
      let truth = log.truth.reduce(0) { $0 + $1[4] } / Double(log.truth.count)
      guard case .value(let value, let lower, let upper) = log.value(4, off: off).estimate else {
        Issue.record("seed \(seed): not estimable")
        continue
      }
      #expect(lower <= value && value <= upper)
      widths += upper - lower
      if lower <= truth, truth <= upper { inside += 1 }
    }
    // 95 % of 100, within three standard errors.
    #expect(inside >= 88, "\(inside) of 100 intervals hold the value")
    #expect(widths / 100 < 0.35)
  }

  @Test("of the log's own times is about what it reached")
  func ownTimes() {
    let log = RandomLog(seed: 3, count: 4_000, randomised: 0)
    let value = log.value(1, off: 0.5)
    guard case .value(let estimate, _, _) = value.estimate else {
      Issue.record("not estimable")
      return
    }
    #expect(abs(estimate - value.logged) < 1e-9)
    #expect(value.matched == 4_000)
  }

  @Test("is not estimable where the log never tries then, hardly ever, or not at all")
  func notEstimable() {
    func reason(_ value: RetryValue) -> String {
      guard case .notEstimable(let reason) = value.estimate else { return "a value" }
      return reason
    }
    #expect(
      reason(RandomLog(seed: 1, count: 500, randomised: 0).value(4, off: 0))
        .contains("hardly ever tries when it is proposed to: of 500 refusals at 500"))
    #expect(
      reason(RandomLog(seed: 1, count: 300, randomised: 0.2).value(4, off: 0))
        .contains("20 are needed"))
    #expect(reason(RetryValue.estimate([], log: [], proposals: [])).contains("no refusal"))
    #expect(reason(RetryValue.none("why")) == "why")
    var alone = RandomLog(seed: 1, count: 500)
    for index in alone.retries.indices { alone.retries[index].company = 0 }
    #expect(reason(alone.value(1, off: 0)).contains("one company"))
  }

  @Test(
    "stays with its interval between 0 and 1 where the terms do not, in order",
    arguments: [false, true], UInt64(1)...5)
  func staysWithinBounds(succeeds: Bool, seed: UInt64) {
    // Rare tries at the proposed time all end the same way, against what the model expects.
    var log = RandomLog(seed: seed, count: 1_500)
    for index in log.retries.indices { log.retries[index].succeeded = succeeds }
    let expected = succeeds ? 0.95 : 0.05
    let value = RetryValue.estimate(
      log.retries, log: log.retries,
      proposals: log.retries.map { _ in (4, expected, succeeds ? 0.2 : 0.8) })
    guard case .value(let estimate, let lower, let upper) = value.estimate else {
      Issue.record("seed \(seed): not estimable")
      return
    }
    #expect(estimate == (succeeds ? 1 : 0))
    #expect(0 <= lower && lower <= estimate && estimate <= upper && upper <= 1, "seed \(seed)")
  }

  @Test("of no try at all is nothing")
  func noTry() {
    let log = RandomLog(seed: 2, count: 200)
    let value = RetryValue.estimate(
      log.retries, log: log.retries,
      proposals: log.retries.indices.map { $0 < 100 ? (nil, 0, 0.5) : (1, 0.5, 0.5) })
    guard case .value(let estimate, _, let upper) = value.estimate else {
      Issue.record("not estimable")
      return
    }
    #expect(estimate < 0.5 && upper < 0.6)
  }
}
