import Glibc
import LinearAlgebra

extension ModelFit {
  /// A fit at a chosen penalty, and how it does on rows left out.
  struct Choice {
    var penalty: Double
    var coefficients: [Double]
    var leftOut: [Double]
    var losses: [Double]
    var judged: [Int]
    var factors: [Double]
  }

  /// Penalties by which standardised columns are held back, from much to hardly.
  func mainPenalties(_ layout: DesignLayout) -> [Double] {
    if case .fixed(let penalty) = specification.penalty { return [penalty] }
    let count = Double(table.rowCount)
    let scale = target.family == .linear ? 1.0 : 0.25
    let largest = scale * max(count, 10)
    // Down to a thousandth of a row's worth where rows abound, not below.
    let smallest = max(1e-2, 1e-6 * largest)
    let steps = 12
    return (0..<steps).map { step in
      largest * pow(smallest / largest, Double(step) / Double(steps - 1))
    }
  }

  var interactionPenalties: [Double] {
    let count = Double(table.rowCount)
    return [3.0, 0.3, 0.03].map { 0.25 * count * $0 }
  }

  /// The declared penalty and where to begin with it, of a fit in which nothing is chosen or scored by
  /// rows left out; `nil` for others.
  func unjudged(_ layout: DesignLayout) -> Choice? {
    guard detail != .everything, family != .linear, !specification.calibrates, plan == nil,
      case .fixed(let penalty) = specification.penalty
    else { return nil }
    let width = layout.width + 1
    var start = [Double](repeating: 0, count: width)
    start[0] = startIntercept
    return Choice(
      penalty: penalty, coefficients: start, leftOut: [], losses: [], judged: [],
      factors: (0..<width).map { $0 == 0 ? 0 : 1 })
  }

  /// The best of several penalties; with a fit of the main terms, those keep their penalty.
  func choose(
    _ layout: DesignLayout, penalties: [Double], fixed main: Choice?
  ) throws(RegressionError) -> Choice {
    let width = layout.width + 1
    let mainWidth = main?.coefficients.count ?? width
    let design = layout.design
    var start = [Double](repeating: 0, count: width)
    start[0] = family == .linear ? 0 : startIntercept
    if let main {
      for column in 0..<mainWidth { start[column] = main.coefficients[column] }
    }
    let path = PenaltyPath(
      family: target.family, design: design, target: target.values, weights: weights,
      penaltyFactors: (0..<width).map { $0 < mainWidth ? (main == nil && $0 > 0 ? 1 : 0) : 1 },
      fixedPenalties: (0..<width).map {
        guard let main, $0 < mainWidth else { return 0 }
        return main.penalty * main.factors[$0]
      },
      jobs: jobs, judgedRows: 10_000,
      offset: family == .linear ? nil : offset)
    var best: Choice?
    var bestLoss = Double.infinity
    for point in try points(of: path, penalties, start: start)
    where point.loss < bestLoss || best == nil {
      bestLoss = point.loss
      best = Choice(
        penalty: point.penalty, coefficients: point.coefficients, leftOut: point.leftOut,
        losses: point.losses, judged: plan?.judgedRows ?? path.judged,
        // The penalty of main terms beside interactions is kept as a factor of the latter's.
        factors: (0..<width).map { column in
          guard let main, column < mainWidth else { return column == 0 ? 0 : 1 }
          return main.penalty * main.factors[column] / point.penalty
        })
    }
    guard let best else { throw .unusableRows("no penalty gives a finite fit") }
    return best
  }

  /// The fit with a penalty per group of columns, all multiplied by the factor with the least loss
  /// on rows left out; the given fit where that is no better.
  func grouped(
    _ layout: DesignLayout, _ single: Choice, _ groups: [[Int]]
  ) throws(RegressionError) -> Choice {
    guard specification.penalty == .chosen, groups.count > 1 else { return single }
    let design = layout.design
    let zeros = single.factors.map { _ in 0.0 }
    func path(_ factors: [Double], _ fixed: [Double]) -> PenaltyPath {
      PenaltyPath(
        family: target.family, design: design, target: target.values, weights: weights,
        penaltyFactors: factors, fixedPenalties: fixed, jobs: jobs, judgedRows: 10_000,
        offset: family == .linear ? nil : offset)
    }
    let found = try path(zeros, single.factors.map { $0 * single.penalty })
      .groupPenalties(groups, start: single.coefficients, rounds: 12)
    let multiples = path(found.penalties, zeros)
    var best = single
    var bestLoss = meanLoss(single)
    for point in try points(
      of: multiples, [4, 2, 1, 0.5], start: found.coefficients,
      curvature: found.curvature)
    where point.loss < bestLoss {
      bestLoss = point.loss
      best = Choice(
        penalty: point.penalty, coefficients: point.coefficients, leftOut: point.leftOut,
        losses: point.losses, judged: plan?.judgedRows ?? multiples.judged,
        factors: found.penalties)
    }
    return best
  }

  /// The points of a path, judged by the declared rows or each row by itself.
  private func points(
    of path: PenaltyPath, _ penalties: [Double], start: [Double],
    curvature: PenaltyPath.Curvature? = nil
  ) throws(RegressionError) -> [PenaltyPath.Point] {
    guard let plan else {
      return try path.points(penalties: penalties, start: start, curvature: curvature)
    }
    return try path.points(penalties: penalties, start: start, plan: plan)
  }

  func meanLoss(_ choice: Choice) -> Double {
    var sum = 0.0
    var total = 0.0
    for (loss, row) in zip(choice.losses, choice.judged) {
      let weight = weights?[row] ?? 1
      sum += weight * loss
      total += weight
    }
    return total > 0 ? sum / total : .infinity
  }

  var family: ModelFamily { target.family }

  private var startIntercept: Double {
    let rate = mean(target.values)
    return family == .logistic ? log(rate) - log1p(-rate) : log(max(rate, 1e-12))
  }
}
