import LinearAlgebra

/// The middle of a sandwich for rows that depend on each other within groups: the sum over groups of the
/// outer products of their scores.
///
/// - Parameters:
///   - columnCount: the number of columns of the design.
///   - column: a column, with a value per row.
///   - scores: the factor of each row.
///   - groups: the group of each row, counted from zero.
/// - Returns: a square matrix, a row and column per column of the design.
/// - Throws: `RegressionError` as LAPACK reports.
func clusteredMeat(
  columnCount: Int, column: (Int) -> [Double], scores: [Double], groups: [Int]
) throws(RegressionError) -> Matrix {
  var sums = Matrix(zeroRowCount: (groups.max() ?? -1) + 1, columnCount: columnCount)
  for index in 0..<columnCount {
    let values = column(index)
    for row in values.indices { sums[groups[row], index] += values[row] * scores[row] }
  }
  let found = sums
  return try wrappingLinearAlgebra { () throws(LinearAlgebraError) in try found.gram() }
}

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
    var made: [[Double]] = [[Double](repeating: 1, count: table.rowCount)]
    for term in terms { made += try term.columns(of: table) }
    let columns = made
    precondition(columns.count == width, "a column for each coefficient")
    let residuals = zip(target, try linearPredictor(table)).map {
      $0 - ModelFamily.logistic.mean($1)
    }
    let meat = try clusteredMeat(
      columnCount: width, column: { columns[$0] }, scores: residuals, groups: groups)
    var bread = Matrix(zeroRowCount: width, columnCount: width)
    var position = 0
    for row in 0..<width {
      for column in 0...row {
        (bread[row, column], bread[column, row]) = (covariance[position], covariance[position])
        position += 1
      }
    }
    let inverse = bread
    let sandwich = try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      try inverse.times(meat).times(inverse)
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
