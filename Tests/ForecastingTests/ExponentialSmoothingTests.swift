import AlmanacCore
import Forecasting
import Foundation
import TestSupport
import Testing

@Suite("Exponential smoothing")
struct ExponentialSmoothingTests {
  /// Annual flow of the Nile at Aswan, 1871 to 1970 (Cobb, 1978), public domain.
  static let nile: [Double] = [
    1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960, 1180,
    799, 958, 1140, 1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833,
    701, 916, 692, 1020, 1050, 969, 831, 726, 456, 824, 702, 1120, 1100, 832, 764, 821, 768, 845,
    864, 862, 698, 845, 744, 796, 1040, 759, 781, 865, 845, 944, 984, 897, 822, 1010, 771, 676, 649,
    846, 812, 742, 801, 1040, 860, 874, 848, 890, 744, 749, 838, 1050, 918, 986, 797, 923, 975, 815,
    1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740,
  ]

  /// The log-likelihood of the reference, statsforecast's `AutoETS(model="AAN", damped=True)` 2.0.2.
  ///
  /// It counts like this one, `-2 log L = n log(sum of squares)`. Its search may stop earlier, so
  /// the fit may be better but not worse.
  @Test("fits a damped trend to the Nile at least as well as the reference")
  func likelihoodReachesReference() throws {
    let form = ETSForm(error: .additive, trend: .damped, season: .none)
    let fit = try #require(form.fit(Self.nile, seasonal: []))
    #expect(fit.criterion <= 2 * 725.6414 + 0.01)
    // Nor can it be better by much: the forms nest within the reference's bounds.
    #expect(fit.criterion >= 2 * 725.6414 - 8)
  }

  /// MNN of the reference has AICc 1458.5520; three parameters.
  @Test("has the reference's criterion for a level with multiplicative errors")
  func criterionOfReference() throws {
    let form = ETSForm(error: .multiplicative, trend: .none, season: .none)
    let fit = try #require(form.fit(Self.nile, seasonal: []))
    #expect(isClose(fit.aicc, 1458.5520, absolute: 0.05))
    let forecast = fit.forecast(horizon: 3)
    #expect(forecast.allSatisfy { isClose($0, 839.1465, relative: 0.005) })
  }

  @Test("finds the weights that made a series", arguments: UInt64(0)..<8)
  func recoversWeights(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var level = 500.0
    let alpha = 0.6
    let values = (0..<2_000).map { _ -> Double in
      let error = 10 * random.nextNormal()
      defer { level += alpha * error }
      return level + error
    }
    let form = ETSForm(error: .additive, trend: .none, season: .none)
    let fit = try #require(form.fit(values, seasonal: []))
    #expect(isClose(fit.weights.level, alpha, absolute: 0.06))
  }

  @Test("fits do not depend on the unit", arguments: [1e-3, 1e4])
  func scaleEquivariance(unit: Double) throws {
    for form in ETSForm.all(isPositive: true, isSeasonal: false) {
      let plain = try #require(form.fit(Self.nile, seasonal: [])).forecast(horizon: 5)
      let scaled = try #require(form.fit(Self.nile.map { $0 * unit }, seasonal: []))
        .forecast(horizon: 5)
      for (left, right) in zip(plain, scaled) {
        #expect(isClose(left * unit, right, relative: 0.02), "\(form.name)")
      }
    }
  }

  @Test("reproduces a series that is exactly of the form")
  func exactSeasonalSeries() throws {
    let season = [0.8, 1.2, 1.1, 0.9]
    let values = (0..<40).map { period -> Double in
      (100 + 2 * Double(period)) * season[period % 4]
    }
    let form = ETSForm(error: .multiplicative, trend: .additive, season: .multiplicative)
    let fit = try #require(form.fit(values, seasonal: season))
    for (ahead, value) in fit.forecast(horizon: 8).enumerated() {
      let expected: Double = (100 + 2 * Double(40 + ahead)) * season[ahead % 4]
      #expect(isClose(value, expected, relative: 0.01))
    }
  }

  @Test("passes over unknown values")
  func unknownValues() throws {
    var values = Self.nile
    for index in [10, 11, 50] { values[index] = .nan }
    let form = ETSForm(error: .additive, trend: .none, season: .none)
    let fit = try #require(form.fit(values, seasonal: []))
    #expect(fit.forecast(horizon: 2).allSatisfy { $0.isFinite })
    let fitted = fit.fitted(values)
    #expect(fitted[10] == fitted[11] && fitted[11] == fitted[12])
  }
}

@Suite("Theta, complex smoothing and TSB")
struct ThetaTests {
  /// DynamicOptimizedTheta of statsforecast 2.0.2 on the Nile: alpha 0.26749, theta 1 and a forecast
  /// of 798.2302 for every year.
  @Test("agrees with the reference on the Nile")
  func nile() {
    let fit = FittedTheta(ExponentialSmoothingTests.nile)
    #expect(isClose(fit.theta, 1, absolute: 0.02))
    // The errors hardly depend on the weight here, so two searches end a little apart.
    #expect(isClose(fit.alpha, 0.26749, absolute: 0.03))
    #expect(fit.forecast(horizon: 6).allSatisfy { isClose($0, 798.2302, relative: 0.01) })
  }

