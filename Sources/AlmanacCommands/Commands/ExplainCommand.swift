import AlmanacCore
import Pipelines
import Postgres
import Regression

/// `almanac explain`: why a published prediction about a company is what it is.
package struct ExplainCommand: Command {
  package static let name = "explain"
  package static let summary =
    "why a company's prediction is what it is, and how to check it"
  package static let help = """
    Usage: almanac explain MODEL COMPANY [--as-of DATE] [OPTIONS]

    Shows what was published about a company by a model such as churn, upsell or
    payment_failure: each feature as it was seen, its coefficient, what it adds to
    the log-odds and that in words; the model's card with its scores and gate, of
    one that was refused, too; and SQL for the source that gives what each feature
    is made of, with what had happened and been recorded by then. COMPANY is its
    identifier.

    Options:
      --as-of DATE     the day that was predicted for (default: that of what
                       readers see now)
      --rows N         also run the SQL in the source, and show what it gives and
                       the newest N rows behind each feature
      --source URL     the database that was read (default: $ALMANAC_SOURCE, else
                       PG*)
      --target URL     the database that was written (default: $ALMANAC_TARGET,
                       else the source)
      --project DIR    the folder of the definitions (default: .)
      --format FORMAT  table, csv or json (default: table)

    Ends with 66 where nothing is published of the model, the day or the company.

    Examples:
      almanac explain churn 0c5e7f0a-52f1-4d0e-9f5e-3f1d2a9b7c11
      almanac explain churn 0c5e7f0a-52f1-4d0e-9f5e-3f1d2a9b7c11 --rows 5
    """

  private let source: ConnectionSettings
  private let target: ConnectionSettings
  private let format: OutputFormat
  private let projectPath: String
  private let environment: [String: String]
  private let model: String
  private let company: UUIDValue
  private let date: CalendarDate?
  private let rowLimit: Int?

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    self.environment = environment
    (source, target) = try ConnectionOptions(environment: environment).sourceAndTarget(&scanner)
    format = try scanner.value("--format").map { try OutputFormat(option: $0) } ?? .table
    projectPath = try scanner.value("--project") ?? "."
    rowLimit = try scanner.integer("--rows", in: 1...1_000)
    date = try scanner.date("--as-of")
    guard let model = scanner.operand() else {
      throw UsageError("name the model, such as `almanac explain churn COMPANY`")
    }
    guard let text = scanner.operand() else {
      throw UsageError("name the company by its identifier: almanac explain \(model) COMPANY")
    }
    guard let company = UUIDValue(text) else {
      throw UsageError(
        "\(shown(text)) is no identifier of a company; the `id` of datasets/companies.yaml is one")
    }
    self.model = model
    self.company = company
  }

  package func run(in setting: CommandSetting) throws {
    let project = try ProjectLoader(path: projectPath, environment: environment).load()
    let connection = try Connection(target, purpose: .target)
    try SchemaCheck.run(on: connection)
    let explanation = try RiskExplanation(
      connection, model: model, company: company, asOf: date, project: project)
    var text = ExplanationText(explanation)
    let versions = ModelVersions(connection)
    // Where a share stands in, the card is that of the model that was refused.
    let isModel = explanation.version != RiskExplanation.baseline
    let version =
      isModel
      ? try versions.version(of: model, explanation.version)
      : try versions.fitted(model, by: explanation.run)
    if let version {
      let fits = try versions.fits(of: version)
      for fit in fits where isModel {
        // A curve or a text has several, which the card shows.
        let single = zip(fit.model.reasonNames, fit.model.coefficients).filter { $1.count == 1 }
        text.coefficients[fit.span] = Dictionary(
          single.map { ($0, $1[0]) }, uniquingKeysWith: { $1 })
      }
      text.card = ModelCardText(
        version, choices: try versions.choices(of: version),
        figures: try versions.figures(of: version), fits: fits)
    }
    if let rowLimit {
      let source = try Connection(source, purpose: .source)
      text.found = try explanation.checks.map { try $0.run(on: source, limit: rowLimit) }
    }
    setting.console.print(text.lines(format))
  }
}
