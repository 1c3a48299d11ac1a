import Glibc
import LinearAlgebra

/// A term with all that scoring a new row takes.
package struct FittedTerm: Codable, Equatable, Sendable {
  /// What a term learnt from the training rows.
  package enum State: Codable, Equatable, Sendable {
    /// Standardised: less the mean, over the deviation; those are 0 and 1 for a number as it is.
    case numeric(NumericPreparation, mean: Double, deviation: Double)
    /// A natural spline: the knots of the prepared number, and for each column its weights of the
    /// raw basis, a constant first.
    case spline(NumericPreparation, knots: [Double], weights: [[Double]])
    /// The levels with a column, the level without one, whether others are pooled into a column of
    /// their own, and whether missing values have one.
    case categorical(levels: [String], reference: String?, poolsOthers: Bool, hasMissing: Bool)
    /// Harmonics of a period; missing values have zeros and a column if the training rows had.
    case cyclic(period: Double, harmonics: Int, hasMissing: Bool)
    /// Powers of the standardised number, or with 0 and 1 of the number as it is.
    case polynomial(NumericPreparation, mean: Double, deviation: Double, degree: Int)
    /// The products of columns of two terms.
    indirect case product(FittedTerm, FittedTerm)
    /// The product of the standardised contributions of two terms.
    indirect case joint(FittedEffect, FittedEffect)
    /// The columns of a term, each less its mean and over its scale, times the standardised
    /// contribution of another term.
    indirect case modulated(FittedTerm, scales: [Double], by: FittedEffect)
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
  ///   - ascending: the finite values of the term's column in order, where they are known.
  /// - Throws: `.missingColumn`; `.unusableColumn` for a column with no value, with one value, or
  ///   of texts where numbers are needed.
  package init(
    _ specification: TermSpecification, training table: Table, ascending: [Double]? = nil
  ) throws(RegressionError) {
    self = try FittedTerm.learned(specification, training: table, ascending: ascending).term
  }

  /// A term learned from training rows, and its columns of them; as ``init(_:training:ascending:)``.
  static func learned(
    _ specification: TermSpecification, training table: Table, ascending: [Double]? = nil
  ) throws(RegressionError) -> (term: FittedTerm, columns: [[Double]]) {
    var term = FittedTerm(
      name: specification.name, state: try learn(specification, table, ascending), means: [])
    let columns = try term.columns(of: table)
    term.means = columns.map { column in
      column.isEmpty ? 0 : column.reduce(0, +) / Double(column.count)
    }
    return (term, columns)
  }

  /// A term of the given parts.
  init(name: String, state: State, means: [Double]) {
    self.name = name
    self.state = state
    self.means = means
  }

  private static func learn(
    _ specification: TermSpecification, _ table: Table, _ ascending: [Double]?
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
        values, takesLogarithm: specification.takesLogarithm,
        winsorises: specification.winsorises, ascending: ascending)
      return (preparation, preparation.prepared(values))
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
      let weights = orthogonalWeights(rawSplines(values, knots))
      guard knots.count >= slopePenaltyKnots else {
        return .spline(preparation, knots: knots, weights: weights)
      }
      return .spline(
        preparation, knots: knots, weights: try bendsBySlope(weights, knots: knots))
    case .categorical(let minimumCount, let maximumLevels):
      let (codes, labels) = try column(specification.column).coded
      var rows = [Int](repeating: 0, count: labels.count)
      var missing = 0
      for code in codes {
        if code < 0 { missing += 1 } else { rows[Int(code)] += 1 }
      }
      let counts = Dictionary(
        zip(labels, rows).filter { $0.1 > 0 }, uniquingKeysWith: { $0 + $1 })
      guard !counts.isEmpty else {
        throw .unusableColumn(specification.column, "it has no value")
      }
      let ranked = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      let frequent = ranked.prefix(maximumLevels + 1).filter { $0.value >= minimumCount }
      let kept = frequent.isEmpty ? Array(ranked.prefix(1)) : Array(frequent)
      let pooled = codes.count - missing - kept.reduce(0) { $0 + $1.value }
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
}
