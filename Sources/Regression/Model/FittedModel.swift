import Glibc

/// A fitted model: everything that predicting for new rows and showing it takes.
package struct FittedModel: Codable, Equatable, Sendable {
  /// The form of the model file; a later version reads every earlier one.
  package static let currentFormat = 2

  /// The form this was written in.
  package var format = FittedModel.currentFormat
  /// The model as it was declared.
  package var specification: ModelSpecification
  /// What is predicted.
  package var family: ModelFamily
  /// The name of yes, for probabilities.
  package var positive: String?
  /// The intercept, on the scale of the link.
  package var intercept: Double
  /// The terms.
  package var terms: [FittedTerm]
  /// The coefficients of each term's columns.
  package var coefficients: [[Double]]
  /// The standard errors of intercept and coefficients in order; empty where there are none.
  package var standardErrors: [Double]
  /// The covariance of intercept and coefficients, its lower triangle row by row; empty for models
  /// of more than 200 coefficients.
  package var covariance: [Double]
  /// The least penalty of a column of the main terms.
  package var penalty: Double
  /// The penalty of the interactions, if there are any.
  package var interactionPenalty: Double?
  /// The penalty of each coefficient but the intercept; `nil` in files of older versions, where all
  /// main terms share ``penalty``.
  package var penalties: [Double]?
  /// The number of coefficients a fit without penalty would need for the same freedom.
  package var effectiveParameters: Double
  /// The likelihood-ratio tests of a logistic or Poisson model; `nil` for others and in files of
  /// older versions.
  package var likelihoodRatios: LikelihoodRatioTests?
  /// R², F and variance inflation of a linear model without penalty; `nil` for others and in files
  /// of older versions.
  package var leastSquares: LeastSquaresSummary?
  /// The map from raw to calibrated log-odds.
  package var calibration: Calibration
  /// Quantiles 0, 0.5, … 100 % of the absolute errors on rows left out; for numbers only.
  package var absoluteErrors: [Double]
  /// Scores on rows left out, for probabilities.
  package var scores: BinaryScores?
  /// Scores on rows left out, for numbers.
  package var numberScores: NumberScores?
  /// The number of rows of the fit.
  package var rowCount: Int
  /// From when to when those rows are; `nil` where no column was declared to order them.
  package var window: Window?
  /// What was done to the data, in sentences without a full stop.
  package var notes: [String]
  /// How the training rows were distributed; `nil` in files of older versions.
  package var drift: ModelDrift?

  /// The times of the rows of a fit.
  package struct Window: Codable, Equatable, Sendable {
    /// The column that orders the rows.
    package var column: String
    /// Its least value; a date counts as days since 1970.
    package var first: Double
    /// Its largest value.
    package var last: Double
  }

  /// A prediction and what it is made of.
  package struct Prediction: Equatable, Sendable {
    /// The probability, number or count.
    package var value: Double
    /// The ends of the interval that holds the given share of errors on rows left out; `nil` for
    /// probabilities.
    package var interval: (lower: Double, upper: Double)?
    /// The value on the scale of the link at the training means.
    package var base: Double
    /// What each source adds to ``base``, on the scale of the link; they sum to the value's own.
    package var contributions: [Double]

    /// Equal in every part.
    package static func == (left: Prediction, right: Prediction) -> Bool {
      left.value == right.value && left.base == right.base
        && left.contributions == right.contributions
        && left.interval?.lower == right.interval?.lower
        && left.interval?.upper == right.interval?.upper
    }
  }

  /// The names that ``Prediction/contributions`` belong to: one per term.
  package var reasonNames: [String] { terms.map(\.name) }

  /// The columns of a table that a prediction reads, each once, in the order of the terms.
  package var sources: [String] {
    var seen: Set<String> = []
    return (terms.flatMap(\.sources) + (specification.offset.map { [$0] } ?? [])).filter {
      seen.insert($0).inserted
    }
  }

  /// Raw log-odds, numbers or log counts of the rows of a table.
  ///
  /// Throws `.missingColumn` where the table lacks a column.
  package func linearPredictor(_ table: Table) throws(RegressionError) -> [Double] {
    var sum = try offsets(table).map { $0 + intercept }
    for contribution in try contributions(table) {
      for row in sum.indices { sum[row] += contribution[row] }
    }
    return sum
  }

  /// What is added to the predictor of each row besides the terms.
  private func offsets(_ table: Table) throws(RegressionError) -> [Double] {
    guard let name = specification.offset else {
      return [Double](repeating: 0, count: table.rowCount)
    }
    return try offsetValues(name, table)
  }

  /// What each term adds to the predictor, one value per row; the effects and columns that
  /// interactions share are computed once.
  private func contributions(_ table: Table) throws(RegressionError) -> [[Double]] {
    var known: [String: (effect: FittedTerm.FittedEffect, values: [Double])] = [:]
    func values(_ effect: FittedTerm.FittedEffect) throws(RegressionError) -> [Double] {
      if let last = known[effect.term.name], last.effect == effect { return last.values }
      let values = try effect.values(table)
      known[effect.term.name] = (effect, values)
      return values
    }
    // Interactions of one term follow each other.
    var last: (term: FittedTerm, columns: [[Double]])?
    var parts: [[Double]] = []
    for (term, coefficients) in zip(terms, coefficients) {
      switch term.state {
      case .joint(let left, let right):
        let factors = try values(left)
        var part = try values(right)
        let coefficient = coefficients.first ?? 0
        for row in part.indices { part[row] = part[row] * factors[row] * coefficient }
        parts.append(part)
      case .modulated(let strong, let scales, let effect):
        if last?.term != strong { last = (strong, try strong.columns(of: table)) }
        var part = [Double](repeating: 0, count: table.rowCount)
        for (index, column) in (last?.columns ?? []).enumerated() {
          let weight = coefficients[index] / scales[index]
          let mean = strong.means[index]
          for row in part.indices { part[row] += weight * (column[row] - mean) }
        }
        let factors = try values(effect)
        for row in part.indices { part[row] *= factors[row] }
        parts.append(part)
      default:
        parts.append(try term.contribution(of: table, coefficients: coefficients))
      }
    }
    return parts
  }

  /// Predictions with their reasons, one per row in order.
  ///
  /// With η the raw log-odds, η₀ those at the training means of the terms and g the calibrated
  /// log-odds: the base is g(η₀) and a term adds s·(ηⱼ − η₀ⱼ), where s is the slope of the chord
  /// from η₀ to η, so that reasons sum exactly and keep their signs (D-303).
  ///
  /// - Parameters:
  ///   - table: the rows.
  ///   - level: the share of errors an interval is to hold.
  /// - Returns: one prediction per row.
  /// - Throws: `.missingColumn` where the table lacks a column.
  package func predict(
    _ table: Table, level: Double = 0.9
  ) throws(RegressionError) -> [Prediction] {
    var parts = try contributions(table)
    var reference = intercept
    for (index, (term, coefficients)) in zip(terms, coefficients).enumerated() {
      let mean = zip(term.means, coefficients).reduce(0) { $0 + $1.0 * $1.1 }
      for row in parts[index].indices { parts[index][row] -= mean }
      reference += mean
    }
    let halfWidth = intervalHalfWidth(level)
    let offsets = try offsets(table)
    return (0..<table.rowCount).map { row in
      // An offset belongs to the base: it is no term that could be another.
      let reference = reference + offsets[row]
      let raw = parts.reduce(reference) { $0 + $1[row] }
      let base = calibration.logOdds(reference)
      var value = calibration.logOdds(raw)
      if family == .logistic { value = min(max(value, -logitBound), logitBound) }
      let distance = raw - reference
      let slope = abs(distance) < 1e-9 ? calibration.slope(reference) : (value - base) / distance
      let mean = family.mean(value)
      return Prediction(
        value: mean, interval: halfWidth.map { (mean - $0, mean + $0) }, base: base,
        contributions: parts.map { slope * $0[row] })
    }
  }

  /// The half width of a conformal interval, by the rank ⌈(m + 1)·level⌉ of the errors.
  ///
  /// - SeeAlso: Lei, G'Sell, Rinaldo, Tibshirani & Wasserman, *JASA* 113, 2018,
  ///   doi:10.1080/01621459.2017.1307116.
  private func intervalHalfWidth(_ level: Double) -> Double? {
    guard family == .linear, !absoluteErrors.isEmpty else { return nil }
    let share = min(1, (Double(rowCount) + 1) * level / Double(rowCount))
    return quantile(absoluteErrors, share)
  }
}

