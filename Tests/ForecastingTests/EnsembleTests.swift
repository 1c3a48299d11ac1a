import AlmanacCore
import Foundation
import TestSupport
import Testing

@testable import Forecasting

@Suite("Combinations")
struct EnsembleTests {
  /// Months with trend, season and noise.
  static func months(_ count: Int, seed: UInt64) -> [Double] {
    TimeSeries.seasonalMonths(count, seed: seed).values
  }

  @Test("weights sum to one, and who shares has a third of an equal one", arguments: UInt64(0)..<4)
  func weights(seed: UInt64) throws {
    let settings = EnsembleSettings(horizon: 12, seasonLengths: [12])
    let forecast = try #require(ensembleForecast(Self.months(72, seed: seed), settings: settings))
    #expect(isClose(forecast.weights.reduce(0, +), 1, absolute: 1e-12))
    let equal = 1 / Double(forecast.weights.count { $0 > 0 })
    #expect(forecast.weights.allSatisfy { $0 == 0 || $0 >= equal / 3 - 1e-12 })
    #expect(forecast.origins.count == 3)
  }

  @Test("a higher power leaves less to a member that was wrong, and its order stays")
  func power() {
    var errors = MemberErrors(members: [.theta, .drift, .naive])
    let actual = [Double](repeating: 0, count: 90)
    errors.add(
      end: 100, forecasts: [1, 1.25, 1.5].map { error in actual.map { _ in error } },
      actual: actual)
    let square = errors.weights(before: 190, halfway: 0, power: 2)
    let sixth = errors.weights(before: 190, halfway: 0, power: 6)
    // By hand: the ratio of two weights is the inverse ratio of the errors, to that power.
    #expect(abs(square[0] / square[1] - 1.5625) < 1e-12)
    #expect(abs(sixth[0] / sixth[1] - 3.814_697_265_625) < 1e-12)
    #expect(sixth[0] > square[0] && sixth[0] > sixth[1] && sixth[1] > sixth[2])
    #expect(abs(sixth.reduce(0, +) - 1) < 1e-12)
  }

  @Test("members for many seasons all forecast differently", arguments: [1, 2])
  func distinct(seasons: Int) throws {
    let lengths = Array([7, 28].prefix(seasons))
    let values = EnsembleTests.months(200, seed: 5)
    var settings = EnsembleSettings(horizon: 60, seasonLengths: lengths)
    settings.members = EnsembleMember.usual(count: values.count, seasonLengths: lengths)
    let forecast = try #require(ensembleForecast(values, settings: settings))
    #expect(settings.members.count == 5 + seasons)
    #expect(Set(forecast.memberPoints).count == settings.members.count)
  }

