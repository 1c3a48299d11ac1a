package import LinearAlgebra

/// Ridge fits for many penalties, each judged exactly on rows left out, from one pass over the rows.
///
/// The Gram matrix of each block of rows is formed once. A fit of some blocks is a Cholesky
/// factorisation of their sum, and its squared error on another block follows from that block's.
package struct RidgeValidation: Sendable {
  /// The folds.
  package let plan: ValidationPlan
  private let columnCount: Int
  /// Per block `ZᵀWZ`, the target being the last column of `Z`.
  private let sums: [Matrix]
  private let totalWeight: Double

  /// Forms the sums.
  ///
  /// - Parameters:
  ///   - design: one row per observation, one column per coefficient.
  ///   - target: one value per row; take its mean off where that is large beside its deviation.
  ///   - weights: one per row, not negative; `nil` weighs all rows alike.
  ///   - plan: the folds, one block per row.
  ///   - jobs: the most threads; the result does not depend on it.
  /// - Throws: `.shapeMismatch`, `.invalidWeights`.
  /// - Complexity: O(n·p²).
  package init(
    design: Matrix, target: [Double], weights: [Double]? = nil, plan: ValidationPlan,
    jobs: Int? = nil
  ) throws(RegressionError) {
    guard target.count == design.rowCount, plan.blocks.count == design.rowCount else {
      throw .shapeMismatch(designRows: design.rowCount, otherRows: target.count)
    }
    try checkWeights(weights, rowCount: design.rowCount)
    self.plan = plan
    columnCount = design.columnCount
    sums = try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      try design.groupSums(
        plan.blocks, groupCount: plan.blockCount, target: target, weights: weights, jobs: jobs)
    }
    let judged = Set(plan.folds.map(\.judged))
    var total = 0.0
    for row in target.indices where judged.contains(plan.blocks[row]) {
      total += weights?[row] ?? 1
    }
    totalWeight = total
  }

  /// The coefficients of each fold's fit.
  ///
  /// - Parameter penalties: the penalty of each column.
  /// - Returns: one array of coefficients per fold.
  /// - Throws: `.linearAlgebra(.notPositiveDefinite)` for collinear columns without a penalty.
  package func coefficients(penalties: [Double]) throws(RegressionError) -> [[Double]] {
    var all: [[Double]] = []
    for fold in plan.folds {
      var system = Matrix(zeroRowCount: columnCount, columnCount: columnCount)
      var moments = [Double](repeating: 0, count: columnCount)
      for block in fold.training {
        for column in 0..<columnCount {
          for row in 0..<columnCount { system[row, column] += sums[block][row, column] }
          moments[column] += sums[block][column, columnCount]
        }
      }
      for column in 0..<columnCount { system[column, column] += penalties[column] }
      all.append(
        try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
          let scales = equilibration(system)
          let solution = try CholeskyFactor(scaled(system, by: scales))
            .solve(moments.indices.map { moments[$0] * scales[$0] })
          return solution.indices.map { solution[$0] * scales[$0] }
        })
    }
    return all
  }

  /// The weighted mean of squared errors on rows left out.
  ///
  /// Throws as ``coefficients(penalties:)`` does.
  package func meanSquaredError(penalties: [Double]) throws(RegressionError) -> Double {
    var sum = 0.0
    for (fold, coefficients) in zip(plan.folds, try coefficients(penalties: penalties)) {
      let block = sums[fold.judged]
      var error = block[columnCount, columnCount]
      for column in 0..<columnCount {
        var product = 0.0
        for row in 0..<columnCount { product += block[row, column] * coefficients[row] }
        error += coefficients[column] * (product - 2 * block[column, columnCount])
      }
      sum += max(0, error)
    }
    return totalWeight > 0 ? sum / totalWeight : 0
  }
}
