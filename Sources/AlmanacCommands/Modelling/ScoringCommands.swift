import AlmanacCore
import Files
import Regression

/// What the commands that take a fitted model and a table have in common.
private struct ScoringInput {
  let modelPath: String
  let data: TableSource
  let source: String?
  let environment: [String: String]

  init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    guard let path = try scanner.value("--model") else {
      throw UsageError("--model is missing; give a file that `almanac fit` wrote")
    }
    modelPath = path
    data = try TableSource.option("--data", &scanner)
    source = try scanner.value("--source")
    self.environment = environment
  }

  func read() throws -> (model: FittedModel, table: Table) {
    let file = try ModelFile.read(modelPath)
    let loaded = try data.read {
      try ConnectionOptions(environment: environment).settings(
        option: "--source", value: source, variable: "ALMANAC_SOURCE")
    }
    // A large file is read by columns, of which only those that are needed are held.
    let needed = Set(file.model.sources + [file.model.specification.target])
    return try loaded.use { whole in
      var table = Table(rowCount: whole.rowCount)
      for name in whole.names where needed.contains(name) {
        if let column = whole[name] { table.add(name, column) }
      }
      return (file.model, table)
    }
  }
}

/// `almanac predict`: predictions of a fitted model for the rows of a table.
package struct PredictCommand: Command {
  package static let name = "predict"
  package static let summary = "predict with a fitted model for each row of a table"
  package static let help = """
    Usage: almanac predict --model FILE --data DATA --out FILE
                           [--level PERCENT] [--reasons N] [--source URL]

    Writes a CSV file with one row for each row of the data, in order: row (from
    1), probability or predicted, lower, upper, reasons. lower and upper hold the
    percentage --level of errors on rows left out of the fit; probabilities have
    none. reasons name what moves a prediction away from that of an average row
    most, each with what it adds on the scale of the model (log-odds for
    probabilities); over all terms they add up exactly.

    Options:
      --model FILE     a file that almanac fit wrote
      --data DATA      a CSV or .parquet file, or 'postgres:SELECT …'
      --out FILE       the CSV file to write
      --level PERCENT  the percentage an interval is to hold (default: 90)
      --reasons N      how many reasons (default: 3)
      --source URL     the database of a query

    Examples:
      almanac predict --model churn.json --data today.csv --out risks.csv
    """

  private let input: ScoringInput
  private let outPath: String
  private let level: Double
  private let reasons: Int

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    input = try ScoringInput(&scanner, environment: environment)
    guard let out = try scanner.value("--out") else {
      throw UsageError("--out is missing; give the CSV file to write")
    }
    outPath = out
    reasons = try scanner.integer("--reasons", in: 0...1000) ?? 3
    level = Double(try scanner.integer("--level", in: 1...99) ?? 90) / 100
  }

  package func run(in setting: CommandSetting) throws {
    let (model, table) = try input.read()
    let predictions = try model.predict(table, level: level)
    let names = model.reasonNames
    var text =
      "row,\(model.family == .logistic ? "probability" : "predicted"),lower,upper,reasons\n"
    for (row, prediction) in predictions.enumerated() {
      let order = prediction.contributions.indices.sorted {
        (-abs(prediction.contributions[$0]), $0) < (-abs(prediction.contributions[$1]), $1)
      }
      let parts = order.prefix(reasons).map { index in
        let value = prediction.contributions[index]
        return "\(names[index]) \(value < 0 ? "" : "+")\(ModelText.number(value))"
      }
      let cells = [
        String(row + 1), "\(prediction.value)",
        prediction.interval.map { "\($0.lower)" } ?? "",
        prediction.interval.map { "\($0.upper)" } ?? "", parts.joined(separator: "; "),
      ]
      text += cells.map(csvCell).joined(separator: ",") + "\n"
    }
    try FileSystem.writeAtomically(Array(text.utf8), to: outPath)
    setting.console.print("\(Display.count(predictions.count)) rows written to \(outPath)")
  }

  private func csvCell(_ text: String) -> String {
    guard text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return text }
    let doubled = text.split(separator: "\"", omittingEmptySubsequences: false)
    return "\"" + doubled.joined(separator: "\"\"") + "\""
  }
}

