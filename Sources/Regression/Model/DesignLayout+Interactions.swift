import LinearAlgebra

extension DesignLayout {
  /// The terms whose columns interactions are made of: those that vary most.
  private static let strongTerms = 6
  /// The most columns of interactions.
  private static let mostColumns = 300
  /// The most numbers that their columns hold.
  private static let mostCells = 30_000_000

  /// Adds the columns of the strongest terms, each times the contribution of every other term, as
  /// long as there is room (D-475).
  ///
  /// No pair is chosen by how well it fits: the loss on rows left out would no longer tell whether
  /// interactions help, since the rows had been looked at before.
  ///
  /// - Parameter coefficients: those of the main terms, the intercept first.
  /// - Returns: the columns of the design that each of the strong terms has, for a penalty each.
  /// - Throws: `.linearAlgebra` where a column does not fit the design.
  mutating func addInteractions(
    coefficients: [Double]
  ) throws(RegressionError) -> [[Int]] {
    let mainCount = terms.count
    let effects = (0..<mainCount).map { moments(contribution($0, coefficients)) }
    var room = min(
      DesignLayout.mostColumns, design.rowCount / 10,
      DesignLayout.mostCells / max(1, design.rowCount))
    let ranked = (0..<mainCount).filter { effects[$0].deviation > 1e-8 }
      .sorted { (effects[$1].deviation, $0) < (effects[$0].deviation, $1) }
    let pairs = interactionPairs(ranked, room: &room)
    design.reserveColumns(
      design.columnCount + pairs.reduce(0) { $0 + ranges[$1.strong].count })
    var groups: [Int: [Int]] = [:]
    for (strong, other) in pairs {
      let (mean, deviation) = effects[other]
      let standardised = contribution(other, coefficients).map { ($0 - mean) / deviation }
      let effect = FittedTerm.FittedEffect(
        term: terms[other], coefficients: ranges[other].map { coefficients[$0 + 1] }, mean: mean,
        deviation: deviation)
      let first = design.columnCount
      try add(product(strong, effect, standardised))
      groups[strong, default: []] += Array(first..<design.columnCount)
    }
    return ranked.compactMap { groups[$0] }
  }

  /// The pairs there is room for, those of the strongest term first.
  private func interactionPairs(
    _ ranked: [Int], room: inout Int
  ) -> [(strong: Int, other: Int)] {
    var pairs: [(strong: Int, other: Int)] = []
    for strong in ranked.prefix(DesignLayout.strongTerms) {
      for other in ranked where other != strong && ranges[strong].count <= room {
        room -= ranges[strong].count
        pairs.append((strong, other))
      }
    }
    return pairs
  }

  /// The columns of a term, each less its mean, times the standardised contribution of another.
  ///
  /// Those of a curve count alike however fast they turn; a level counts by how many rows have it.
  private func product(
    _ strong: Int, _ effect: FittedTerm.FittedEffect, _ standardised: [Double]
  ) -> (FittedTerm, [[Double]]) {
    let term = terms[strong]
    var scales: [Double] = []
    var columns: [[Double]] = []
    for (index, column) in ranges[strong].enumerated() {
      var values = design.column(column + 1)
      let deviation = moments(values).deviation
      let scale = term.isCategorical || deviation == 0 ? 1 : deviation
      let mean = term.means[index]
      for row in values.indices {
        values[row] = (values[row] - mean) / scale * standardised[row]
      }
      scales.append(scale)
      columns.append(values)
    }
    let product = FittedTerm(
      name: "\(term.name):\(effect.term.name)",
      state: .modulated(term, scales: scales, by: effect),
      means: columns.map { $0.reduce(0, +) / Double(max(1, $0.count)) })
    return (product, columns)
  }

  /// What a term adds to the predictor, one value per row.
  private func contribution(_ index: Int, _ coefficients: [Double]) -> [Double] {
    var sum = [Double](repeating: 0, count: design.rowCount)
    for column in ranges[index] {
      let coefficient = coefficients[column + 1]
      design.withColumn(column + 1) { values in
        for row in sum.indices { sum[row] += values[row] * coefficient }
      }
    }
    return sum
  }
}