  /// Smoothing of sums takes over what smoothing found where both are the same; alone it finds it itself.
  @Test(
    "smoothing of sums is what it is alone, with a season, without one, and with one that begins late",
    arguments: [([12], 72), ([], 60), ([12], 30), ([7], 40)], UInt64(0)..<3)
  func sumsAlone(kind: ([Int], Int), seed: UInt64) throws {
    var values = Self.months(kind.1, seed: seed)
    if seed == 2 { for index in values.indices { values[index] -= 110 } }
    var settings = EnsembleSettings(horizon: 6, seasonLengths: kind.0)
    settings.origins = 8
    settings.shortestHistory = 10
    func points(_ members: [EnsembleMember]) throws -> [[Double]] {
      settings.members = members
      return try #require(ensembleForecast(values, settings: settings)).memberPoints
    }
    let alone = try points([.aggregatedSmoothing])[0]
    let plain = try points([.exponentialSmoothing])[0]
    let both = try points([.exponentialSmoothing, .theta, .aggregatedSmoothing])
    #expect(both[2] == alone, "seed \(seed)")
    #expect(both[0] == plain, "seed \(seed)")
    if kind.0 == [] { #expect(both[0] == both[2], "seed \(seed)") }
  }

  @Test("the forecast is the weighted mean of its members")
  func weightedMean() throws {
    let settings = EnsembleSettings(horizon: 6, seasonLengths: [12])
    let forecast = try #require(ensembleForecast(Self.months(60, seed: 9), settings: settings))
    for ahead in 0..<6 {
      var sum = 0.0
      for (weight, points) in zip(forecast.weights, forecast.memberPoints) {
        sum += weight * points[ahead]
      }
      #expect(isClose(forecast.points[ahead], sum, relative: 1e-12))
    }
  }

  @Test("origins do not see what follows them", arguments: UInt64(0)..<4)
  func noLeak(seed: UInt64) throws {
    let settings = EnsembleSettings(horizon: 12, seasonLengths: [12])
    let values = Self.months(72, seed: seed)
    let forecast = try #require(ensembleForecast(values, settings: settings))
    let last = try #require(forecast.origins.last)
    let changed = values.enumerated().map { $0 < last.end ? $1 : $1 * 3 + 50 }
    let other = try #require(ensembleForecast(changed, settings: settings))
    #expect(other.origins.last?.end == last.end)
    #expect(other.origins.last?.predicted == last.predicted)
  }

  @Test("beats seasonal naive on simulated months", arguments: [UInt64(1)])
  func beatsNaive(seed: UInt64) throws {
    var ours = 0.0
    var naive = 0.0
    for offset in UInt64(0)..<12 {
      let values = Self.months(84, seed: seed + offset)
      let training = Array(values.dropLast(12))
      let actual = Array(values.suffix(12))
      let settings = EnsembleSettings(horizon: 12, seasonLengths: [12])
      let forecast = try #require(ensembleForecast(training, settings: settings))
      let repeated = SimpleForecasts.seasonalNaive(training, length: 12, horizon: 12)
      ours += ForecastMeasures.smape(actual: actual, predicted: forecast.points)
      naive += ForecastMeasures.smape(actual: actual, predicted: repeated)
    }
    #expect(ours < 0.5 * naive)
  }

  /// Series that leave little to fit.
  static let odd: [[Double]] = [
    [5], [5, 5], [Double](repeating: 0, count: 8), [Double](repeating: 7, count: 40), [1, 2, 3],
    [0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [.nan, .nan, 3, 4, 5, .nan],
    (0..<50).map { (index: Int) -> Double in -1e15 + Double(index) * 1e13 },
    (0..<30).map { (index: Int) -> Double in index % 2 == 0 ? .nan : Double(index) },
    (0..<40).map { (index: Int) -> Double in pow(1.5, Double(index)) },
    (0..<20).map { (index: Int) -> Double in index == 10 ? 1e12 : 1 },
  ]

  @Test("answers every kind of series", arguments: odd)
  func anyKind(values: [Double]) throws {
    for seasons in [[], [12], [4], [7, 365]] {
      let settings = EnsembleSettings(horizon: 15, seasonLengths: seasons)
      let input = SeriesInput(values: values, seasonLengths: seasons)
      let first = try seriesEnsemble(input, settings: settings, poolSize: 1)
      let forecast = try #require(withIntervals([first], levels: [0.8, 0.95], horizon: 15)[0])
      #expect(forecast.points.count == 15)
      for ahead in 0..<15 {
        let chain = [
          forecast.lower[1][ahead], forecast.lower[0][ahead], forecast.points[ahead],
          forecast.upper[0][ahead], forecast.upper[1][ahead],
        ]
        #expect(chain.allSatisfy { $0.isFinite })
        #expect(chain == chain.sorted(), "\(chain)")
      }
    }
  }

  @Test("refuses what cannot be forecast")
  func refusals() {
    let settings = EnsembleSettings(horizon: 3, seasonLengths: [])
    #expect(throws: ForecastingError.tooFewValues(known: 0, needed: 1)) {
      try seriesEnsemble(
        SeriesInput(values: [.nan, .nan], seasonLengths: []), settings: settings, poolSize: 1)
    }
    #expect(throws: ForecastingError.valueOutOfRange(position: 1)) {
      try seriesEnsemble(
        SeriesInput(values: [1, .infinity], seasonLengths: []), settings: settings, poolSize: 1)
    }
  }

