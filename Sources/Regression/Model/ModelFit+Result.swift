import LinearAlgebra

extension ModelFit {
  /// The exact fit at the chosen penalties, with errors, calibration and scores.
  mutating func finish(
    _ layout: DesignLayout, _ main: Choice, _ best: Choice, _ interactionPenalty: Double?
  ) throws(RegressionError) -> FittedModel {
    let solution = try solved(layout, best)
    let covariance = solution.covariance
    var raw = best.leftOut
    var outcomes = best.judged.map { target.values[$0] }
    if family == .linear, let offset {
      for (position, row) in best.judged.enumerated() {
        raw[position] += offset[row]
        outcomes[position] += offset[row]
      }
    }
    var calibration = Calibration.identity
    if family == .logistic, specification.calibrates, !solution.separated, raw.count >= 500 {
      let candidate = try Calibration.fitted(raw: raw, outcomes: outcomes)
      let gains = raw.indices.map { row in
        ModelFamily.logistic.loss(outcomes[row], raw[row])
          - ModelFamily.logistic.loss(outcomes[row], candidate.logOdds(raw[row]))
      }
      if exceedsOneStandardError(gains) { calibration = candidate }
    }
    let predicted = raw.map { family.mean(calibration.logOdds($0)) }
    let errors =
      family == .linear
      ? outcomes.indices.map { abs(outcomes[$0] - predicted[$0]) }.sorted() : []
    let small = layout.design.columnCount <= 200
    return FittedModel(
      specification: specification, family: family, positive: target.positive,
      intercept: solution.coefficients[0], terms: solution.terms,
      coefficients: layout.ranges.map { range in range.map { solution.coefficients[$0 + 1] } },
      standardErrors: covariance.map { $0.diagonal.map { max(0, $0).squareRoot() } } ?? [],
      covariance: small ? covariance.map(lowerTriangle) ?? [] : [],
      penalty: main.penalty * (main.factors.dropFirst().min() ?? 1),
      interactionPenalty: interactionPenalty,
      penalties: best.factors.dropFirst().map { $0 * best.penalty },
      effectiveParameters: solution.effectiveParameters,
      likelihoodRatios: solution.likelihoodRatios, leastSquares: solution.leastSquares,
      calibration: calibration,
      absoluteErrors: errors.isEmpty ? [] : (0...200).map { quantile(errors, Double($0) / 200) },
      scores: family == .logistic && !predicted.isEmpty
        ? try BinaryScores(probabilities: predicted, outcomes: outcomes) : nil,
      numberScores: family == .logistic || predicted.isEmpty
        ? nil : try NumberScores(predictions: predicted, actual: outcomes),
      rowCount: table.rowCount, window: try window(), notes: notes)
  }

  /// From when to when the rows are, where a column orders them.
  private func window() throws(RegressionError) -> FittedModel.Window? {
    guard case .rolling(let name, _) = specification.validation else { return nil }
    guard let times = table[name]?.numbers, let first = times.min(), let last = times.max() else {
      throw .missingColumn(name)
    }
    return FittedModel.Window(column: name, first: first, last: last)
  }
}

private func lowerTriangle(_ matrix: Matrix) -> [Double] {
  (0..<matrix.rowCount).flatMap { row in (0...row).map { matrix[row, $0] } }
}
