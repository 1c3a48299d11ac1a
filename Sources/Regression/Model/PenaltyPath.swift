import Glibc
import LinearAlgebra

/// Penalised fits of one design over a grid of penalties, each judged by what the fit would say of
/// a row without having seen it.
///
/// For least squares leaving one row out is exact; for the other families it is the first Newton
/// step from the full fit. The grid is walked from the largest penalty down, each fit beginning at
/// the last, and one Gram matrix serves as long as the steps it gives keep shrinking.
///
/// - SeeAlso: Rad & Maleki, *JRSS B* 82(4), 2020, doi:10.1111/rssb.12374.
struct PenaltyPath {
  /// One fit of the path.
  struct Point {
    var penalty: Double
    var coefficients: [Double]
    /// `Xβ` and the offset of each judged row had the row been left out.
    var leftOut: [Double]
    /// The loss of each judged row by ``leftOut``.
    var losses: [Double]
    /// The weighted mean of the losses.
    var loss: Double
  }

  /// A Gram matrix that serves for several steps, and the share of each step that the next one
  /// was with it.
  struct Curvature {
    var gram: Matrix
    var ratio = 0.0
  }

  let family: ModelFamily
  let design: Matrix
  let target: [Double]
  var weights: [Double]?
  /// What each column's penalty is per unit of the one that varies.
  let penaltyFactors: [Double]
  /// What each column's penalty is besides.
  var fixedPenalties: [Double]
  /// What is added to `Xβ` of each row; not for least squares.
  let offset: [Double]?
  let jobs: Int?
  /// The rows that are judged: all, or every k-th of many.
  let judged: [Int]

  init(
    family: ModelFamily, design: Matrix, target: [Double], weights: [Double]?,
    penaltyFactors: [Double], fixedPenalties: [Double], jobs: Int?, judgedRows: Int,
    offset: [Double]? = nil
  ) {
    self.offset = offset
    self.family = family
    self.design = design
    self.target = target
    self.weights = weights
    self.penaltyFactors = penaltyFactors
    self.fixedPenalties = fixedPenalties
    self.jobs = jobs
    let step = max(1, (design.rowCount + judgedRows - 1) / judgedRows)
    judged = Array(stride(from: 0, to: design.rowCount, by: step))
  }

  /// The fits for penalties in descending order, up to where the loss has clearly turned up again.
  func points(
    penalties: [Double], start: [Double], curvature known: Curvature? = nil
  ) throws(RegressionError) -> [Point] {
    var points: [Point] = []
    var position = start
    var curvature = known
    var least = Double.infinity
    var last: Double?
    let rows = design.selecting(rows: judged)
    for penalty in penalties {
      let (coefficients, information) = try minimise(
        penalty: penalty, start: position, curvature: curvature, solvedAt: last)
      position = coefficients
      last = penalty
      curvature = information
      let point = try judge(penalty, coefficients, information.gram, rows)
      points.append(point)
      least = min(least, point.loss)
      if point.loss > least + 0.001 * abs(least) { break }
    }
    return points
  }

