import Glibc
import LinearAlgebra

/// A monotone map from raw log-odds to calibrated ones.
package enum Calibration: Codable, Equatable, Sendable {
  /// The raw log-odds as they are.
  case identity
  /// `a + b·η` with b ≥ 0.
  ///
  /// - SeeAlso: Platt, *Advances in Large Margin Classifiers*, 1999.
  case platt(intercept: Double, slope: Double)
  /// `c + a·log p − b·log(1 − p)` with a, b ≥ 0.
  ///
  /// - SeeAlso: Kull, Silva Filho & Flach, *Electronic Journal of Statistics* 11(2), 2017,
  ///   doi:10.1214/17-EJS1338SI.
  case beta(a: Double, b: Double, c: Double)

  /// The calibrated log-odds.
  package func logOdds(_ raw: Double) -> Double {
    switch self {
    case .identity: raw
    case .platt(let intercept, let slope): intercept + slope * raw
    case .beta(let a, let b, let c): c - a * softplus(-raw) + b * softplus(raw)
    }
  }

  /// The derivative of ``logOdds(_:)``.
  package func slope(_ raw: Double) -> Double {
    let mean = ModelFamily.logistic.mean(raw)
    switch self {
    case .identity: return 1
    case .platt(_, let slope): return slope
    case .beta(let a, let b, _): return a * (1 - mean) + b * mean
    }
  }

  /// Fits Platt's scaling, or the beta map where it wins by more than one standard error.
  ///
  /// - Parameters:
  ///   - raw: log-odds of rows the fit has not seen, of a later window where there is time.
  ///   - outcomes: 0 or 1.
  ///   - jobs: the most threads, or `nil` for one per processor; the result does not depend on it.
  /// - Returns: the map.
  /// - Throws: as ``GeneralizedLinearModel`` does.
  package static func fitted(
    raw: [Double], outcomes: [Double], jobs: Int? = nil
  ) throws(RegressionError) -> Calibration {
    let ones = [Double](repeating: 1, count: raw.count)
    func coefficients(_ columns: [[Double]], start: [Double]) throws(RegressionError) -> [Double] {
      let design = try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
        try Matrix(columns: columns)
      }
      // A trace of a penalty keeps the maps finite where raw values separate the classes.
      return try GeneralizedLinearModel(
        family: .logistic, penalty: 1e-3,
        penaltyFactors: columns.indices.map { $0 == 0 ? 0 : 1 }, firth: .never, jobs: jobs
      ).fit(design, outcomes, start: start, infers: false).coefficients
    }
    // Each map begins as the one that changes nothing, which is rarely far.
    let line = try coefficients([ones, raw], start: [0, 1])
    guard line[1] > 0 else { return .platt(intercept: logit(mean(outcomes)), slope: 0) }
    let platt = Calibration.platt(intercept: line[0], slope: line[1])
    let positive = raw.map { -softplus(-$0) }
    let negative = raw.map { softplus($0) }
    var both = try coefficients([ones, positive, negative], start: [0, 1, 1])
    // With a bound active, the other parameter is fitted alone.
    if both[1] < 0 {
      let rest = try coefficients([ones, negative], start: [0, 1])
      both = [rest[0], 0, max(0, rest[1])]
    } else if both[2] < 0 {
      let rest = try coefficients([ones, positive], start: [0, 1])
      both = [rest[0], max(0, rest[1]), 0]
    }
    let beta = Calibration.beta(a: both[1], b: both[2], c: both[0])
    let gains = raw.indices.map { row in
      ModelFamily.logistic.loss(outcomes[row], platt.logOdds(raw[row]))
        - ModelFamily.logistic.loss(outcomes[row], beta.logOdds(raw[row]))
    }
    return exceedsOneStandardError(gains) ? beta : platt
  }
}

/// Whether the mean of paired gains is more than one standard error above zero.
func exceedsOneStandardError(_ gains: [Double]) -> Bool {
  guard gains.count > 1 else { return false }
  let (mean, deviation) = moments(gains)
  return mean > deviation / Double(gains.count).squareRoot() && mean > 0
}

func mean(_ values: [Double]) -> Double {
  values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
}

/// `log(1 + eˣ)` without overflow.
func softplus(_ value: Double) -> Double { max(value, 0) + log1p(exp(-abs(value))) }