/// The logit of 1 − 1e-6: no probability is called surer.
let logitBound = log(1 - 1e-6) - log(1e-6)

/// How far predicted numbers are off.
package struct NumberScores: Codable, Equatable, Sendable {
  /// The root of the mean squared error.
  package var rootMeanSquaredError: Double
  /// The mean absolute error.
  package var meanAbsoluteError: Double
  /// The share of variance explained.
  package var rSquared: Double
  /// The mean of |error| / |actual| over rows whose actual value is not zero; `nil` without any.
  package var meanAbsolutePercentageError: Double?
  /// The mean of 2|error| / (|actual| + |predicted|).
  package var symmetricPercentageError: Double
  /// The sum of |error| over the sum of |actual|; `nil` where that is zero.
  package var weightedPercentageError: Double?
  /// The number of rows.
  package var count: Int

  /// Scores predictions against actual values.
  ///
  /// Throws `.shapeMismatch` for different lengths, `.unusableRows` for none.
  package init(predictions: [Double], actual: [Double]) throws(RegressionError) {
    guard predictions.count == actual.count else {
      throw .shapeMismatch(designRows: predictions.count, otherRows: actual.count)
    }
    guard !actual.isEmpty else { throw .unusableRows("scores need at least one row") }
    count = actual.count
    let errors = actual.indices.map { actual[$0] - predictions[$0] }
    let size = Double(count)
    rootMeanSquaredError = (errors.reduce(0) { $0 + $1 * $1 } / size).squareRoot()
    meanAbsoluteError = errors.reduce(0) { $0 + abs($1) } / size
    let deviation = moments(actual).deviation
    rSquared =
      deviation > 0
      ? 1 - rootMeanSquaredError * rootMeanSquaredError / (deviation * deviation) : 0
    let nonzero = actual.indices.filter { actual[$0] != 0 }
    meanAbsolutePercentageError =
      nonzero.isEmpty
      ? nil
      : nonzero.reduce(0) { $0 + abs(errors[$1] / actual[$1]) } / Double(nonzero.count)
    symmetricPercentageError =
      actual.indices.reduce(0) { sum, row in
        let scale = abs(actual[row]) + abs(predictions[row])
        return sum + (scale > 0 ? 2 * abs(errors[row]) / scale : 0)
      } / size
    let total = actual.reduce(0) { $0 + abs($1) }
    weightedPercentageError = total > 0 ? meanAbsoluteError * size / total : nil
  }
}
