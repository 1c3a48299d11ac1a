import Glibc

/// The posterior distribution of the parameters of ``FittedGlobalTrend`` given a series.
///
/// Parameters are real numbers: the logits of `α`, `β`, of `λ` in −1…1 and of `ρ` in −½…1, which are
/// uniform before; the inverse hyperbolic sines of growth and the first slope in units of twice the mean
/// change; the logarithms of `σ` and `δ`, of half Cauchy distributions. `γ` and the first slope are of Cauchy
/// distributions; growth is that at the mean value, since the series says more about it than about `γ`, which
/// is growth at a level of 1. Values are scaled so that the largest is ``size``, which makes forecasts follow
/// the unit of the series. Everything is done for four points at a time.
struct GlobalTrendPosterior {
  /// Four points of the space of parameters: the same parameter of each side by side.
  typealias Point = InlineArray<8, Lanes>

  /// A density, and where a series ends with the parameters it is of.
  struct Place: Sendable {
    /// The logarithm of the density, but for a constant; minus infinity where it is none.
    var density: Lanes
    /// The state after the last value.
    var state: State
  }

  /// The first value, and those after it.
  private let first: Double
  private let later: [Double]
  /// The unit of the series in ours.
  let unit: Double
  /// The mean change from one value to the next.
  let change: Double
  /// The logarithm to base two of the mean value.
  private let usual: Double

  /// What the largest value is scaled to.
  ///
  /// The scale of changes before the series is seen is 1, so a change of two thirds of a percent is
  /// usual, as the authors have it.
  static let size = 150.0
  /// How far from zero a parameter may be: there is one density in 10¹⁷ beyond, and no number
  /// within it is too large or too small to be computed with.
  static let farthest = 30.0
  /// The least level that growth is computed for, and the least scale of errors.
  ///
  /// A series without any error would otherwise have no distribution.
  private static let (leastLevel, leastScale) = (1e-9, 1e-6)

  /// The distribution; `nil` for fewer than two values, one that is not positive, or equal ones.
  init?(_ series: [Double]) {
    guard series.count >= 2, let largest = series.max(), let least = series.min(),
      least > 0, largest > least, largest.isFinite
    else { return nil }
    let unit = largest / GlobalTrendPosterior.size
    self.unit = unit
    // A level is between the values it comes from.
    let values = series.map { max($0 / unit, GlobalTrendPosterior.leastLevel) }
    var sum = 0.0
    for index in 1..<values.count { sum += abs(values[index] - values[index - 1]) }
    change = sum / Double(values.count - 1)
    first = values[0]
    usual = log2(values.reduce(0, +) / Double(values.count))
    later = Array(values.dropFirst())
  }

  /// The parameters of points.
  struct Parameters: Sendable {
    /// `α`, the share of a value in the level after it.
    let alpha: Lanes
    /// `β`, the share of a change of the level in the slope after it.
    let beta: Lanes
    /// `λ`, the share of the slope in the next value.
    let localShare: Lanes
    /// `ρ`, the power of the level that growth follows.
    let power: Lanes
    /// `γ`, the growth at a level of 1.
    let growth: Lanes
    /// The slope before the first value.
    let firstSlope: Lanes
    /// `σ`, the scale of errors per level.
    let relativeError: Lanes
    /// `δ`, the scale of errors besides, with the least scale.
    let absoluteError: Lanes
    /// The logarithm of their density before the series is seen, for the points and but for a constant, is this
    /// less the logarithm of ``inversePrior``.
    let logPrior: Lanes
    /// What their density is over.
    let inversePrior: Lanes

