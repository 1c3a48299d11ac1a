import AlmanacCore
import Foundation
import Testing

@testable import Forecasting

/// Harmonic regression.
@Suite("Harmonic regression")
struct HarmonicModelTests {
  private static func fit(
    _ values: [Double], waves: [Double], horizon: Int, bases: HarmonicBases = HarmonicBases()
  ) throws -> FittedHarmonics {
    try #require(FittedHarmonics(values, waves: waves, horizon: horizon, bases: bases))
  }

  @Test("waves without noise are continued, a week and a year of them")
  func exact() throws {
    func value(_ day: Int) -> Double {
      let year: Double = 30 * sin(2 * .pi * Double(day) / 365.25)
      let week: Double = 10 * cos(2 * .pi * Double(day) / 7)
      return 200 + year + week + 5 * sin(6 * .pi * Double(day) / 7)
    }
    let fit = try Self.fit((0..<730).map(value), waves: [7, 365.25], horizon: 90)
    for (ahead, found) in fit.forecast(horizon: 90).enumerated() {
      #expect(abs(found - value(730 + ahead)) < 1, "\(ahead): \(found), \(value(730 + ahead))")
    }
  }

  @Test("a season in proportion to the level is found on logarithms, one that adds up on levels")
  func scale() throws {
    for seed in UInt64(1)...3 {
      var random = SplitMix64(seed: seed)
      var multiplied: [Double] = []
      var added: [Double] = []
      for month in 0..<240 {
        let noise = random.nextNormal()
        let wave = sin(2 * .pi * Double(month) / 12)
        let logarithm: Double = 4 + 0.012 * Double(month) + 0.4 * wave + 0.05 * noise
        multiplied.append(exp(logarithm))
        let level: Double = 100 + 1.5 * Double(month) + 30 * wave
        added.append(level + 6 * noise)
      }
      #expect(try Self.fit(multiplied, waves: [12], horizon: 12).isLogarithmic, "seed \(seed)")
      #expect(try !Self.fit(added, waves: [12], horizon: 12).isLogarithmic, "seed \(seed)")
    }
  }

