import LinearAlgebra

extension ModelFit {
  /// The exact fit at chosen penalties, and what is inferred from it.
  struct Solution {
    /// The terms that ``coefficients`` belong to.
    var terms: [FittedTerm]
    /// The intercept, then those of the columns of the terms.
    var coefficients: [Double]
    /// Of ``coefficients``.
    var covariance: Matrix?
    /// The number of coefficients a fit without penalty would need for the same freedom.
    var effectiveParameters: Double
    /// Whether some combination of columns tells the classes apart without error.
    var separated = false
    var likelihoodRatios: LikelihoodRatioTests?
    var leastSquares: LeastSquaresSummary?
  }

  /// Fits the columns of a layout, and notes which have no coefficient and what went wrong.
  mutating func solved(
    _ layout: DesignLayout, _ best: Choice
  ) throws(RegressionError) -> Solution {
    switch family {
    case .linear:
      best.penalty == 0 ? try leastSquares(layout) : try ridge(layout, best)
    case .logistic, .poisson:
      try generalised(layout, best)
    }
  }

  /// Least squares without penalty, from numbers as they are and powers with twice the digits:
  /// standardising would round both (D-480).
  private mutating func leastSquares(
    _ layout: DesignLayout
  ) throws(RegressionError) -> Solution {
    var terms: [FittedTerm] = []
    for term in layout.terms { terms.append(try term.inOwnUnits(table)) }
    let (high, low) =
      terms == layout.terms ? (layout.design, nil) : try exactDesign(terms)
    let fitted = try LinearRegression().fit(
      high, target.values, weights: weights, lowParts: low)
    nameAliased(fitted.aliased, layout)
    return Solution(
      terms: terms, coefficients: fitted.coefficients, covariance: fitted.covariance,
      effectiveParameters: Double(fitted.rank),
      leastSquares: LeastSquaresSummary(fitted, design: high))
  }

  /// Least squares with penalties.
  private func ridge(
    _ layout: DesignLayout, _ best: Choice
  ) throws(RegressionError) -> Solution {
    let design = layout.design
    let path = try RidgePath(design: design, weights: weights, penaltyFactors: best.factors)
    let fitted = try path.fit(target.values, penalty: best.penalty)
    var covariance: Matrix?
    if design.columnCount <= 1000 {
      let remaining = Double(table.rowCount) - fitted.effectiveDegreesOfFreedom
      let variance = fitted.residualSumOfSquares / max(1, remaining)
      covariance = try ridgeCovariance(path.gram, best, variance)
    }
    return Solution(
      terms: layout.terms, coefficients: fitted.coefficients, covariance: covariance,
      effectiveParameters: fitted.effectiveDegreesOfFreedom)
  }

  /// A logistic or Poisson fit.
  private mutating func generalised(
    _ layout: DesignLayout, _ best: Choice
  ) throws(RegressionError) -> Solution {
    let design = layout.design
    // With a penalty steps are squares of the last ones. Without, those of separated classes and of
    // categories without an event shrink by a constant share, and so do those of Firth's fits (D-482).
    let settings = GeneralizedLinearModel(
      family: family == .logistic ? .logistic : .poisson, penalty: best.penalty,
      penaltyFactors: best.factors, tolerance: best.penalty > 0 ? 1e-12 : 1e-9,
      maximumIterations: best.penalty > 0 ? 50 : 100, jobs: jobs)
    // Separated classes show on the way to infinity. A start that is nearly there would hide them.
    let fitted = try settings.fit(
      design, target.values, weights: weights, offset: offset,
      start: best.penalty == 0 ? nil : best.coefficients,
      infers: detail != .nothing && design.columnCount <= 300)
    nameAliased(fitted.aliased, layout)
    if fitted.status == .notConverged, fitted.separation == nil {
      notes.append("the fit did not converge; its coefficients are the best that were found")
    }
    if let separation = fitted.separation {
      let names = Array(
        Set(separation.columns.map { $0 == 0 ? "(intercept)" : layout.names[$0 - 1] })
      ).sorted()
      notes.append(
        "the classes are separated by \(names.joined(separator: ", "))"
          + (fitted.usedFirth
            ? ": fitted with Firth's penalty" : ": the penalty keeps the fit finite"))
    }
    // Without a pass at the solution it would be that of the step before.
    let covariance = detail != .nothing ? fitted.covariance : nil
    let solution = Solution(
      terms: layout.terms, coefficients: fitted.coefficients, covariance: covariance,
      effectiveParameters: effectiveParameters(best, fitted, covariance),
      separated: fitted.separation != nil,
      likelihoodRatios: detail != .nothing
        ? try likelihoodRatios(layout, settings, fitted, covariance: covariance) : nil)
    return best.penalty == 0
      ? try inOwnUnits(solution, layout, aliased: fitted.aliased) : solution
  }

  private func effectiveParameters(
    _ best: Choice, _ fitted: FittedGeneralizedLinearModel, _ covariance: Matrix?
  ) -> Double {
    var sum = Double(best.coefficients.count - fitted.aliased.count)
    guard let covariance else { return sum }
    for column in best.factors.indices {
      sum -= best.penalty * best.factors[column] * covariance[column, column]
    }
    return sum
  }

  private mutating func nameAliased(_ aliased: [Int], _ layout: DesignLayout) {
    for column in aliased where column > 0 {
      notes.append(
        "\(layout.names[column - 1]) is a combination of earlier columns and has no coefficient")
    }
  }

  private func ridgeCovariance(
    _ gram: Matrix, _ best: Choice, _ variance: Double
  ) throws(RegressionError) -> Matrix {
    var system = gram
    for column in best.factors.indices {
      system[column, column] += best.penalty * best.factors[column]
    }
    var inverse = try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      try equilibratedInverse(system)
    }
    for column in 0..<inverse.columnCount {
      for row in 0..<inverse.rowCount { inverse[row, column] *= variance }
    }
    return inverse
  }
}
