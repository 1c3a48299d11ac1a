import LinearAlgebra

extension FittedModel {
  /// This model with standard errors for rows that are alike within groups, such as the months of one
  /// company.
  ///
  /// The sandwich `C·B·C` of the fit's covariance `C`, an inverse information, and the sum `B` over
  /// groups of the outer products of their scores, times `G/(G − 1)`. With a penalty they are the
  /// errors around what the penalised fit expects.
  ///
  /// - Parameters:
  ///   - table: the rows of the fit.
  ///   - target: 1 for yes, 0 for no.
  ///   - groups: the group of each row, counted from zero.
  /// - Returns: the model with other errors; the same with fewer than two groups, or where the fit
  ///   kept no covariance.
  /// - Throws: `RegressionError` where a column is missing.
  /// - SeeAlso: Liang & Zeger, *Biometrika* 73(1), 1986, doi:10.1093/biomet/73.1.13.
  package func clusteringErrors(
    _ table: Table, target: [Double], groups: [Int]
  ) throws(RegressionError) -> FittedModel {
    precondition(family == .logistic, "clustered errors of a family other than logistic")
    precondition(table.rowCount == target.count && target.count == groups.count)
    let used = Set(groups).count
    let width = standardErrors.count
    guard used > 1, covariance.count == width * (width + 1) / 2, width > 0 else { return self }
    var columns: [[Double]] = [[Double](repeating: 1, count: table.rowCount)]
    for term in terms { columns += try term.columns(of: table) }
    precondition(columns.count == width, "a column for each coefficient")
    let residuals = zip(target, try linearPredictor(table)).map {
      $0 - ModelFamily.logistic.mean($1)
    }
    var sums = Matrix(zeroRowCount: (groups.max() ?? 0) + 1, columnCount: width)
    for (column, values) in columns.enumerated() {
      for row in values.indices { sums[groups[row], column] += values[row] * residuals[row] }
    }
    var bread = Matrix(zeroRowCount: width, columnCount: width)
    var position = 0
    for row in 0..<width {
      for column in 0...row {
        (bread[row, column], bread[column, row]) = (covariance[position], covariance[position])
        position += 1
      }
    }
    let (scores, inverse) = (sums, bread)
    let sandwich = try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      try inverse.times(scores.gram()).times(inverse)
    }
    let correction = Double(used) / Double(used - 1)
    var model = self
    model.covariance = (0..<width).flatMap { row in
      (0...row).map { sandwich[row, $0] * correction }
    }
    model.standardErrors = (0..<width).map {
      (max(0, sandwich[$0, $0]) * correction).squareRoot()
    }
    return model
  }
}
