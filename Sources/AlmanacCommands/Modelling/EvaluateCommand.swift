import AlmanacCore
import Regression

/// `almanac evaluate`: how well a fitted model does on rows whose outcome is known.
package struct EvaluateCommand: Command {
  package static let name = "evaluate"
  package static let summary = "score a fitted model on rows whose outcome is known"
  package static let help = """
    Usage: almanac evaluate --model FILE --data DATA [--source URL] [--format json]

    Prints the scores of a model on a table that holds its target: for
    probabilities log-loss, Brier score, areas under the ROC and the
    precision-recall curve, KS, calibration error, slope and intercept, lift and a
    table of calibration; for numbers RMSE, MAE, R², percentage errors, and what
    intervals of 90 % hold with their Winkler score (width, and a price for misses).

    Below that stands how far the rows have moved from those of the fit: PSI (under
    0.1 is no change, above 0.25 a large one) and KS of the score and each column.

    Options:
      --model FILE     a file that almanac fit wrote
      --data DATA      a CSV or .parquet file, or 'postgres:SELECT …'
      --source URL     the database of a query
      --format FORMAT  text or json, with all digits and shares of 1 instead of per
                       cent (default: text)

    Examples:
      almanac evaluate --model churn.json --data later.csv
      almanac evaluate --model churn.json --data later.csv --format json
    """

  private let input: ScoringInput
  private let format: ReportFormat

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    input = try ScoringInput(&scanner, environment: environment)
    format = try ReportFormat.option(&scanner)
  }

  package func run(in setting: CommandSetting) throws {
    let (model, table) = try input.read()
    let evaluation = try ModelEvaluation(model, table)
    switch format {
    case .text: setting.console.print(evaluation.lines)
    case .json: setting.console.print(evaluation.json.lines())
    }
  }
}

/// What a fitted model scores on rows whose outcome is known.
private struct ModelEvaluation {
  /// The share of errors that the intervals judged are to hold.
  private static let level = 0.9
  /// The shares of rows, those with the highest scores, whose lift is told.
  private static let shares = [0.05, 0.1, 0.2]

  private enum Scores {
    case numbers(NumberScores, intervals: IntervalScore?)
    case probabilities(ProbabilityScores)
  }

  private struct ProbabilityScores {
    let scores: BinaryScores
    let parts: BrierParts
    /// The Brier score below which no monotone map of the probabilities comes.
    let bestBrierScore: Double
    let lifts: [(share: Double, lift: Double, gain: Double)]
    let bins: [CalibrationBin]
  }

  private let rowCount: Int
  /// Rows without a value of the target.
  private let leftOut: Int
  private let scores: Scores
  /// How far the rows have moved; `nil` for a model that kept no distribution.
  private let drift: [ModelDrift.Finding]?

  /// Scores the rows that have a value of the target.
  ///
  /// - Throws: `TableError` where there is no such row or column; what predicting throws.
  init(_ model: FittedModel, _ whole: Table) throws {
    let name = model.specification.target
    guard let column = whole[name] else {
      throw TableError("the data has no column \"\(name)\", which the model predicts")
    }
    let labels = column.labels
    let rows = labels.indices.filter { labels[$0] != nil }
    guard !rows.isEmpty else { throw TableError("no row of the data has a value of \"\(name)\"") }
    let table = whole.selecting(rows: rows)
    let predictions = try model.predict(table, level: ModelEvaluation.level)
    let values = predictions.map(\.value)
    rowCount = rows.count
    leftOut = whole.rowCount - rows.count
    drift = model.drift?.findings(table, predictions: values)
    guard model.family == .logistic else {
      let actual = column.selecting(rows).numbers
      guard actual.allSatisfy(\.isFinite) else {
        throw TableError("column \"\(name)\" holds values that are no numbers")
      }
      let intervals = predictions.compactMap(\.interval)
      scores = .numbers(
        try NumberScores(predictions: values, actual: actual),
        intervals: intervals.isEmpty
          ? nil : try IntervalScore(intervals, actual: actual, level: ModelEvaluation.level))
      return
    }
    let outcomes = rows.map { labels[$0] == model.positive ? 1.0 : 0.0 }
    scores = .probabilities(
      ProbabilityScores(
        scores: try BinaryScores(probabilities: values, outcomes: outcomes),
        parts: try BrierParts(probabilities: values, outcomes: outcomes),
        bestBrierScore: try BrierParts(
          probabilities: isotonicRecalibration(values, outcomes), outcomes: outcomes
        ).total,
        lifts: ModelEvaluation.shares.map { share in
          let (lift, gain) = liftAndGain(values, outcomes, share: share)
          return (share, lift, gain)
        },
        bins: calibrationTable(values, outcomes)))
  }