  @Test("with a curvature of 1 is simple exponential smoothing")
  func curvatureOne() {
    let values = ExponentialSmoothingTests.nile
    let fit = FittedTheta(values, theta: 1)
    var level = fit.initialLevel
    for value in values { level += fit.alpha * (value - level) }
    #expect(fit.forecast(horizon: 3).allSatisfy { isClose($0, level, relative: 1e-12) })
  }

  /// Hyndman & Billah, 2003: the Theta method is smoothing with half the slope of the line.
  @Test("with a curvature of 2 follows half the slope of a line")
  func halfSlope() {
    let values = (0..<60).map { period -> Double in
      10 + 3 * Double(period) + 5 * sin(Double(period * period))
    }
    let forecast = FittedTheta(values, theta: 2).forecast(horizon: 10)
    let slope = (forecast[9] - forecast[4]) / 5
    #expect(isClose(slope, 1.5, relative: 0.1))
  }

  /// The minimum over a fine grid is an independent optimum.
  @Test("finds at least the best of a grid", arguments: UInt64(0)..<8)
  func gridOptimum(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var level = 100.0
    let values = (0..<50).map { _ -> Double in
      level += 1 + 3 * random.nextNormal()
      return level + 4 * random.nextNormal()
    }
    let fit = FittedTheta(values)
    let fixed = [1.0, 1.5, 2, 3, 5, 20].map { FittedTheta(values, theta: $0).meanSquare }
    #expect(fit.meanSquare <= (fixed.min() ?? 0) * 1.002)
  }

  /// The recursion by its definition: a level, and a line fitted by least squares to all values so far.
  @Test("its errors are those of the definition", arguments: UInt64(0)..<6)
  func errorsByDefinition(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let values = (0..<(seed % 2 == 0 ? 30 : 260)).map { period -> Double in
      50 + 0.3 * Double(period) + 6 * random.nextNormal()
    }
    for fit in [FittedTheta(values), FittedTheta(values, theta: 2, evaluations: 40)] {
      var level = fit.initialLevel
      var squares = 0.0
      for (count, value) in values.enumerated() {
        if count >= 2 {
          let known = values[..<count]
          let mean = known.reduce(0, +) / Double(count)
          let centre = Double(count + 1) / 2
          var (covariance, variance) = (0.0, 0.0)
          for (index, value) in known.enumerated() {
            covariance += (Double(index + 1) - centre) * (value - mean)
            variance += (Double(index + 1) - centre) * (Double(index + 1) - centre)
          }
          let slope = covariance / variance
          let decay = pow(1 - fit.alpha, Double(count))
          let line =
            decay * (mean - slope * centre) + (1 - decay * (1 - fit.alpha)) / fit.alpha * slope
          let error = value - level - (1 - 1 / fit.theta) * line
          squares += error * error
        }
        level += fit.alpha * (value - level)
      }
      let mean = squares / Double(values.count - 2)
      #expect(isClose(fit.meanSquare, mean, relative: 1e-9), "seed \(seed)")
    }
  }

  @Test("complex smoothing goes on with a trend")
  func complexTrend() throws {
    let values = (0..<60).map { period -> Double in
      100 + 2 * Double(period) + sin(Double(period * period))
    }
    let fit = try #require(FittedCES(values, season: .none, seasonal: []))
    let forecast = fit.forecast(horizon: 6)
    for (ahead, value) in forecast.enumerated() {
      let expected: Double = 100 + 2 * Double(60 + ahead)
      #expect(isClose(value, expected, relative: 0.02))
    }
  }

  @Test("complex smoothing repeats a full season")
  func complexSeason() throws {
    let season = [10.0, -5, 3, -8]
    let values = (0..<48).map { period -> Double in
      100 + season[period % 4] + 0.2 * sin(Double(period * period))
    }
    let fit = try #require(FittedCES(values, season: .full, seasonal: season))
    for (ahead, value) in fit.forecast(horizon: 8).enumerated() {
      #expect(isClose(value, 100 + season[ahead % 4], absolute: 1))
    }
  }

  /// TSB(alpha_d=0.1, alpha_p=0.2) of statsforecast 2.0.2 gives 0.96685207.
  @Test("TSB agrees with the reference")
  func intermittent() {
    let values: [Double] = [0, 0, 3, 0, 0, 5, 2, 0, 0, 0, 4, 0]
    let fit = FittedTSB(values, sizeWeight: 0.1, probabilityWeight: 0.2)
    #expect(fit.forecast(horizon: 2).allSatisfy { isClose($0, 0.96685207, absolute: 1e-6) })
  }
}
