import Glibc
package import LinearAlgebra

/// The distribution of the target, with its canonical link.
package enum ResponseFamily: String, CaseIterable, Equatable, Sendable {
  /// Probabilities through the logit; targets between 0 and 1.
  case logistic
  /// Counts through the logarithm; targets of zero or more.
  case poisson
}

/// When a logistic fit uses Firth's penalty, the logarithm of half the information.
package enum FirthPenalty: String, CaseIterable, Equatable, Sendable {
  /// Never: separated data are reported and the fit stops where it is.
  case never
  /// Where separation is found and nothing is penalised.
  case whenSeparated
  /// Always.
  case always
}

/// Settings of a penalised logistic or Poisson regression.
///
/// The fit maximises `Σ wᵢ log p(yᵢ; xᵢβ + oᵢ) − ½ λ Σ fⱼ βⱼ²` by Newton's method, each step
/// halved until the objective does not fall. No intercept is added: a column of ones with penalty
/// factor 0 is one.
package struct GeneralizedLinearModel: Equatable, Sendable {
  /// The distribution of the target.
  package var family: ResponseFamily
  /// `λ ≥ 0`.
  package var penalty: Double
  /// `fⱼ`, one per column, not negative; `nil` for 1 everywhere.
  package var penaltyFactors: [Double]?
  /// The fit ends once a Newton step changes `Xβ` by less than this, as a root mean square; with a
  /// penalty also where rounding keeps steps below 1e-9 from growing smaller.
  package var tolerance: Double
  /// The most Newton steps.
  package var maximumIterations: Int
  /// When Firth's penalty is used; it is for the logistic family.
  package var firth: FirthPenalty
  /// The most threads, or `nil` for one per processor; the result does not depend on it.
  package var jobs: Int?
  /// Columns whose coefficients stay at zero, as for a test of them.
  ///
  /// Their part of the information is the identity. Firth's penalty is still that of all columns.
  package var heldAtZero: Set<Int>

  /// Settings of the given parts.
  package init(
    family: ResponseFamily, penalty: Double = 0, penaltyFactors: [Double]? = nil,
    tolerance: Double = 1e-10, maximumIterations: Int = 50,
    firth: FirthPenalty = .whenSeparated, jobs: Int? = nil, heldAtZero: Set<Int> = []
  ) {
    self.heldAtZero = heldAtZero
    self.family = family
    self.penalty = penalty
    self.penaltyFactors = penaltyFactors
    self.tolerance = tolerance
    self.maximumIterations = maximumIterations
    self.firth = firth
    self.jobs = jobs
  }

  /// Fits coefficients to a target.
  ///
  /// From 200,000 rows on, the fit begins at the solution of every twentieth row.
  ///
  /// - Parameters:
  ///   - design: one row per observation, one column per coefficient.
  ///   - target: one value per row: within 0 and 1 for logistic, zero or more for Poisson.
  ///   - weights: one per row, not negative and not all zero; `nil` weighs all rows alike.
  ///   - offset: one per row, added to `Xβ`; `nil` for none.
  ///   - start: coefficients to begin at; `nil` for zeros.
  ///   - infers: whether the information is wanted at the solution itself, for standard errors;
  ///     without it that of the last step is kept and one pass is saved.
  /// - Returns: the fit, which says whether it converged and whether classes are separated.
  /// - Throws: `.shapeMismatch`, `.invalidWeights`, `.invalidPenalty`, `.penaltyFactorCount`,
  ///   `.invalidTarget`; `.linearAlgebra(.notFinite)` for a NaN or an infinity.
  /// - Complexity: O(n·p²) a step.
  /// - SeeAlso: McCullagh & Nelder, *Generalized Linear Models*, 2nd edition, 1989, section 2.5.
  package func fit(
    _ design: Matrix, _ target: [Double], weights: [Double]? = nil, offset: [Double]? = nil,
    start: [Double]? = nil, infers: Bool = true
  ) throws(RegressionError) -> FittedGeneralizedLinearModel {
    let problem = try NewtonProblem(
      self, design: design, target: target, weights: weights, offset: offset)
    let kept = try problem.keptColumns()
    if kept.count < design.columnCount {
      let reduced = try NewtonProblem(
        selecting(kept), design: design.selecting(columns: kept), target: target,
        weights: weights, offset: offset)
      return try reduced.solve(
        start: start.map { start in kept.map { start[$0] } }, infers: infers
      ).expanded(to: design.columnCount, kept: kept)
    }
    return try problem.solve(start: start, infers: infers)
  }

  private func selecting(_ columns: [Int]) -> GeneralizedLinearModel {
    var reduced = self
    reduced.penaltyFactors = penaltyFactors.map { factors in columns.map { factors[$0] } }
    reduced.heldAtZero = Set(columns.indices.filter { heldAtZero.contains(columns[$0]) })
    return reduced
  }
}

/// How a fit ended.
package enum FitStatus: Equatable, Sendable {
  /// The last step was below the tolerance, or as small as rounding lets it be.
  case converged
  /// The steps ran out; the coefficients are the best found.
  case notConverged
}

