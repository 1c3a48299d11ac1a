import Glibc
import LinearAlgebra

/// One penalised likelihood to be maximised, with its checked inputs.
struct NewtonProblem {
  let settings: GeneralizedLinearModel
  let design: Matrix
  let target: [Double]
  let weights: [Double]?
  let offset: [Double]?
  /// `λ fⱼ`.
  let penalties: [Double]

  init(
    _ settings: GeneralizedLinearModel, design: Matrix, target: [Double], weights: [Double]?,
    offset: [Double]?
  ) throws(RegressionError) {
    guard target.count == design.rowCount else {
      throw .shapeMismatch(designRows: design.rowCount, otherRows: target.count)
    }
    try checkWeights(weights, rowCount: design.rowCount)
    if let offset, offset.count != design.rowCount {
      throw .shapeMismatch(designRows: design.rowCount, otherRows: offset.count)
    }
    let factors = settings.penaltyFactors ?? [Double](repeating: 1, count: design.columnCount)
    guard factors.count == design.columnCount else {
      throw .penaltyFactorCount(columns: design.columnCount, factors: factors.count)
    }
    guard settings.penalty.isFinite, settings.penalty >= 0,
      factors.allSatisfy({ $0.isFinite && $0 >= 0 })
    else { throw .invalidPenalty }
    guard design.isFinite, offset?.allSatisfy(\.isFinite) ?? true else {
      throw .linearAlgebra(.notFinite)
    }
    let isValid: Bool =
      switch settings.family {
      case .logistic: target.allSatisfy { $0 >= 0 && $0 <= 1 }
      case .poisson: target.allSatisfy { $0 >= 0 && $0.isFinite }
      }
    guard isValid else { throw .invalidTarget(settings.family) }
    self.settings = settings
    self.design = design
    self.target = target
    self.weights = weights
    self.offset = offset
    penalties = factors.map { $0 * settings.penalty }
  }

