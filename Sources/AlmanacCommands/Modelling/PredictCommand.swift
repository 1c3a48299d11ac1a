import AlmanacCore
import Files
import Regression

/// `almanac predict`: predictions of a fitted model for the rows of a table.
package struct PredictCommand: Command {
  package static let name = "predict"
  package static let summary = "predict with a fitted model for each row of a table"
  package static let help = """
    Usage: almanac predict --model FILE --data DATA [OPTIONS]

    Writes CSV with one row for each row of the data, in order: row (from 1),
    probability or predicted, lower, upper, reasons. lower and upper hold the
    percentage --level of errors on rows left out of the fit; probabilities have
    none. reasons name what moves a prediction away from that of an average row
    most, each with what it adds on the scale of the model (log-odds for
    probabilities); over all terms they add up exactly. As JSON it is an array with
    an object for each row, of the same members and digits; reasons are objects with
    name and contribution there, and lower and upper null where there are none.

    Options:
      --model FILE     a file that almanac fit wrote
      --data DATA      a CSV or .parquet file, or 'postgres:SELECT …'
      --format FORMAT  csv or json (default: csv)
      --out FILE       where the result goes (default: standard output)
      --level PERCENT  the percentage an interval is to hold (default: 90)
      --reasons N      how many reasons (default: 3)
      --source URL     the database of a query

    Examples:
      almanac predict --model churn.json --data today.csv --out risks.csv
      almanac predict --model churn.json --data today.csv --format json
    """

  private let input: ScoringInput
  private let out: String?
  private let level: Double
  private let reasons: Int
  private let format: RowFormat

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    input = try ScoringInput(&scanner, environment: environment)
    out = try scanner.value("--out")
    reasons = try scanner.integer("--reasons", in: 0...1000) ?? 3
    level = Double(try scanner.integer("--level", in: 1...99) ?? 90) / 100
    format = try RowFormat.option(&scanner)
  }

  package func run(in setting: CommandSetting) throws {
    let (model, table) = try input.read()
    let rows = PredictionRows(
      names: model.reasonNames,
      value: model.family == .logistic ? "probability" : "predicted",
      predictions: try model.predict(table, level: level), reasonCount: reasons)
    let lines = format == .csv ? rows.csv : rows.json
    guard let out else {
      setting.console.print(lines)
      return
    }
    try FileSystem.writeAtomically(Array((lines.joined(separator: "\n") + "\n").utf8), to: out)
    switch format {
    case .csv:
      setting.console.print("\(Display.counted(rows.predictions.count, "row")) written to \(out)")
    case .json:
      setting.console.print(
        JSONTree.object([("rows", .integer(rows.predictions.count)), ("out", .text(out))]).lines())
    }
  }
}

/// Predictions as rows for programs.
private struct PredictionRows {
  /// The names that contributions belong to.
  let names: [String]
  /// The name of what is predicted.
  let value: String
  /// The predictions, in the order of the data.
  let predictions: [FittedModel.Prediction]
  /// How many reasons a row has at most.
  let reasonCount: Int

  /// The lines of CSV, the first one with names.
  var csv: [String] {
    ["row,\(value),lower,upper,reasons"]
      + predictions.enumerated().map { row, prediction in
        let reasons = reasons(prediction).map { name, value in
          "\(name) \(value < 0 ? "" : "+")\(ModelText.number(value))"
        }
        let cells = [
          String(row + 1), "\(prediction.value)",
          prediction.interval.map { "\($0.lower)" } ?? "",
          prediction.interval.map { "\($0.upper)" } ?? "", reasons.joined(separator: "; "),
        ]
        return cells.map(csvField).joined(separator: ",")
      }
  }

  /// The lines of a JSON array with an object for each row.
  var json: [String] {
    jsonArray(
      predictions.enumerated().map { row, prediction in
        let reasons = reasons(prediction).map { name, value in
          JSONTree.object([("name", .text(name)), ("contribution", .number(value))])
        }
        return JSONTree.object([
          ("row", .integer(row + 1)), (value, .number(prediction.value)),
          ("lower", .optional(prediction.interval?.lower)),
          ("upper", .optional(prediction.interval?.upper)), ("reasons", .array(reasons)),
        ]).line()
      })
  }

  /// What moves a prediction most, the largest first.
  private func reasons(
    _ prediction: FittedModel.Prediction
  ) -> [(name: String, contribution: Double)] {
    let order = prediction.contributions.indices.sorted {
      (-abs(prediction.contributions[$0]), $0) < (-abs(prediction.contributions[$1]), $1)
    }
    return order.prefix(reasonCount).map { (names[$0], prediction.contributions[$0]) }
  }
}
