/// How the widths of intervals were found; where horizons differ, the weakest way used by any.
package enum IntervalMethod: String, CaseIterable, Sendable {
  /// The conformal quantile of the absolute backtest errors of the same horizon.
  case conformal
  /// The same, with errors of neighbouring horizons, since the own ones are too few for the rank.
  case conformalPooled = "conformal_pooled"
  /// Student's t quantile times the root mean square error, since even those are too few.
  case studentT = "student_t"
}

/// The half-widths of prediction intervals, from backtest errors.
///
/// The half-width at level `1 − α` from `m` absolute errors is the one of rank `⌈(m+1)(1−α)⌉`,
/// which covers a further exchangeable error with at least that probability. Where that rank is
/// above `m`, errors of the nearest horizons join, a quarter of the horizon on either side at
/// most. They come from the same origins and hold less evidence than their number says, so the
/// result is at least Student's t quantile times the root mean square of the horizon's own errors,
/// if it has four. Where even the neighbours are too few, that product of the nearest errors
/// stands in. Errors of overlapping forecasts are not independent, so coverage is near the level
/// rather than guaranteed.
///
/// Finally half-widths are made non-decreasing in the horizon by isotonic regression, and in the
/// level by taking the larger.
///
/// - SeeAlso: Lei, G'Sell, Rinaldo, Tibshirani & Wasserman, *JASA* 113(523), 2018,
///   doi:10.1080/01621459.2017.1307116.
package struct PredictionIntervals: Equatable, Sendable {
  /// Per level, in the order of `levels`, one half-width per horizon.
  package let halfWidths: [[Double]]
  /// The weakest way used.
  package let method: IntervalMethod

  /// The half-widths from absolute errors per horizon.
  ///
  /// - Precondition: `levels` ascend, and at least one horizon has an error.
  package init(absoluteErrors: [[Double]], levels: [Double]) {
    precondition(absoluteErrors.contains { !$0.isEmpty }, "no backtest error")
    var halfWidths: [[Double]] = []
    var method = IntervalMethod.conformal
    var narrower = [Double](repeating: 0, count: absoluteErrors.count)
    for level in levels {
      let needed = PredictionIntervals.smallestCount(level: level)
      var widths: [Double] = []
      for horizon in absoluteErrors.indices {
        let (width, way) = PredictionIntervals.halfWidth(
          absoluteErrors, horizon: horizon, level: level, needed: needed)
        widths.append(width)
        if way.weakness > method.weakness { method = way }
      }
      let smooth = isotonic(widths)
      narrower = smooth.indices.map { max(smooth[$0], narrower[$0]) }
      halfWidths.append(narrower)
    }
    self.halfWidths = halfWidths
    self.method = method
  }

  /// The rank, from 1, of the conformal quantile among `count` errors.
  ///
  /// A product that is whole but for rounding is taken as whole.
  package static func rank(count: Int, level: Double) -> Int {
    let exact = Double(count + 1) * level
    return Int((exact - 1e-9).rounded(.up))
  }

  /// The smallest number of errors whose conformal rank is within it.
  package static func smallestCount(level: Double) -> Int {
    var count = 1
    while count < 1_000_000, rank(count: count, level: level) > count { count += 1 }
    return count
  }

  private static func halfWidth(
    _ errors: [[Double]], horizon: Int, level: Double, needed: Int
  ) -> (Double, IntervalMethod) {
    let own = errors[horizon]
    if own.count >= needed { return (quantile(own, level: level), .conformal) }
    var pooled = own
    var radius = 0
    let widest = max(1, errors.count / 4)
    while radius < widest, pooled.count < needed {
      radius += 1
      if horizon - radius >= 0 { pooled += errors[horizon - radius] }
      if horizon + radius < errors.count { pooled += errors[horizon + radius] }
    }
    if pooled.count >= needed {
      let bound = own.count < 4 ? 0 : studentBound(own, level: level)
      return (max(quantile(pooled, level: level), bound), .conformalPooled)
    }
    while pooled.isEmpty {
      radius += 1
      if horizon - radius >= 0 { pooled += errors[horizon - radius] }
      if horizon + radius < errors.count { pooled += errors[horizon + radius] }
    }
    return (studentBound(pooled, level: level), .studentT)
  }

  /// Student's t quantile times the root mean square error.
  private static func studentBound(_ errors: [Double], level: Double) -> Double {
    let square = errors.reduce(0) { $0 + $1 * $1 } / Double(errors.count)
    return StudentT.twoSidedQuantile(level: level, degreesOfFreedom: errors.count)
      * square.squareRoot()
  }

  private static func quantile(_ errors: [Double], level: Double) -> Double {
    var errors = errors
    return errors.selected(rank(count: errors.count, level: level) - 1)
  }
}

extension IntervalMethod {
  fileprivate var weakness: Int {
    switch self {
    case .conformal: 0
    case .conformalPooled: 1
    case .studentT: 2
    }
  }
}

/// The non-decreasing values closest to the given ones in the sum of squares.
///
/// Pool adjacent violators: neighbours out of order are replaced by their mean.
///
/// - SeeAlso: Ayer, Brunk, Ewing, Reid & Silverman, *Annals of Mathematical Statistics* 26(4), 1955,
///   doi:10.1214/aoms/1177728423.
package func isotonic(_ values: [Double]) -> [Double] {
  var blocks: [(mean: Double, count: Int)] = []
  for value in values {
    var block = (mean: value, count: 1)
    while let last = blocks.last, last.mean > block.mean {
      blocks.removeLast()
      let count = last.count + block.count
      block = (
        last.mean + (block.mean - last.mean) * (Double(block.count) / Double(count)), count
      )
    }
    blocks.append(block)
  }
  return blocks.flatMap { [Double](repeating: $0.mean, count: $0.count) }
}