  /// The scores as lines of text.
  var lines: [String] {
    var lines = [
      "\(Display.count(rowCount)) rows"
        + (leftOut > 0 ? ", \(Display.count(leftOut)) without a target left out" : "")
    ]
    switch scores {
    case .numbers(let scores, let intervals):
      lines += ScoreText.lines(scores)
      if let intervals {
        lines.append(ScoreText.line(intervals, level: ModelEvaluation.level))
      }
    case .probabilities(let found):
      lines += ScoreText.lines(found.scores)
      lines += [
        "  Brier by reliability \(Display.fixed(found.parts.reliability, decimals: 5)), "
          + "resolution \(Display.fixed(found.parts.resolution, decimals: 4)), "
          + "uncertainty \(Display.fixed(found.parts.uncertainty, decimals: 4))",
        "  no monotone map has a Brier score below "
          + "\(Display.fixed(found.bestBrierScore, decimals: 4)) on these rows",
      ]
      lines += found.lifts.map { share, lift, gain in
        "  top \(Display.percent(share)): lift \(Display.fixed(lift, decimals: 2)), "
          + "holds \(Display.percent(gain)) of yes"
      }
      var text = TextTable([
        ("rows", .right), ("mean probability", .right), ("share of yes", .right),
      ])
      for bin in found.bins {
        text.add([
          Display.count(bin.count), Display.fixed(bin.meanProbability, decimals: 4),
          Display.fixed(bin.frequency, decimals: 4),
        ])
      }
      lines += [""] + text.lines()
    }
    return lines + DriftText.lines(drift)
  }

  /// The scores as a JSON object with all digits; shares are of 1, and what is not defined is null.
  var json: JSONTree {
    .object(
      [("rows", .integer(rowCount)), ("rows_without_target", .integer(leftOut))] + members + [
        (
          "drift",
          drift.map { findings in
            .array(
              findings.map {
                [
                  "column": .optional($0.column), "psi": .number($0.stabilityIndex),
                  "ks": .optional($0.largestDistance),
                ]
              })
          } ?? .null
        )
      ])
  }

  private var members: [(String, JSONTree)] {
    switch scores {
    case .numbers(let scores, let intervals):
      scores.members + [
        (
          "intervals",
          intervals.map {
            [
              "level": .number(ModelEvaluation.level), "coverage": .number($0.coverage),
              "mean_width": .number($0.meanWidth), "winkler": .number($0.winkler),
            ]
          } ?? .null
        )
      ]
    case .probabilities(let found):
      found.scores.members + [
        ("brier_reliability", .number(found.parts.reliability)),
        ("brier_resolution", .number(found.parts.resolution)),
        ("brier_uncertainty", .number(found.parts.uncertainty)),
        ("brier_best_monotone", .number(found.bestBrierScore)),
        (
          "lift",
          .array(
            found.lifts.map {
              ["share": .number($0.share), "lift": .number($0.lift), "gain": .number($0.gain)]
            })
        ),
        (
          "calibration",
          .array(
            found.bins.map {
              [
                "rows": .integer($0.count), "mean_probability": .number($0.meanProbability),
                "frequency": .number($0.frequency),
              ]
            })
        ),
      ]
    }
  }
}
