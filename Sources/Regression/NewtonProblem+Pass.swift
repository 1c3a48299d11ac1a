import Glibc
import LinearAlgebra

extension NewtonProblem {
  /// What one pass over the rows gives.
  struct Pass {
    /// The gradient of the penalised log-likelihood.
    var gradient: [Double]
    /// The penalised information; empty where it was not formed.
    var information: Matrix
    /// The log-likelihood.
    var logLikelihood: Double
    /// The objective: log-likelihood less penalty, with Firth's term if it is used.
    var objective: Double
  }

  /// The sums of all rows at some coefficients.
  ///
  /// - Throws: as LAPACK reports.
  func pass(
    at coefficients: [Double], formsInformation: Bool, usesFirth: Bool
  ) throws(RegressionError) -> Pass {
    let sums = try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      switch settings.family {
      case .logistic:
        try design.blockSums(
          coefficients: coefficients, offset: offset, formsGram: formsInformation,
          jobs: settings.jobs, logisticKernel)
      case .poisson:
        try design.blockSums(
          coefficients: coefficients, offset: offset, formsGram: formsInformation,
          jobs: settings.jobs, poissonKernel)
      }
    }
    var pass = Pass(
      gradient: sums.moments, information: sums.gram, logLikelihood: sums.total,
      objective: sums.total)
    if usesFirth { try addFirth(to: &pass, at: coefficients) }
    for column in coefficients.indices where penalties[column] > 0 {
      pass.gradient[column] -= penalties[column] * coefficients[column]
      pass.objective -= penalties[column] * coefficients[column] * coefficients[column] / 2
      if formsInformation { pass.information[column, column] += penalties[column] }
    }
    for column in settings.heldAtZero {
      pass.gradient[column] = 0
      guard formsInformation else { continue }
      for other in coefficients.indices {
        pass.information[column, other] = other == column ? 1 : 0
        pass.information[other, column] = other == column ? 1 : 0
      }
    }
    return pass
  }

  /// Adds the gradient and value of half the logarithm of the information's determinant.
  ///
  /// - SeeAlso: Firth, *Biometrika* 80(1), 1993, doi:10.1093/biomet/80.1.27; Heinze & Schemper,
  ///   *Statistics in Medicine* 21(16), 2002, doi:10.1002/sim.1047.
  private func addFirth(to pass: inout Pass, at coefficients: [Double]) throws(RegressionError) {
    let sums = pass
    let (gradient, logDeterminant) = try wrappingLinearAlgebra {
      () throws(LinearAlgebraError) in
      let scales = equilibration(sums.information)
      guard
        let factor = try? CholeskyFactor(scaled(sums.information, by: scales))
      else {
        return (sums.gradient, -Double.infinity)
      }
      let predictor = try design.times(coefficients)
      var roots = [Double](repeating: 0, count: design.rowCount)
      var factors = roots
      for row in roots.indices {
        let weight = weights?[row] ?? 1
        let mean = 1 / (1 + exp(-(predictor[row] + (offset?[row] ?? 0))))
        roots[row] = (weight * mean * (1 - mean)).squareRoot()
        factors[row] = 0.5 - mean
      }
      let leverages = try factor.quadraticForms(
        rowsOf: design.scaledRows(by: roots).scaledColumns(by: scales))
      let addition = try design.transposedTimes(
        leverages.indices.map { leverages[$0] * factors[$0] })
      let scaleLogs = scales.reduce(0) { $0 + log($1) }
      return (
        sums.gradient.indices.map { sums.gradient[$0] + addition[$0] },
        factor.logDeterminant - 2 * scaleLogs
      )
    }
    pass.gradient = gradient
    pass.objective += logDeterminant / 2
  }

  private func logisticKernel(_ block: inout RowBlock) -> Double {
    var total = 0.0
    for (position, row) in block.rows.enumerated() {
      let predictor = block.linearPredictor[position]
      let small = exp(-abs(predictor))
      let weight = weights?[row] ?? 1
      let value = target[row]
      // The outcome less its probability, with all digits where both are nearly 1.
      let part = predictor >= 0 ? value - 1 + value * small : value - (1 - value) * small
      block.residuals[position] = weight * part / (1 + small)
      block.rootWeights[position] = (weight * small).squareRoot() / (1 + small)
      total += weight * (value * predictor - max(predictor, 0) - log1p(small))
    }
    return total
  }

  private func poissonKernel(_ block: inout RowBlock) -> Double {
    var total = 0.0
    for (position, row) in block.rows.enumerated() {
      let predictor = block.linearPredictor[position]
      let mean = exp(predictor)
      let weight = weights?[row] ?? 1
      let value = target[row]
      block.residuals[position] = weight * (value - mean)
      block.rootWeights[position] = (weight * mean).squareRoot()
      total += weight * (value * predictor - mean - lgamma(value + 1))
    }
    return total
  }
}
