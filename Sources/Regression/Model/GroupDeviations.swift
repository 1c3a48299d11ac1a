import Glibc
import LinearAlgebra

// Fits of groups that lean on a common one: each group's intercept and coefficients are those of the
// common fit plus deviations, which count as draws from normal distributions about 0.
extension FittedModel {
  /// By how much the fits of groups of rows differ from this one.
  ///
  /// The deviations of a group maximise its likelihood, that of this model being the offset, less
  /// half their squares over the variance of such deviations between groups: one variance of
  /// intercepts, one of all coefficients, both by restricted likelihood at the common fit. So a
  /// group with few events stays near the common fit, and one with many is fitted for itself.
  ///
  /// - Parameters:
  ///   - table: the rows, with this model's columns.
  ///   - target: 0 or 1 for each row.
  ///   - groups: the group of each row, from 0 on.
  ///   - count: the number of groups.
  ///   - jobs: the most threads, or `nil` for one per processor; the result does not depend on it.
  /// - Returns: for each group the deviation of the intercept, then those of the coefficients in
  ///   order; zeros for a group without rows.
  /// - Throws: `.missingColumn`, and as the fits do.
  /// - Complexity: O(n·p²) a few times.
  /// - SeeAlso: Gelman & Hill, *Data Analysis Using Regression and Multilevel/Hierarchical Models*,
  ///   2007, chapter 14.
  package func groupDeviations(
    _ table: Table, target: [Double], groups: [Int], count: Int, jobs: Int? = nil
  ) throws(RegressionError) -> [[Double]] {
    precondition(family == .logistic, "deviations of a family other than logistic")
    precondition(table.rowCount == target.count && target.count == groups.count)
    var columns: [[Double]] = [[Double](repeating: 1, count: table.rowCount)]
    for term in terms { columns += try term.columns(of: table) }
    let offset = try linearPredictor(table)
    var rows = [[Int]](repeating: [], count: count)
    for (row, group) in groups.enumerated() { rows[group].append(row) }
    var members: [GroupFit] = []
    for own in rows where !own.isEmpty {
      members.append(
        try GroupFit(
          columns.map { column in own.map { column[$0] } }, target: own.map { target[$0] },
          offset: own.map { offset[$0] }))
    }
    let variances = try GroupVariances(members)
    var position = 0
    var deviations: [[Double]] = []
    for own in rows {
      if own.isEmpty {
        deviations.append([Double](repeating: 0, count: columns.count))
        continue
      }
      deviations.append(try members[position].deviations(variances, jobs: jobs))
      position += 1
    }
    return deviations
  }

  /// This model with deviations added to its intercept and coefficients.
  ///
  /// What is known of the coefficients' errors is that of the common fit, so it is left out.
  ///
  /// - Parameter deviations: that of the intercept, then those of the coefficients in order.
  /// - Returns: the model of the group.
  package func adding(_ deviations: [Double]) -> FittedModel {
    precondition(deviations.count == 1 + coefficients.reduce(0) { $0 + $1.count })
    var model = self
    model.intercept += deviations[0]
    var position = 1
    for term in coefficients.indices {
      for column in coefficients[term].indices {
        model.coefficients[term][column] += deviations[position]
        position += 1
      }
    }
    model.standardErrors = []
    model.covariance = []
    return model
  }
}

/// The rows of one group, and what they say at the common fit.
private struct GroupFit {
  let design: Matrix
  let target: [Double]
  let offset: [Double]
  /// The derivatives of the log-likelihood by the deviations, where these are 0.
  let gradient: [Double]
  /// The information there.
  let information: Matrix

  init(_ columns: [[Double]], target: [Double], offset: [Double]) throws(RegressionError) {
    let means = offset.map { ModelFamily.logistic.mean($0) }
    (design, gradient, information) = try wrappingLinearAlgebra {
      () throws(LinearAlgebraError) in
      let design = try Matrix(columns: columns)
      return (
        design, try design.transposedTimes(target.indices.map { target[$0] - means[$0] }),
        try design.gram(weights: means.map { $0 * (1 - $0) })
      )
    }
    self.target = target
    self.offset = offset
  }

  /// The deviations and their variances by one Newton step from the common fit.
  func step(_ variances: GroupVariances) throws(RegressionError) -> (
    deviations: [Double], variances: [Double]
  ) {
    var system = information
    for column in gradient.indices { system[column, column] += 1 / variances[column] }
    let inverse = try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      try equilibratedInverse(system)
    }
    let deviations = gradient.indices.map { row in
      gradient.indices.reduce(0) { $0 + inverse[row, $1] * gradient[$1] }
    }
    return (deviations, inverse.diagonal)
  }

  /// The deviations at the maximum.
  func deviations(_ variances: GroupVariances, jobs: Int?) throws(RegressionError) -> [Double] {
    try GeneralizedLinearModel(
      family: .logistic, penalty: 1, penaltyFactors: gradient.indices.map { 1 / variances[$0] },
      firth: .never, jobs: jobs
    ).fit(design, target, offset: offset, infers: false).coefficients
  }
}

/// How far intercepts and coefficients of groups lie apart.
private struct GroupVariances {
  private var intercept = 0.25
  private var slope = 0.05

  /// Where deviations are hardly any, and where they are as good as free.
  private static let bounds = 1e-6...9.0

  /// The variance of the deviations of a column, of which the first is the intercept.
  subscript(column: Int) -> Double { column == 0 ? intercept : slope }

  /// The variances at which each is what the deviations' squares and freedom say, by fixed-point
  /// steps.
  ///
  /// - SeeAlso: MacKay, *Neural Computation* 4(3), 1992, doi:10.1162/neco.1992.4.3.415.
  init(_ groups: [GroupFit]) throws(RegressionError) {
    for _ in 0..<100 {
      var squares = (intercept: 0.0, slope: 0.0)
      var freedom = (intercept: 0.0, slope: 0.0)
      for group in groups {
        let (deviations, errors) = try group.step(self)
        for column in deviations.indices {
          let square = deviations[column] * deviations[column]
          let free = 1 - errors[column] / self[column]
          if column == 0 {
            squares.intercept += square
            freedom.intercept += free
          } else {
            squares.slope += square
            freedom.slope += free
          }
        }
      }
      let before = self
      intercept = GroupVariances.bounded(squares.intercept, freedom.intercept)
      slope = GroupVariances.bounded(squares.slope, freedom.slope)
      let change = max(abs(log(intercept / before.intercept)), abs(log(slope / before.slope)))
      if change < 0.01 { break }
    }
  }

  private static func bounded(_ squares: Double, _ freedom: Double) -> Double {
    min(max(squares / max(freedom, 1e-9), bounds.lowerBound), bounds.upperBound)
  }
}
