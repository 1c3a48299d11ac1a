import AlmanacCore
import Foundation
import Testing

@testable import Forecasting

/// Values that stand alone, and levels that shift.
@Suite("Pulses and shifts")
struct PulseMaskTests {
  private static func months(_ seed: UInt64, count: Int = 96) -> [Double] {
    TimeSeries.seasonalMonths(count, trend: 0.5, noise: 3, seed: seed).values
  }

  private static func forecast(
    _ values: [Double], _ member: EnsembleMember
  ) throws -> EnsembleForecast {
    var settings = EnsembleSettings(horizon: 12, seasonLengths: [12])
    settings.members = [member]
    return try #require(ensembleForecast(values, settings: settings))
  }

  @Test(
    "a planted pulse moves no member's forecast by more than the season allows, and is reported",
    arguments: EnsembleMember.ofSeries.filter { $0 != .intermittent })
  func pulse(member: EnsembleMember) throws {
    for seed in UInt64(1)...3 {
      let clean = Self.months(seed)
      for period in [40, 85] {
        var struck = clean
        struck[period] += 400
        let found = try Self.forecast(struck, member)
        let before = try Self.forecast(clean, member)
        #expect(found.pulses == [period] && before.pulses == [], "seed \(seed), \(member)")
        for ahead in 0..<12 {
          // Twenty is one part in twenty of the pulse.
          #expect(
            abs(found.points[ahead] - before.points[ahead]) < 20,
            "seed \(seed), \(member), \(ahead)")
        }
      }
    }
  }

  @Test(
    "a planted shift is not masked but followed",
    arguments: EnsembleMember.ofSeries.filter {
      ![.intermittent, .mean, .seasonalNaive, .shortSeasonalNaive].contains($0)
    })
  func shift(member: EnsembleMember) throws {
    for seed in UInt64(4)...6 {
      var values = Self.months(seed)
      for period in 70..<96 { values[period] += 150 }
      let found = try Self.forecast(values, member)
      #expect(found.pulses == [], "seed \(seed), \(member)")
      let mean = found.points.reduce(0, +) / 12
      // Months 96 to 107 without noise.
      let expected = 250 + 0.5 * 101.5
      #expect(abs(mean - expected) < 75, "seed \(seed), \(member): \(mean), \(expected)")
    }
  }

  @Test("of clean series at most one value in two thousand is masked, whatever their kind")
  func falseAlarms() {
    var (masked, total) = (0, 0)
    for seed in UInt64(1)...200 {
      var random = SplitMix64(seed: seed)
      var (walk, error) = (0.0, 0.0)
      let noise = (0..<120).map { _ in random.nextNormal() }
      let kinds: [[Double]] = [
        noise.map { 100 + $0 },
        noise.map { step in
          walk += step
          return 100 + walk
        },
        noise.map { step in
          error = 0.7 * error + step
          return 100 + error
        },
        noise.indices.map { month in
          let wave: Double = 0.3 * sin(2 * .pi * Double(month) / 12)
          return exp(3 + wave + 0.1 * noise[month])
        },
      ]
      for values in kinds {
        masked += PulseMask(values, seasonLengths: [12]).pulses.count
        total += values.count
      }
    }
    #expect(masked * 2_000 <= total, "\(masked) of \(total)")
  }

  @Test("values that stand alone again and again are part of the series")
  func recurring() {
    var values = Self.months(9)
    for period in [7, 19, 50, 77] { values[period] += 500 }
    #expect(PulseMask(values, seasonLengths: [12]).pulses == [])
    var yearly = Self.months(9, count: 240)
    for period in [30, 102] { yearly[period] += 500 }
    #expect(PulseMask(yearly, seasonLengths: [12]).pulses == [])
    yearly[103] += 500
    yearly[102] -= 500
    #expect(PulseMask(yearly, seasonLengths: [12]).pulses == [30, 103])
  }

  @Test("of an origin it is masked by what lies before it alone")
  func causal() {
    var values = Self.months(10)
    values[60] += 300
    // With fewer than three values after it nothing tells it from a shift.
    #expect(PulseMask(Array(values[...61]), seasonLengths: [12]).pulses == [])
    #expect(PulseMask(Array(values[...63]), seasonLengths: [12]).pulses == [60])
  }
}
