import AlmanacCore
import Foundation
import TestSupport
import Testing

@testable import Forecasting

/// Weights that are found by derivatives.
@Suite("Search by derivatives")
struct LevenbergMarquardtTests {
  /// Errors of Rosenbrock's function, whose only minimum is at 1, 1.
  private static func rosenbrock(_ point: SIMD4<Double>) -> ErrorSums {
    var sums = ErrorSums()
    sums.add(10 * (point[1] - point[0] * point[0]), SIMD4(-20 * point[0], 10, 0, 0))
    sums.add(1 - point[0], SIMD4(-1, 0, 0, 0))
    return sums
  }

  @Test("finds the minimum along a bent valley")
  func valley() {
    let search = LevenbergMarquardt(lower: [-5, -5], upper: [5, 5])
    let best = search.minimize(start: [-1.2, 1], LevenbergMarquardtTests.rosenbrock)
    #expect(isClose(best.point[0], 1, absolute: 1e-4) && isClose(best.point[1], 1, absolute: 1e-4))
    #expect(best.value < 1e-9)
  }

  /// At `x = 0.5` the best is `y = 0.25`.
  @Test("stops at a bound and goes on along it")
  func bound() {
    let search = LevenbergMarquardt(lower: [-5, -5], upper: [0.5, 5])
    let best = search.minimize(start: [-1.2, 1], LevenbergMarquardtTests.rosenbrock)
    #expect(best.point[0] == 0.5 && isClose(best.point[1], 0.25, absolute: 1e-3))
  }

  @Test("has no value where no sum is finite")
  func infinite() {
    let search = LevenbergMarquardt(lower: [0], upper: [1])
    let best = search.minimize(start: [0.5]) { _ in
      var sums = ErrorSums()
      sums.add(.nan, SIMD4(1, 0, 0, 0))
      return sums
    }
    #expect(best.value == .infinity)
  }

  /// A walk with a week.
  private static func series(_ seed: UInt64, count: Int) -> [Double] {
    var random = SplitMix64(seed: seed)
    var level = 100.0
    return (0..<count).map { day in
      level += random.nextNormal()
      return level + 5 * Double(day % 7) + 3 * random.nextNormal()
    }
  }

  @Test("derivatives of complex smoothing are those of differences", arguments: UInt64(0)..<6)
  func complexDerivatives(seed: UInt64) {
    let values = LevenbergMarquardtTests.series(seed, count: 60)
    let seasonal = (0..<7).map { 5 * Double($0) - 15 }
    for season in [FittedCES.Season.none, .partial, .full] {
      let weights = SIMD4(1.2, 0.9, season == .partial ? 0.2 : 1.1, 0.8)
      func squares(_ weights: SIMD4<Double>) -> Double {
        FittedCES.errorSums(values, season: season, seasonal: seasonal, weights: weights).squares
      }
      let found = FittedCES.errorSums(
        values, season: season, seasonal: seasonal, weights: weights)
      for index in 0..<(season == .none ? 2 : season == .partial ? 3 : 4) {
        var (low, high) = (weights, weights)
        low[index] -= 1e-5
        high[index] += 1e-5
        let slope = (squares(high) - squares(low)) / 2e-5
        #expect(
          isClose(2 * found.gradient[index], slope, relative: 1e-4), "seed \(seed), \(season)")
      }
    }
  }

  @Test("a long series is fitted no worse than a grid of curvatures", arguments: UInt64(0)..<6)
  func longTheta(seed: UInt64) {
    let values = LevenbergMarquardtTests.series(seed, count: 300)
    let fit = FittedTheta(values)
    let fixed = [1.0, 1.5, 2, 3, 5, 20].map { FittedTheta(values, theta: $0).meanSquare }
    #expect(fit.meanSquare <= (fixed.min() ?? 0) * 1.001, "seed \(seed)")
  }

  /// Errors of the weights fall with the root of the length.
  @Test("seasonal smoothing finds the weights a series was made with", arguments: UInt64(0)..<4)
  func knownWeights(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let (alpha, delta, factor) = (0.2, 0.1, 0.5)
    var level = 500.0
    var week = (0..<7).map { 10 * Double($0) - 30 }
    var rest = 0.0
    let values = (0..<6_000).map { day -> Double in
      let surprise = random.nextNormal()
      let error = factor * rest + surprise
      let value = level + week[day % 7] + error
      level += alpha * surprise
      week[day % 7] += delta * surprise
      rest = error
      return value
    }
    let fit = try #require(FittedSeasonalSmoothing(values, lengths: [7]))
    #expect(isClose(fit.weights[0], alpha, absolute: 0.06), "seed \(seed): \(fit.weights)")
    #expect(isClose(fit.weights[1], delta, absolute: 0.05), "seed \(seed): \(fit.weights)")
    #expect(isClose(fit.weights[3], factor, absolute: 0.08), "seed \(seed): \(fit.weights)")
  }

  @Test("selects what sorting finds", arguments: UInt64(0)..<20)
  func selection(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let count = 1 + Int(random.next() % 60)
    // Few different values, so that many are equal.
    let values = (0..<count).map { _ in Double(random.next() % 9) }
    let sorted = values.sorted()
    for place in values.indices {
      var copy = values
      #expect(copy.selected(place) == sorted[place], "seed \(seed), place \(place)")
    }
  }
}
