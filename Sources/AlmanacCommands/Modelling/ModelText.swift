import Glibc
import Regression

/// A fitted model as lines of text.
struct ModelText {
  let file: ModelFile
  /// Whether coefficients and their errors are told with all their digits.
  var isExact = false

  private var model: FittedModel { file.model }

  /// The model in a few lines: what it predicts and how well.
  func summary() -> [String] {
    let kind =
      switch model.family {
      case .linear: "linear regression of \(model.specification.target)"
      case .logistic:
        "logistic regression of \(model.specification.target) = \(model.positive ?? "yes")"
      case .poisson: "Poisson regression of \(model.specification.target)"
      }
    var lines = [
      "\(kind), \(Display.count(model.rowCount)) rows, \(model.terms.count) terms, "
        + "\(model.coefficients.joined().count + 1) coefficients"
    ]
    let main = model.penalties?.prefix(
      zip(model.terms, model.coefficients).reduce(0) { $0 + ($1.0.isJoint ? 0 : $1.1.count) })
    let largest = main?.max() ?? model.penalty
    lines.append(
      "penalty \(ModelText.number(model.penalty))"
        + (largest > model.penalty ? " to \(ModelText.number(largest)) by group of terms" : "")
        + (model.interactionPenalty.map { ", of interactions \(ModelText.number($0))" } ?? ""))
    if let scores = model.scores {
      lines.append("\(model.specification.judgement):")
      lines += ScoreText.lines(scores)
    }
    if let scores = model.numberScores {
      lines.append("\(model.specification.judgement):")
      lines += ScoreText.lines(scores)
    }
    return lines + model.notes.map { "note: \($0)" }
  }

  /// The table of coefficients.
  func coefficients() -> [String] {
    let hasErrors = !model.standardErrors.isEmpty
    let statistic = model.family == .linear ? "t" : "z"
    var table = TextTable(
      [("term", .left), ("coefficient", .right)]
        + (hasErrors
          ? [("std. error", .right), (statistic, .right), ("p", .right)] : [])
        + (model.leastSquares == nil ? [] : [("VIF", .right)]))
    for row in model.coefficientRows {
      var cells = [row.name, figure(row.estimate)]
      if let error = row.error {
        cells += [
          figure(error), row.statistic.map { Display.fixed($0, decimals: 2) } ?? "-",
          row.pValue.map(ModelText.probability) ?? "-",
        ]
      }
      if model.leastSquares != nil {
        cells.append(
          row.isIntercept ? "-" : row.inflationFactor.map(ModelText.number) ?? "∞")
      }
      table.add(cells)
    }
    // Whoever asks for all digits wants whole names too.
    let width = isExact ? Int.max : TextTable.maximumWidth
    return table.lines(indent: 0, width: width) + leastSquares() + units()
  }

  /// How closely a linear model without penalty follows the rows of its fit.
  private func leastSquares() -> [String] {
    guard let summary = model.leastSquares else { return [] }
    var lines: [String] = []
    if let deviation = summary.residualDeviation {
      lines.append(
        "residual standard deviation \(figure(deviation)) on "
          + "\(summary.residualDegreesOfFreedom) degrees of freedom")
    }
    if let share = summary.rSquared {
      lines.append(
        "R² \(figure(share))"
          + (summary.adjustedRSquared.map { ", adjusted \(figure($0))" } ?? "")
          + (summary.fStatistic.map { statistic in
            "; F \(figure(statistic)) on \(summary.testedDegreesOfFreedom) and "
              + "\(summary.residualDegreesOfFreedom)"
              + (summary.pValue.map { ", p \(ModelText.probability($0))" } ?? "")
          } ?? ""))
    }
    return lines.isEmpty ? [] : [""] + lines
  }

  /// What a coefficient of a number belongs to, where that is not one unit of its column.
  private func units() -> [String] {
    let standardised = model.terms.filter { $0.isStandardised == true }
    guard let first = standardised.first else { return [] }
    let isAll = standardised.count == model.terms.count { $0.isStandardised != nil }
    let names =
      isAll ? "numbers are" : standardised.count == 1 ? "\(first.name) is" : "some numbers are"
    return ["", "\(names) standardised: coefficients are per standard deviation"]
  }

  /// A number as the table of coefficients tells it.
  private func figure(_ value: Double) -> String {
    isExact ? "\(value)" : ModelText.number(value)
  }

  /// The likelihood-ratio tests of the terms and of the model, or why there are none; nothing for a
  /// linear model.
  func likelihoodRatios() -> [String] {
    guard model.family != .linear else { return [] }
    guard let tests = model.likelihoodRatios else {
      return ["", "no likelihood-ratio tests: the model file is of a version that kept none"]
    }
    var table = TextTable([
      ("without", .left), ("LR χ²", .right), ("df", .right), ("p", .right),
    ])
    func add(_ name: String, _ test: LikelihoodRatioTest?) {
      table.add([
        name, test.map { Display.fixed($0.statistic, decimals: 2) } ?? "-",
        test.map { "\($0.degreesOfFreedom)" } ?? "-",
        test.map { ModelText.probability($0.pValue) } ?? "-",
      ])
    }
    for (term, test) in zip(model.terms, tests.terms) { add(term.name, test) }
    if let whole = tests.model { add("(all terms)", whole) }
    let missing = zip(model.terms, tests.missing ?? []).compactMap { term, missing in
      missing.map { "no likelihood-ratio test of \(term.name): \($0.words)" }
    }
    let what =
      tests.model != nil ? "tests by term" : tests.terms.isEmpty ? "tests" : "test of all terms"
    return (table.isEmpty ? [] : [""] + table.lines(indent: 0))
      + (missing.isEmpty ? [] : [""] + missing)
      + (tests.reason.map { ["", "no likelihood-ratio \(what): \($0)"] } ?? [])
  }

