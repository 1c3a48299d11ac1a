import AlmanacCore
import Forecasting
import TestSupport
import Testing

@Suite struct PredictionIntervalsTests {
  @Test(
    "takes the finite-sample rank",
    arguments: [(4, 0.8, 4), (9, 0.8, 8), (19, 0.95, 19), (99, 0.95, 95), (18, 0.95, 19)])
  func rank(count: Int, level: Double, expected: Int) {
    #expect(PredictionIntervals.rank(count: count, level: level) == expected)
  }

  @Test("needs four errors for 80 % and nineteen for 95 %")
  func smallestCount() {
    #expect(PredictionIntervals.smallestCount(level: 0.8) == 4)
    #expect(PredictionIntervals.smallestCount(level: 0.95) == 19)
  }

  @Test("uses the errors of the horizon alone where they suffice")
  func ownErrors() {
    let errors = (1...3).map { horizon in (1...19).map { Double($0 * horizon) } }
    let intervals = PredictionIntervals(absoluteErrors: errors, levels: [0.8, 0.95])
    #expect(intervals.method == .conformal)
    #expect(intervals.halfWidths == [[16, 32, 48], [19, 38, 57]])
  }

  @Test("pools neighbouring horizons where the own errors are too few")
  func pooled() {
    let errors = [[1, 1], [1, 1, 2], [3.0, 3]]
    let intervals = PredictionIntervals(absoluteErrors: errors, levels: [0.8])
    #expect(intervals.method == .conformalPooled)
    // Two and three errors: rank 5 of 5. Seven: rank 7. Three and two: rank 5.
    #expect(intervals.halfWidths == [[2, 3, 3]])
  }

  @Test("falls back to Student's t where even those are too few")
  func studentT() {
    let intervals = PredictionIntervals(absoluteErrors: [[3, 4], []], levels: [0.95])
    #expect(intervals.method == .studentT)
    // With two degrees of freedom the quantile has a closed form: p = t / √(2 + t²).
    let quantile = (2 * 0.9025 / 0.0975).squareRoot()
    let expected = quantile * 12.5.squareRoot()
    #expect(intervals.halfWidths[0].allSatisfy { isClose($0, expected, relative: 1e-12) })
  }

  @Test(
    "agrees with tables of Student's t",
    arguments: [
      (1, 0.95, 12.706), (2, 0.8, 1.886), (5, 0.95, 2.571), (10, 0.99, 3.169),
      (30, 0.8, 1.310), (120, 0.95, 1.980),
    ])
  func table(degreesOfFreedom: Int, level: Double, expected: Double) {
    let quantile = StudentT.twoSidedQuantile(level: level, degreesOfFreedom: degreesOfFreedom)
    #expect(isClose(quantile, expected, absolute: 5.1e-4))
    #expect(
      isClose(StudentT.centralProbability(quantile, degreesOfFreedom), level, absolute: 1e-13))
  }

  @Test(
    "isotonic values ascend, keep their mean and leave ascending ones alone",
    arguments: UInt64(0)..<16)
  func isotonicLaws(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let values = (0..<30).map { _ in random.nextUnit() }
    let smooth = isotonic(values)
    #expect(zip(smooth, smooth.dropFirst()).allSatisfy { $0 <= $1 })
    #expect(isClose(smooth.reduce(0, +), values.reduce(0, +), relative: 1e-12))
    #expect(isotonic(values.sorted()) == values.sorted())
    // No other ascending sequence is closer: the residuals are orthogonal to the fit.
    let product = values.indices.reduce(0) { $0 + (values[$1] - smooth[$1]) * smooth[$1] }
    #expect(isClose(product, 0, absolute: 1e-12))
  }
}
