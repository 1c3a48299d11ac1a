import LinearAlgebra

extension PenaltyPath {
  /// The fits for penalties in descending order, each judged exactly: every fold is fitted anew from
  /// its solution at the last penalty, and for least squares from one Gram matrix per block.
  ///
  /// - Parameters:
  ///   - penalties: in descending order.
  ///   - start: the coefficients to begin at.
  ///   - plan: the folds.
  /// - Returns: one point per penalty, its rows those of ``ValidationPlan/judgedRows``.
  /// - Throws: as the fits do.
  func points(
    penalties: [Double], start: [Double], plan: ValidationPlan
  ) throws(RegressionError) -> [Point] {
    let rows = plan.judgedRows
    let places = Dictionary(uniqueKeysWithValues: rows.enumerated().map { ($1, $0) })
    var members = [[Int]](repeating: [], count: plan.blockCount)
    for row in rows { members[plan.blocks[row]].append(row) }
    let parts = plan.folds.map { design.selecting(rows: members[$0.judged]) }
    let ridge =
      family == .linear
      ? try RidgeValidation(
        design: design, target: target, weights: weights, plan: plan, jobs: jobs) : nil
    var fits = plan.folds.map { fold in
      let training = Set(fold.training)
      var path = self
      path.weights = target.indices.map {
        training.contains(plan.blocks[$0]) ? weights?[$0] ?? 1 : 0
      }
      return (path: path, position: start, curvature: Curvature?.none)
    }
    var position = start
    var curvature: Curvature?
    var points: [Point] = []
    var last: Double?
    for penalty in penalties {
      defer { last = penalty }
      (position, curvature) = try minimise(
        penalty: penalty, start: position, curvature: curvature, solvedAt: last)
      var foldCoefficients: [[Double]] = []
      if let ridge {
        foldCoefficients = try ridge.coefficients(
          penalties: position.indices.map { strength($0, penalty) })
      } else {
        for index in fits.indices {
          let (coefficients, curvature) = try fits[index].path.minimise(
            penalty: penalty, start: fits[index].position, curvature: fits[index].curvature,
            solvedAt: last)
          fits[index].position = coefficients
          fits[index].curvature = curvature
          foldCoefficients.append(coefficients)
        }
      }
      var leftOut = [Double](repeating: 0, count: rows.count)
      var losses = leftOut
      var total = 0.0
      var sum = 0.0
      for (index, fold) in plan.folds.enumerated() {
        let predictor = try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
          try parts[index].times(foldCoefficients[index])
        }
        for (fitted, row) in zip(predictor, members[fold.judged]) {
          guard let place = places[row] else { continue }
          let value = fitted + (offset?[row] ?? 0)
          leftOut[place] = value
          losses[place] = family.loss(target[row], value)
          total += weights?[row] ?? 1
          sum += (weights?[row] ?? 1) * losses[place]
        }
      }
      points.append(
        Point(
          penalty: penalty, coefficients: position, leftOut: leftOut, losses: losses,
          loss: total > 0 ? sum / total : 0))
    }
    return points
  }
}
