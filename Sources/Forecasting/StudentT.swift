import Glibc

/// Quantiles of Student's t distribution with a whole number of degrees of freedom.
package enum StudentT {
  /// The value that a t variable exceeds in size with probability `1 - level`.
  ///
  /// Bisection on the finite series for the probability of the central interval, to the last bits.
  ///
  /// - SeeAlso: Abramowitz & Stegun, *Handbook of Mathematical Functions*, 26.7.3 and 26.7.4.
  /// - Precondition: `degreesOfFreedom` is at least 1 and `level` is between 0 and 1.
  package static func twoSidedQuantile(level: Double, degreesOfFreedom: Int) -> Double {
    precondition(
      degreesOfFreedom >= 1 && level > 0 && level < 1,
      "level \(level) with \(degreesOfFreedom) degrees of freedom")
    var low = 0.0
    var high = 1.0
    while high < 1e18, centralProbability(high, degreesOfFreedom) < level { high *= 2 }
    for _ in 0..<120 {
      let middle = (low + high) / 2
      if centralProbability(middle, degreesOfFreedom) < level {
        low = middle
      } else {
        high = middle
      }
    }
    return high
  }

  /// The probability that a t variable is no larger than `t ≥ 0` in size.
  package static func centralProbability(_ t: Double, _ degreesOfFreedom: Int) -> Double {
    let angle = atan(t / Double(degreesOfFreedom).squareRoot())
    let cosine = cos(angle)
    let isOdd = degreesOfFreedom % 2 == 1
    var term = isOdd ? cosine : 1
    var sum = degreesOfFreedom == 1 ? 0 : term
    var index = isOdd ? 3 : 2
    while index <= degreesOfFreedom - 2 {
      term *= Double(index - 1) / Double(index) * cosine * cosine
      sum += term
      index += 2
    }
    return isOdd ? 2 / Double.pi * (angle + sin(angle) * sum) : sin(angle) * sum
  }
}
