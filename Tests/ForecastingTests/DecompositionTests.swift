import AlmanacCore
import Forecasting
import TestSupport
import Testing

@Suite("Seasonal and trend decomposition")
struct DecompositionTests {
  /// Months of which every part is known to the last digit, with one value far off.
  static let months: [Double] = {
    let season: [Double] = [3, -1, 4, -1, -5, 9, 2, -6, -5, 3, -5, 2]
    var values = (0..<120).map { (month: Int) -> Double in
      let noise = Double((month * 37) % 11 - 5) * 0.4
      return 100 + 0.5 * Double(month) + season[month % 12] * (1 + Double(month) / 240) + noise
    }
    values[40] += 30
    return values
  }()

  /// STL(period=12, seasonal=11) of statsmodels 0.15.0 on the same values, with two inner rounds and
  /// none or five robust ones: period, trend, season and weight.
  static let references: [(rounds: Int, rows: [(Int, Double, Double, Double)])] = [
    (
      0,
      [
        (0, 99.380887, 1.95619, 1), (5, 102.252783, 9.778528, 1), (40, 122.573867, -1.227834, 1),
        (41, 123.071281, 10.36376, 1), (60, 130.019064, 3.518117, 1),
        (119, 159.307185, 3.591723, 1),
      ]
    ),
    (
      5,
      [
        (0, 99.514886, 2.1269, 0.982984), (5, 102.293142, 10.091252, 0.966432),
        (40, 119.979373, -5.538375, 0), (41, 120.485946, 10.771416, 0.873059),
        (60, 129.990732, 3.88359, 0.91185), (119, 159.465856, 3.349993, 0.948329),
      ]
    ),
  ]

  @Test("agrees with the reference implementation", arguments: [0, 1])
  func reference(position: Int) {
    let (rounds, rows) = Self.references[position]
    let parts = decompose(Self.months, lengths: [12], rounds: rounds)
    for (month, trend, season, weight) in rows {
      #expect(isClose(parts.trend[month], trend, absolute: 1e-5), "month \(month)")
      #expect(isClose(parts.seasons[0].values[month], season, absolute: 1e-5), "month \(month)")
      #expect(isClose(parts.weights[month], weight, absolute: 1e-5), "month \(month)")
    }
  }

  @Test(
    "the parts sum to the series, for any seasons", arguments: [[], [12], [7, 30], [300], [1]])
  func sums(lengths: [Int]) {
    let parts = decompose(Self.months, lengths: lengths)
    for month in Self.months.indices {
      var sum = parts.trend[month] + parts.remainder[month]
      for season in parts.seasons { sum += season.values[month] }
      #expect(isClose(sum, Self.months[month], relative: 1e-12))
    }
  }

  @Test("tells day and week apart and measures their strength")
  func twoSeasons() {
    var random = SplitMix64(seed: 4)
    let day = (0..<24).map { (hour: Int) -> Double in hour < 8 ? -10 : 5 }
    let hours = (0..<1_008).map { (hour: Int) -> Double in
      let weekend: Double = hour % 168 >= 120 ? -21 : 8.4
      return 200 + day[hour % 24] + weekend + random.nextNormal()
    }
    let parts = decompose(hours, lengths: [24, 168])
    #expect(parts.seasons.map(\.length) == [24, 168])
    let middle = 400..<600
    let worst = middle.map { abs(parts.seasons[0].values[$0] - day[$0 % 24]) }.max() ?? 99
    #expect(worst < 3)
    #expect(parts.seasonStrength(0) > 0.9 && parts.seasonStrength(1) > 0.9)
    #expect(parts.trendStrength < 0.6)
  }

  @Test("a season and a trend that are not there have no strength")
  func noise() {
    var random = SplitMix64(seed: 8)
    let values = (0..<240).map { _ in random.nextNormal() }
    let parts = decompose(values, lengths: [12])
    #expect(parts.trendStrength < 0.3 && parts.seasonStrength(0) < 0.4)
  }

  @Test("tells a new level from a value that stands alone", arguments: UInt64(0)..<8)
  func jumps(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var values = (0..<120).map { (day: Int) -> Double in
      100 + 0.1 * Double(day) + random.nextNormal()
    }
    #expect(LevelChanges(values) == LevelChanges(values.map { $0 * 3 - 7 }), "seed \(seed)")
    for day in 70..<120 { values[day] += 30 }
    values[30] += 25
    values[95] -= 25
    let changes = LevelChanges(values)
    #expect(changes.shifts == [70], "seed \(seed)")
    #expect(changes.pulses == [30, 95], "seed \(seed)")
  }

  @Test("finds no jump in what does not move, moves evenly, or jumps too late to tell")
  func noJump() {
    for values in [
      [Double](repeating: 4, count: 50), (0..<50).map { Double($0) }, [1, 2], [],
      [5, 5.1, 5, 4.9, 5, 5.1, 5, 4.9, 5, 5.1, 5, 9],
    ] {
      let changes = LevelChanges(values)
      #expect(changes.shifts == [] && changes.pulses == [])
    }
  }
}