  @Test("pooled intervals cover what they say", arguments: [UInt64(3)])
  func coverage(seed: UInt64) throws {
    let settings = EnsembleSettings(horizon: 6, seasonLengths: [])
    var random = SplitMix64(seed: seed)
    var actuals: [[Double]] = []
    var ensembles: [(EnsembleForecast, model: String, reason: String?)?] = []
    for _ in 0..<150 {
      let spread = exp(2 * random.nextNormal())
      var level = 100 * spread
      let values = (0..<46).map { _ -> Double in
        let step: Double = 0.5 * spread * random.nextNormal()
        level += step
        return level + spread * random.nextNormal()
      }
      actuals.append(Array(values.suffix(6)))
      let input = SeriesInput(values: Array(values.dropLast(6)), seasonLengths: [])
      ensembles.append(try seriesEnsemble(input, settings: settings, poolSize: 150))
    }
    let forecasts = withIntervals(ensembles, levels: [0.8, 0.95], horizon: 6)
    for (level, target) in [(0, 0.8), (1, 0.95)] {
      var sum = 0.0
      for (forecast, actual) in zip(forecasts, actuals) {
        let forecast = try #require(forecast)
        sum += ForecastMeasures.coverage(
          actual: actual, lower: forecast.lower[level], upper: forecast.upper[level])
      }
      #expect(isClose(sum / 150, target, absolute: 0.06), "seed \(seed)")
    }
  }
}

@Suite("Seasonal indices")
struct SeasonalIndicesTests {
  @Test("finds the season of a series that has nothing else", arguments: [4, 12])
  func exact(length: Int) throws {
    let season = (0..<length).map { position -> Double in
      let angle: Double = 2 * .pi * Double(position) / Double(length)
      return 1 + 0.3 * cos(angle)
    }
    let values = (0..<(length * 6)).map { period -> Double in 50 * season[period % length] }
    let found = try #require(
      SeasonalIndices(values, length: length, kind: .multiplicative, isShrunk: true))
    for (left, right) in zip(found.indices, season) {
      #expect(isClose(left, right, absolute: 1e-9))
    }
    #expect(found.adjusted(values).allSatisfy { isClose($0, 50, relative: 1e-9) })
  }

  @Test("shrinks what is noise by more than half", arguments: UInt64(0)..<6)
  func noise(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let values = (0..<96).map { _ in 100 + 10 * random.nextNormal() }
    let raw = try #require(
      SeasonalIndices(values, length: 12, kind: .additive, isShrunk: false))
    let shrunk = try #require(
      SeasonalIndices(values, length: 12, kind: .additive, isShrunk: true))
    func size(_ indices: [Double]) -> Double { indices.reduce(0) { $0 + $1 * $1 } }
    #expect(size(shrunk.indices) < 0.5 * size(raw.indices), "seed \(seed)")
  }

  @Test("finds day and week of hours, and no season in noise")
  func detection() {
    var random = SplitMix64(seed: 5)
    let hours = (0..<1_000).map { hour -> Double in
      let day: Double = 20 * sin(2 * .pi * Double(hour) / 24)
      let weekend: Double = hour % 168 >= 120 ? -25 : 0
      return 100 + day + weekend + 2 * random.nextNormal()
    }
    #expect(SeasonDetection.seasons(hours, candidates: [24, 168]) == [24, 168])
    let noise = (0..<400).map { _ in random.nextNormal() }
    #expect(SeasonDetection.seasons(noise, candidates: [4, 7, 12, 24]) == [])
  }

  @Test("fills gaps by line and season")
  func gaps() {
    #expect(filled([.nan, 1, .nan, .nan, 4, .nan], seasonLength: 1) == [1, 1, 2, 3, 4, 4])
    let season = [5.0, -5, 3, -3]
    var values = (0..<24).map { period -> Double in 100 + season[period % 4] }
    values[9] = .nan
    #expect(isClose(filled(values, seasonLength: 4)[9], 95, absolute: 1))
  }
}

/// The second halves of all series of one group, in the same order; `nil` where a series failed.
private func withIntervals(
  _ ensembles: [SeriesEnsemble?], levels: [Double], horizon: Int
) -> [SeriesForecast?] {
  let pool = PooledIntervals(ensembles.compactMap { $0?.0 }, levels: levels, horizon: horizon)
  return ensembles.map { entry in
    entry.map { withIntervals($0, pool: pool, levels: levels, horizon: horizon) }
  }
}