/// `almanac evaluate`: how well a fitted model does on rows whose outcome is known.
package struct EvaluateCommand: Command {
  package static let name = "evaluate"
  package static let summary = "score a fitted model on rows whose outcome is known"
  package static let help = """
    Usage: almanac evaluate --model FILE --data DATA [--source URL]

    Prints the scores of a model on a table that holds its target: for
    probabilities log-loss, Brier score, areas under the ROC and the
    precision-recall curve, KS, calibration error, slope and intercept, lift and a
    table of calibration; for numbers RMSE, MAE, R², percentage errors, and what
    intervals of 90 % hold with their Winkler score (width, and a price for misses).

    Below that stands how far the rows have moved from those of the fit: PSI (under
    0.1 is no change, above 0.25 a large one) and KS of the score and each column.

    Options:
      --model FILE   a file that almanac fit wrote
      --data DATA    a CSV or .parquet file, or 'postgres:SELECT …'
      --source URL   the database of a query

    Examples:
      almanac evaluate --model churn.json --data later.csv
    """

  /// The share of errors that the intervals judged are to hold.
  private static let level = 0.9

  private let input: ScoringInput

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    input = try ScoringInput(&scanner, environment: environment)
  }

  package func run(in setting: CommandSetting) throws {
    let (model, whole) = try input.read()
    let name = model.specification.target
    guard let column = whole[name] else {
      throw TableError("the data has no column \"\(name)\", which the model predicts")
    }
    let labels = column.labels
    let rows = labels.indices.filter { labels[$0] != nil }
    guard !rows.isEmpty else { throw TableError("no row of the data has a value of \"\(name)\"") }
    let table = whole.selecting(rows: rows)
    let predictions = try model.predict(table, level: EvaluateCommand.level)
    let values = predictions.map(\.value)
    setting.console.print(
      "\(Display.count(rows.count)) rows"
        + (rows.count < whole.rowCount
          ? ", \(Display.count(whole.rowCount - rows.count)) without a target left out" : ""))
    guard model.family == .logistic else {
      let actual = column.selecting(rows).numbers
      guard actual.allSatisfy(\.isFinite) else {
        throw TableError("column \"\(name)\" holds values that are no numbers")
      }
      setting.console.print(
        ScoreText.lines(try NumberScores(predictions: values, actual: actual)))
      let intervals = predictions.compactMap(\.interval)
      if !intervals.isEmpty {
        setting.console.print(
          ScoreText.line(
            try IntervalScore(intervals, actual: actual, level: EvaluateCommand.level),
            level: EvaluateCommand.level))
      }
      setting.console.print(DriftText.lines(model, table, predictions: values))
      return
    }
    let outcomes = rows.map { labels[$0] == model.positive ? 1.0 : 0.0 }
    setting.console.print(
      ScoreText.lines(try BinaryScores(probabilities: values, outcomes: outcomes)))
    let parts = try BrierParts(probabilities: values, outcomes: outcomes)
    let best = try BrierParts(
      probabilities: isotonicRecalibration(values, outcomes), outcomes: outcomes
    ).total
    setting.console.print(
      "  Brier by reliability \(Display.fixed(parts.reliability, decimals: 5)), "
        + "resolution \(Display.fixed(parts.resolution, decimals: 4)), "
        + "uncertainty \(Display.fixed(parts.uncertainty, decimals: 4))")
    setting.console.print(
      "  no monotone map has a Brier score below "
        + "\(Display.fixed(best, decimals: 4)) on these rows")
    for share in [0.05, 0.1, 0.2] {
      let (lift, gain) = liftAndGain(values, outcomes, share: share)
      setting.console.print(
        "  top \(Display.percent(share)): lift \(Display.fixed(lift, decimals: 2)), "
          + "holds \(Display.percent(gain)) of yes")
    }
    var text = TextTable([("rows", .right), ("mean probability", .right), ("share of yes", .right)])
    for bin in calibrationTable(values, outcomes) {
      text.add([
        Display.count(bin.count), Display.fixed(bin.meanProbability, decimals: 4),
        Display.fixed(bin.frequency, decimals: 4),
      ])
    }
    setting.console.print("")
    setting.console.print(text.lines())
    setting.console.print(DriftText.lines(model, table, predictions: values))
  }
}

/// `almanac show`: a fitted model as people read it.
package struct ShowCommand: Command {
  package static let name = "show"
  package static let summary = "show a fitted model: coefficients and effects"
  package static let help = """
    Usage: almanac show FILE [--exact]

    Prints what a model predicts, its scores, the table of its coefficients with
    standard errors and tests, and the effect of each term over its range as bars.
    Standard errors of a penalised fit say how estimates scatter about their own
    mean; the pull of the penalty towards zero is not in them.

    For a logistic or Poisson model fitted with `penalty: 0`, likelihood-ratio tests
    say what each term as a whole adds to all others, and what all terms add to the
    intercept. Separated classes are tested by Firth's penalised likelihood. A
    linear one has R², F and variance inflation factors, ∞ for a column that is a
    combination of earlier ones.

    Without a penalty the coefficient of a number is per unit of its column, or of
    its logarithm where the term takes that; with one, per standard deviation.

    Options:
      --exact  print coefficients and standard errors with all their digits

    Examples:
      almanac show churn.json
      almanac show filip.json --exact
    """

  private let path: String
  private let isExact: Bool

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    isExact = try scanner.flag("--exact")
    guard let operand = scanner.operand() else {
      throw UsageError("name the model file, such as `almanac show churn.json`")
    }
    path = operand
  }

  package func run(in setting: CommandSetting) throws {
    let text = ModelText(file: try ModelFile.read(path), isExact: isExact)
    setting.console.print(text.summary())
    setting.console.print("")
    setting.console.print(text.coefficients())
    setting.console.print(text.likelihoodRatios())
    setting.console.print(try text.effects())
  }
}
