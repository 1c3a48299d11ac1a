/// How the rows of a fit were distributed, kept in the model to tell later whether rows to score are
/// of another kind.
package struct ModelDrift: Codable, Equatable, Sendable {
  /// A column of the training rows.
  package struct Column: Codable, Equatable, Sendable {
    /// The column's name.
    package var name: String
    /// The bins of numbers; `nil` for texts and for numbers of which there was none.
    package var numbers: DriftReference?
    /// The shares of the texts; `nil` for numbers.
    package var levels: LevelReference?
  }

  /// How far a column, or the score, has moved.
  package struct Finding: Equatable, Sendable {
    /// The column's name; `nil` for the score.
    package var column: String?
    /// The population stability index.
    package var stabilityIndex: Double
    /// The largest difference of the distribution functions; `nil` for texts, which have no order.
    package var largestDistance: Double?
  }

  /// The columns that the terms read, in the order of the terms.
  package var columns: [Column]
  /// What the model said of training rows.
  package var score: DriftReference
  /// The number of training rows in ``columns``.
  package var rowCount: Int
  /// The number of training rows in ``score``.
  package var scoredRowCount: Int

  /// The most rows whose score is binned.
  static let scoredRows = 10_000

  /// The distributions of the training rows of a fitted model.
  ///
  /// Of columns in `ascending` the finite values in order are known. Throws `.missingColumn` where the
  /// table lacks a column.
  init(
    _ model: FittedModel, training table: Table, ascending: [String: [Double]] = [:]
  ) throws(RegressionError) {
    columns = []
    rowCount = table.rowCount
    for name in model.sources {
      guard let column = table[name] else { throw .missingColumn(name) }
      columns.append(Column(name, column, ascending[name]))
    }
    let step = max(1, (table.rowCount + ModelDrift.scoredRows - 1) / ModelDrift.scoredRows)
    let rows = Array(stride(from: 0, to: table.rowCount, by: step))
    scoredRowCount = rows.count
    let sample = rows.count == table.rowCount ? table : table.selecting(rows: rows)
    // The very arithmetic of a prediction: another order of sums would move values that are equal
    // to an edge over it.
    score = try DriftReference(model.predict(sample).map(\.value))
  }

  /// How far the rows of a table are from the training rows: the score, then the columns that moved
  /// most first.
  ///
  /// - Parameters:
  ///   - table: the rows.
  ///   - predictions: what the model says of each.
  /// - Returns: one finding for the score and one per column; none where there are no rows.
  package func findings(_ table: Table, predictions: [Double]) -> [Finding] {
    guard table.rowCount > 0 else { return [] }
    let scored = Finding(
      column: nil,
      stabilityIndex: score.stabilityIndex(predictions, referenceCount: scoredRowCount),
      largestDistance: score.largestDistance(predictions))
    let moved = columns.compactMap { column -> Finding? in
      guard let values = table[column.name] else { return nil }
      if let reference = column.numbers {
        let numbers = values.numbers
        return Finding(
          column: column.name,
          stabilityIndex: reference.stabilityIndex(numbers, referenceCount: rowCount),
          largestDistance: reference.largestDistance(numbers))
      }
      return column.levels.map { levels in
        Finding(
          column: column.name,
          stabilityIndex: levels.stabilityIndex(values.labels, referenceCount: rowCount))
      }
    }
    let order = moved.indices.sorted {
      (moved[$1].stabilityIndex, $0) < (moved[$0].stabilityIndex, $1)
    }
    return [scored] + order.map { moved[$0] }
  }
}

extension ModelDrift.Column {
  init(_ name: String, _ column: TableColumn, _ ascending: [Double]?) {
    switch column {
    case .numbers(let values):
      self.init(
        name: name, numbers: try? DriftReference(values, ascending: ascending), levels: nil)
    case .texts: self.init(name: name, numbers: nil, levels: LevelReference(column.labels))
    }
  }
}

/// How texts were distributed once: the most frequent by themselves, the rest together.
package struct LevelReference: Codable, Equatable, Sendable {
  /// The share of each of the most frequent texts.
  package let shares: [String: Double]
  /// The share of all other texts.
  package let otherShare: Double
  /// The share of missing values.
  package let missingShare: Double

  /// The distribution of texts, `nil` where missing; at most `count` have a share of their own.
  package init(_ labels: [String?], most count: Int = 40) {
    let (counts, missing) = LevelReference.counts(labels)
    let total = Double(max(1, labels.count))
    let kept = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(count)
    shares = Dictionary(
      kept.map { ($0.key, Double($0.value) / total) }, uniquingKeysWith: { first, _ in first })
    otherShare = Double(counts.values.reduce(0, +) - kept.reduce(0) { $0 + $1.value }) / total
    missingShare = Double(missing) / total
  }

  /// The population stability index of newer texts, as ``DriftReference`` has it of numbers.
  package func stabilityIndex(_ labels: [String?], referenceCount: Int) -> Double {
    guard !labels.isEmpty, referenceCount > 0 else { return 0 }
    let (counts, missing) = LevelReference.counts(labels)
    let total = Double(labels.count)
    var pairs = [(missingShare, Double(missing) / total)]
    var known = 0
    for (level, share) in shares.sorted(by: { $0.key < $1.key }) {
      known += counts[level] ?? 0
      pairs.append((share, Double(counts[level] ?? 0) / total))
    }
    pairs.append((otherShare, Double(labels.count - missing - known) / total))
    return populationStability(
      pairs, referenceCount: referenceCount, newerCount: labels.count)
  }

  private static func counts(_ labels: [String?]) -> (levels: [String: Int], missing: Int) {
    var counts: [String: Int] = [:]
    var missing = 0
    for label in labels {
      if let label { counts[label, default: 0] += 1 } else { missing += 1 }
    }
    return (counts, missing)
  }
}