  /// Newton steps with a Gram matrix that is kept while it serves; returns it with the solution.
  ///
  /// A step after which the objective is lower is halved: with a rare outcome whole steps can lead
  /// ever further away. Small steps are not asked. Where the start is the solution at another
  /// penalty, `solvedAt`, the gradient there is known, and the first step takes no pass over the
  /// rows.
  func minimise(
    penalty: Double, start: [Double], curvature: Curvature?, solvedAt solved: Double? = nil
  ) throws(RegressionError) -> ([Double], Curvature) {
    var coefficients = start
    var gram = curvature?.gram
    var ratio = curvature?.ratio ?? 0
    var factor: PenalisedFactor?
    var lastSize = Double.infinity
    let rowWeight = max(1, weights?.reduce(0, +) ?? Double(design.rowCount))
    if let solved, let known = gram, family != .linear {
      factor = try PenalisedFactor(penalised(known, penalty))
      let gradient = start.indices.map {
        (strength($0, solved) - strength($0, penalty)) * start[$0]
      }
      if let step = try factor?.solve(gradient) {
        let size = stepSize(step, gradient, rowWeight)
        // Further away the objective is to judge each step.
        if size < 0.1 {
          for column in step.indices { coefficients[column] += step[column] }
          lastSize = size
          if isWorn(ratio, after: size) {
            gram = nil
            factor = nil
          }
        }
      }
    }
    var last: (position: [Double], step: [Double], objective: Double, isFresh: Bool)?
    var fraction = 1.0
    for _ in 0..<60 {
      let isAsked = family != .linear && lastSize > 0.01
      let isFresh = gram == nil
      let sums = try pass(coefficients, formsGram: isFresh, judges: isAsked)
      var objective = -Double.infinity
      if isAsked {
        objective = sums.total
        for column in coefficients.indices {
          objective -= strength(column, penalty) * coefficients[column] * coefficients[column] / 2
        }
        if let last, !(objective >= last.objective - 1e-12 * abs(last.objective)) {
          fraction = last.isFresh ? fraction / 2 : 0
          coefficients = zip(last.position, last.step).map { $0 + fraction * $1 }
          if last.isFresh, fraction > 1e-9 { continue }
          // The curvature was that of another place, or nothing nearby is better.
          if last.isFresh { break }
          gram = nil
          factor = nil
          lastSize = .infinity
          continue
        }
      }
      fraction = 1
      if gram == nil { gram = sums.gram }
      guard let current = gram else { break }
      var gradient = sums.moments
      for column in gradient.indices {
        gradient[column] -= strength(column, penalty) * coefficients[column]
      }
      if factor == nil { factor = try PenalisedFactor(penalised(current, penalty)) }
      guard let step = try factor?.solve(gradient) else { break }
      let size = stepSize(step, gradient, rowWeight)
      if size > 0.5 * lastSize, size > PenaltyPath.smallestStep {
        // The old curvature no longer fits: take the one of this place, and its whole step.
        gram = nil
        factor = nil
        lastSize = .infinity
        continue
      }
      last = isAsked ? (coefficients, step, objective, isFresh) : nil
      for column in step.indices { coefficients[column] += step[column] }
      // Steps of one curvature shrink by about the same ratio each: the next one is foreseen.
      ratio = lastSize.isFinite ? size / lastSize : 0
      let next = ratio < 0.3 && lastSize.isFinite ? size * ratio : size
      lastSize = size
      if family == .linear || next < PenaltyPath.smallestStep { break }
      if isWorn(ratio, after: size) {
        gram = nil
        factor = nil
      }
    }
    if let gram { return (coefficients, Curvature(gram: gram, ratio: ratio)) }
    return (coefficients, Curvature(gram: try pass(coefficients, formsGram: true).gram))
  }

  /// The root mean square of a last step of `Xβ`.
  private static let smallestStep = 1e-5

  /// Whether a Gram matrix of the present place would cost less than the passes that steps with the
  /// kept one still take, where each is the given share of the one before.
  ///
  /// A Gram matrix takes p operations for each that the gradient takes, all of them in the cache,
  /// which for 40 columns was measured as three passes in all.
  private func isWorn(_ ratio: Double, after size: Double) -> Bool {
    guard ratio > 0, size > PenaltyPath.smallestStep else { return false }
    let passes = ratio < 1 ? log(PenaltyPath.smallestStep / size) / log(ratio) : .infinity
    return passes > 1 + Double(design.columnCount) / 20
  }

  /// How far a step moves `Xβ`: the root of its mean square by the curvature.
  private func stepSize(_ step: [Double], _ gradient: [Double], _ rowWeight: Double) -> Double {
    var decrement = 0.0
    for column in step.indices { decrement += step[column] * gradient[column] }
    return (max(0, decrement) / rowWeight).squareRoot()
  }

