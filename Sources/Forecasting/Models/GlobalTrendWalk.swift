import Glibc

/// Four random walks through the parameters of ``FittedGlobalTrend`` that visit each place as often as its
/// density says.
///
/// A round is a step nearby and a jump to anywhere in the shape of the places visited by all walks so far; each is taken
/// or not as Metropolis and Hastings have it. The shape and the length of steps are found while the walks warm up, and
/// kept from then on.
struct GlobalTrendWalk: Sendable {
  /// Four places.
  typealias Point = GlobalTrendPosterior.Point

  /// The present places.
  private(set) var point: Point
  /// Their densities, and where the series ends with them.
  private(set) var place: GlobalTrendPosterior.Place
  /// The shape of the places visited.
  private var shape: GlobalTrendShape
  /// The length of steps nearby: the deviation of their numbers.
  private var size = 1.0
  /// Whether the shape was learned.
  private var hasShape = false

  /// The share of steps that shall be taken: near the best for a handful of dimensions.
  private static let takenShare = 0.27
  /// The length of steps that is near the best for a normal distribution of eight parameters.
  private static let usualSize = 2.38 / 8.0.squareRoot()
  /// The rounds from one place that counts for the shape to the next, and from one shape to the next.
  private static let (roundsPerPlace, roundsPerShape) = (4, 24)
  /// What brings the numbers of steps nearby, and those of jumps, to a variance of 1.
  private static let evenScale = 12.0.squareRoot()
  private static let logisticScale = 3.0.squareRoot() / Double.pi
  /// The natural logarithm of 2.
  private static let ln2 = 0.69314718055994531

  /// Walks that begin where a series changes as usual, with no global trend.
  init(_ posterior: GlobalTrendPosterior) {
    let change = max(posterior.change, 1e-9)
    let start: InlineArray<8, Double> = [
      0.5, -0.5, 0.5, 0, 0, 0, log(change / GlobalTrendPosterior.size / 2), log(change / 2),
    ]
    shape = GlobalTrendShape(center: start, deviation: 0.3)
    point = Point { Lanes(repeating: start[$0]) }
    place = posterior.places(point)
  }

  /// Walks until the places of the beginning are forgotten.
  ///
  /// - Parameters:
  ///   - posterior: what they walk through.
  ///   - rounds: how far.
  ///   - isNew: whether the walks begin here; else they go on from another series, much like this.
  ///   - random: what they draw from.
  mutating func warmUp(
    _ posterior: GlobalTrendPosterior, rounds: Int, isNew: Bool, random: inout LaneRandom
  ) {
    place = posterior.places(point)
    if !isNew { hasShape = shape.settle() || hasShape }
    for round in 1...rounds {
      let taken = step(posterior, random: &random)
      size *= exp((taken - GlobalTrendWalk.takenShare) * (isNew ? 0.2 : 0.1))
      if hasShape { jump(posterior, random: &random) }
      guard round.isMultiple(of: GlobalTrendWalk.roundsPerPlace) else { continue }
      shape.learn(point)
      guard round.isMultiple(of: GlobalTrendWalk.roundsPerShape), shape.settle() else { continue }
      if !hasShape { size = GlobalTrendWalk.usualSize }
      hasShape = true
    }
  }

  /// Goes some rounds.
  mutating func walk(_ posterior: GlobalTrendPosterior, rounds: Int, random: inout LaneRandom) {
    for _ in 0..<rounds {
      step(posterior, random: &random)
      jump(posterior, random: &random)
    }
    // Counts once the walks go on with another series.
    shape.learn(point)
  }