  /// The columns to fit: all that are penalised, and those without penalty that are independent of
  /// earlier ones without penalty.
  ///
  /// The Gram matrix tells most designs apart from rank-deficient ones at the square of their
  /// condition; only where it is in doubt are the columns themselves factored.
  func keptColumns() throws(RegressionError) -> [Int] {
    let free = penalties.indices.filter { penalties[$0] == 0 }
    guard !free.isEmpty else { return Array(penalties.indices) }
    let columns = free.count == penalties.count ? design : design.selecting(columns: free)
    return try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      let scales = (0..<columns.columnCount).map { column in
        columns.withColumn(column) { span in
          var largest = 0.0
          for row in span.indices { largest = max(largest, abs(span[row])) }
          guard largest > 0, largest.isNormal else { return 1.0 }
          return Double(
            sign: .plus, exponent: max(-1000, min(1000, -largest.exponent)), significand: 1)
        }
      }
      // A sample is enough to show that columns are independent, never that they are not.
      let step = max(1, columns.rowCount / 20_000)
      let sample = columns.selecting(
        rows: Array(stride(from: 0, to: columns.rowCount, by: step)))
      let gram = try sample.scaledColumns(by: scales).gram()
      if let factor = try? CholeskyFactor(scaled(gram, by: equilibration(gram))),
        factor.diagonalRatio > 1e-9
      {
        return Array(penalties.indices)
      }
      let factors = try OrderedQR(equalLengths(columns.scaledColumns(by: scales)))
      guard !factors.aliased.isEmpty else { return Array(penalties.indices) }
      let dropped = Set(factors.aliased.map { free[$0] })
      return penalties.indices.filter { !dropped.contains($0) }
    }
  }

  private func equalLengths(_ matrix: Matrix) throws(LinearAlgebraError) -> Matrix {
    try matrix.scaledColumns(
      by: (0..<matrix.columnCount).map { column in
        matrix.withColumn(column) { span in
          var sum = 0.0
          for row in span.indices { sum += span[row] * span[row] }
          guard sum > 0 else { return 1.0 }
          return Double(sign: .plus, exponent: -sum.squareRoot().exponent, significand: 1)
        }
      })
  }

  /// Maximises the likelihood.
  func solve(
    start: [Double]?, infers: Bool
  ) throws(RegressionError) -> FittedGeneralizedLinearModel {
    var coefficients = start ?? [Double](repeating: 0, count: design.columnCount)
    for column in settings.heldAtZero { coefficients[column] = 0 }
    if start == nil, design.rowCount >= 200_000,
      design.rowCount / 20 > 20 * design.columnCount
    {
      let rows = Array(stride(from: 0, to: design.rowCount, by: 20))
      var sampled = settings
      sampled.penalty /= 20
      sampled.tolerance = 1e-4
      sampled.firth = .never
      let sample = try? sampled.fit(
        design.selecting(rows: rows), rows.map { target[$0] },
        weights: weights.map { weights in rows.map { weights[$0] } },
        offset: offset.map { offset in rows.map { offset[$0] } }, infers: false)
      if let sample, sample.status == .converged, sample.separation == nil {
        coefficients = sample.coefficients
      }
    }
    var usesFirth = settings.firth == .always && settings.family == .logistic
    var separation: Separation?
    var result = try climb(from: coefficients, usesFirth: usesFirth, infers: infers)
    if settings.family == .logistic, !usesFirth, result.maybeSeparated,
      let found = separating(result.lastStep) ?? separating(result.lastMoves)
    {
      separation = found
      if settings.firth == .whenSeparated, settings.penalty == 0 {
        usesFirth = true
        let zeros = [Double](repeating: 0, count: design.columnCount)
        result = try climb(from: zeros, usesFirth: true, infers: infers)
      }
    }
    return FittedGeneralizedLinearModel(
      family: settings.family, coefficients: result.coefficients,
      information: result.pass.information, penalty: settings.penalty,
      logLikelihood: result.pass.logLikelihood, objective: result.pass.objective,
      nullLogLikelihood: try nullLogLikelihood(), iterations: result.iterations,
      status: result.converged ? .converged : .notConverged, separation: separation,
      usedFirth: usesFirth, aliased: [])
  }

  private struct Climb {
    var coefficients: [Double]
    var pass: Pass
    var lastStep: [Double]
    /// What the last six steps moved together: rounding may have stopped the last one.
    var lastMoves: [Double]
    var iterations: Int
    var converged: Bool
    var maybeSeparated: Bool
  }

  /// Newton's method with step halving.
  private func climb(
    from start: [Double], usesFirth: Bool, infers: Bool
  ) throws(RegressionError) -> Climb {
    var coefficients = start
    var pass = try self.pass(at: coefficients, formsInformation: true, usesFirth: usesFirth)
    let zeros = [Double](repeating: 0, count: start.count)
    // A start that is worse than none is none.
    if start != zeros, !usesFirth,
      try !(pass.objective >= objectiveAtZero()) || !pass.objective.isFinite
    {
      coefficients = zeros
      pass = try self.pass(at: coefficients, formsInformation: true, usesFirth: usesFirth)
    }
    guard pass.objective.isFinite else { throw .linearAlgebra(.notFinite) }
    var iterations = 1
    var converged = false
    var step = [Double](repeating: 0, count: start.count)
    var steps: [[Double]] = []
    var lastSize = Double.infinity
    var lastWasWhole = false
    var size = Double.infinity
    let totalWeight = max(weights?.reduce(0, +) ?? Double(design.rowCount), 1)
    while iterations < settings.maximumIterations {
      step = try newtonStep(pass)
      var decrement = 0.0
      for column in step.indices { decrement += step[column] * pass.gradient[column] }
      // The root of δᵀHδ over the weights: how far the step moves Xβ.
      size = (max(0, decrement) / totalWeight).squareRoot()
      // Newton's error after a step is a constant times its square; the last two steps tell it.
      let predicted =
        lastWasWhole && lastSize.isFinite && lastSize < 0.3
        ? size * min(1, size / (lastSize * lastSize) * size) : size
      let isLast = usesFirth ? size < settings.tolerance : predicted < settings.tolerance
      // Near a penalised maximum each step is the square of the last; one that is not is rounding (D-482).
      let isRounding =
        settings.penalty > 0 && !usesFirth && lastWasWhole && size < 1e-9 && size >= lastSize / 2
      if isLast || isRounding || size == 0 {
        for column in step.indices { coefficients[column] += step[column] }
        converged = true
        if infers || usesFirth {
          pass = try self.pass(at: coefficients, formsInformation: true, usesFirth: usesFirth)
          iterations += 1
        }
        break
      }
      var factor = 1.0
      var candidate = pass
      var position = coefficients
      var halvings = 0
      while true {
        for column in step.indices {
          position[column] = coefficients[column] + factor * step[column]
        }
        candidate = try self.pass(at: position, formsInformation: true, usesFirth: usesFirth)
        iterations += 1
        // The determinant in Firth's objective is known to fewer digits than the likelihood of many rows.
        let digits = usesFirth && size < 1e-6 ? 1e-10 : 1e-13
        let slack = digits * abs(pass.objective) + 1e-300
        if candidate.objective >= pass.objective - slack { break }
        halvings += 1
        factor /= 2
        if halvings >= 30 { break }
      }
      if halvings >= 30 {
        // Nothing nearby is better to the last digits: this is the maximum as far as doubles tell.
        converged = size < 1e-6
        break
      }
      lastWasWhole = factor == 1
      lastSize = size
      steps.append(position.indices.map { position[$0] - coefficients[$0] })
      coefficients = position
      pass = candidate
      if !usesFirth, settings.family == .logistic, settings.penalty == 0,
        pass.logLikelihood > -1e-7 * totalWeight
      {
        break
      }
    }
    return Climb(
      coefficients: coefficients, pass: pass, lastStep: step,
      lastMoves: step.indices.map { column in
        steps.suffix(6).reduce(0) { $0 + $1[column] }
      }, iterations: iterations, converged: converged,
      maybeSeparated: !converged
        || (iterations > 8 && largestPredictor(coefficients) > 15))
  }

  /// The objective where all coefficients are zero.
  private func objectiveAtZero() throws(RegressionError) -> Double {
    if settings.family == .logistic, offset == nil {
      // Every row is as likely one as the other.
      return -log(2) * (weights?.reduce(0, +) ?? Double(design.rowCount))
    }
    let zeros = [Double](repeating: 0, count: design.columnCount)
    return try pass(at: zeros, formsInformation: false, usesFirth: false).objective
  }

  private func largestPredictor(_ coefficients: [Double]) -> Double {
    guard let values = try? design.times(coefficients) else { return 0 }
    return values.reduce(0) { max($0, abs($1)) }
  }

  private func newtonStep(_ pass: Pass) throws(RegressionError) -> [Double] {
    try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      let scales = equilibration(pass.information)
      let system = scaled(pass.information, by: scales)
      let moments = pass.gradient.indices.map { pass.gradient[$0] * scales[$0] }
      var ridge = 0.0
      while true {
        var ridged = system
        for column in 0..<system.columnCount { ridged[column, column] += ridge }
        do throws(LinearAlgebraError) {
          let solution = try CholeskyFactor(ridged).solve(moments)
          return solution.indices.map { solution[$0] * scales[$0] }
        } catch {
          guard case .notPositiveDefinite = error, ridge < 1 else { throw error }
          ridge = max(1e-12, ridge * 100)
        }
      }
    }
  }

  /// The log-likelihood of the best intercept alone.
  private func nullLogLikelihood() throws(RegressionError) -> Double {
    var ones = settings
    ones.penalty = 0
    ones.tolerance = max(settings.tolerance, 1e-9)
    ones.penaltyFactors = nil
    ones.heldAtZero = []
    let column = try wrappingLinearAlgebra { () throws(LinearAlgebraError) in
      try Matrix(columns: [[Double](repeating: 1, count: design.rowCount)])
    }
    let problem = try NewtonProblem(
      ones, design: column, target: target, weights: weights, offset: offset)
    if offset != nil {
      return try problem.climb(from: [0], usesFirth: false, infers: true).pass.logLikelihood
    }
    var total = 0.0
    var sum = 0.0
    for row in target.indices {
      let weight = weights?[row] ?? 1
      total += weight
      sum += weight * target[row]
    }
    guard total > 0, sum > 0 else { return 0 }
    let mean = sum / total
    switch settings.family {
    case .logistic:
      return mean < 1 ? total * (mean * log(mean) + (1 - mean) * log1p(-mean)) : 0
    case .poisson:
      return try problem.pass(
        at: [log(mean)], formsInformation: false, usesFirth: false
      ).logLikelihood
    }
  }
}
