import AlmanacCore
import Files
import Regression

/// What the commands that take a fitted model and a table have in common.
struct ScoringInput {
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
