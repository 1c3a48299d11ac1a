package import LinearAlgebra

/// The normal equations of one design, from which ridge fits for many penalties and targets follow.
///
/// The Gram matrix is formed once; each penalty then costs one Cholesky factorisation, which does
/// not depend on the number of rows.
package struct RidgePath: Sendable {
  /// The design.
  package let design: Matrix
  /// One weight per row, or `nil` for equal ones.
  package let weights: [Double]?
  /// `XᵀWX`.
  package let gram: Matrix
  /// The diagonal of the penalty for `λ = 1`: factor times squared scale, one per column.
  package let penaltyDiagonal: [Double]

  /// Forms the Gram matrix of a design.
  ///
  /// - Parameters:
  ///   - design: one row per observation, one column per coefficient.
  ///   - weights: one per row, not negative and not all zero; `nil` weighs all rows alike.
  ///   - penaltyFactors: one per column, not negative; `nil` stands for 1.
  ///   - standardisesColumns: whether the penalty of a column is multiplied by its mean square.
  /// - Throws: as `RidgeRegression.fit(_:_:weights:)` does for design, weights and factors.
  /// - Complexity: O(n·p²).
  package init(
    design: Matrix, weights: [Double]? = nil, penaltyFactors: [Double]? = nil,
    standardisesColumns: Bool = false
  ) throws(RegressionError) {
    if let weights {
      guard weights.count == design.rowCount else {
        throw .shapeMismatch(designRows: design.rowCount, otherRows: weights.count)
      }
      guard weights.allSatisfy({ $0.isFinite && $0 >= 0 }),
        weights.isEmpty || weights.contains(where: { $0 > 0 })
      else { throw .invalidWeights }
    }
    let factors = penaltyFactors ?? [Double](repeating: 1, count: design.columnCount)
    guard factors.count == design.columnCount else {
      throw .penaltyFactorCount(columns: design.columnCount, factors: factors.count)
    }
    guard factors.allSatisfy({ $0.isFinite && $0 >= 0 }) else { throw .invalidPenalty }
    self.design = design
    self.weights = weights
    gram = try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      try design.gram(weights: weights)
    }
    if standardisesColumns {
      let totalWeight = weights?.reduce(0, +) ?? Double(design.rowCount)
      let squares = gram.diagonal
      penaltyDiagonal = factors.indices.map { column in
        totalWeight > 0 ? factors[column] * squares[column] / totalWeight : factors[column]
      }
    } else {
      penaltyDiagonal = factors
    }
  }

  /// Forms the Gram matrix of a design given by its columns, for callers that have no matrix.
  ///
  /// - Parameters:
  ///   - columns: one per coefficient, equally long.
  ///   - weights: one per row, not negative and not all zero; `nil` weighs all rows alike.
  ///   - penaltyFactors: one per column, not negative; `nil` stands for 1.
  ///   - standardisesColumns: whether the penalty of a column is multiplied by its mean square.
  /// - Throws: as for a matrix; `.linearAlgebra` for columns of different lengths.
  /// - Complexity: O(n·p²).
  package init(
    columns: [[Double]], weights: [Double]? = nil, penaltyFactors: [Double]? = nil,
    standardisesColumns: Bool = false
  ) throws(RegressionError) {
    let design = try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      try Matrix(columns: columns)
    }
    try self.init(
      design: design, weights: weights, penaltyFactors: penaltyFactors,
      standardisesColumns: standardisesColumns)
  }

  /// The coefficients for one penalty and several targets at once.
  ///
  /// - Parameters:
  ///   - moments: `XᵀWy` of each target, one column per target, as ``moments(of:)`` gives them.
  ///   - penalty: `λ ≥ 0`.
  /// - Returns: `β`, one column per target.
  /// - Throws: `.invalidPenalty`; `.linearAlgebra(.notPositiveDefinite)` for collinear columns
  ///   with no penalty on them; `.linearAlgebra(.notFinite)` for a NaN or an infinity.
  /// - Complexity: O(p³).
  package func coefficients(
    moments: Matrix, penalty: Double
  ) throws(RegressionError) -> Matrix {
    let factor = try penalisedFactor(penalty)
    return try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      try factor.solve(moments)
    }
  }

  /// `XᵀWy` for a target with one value per row.
  package func moments(of target: [Double]) throws(RegressionError) -> [Double] {
    guard target.count == design.rowCount else {
      throw .shapeMismatch(designRows: design.rowCount, otherRows: target.count)
    }
    return try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      try design.moments(with: target, weights: weights)
    }
  }

  /// The full fit to one target for one penalty, with standard errors.
  ///
  /// Throws as `RidgeRegression.fit(_:_:weights:)` does.
  ///
  /// - Complexity: O(n·p + p³).
  package func fit(
    _ target: [Double], penalty: Double
  ) throws(RegressionError) -> FittedRidgeRegression {
    let moments = try moments(of: target)
    let factor = try penalisedFactor(penalty)
    return try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      let coefficients = try factor.solve(moments)
      let fitted = try design.times(coefficients)
      let residuals = target.indices.map { target[$0] - fitted[$0] }
      var sumOfSquares = 0.0
      var effectiveRows = 0
      for row in residuals.indices {
        let weight = weights?[row] ?? 1
        sumOfSquares += weight * residuals[row] * residuals[row]
        if weight > 0 { effectiveRows += 1 }
      }
      let inverse = try factor.inverse()
      let shrinkage = try inverse.times(gram)
      let degreesOfFreedom = shrinkage.diagonal.reduce(0, +)
      let remaining = Double(effectiveRows) - degreesOfFreedom
      var standardErrors: [Double]?
      if remaining > 0 {
        let variance = sumOfSquares / remaining
        standardErrors = try shrinkage.times(inverse).diagonal.map {
          (max(0, $0) * variance).squareRoot()
        }
      }
      return FittedRidgeRegression(
        coefficients: coefficients, standardErrors: standardErrors, penalty: penalty,
        residuals: residuals, residualSumOfSquares: sumOfSquares,
        effectiveDegreesOfFreedom: degreesOfFreedom)
    }
  }

  private func penalisedFactor(_ penalty: Double) throws(RegressionError) -> CholeskyFactor {
    guard penalty.isFinite, penalty >= 0 else { throw .invalidPenalty }
    var system = gram
    for column in penaltyDiagonal.indices {
      system[column, column] += penalty * penaltyDiagonal[column]
    }
    return try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      try CholeskyFactor(system)
    }
  }
}
