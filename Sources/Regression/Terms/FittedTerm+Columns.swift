import Glibc
import LinearAlgebra

/// What the columns of a category have in a row.
private enum LevelPlace {
  /// 1 in one of them.
  case column(Int)
  /// 0 in all.
  case none
  /// Their means.
  case means
}

extension FittedTerm {
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
      var column = preparation.prepared(values)
      for row in column.indices { column[row] = (column[row] - mean) / deviation }
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
      let (codes, labels) = source.coded
      // A level never seen says nothing: it has the mean effect, and so has an unexpected gap.
      let places = labels.map { label -> LevelPlace in
        if let position = positions[label] { return .column(position) }
        if label == reference { return .none }
        return poolsOthers ? .column(levels.count) : .means
      }
      let gap = hasMissing ? LevelPlace.column(width - 1) : .means
      for (row, code) in codes.enumerated() {
        switch code < 0 ? gap : places[Int(code)] {
        case .column(let position): columns[position][row] = 1
        case .none: break
        case .means:
          for column in 0..<min(width, means.count) { columns[column][row] = means[column] }
        }
      }
      return columns
    case .cyclic(let period, let harmonics, let hasMissing):
      let values = try numbers()
      var columns: [[Double]] = []
      let factor = 2 * Double.pi / period
      let sines = values.map { $0.isFinite ? sin(factor * $0) : 0 }
      let cosines = values.map { $0.isFinite ? cos(factor * $0) : 0 }
      columns += [sines, cosines]
      for harmonic in stride(from: 1, to: harmonics, by: 1) {
        // By the sum of angles, since a sine of each harmonic takes several times as long.
        let (lastSines, lastCosines) = (columns[2 * harmonic - 2], columns[2 * harmonic - 1])
        columns.append(
          values.indices.map { lastSines[$0] * cosines[$0] + lastCosines[$0] * sines[$0] })
        columns.append(
          values.indices.map { lastCosines[$0] * cosines[$0] - lastSines[$0] * sines[$0] })
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
    case .modulated(let term, let scales, let effect):
      let factors = try effect.values(table)
      var columns = try term.columns(of: table)
      for index in columns.indices {
        let mean = term.means[index]
        let scale = scales[index]
        for row in factors.indices {
          columns[index][row] = (columns[index][row] - mean) / scale * factors[row]
        }
      }
      return columns
    }
  }

  /// What an interaction keeps of one of its two terms: the contribution, standardised.
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
    case .modulated(let term, _, let effect):
      return term.columnNames.map { "\($0):\(effect.term.name)" }
    }
  }

  /// Whether this is an interaction that was found, not declared.
  package var isJoint: Bool {
    switch state {
    case .joint, .modulated: true
    default: false
    }
  }

  /// Whether it is a curve.
  var isCurve: Bool {
    if case .spline = state { true } else { false }
  }

  /// Whether its columns are levels.
  var isCategorical: Bool {
    if case .categorical = state { true } else { false }
  }

  /// The columns of the table the term reads.
  package var sources: [String] {
    switch state {
    case .product(let left, let right): left.sources + right.sources
    case .joint(let left, let right): left.term.sources + right.term.sources
    case .modulated(let term, _, let effect): term.sources + effect.term.sources
    default: [name]
    }
  }
}