  private func judge(
    _ penalty: Double, _ coefficients: [Double], _ gram: Matrix, _ rows: Matrix
  ) throws(RegressionError) -> Point {
    var predictor = try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      try rows.times(coefficients)
    }
    if let offset {
      for (position, row) in judged.enumerated() { predictor[position] += offset[row] }
    }
    let leverages = try PenalisedFactor(penalised(gram, penalty)).quadraticForms(rows)
    var leftOut = predictor
    var losses = predictor
    var total = 0.0
    var sum = 0.0
    for (position, row) in judged.enumerated() {
      let weight = weights?[row] ?? 1
      let mean = family.mean(predictor[position])
      let slope = weight * family.variance(mean)
      let rest = max(1e-6, 1 - slope * leverages[position])
      leftOut[position] -= weight * leverages[position] * (target[row] - mean) / rest
      losses[position] = family.loss(target[row], leftOut[position])
      total += weight
      sum += weight * losses[position]
    }
    return Point(
      penalty: penalty, coefficients: coefficients, leftOut: leftOut, losses: losses,
      loss: total > 0 ? sum / total : 0)
  }

  func penalised(_ gram: Matrix, _ penalty: Double) -> Matrix {
    var system = gram
    for column in 0..<system.columnCount {
      system[column, column] += strength(column, penalty)
    }
    return system
  }

  func strength(_ column: Int, _ penalty: Double) -> Double {
    fixedPenalties[column] + penalty * penaltyFactors[column]
  }

  private func pass(
    _ coefficients: [Double], formsGram: Bool, judges: Bool = false
  ) throws(RegressionError) -> BlockSums {
    let family = family
    let target = target
    let weights = weights
    return try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      try design.blockSums(
        coefficients: coefficients, offset: offset, formsGram: formsGram, jobs: jobs
      ) { block in
        var total = 0.0
        for (position, row) in block.rows.enumerated() {
          let predictor = block.linearPredictor[position]
          let mean = family.mean(predictor)
          let weight = weights?[row] ?? 1
          block.residuals[position] = weight * (target[row] - mean)
          block.rootWeights[position] = (weight * family.variance(mean)).squareRoot()
          if judges { total -= weight * family.loss(target[row], predictor) }
        }
        return total
      }
    }
  }
}

/// The Cholesky factor of a penalised Gram matrix, scaled so that units do not matter.
private struct PenalisedFactor {
  private let scales: [Double]
  private let factor: CholeskyFactor

  init(_ system: Matrix) throws(RegressionError) {
    let scales = equilibration(system)
    self.scales = scales
    factor = try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      var matrix = scaled(system, by: scales)
      // Without a penalty columns may be collinear; a trace of one then serves to judge the fit.
      var ridge = 1e-12
      while true {
        do throws(LinearAlgebraError) {
          return try CholeskyFactor(matrix)
        } catch {
          guard case .notPositiveDefinite = error, ridge < 1 else { throw error }
          for column in 0..<matrix.columnCount { matrix[column, column] += ridge }
          ridge *= 100
        }
      }
    }
  }

  func solve(_ moments: [Double]) throws(RegressionError) -> [Double] {
    try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      let solution = try factor.solve(moments.indices.map { moments[$0] * scales[$0] })
      return solution.indices.map { solution[$0] * scales[$0] }
    }
  }

  func quadraticForms(_ rows: Matrix) throws(RegressionError) -> [Double] {
    try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      try factor.quadraticForms(rowsOf: rows.scaledColumns(by: scales))
    }
  }
}

/// What a model predicts.
package enum ModelFamily: String, Codable, CaseIterable, Sendable {
  /// A number, by least squares.
  case linear
  /// A probability, through the logit.
  case logistic
  /// A count, through the logarithm.
  case poisson

  /// The mean at a linear predictor.
  package func mean(_ predictor: Double) -> Double {
    switch self {
    case .linear: return predictor
    case .logistic:
      let small = exp(-abs(predictor))
      return predictor >= 0 ? 1 / (1 + small) : small / (1 + small)
    case .poisson: return exp(min(predictor, 700))
    }
  }

  /// The variance that belongs to a mean, up to the scale of the family.
  func variance(_ mean: Double) -> Double {
    switch self {
    case .linear: 1
    case .logistic: mean * (1 - mean)
    case .poisson: mean
    }
  }

  /// The loss of a prediction: half the squared error, the log-loss, or the Poisson deviance's
  /// half without its constant.
  func loss(_ target: Double, _ predictor: Double) -> Double {
    switch self {
    case .linear: (target - predictor) * (target - predictor) / 2
    case .logistic:
      max(predictor, 0) - target * predictor + log1p(exp(-abs(predictor)))
    case .poisson: exp(min(predictor, 700)) - target * predictor
    }
  }
}