/// What a combination of columns says about the classes without error.
package enum Separation: Equatable, Sendable {
  /// A combination divides the classes completely; the columns that carry it.
  case complete(columns: [Int])
  /// A combination divides some rows and is undecided on the others.
  case quasi(columns: [Int])

  /// The columns that carry the combination.
  package var columns: [Int] {
    switch self {
    case .complete(let columns), .quasi(let columns): columns
    }
  }
}

/// A fitted logistic or Poisson regression.
package struct FittedGeneralizedLinearModel: Equatable, Sendable {
  /// The distribution of the target.
  package let family: ResponseFamily
  /// One coefficient per column; zero for the columns in ``aliased``.
  package let coefficients: [Double]
  /// `XᵀWX + λF` at the solution, without the aliased columns.
  package let information: Matrix
  /// `λ` of the fit.
  package let penalty: Double
  /// The logarithm of the likelihood, without the penalty.
  package let logLikelihood: Double
  /// What was maximised: ``logLikelihood`` less the penalty, with Firth's term where it was used.
  package let objective: Double
  /// The logarithm of the likelihood for the intercept alone, with the offset.
  package let nullLogLikelihood: Double
  /// The number of passes over the rows.
  package let iterations: Int
  /// How the fit ended.
  package let status: FitStatus
  /// What separates the classes, if anything was found to.
  package let separation: Separation?
  /// Whether Firth's penalty was used.
  package let usedFirth: Bool
  /// Columns dropped as combinations of earlier ones, ascending, counted from zero.
  package let aliased: [Int]

  /// The inverse of the information, zero for the columns in ``aliased``; `nil` where it has none.
  package var covariance: Matrix? {
    guard let inverse = try? equilibratedInverse(information) else { return nil }
    guard !aliased.isEmpty else { return inverse }
    let dropped = Set(aliased)
    let kept = coefficients.indices.filter { !dropped.contains($0) }
    var covariance = Matrix(
      zeroRowCount: coefficients.count, columnCount: coefficients.count)
    for (position, column) in kept.enumerated() {
      for (other, row) in kept.enumerated() {
        covariance[row, column] = inverse[other, position]
      }
    }
    return covariance
  }

  /// The roots of the diagonal of the covariance; `nil` where it has none.
  package var standardErrors: [Double]? {
    covariance.map { $0.diagonal.map { max(0, $0).squareRoot() } }
  }

  /// The Wald statistic of each coefficient and the probability of a larger one in size; NaN for
  /// aliased columns.
  package var waldTests: (statistics: [Double], pValues: [Double])? {
    standardErrors.map { errors in
      let statistics = coefficients.indices.map { coefficients[$0] / errors[$0] }
      return (statistics, statistics.map(Distributions.normalTwoSided))
    }
  }

  /// Twice the gain in likelihood over the intercept alone, and the probability of a larger one.
  ///
  /// - Parameter parameters: the number of coefficients besides the intercept.
  /// - Returns: the statistic and its p-value.
  package func likelihoodRatioTest(parameters: Int) -> (statistic: Double, pValue: Double) {
    let statistic = 2 * (logLikelihood - nullLogLikelihood)
    return (
      statistic,
      Distributions.chiSquareUpper(statistic, degreesOfFreedom: Double(max(1, parameters)))
    )
  }

  func expanded(to columnCount: Int, kept: [Int]) -> FittedGeneralizedLinearModel {
    var all = [Double](repeating: 0, count: columnCount)
    for (position, column) in kept.enumerated() { all[column] = coefficients[position] }
    let isKept = Set(kept)
    let named: Separation? =
      switch separation {
      case .complete(let columns): .complete(columns: columns.map { kept[$0] })
      case .quasi(let columns): .quasi(columns: columns.map { kept[$0] })
      case nil: nil
      }
    return FittedGeneralizedLinearModel(
      family: family, coefficients: all, information: information, penalty: penalty,
      logLikelihood: logLikelihood, objective: objective, nullLogLikelihood: nullLogLikelihood,
      iterations: iterations, status: status, separation: named, usedFirth: usedFirth,
      aliased: (0..<columnCount).filter { !isKept.contains($0) })
  }
}

/// The inverse of a symmetric positive definite matrix, scaled first so that units do not matter.
func equilibratedInverse(_ matrix: Matrix) throws(LinearAlgebraError) -> Matrix {
  let scales = equilibration(matrix)
  var inverse = try CholeskyFactor(scaled(matrix, by: scales)).inverse()
  inverse = scaled(inverse, by: scales)
  return inverse
}

/// Powers of two that bring the diagonal of a symmetric matrix between 1 and 4.
func equilibration(_ matrix: Matrix) -> [Double] {
  matrix.diagonal.map { value in
    guard value > 0, value.isFinite else { return 1 }
    let exponent = -(value.squareRoot().exponent)
    return Double(sign: .plus, exponent: max(-1000, min(1000, exponent)), significand: 1)
  }
}

/// A symmetric matrix with rows and columns multiplied by factors.
func scaled(_ matrix: Matrix, by factors: [Double]) -> Matrix {
  var result = matrix
  for column in 0..<matrix.columnCount {
    for row in 0..<matrix.rowCount { result[row, column] *= factors[row] * factors[column] }
  }
  return result
}
