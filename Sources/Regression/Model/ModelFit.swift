import Glibc
import LinearAlgebra

extension ModelSpecification {
  /// Fits the model to a table.
  ///
  /// Rows without a target are left out. Without declared terms each usable column gets one by
  /// what its values suggest. The penalty is the one with the least loss on rows left out, and
  /// interactions stay where they lower that loss by more than one standard error (D-302).
  ///
  /// - Parameters:
  ///   - table: the training rows.
  ///   - jobs: the most threads, or `nil` for one per processor; the result does not depend on it.
  /// - Returns: the fitted model, with notes on what was done.
  /// - Throws: `RegressionError` naming what cannot be used.
  package func fit(_ table: Table, jobs: Int? = nil) throws(RegressionError) -> FittedModel {
    var fit = try ModelFit(self, table, jobs)
    var model = try fit.run()
    // The design is gone by now: both at once would take more memory than the fit.
    model.drift = try ModelDrift(model, training: fit.table)
    return model
  }
}

/// One fit of a declared model.
private struct ModelFit {
  let specification: ModelSpecification
  let table: Table
  let target: Target
  let weights: [Double]?
  let jobs: Int?
  /// The rows left out, where they are declared.
  let plan: ValidationPlan?
  var notes: [String]

  init(
    _ specification: ModelSpecification, _ source: Table, _ jobs: Int?
  ) throws(RegressionError) {
    guard source.rowCount > 0 else { throw .unusableRows("the data has no rows") }
    self.specification = specification
    self.jobs = jobs
    var target = try Target(specification, source)
    notes = target.notes
    table = target.rows.count == source.rowCount ? source : source.selecting(rows: target.rows)
    target.rows = []
    self.target = target
    if let name = specification.weight {
      guard let column = table[name] else { throw .missingColumn(name) }
      weights = column.numbers
      try checkWeights(weights, rowCount: table.rowCount)
    } else {
      weights = nil
    }
    if let validation = specification.validation {
      plan = try ValidationPlan(validation, table)
    } else {
      plan = nil
    }
    let counts = target.values.reduce(into: [0.0: 0]) { $0[$1, default: 0] += 1 }
    if target.family == .logistic, let fewest = [0.0, 1.0].map({ counts[$0] ?? 0 }).min(),
      fewest < 2
    {
      throw .unusableRows("a class of the target has \(fewest) row; two are the least")
    }
  }

  mutating func run() throws(RegressionError) -> FittedModel {
    let terms = try fittedTerms()
    guard !terms.isEmpty else {
      throw .unusableRows("no column is left to predict from")
    }
    var layout = try Layout(terms, table)
    if layout.width > table.rowCount {
      notes.append(
        "\(layout.width) columns for \(table.rowCount) rows: "
          + "only the penalty makes the fit unique")
    }
    warnOfLeaks(layout)
    var main = try choose(layout, penalties: mainPenalties(layout), fixed: nil)
    let groups = PenaltyGroups.main(layout.terms, layout.ranges)
    main = try grouped(layout, main, groups)
    var best = main
    var interactionPenalty: Double?
    if specification.interactions, specification.penalty == .chosen,
      table.rowCount >= 500, terms.count >= 2
    {
      let plain = layout.shape
      try layout.addInteractions(coefficients: main.coefficients)
      let added = layout.terms.count - plain.termCount
      if added > 0 {
        let products = (plain.width + 1)..<(layout.width + 1)
        let widened = try grouped(
          layout, choose(layout, penalties: interactionPenalties, fixed: main),
          groups + [Array(products)])
        let gains = main.losses.indices.map { main.losses[$0] - widened.losses[$0] }
        let gain = moments(gains)
        let error = gain.deviation / Double(max(1, gains.count)).squareRoot()
        let isBetter = exceedsOneStandardError(gains)
        notes.append(
          "\(added) interactions \(isBetter ? "are in the model" : "were tried and left out"): "
            + "loss on rows left out lower by \(rounded(gain.mean)) ± \(rounded(error))")
        if isBetter {
          best = widened
          interactionPenalty = widened.penalty * (widened.factors.last ?? 1)
        } else {
          layout.keep(plain)
        }
      }
    }
    return try finish(layout, main, best, interactionPenalty)
  }

