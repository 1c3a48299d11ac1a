import LinearAlgebra

extension HarmonicBasis {
  /// The residual sums of squares of all pairs of penalties for one series, in the order of
  /// ``freedoms``.
  ///
  /// `|y − Xβ|² = y'y − m'β − β'Dβ` at a penalised solution β, with the moments m and the penalties D.
  ///
  /// - Parameters:
  ///   - square: `y'y`.
  ///   - moments: `Xᵀy` of several series, one column each.
  ///   - solutions: the product of ``inverses`` with them.
  ///   - column: the column of the series.
  /// - Returns: the sums, one per pair.
  func residuals(
    square: Double, moments: Matrix, solutions: Matrix, column: Int
  ) -> [Double] {
    let choices = freedoms.count
    let rows = moments.rowCount
    precondition(
      solutions.rowCount == rows * choices && penalties.count == rows * choices
        && column < moments.columnCount && column < solutions.columnCount, "unlike matrices")
    var residuals = [Double](repeating: square, count: choices)
    // Without checks of bounds the inner loop takes several pairs at a time.
    unsafe residuals.withUnsafeMutableBufferPointer { residuals in
      unsafe penalties.withUnsafeBufferPointer { penalties in
        unsafe solutions.columnMajor.withUnsafeBufferPointer { solutions in
          for row in 0..<rows {
            let moment = moments[row, column]
            let first = column * rows * choices + row * choices
            for choice in 0..<choices {
              let value = unsafe solutions[first + choice]
              let penalty = unsafe penalties[row * choices + choice]
              unsafe residuals[choice] -= value * (moment + penalty * value)
            }
          }
        }
      }
    }
    return residuals
  }
}
