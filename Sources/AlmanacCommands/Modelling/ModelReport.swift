import Regression

/// What was fitted, and how well it does on rows left out, for programs.
struct ModelReport {
  private let model: FittedModel

  /// A report of a fitted model.
  init(_ model: FittedModel) {
    self.model = model
  }

  /// The model as one object.
  ///
  /// - Parameter path: The file the model was written to.
  /// - Returns: A JSON object with all digits; what there is not is null, and shares are of 1.
  func json(path: String) -> JSONTree { .object(members(path: path)) }

  /// The same with the tables of coefficients, tests and effects.
  ///
  /// - Throws: what evaluating the terms throws.
  func jsonWithTables(path: String) throws -> JSONTree {
    .object(
      members(path: path) + [
        ("coefficient_table", .array(coefficients)), ("least_squares", leastSquares),
        ("likelihood_ratios", likelihoodRatios), ("effects", .array(try effects())),
      ])
  }

  private func members(path: String) -> [(String, JSONTree)] {
    [
      ("family", .text(model.family.rawValue)), ("target", .text(model.specification.target)),
      ("positive", .optional(model.positive)), ("rows", .integer(model.rowCount)),
      ("terms", .array(model.terms.map { .text($0.name) })),
      ("coefficients", .integer(model.coefficients.joined().count + 1)),
      ("penalty", .number(model.penalty)),
      ("interaction_penalty", .optional(model.interactionPenalty)),
      ("judged", .text(model.specification.judgement)), ("scores", scores),
      ("notes", .array(model.notes.map { .text($0) })), ("model", .text(path)),
    ]
  }

  private var coefficients: [JSONTree] {
    let isStandardised =
      [false]
      + model.terms.flatMap { term in
        term.columnNames.map { _ in term.isStandardised == true }
      }
    return zip(model.coefficientRows, isStandardised).map { row, isStandardised in
      .object([
        ("term", .text(row.name)), ("coefficient", .number(row.estimate)),
        ("standard_error", .optional(row.error)), ("statistic", .optional(row.statistic)),
        ("p", .optional(row.pValue)), ("vif", .optional(row.inflationFactor)),
        ("is_standardised", .truth(isStandardised)),
      ])
    }
  }

  private var leastSquares: JSONTree {
    guard let summary = model.leastSquares else { return .null }
    return .object([
      ("residual_deviation", .optional(summary.residualDeviation)),
      ("residual_degrees_of_freedom", .integer(summary.residualDegreesOfFreedom)),
      ("r_squared", .optional(summary.rSquared)),
      ("adjusted_r_squared", .optional(summary.adjustedRSquared)),
      ("f", .optional(summary.fStatistic)),
      ("tested_degrees_of_freedom", .integer(summary.testedDegreesOfFreedom)),
      ("p", .optional(summary.pValue)),
    ])
  }

  private var likelihoodRatios: JSONTree {
    guard let tests = model.likelihoodRatios else { return .null }
    func object(_ test: LikelihoodRatioTest?, _ first: [(String, JSONTree)] = []) -> JSONTree {
      .object(
        first + [
          ("statistic", .optional(test?.statistic)),
          ("degrees_of_freedom", test.map { .integer($0.degreesOfFreedom) } ?? .null),
          ("p", .optional(test?.pValue)),
        ])
    }
    let terms = zip(model.terms, tests.terms).enumerated().map { index, entry in
      let missing = (tests.missing ?? []).dropFirst(index).first.flatMap(\.self)
      return object(
        entry.1, [("term", .text(entry.0.name)), ("missing", .optional(missing?.words))])
    }
    return .object([
      ("model", tests.model.map { object($0) } ?? .null), ("terms", .array(terms)),
      ("reason", .optional(tests.reason)),
    ])
  }

  private func effects() throws -> [JSONTree] {
    try model.effects().map { effect in
      .object([
        ("term", .text(effect.term)),
        (
          "points",
          .array(
            effect.points.map { point in
              .object([
                ("value", point.number.map { .number($0) } ?? .text(point.label)),
                ("effect", .number(point.effect)),
              ])
            })
        ),
      ])
    }
  }

  private var scores: JSONTree {
    if let scores = model.scores { return .object(scores.members) }
    if let scores = model.numberScores { return .object(scores.members) }
    return .null
  }
}

extension ModelSpecification {
  /// Which rows the scores of a fit are of, in words.
  var judgement: String {
    switch validation {
    case nil: "on rows left out, each by itself"
    case .folds(let count, _): "on rows left out, in \(count) folds"
    case .grouped(let column, let count, _):
      "on rows left out, in \(count) folds by \(column)"
    case .rolling(let column, _): "on rows later than those of the fit, by \(column)"
    }
  }
}

extension BinaryScores {
  /// The scores of probabilities as members of a JSON object.
  var members: [(String, JSONTree)] {
    [
      ("log_loss", .number(logLoss)), ("brier", .number(brierScore)),
      ("prevalence", .number(prevalence)), ("roc_auc", .number(rocAUC)),
      ("roc_auc_95", .array(rocAUCInterval.map { .number($0) })), ("pr_auc", .number(prAUC)),
      ("ks", .number(kolmogorovSmirnov)), ("calibration_error", .number(expectedCalibrationError)),
      ("calibration_slope", .number(calibrationSlope)),
      ("calibration_intercept", .number(calibrationIntercept)),
    ]
  }
}

extension NumberScores {
  /// The scores of numbers as members of a JSON object; what is not defined is null.
  var members: [(String, JSONTree)] {
    [
      ("rmse", .number(rootMeanSquaredError)), ("mae", .number(meanAbsoluteError)),
      ("r_squared", .number(rSquared)), ("mape", .optional(meanAbsolutePercentageError)),
      ("smape", .number(symmetricPercentageError)), ("wape", .optional(weightedPercentageError)),
    ]
  }
}
