import LinearAlgebra

extension ModelFit {
  /// The exact fit at the chosen penalties, with errors, calibration and scores.
  mutating func finish(
    _ layout: DesignLayout, _ main: Choice, _ best: Choice, _ interactionPenalty: Double?
  ) throws(RegressionError) -> FittedModel {
    let design = layout.design
    var solution = best.coefficients
    var covariance: Matrix?
    var separated = false
    switch family {
    case .linear:
      let path = try RidgePath(
        design: design, weights: weights, penaltyFactors: best.factors)
      let fitted: FittedRidgeRegression
      if best.penalty == 0 {
        let exact = try LinearRegression().fit(design, target.values, weights: weights)
        solution = exact.coefficients
        covariance = exact.covariance
        nameAliased(exact.aliased, layout)
      } else {
        fitted = try path.fit(target.values, penalty: best.penalty)
        solution = fitted.coefficients
        if design.columnCount <= 1000 {
          let remaining = Double(table.rowCount) - fitted.effectiveDegreesOfFreedom
          let variance = fitted.residualSumOfSquares / max(1, remaining)
          covariance = try ridgeCovariance(path.gram, best, variance)
        }
      }
    case .logistic, .poisson:
      let fitted = try GeneralizedLinearModel(
        family: family == .logistic ? .logistic : .poisson, penalty: best.penalty,
        penaltyFactors: best.factors, tolerance: 1e-9, jobs: jobs
      ).fit(
        design, target.values, weights: weights, offset: offset, start: best.coefficients,
        infers: design.columnCount <= 300)
      solution = fitted.coefficients
      covariance = fitted.covariance
      nameAliased(fitted.aliased, layout)
      if fitted.status == .notConverged, fitted.separation == nil {
        notes.append("the fit did not converge; its coefficients are the best that were found")
      }
      if let separation = fitted.separation {
        separated = true
        let names = Array(
          Set(separation.columns.map { $0 == 0 ? "(intercept)" : layout.names[$0 - 1] })
        ).sorted()
        notes.append(
          "the classes are separated by \(names.joined(separator: ", "))"
            + (fitted.usedFirth
              ? ": fitted with Firth's penalty" : ": the penalty keeps the fit finite"))
      }
    }
    var raw = best.leftOut
    var outcomes = best.judged.map { target.values[$0] }
    if family == .linear, let offset {
      for (position, row) in best.judged.enumerated() {
        raw[position] += offset[row]
        outcomes[position] += offset[row]
      }
    }
    var calibration = Calibration.identity
    if family == .logistic, specification.calibrates, !separated, raw.count >= 500 {
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
    let small = design.columnCount <= 200
    return FittedModel(
      specification: specification, family: family, positive: target.positive,
      intercept: solution[0], terms: layout.terms,
      coefficients: layout.ranges.map { range in range.map { solution[$0 + 1] } },
      standardErrors: covariance.map { $0.diagonal.map { max(0, $0).squareRoot() } } ?? [],
      covariance: small ? covariance.map(lowerTriangle) ?? [] : [],
      penalty: main.penalty * (main.factors.dropFirst().min() ?? 1),
      interactionPenalty: interactionPenalty,
      penalties: best.factors.dropFirst().map { $0 * best.penalty },
      effectiveParameters: effectiveParameters(best, covariance),
      calibration: calibration,
      absoluteErrors: errors.isEmpty ? [] : (0...200).map { quantile(errors, Double($0) / 200) },
      scores: family == .logistic
        ? try BinaryScores(probabilities: predicted, outcomes: outcomes) : nil,
      numberScores: family == .logistic
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

  private func effectiveParameters(_ best: Choice, _ covariance: Matrix?) -> Double {
    guard let covariance, family != .linear else { return Double(best.coefficients.count) }
    var sum = Double(best.coefficients.count)
    for column in best.factors.indices {
      sum -= best.penalty * best.factors[column] * covariance[column, column]
    }
    return sum
  }

  private mutating func nameAliased(_ aliased: [Int], _ layout: DesignLayout) {
    for column in aliased where column > 0 {
      notes.append(
        "\(layout.names[column - 1]) is a combination of earlier columns and has no coefficient")
    }
  }

  private func ridgeCovariance(
    _ gram: Matrix, _ best: Choice, _ variance: Double
  ) throws(RegressionError) -> Matrix {
    var system = gram
    for column in best.factors.indices {
      system[column, column] += best.penalty * best.factors[column]
    }
    var inverse = try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      try equilibratedInverse(system)
    }
    for column in 0..<inverse.columnCount {
      for row in 0..<inverse.rowCount { inverse[row, column] *= variance }
    }
    return inverse
  }
}

private func lowerTriangle(_ matrix: Matrix) -> [Double] {
  (0..<matrix.rowCount).flatMap { row in (0...row).map { matrix[row, $0] } }
}
