package import LinearAlgebra

/// The mean log-loss of a penalised logistic regression on rows left out, for each of several
/// penalties in descending order, as a model's penalty is chosen by it (D-302).
///
/// Each row of 10,000 at most is left out by one Newton step from the fit of all rows. The list ends
/// early once the loss has clearly turned up again.
///
/// - Parameters:
///   - design: one row per observation; the first column has no penalty if its factor is 0.
///   - outcomes: 0 or 1, one per row.
///   - penalties: descending.
///   - penaltyFactors: one per column.
///   - jobs: the most threads; the result does not depend on it.
/// - Returns: one loss per penalty.
/// - Throws: as ``GeneralizedLinearModel`` does.
package func logisticPathLosses(
  _ design: Matrix, _ outcomes: [Double], penalties: [Double], penaltyFactors: [Double],
  jobs: Int? = nil
) throws(RegressionError) -> [Double] {
  guard outcomes.count == design.rowCount else {
    throw .shapeMismatch(designRows: design.rowCount, otherRows: outcomes.count)
  }
  guard penaltyFactors.count == design.columnCount else {
    throw .penaltyFactorCount(columns: design.columnCount, factors: penaltyFactors.count)
  }
  let path = PenaltyPath(
    family: .logistic, design: design, target: outcomes, weights: nil,
    penaltyFactors: penaltyFactors, fixedPenalties: penaltyFactors.map { _ in 0 }, jobs: jobs,
    judgedRows: 10_000)
  return try path.points(
    penalties: penalties, start: [Double](repeating: 0, count: design.columnCount)
  ).map(\.loss)
}