  /// A p-value with four decimals.
  private static func probability(_ value: Double) -> String {
    value < 0.0001 ? "<0.0001" : Display.fixed(value, decimals: 4)
  }

  /// The effect of each curved or graded term over the range of the training rows, as bars.
  func effects() throws -> [String] {
    var lines: [String] = []
    for effect in try model.effects() {
      let labels = effect.points.map(\.label)
      let largest = effect.points.reduce(1e-12) { max($0, abs($1.effect)) }
      let width = labels.map { Display.width(of: $0) }.max() ?? 0
      lines += ["", effect.term]
      for (label, value) in zip(labels, effect.points.map(\.effect)) {
        let length = Int((abs(value) / largest * 20).rounded())
        let bar = String(repeating: value < 0 ? "-" : "+", count: length)
        let left =
          value < 0
          ? String(repeating: " ", count: 20 - length) + bar : String(repeating: " ", count: 20)
        let right = value < 0 ? "" : bar
        let padding = String(repeating: " ", count: width - Display.width(of: label))
        lines.append("  \(label)\(padding)  \(left)|\(right)  \(ModelText.number(value))")
      }
    }
    return lines.map { line in
      var line = line
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  /// A number with four significant digits.
  static func number(_ value: Double) -> String {
    guard value != 0, value.isFinite else { return value == 0 ? "0" : "\(value)" }
    let size = log10(abs(value)).rounded(.down)
    if size >= -4, size < 7 {
      return Display.fixed(value, decimals: max(0, min(8, 3 - Int(size))))
    }
    let mantissa = value / pow(10, size)
    return "\(Display.fixed(mantissa, decimals: 3))e\(Int(size))"
  }
}

/// Scores as lines of text.
enum ScoreText {
  static func lines(_ scores: BinaryScores) -> [String] {
    let interval = scores.rocAUCInterval.map { Display.fixed($0, decimals: 4) }
    return [
      "  log-loss \(four(scores.logLoss)), Brier \(four(scores.brierScore)), "
        + "share of yes \(four(scores.prevalence))",
      "  ROC AUC \(four(scores.rocAUC)) (95 % \(interval.joined(separator: " to "))), "
        + "PR AUC \(four(scores.prAUC)), KS \(four(scores.kolmogorovSmirnov))",
      "  calibration error \(four(scores.expectedCalibrationError)), "
        + "slope \(Display.fixed(scores.calibrationSlope, decimals: 3)), "
        + "intercept \(Display.fixed(scores.calibrationIntercept, decimals: 3))",
    ]
  }

  static func lines(_ scores: NumberScores) -> [String] {
    [
      "  RMSE \(ModelText.number(scores.rootMeanSquaredError)), "
        + "MAE \(ModelText.number(scores.meanAbsoluteError)), R² \(four(scores.rSquared))",
      "  MAPE \(Display.percent(scores.meanAbsolutePercentageError)), "
        + "sMAPE \(Display.percent(scores.symmetricPercentageError)), "
        + "WAPE \(Display.percent(scores.weightedPercentageError))",
    ]
  }

  static func line(_ score: IntervalScore, level: Double) -> String {
    "  intervals of \(Display.percent(level)) hold \(Display.percent(score.coverage)), "
      + "mean width \(ModelText.number(score.meanWidth)), "
      + "Winkler score \(ModelText.number(score.winkler))"
  }

  private static func four(_ value: Double) -> String { Display.fixed(value, decimals: 4) }
}

/// How far rows have moved from those of a fit, as lines of text.
enum DriftText {
  /// The most columns that are shown, those that moved most.
  private static let shown = 20

  /// The lines below scores; `nil` is of a model that kept no distribution.
  static func lines(_ findings: [ModelDrift.Finding]?) -> [String] {
    guard let findings else {
      return ["", "no drift: the model file is of a version that kept no distribution"]
    }
    var text = TextTable([("moved since the fit", .left), ("PSI", .right), ("KS", .right)])
    for finding in findings.prefix(shown + 1) {
      text.add([
        finding.column ?? "(score)", Display.fixed(finding.stabilityIndex, decimals: 4),
        finding.largestDistance.map { Display.fixed($0, decimals: 4) } ?? "-",
      ])
    }
    let hidden = findings.count - shown - 1
    return [""] + text.lines()
      + (hidden > 0 ? ["  and \(Display.count(hidden)) columns that moved less"] : [])
  }
}
