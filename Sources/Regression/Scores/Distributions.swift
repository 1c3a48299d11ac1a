import Glibc

/// Tail probabilities and quantiles of the distributions that tests refer to.
package enum Distributions {
  /// The probability that a standard normal variable is at most `value`.
  package static func normalCDF(_ value: Double) -> Double { 0.5 * erfc(-value / 2.0.squareRoot()) }

  /// The probability that a standard normal variable exceeds `value` in size.
  package static func normalTwoSided(_ value: Double) -> Double {
    erfc(abs(value) / 2.0.squareRoot())
  }

  /// The value that a standard normal variable stays below with the given probability.
  ///
  /// Newton steps on the tail from a rational start, so the relative precision holds in both tails.
  ///
  /// - Precondition: the probability is between 0 and 1, both excluded.
  package static func normalQuantile(_ probability: Double) -> Double {
    precondition(probability > 0 && probability < 1, "probability \(probability)")
    let tail = min(probability, 1 - probability)
    // Abramowitz & Stegun 26.2.23, good to 4.5e-4.
    let root = (-2 * log(tail)).squareRoot()
    var value =
      root - (2.515517 + root * (0.802853 + root * 0.010328))
      / (1 + root * (1.432788 + root * (0.189269 + root * 0.001308)))
    for _ in 0..<4 {
      let excess = 0.5 * erfc(value / 2.0.squareRoot())
      let density = exp(-value * value / 2) / (2 * Double.pi).squareRoot()
      let step = (excess - tail) / density
      value += step / (1 + step * value / 2)
    }
    return probability < 0.5 ? -value : value
  }

  /// The probability that a t variable exceeds `value` in size.
  package static func studentTwoSided(_ value: Double, degreesOfFreedom: Double) -> Double {
    guard value.isFinite else { return value.isNaN ? .nan : 0 }
    let square = value * value
    return incompleteBeta(
      degreesOfFreedom / (degreesOfFreedom + square), degreesOfFreedom / 2, 0.5)
  }

  /// The value that a t variable exceeds in size with probability `1 − level`.
  package static func studentTwoSidedQuantile(level: Double, degreesOfFreedom: Double) -> Double {
    var low = 0.0
    var high = 1.0
    while high < 1e18, studentTwoSided(high, degreesOfFreedom: degreesOfFreedom) > 1 - level {
      high *= 2
    }
    for _ in 0..<100 {
      let middle = (low + high) / 2
      if studentTwoSided(middle, degreesOfFreedom: degreesOfFreedom) > 1 - level {
        low = middle
      } else {
        high = middle
      }
    }
    return (low + high) / 2
  }

  /// The probability that an F variable exceeds `value`.
  package static func fUpper(_ value: Double, _ numerator: Double, _ denominator: Double) -> Double
  {
    guard value > 0 else { return 1 }
    guard value.isFinite else { return value.isNaN ? .nan : 0 }
    return incompleteBeta(
      denominator / (denominator + numerator * value), denominator / 2, numerator / 2)
  }

  /// The probability that a χ² variable exceeds `value`.
  package static func chiSquareUpper(_ value: Double, degreesOfFreedom: Double) -> Double {
    guard value > 0 else { return 1 }
    return incompleteGammaUpper(degreesOfFreedom / 2, value / 2)
  }

  /// The regularised incomplete beta function `Iₓ(a, b)`.
  ///
  /// Continued fraction by the modified Lentz method, on the side where it converges fast.
  ///
  /// - SeeAlso: *NIST Digital Library of Mathematical Functions*, 8.17.22.
  package static func incompleteBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
    if x <= 0 { return 0 }
    if x >= 1 { return 1 }
    let front = exp(
      lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x > (a + 1) / (a + b + 2) {
      return 1 - front * betaFraction(1 - x, b, a) / b
    }
    return front * betaFraction(x, a, b) / a
  }

  private static func betaFraction(_ x: Double, _ a: Double, _ b: Double) -> Double {
    let tiny = 1e-300
    var c = 1.0
    var d = 1 - (a + b) * x / (a + 1)
    d = 1 / (abs(d) < tiny ? tiny : d)
    var value = d
    for index in 1...10_000 {
      let m = Double(index)
      let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
      d = 1 + even * d
      c = 1 + even / c
      d = 1 / (abs(d) < tiny ? tiny : d)
      c = abs(c) < tiny ? tiny : c
      value *= d * c
      let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
      d = 1 + odd * d
      c = 1 + odd / c
      d = 1 / (abs(d) < tiny ? tiny : d)
      c = abs(c) < tiny ? tiny : c
      let change = d * c
      value *= change
      if abs(change - 1) < 1e-16 { break }
    }
    return value
  }

  /// The regularised upper incomplete gamma function `Q(a, x)`.
  ///
  /// - SeeAlso: *NIST Digital Library of Mathematical Functions*, 8.7.1 and 8.9.2.
  package static func incompleteGammaUpper(_ a: Double, _ x: Double) -> Double {
    let front = exp(-x + a * log(x) - lgamma(a))
    if x < a + 1 {
      var term = 1 / a
      var sum = term
      var index = a
      for _ in 0..<10_000 {
        index += 1
        term *= x / index
        sum += term
        if term < sum * 1e-17 { break }
      }
      return 1 - front * sum
    }
    let tiny = 1e-300
    var b = x + 1 - a
    var c = 1 / tiny
    var d = 1 / b
    var value = d
    for index in 1...10_000 {
      let factor = -Double(index) * (Double(index) - a)
      b += 2
      d = factor * d + b
      c = b + factor / c
      d = 1 / (abs(d) < tiny ? tiny : d)
      c = abs(c) < tiny ? tiny : c
      value *= d * c
      if abs(d * c - 1) < 1e-16 { break }
    }
    return front * value
  }
}