  /// Tries a step nearby.
  ///
  /// - Returns: the mean probability that it was taken with.
  @discardableResult
  @inline(never)
  private mutating func step(
    _ posterior: GlobalTrendPosterior, random: inout LaneRandom
  ) -> Double {
    let scale = size * GlobalTrendWalk.evenScale
    var draws = Point(repeating: .zero)
    (draws[0], draws[1]) = random.nextPair()
    (draws[2], draws[3]) = random.nextPair()
    (draws[4], draws[5]) = random.nextPair()
    (draws[6], draws[7]) = random.nextPair()
    for row in 0..<8 { draws[row] *= scale }
    let tried = shape.moved(point, by: draws)
    let reached = posterior.places(tried)
    return take(tried, reached, gain: reached.density - place.density, random: &random)
  }

  /// Tries a jump, whose numbers are of the logistic distribution: its tails are those of what is assumed before a
  /// series is seen.
  @inline(never)
  private mutating func jump(_ posterior: GlobalTrendPosterior, random: inout LaneRandom) {
    var draws = Point(repeating: .zero)
    var density = Lanes(repeating: 1)
    func draw() -> (Lanes, Lanes) {
      let (left, right) = random.nextPair()
      // Each number of the logistic distribution is the logarithm of the odds of an even one.
      let (less, more) = (0.5 - left, 0.5 + left)
      let (below, above) = (0.5 - right, 0.5 + right)
      density *= (less * more) * (below * above)
      let scale = GlobalTrendWalk.ln2 * GlobalTrendWalk.logisticScale
      return (scale * Lanes.logarithm2(more / less), scale * Lanes.logarithm2(above / below))
    }
    (draws[0], draws[1]) = draw()
    (draws[2], draws[3]) = draw()
    (draws[4], draws[5]) = draw()
    (draws[6], draws[7]) = draw()
    let tried = shape.place(draws)
    let reached = posterior.places(tried)
    // How much more often the present place would be drawn.
    let here = GlobalTrendWalk.logisticDensity(shape.draws(of: point))
    let there = GlobalTrendWalk.ln2 * Lanes.logarithm2(density)
    take(
      tried, reached, gain: (reached.density - place.density) + (here - there), random: &random)
  }

  /// The logarithm of the density of numbers of jumps, but for a constant.
  @inline(__always)
  private static func logisticDensity(_ draws: Point) -> Lanes {
    var sum = Lanes.zero
    var product = Lanes(repeating: 1)
    func add(_ draw: Lanes) {
      let size = Lanes(bits: draw.bits & Lanes.sizeBits) * (1 / logisticScale)
      sum += size
      let held = size.replacing(with: 500, where: size .> 500)
      product *= 1 + Lanes.exponential(-held)
    }
    add(draws[0])
    add(draws[1])
    add(draws[2])
    add(draws[3])
    add(draws[4])
    add(draws[5])
    add(draws[6])
    add(draws[7])
    return -sum - 2 * ln2 * Lanes.logarithm2(product)
  }

  /// Goes to places that were tried, with the probability whose logarithm is the gain.
  ///
  /// - Returns: the mean of these probabilities.
  @discardableResult
  @inline(__always)
  private mutating func take(
    _ tried: Point, _ reached: GlobalTrendPosterior.Place, gain: Lanes,
    random: inout LaneRandom
  ) -> Double {
    // A gain of less, or none at all, is as good as never; one above zero is always.
    var held = gain.replacing(with: -500, where: .!(gain .>= -500))
    held.replace(with: 0, where: held .> 0)
    let probability = Lanes.exponential(held)
    let isTaken = random.nextUnit() .<= probability
    point[0].replace(with: tried[0], where: isTaken)
    point[1].replace(with: tried[1], where: isTaken)
    point[2].replace(with: tried[2], where: isTaken)
    point[3].replace(with: tried[3], where: isTaken)
    point[4].replace(with: tried[4], where: isTaken)
    point[5].replace(with: tried[5], where: isTaken)
    point[6].replace(with: tried[6], where: isTaken)
    point[7].replace(with: tried[7], where: isTaken)
    place.density.replace(with: reached.density, where: isTaken)
    place.state.level.replace(with: reached.state.level, where: isTaken)
    place.state.slope.replace(with: reached.state.slope, where: isTaken)
    return probability.sum() / 4
  }
}