    /// The parameters of points, for a mean change and the logarithm to base two of a mean value.
    @inline(__always)
    init(_ point: Point, change: Double, usual: Double) {
      // One more than the odds against each share, and the exponentials of the others.
      let first = 1 + Lanes.exponential(-point[0])
      let second = 1 + Lanes.exponential(-point[1])
      let third = 1 + Lanes.exponential(-point[2])
      let fourth = 1 + Lanes.exponential(-point[3])
      let grown = Lanes.exponential(point[4])
      let sloped = Lanes.exponential(point[5])
      // Six reciprocals for one division, which takes as long as many products.
      let (early, late, last) = (first * second, third * fourth, grown * sloped)
      let shares = early * late
      let inverse = 1 / (shares * last)
      let ofShares = inverse * last
      let (ofEarly, ofLate) = (ofShares * late, ofShares * early)
      let ofLast = inverse * shares
      let (shrunk, risen) = (ofLast * sloped, ofLast * grown)
      alpha = ofEarly * second
      beta = ofEarly * first
      localShare = 2 * (ofLate * fourth) - 1
      power = 1.5 * (ofLate * third) - 0.5
      let logUnit = power * -usual
      growth = change * (grown - shrunk) * Lanes.exponential2(logUnit)
      firstSlope = change * (sloped - risen)
      relativeError = Lanes.exponential(point[6])
      let absolute = Lanes.exponential(point[7])
      absoluteError = absolute + GlobalTrendPosterior.leastScale
      let errors = (1 + relativeError * relativeError) * (1 + absolute * absolute)
      let changes = (1 + growth * growth) * (1 + firstSlope * firstSlope)
      inversePrior = shares * shares * errors * changes / ((grown + shrunk) * (sloped + risen))
      logPrior =
        point[6] + point[7] - ((point[0] + point[1]) + (point[2] + point[3]))
        + 0.69314718055994531 * logUnit
    }
  }

  /// The parameters of points.
  @inline(__always)
  func parameters(_ point: Point) -> Parameters {
    Parameters(point, change: change, usual: usual)
  }

  /// The densities at points.
  @inline(__always)
  func places(_ point: Point) -> Place {
    let parameters = parameters(point)
    var state = State(level: Lanes(repeating: first), slope: parameters.firstSlope)
    // The square of the product of densities: a number of 1 to 2, and its powers of two apart.
    var product = Lanes(repeating: 1)
    var exponents = SIMD4<UInt64>.zero
    for value in later {
      let scale = state.scale(parameters)
      let error = (value - state.expected(parameters)) / scale
      let width = 1 + 0.25 * (error * error)
      let square = width * width
      product *= (scale * scale) * (square * square * width)
      let bits = product.bits
      exponents &+= bits &>> 52
      product = Lanes(bits: (bits & Lanes.mantissaBits) | Lanes.one)
      state.add(Lanes(repeating: value), parameters)
    }
    let powers = Lanes.whole(exponents) - 1023 * Double(later.count)
    let sum = Lanes.logarithm2(parameters.inversePrior) + 0.5 * (powers + Lanes.logarithm2(product))
    var density = parameters.logPrior - 0.69314718055994531 * sum
    let farthest = GlobalTrendPosterior.larger(
      GlobalTrendPosterior.larger(
        GlobalTrendPosterior.larger(point[0], point[1]),
        GlobalTrendPosterior.larger(point[2], point[3])),
      GlobalTrendPosterior.larger(
        GlobalTrendPosterior.larger(point[4], point[5]),
        GlobalTrendPosterior.larger(point[6], point[7])))
    density.replace(
      with: -.infinity, where: .!(farthest .<= GlobalTrendPosterior.farthest))
    return Place(density: density, state: state)
  }

  /// The numbers that are farther from zero, without their signs.
  @inline(__always)
  private static func larger(_ left: Lanes, _ right: Lanes) -> Lanes {
    let (one, other) = (left.bits & Lanes.sizeBits, right.bits & Lanes.sizeBits)
    let (size, otherSize) = (Lanes(bits: one), Lanes(bits: other))
    return size.replacing(with: otherSize, where: otherSize .> size)
  }

  /// Where points are on their way through a series.
  struct State: Sendable {
    /// The level after a value.
    var level: Lanes
    /// The slope after a value.
    var slope: Lanes

    /// What the next value is but for its error.
    @inline(__always)
    func expected(_ parameters: Parameters) -> Lanes {
      level + parameters.growth
        * Lanes.exponential2(parameters.power * Lanes.logarithm2(level))
        + parameters.localShare * slope
    }

    /// The scale of the error of the next value.
    @inline(__always)
    func scale(_ parameters: Parameters) -> Lanes {
      parameters.relativeError * level + parameters.absoluteError
    }

    @inline(__always)
    /// Goes on by a value.
    mutating func add(_ value: Lanes, _ parameters: Parameters) {
      let change = parameters.alpha * (value - level)
      slope += parameters.beta * (change - slope)
      level += change
    }
  }
}