  private mutating func fittedTerms() throws(RegressionError) -> [FittedTerm] {
    if let declared = specification.terms {
      var terms: [FittedTerm] = []
      for term in declared { terms.append(try FittedTerm(term, training: table)) }
      return terms
    }
    var excluded = Set(specification.ignored + [specification.target])
    if let weight = specification.weight { excluded.insert(weight) }
    if let column = specification.validation?.column { excluded.insert(column) }
    let defaults = DefaultTerms(table, excluding: excluded)
    notes += defaults.notes
    var terms: [FittedTerm] = []
    for term in defaults.terms {
      do {
        terms.append(try FittedTerm(term, training: table))
      } catch .unusableColumn(let name, let reason) {
        notes.append("column \"\(name)\" is left out: \(reason)")
      }
    }
    return terms
  }

  /// Warns of single columns that tell the classes apart nearly without error.
  private mutating func warnOfLeaks(_ layout: Layout) {
    guard target.family == .logistic else { return }
    for (index, term) in layout.terms.enumerated() {
      for column in layout.ranges[index] {
        guard
          let scores = try? BinaryScores.areaUnderROC(
            layout.design.column(column + 1), target.values)
        else { continue }
        if max(scores, 1 - scores) > 0.99 {
          notes.append(
            "column \"\(term.name)\" alone tells the classes apart (AUC above 0.99): "
              + "it may be known only after the outcome")
          break
        }
      }
    }
  }

  /// A fit at a chosen penalty, and how it does on rows left out.
  private struct Choice {
    var penalty: Double
    var coefficients: [Double]
    var leftOut: [Double]
    var losses: [Double]
    var judged: [Int]
    var factors: [Double]
  }

