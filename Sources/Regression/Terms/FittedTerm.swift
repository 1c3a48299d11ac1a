import Glibc
import LinearAlgebra

/// A term with all that scoring a new row takes.
package struct FittedTerm: Codable, Equatable, Sendable {
  /// What a term learnt from the training rows.
  package enum State: Codable, Equatable, Sendable {
    /// Standardised: less the mean, over the deviation.
    case numeric(NumericPreparation, mean: Double, deviation: Double)
    /// A natural spline: the knots of the prepared number, and for each column its weights of the
    /// raw basis, a constant first.
    case spline(NumericPreparation, knots: [Double], weights: [[Double]])
    /// The levels with a column, the level without one, whether others are pooled into a column of
    /// their own, and whether missing values have one.
    case categorical(levels: [String], reference: String?, poolsOthers: Bool, hasMissing: Bool)
    /// Harmonics of a period; missing values have zeros and a column if the training rows had.
    case cyclic(period: Double, harmonics: Int, hasMissing: Bool)
    /// Powers of the standardised number.
    case polynomial(NumericPreparation, mean: Double, deviation: Double, degree: Int)
    /// The products of columns of two terms.
    indirect case product(FittedTerm, FittedTerm)
    /// The product of the standardised contributions of two terms.
    indirect case joint(FittedEffect, FittedEffect)
  }

  /// How the term is called.
  package var name: String
  /// What it learnt.
  package var state: State
  /// The means of its columns over the training rows.
  package var means: [Double]

  /// Learns a term from training rows.
  ///
  /// - Parameters:
  ///   - specification: the term.
  ///   - table: the training rows.
  /// - Throws: `.missingColumn`; `.unusableColumn` for a column with no value, with one value, or
  ///   of texts where numbers are needed.
  package init(
    _ specification: TermSpecification, training table: Table
  ) throws(RegressionError) {
    name = specification.name
    means = []
    state = try FittedTerm.learn(specification, table)
    means = try columns(of: table).map { column in
      column.isEmpty ? 0 : column.reduce(0, +) / Double(column.count)
    }
  }

  /// A term of the given parts.
  init(name: String, state: State, means: [Double]) {
    self.name = name
    self.state = state
    self.means = means
  }

  private static func learn(
    _ specification: TermSpecification, _ table: Table
  ) throws(RegressionError) -> State {
    func column(_ name: String) throws(RegressionError) -> TableColumn {
      guard let column = table[name] else { throw .missingColumn(name) }
      return column
    }
    func prepared() throws(RegressionError) -> (NumericPreparation, [Double]) {
      let name = specification.column
      let source = try column(name)
      let values = source.numbers
      if case .texts(_, let levels) = source,
        levels.contains(where: { Double($0) == nil })
      {
        throw .unusableColumn(name, "it holds texts, and the term needs numbers")
      }
      guard values.contains(where: \.isFinite) else {
        throw .unusableColumn(name, "it has no value")
      }
      let preparation = NumericPreparation(
        values, takesLogarithm: specification.takesLogarithm, winsorises: specification.winsorises)
      return (preparation, values.map { preparation.prepared($0) })
    }
    switch specification.kind {
    case .numeric:
      let (preparation, values) = try prepared()
      let (mean, deviation) = moments(values)
      guard deviation > 0 || preparation.hasIndicator else {
        throw .unusableColumn(specification.column, "all its values are equal")
      }
      return .numeric(preparation, mean: mean, deviation: deviation > 0 ? deviation : 1)
    case .polynomial(let degree):
      let (preparation, values) = try prepared()
      let (mean, deviation) = moments(values)
      guard deviation > 0 else {
        throw .unusableColumn(specification.column, "all its values are equal")
      }
      return .polynomial(preparation, mean: mean, deviation: deviation, degree: degree)
    case .spline(let knotCount):
      let (preparation, values) = try prepared()
      let (mean, deviation) = moments(values)
      guard deviation > 0 else {
        throw .unusableColumn(specification.column, "all its values are equal")
      }
      let sorted = values.sorted()
      var knots: [Double] = []
      for index in 0..<knotCount {
        // The outer knots stand at 2.5 % and 97.5 %: beyond them a natural spline is a line.
        let share = 0.025 + 0.95 * Double(index) / Double(max(1, knotCount - 1))
        let knot = quantile(sorted, share)
        if let last = knots.last, knot - last <= 1e-6 * deviation { continue }
        knots.append(knot)
      }
      guard knots.count >= 3 else {
        return .numeric(preparation, mean: mean, deviation: deviation)
      }
      return .spline(
        preparation, knots: knots,
        weights: orthogonalWeights(rawSplines(values, knots)))
    case .categorical(let minimumCount, let maximumLevels):
      let labels = try column(specification.column).labels
      var counts: [String: Int] = [:]
      var missing = 0
      for label in labels {
        if let label { counts[label, default: 0] += 1 } else { missing += 1 }
      }
      guard !counts.isEmpty else {
        throw .unusableColumn(specification.column, "it has no value")
      }
      let ranked = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      let frequent = ranked.prefix(maximumLevels + 1).filter { $0.value >= minimumCount }
      let kept = frequent.isEmpty ? Array(ranked.prefix(1)) : Array(frequent)
      let pooled = labels.count - missing - kept.reduce(0) { $0 + $1.value }
      return .categorical(
        levels: kept.dropFirst().map(\.key).sorted(), reference: kept[0].key,
        poolsOthers: pooled > 0, hasMissing: missing > 0)
    case .cyclic(let period, let harmonics):
      let values = try column(specification.column).numbers
      guard values.contains(where: \.isFinite) else {
        throw .unusableColumn(specification.column, "it has no number")
      }
      return .cyclic(
        period: period, harmonics: harmonics, hasMissing: values.contains { !$0.isFinite })
    case .interaction(let left, let right):
      return .product(
        try FittedTerm(defaultTerm(for: left, table), training: table),
        try FittedTerm(defaultTerm(for: right, table), training: table))
    }
  }

  private static func defaultTerm(
    for name: String, _ table: Table
  ) throws(RegressionError) -> TermSpecification {
    guard let column = table[name] else { throw .missingColumn(name) }
    if case .numbers = column { return TermSpecification(column: name, kind: .numeric) }
    return TermSpecification(
      column: name, kind: .categorical(minimumCount: 1, maximumLevels: 50))
  }

  /// The columns of the term for the rows of a table.
  ///
  /// Throws `.missingColumn` where the table lacks a column.
  package func columns(of table: Table) throws(RegressionError) -> [[Double]] {
    func numbers() throws(RegressionError) -> [Double] {
      guard let column = table[name] else { throw .missingColumn(name) }
      return column.numbers
    }
    func indicator(_ values: [Double]) -> [Double] { values.map { $0.isNaN ? 1 : 0 } }
    switch state {
    case .numeric(let preparation, let mean, let deviation):
      let values = try numbers()
      let column = values.map { (preparation.prepared($0) - mean) / deviation }
      return preparation.hasIndicator ? [column, indicator(values)] : [column]
    case .polynomial(let preparation, let mean, let deviation, let degree):
      let values = try numbers()
      let column = values.map { (preparation.prepared($0) - mean) / deviation }
      let powers = polynomialColumns(of: column, degree: degree).high
      return preparation.hasIndicator ? powers + [indicator(values)] : powers
    case .spline(let preparation, let knots, let weights):
      let values = try numbers()
      let raw = rawSplines(values.map { preparation.prepared($0) }, knots)
      var columns = weights.map { weights in
        var column = [Double](repeating: weights[0], count: values.count)
        for (index, source) in raw.enumerated() {
          let weight = weights[index + 1]
          guard weight != 0 else { continue }
          for row in column.indices { column[row] += weight * source[row] }
        }
        return column
      }
      if preparation.hasIndicator { columns.append(indicator(values)) }
      return columns
    case .categorical(let levels, let reference, let poolsOthers, let hasMissing):
      guard let source = table[name] else { throw .missingColumn(name) }
      let width = levels.count + (poolsOthers ? 1 : 0) + (hasMissing ? 1 : 0)
      var columns = [[Double]](
        repeating: [Double](repeating: 0, count: table.rowCount), count: width)
      let positions = Dictionary(
        levels.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
      for (row, label) in source.labels.enumerated() {
        if let label {
          if let position = positions[label] {
            columns[position][row] = 1
          } else if label != reference {
            if poolsOthers {
              columns[levels.count][row] = 1
            } else {
              // A level never seen says nothing: it has the mean effect.
              for column in 0..<min(width, means.count) { columns[column][row] = means[column] }
            }
          }
        } else if hasMissing {
          columns[width - 1][row] = 1
        } else {
          for column in 0..<min(width, means.count) { columns[column][row] = means[column] }
        }
      }
      return columns
    case .cyclic(let period, let harmonics, let hasMissing):
      let values = try numbers()
      var columns: [[Double]] = []
      for harmonic in 1...max(1, harmonics) {
        let factor = 2 * Double.pi * Double(harmonic) / period
        columns.append(values.map { $0.isFinite ? sin(factor * $0) : 0 })
        columns.append(values.map { $0.isFinite ? cos(factor * $0) : 0 })
      }
      if hasMissing { columns.append(values.map { $0.isFinite ? 0 : 1 }) }
      return columns
    case .product(let left, let right):
      let leftColumns = try left.columns(of: table)
      let rightColumns = try right.columns(of: table)
      return leftColumns.flatMap { first in
        rightColumns.map { second in first.indices.map { first[$0] * second[$0] } }
      }
    case .joint(let left, let right):
      let factors = try left.values(table)
      var column = try right.values(table)
      for row in column.indices { column[row] *= factors[row] }
      return [column]
    }
  }

  /// What a joint term keeps of one of its two: the contribution, standardised.
  package struct FittedEffect: Codable, Equatable, Sendable {
    /// The term.
    package var term: FittedTerm
    /// One coefficient per column of the term.
    package var coefficients: [Double]
    /// The mean of its contribution over the training rows.
    package var mean: Double
    /// The deviation of its contribution over the training rows.
    package var deviation: Double

    /// The standardised contribution, one value per row.
    func values(_ table: Table) throws(RegressionError) -> [Double] {
      try term.contribution(of: table, coefficients: coefficients).map { ($0 - mean) / deviation }
    }
  }

  /// The sum of the term's columns times their coefficients, one value per row.
  package func contribution(
    of table: Table, coefficients: [Double]
  ) throws(RegressionError) -> [Double] {
    var sum = [Double](repeating: 0, count: table.rowCount)
    for (column, coefficient) in zip(try columns(of: table), coefficients) {
      for row in sum.indices { sum[row] += column[row] * coefficient }
    }
    return sum
  }

  /// The names of the columns, one per coefficient.
  package var columnNames: [String] {
    switch state {
    case .numeric(let preparation, _, _):
      return [name] + (preparation.hasIndicator ? ["\(name) missing"] : [])
    case .polynomial(let preparation, _, _, let degree):
      return (1...max(1, degree)).map { $0 == 1 ? name : "\(name)^\($0)" }
        + (preparation.hasIndicator ? ["\(name) missing"] : [])
    case .spline(let preparation, _, let weights):
      return weights.indices.map { $0 == 0 ? "\(name) linear" : "\(name) curve \($0)" }
        + (preparation.hasIndicator ? ["\(name) missing"] : [])
    case .categorical(let levels, _, let poolsOthers, let hasMissing):
      return levels.map { "\(name)=\($0)" } + (poolsOthers ? ["\(name)=(other)"] : [])
        + (hasMissing ? ["\(name)=(missing)"] : [])
    case .cyclic(_, let harmonics, let hasMissing):
      return (1...max(1, harmonics)).flatMap { ["\(name) sin \($0)", "\(name) cos \($0)"] }
        + (hasMissing ? ["\(name) missing"] : [])
    case .product(let left, let right):
      return left.columnNames.flatMap { first in right.columnNames.map { "\(first):\($0)" } }
    case .joint(let left, let right):
      return ["\(left.term.name):\(right.term.name)"]
    }
  }

  /// Whether this is an interaction that was found, not declared.
  package var isJoint: Bool {
    if case .joint = state { true } else { false }
  }

  /// The columns of the table the term reads.
  package var sources: [String] {
    switch state {
    case .product(let left, let right): left.sources + right.sources
    case .joint(let left, let right): left.term.sources + right.term.sources
    default: [name]
    }
  }
}

/// The natural cubic spline basis of values: the values themselves and one column per knot but the
/// last two.
///
/// - SeeAlso: Hastie, Tibshirani & Friedman, *The Elements of Statistical Learning*, 2nd edition,
///   section 5.2.1.
func rawSplines(_ values: [Double], _ knots: [Double]) -> [[Double]] {
  let first = knots[0]
  let width = knots[knots.count - 1] - first
  let positions = knots.map { ($0 - first) / width }
  let last = positions.count - 1
  let scaled = values.map { ($0 - first) / width }
  func slopes(_ index: Int) -> [Double] {
    let start = positions[index]
    let end = positions[last]
    return scaled.map { value in
      let left = max(0, value - start)
      let right = max(0, value - end)
      return (left * left * left - right * right * right) / (end - start)
    }
  }
  let reference = slopes(last - 1)
  return [scaled]
    + (0..<(last - 1)).map { index in
      var column = slopes(index)
      for row in column.indices { column[row] -= reference[row] }
      return column
    }
}

/// Weights that make columns of mean 0 and deviation 1, each uncorrelated with those before, out
/// of a raw basis; a constant comes first.
private func orthogonalWeights(_ basis: [[Double]]) -> [[Double]] {
  let width = basis.count
  let rows = basis.first ?? []
  let count = Double(rows.count)
  var columns = basis
  var weights = (0..<width).map { column in
    (0...width).map { $0 == column + 1 ? 1.0 : 0.0 }
  }
  var kept: [Int] = []
  for column in 0..<width {
    let original = moments(columns[column]).deviation
    let mean = columns[column].reduce(0, +) / count
    for row in rows.indices { columns[column][row] -= mean }
    weights[column][0] -= mean
    // Twice, since one round leaves rounding errors of near-collinear columns behind.
    for _ in 0..<2 {
      for other in kept {
        var product = 0.0
        for row in rows.indices { product += columns[column][row] * columns[other][row] }
        product /= count
        for row in rows.indices { columns[column][row] -= product * columns[other][row] }
        for index in weights[column].indices {
          weights[column][index] -= product * weights[other][index]
        }
      }
    }
    let deviation =
      (columns[column].reduce(0) { $0 + $1 * $1 } / count).squareRoot()
    guard deviation > 1e-5 * original, original > 0 else { continue }
    for row in rows.indices { columns[column][row] /= deviation }
    for index in weights[column].indices { weights[column][index] /= deviation }
    kept.append(column)
  }
  return kept.map { weights[$0] }
}
