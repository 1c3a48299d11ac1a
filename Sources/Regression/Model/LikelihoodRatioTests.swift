import LinearAlgebra

/// How much likelihood a fit loses without some of its columns.
package struct LikelihoodRatioTest: Codable, Equatable, Sendable {
  /// Twice the difference of the largest log-likelihoods with and without the columns.
  package var statistic: Double
  /// By how much the rank of the design falls without them.
  package var degreesOfFreedom: Int
  /// The probability of a larger statistic where the columns matter nothing.
  package var pValue: Double

  /// A test of a statistic; rounding may leave one just below zero.
  init(statistic: Double, degreesOfFreedom: Int) {
    self.statistic = max(0, statistic)
    self.degreesOfFreedom = degreesOfFreedom
    pValue = Distributions.chiSquareUpper(
      self.statistic, degreesOfFreedom: Double(degreesOfFreedom))
  }
}

/// The likelihood-ratio tests of a logistic or Poisson model (D-479).
package struct LikelihoodRatioTests: Codable, Equatable, Sendable {
  /// Of all terms together, against the intercept and the offset alone; `nil` with a ``reason``.
  package var model: LikelihoodRatioTest?
  /// Of each term as a whole, in order: all its columns are left out, and all others fitted anew.
  ///
  /// `nil` for a term that has none, as ``missing`` says. Empty with a ``reason``.
  package var terms: [LikelihoodRatioTest?] = []
  /// Why each term has no test, in the order of ``terms``, `nil` for one that has; `nil` altogether
  /// where all have, and in files of versions that did not tell.
  package var missing: [Missing?]?
  /// Why tests are missing, in words without a full stop.
  package var reason: String?

  /// Why a term has no test.
  package enum Missing: String, Codable, Sendable {
    /// The other terms say what it says, so that the rank does not fall without it.
    case redundant
    /// The fit without it did not converge.
    case notConverged

    /// The same in words, without a full stop.
    package var words: String {
      switch self {
      case .redundant: "the other terms say the same"
      case .notConverged: "no convergence without it"
      }
    }
  }

  /// Adds what was found of the next term.
  mutating func append(_ outcome: Outcome) {
    terms.append(outcome.test)
    let before = missing ?? [Missing?](repeating: nil, count: terms.count - 1)
    if missing != nil || outcome.missing != nil { missing = before + [outcome.missing] }
  }

  /// A test, or why there is none.
  enum Outcome {
    case test(LikelihoodRatioTest)
    case none(Missing)

    var test: LikelihoodRatioTest? {
      if case .test(let test) = self { test } else { nil }
    }

    var missing: Missing? {
      if case .none(let missing) = self { missing } else { nil }
    }
  }
}

extension ModelFit {
  /// The most columns whose terms are tested, and the most operations that may take.
  private static let testedColumns = 300
  private static let testedOperations = 2.5e11

  /// Whether fits without each term take a time that can be waited for (DECISIONS.md, D-485).
  ///
  /// - Parameters:
  ///   - rows: the number of rows.
  ///   - columns: that of columns.
  ///   - terms: that of terms.
  ///   - passes: the passes over the rows that the fit of all took, if it has Firth's penalty, whose
  ///     fits take as many without a term; `nil` for others, which begin near their maximum.
  /// - Returns: whether they do.
  static func canTest(rows: Int, columns: Int, terms: Int, firthPasses passes: Int?) -> Bool {
    // Leverages take a pass of Firth's as long again as its information.
    let passes = passes.map { 2 * $0 } ?? 5
    let operations =
      Double(rows) * Double(columns) * Double(columns) * Double(terms) * Double(passes)
    return columns <= testedColumns && operations <= testedOperations
  }