  @Test("cross-validation takes few degrees of freedom for noise, and more for what is there")
  func freedom() throws {
    for seed in UInt64(1)...5 {
      var random = SplitMix64(seed: seed)
      let noise = (0..<400).map { _ in 50 + random.nextNormal() }
      let season = noise.enumerated().map { $1 + ($0 % 24 < 3 ? 8 : 0) }
      let flat = try Self.fit(noise, waves: [24], horizon: 24)
      let full = try Self.fit(season, waves: [24], horizon: 24)
      #expect(
        flat.freedom < 8 && full.freedom > 12, "seed \(seed): \(flat.freedom), \(full.freedom)")
      let forecast = flat.forecast(horizon: 24)
      #expect(forecast.allSatisfy { abs($0 - 50) < 1 }, "seed \(seed)")
    }
  }

  @Test("errors that hold on fade from the forecast as an autoregression lets them")
  func autoregression() throws {
    var found: [Double] = []
    for seed in UInt64(1)...6 {
      var random = SplitMix64(seed: seed)
      var error = 0.0
      let values = (0..<600).map { period -> Double in
        error = 0.6 * error + random.nextNormal()
        let wave: Double = 5 * sin(2 * .pi * Double(period) / 24)
        return 100 + wave + error
      }
      found.append(try Self.fit(values, waves: [24], horizon: 24).autoregression.first ?? 0)
    }
    let mean = found.reduce(0, +) / 6
    #expect(abs(mean - 0.6) < 0.1, "\(found)")
  }

  @Test("shared bases change no forecast, and a constant or short series has no fit")
  func shared() throws {
    let bases = HarmonicBases()
    for seed in UInt64(1)...4 {
      let series = TimeSeries.seasonalDays(800, seed: seed)
      let alone = try Self.fit(series.values, waves: [7, 365.25], horizon: 28)
      let beside = try Self.fit(series.values, waves: [7, 365.25], horizon: 28, bases: bases)
      #expect(alone.forecast(horizon: 28) == beside.forecast(horizon: 28))
    }
    let constant = [Double](repeating: 3, count: 50)
    #expect(FittedHarmonics(constant, waves: [7], horizon: 5, bases: bases) == nil)
    #expect(FittedHarmonics([1, 2, 3, 4, 5], waves: [7], horizon: 5, bases: bases) == nil)
    #expect(FittedHarmonics([1, 2, 3], waves: [], horizon: 5, bases: bases) == nil)
  }

  @Test("beside other series, of other lengths too, a series has the forecast that it has alone")
  func blocks() throws {
    var settings = EnsembleSettings(horizon: 28, seasonLengths: [7])
    settings.members = [.harmonic]
    var inputs = (UInt64(0)..<21).map { seed in
      var values = TimeSeries.seasonalDays(700 + Int(seed % 3), seed: seed).values
      // A new level, a gap and values without logarithms take their own ways.
      if seed % 5 == 1 { for day in 400..<values.count { values[day] += 500 } }
      if seed % 5 == 2 { values[300] = .nan }
      if seed % 5 == 3 { values[100] = -1 }
      return SeriesInput(values: values, seasonLengths: [7], waves: [7, 365.25])
    }
    inputs.append(SeriesInput(values: [.nan, .nan], seasonLengths: []))
    inputs.append(SeriesInput(values: [Double](repeating: 3, count: 60), seasonLengths: [7]))
    let found = seriesEnsembles(
      inputs, settings: settings, poolSizes: inputs.map { _ in 100 })
    #expect(found.count == inputs.count)
    for (position, (input, result)) in zip(inputs, found).enumerated() {
      guard let alone = try? seriesEnsemble(input, settings: settings, poolSize: 100) else {
        #expect(throws: ForecastingError.self) { _ = try result.get() }
        continue
      }
      let beside = try result.get()
      #expect(beside.0.origins.count == alone.0.origins.count && beside.model == alone.model)
      #expect(beside.0.pulses == alone.0.pulses)
      let pairs = zip(
        beside.0.points + beside.0.scales + beside.0.origins.flatMap { $0.predicted + $0.scales },
        alone.0.points + alone.0.scales + alone.0.origins.flatMap { $0.predicted + $0.scales })
      for (one, other) in pairs {
        #expect(abs(one - other) <= 1e-8 * max(1, abs(other)), "series \(position)")
      }
    }
    // What stands beside a series changes no bit of it, as long as something does.
    let reversed = seriesEnsembles(
      inputs.reversed(), settings: settings, poolSizes: inputs.map { _ in 100 })
    for (one, other) in zip(found, reversed.reversed()) {
      #expect((try? one.get().0.points) == (try? other.get().0.points))
    }
  }

  @Test("its errors on days with a week and a year are below those of seasonal naive")
  func skill() throws {
    var (ours, naive) = (0.0, 0.0)
    for seed in UInt64(1)...8 {
      let all = TimeSeries.seasonalDays(820, seed: seed).values
      let training = Array(all[..<730])
      var settings = EnsembleSettings(horizon: 90, seasonLengths: [7])
      settings.waves = [7, 365.25]
      settings.members = [.harmonic]
      let found = try #require(ensembleForecast(training, settings: settings))
      let other = SimpleForecasts.seasonalNaive(training, length: 7, horizon: 90)
      for ahead in 0..<90 {
        ours += abs(found.points[ahead] - all[730 + ahead])
        naive += abs(other[ahead] - all[730 + ahead])
      }
    }
    #expect(ours < 0.6 * naive, "\(ours / naive)")
  }

  /// A level that drops every thirteenth day is a season of its own and no row of new levels, which
  /// raised to the last would make a trend of them.
  @Test("a saw is no row of level shifts")
  func saw() throws {
    let values = (0..<800).map { day -> Double in
      100 + 10 * Double(day % 7) + Double(day * 7_919 % 13)
    }
    var settings = EnsembleSettings(horizon: 14, seasonLengths: [7])
    settings.members = [.harmonic]
    let forecast = try #require(ensembleForecast(Array(values.dropLast(14)), settings: settings))
    let errors = zip(forecast.points, values.suffix(14)).map { abs($0 - $1) }
    #expect(errors.allSatisfy { $0 < 13 }, "\(errors)")
  }
}
