import AlmanacCore
import Pipelines
import Postgres

/// `almanac models`: the versions of fitted models, and which of them serves.
package struct ModelsCommand: Command {
  package static let name = "models"
  package static let summary = "list, show and compare fitted versions; choose which serves"
  package static let verbs = ["list", "show", "compare", "promote", "rollback"]
  package static let help = """
    Usage: almanac models list [MODEL] [--limit N] [OPTIONS]
           almanac models show MODEL [VERSION] [OPTIONS]
           almanac models compare MODEL [VERSION [OTHER]] [OPTIONS]
           almanac models promote MODEL VERSION --reason TEXT [--target URL]
           almanac models rollback MODEL --reason TEXT [--target URL]

    Each night fits its models; the ledger keeps every version. list shows them,
    the newest first; show the scores, the gate and the coefficients of one (the
    champion, which serves, if none is named, or the newest where none serves);
    compare the figures of two (the champion and the newest other one). VERSION
    may be its first characters.

    promote lets another version serve from the next night on, rollback the
    champion before; called again, one further back. Who and why are recorded. A
    version so chosen stays until one is significantly better on months known
    since. Only versions that passed their gate can be chosen, of models whose
    champion is kept from night to night: of kind churn, payment_failure or
    upsell. What readers see now stays; `almanac rollback` takes a publication
    back.

    Options:
      --limit N        versions of each model to list (default: 20)
      --reason TEXT    why, for the record
      --format FORMAT  table, csv or json (default: table)
      --target URL     the database that was written (default: $ALMANAC_TARGET,
                       else $ALMANAC_SOURCE, else PG*)

    Examples:
      almanac models list churn
      almanac models compare churn 3f9a 81c2 --format json
      almanac models promote churn 3f9a --reason 'knows the new price list'
    """

  /// What to do with the versions.
  private enum Action {
    case list(model: String?, limit: Int)
    case show(model: String, version: String?)
    case compare(model: String, version: String?, other: String?)
    case promote(model: String, version: String, reason: String)
    case rollback(model: String, reason: String)
  }

  private let target: ConnectionSettings
  private let format: OutputFormat
  private let action: Action

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    target = try targetSettings(&scanner, environment: environment)
    let format = try scanner.value("--format").map { try OutputFormat(option: $0) }
    let limit = try scanner.integer("--limit", in: 1...1_000_000)
    let reason = try scanner.value("--reason")
    self.format = format ?? .table
    let known = ModelsCommand.verbs
    guard let word = scanner.operand() else {
      throw UsageError("say what to do: almanac models \(known.joined(separator: "|"))")
    }
    let given = [
      ("--format", format != nil), ("--limit", limit != nil), ("--reason", reason != nil),
    ]
    func allow(_ options: [String]) throws(UsageError) {
      for (option, isGiven) in given where isGiven && !options.contains(option) {
        throw UsageError("\(option) means nothing to `almanac models \(word)`")
      }
    }
    let model = scanner.operand()
    /// A version, or what it begins with.
    func version() throws(UsageError) -> String? {
      let name = scanner.operand()
      if name == "" { throw UsageError("the name of a version is empty") }
      return name
    }
    func named() throws(UsageError) -> String {
      guard let model else {
        throw UsageError("name the model, such as `almanac models \(word) churn`")
      }
      return model
    }
    func why() throws(UsageError) -> String {
      guard let text = reason?.split(whereSeparator: \.isWhitespace).joined(separator: " "),
        !text.isEmpty
      else {
        throw UsageError("--reason is missing; say why, for whoever asks later")
      }
      return text
    }
    switch word {
    case "list":
      try allow(["--format", "--limit"])
      action = .list(model: model, limit: limit ?? 20)
    case "show":
      try allow(["--format"])
      action = .show(model: try named(), version: try version())
    case "compare":
      try allow(["--format"])
      action = .compare(model: try named(), version: try version(), other: try version())
    case "promote":
      try allow(["--reason"])
      let model = try named()
      guard let version = try version() else {
        throw UsageError("name the version; `almanac models list \(model)` shows them")
      }
      action = .promote(model: model, version: version, reason: try why())
    case "rollback":
      try allow(["--reason"])
      action = .rollback(model: try named(), reason: try why())
    case let other:
      throw UsageError(
        "almanac models has no \(shown(other))" + Suggestion.didYouMean(other, among: known)
          + "; known: \(known.joined(separator: ", "))")
    }
  }

  package func run(in setting: CommandSetting) throws {
    let connection = try Connection(target, purpose: .target)
    try SchemaCheck.run(on: connection)
    let versions = ModelVersions(connection)
    switch action {
    case .list(let model, let limit):
      let (found, total) = try versions.list(model: model, limit: limit)
      setting.console.print(ModelListText(found, total: total).lines(format))
    case .show(let model, let name):
      let version = try versions.version(of: model, name)
      setting.console.print(
        ModelCardText(
          version, choices: try versions.choices(of: version),
          figures: try versions.figures(of: version),
          fits: try versions.fits(of: version)
        ).lines(format))
    case .compare(let model, let name, let other):
      let left = try versions.version(of: model, other == nil ? nil : name)
      let right =
        try (other ?? name).map { try versions.version(of: model, $0) }
        ?? versions.newest(of: model, besides: left.version)
      setting.console.print(
        ModelComparisonText(
          left, right, try versions.figures(of: left), try versions.figures(of: right),
          found: try versions.comparison(right, left)
        ).lines(format))
    case .promote(let model, let name, let reason):
      let version = try versions.version(of: model, name)
      try choosing(version, reason, connection, setting) { choice in
        (version, try choice.promote(version))
      }
    case .rollback(let model, let reason):
      let newest = try versions.list(model: model, limit: 1).versions[0]
      try choosing(newest, reason, connection, setting) { try $0.rollBack(model) }
    }
  }

  /// Takes the lock, so that no night decides meanwhile, and says what was chosen.
  private func choosing(
    _ version: ModelVersions.Version, _ reason: String, _ connection: Connection,
    _ setting: CommandSetting,
    _ body: (ModelChoice) throws -> (version: ModelVersions.Version, previous: String?)
  ) throws {
    guard let run = UUIDValue(version.run) else {
      throw PipelineError.unexpectedAnswer(what: "no run of \(version.version)")
    }
    let lock = try RunLock(
      connection, settings: target, run: run,
      holder: "models on \(setting.host), process \(setting.processID)")
    let choice = ModelChoice(lock, user: "\(setting.user) on \(setting.host)", reason: reason)
    let (chosen, previous): (ModelVersions.Version, String?)
    do {
      (chosen, previous) = try body(choice)
    } catch {
      try? Ledger(lock, run: run).release()
      throw error
    }
    try Ledger(lock, run: run).release()
    let instead = previous.map { $0 == chosen.version ? ", as before" : ", instead of \($0)" }
    setting.console.print(
      "\(chosen.version) serves from the next night on" + (instead ?? ""))
  }
}