  /// Tests of the whole model and of each term, by fits without it.
  ///
  /// - Parameters:
  ///   - layout: the columns, with the ones before them.
  ///   - settings: those of the fit.
  ///   - fitted: the fit of all columns.
  ///   - covariance: that of its coefficients.
  /// - Returns: the tests; for a penalised fit or one without an end none, and why.
  /// - Throws: as the fits do.
  func likelihoodRatios(
    _ layout: DesignLayout, _ settings: GeneralizedLinearModel,
    _ fitted: FittedGeneralizedLinearModel, covariance: Matrix?
  ) throws(RegressionError) -> LikelihoodRatioTests {
    let width = layout.design.columnCount
    if fitted.penalty > 0 {
      return LikelihoodRatioTests(
        reason: "the coefficients are penalised, and what penalised likelihoods differ by has no "
          + "known distribution; `penalty: 0` in a model file gives tests")
    }
    guard fitted.status == .converged, fitted.objective.isFinite else {
      return LikelihoodRatioTests(reason: "the fit did not converge")
    }
    guard !fitted.usedFirth || fitted.aliased.isEmpty else {
      return LikelihoodRatioTests(
        reason: "the classes are separated, and columns are combinations of others")
    }
    let rank = width - fitted.aliased.count
    let tester = TermTester(
      fit: self, layout: layout, settings: settings, fitted: fitted, rank: rank,
      covariance: covariance)
    var tests = LikelihoodRatioTests()
    if rank > 1 {
      let whole = try tester.wholeModel()
      tests.model = whole.test
      // Shown of all terms; the tests by term are looked for all the same.
      if whole.missing != nil { tests.reason = "no convergence without any term" }
    }
    guard
      ModelFit.canTest(
        rows: table.rowCount, columns: width, terms: layout.terms.count,
        firthPasses: fitted.usedFirth ? fitted.iterations : nil)
    else {
      tests.reason = "fits without each term of so large a design would take too long"
      return tests
    }
    for range in layout.ranges {
      tests.append(try tester.term(Set(range.map { $0 + 1 })))
    }
    return tests
  }
}

/// Fits of one design without some of its columns.
private struct TermTester {
  let fit: ModelFit
  let layout: DesignLayout
  let settings: GeneralizedLinearModel
  let fitted: FittedGeneralizedLinearModel
  let rank: Int
  let covariance: Matrix?

  /// The test of everything but the intercept.
  func wholeModel() throws(RegressionError) -> LikelihoodRatioTests.Outcome {
    if fitted.usedFirth {
      return try held(Set(1..<layout.design.columnCount))
    }
    return .test(
      LikelihoodRatioTest(
        statistic: 2 * (fitted.logLikelihood - fitted.nullLogLikelihood),
        degreesOfFreedom: rank - 1))
  }

  /// The test of the given columns.
  ///
  /// Where no column is a combination of others, their coefficients are held at zero, which needs no
  /// copy of the design. Else a column that yielded to one of these may come back without them, so
  /// that the rank is decided anew.
  func term(_ columns: Set<Int>) throws(RegressionError) -> LikelihoodRatioTests.Outcome {
    guard !fitted.aliased.isEmpty else { return try held(columns) }
    let others = (0..<layout.design.columnCount).filter { !columns.contains($0) }
    var reduced = settings
    reduced.firth = .never
    reduced.penaltyFactors = nil
    let without = try reduced.fit(
      layout.design.selecting(columns: others), fit.target.values, weights: fit.weights,
      offset: fit.offset, start: others.map { fitted.coefficients[$0] })
    let lost = rank - (others.count - without.aliased.count)
    guard lost > 0 else { return .none(.redundant) }
    guard without.status == .converged else { return .none(.notConverged) }
    return .test(
      LikelihoodRatioTest(
        statistic: 2 * (fitted.logLikelihood - without.logLikelihood), degreesOfFreedom: lost))
  }

  /// The test of columns by a fit with their coefficients held at zero.
  ///
  /// With Firth's penalty that is the test of the penalised likelihood, whose penalty stays that of
  /// all columns.
  ///
  /// - SeeAlso: Heinze & Schemper, *Statistics in Medicine* 21(16), 2002, doi:10.1002/sim.1047.
  private func held(_ columns: Set<Int>) throws(RegressionError) -> LikelihoodRatioTests.Outcome {
    var reduced = settings
    reduced.firth = fitted.usedFirth ? .always : .never
    reduced.heldAtZero = columns
    let without = try reduced.fit(
      layout.design, fit.target.values, weights: fit.weights, offset: fit.offset,
      start: start(without: columns.sorted()))
    guard without.status == .converged else { return .none(.notConverged) }
    return .test(
      LikelihoodRatioTest(
        statistic: 2 * (fitted.objective - without.objective), degreesOfFreedom: columns.count))
  }

  /// Where the best fit without some columns is to be looked for: the most likely place on the normal
  /// surface that touches the likelihood at its top.
  private func start(without columns: [Int]) -> [Double] {
    var coefficients = fitted.coefficients
    guard let covariance else { return coefficients }
    var block = Matrix(zeroRowCount: columns.count, columnCount: columns.count)
    for (position, column) in columns.enumerated() {
      for (place, row) in columns.enumerated() { block[place, position] = covariance[row, column] }
    }
    guard let inverse = try? equilibratedInverse(block),
      let shares = try? inverse.times(columns.map { coefficients[$0] })
    else { return coefficients }
    for row in coefficients.indices {
      for (share, column) in zip(shares, columns) {
        coefficients[row] -= covariance[row, column] * share
      }
    }
    return coefficients
  }
}
