import AlmanacCore
import Glibc
import Testing

@testable import Forecasting

@Suite("Posterior of a global trend")
struct GlobalTrendPosteriorTests {
  /// The logarithm of the density at a point, written down once more from the model and the distributions assumed
  /// before, for one point at a time and with the functions of the C library.
  private func naive(_ series: [Double], _ point: [Double]) -> (density: Double, level: Double) {
    let unit = (series.max() ?? 0) / 150
    let values = series.map { $0 / unit }
    let change =
      zip(values, values.dropFirst()).map { abs($1 - $0) }.reduce(0, +) / Double(values.count - 1)
    let usual = values.reduce(0, +) / Double(values.count)
    func logistic(_ value: Double) -> Double { 1 / (1 + exp(-value)) }
    let (alpha, beta) = (logistic(point[0]), logistic(point[1]))
    let share = 2 * logistic(point[2]) - 1
    let power = 1.5 * logistic(point[3]) - 0.5
    let growth = 2 * change * sinh(point[4]) * pow(usual, -power)
    var slope = 2 * change * sinh(point[5])
    let (relative, absolute) = (exp(point[6]), exp(point[7]))
    var sum = 0.0
    // Densities before, times the derivatives of the parameters along the point.
    for value in point[..<4] { sum += log(logistic(value)) + log(1 - logistic(value)) }
    sum += log(cosh(point[4]) * pow(usual, -power) / (1 + growth * growth))
    sum += log(cosh(point[5]) / (1 + slope * slope))
    sum += log(relative / (1 + relative * relative)) + log(absolute / (1 + absolute * absolute))
    var level = values[0]
    for value in values.dropFirst() {
      let scale = relative * level + absolute + 1e-6
      let error = (value - (level + growth * pow(level, power) + share * slope)) / scale
      sum += -2.5 * log(1 + error * error / 4) - log(scale)
      let next = alpha * value + (1 - alpha) * level
      slope = beta * (next - level) + (1 - beta) * slope
      level = next
    }
    return (sum, level)
  }

  private func lanes(_ points: [[Double]]) -> GlobalTrendPosterior.Point {
    GlobalTrendPosterior.Point { parameter in
      Lanes(
        points[0][parameter], points[1][parameter], points[2][parameter], points[3][parameter])
    }
  }

  @Test("Its density is that of the model, but for a constant", arguments: 1...20)
  func density(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var value = 50.0
    let values = (0..<Int(random.next() % 40 + 2)).map { _ in
      value *= 0.8 + 0.45 * random.nextUnit()
      return value
    }
    let posterior = try #require(GlobalTrendPosterior(values))
    // From the middle of the distributions to far out.
    let width = [2.0, 6, 20, 50][Int(seed % 4)]
    let points = (0..<4).map { _ in (0..<8).map { _ in width * (random.nextUnit() - 0.5) } }
    let found = posterior.places(lanes(points))
    let wanted = points.map { naive(values, $0) }
    for lane in 0..<4 {
      let (change, expected) = (
        found.density[lane] - found.density[0], wanted[lane].density - wanted[0].density
      )
      #expect(
        abs(change - expected) < 1e-8 * max(1, abs(wanted[lane].density)),
        "seed \(seed): \(points[lane])")
      #expect(abs(found.state.level[lane] / wanted[lane].level - 1) < 1e-9)
    }
  }

  @Test("Each lane is computed as if it were alone")
  func independence() throws {
    var random = SplitMix64(seed: 31)
    let values = (0..<30).map { 100 + Double($0) + 8 * random.nextUnit() }
    let posterior = try #require(GlobalTrendPosterior(values))
    let points = (0..<4).map { _ in (0..<8).map { _ in 4 * (random.nextUnit() - 0.5) } }
    let straight = posterior.places(lanes(points))
    let turned = posterior.places(lanes([points[3], points[1], points[2], points[0]]))
    for (lane, other) in [(0, 3), (1, 1), (2, 2), (3, 0)] {
      #expect(straight.density[lane] == turned.density[other])
      #expect(straight.state.level[lane] == turned.state.level[other])
      #expect(straight.state.slope[lane] == turned.state.slope[other])
    }
  }

  @Test("A point far out has no density, and nowhere else is it less than any number")
  func bounds() throws {
    for values in [[1e-300, 1e300], [1, 1e15, 1, 1e15], [3, 3.000001, 3], [1, 2, 3, 4, 5]] {
      let posterior = try #require(GlobalTrendPosterior(values))
      for corner in 0..<256 {
        let point = (0..<8).map { corner & (1 << $0) == 0 ? -29.9 : 29.9 }
        var far = point
        far[corner % 8] *= 2
        var farther = point
        farther[corner % 8] *= 1e6
        var endless = point
        endless[corner % 8] = -.infinity
        let found = posterior.places(lanes([point, far, farther, endless])).density
        #expect(found[0].isFinite, "\(values) at \(point)")
        for lane in 1..<4 { #expect(found[lane] == -.infinity, "\(values), lane \(lane)") }
      }
    }
  }

  /// Without warm-up nothing is shared, so that walks are those of their seeds.
  @Test("A walk in the first lane is the same as in the last")
  func walks() throws {
    let values = (0..<24).map { 100 * pow(1.04, Double($0)) + 5 * sin(Double($0)) }
    let posterior = try #require(GlobalTrendPosterior(values))
    func walked(_ seeds: SIMD4<UInt64>) -> GlobalTrendWalk {
      var walk = GlobalTrendWalk(posterior)
      var random = LaneRandom(seeds: seeds)
      walk.walk(posterior, rounds: 200, random: &random)
      return walk
    }
    let (straight, turned) = (walked(SIMD4(1, 2, 3, 4)), walked(SIMD4(4, 2, 3, 1)))
    for (lane, other) in [(0, 3), (1, 1), (2, 2), (3, 0)] {
      #expect(straight.place.density[lane] == turned.place.density[other])
      for parameter in 0..<8 {
        #expect(straight.point[parameter][lane] == turned.point[parameter][other])
      }
    }
    #expect(straight.point[0][0] != straight.point[0][3])
  }

  @Test("A shape draws places of the mean and the covariance it learned, and finds their numbers")
  func shape() throws {
    var random = SplitMix64(seed: 41)
    func even() -> Double { (random.nextUnit() - 0.5) * 12.0.squareRoot() }
    var shape = GlobalTrendShape(center: [0, 0, 0, 0, 0, 0, 0, 0], deviation: 0.3)
    // Each parameter takes a part of the one before.
    for _ in 0..<4000 {
      var point = GlobalTrendPosterior.Point(repeating: .zero)
      for lane in 0..<4 {
        var before = 0.0
        for parameter in 0..<8 {
          before = 0.5 * before + even()
          point[parameter][lane] = Double(parameter) + before
        }
      }
      shape.learn(point)
    }
    let isSettled = shape.settle()
    #expect(isSettled)
    let draws = GlobalTrendPosterior.Point { Lanes(0, 1, Double($0), -2) }
    let place = shape.place(draws)
    let back = shape.draws(of: place)
    var last = SIMD4<Double>.zero
    for parameter in 0..<8 {
      #expect(abs(place[parameter][0] - Double(parameter)) < 0.15)
      // The factor of such a covariance is that of the parts.
      last = 0.5 * last + draws[parameter]
      for lane in 0..<4 {
        #expect(abs(place[parameter][lane] - (Double(parameter) + last[lane])) < 1)
        #expect(abs(back[parameter][lane] - draws[parameter][lane]) < 1e-9)
      }
    }
  }
}
