import AlmanacCore

/// `almanac show`: a fitted model as people read it.
package struct ShowCommand: Command {
  package static let name = "show"
  package static let summary = "show a fitted model: coefficients and effects"
  package static let help = """
    Usage: almanac show FILE [--exact] [--format json]

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
      --exact          print coefficients and standard errors with all their digits
      --format FORMAT  text or json: the same with all digits; what there is not is
                       null (default: text)

    Examples:
      almanac show churn.json
      almanac show filip.json --exact
      almanac show churn.json --format json
    """

  private let path: String
  private let isExact: Bool
  private let format: ReportFormat

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    isExact = try scanner.flag("--exact")
    format = try ReportFormat.option(&scanner)
    guard let operand = scanner.operand() else {
      throw UsageError("name the model file, such as `almanac show churn.json`")
    }
    path = operand
  }

  package func run(in setting: CommandSetting) throws {
    let file = try ModelFile.read(path)
    if format == .json {
      setting.console.print(try ModelReport(file.model).jsonWithTables(path: path).lines())
      return
    }
    let text = ModelText(file: file, isExact: isExact)
    setting.console.print(text.summary())
    setting.console.print("")
    setting.console.print(text.coefficients())
    setting.console.print(text.likelihoodRatios())
    setting.console.print(try text.effects())
  }
}