  /// Penalties by which standardised columns are held back, from much to hardly.
  private func mainPenalties(_ layout: Layout) -> [Double] {
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

  private var interactionPenalties: [Double] {
    let count = Double(table.rowCount)
    return [10.0, 3, 1, 0.3, 0.1, 0.03, 0.01].map { 0.25 * count * $0 }
  }

  /// The best of several penalties; with a fit of the main terms, those keep their penalty.
  private func choose(
    _ layout: Layout, penalties: [Double], fixed main: Choice?
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
      jobs: jobs, judgedRows: 10_000)
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
  private func grouped(
    _ layout: Layout, _ single: Choice, _ groups: [[Int]]
  ) throws(RegressionError) -> Choice {
    guard specification.penalty == .chosen, groups.count > 1 else { return single }
    let design = layout.design
    let zeros = single.factors.map { _ in 0.0 }
    func path(_ factors: [Double], _ fixed: [Double]) -> PenaltyPath {
      PenaltyPath(
        family: target.family, design: design, target: target.values, weights: weights,
        penaltyFactors: factors, fixedPenalties: fixed, jobs: jobs, judgedRows: 10_000)
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
        losses: point.losses, judged: single.judged, factors: found.penalties)
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

  private func meanLoss(_ choice: Choice) -> Double {
    var sum = 0.0
    var total = 0.0
    for (loss, row) in zip(choice.losses, choice.judged) {
      let weight = weights?[row] ?? 1
      sum += weight * loss
      total += weight
    }
    return total > 0 ? sum / total : .infinity
  }

  private var family: ModelFamily { target.family }

  private var startIntercept: Double {
    let rate = mean(target.values)
    return family == .logistic ? log(rate) - log1p(-rate) : log(max(rate, 1e-12))
  }

  /// The exact fit at the chosen penalties, with errors, calibration and scores.
  private mutating func finish(
    _ layout: Layout, _ main: Choice, _ best: Choice, _ interactionPenalty: Double?
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
        design, target.values, weights: weights, start: best.coefficients,
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
    let raw = best.leftOut
    let outcomes = best.judged.map { target.values[$0] }
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
      rowCount: table.rowCount, notes: notes)
  }

  private func effectiveParameters(_ best: Choice, _ covariance: Matrix?) -> Double {
    guard let covariance, family != .linear else { return Double(best.coefficients.count) }
    var sum = Double(best.coefficients.count)
    for column in best.factors.indices {
      sum -= best.penalty * best.factors[column] * covariance[column, column]
    }
    return sum
  }

  private mutating func nameAliased(_ aliased: [Int], _ layout: Layout) {
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

/// The columns of several terms, side by side.
private struct Layout {
  var terms: [FittedTerm]
  /// A column of ones, then those of the terms: they lie in memory once.
  var design: Matrix
  /// The columns of each term, the ones not counted.
  var ranges: [Range<Int>] = []
  var names: [String] = []

  /// How much of a layout there is.
  struct Shape {
    var termCount: Int
    var width: Int
  }

  /// The number of columns besides the ones.
  var width: Int { design.columnCount - 1 }

  var shape: Shape { Shape(termCount: terms.count, width: width) }

  init(_ terms: [FittedTerm], _ table: Table) throws(RegressionError) {
    self.terms = []
    let width = terms.reduce(0) { $0 + $1.columnNames.count }
    design = Matrix(rowCount: table.rowCount, reservingColumns: width + 1)
    try append([Double](repeating: 1, count: table.rowCount))
    for term in terms { try add(term, term.columns(of: table)) }
  }

  private mutating func append(_ column: [Double]) throws(RegressionError) {
    do {
      try design.append(column)
    } catch {
      throw .linearAlgebra(error)
    }
  }

  private mutating func add(
    _ term: FittedTerm, _ columns: [[Double]]
  ) throws(RegressionError) {
    terms.append(term)
    ranges.append(width..<(width + columns.count))
    for column in columns { try append(column) }
    names += term.columnNames
  }

  /// Removes what was added since.
  mutating func keep(_ shape: Shape) {
    design.removeLastColumns(width - shape.width)
    terms.removeLast(terms.count - shape.termCount)
    ranges.removeLast(ranges.count - shape.termCount)
    names.removeLast(names.count - shape.width)
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

  /// Adds the product of the contributions of each two terms, those that vary most first.
  ///
  /// No pair is chosen by how well it fits: the loss on rows left out would no longer tell whether
  /// interactions help, since the rows had been looked at before.
  mutating func addInteractions(coefficients: [Double]) throws(RegressionError) {
    let mainCount = terms.count
    let effects = (0..<mainCount).map { moments(contribution($0, coefficients)) }
    var room = min(300, design.rowCount / 10)
    let varying = (0..<mainCount).filter { effects[$0].deviation > 1e-8 }
      .sorted { (effects[$1].deviation, $0) < (effects[$0].deviation, $1) }
    // Contributions are held for as many terms only as there is room for pairs of.
    let ranked = varying.enumerated().filter { $0.offset * ($0.offset - 1) / 2 < room }
      .map(\.element)
    var standardised: [[Double]] = []
    for index in ranked {
      let (mean, deviation) = effects[index]
      standardised.append(contribution(index, coefficients).map { ($0 - mean) / deviation })
    }
    func effect(_ index: Int) -> FittedTerm.FittedEffect {
      FittedTerm.FittedEffect(
        term: terms[index], coefficients: ranges[index].map { coefficients[$0 + 1] },
        mean: effects[index].mean, deviation: effects[index].deviation)
    }
    design.reserveColumns(
      design.columnCount + min(room, ranked.count * (ranked.count - 1) / 2))
    for rank in ranked.indices {
      for other in 0..<rank where room > 0 {
        room -= 1
        let column = (0..<design.rowCount).map {
          standardised[other][$0] * standardised[rank][$0]
        }
        let first = effect(ranked[other])
        let second = effect(ranked[rank])
        try add(
          FittedTerm(
            name: "\(first.term.name):\(second.term.name)", state: .joint(first, second),
            means: [column.reduce(0, +) / Double(max(1, column.count))]), [column])
      }
    }
  }
}

/// A number with three digits, for notes.
private func rounded(_ value: Double) -> String {
  guard value != 0, value.isFinite else { return "\(value)" }
  let scale = pow(10, 2 - log10(abs(value)).rounded(.down))
  let digits = (value * scale).rounded() / scale
  return "\(digits)"
}
