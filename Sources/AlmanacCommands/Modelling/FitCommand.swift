import AlmanacCore
import Files
import Regression

/// `almanac fit`: a model from any table.
package struct FitCommand: Command {
  package static let name = "fit"
  package static let summary = "fit a model to a CSV or Parquet file or a query"
  package static let help = """
    Usage: almanac fit --data DATA (--target COLUMN | --model FILE) --out FILE
                       [--time COLUMN] [--source URL] [--jobs N] [--format json]

    Fits a regression and writes it with its terms, coefficients, calibration and
    scores into one JSON file, for almanac predict, evaluate and show.

    With --target alone the rest follows from the values: a target of two values
    gets a logistic regression, numbers a linear one. Constant columns, copies and
    identifiers are left out with a note; whole numbers with at most 12 values
    count as categories; missing values get the median and a column of their own.
    The strength of the penalty, and whether effects depend on each other, is
    chosen by the loss on rows left out, and the scores printed are of such rows.
    --time names a column that orders rows in time: then each of five windows is
    judged, and probabilities are calibrated, by fits of the rows before it.

    A --model file in YAML decides more:

      target: churned
      family: logistic         # linear, logistic or poisson
      positive: "yes"
      ignore: [customer_id]
      weight: rows             # a column: how many rows each stands for
      offset: log_exposure     # a column: added to the predictor as it is
      penalty: auto            # or a number, 0 for none
      validation:              # rows left out; without it each by itself
        kind: rolling          # later rows by earlier ones; or folds, grouped
        column: signed_up      # of rolling and grouped
        folds: 5
      terms:
        - {column: tenure, kind: spline, knots: 6}
        - {column: plan, kind: categorical, minimum: 20}
        - {column: revenue, kind: numeric, log: true, winsorise: true}
        - {column: hour, kind: cyclic, period: 24}
        - {column: age, kind: polynomial, degree: 2}
        - {kind: interaction, columns: [plan, tenure]}

    Options:
      --data DATA      a CSV or .parquet file, or 'postgres:SELECT …'
      --target COLUMN  the column to predict
      --model FILE     the model in YAML, instead of --target
      --time COLUMN    judge by later rows, in the order of this column
      --out FILE       where to write the fitted model
      --source URL     the database of a query
      --jobs N         the most threads; the result does not depend on it
      --format FORMAT  text or json: what was fitted and how well (default: text)

    Examples:
      almanac fit --data churn.csv --target Churn --out churn.json
      almanac fit --data churn.csv --target Churn --time signed_up --out churn.json
      almanac fit --data 'postgres:SELECT * FROM leads' --target won --out won.json
    """

  private let data: TableSource
  private let target: String?
  private let modelPath: String?
  private let time: String?
  private let outPath: String
  private let source: String?
  private let jobs: Int?
  private let format: ReportFormat
  private let environment: [String: String]

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    data = try TableSource.option("--data", &scanner)
    target = try scanner.value("--target")
    modelPath = try scanner.value("--model")
    time = try scanner.value("--time")
    guard let out = try scanner.value("--out") else {
      throw UsageError("--out is missing; give the file to write the model into")
    }
    outPath = out
    source = try scanner.value("--source")
    jobs = try scanner.integer("--jobs", in: 1...1024)
    format = try ReportFormat.option(&scanner)
    self.environment = environment
    guard (target == nil) != (modelPath == nil) else {
      throw UsageError("give either --target COLUMN or --model FILE")
    }
    guard time == nil || modelPath == nil else {
      throw UsageError("--time goes with --target; a model file says it under `validation`")
    }
  }

  package func run(in setting: CommandSetting) throws {
    let specification: ModelSpecification
    if let modelPath {
      specification = try ModelDocument.read(try FileSystem.read(modelPath), file: modelPath)
    } else {
      specification = ModelSpecification(
        target: target ?? "", validation: time.map { .rolling(column: $0, origins: 5) })
    }
    let loaded = try data.read {
      try ConnectionOptions(environment: environment).settings(
        option: "--source", value: source, variable: "ALMANAC_SOURCE")
    }
    let fitted = try loaded.use { table in
      for name in [specification.target, time].compactMap({ $0 })
      where !table.names.contains(name) {
        throw TableError(
          "the data has no column \"\(name)\""
            + Suggestion.didYouMean(name, among: table.names))
      }
      return try specification.fit(table, jobs: jobs)
    }
    let file = ModelFile(fitted, digest: loaded.digest)
    try file.write(to: outPath)
    switch format {
    case .text:
      setting.console.print(ModelText(file: file).summary())
      setting.console.print("written to \(outPath)")
    case .json: setting.console.print(ModelReport(file.model).json(path: outPath).lines())
    }
  }
}
