import Glibc
import LinearAlgebra

/// Columns of a design that share one penalty, the intercept's being column 0 and in no group.
enum PenaltyGroups {
  /// The groups of main terms: straight lines together, categories of two or three levels together,
  /// each other category by itself, and the bends of each curve by themselves, so that a curve no
  /// one needs becomes a line (D-475).
  ///
  /// - Parameters:
  ///   - terms: the main terms.
  ///   - ranges: the columns of each term, the intercept not counted.
  /// - Returns: the columns of each group, ascending.
  static func main(_ terms: [FittedTerm], _ ranges: [Range<Int>]) -> [[Int]] {
    var lines: [Int] = []
    var levels: [Int] = []
    var others: [[Int]] = []
    for (term, range) in zip(terms, ranges) {
      let columns = range.map { $0 + 1 }
      switch term.state {
      case .spline(_, _, let weights):
        // The first column is the line, those past the basis say that the value was missing.
        lines += columns.prefix(1) + columns.dropFirst(weights.count)
        others.append(Array(columns.prefix(weights.count).dropFirst()))
      case .numeric: lines += columns
      case .categorical where columns.count < 3: levels += columns
      case .categorical, .cyclic, .polynomial, .product, .joint, .modulated:
        others.append(columns)
      }
    }
    return ([lines, levels] + others).filter { !$0.isEmpty }
  }
}

extension PenaltyPath {
  /// What ``groupPenalties(_:start:rounds:)`` found.
  struct GroupPenalties {
    /// One per column; 0 for those in no group.
    var penalties: [Double]
    /// The fit with them.
    var coefficients: [Double]
    /// The curvature of the last steps.
    var curvature: Curvature
  }

  /// The penalties of groups of columns by restricted likelihood: each group's coefficients count
  /// as draws from a normal distribution, whose variance is estimated beside them.
  ///
  /// It starts at ``fixedPenalties``; a round sets a group's penalty to its effective number of
  /// parameters over its sum of squared coefficients.
  ///
  /// - Parameters:
  ///   - groups: columns, each in one group at most.
  ///   - start: the coefficients to begin at.
  ///   - rounds: the most rounds; penalties rarely move after ten.
  /// - Returns: the penalties, and the fit with them.
  /// - Throws: as the fits do.
  /// - Complexity: O(n·p + p³) a round, and O(n·p²) where the fit has moved far.
  /// - SeeAlso: Wood & Fasiolo, *Biometrics* 73(4), 2017, doi:10.1111/biom.12666.
  func groupPenalties(
    _ groups: [[Int]], start: [Double], rounds: Int
  ) throws(RegressionError) -> GroupPenalties {
    var path = self
    var coefficients = start
    var last: Curvature?
    let largest = 1e3 * max(1, weights?.reduce(0, +) ?? Double(design.rowCount))
    for _ in 0..<rounds {
      let (position, curvature) = try path.minimise(
        penalty: 0, start: coefficients, curvature: last)
      coefficients = position
      last = curvature
      let inverse = try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
        try equilibratedInverse(path.penalised(curvature.gram, 0))
      }
      var freedom = groups.map { group in
        group.reduce(Double(group.count)) {
          $0 - path.fixedPenalties[$1] * inverse[$1, $1]
        }
      }
      let scale = try path.scale(coefficients, freedom: freedom.reduce(1, +))
      var change = 0.0
      for (index, group) in groups.enumerated() {
        freedom[index] = max(freedom[index], 1e-9)
        let squares = group.reduce(0) { $0 + coefficients[$1] * coefficients[$1] }
        let penalty = min(max(scale * freedom[index] / max(squares, 1e-300), 1e-3), largest)
        for column in group {
          change = max(change, abs(log(penalty / max(path.fixedPenalties[column], 1e-12))))
          path.fixedPenalties[column] = penalty
        }
      }
      if change < 0.05 { break }
    }
    let (position, curvature) = try path.minimise(penalty: 0, start: coefficients, curvature: last)
    return GroupPenalties(
      penalties: path.fixedPenalties, coefficients: position, curvature: curvature)
  }

  /// The variance of the errors of a linear fit; 1 for the other families.
  private func scale(
    _ coefficients: [Double], freedom: Double
  ) throws(RegressionError) -> Double {
    guard family == .linear else { return 1 }
    let fitted = try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      try design.times(coefficients)
    }
    var squares = 0.0
    for row in fitted.indices {
      let error = target[row] - fitted[row]
      squares += (weights?[row] ?? 1) * error * error
    }
    return squares / max(1, Double(target.count) - freedom)
  }
}
