import AlmanacCore
import Forecasting
import Foundation
import TestSupport
import Testing

/// Noise without memory or with some, whose distribution does not change.
enum StationaryNoise: String, CaseIterable, Sendable {
  case normal, laplace, studentThree, logNormal, autoregressive
  case rareCounts, fewCounts, manyCounts

  func values(_ count: Int, seed: UInt64) -> [Double] {
    var random = SplitMix64(seed: seed)
    var last = 0.0
    return (0..<count).map { _ in
      switch self {
      case .normal: return 100 + 5 * random.nextNormal()
      case .laplace:
        let side = random.nextUnit() < 0.5 ? -1.0 : 1.0
        return 100 - 5 * side * log(1 - random.nextUnit())
      case .studentThree:
        let chiSquare = (0..<3).reduce(0.0) { sum, _ in
          let normal = random.nextNormal()
          return sum + normal * normal
        }
        return 100 + 5 * random.nextNormal() / (chiSquare / 3).squareRoot()
      case .logNormal: return exp(3 + 0.8 * random.nextNormal())
      case .autoregressive:
        last = 0.8 * last + random.nextNormal()
        return 100 + 5 * last
      case .rareCounts: return poisson(0.05, &random)
      case .fewCounts: return poisson(0.7, &random)
      case .manyCounts: return poisson(30, &random)
      }
    }
  }

  private func poisson(_ mean: Double, _ random: inout SplitMix64) -> Double {
    var count = 0.0
    var product = random.nextUnit()
    let limit = exp(-mean)
    while product > limit {
      product *= random.nextUnit()
      count += 1
    }
    return count
  }
}

@Suite("Anomalies of a series")
struct AnomalyTests {
  let rule = AnomalyRule(seasonLength: 7)

  /// Two years of days: a level, a slow trend, a weekly season and noise of one standard deviation.
  func days(seed: UInt64, count: Int = 730) -> [Double] {
    var random = SplitMix64(seed: seed)
    return (0..<count).map { day in
      let weekly = [0.0, 2, 3, 2, 1, -6, -8][day % 7]
      return 60 + 0.01 * Double(day) + weekly + random.nextNormal()
    }
  }

  @Test("at most one value in a hundred of stationary noise", arguments: StationaryNoise.allCases)
  func falseAlarms(noise: StationaryNoise) {
    var alarms = 0
    var total = 0
    for seed in UInt64(1)...40 {
      let values = noise.values(730, seed: seed)
      alarms += rule.anomalies(in: values).count
      total += values.count
    }
    #expect(Double(alarms) <= 0.01 * Double(total), "\(alarms) of \(total)")
  }

  @Test("next to none of normal noise with a season and a trend")
  func normalNoise() {
    let alarms = (UInt64(1)...40).reduce(0) { $0 + rule.anomalies(in: days(seed: $1)).count }
    #expect(alarms <= 10, "\(alarms) of 29,200")
  }

  @Test("planted spikes and drops are found where they are", arguments: UInt64(1)...16)
  func spikes(seed: UInt64) {
    var values = days(seed: seed)
    for (position, size) in [(200, 16.0), (333, -16), (460, 16), (461, 16), (650, -16)] {
      values[position] += size
    }
    let found = rule.anomalies(in: values).filter { abs($0.score) > 6 }
    #expect(found.map(\.position) == [200, 333, 460, 461, 650], "seed \(seed)")
    #expect(found.map(\.kind) == [.spike, .drop, .spike, .spike, .drop], "seed \(seed)")
    for anomaly in found {
      let actual = anomaly.actual ?? .nan
      #expect(actual < anomaly.lower || actual > anomaly.upper)
      #expect(anomaly.lower < anomaly.expected && anomaly.expected < anomaly.upper)
    }
  }

