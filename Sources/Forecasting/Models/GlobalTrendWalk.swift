import AlmanacCore
import Glibc

/// A random walk through the parameters of ``FittedGlobalTrend`` that visits each place as often as its
/// density says.
///
/// While it warms up, its steps take the covariance of the places visited so far; from then on they
/// keep it, so that the walk is one of Metropolis.
struct GlobalTrendWalk: Sendable {
  /// The present place.
  private(set) var point: SIMD8<Double>
  private var density = -Double.infinity
  private var mean: SIMD8<Double>
  /// The rows of the covariance of places.
  private var covariance: [SIMD8<Double>]
  /// The columns of its factor.
  private var factor: [SIMD8<Double>]
  private var size = 1.0
  private var hasShape = false

  private static let lanes = 8
  /// The steps before draws are kept, of a new walk and of one that goes on.
  private static let (newSteps, furtherSteps) = (500, 150)
  /// The share of steps that shall be taken: near the best for a handful of dimensions.
  private static let takenShare = 0.27
  private static let stepsPerShape = 25

  /// A walk that begins where a series changes as usual, with no global trend.
  init(_ posterior: GlobalTrendPosterior) {
    let change = posterior.change
    point = SIMD8(
      0.5, -0.5, 0.5, 0, 0, 0, log(change / GlobalTrendPosterior.size / 2), log(change / 2))
    mean = point
    covariance = (0..<GlobalTrendWalk.lanes).map { lane in
      var row = SIMD8<Double>.zero
      row[lane] = 0.09
      return row
    }
    factor = (0..<GlobalTrendWalk.lanes).map { lane in
      var column = SIMD8<Double>.zero
      column[lane] = 0.3
      return column
    }
  }

  /// Walks until the place of its beginning is forgotten.
  mutating func warmUp(
    _ posterior: GlobalTrendPosterior, isNew: Bool, random: inout NormalDraws
  ) {
    density = posterior.logDensity(point)
    for number in 0..<(isNew ? GlobalTrendWalk.newSteps : GlobalTrendWalk.furtherSteps) {
      let taken = step(posterior, random: &random)
      size *= exp((taken - GlobalTrendWalk.takenShare) * (isNew ? 0.2 : 0.1))
      if isNew { learn(number) }
    }
  }

  /// Tries one step.
  ///
  /// - Returns: the probability that it was taken with.
  @discardableResult
  mutating func step(_ posterior: GlobalTrendPosterior, random: inout NormalDraws) -> Double {
    var move = SIMD8<Double>.zero
    for column in factor { move += column * random.next() }
    let tried = point + size * move
    let reached = posterior.logDensity(tried)
    let taken = reached >= density ? 1 : exp(reached - density)
    if random.nextUnit() < taken { (point, density) = (tried, reached) }
    return taken
  }

  /// Lets the present place count for the covariance, and now and then for the steps.
  private mutating func learn(_ number: Int) {
    let weight = 1 / (10 + 0.3 * Double(number))
    let distance = point - mean
    mean += weight * distance
    for lane in covariance.indices {
      covariance[lane] += weight * (distance[lane] * distance - covariance[lane])
    }
    guard (number + 1).isMultiple(of: GlobalTrendWalk.stepsPerShape),
      let found = GlobalTrendWalk.factored(covariance)
    else { return }
    factor = found
    if !hasShape { size = 2.38 / Double(GlobalTrendWalk.lanes).squareRoot() }
    hasShape = true
  }

  /// The columns of the lower Cholesky factor of a covariance; `nil` where rounding leaves none.
  private static func factored(_ covariance: [SIMD8<Double>]) -> [SIMD8<Double>]? {
    var columns = [SIMD8<Double>](repeating: .zero, count: lanes)
    for row in 0..<lanes {
      for column in 0...row {
        var rest = covariance[row][column] + (row == column ? 1e-3 : 0)
        for other in 0..<column { rest -= columns[other][row] * columns[other][column] }
        if row == column {
          guard rest > 0 else { return nil }
          columns[row][row] = rest.squareRoot()
        } else {
          columns[column][row] = rest / columns[column][column]
        }
      }
    }
    return columns
  }
}

/// Numbers of the normal distribution, determined by a seed.
struct NormalDraws {
  private var random: SplitMix64
  private var spare: Double?

  init(seed: UInt64) { random = SplitMix64(seed: seed) }

  /// A number in `[0, 1)`.
  mutating func nextUnit() -> Double { random.nextUnit() }

  /// A number of mean 0 and variance 1, by the polar method.
  mutating func next() -> Double {
    if let drawn = spare {
      spare = nil
      return drawn
    }
    while true {
      let first = 2 * random.nextUnit() - 1
      let second = 2 * random.nextUnit() - 1
      let square = first * first + second * second
      guard square < 1, square > 0 else { continue }
      let factor = (-2 * log(square) / square).squareRoot()
      spare = second * factor
      return first * factor
    }
  }

  /// A number of Student's distribution with four degrees of freedom.
  mutating func nextStudent() -> Double {
    let drawn = next()
    let squares = -2 * (log(1 - nextUnit()) + log(1 - nextUnit()))
    return drawn / (squares / 4).squareRoot()
  }
}
