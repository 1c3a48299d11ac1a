import AlmanacCore
import Glibc
package import Regression

/// What a model must beat.
package enum RiskBaseline: String, CaseIterable, Codable, CodingKeyRepresentable, Sendable {
  /// The share of yes among all rows known at the time.
  case baseRate = "base_rate"
  /// The share of yes in the last known month, by segment.
  case segmentRate = "segment_rate"
  /// A logistic curve of the one feature that orders the known rows best.
  case oneFeature = "one_feature"
}

/// The judgement of a recipe on months its fits had not seen (DECISIONS.md, D-512).
package struct RiskGate: Codable, Equatable, Sendable {
  /// An estimate and an interval around it.
  package struct Interval: Codable, Equatable, Sendable {
    package var estimate: Double
    package var lower: Double
    package var upper: Double

    /// An interval with its estimate.
    package init(estimate: Double, lower: Double, upper: Double) {
      self.estimate = estimate
      self.lower = lower
      self.upper = upper
    }

    /// Whether any of it lies between two values.
    func reaches(_ band: ClosedRange<Double>) -> Bool {
      upper >= band.lowerBound && lower <= band.upperBound
    }
  }

  /// By how much the mean log loss is below each baseline's, with 95 % intervals.
  package var gains: [RiskBaseline: Interval]
  /// The slope of the outcomes' logit on the model's, with its 90 % interval.
  package var slope: Interval
  /// The intercept of that line with the slope held at 1, with its 90 % interval.
  package var intercept: Interval
  /// The scores of the judged rows.
  package var scores: BinaryScores

  /// Where the interval of the slope must reach.
  package static let slopeBand = 0.8...1.25
  /// Where the interval of the intercept must reach.
  package static let interceptBand = -0.2...0.2
  /// The number of resamples of companies.
  static let resamples = 1_000
  /// As many of them are drawn by one thread after another; a part of ``resamples``.
  private static let resamplesAtOnce = 125
  private static let blocks = resamples / resamplesAtOnce

  /// What the model failed at, in words; empty if it may be published.
  package var failures: [String] {
    var found = RiskBaseline.allCases.compactMap { baseline -> String? in
      guard let gain = gains[baseline], !(gain.lower > 0) else { return nil }
      return "not surely better than \(baseline.rawValue)"
    }
    if !slope.reaches(RiskGate.slopeBand) { found.append("calibration slope out of its band") }
    if !intercept.reaches(RiskGate.interceptBand) {
      found.append("calibration intercept out of its band")
    }
    return found
  }

  /// Judges log-odds against outcomes and baselines' probabilities.
  ///
  /// Companies, not rows, are drawn and are clusters: months of one company are alike.
  init(
    logOdds: [Double], outcomes: [Double], companies: [Int],
    baselines: [RiskBaseline: [Double]], within limits: ParallelLimits = ParallelLimits()
  ) throws(RegressionError) {
    let names = Array(Set(companies)).sorted()
    let places = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    let clusters = companies.map { places[$0] ?? 0 }
    let compared = RiskBaseline.allCases.filter { baselines[$0] != nil }
    var counts = [Double](repeating: 0, count: names.count)
    for cluster in clusters { counts[cluster] += 1 }
    let (sizes, clusterCount) = (counts, names.count)
    let losses = outcomes.indices.map { RiskGate.loss(outcomes[$0], logOdds[$0]) }
    let sums = compared.map { baseline in
      let probabilities = baselines[baseline] ?? []
      var sums = [Double](repeating: 0, count: clusterCount)
      for row in outcomes.indices {
        sums[clusters[row]] += RiskGate.loss(outcomes[row], logit(probabilities[row])) - losses[row]
      }
      return sums
    }
    // None of them needs another.
    enum Judgement: Sendable {
      case line(Interval)
      case scores(BinaryScores)
      case resamples([SIMD4<Double>])
    }
    let clusterSums = RiskGate.lanes(sums, sizes)
    let found = try inParallel(3 + RiskGate.blocks, within: limits) {
      (part) throws(RegressionError) -> Judgement in
      switch part {
      case 0, 1: .line(RiskGate.line(logOdds, outcomes, clusters, fitsSlope: part == 0))
      case 2:
        .scores(
          try BinaryScores(
            probabilities: logOdds.map { ModelFamily.logistic.mean($0) }, outcomes: outcomes))
      default: .resamples(RiskGate.resamples(part - 3, of: clusterSums))
      }
    }
    guard case .line(let slope) = found[0], case .line(let intercept) = found[1],
      case .scores(let scores) = found[2]
    else { preconditionFailure("parts of a judgement in another order") }
    let drawn = found.dropFirst(3).flatMap { part -> [SIMD4<Double>] in
      if case .resamples(let drawn) = part { drawn } else { [] }
    }
    gains = Dictionary(
      uniqueKeysWithValues: zip(compared, RiskGate.intervals(sums, sizes, drawn)))
    self.scores = scores
    self.slope = slope
    self.intercept = intercept
  }

  static func loss(_ outcome: Double, _ logOdds: Double) -> Double {
    let signed = outcome == 1 ? -logOdds : logOdds
    return max(signed, 0) + log1p(exp(-abs(signed)))
  }

  /// The ratio of two sums over clusters, with the central 95 % of resamples.
  static func bootstrap(
    _ sums: [Double], _ counts: [Double], within limits: ParallelLimits = ParallelLimits()
  ) -> Interval {
    bootstrap([sums], counts, within: limits)[0]
  }

  /// The same for several sums over the same clusters, all of one resample at once.
  ///
  /// - Parameters:
  ///   - sums: three at most, each with a value per cluster.
  ///   - counts: what each is divided by.
  ///   - limits: what may go on side by side.
  /// - Returns: one interval per sum, in order.
  static func bootstrap(
    _ sums: [[Double]], _ counts: [Double], within limits: ParallelLimits = ParallelLimits()
  ) -> [Interval] {
    let clusters = lanes(sums, counts)
    let drawn = inParallel(blocks, within: limits) { resamples($0, of: clusters) }
    return intervals(sums, counts, Array(drawn.joined()))
  }

  /// The sums of each cluster beside its count.
  private static func lanes(_ sums: [[Double]], _ counts: [Double]) -> [SIMD4<Double>] {
    precondition(sums.count <= 3, "\(sums.count) sums")
    return counts.indices.map { cluster in
      var values = SIMD4<Double>(0, 0, 0, counts[cluster])
      for (lane, sums) in sums.enumerated() { values[lane] = sums[cluster] }
      return values
    }
  }

  /// The totals of a block of resamples, which are the same whichever thread draws them.
  private static func resamples(_ block: Int, of clusters: [SIMD4<Double>]) -> [SIMD4<Double>] {
    let size = Double(clusters.count)
    var random = SplitMix64(seed: 0x5eed)
    random.skip(block * resamplesAtOnce * clusters.count)
    return (0..<resamplesAtOnce).map { _ in
      var total = SIMD4<Double>()
      for _ in clusters.indices { total += clusters[Int(random.nextUnit() * size)] }
      return total
    }
  }

  /// What resamples say of each sum.
  private static func intervals(
    _ sums: [[Double]], _ counts: [Double], _ drawn: [SIMD4<Double>]
  ) -> [Interval] {
    let count = max(1, counts.reduce(0, +))
    return sums.enumerated().map { lane, sums in
      let ratios = drawn.map { $0[3] > 0 ? $0[lane] / $0[3] : 0 }.sorted()
      return Interval(
        estimate: sums.reduce(0, +) / count, lower: quantile(ratios, 0.025),
        upper: quantile(ratios, 0.975))
    }
  }

  /// The calibration line, by Newton's method, with clustered 90 % intervals.
  private static func line(
    _ logOdds: [Double], _ outcomes: [Double], _ clusters: [Int], fitsSlope: Bool
  ) -> Interval {
    var intercept = 0.0
    var slope = 1.0
    var information = (0.0, 0.0, 0.0)
    for _ in 0..<30 {
      var gradient = (0.0, 0.0)
      information = (1e-9, 0, 1e-9)
      for row in outcomes.indices {
        let value = logOdds[row]
        let mean = ModelFamily.logistic.mean(intercept + slope * value)
        let weight = mean * (1 - mean)
        gradient.0 += outcomes[row] - mean
        gradient.1 += (outcomes[row] - mean) * value
        information.0 += weight
        information.1 += weight * value
        information.2 += weight * value * value
      }
      if !fitsSlope {
        let step = gradient.0 / information.0
        intercept += max(-2, min(2, step))
        if abs(step) < 1e-10 { break }
        continue
      }
      let determinant = information.0 * information.2 - information.1 * information.1
      let first = (information.2 * gradient.0 - information.1 * gradient.1) / determinant
      let second = (information.0 * gradient.1 - information.1 * gradient.0) / determinant
      intercept += max(-2, min(2, first))
      slope += max(-1, min(1, second))
      if abs(first) + abs(second) < 1e-10 { break }
    }
    let clusterCount = (clusters.max() ?? 0) + 1
    var scores = [(Double, Double)](repeating: (0, 0), count: clusterCount)
    for row in outcomes.indices {
      let residual =
        outcomes[row] - ModelFamily.logistic.mean(intercept + slope * logOdds[row])
      scores[clusters[row]].0 += residual
      scores[clusters[row]].1 += residual * logOdds[row]
    }
    let variance: Double
    if fitsSlope {
      let determinant = information.0 * information.2 - information.1 * information.1
      variance = scores.reduce(0) { sum, score in
        let influence = (information.0 * score.1 - information.1 * score.0) / determinant
        return sum + influence * influence
      }
    } else {
      variance = scores.reduce(0) { $0 + $1.0 * $1.0 } / (information.0 * information.0)
    }
    let estimate = fitsSlope ? slope : intercept
    let half = Distributions.normalQuantile(0.95) * variance.squareRoot()
    return Interval(estimate: estimate, lower: estimate - half, upper: estimate + half)
  }
}