  @Test(
    "a planted shift is one anomaly, and the new level is expected from there on",
    arguments: UInt64(1)...16)
  func shift(seed: UInt64) throws {
    var values = days(seed: seed)
    for day in 300..<730 { values[day] += seed % 2 == 0 ? 8 : -8 }
    let found = rule.anomalies(in: values).filter { $0.position >= 290 }
    let first = try #require(found.first, "seed \(seed)")
    #expect(first.kind == .levelShift, "seed \(seed)")
    #expect((299...301).contains(first.position), "seed \(seed)")
    #expect((first.score > 0) == (seed % 2 == 0), "seed \(seed)")
    #expect(found.count <= 4, "seed \(seed): \(found.map(\.position))")
    #expect(found.dropFirst().allSatisfy { $0.kind != .levelShift }, "seed \(seed)")
  }

  @Test(
    "a day without a value or with a sudden zero is missing, a weekly day off is not",
    arguments: UInt64(1)...8)
  func missing(seed: UInt64) {
    var values = days(seed: seed)
    for day in stride(from: 6, to: 730, by: 7) { values[day] = .nan }
    values[400] = .nan
    values[500] = 0
    let found = rule.anomalies(in: values).filter { $0.kind == .missing }
    #expect(found.map(\.position) == [400, 500], "seed \(seed)")
    #expect(found.map(\.actual) == [nil, 0])
  }

  @Test(
    "a fall to nothing is one shift, with one anomaly a position at most", arguments: UInt64(1)...8)
  func fallToNothing(seed: UInt64) {
    var values = days(seed: seed)
    for day in 400..<730 { values[day] = 0 }
    values[403] = .nan
    let found = rule.anomalies(in: values)
    #expect(Set(found.map(\.position)).count == found.count, "seed \(seed)")
    let fall = found.filter { (395..<410).contains($0.position) }
    #expect(fall.map(\.position) == [400, 403], "seed \(seed)")
    #expect(fall.map(\.kind) == [.levelShift, .missing], "seed \(seed)")
  }

  @Test("later values change nothing but the last seven", arguments: UInt64(1)...12)
  func prefixes(seed: UInt64) {
    var values = days(seed: seed)
    for day in 420..<730 { values[day] += 7 }
    values[250] -= 15
    let whole = rule.anomalies(in: values)
    for end in [260, 425, 430, 500, 729] {
      let before = rule.anomalies(in: Array(values[..<end]))
      let settled = end - AnomalyRule.runLength
      #expect(
        before.filter { $0.position < settled } == whole.filter { $0.position < settled },
        "seed \(seed), end \(end)")
    }
  }

  @Test("another unit gives the same anomalies", arguments: UInt64(1)...6)
  func units(seed: UInt64) {
    var values = days(seed: seed)
    values[365] += 30
    let found = rule.anomalies(in: values)
    let scaled = rule.anomalies(in: values.map { $0 * 4 })
    #expect(found.map(\.position) == scaled.map(\.position))
    #expect(found.map(\.kind) == scaled.map(\.kind))
    #expect(found.map { $0.expected * 4 } == scaled.map(\.expected))
  }

  @Test("hours with a daily season and months without one are judged as well")
  func otherSeasons() {
    var random = SplitMix64(seed: 3)
    var hours = (0..<1_000).map { hour in
      200 + 50 * sin(2 * .pi * Double(hour % 24) / 24) + 4 * random.nextNormal()
    }
    hours[700] += 60
    #expect(AnomalyRule(seasonLength: 24).anomalies(in: hours).map(\.position).contains(700))
    var months = (0..<96).map { _ in 50 + random.nextNormal() }
    months[80] -= 20
    #expect(AnomalyRule(seasonLength: 1).anomalies(in: months).map(\.position) == [80])
  }

  @Test("values that never change have an anomaly where they do")
  func constant() {
    var values = [Double](repeating: 12, count: 120)
    values[90] = 13
    #expect(rule.anomalies(in: values).map(\.position) == [90])
    values[90] = 12
    #expect(rule.anomalies(in: values).isEmpty)
  }

  @Test("too little to judge by has none", arguments: [0, 1, 20, 34])
  func short(count: Int) {
    var values = [Double](repeating: 5, count: count)
    if count > 0 { values[count - 1] = 1e12 }
    #expect(rule.anomalies(in: values).isEmpty)
    let unknown = [Double](repeating: .nan, count: count)
    #expect(rule.anomalies(in: unknown).isEmpty)
  }
}
