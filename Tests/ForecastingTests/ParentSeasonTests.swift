import AlmanacCore
import Foundation
import Testing

@testable import Forecasting

/// Seasons of parts beside that of the whole.
@Suite("Seasons of parts")
struct ParentSeasonTests {
  private static func wave(_ month: Int) -> Double { 1 + 0.3 * sin(2 * .pi * Double(month) / 12) }

  @Test("that are noisy are drawn towards the season of the whole, and lose error by it")
  func noisy() throws {
    var (alone, beside) = (0.0, 0.0)
    for seed in UInt64(1)...30 {
      var random = SplitMix64(seed: seed)
      let whole = (0..<36).map { 1_000 * Self.wave($0) * (1 + 0.01 * random.nextNormal()) }
      let part = (0..<36).map { 100 * Self.wave($0) * exp(0.35 * random.nextNormal()) }
      let parent = SeasonalAdjustment(whole, lengths: [12])
      for (index, adjustment) in [
        SeasonalAdjustment(part, lengths: [12]),
        SeasonalAdjustment(part, lengths: [12], parent: parent),
      ].enumerated() {
        let season = try #require(adjustment.parts.first)
        for month in 0..<12 {
          let error = abs(season.index(month) - Self.wave(month))
          if index == 0 { alone += error } else { beside += error }
        }
      }
    }
    #expect(beside < 0.5 * alone, "\(beside / alone)")
  }

  @Test("that are clear stay their own, and seasons of another length or kind are not looked at")
  func clear() throws {
    var random = SplitMix64(seed: 7)
    let opposite = (0..<60).map { 100 * (2 - Self.wave($0)) * exp(0.02 * random.nextNormal()) }
    let whole = (0..<60).map { 1_000 * Self.wave($0) }
    let own = try #require(SeasonalAdjustment(opposite, lengths: [12]).parts.first)
    let parent = SeasonalAdjustment(whole, lengths: [12])
    let found = try #require(
      SeasonalAdjustment(opposite, lengths: [12], parent: parent).parts.first)
    for month in 0..<12 { #expect(abs(found.index(month) - own.index(month)) < 0.01) }
    let other = SeasonalAdjustment(whole.map { $0 - 1_000 }, lengths: [12])
    #expect(SeasonalAdjustment(opposite, lengths: [12], parent: other).parts.first == own)
    let short = SeasonalAdjustment(whole, lengths: [6])
    #expect(SeasonalAdjustment(opposite, lengths: [12], parent: short).parts.first == own)
  }
}
