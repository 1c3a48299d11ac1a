import Glibc

/// The posterior distribution of the parameters of ``FittedGlobalTrend`` given a series.
///
/// Parameters are the lanes of a vector of real numbers without bounds: the logits of `α`, `β`, of `λ` in
/// −1…1 and of `ρ` in −½…1, which are uniform before; the inverse hyperbolic sines of `γ` and the first slope, of Cauchy
/// distributions; the logarithms of `σ` and `δ`, of half Cauchy distributions. Values are scaled so that
/// the largest is ``size``, which makes forecasts follow the unit of the series.
struct GlobalTrendPosterior {
  private let values: [Double]
  /// The unit of the series in ours.
  private let unit: Double
  /// The mean change from one value to the next.
  let change: Double

  /// What the largest value is scaled to.
  ///
  /// The scale of changes before the series is seen is 1, so a change of two thirds of a percent is
  /// usual, as the authors have it.
  static let size = 150.0

  /// The distribution; `nil` for fewer than two values, one that is not positive, or equal ones.
  init?(_ series: [Double]) {
    guard series.count >= 2, let largest = series.max(), let least = series.min(),
      least > 0, largest > least, largest.isFinite
    else { return nil }
    let unit = largest / GlobalTrendPosterior.size
    self.unit = unit
    values = series.map { $0 / unit }
    var sum = 0.0
    for index in 1..<values.count { sum += abs(values[index] - values[index - 1]) }
    change = sum / Double(values.count - 1)
  }

  /// The parameters of a point.
  private struct Parameters {
    let alpha: Double
    let beta: Double
    let localShare: Double
    let power: Double
    let growth: Double
    let firstSlope: Double
    let relativeError: Double
    let absoluteError: Double

    init(_ point: SIMD8<Double>) {
      alpha = logistic(point[0])
      beta = logistic(point[1])
      localShare = 2 * logistic(point[2]) - 1
      power = 1.5 * logistic(point[3]) - 0.5
      growth = sinh(point[4])
      firstSlope = sinh(point[5])
      relativeError = exp(point[6])
      absoluteError = exp(point[7])
    }

    /// The logarithm of their density before the series is seen, for the point.
    func prior(_ point: SIMD8<Double>) -> Double {
      var sum = 0.0
      for lane in 0..<4 {
        let size = abs(point[lane])
        sum -= size + 2 * log1p(exp(-size))
      }
      sum -= (log1p(growth * growth) + log1p(firstSlope * firstSlope)) / 2
      sum += point[6] - log1p(relativeError * relativeError)
      return sum + point[7] - log1p(absoluteError * absoluteError)
    }
  }

  /// The logarithm of the density at a point, but for a constant; minus infinity where it is none.
  func logDensity(_ point: SIMD8<Double>) -> Double {
    let parameters = Parameters(point)
    var state = State(level: values[0], slope: parameters.firstSlope)
    var sum = parameters.prior(point)
    // The square of the product of densities, whose logarithm is taken once it is far from 1.
    var product = 1.0
    for value in values.dropFirst() {
      let scale = state.scale(parameters)
      let error = (value - state.expected(parameters)) / scale
      let width = 1 + error * error / 4
      product *= scale * scale * (width * width * width * width * width)
      if !(product < 1e100 && product > 1e-100) {
        sum -= log(product) / 2
        product = 1
      }
      state.add(value, parameters)
    }
    sum -= log(product) / 2
    return sum.isNaN ? -.infinity : sum
  }

  /// Values to come, drawn with the parameters of a point, in the unit of the series.
  func path(_ point: SIMD8<Double>, horizon: Int, random: inout NormalDraws) -> [Double] {
    let parameters = Parameters(point)
    var state = State(level: values[0], slope: parameters.firstSlope)
    for value in values.dropFirst() { state.add(value, parameters) }
    return (0..<horizon).map { _ in
      let drawn = state.expected(parameters) + state.scale(parameters) * random.nextStudent()
      let held =
        drawn.isNaN
        ? state.level : min(max(drawn, GlobalTrendPosterior.least), GlobalTrendPosterior.most)
      state.add(held, parameters)
      return held * unit
    }
  }

  /// The range that drawn values are held in, so that no path ends in infinity or at zero.
  private static let least = size * 1e-6
  private static let most = size * 1e4

  private struct State {
    var level: Double
    var slope: Double

    @inline(__always)
    func expected(_ parameters: Parameters) -> Double {
      level + parameters.growth * exp(parameters.power * log(max(level, 1e-9)))
        + parameters.localShare * slope
    }

    @inline(__always)
    func scale(_ parameters: Parameters) -> Double {
      parameters.relativeError * level + parameters.absoluteError
    }

    @inline(__always)
    mutating func add(_ value: Double, _ parameters: Parameters) {
      let next = parameters.alpha * value + (1 - parameters.alpha) * level
      slope = parameters.beta * (next - level) + (1 - parameters.beta) * slope
      level = next
    }
  }
}

private func logistic(_ value: Double) -> Double { 1 / (1 + exp(-value)) }
