import AlmanacCore
import Glibc
import Testing

@testable import Forecasting

@Suite("Local and global trend")
struct GlobalTrendTests {
  private func forecast(_ values: [Double], horizon: Int = 6) throws -> [Double] {
    try #require(FittedGlobalTrend(values, start: nil, horizon: horizon)).forecast()
  }

  @Test("Growth at a constant rate and along a line is carried on, and a level is held")
  func shapes() throws {
    var random = SplitMix64(seed: 11)
    func noise() -> Double { 1 + 0.004 * (random.nextUnit() - 0.5) }
    let rate = (0..<30).map { 100 * pow(1.06, Double($0)) * noise() }
    let line = (0..<30).map { (200 + 10 * Double($0)) * noise() }
    let level = (0..<30).map { _ in 300 * noise() }
    let atRate = try forecast(rate)
    let onLine = try forecast(line)
    let atLevel = try forecast(level)
    for ahead in 0..<6 {
      let period = Double(30 + ahead)
      let (grown, straight, held) = (atRate[ahead], onLine[ahead], atLevel[ahead])
      #expect(abs(grown / (100 * pow(1.06, period)) - 1) < 0.05, "\(ahead + 1) ahead: \(grown)")
      #expect(abs(straight / (200 + 10 * period) - 1) < 0.02, "\(ahead + 1) ahead: \(straight)")
      #expect(abs(held / 300 - 1) < 0.01, "\(ahead + 1) ahead: \(held)")
    }
  }

  @Test("A forecast follows the unit of its series, and is the same on every run", arguments: 1...8)
  func unit(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var value = 50.0
    let values = (0..<24).map { _ in
      value *= 0.9 + 0.25 * random.nextUnit()
      return value
    }
    let found = try forecast(values)
    #expect(try forecast(values) == found)
    // Powers of two leave every digit as it was.
    #expect(try forecast(values.map { $0 * 1024 }) == found.map { $0 * 1024 }, "seed \(seed)")
    #expect(try forecast(values.map { $0 / 4096 }) == found.map { $0 / 4096 }, "seed \(seed)")
  }

  /// The walk against weighted draws from what is assumed before the series is seen, of a series so short that
  /// these are enough; the likelihood is written down once more, from the model.
  @Test("Its median is that of weighted draws from the prior distribution")
  func importance() throws {
    let values = [100.0, 108, 103, 112, 118, 115]
    let unit = 118.0 / 150
    let scaled = values.map { $0 / unit }
    var random = SplitMix64(seed: 5)
    // A number of the normal distribution over the root of four squares of others.
    func normal() -> Double {
      (-2 * log(1 - random.nextUnit())).squareRoot() * cos(2 * .pi * random.nextUnit())
    }
    func student() -> Double {
      normal() / ((0..<4).reduce(0.0) { sum, _ in sum + pow(normal(), 2) } / 4).squareRoot()
    }
    func cauchy() -> Double { tan(.pi * (random.nextUnit() - 0.5)) }
    var draws: [(value: Double, weight: Double)] = []
    for _ in 0..<100_000 {
      let (alpha, beta) = (random.nextUnit(), random.nextUnit())
      let share = 2 * random.nextUnit() - 1
      let power = 1.5 * random.nextUnit() - 0.5
      let growth = cauchy()
      var slope = cauchy()
      let (relative, absolute) = (abs(cauchy()), abs(cauchy()))
      var level = scaled[0]
      var likelihood = 1.0
      for value in scaled.dropFirst() {
        let width = relative * level + absolute
        let error = (value - (level + growth * pow(level, power) + share * slope)) / width
        likelihood *= pow(1 + error * error / 4, -2.5) / width
        let next = alpha * value + (1 - alpha) * level
        slope = beta * (next - level) + (1 - beta) * slope
        level = next
      }
      let width = relative * level + absolute
      let ahead =
        level + growth * pow(level, power) + share * slope + width * student()
      draws.append((max(ahead, 0), likelihood))
    }
    draws.sort { $0.value < $1.value }
    let half = draws.reduce(0) { $0 + $1.weight } / 2
    var sum = 0.0
    let median = try #require(
      draws.first { draw in
        sum += draw.weight
        return sum >= half
      })
    let found = try forecast(values, horizon: 1)[0]
    #expect(abs(found - median.value * unit) < 2, "\(found) against \(median.value * unit)")
  }

  @Test("Values that are not positive, all equal, or fewer than two are left to others")
  func refusals() {
    for values in [[1.0], [5, 5, 5, 5], [3, 0, 4, 5], [3, -1, 4, 5]] {
      #expect(FittedGlobalTrend(values, start: nil, horizon: 3) == nil)
    }
  }

  @Test("Extreme but positive series are answered with finite forecasts")
  func extremes() throws {
    let series: [[Double]] = [
      [1e-300, 1e300], [1, 1e15, 1, 1e15, 2, 3], [1e-12, 2e-12, 3e-12, 1e-12],
      (0..<40).map { pow(10, Double($0) / 2) }, (0..<40).map { pow(10, -Double($0) / 2) },
    ]
    for values in series {
      #expect(try forecast(values).allSatisfy { $0.isFinite && $0 >= 0 })
    }
  }

  @Test("It is a member where few periods make a season and no more than 128 are known")
  func usual() {
    for (count, lengths, isMember) in [
      (20, [], true), (128, [], true), (129, [], false), (40, [4], true), (130, [4], false),
      (60, [12], false), (20, [12], false), (60, [7], false),
    ] as [(Int, [Int], Bool)] {
      let members = EnsembleMember.usual(count: count, seasonLengths: lengths)
      #expect(members.contains(.globalTrend) == isMember, "\(count) with \(lengths)")
    }
  }
}
