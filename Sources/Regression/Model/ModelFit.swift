import Glibc
import LinearAlgebra

/// How much is found out of a fit besides what it predicts.
package enum FitDetail: Sendable {
  /// All: warnings of columns that tell the classes apart, scores on rows left out, errors of
  /// coefficients, and the distributions of the training rows.
  case everything
  /// Errors of coefficients and distributions, for a model that is judged by other rows.
  case errors
  /// Nothing, for a fit that only judges a recipe.
  case nothing
}

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
  ///   - detail: what is found out besides; where nothing is chosen by rows left out the model
  ///     predicts the same without, but for rounding.
  ///   - ascending: the finite values of columns in order, by name, where the caller knows them; others
  ///     are sorted.
  /// - Returns: the fitted model, with notes on what was done.
  /// - Throws: `RegressionError` naming what cannot be used.
  package func fit(
    _ table: Table, jobs: Int? = nil, detail: FitDetail = .everything,
    ascending: [String: [Double]] = [:]
  ) throws(RegressionError) -> FittedModel {
    var fit = try ModelFit(self, table, jobs)
    fit.detail = detail
    // Rows without a target are left out, and their values with them.
    if fit.table.rowCount == table.rowCount { fit.ascending = ascending }
    var model = try fit.run()
    // The design is gone by now: both at once would take more memory than the fit.
    if detail != .nothing {
      model.drift = try ModelDrift(model, training: fit.table, ascending: fit.ascending)
    }
    return model
  }
}

/// One fit of a declared model.
struct ModelFit {
  let specification: ModelSpecification
  let table: Table
  let target: Target
  let weights: [Double]?
  /// What is added to the predictor of each row; a linear fit has it taken off its target.
  let offset: [Double]?
  let jobs: Int?
  /// The rows left out, where they are declared.
  let plan: ValidationPlan?
  var notes: [String]
  /// What is to be found out besides what the fit predicts.
  var detail = FitDetail.everything
  /// The finite values of columns in order, by name, as far as they are known.
  var ascending: [String: [Double]] = [:]

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
    if let name = specification.offset {
      offset = try offsetValues(name, table)
    } else {
      offset = nil
    }
    if target.family == .linear, let offset {
      for row in offset.indices { target.values[row] -= offset[row] }
    }
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
    if target.family == .logistic, fewestOfClass < 2 {
      throw .unusableRows("a class of the target has \(fewestOfClass) row; two are the least")
    }
  }

  /// A fit of some of the rows.
  init(_ whole: ModelFit, rows: [Int]) throws(RegressionError) {
    specification = whole.specification
    table = whole.table.selecting(rows: rows)
    var target = whole.target
    target.values = rows.map { whole.target.values[$0] }
    self.target = target
    weights = whole.weights.map { weights in rows.map { weights[$0] } }
    offset = whole.offset.map { offset in rows.map { offset[$0] } }
    jobs = whole.jobs
    if let validation = specification.validation {
      plan = try ValidationPlan(validation, table)
    } else {
      plan = nil
    }
    notes = []
  }

  /// The rows of the rarer class.
  var fewestOfClass: Int {
    let yes = target.values.count { $0 == 1 }
    return min(yes, target.values.count - yes)
  }

  mutating func run() throws(RegressionError) -> FittedModel {
    var layout = try firstLayout()
    let terms = layout.terms
    guard !terms.isEmpty else {
      let reasons = notes.isEmpty ? "" : ": " + notes.prefix(5).joined(separator: "; ")
      throw .unusableRows("no column is left to predict from\(reasons)")
    }
    if layout.width > table.rowCount {
      notes.append(
        "\(layout.width) columns for \(table.rowCount) rows: "
          + "only the penalty makes the fit unique")
    }
    warnOfLeaks(layout)
    var main = try mainChoice(layout)
    if let finer = try withFinerCurves(layout, main) { (layout, main) = finer }
    var best = main
    var interactionPenalty: Double?
    if specification.interactions, specification.penalty == .chosen,
      table.rowCount >= ModelFit.choosingRows, terms.count >= 2
    {
      (best, interactionPenalty) = try withInteractions(&layout, main)
    }
    return try finish(layout, main, best, interactionPenalty)
  }

  /// With fewer rows the loss on rows left out does not tell which terms help.
  static let choosingRows = 500

  /// The terms of the given columns alone, each penalty as it does best.
  private func mainChoice(_ layout: DesignLayout) throws(RegressionError) -> Choice {
    if let only = unjudged(layout) { return only }
    let penalties = mainPenalties(layout)
    var single = try choose(layout, penalties: penalties, fixed: nil)
    if specification.penalty == .chosen, let most = penalties.first, single.penalty == most {
      // Many columns that say nothing need more than the information of a single one.
      let stronger = try choose(
        layout, penalties: [1000, 100, 10].map { $0 * most }, fixed: nil)
      if meanLoss(stronger) < meanLoss(single) { single = stronger }
    }
    return try grouped(layout, single, PenaltyGroups.main(layout.terms, layout.ranges))
  }

  /// The columns of the declared terms, or of those that the values suggest.
  mutating func firstLayout() throws(RegressionError) -> DesignLayout {
    guard let declared = specification.terms else {
      return try DesignLayout(suggestedTerms(), table)
    }
    // A term is learned from its columns, which then need not be made again.
    var layout = try DesignLayout(
      rowCount: table.rowCount,
      reserving: declared.reduce(0) { $0 + $1.mostColumns(of: table[$1.column]) })
    for term in declared {
      try layout.add(
        FittedTerm.learned(term, training: table, ascending: ascending[term.column]))
    }
    return layout
  }

  private mutating func suggestedTerms() throws(RegressionError) -> [FittedTerm] {
    var excluded = Set(specification.ignored + [specification.target])
    for name in [specification.weight, specification.offset] {
      if let name { excluded.insert(name) }
    }
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
  ///
  /// Of many rows some are looked at first: all are sorted only for the few columns that come near.
  private mutating func warnOfLeaks(_ layout: DesignLayout) {
    guard detail == .everything, target.family == .logistic else { return }
    let step = max(1, table.rowCount / 10_000)
    let rows = Array(stride(from: 0, to: table.rowCount, by: step))
    let outcomes = rows.map { target.values[$0] }
    for (index, term) in layout.terms.enumerated() {
      for column in layout.ranges[index] {
        let some = layout.design.withColumn(column + 1) { values in rows.map { values[$0] } }
        if step > 1, let scores = try? BinaryScores.areaUnderROC(some, outcomes),
          max(scores, 1 - scores) < 0.97
        {
          continue
        }
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
}

/// The offsets of the rows of a table.
///
/// Throws `.missingColumn`; `.unusableColumn` for a row without a number.
func offsetValues(_ name: String, _ table: Table) throws(RegressionError) -> [Double] {
  guard let column = table[name] else { throw .missingColumn(name) }
  let values = column.numbers
  guard values.allSatisfy(\.isFinite) else {
    throw .unusableColumn(name, "it is added to the predictor, so each row needs a number in it")
  }
  return values
}
