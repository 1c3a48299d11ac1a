import Glibc
import LinearAlgebra

/// Numbers in the units of the table, instead of standardised ones (D-480).
extension FittedTerm {
  /// Sizes beyond whose inverse squares would leave the range of a double.
  private static let sizes = 1e-70...1e70

  /// The term with its number, or the powers of it, as they are; others stay what they are, and so
  /// does a number so large or small that its coefficient's variance would not fit a double.
  ///
  /// Throws `.missingColumn` where the table of training rows lacks a column.
  func inOwnUnits(_ table: Table) throws(RegressionError) -> FittedTerm {
    var own = self
    switch state {
    case .numeric(let preparation, _, _):
      guard FittedTerm.fits(preparation, power: 1) else { return self }
      own.state = .numeric(preparation, mean: 0, deviation: 1)
    case .polynomial(let preparation, _, _, let degree):
      guard FittedTerm.fits(preparation, power: degree) else { return self }
      own.state = .polynomial(preparation, mean: 0, deviation: 1, degree: degree)
    default:
      return self
    }
    own.means = try own.columns(of: table).map { column in
      column.isEmpty ? 0 : column.reduce(0, +) / Double(column.count)
    }
    return own
  }

  private static func fits(_ preparation: NumericPreparation, power: Int) -> Bool {
    let size = max(abs(preparation.lower), abs(preparation.upper))
    return sizes.contains(size) && sizes.contains(pow(size, Double(power)))
  }

  /// Whether its numbers are standardised; `nil` where it has none.
  package var isStandardised: Bool? {
    switch state {
    case .numeric(_, let mean, let deviation), .polynomial(_, let mean, let deviation, _):
      mean != 0 || deviation != 1
    default: nil
    }
  }

  /// What is to be added to the columns of the term, where they are known to more than a double's
  /// digits: the rest of powers.
  ///
  /// `nil` where there is nothing.
  func lowParts(of table: Table) throws(RegressionError) -> [[Double]]? {
    guard case .polynomial(let preparation, let mean, let deviation, let degree) = state,
      degree > 1
    else { return nil }
    guard let source = table[name] else { throw .missingColumn(name) }
    let column = source.numbers.map { (preparation.prepared($0) - mean) / deviation }
    let rest = polynomialColumns(of: column, degree: degree).low
    return preparation.hasIndicator
      ? rest + [[Double](repeating: 0, count: table.rowCount)] : rest
  }

  /// How coefficients of the standardised columns become those of columns in own units: for each of
  /// the former what it adds to the intercept, then to each of the latter; `nil` where nothing
  /// changes.
  ///
  /// A power is a sum by the binomial theorem: ((x − m)/s)ᵏ = Σⱼ C(k, j) xʲ (−m)ᵏ⁻ʲ / sᵏ.
  func unitChange() -> [[Double]]? {
    let (mean, deviation, degree, hasIndicator): (Double, Double, Int, Bool)
    switch state {
    case .numeric(let preparation, let m, let s):
      (mean, deviation, degree, hasIndicator) = (m, s, 1, preparation.hasIndicator)
    case .polynomial(let preparation, let m, let s, let d):
      (mean, deviation, degree, hasIndicator) = (m, s, d, preparation.hasIndicator)
    default:
      return nil
    }
    let width = degree + (hasIndicator ? 1 : 0)
    var changes: [[Double]] = []
    var last = [1.0]
    for power in 1...degree {
      // The next power is the last one times (x − m)/s.
      var next = [Double](repeating: 0, count: power + 1)
      for (exponent, value) in last.enumerated() {
        next[exponent] -= value * mean / deviation
        next[exponent + 1] += value / deviation
      }
      last = next
      changes.append(next + [Double](repeating: 0, count: width - power))
    }
    if hasIndicator {
      changes.append([Double](repeating: 0, count: width) + [1])
    }
    return changes
  }
}

extension ModelFit {
  /// A fit of standardised numbers in the units of the table: the same model, told otherwise.
  ///
  /// A term stays standardised where one of its columns yielded to others.
  func inOwnUnits(
    _ solution: Solution, _ layout: DesignLayout, aliased: [Int]
  ) throws(RegressionError) -> Solution {
    var result = solution
    let width = layout.design.columnCount
    var change = Matrix.identity(width)
    var transposed = change
    let dropped = Set(aliased)
    for (index, term) in layout.terms.enumerated() {
      let columns = layout.ranges[index].map { $0 + 1 }
      guard !columns.contains(where: dropped.contains) else { continue }
      let own = try term.inOwnUnits(table)
      guard own != term, let parts = term.unitChange() else { continue }
      result.terms[index] = own
      for (column, part) in zip(columns, parts) {
        for (row, value) in zip([0] + columns, part) {
          change[row, column] = value
          transposed[column, row] = value
        }
      }
    }
    guard result.terms != solution.terms else { return solution }
    let (map, back) = (change, transposed)
    return try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      result.coefficients = try map.times(solution.coefficients)
      if let covariance = solution.covariance {
        result.covariance = try map.times(covariance).times(back)
      }
      return result
    }
  }

  /// The columns of terms after one of ones, and what is to be added to them where they are known to
  /// more than a double's digits.
  func exactDesign(
    _ terms: [FittedTerm]
  ) throws(RegressionError) -> (high: Matrix, low: Matrix?) {
    let high = try DesignLayout(terms, table).design
    var low: Matrix?
    var next = 1
    for term in terms {
      let width = term.columnNames.count
      if let parts = try term.lowParts(of: table) {
        var rest =
          low ?? Matrix(zeroRowCount: table.rowCount, columnCount: high.columnCount)
        for (place, column) in parts.enumerated() {
          for (row, value) in column.enumerated() { rest[row, next + place] = value }
        }
        low = rest
      }
      next += width
    }
    return (high, low)
  }
}
