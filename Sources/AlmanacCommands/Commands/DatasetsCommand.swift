import AlmanacCore
import Pipelines

/// `almanac datasets`: what the snapshots hold, and whether they are sound.
package struct DatasetsCommand: Command {
  package static let name = "datasets"
  package static let summary = "list, show, verify, compact, prune or reset the snapshots"
  package static let verbs = ["describe", "show", "verify", "compact", "prune", "reset"]
  package static let help = """
    Usage: almanac datasets [--data DIR] [--format FORMAT]
           almanac datasets describe NAME [--data DIR] [--format FORMAT]
           almanac datasets show NAME [--date DATE] [--limit N] [--versions]
                                      [--as-of TIME] [--data DIR]
                                      [--format FORMAT]
           almanac datasets verify [--data DIR] [--format FORMAT]
           almanac datasets compact [NAME] [--data DIR] [--format FORMAT]
           almanac datasets prune NAME [--data DIR] [--project DIR]
                                       [--format FORMAT]
           almanac datasets reset NAME --yes [--data DIR] [--format FORMAT]

    Looks into the folder of snapshots, or tidies it. No database is needed.

    Without another word it lists the datasets with rows, size, parts, UTC days
    and watermark. Days are missing where they have no part; a quiet day has none.
    describe shows the columns, the parts and the cut of the source; show prints
    rows, of a dataset in mode changes those that the last cut of the source saw;
    verify reads every part again and names each that is damaged, truncated
    or missing, which ends with 65, and each file that no manifest lists. What it
    finds damaged, the next run reads again from the source.

    compact joins the parts of days that have more than eight; the rows stay the
    same. prune removes the days that `retention:` in the file of the dataset does
    not cover; it refuses where a stage or model needs all days. reset forgets a
    dataset, with all that the source no longer has; the next run reads the source
    whole. These three wait for no run: while one is at work they end with 75.

    Options:
      --data DIR       the folder of snapshots (default: var/data)
      --date DATE      only the rows of this UTC day
      --limit N        how many rows to show (default: 20)
      --versions       every version of each row, also of rows that were deleted
      --as-of TIME     the rows as they were seen at a time, such as 2026-01-31
                       or 2026-01-31T12:00:00Z
      --format FORMAT  table, csv or json (default: table)
      --project DIR    the folder that holds pipelines, models and datasets
                       (default: the current one)
      --yes            reset without asking back

    CSV is safe to open in a spreadsheet: text that it would take for a formula
    begins with an apostrophe.

    Examples:
      almanac datasets
      almanac datasets show events --date 2026-01-31 --format csv
      almanac datasets verify --data var/data
      almanac datasets compact events
    """

  /// What to do with the snapshots.
  private enum Action {
    case list(OutputFormat)
    case describe(String, OutputFormat)
    case show(
      String, date: CalendarDate?, DataDirectoryReading.Versions?, limit: Int, OutputFormat)
    case verify(OutputFormat)
    case compact(String?, OutputFormat)
    case prune(String, OutputFormat)
    case reset(String, OutputFormat)
  }

  private let dataPath: String
  private let projectPath: String
  private let environment: [String: String]
  private let action: Action

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    dataPath = try scanner.value("--data") ?? "var/data"
    let date = try scanner.date("--date")
    let limit = try scanner.integer("--limit", in: 1...1_000_000_000)
    let format = try scanner.value("--format").map { try OutputFormat(option: $0) }
    let versions = try DatasetsCommand.versions(&scanner)
    let project = try scanner.value("--project")
    let isSure = try scanner.flag("--yes")
    projectPath = project ?? "."
    self.environment = environment
    let word = scanner.operand()
    let given = [
      ("--date", date != nil), ("--limit", limit != nil), ("--format", format != nil),
      ("--versions", versions == .all), ("--as-of", versions != nil && versions != .all),
      ("--project", project != nil), ("--yes", isSure),
    ]
    func allow(_ options: [String]) throws {
      for (option, isGiven) in given where isGiven && !options.contains(option) {
        let command = (["almanac datasets"] + (word.map { [$0] } ?? [])).joined(separator: " ")
        throw UsageError("\(option) means nothing to `\(command)`")
      }
    }
    switch word {
    case nil:
      try allow(["--format"])
      action = .list(format ?? .table)
    case "describe":
      try allow(["--format"])
      action = .describe(
        try DatasetsCommand.dataset(&scanner, for: "describe"), format ?? .table)
    case "show":
      try allow(["--date", "--limit", "--format", "--versions", "--as-of"])
      action = .show(
        try DatasetsCommand.dataset(&scanner, for: "show"), date: date, versions,
        limit: limit ?? 20, format ?? .table)
    case "verify":
      try allow(["--format"])
      action = .verify(format ?? .table)
    case "compact":
      try allow(["--format"])
      action = .compact(scanner.operand(), format ?? .table)
    case "prune":
      try allow(["--project", "--format"])
      action = .prune(
        try DatasetsCommand.dataset(&scanner, for: "prune"), format ?? .table)
    case "reset":
      try allow(["--yes", "--format"])
      let name = try DatasetsCommand.dataset(&scanner, for: "reset")
      guard isSure else {
        throw UsageError(
          "reset forgets rows of \(name) that the source may no longer have; add --yes to do so")
      }
      action = .reset(name, format ?? .table)
    case .some(let other):
      let known = DatasetsCommand.verbs
      throw UsageError(
        "almanac datasets has no \(shown(other))" + Suggestion.didYouMean(other, among: known)
          + "; known: \(known.joined(separator: ", "))")
    }
  }

  /// The versions that `--versions` or `--as-of` ask for, `nil` where neither is given.
  private static func versions(
    _ scanner: inout ArgumentScanner
  ) throws(UsageError) -> DataDirectoryReading.Versions? {
    let wantsAll = try scanner.flag("--versions")
    guard let text = try scanner.value("--as-of") else { return wantsAll ? .all : nil }
    if wantsAll { throw UsageError("give --versions or --as-of, not both") }
    // A day stands for all that was seen on it.
    if let day = CalendarDate(text) {
      return .asOf(Timestamp(microseconds: day.adding(days: 1).startUTC.microseconds - 1))
    }
    guard let instant = Timestamp(text) else {
      throw UsageError(
        "--as-of takes a day or an instant, such as 2026-01-31 or 2026-01-31T12:00:00Z, "
          + "not \(shown(text))")
    }
    return .asOf(instant)
  }

  /// The operand that names a dataset.
  private static func dataset(
    _ scanner: inout ArgumentScanner, for word: String
  ) throws(UsageError) -> String {
    guard let name = scanner.operand() else {
      throw UsageError("name the dataset to \(word), such as `almanac datasets \(word) events`")
    }
    guard shown(name).contains(name) else {
      throw UsageError("the dataset's name is a connection string; this command needs none")
    }
    return name
  }

  package func run(in setting: CommandSetting) throws {
    try interruptibly(setting.console) {
      try notingDamage(in: dataPath, setting.console) { try act(setting.console) }
    }
  }

  private func act(_ console: Console) throws {
    if case .verify(let format) = action {
      try verify(format, console)
      return
    }
    let directory = try DataDirectoryReading(path: dataPath)
    if let notice = directory.notice { console.report("warning: \(notice)") }
    switch action {
    case .list(let format):
      console.print(
        DatasetListText(directory.summaries, loads: directory.loads, path: dataPath).lines(format))
    case .describe(let name, let format):
      let dataset = try directory.dataset(name)
      let description = try DatasetDescription(of: name, in: directory)
      console.print(DatasetDescriptionText(name, dataset, description).lines(format))
    case .show(let name, let date, let versions, let limit, let format):
      try show(name, date, versions, limit, format, in: directory, console)
    case .compact(let name, let format):
      try DatasetsCommand.compact(name, format, in: directory.path, console)
    case .prune(let name, let format): try prune(name, format, in: directory.path, console)
    case .reset(let name, let format):
      let rows = try DatasetMaintenance(DataDirectory(path: directory.path)).reset(name)
      console.print(
        DatasetsCommand.report([("dataset", .text(name)), ("rows", .integer(rows))], format)
          ?? [
            "\(name): \(Display.counted(rows, "row")) \(rows == 1 ? "is" : "are") forgotten; the next "
              + "run reads the source whole"
          ])
    case .verify: break
    }
  }

  /// Joins the parts of days that have many, and says what came of it.
  static func compact(
    _ name: String?, _ format: OutputFormat, in path: String, _ console: Console
  ) throws {
    let results = try DatasetMaintenance(DataDirectory(path: path)).compact(name)
    console.print(CompactionText(results).lines(format))
  }

  private func prune(
    _ name: String, _ format: OutputFormat, in path: String, _ console: Console
  ) throws {
    let project = try ProjectLoader(path: projectPath, environment: environment).load()
    let pruned = try DatasetMaintenance(DataDirectory(path: path)).prune(name, by: project)
    let report = DatasetsCommand.report(
      [
        ("dataset", .text(name)), ("rows", .integer(pruned.rows)),
        ("parts", .integer(pruned.parts)), ("first_day", .text(pruned.floor.description)),
      ], format)
    console.print(
      report
        ?? [
          "\(name): \(Display.counted(pruned.rows, "row")) in "
            + "\(Display.counted(pruned.parts, "part")) "
            + "\(pruned.rows == 1 && pruned.parts == 1 ? "is" : "are") removed; it begins on "
            + "\(pruned.floor)"
        ])
  }

  /// What was removed of one dataset as CSV or as one JSON object; `nil` for people.
  private static func report(
    _ members: [(String, JSONTree)], _ format: OutputFormat
  ) -> [String]? {
    switch format {
    case .table: return nil
    case .csv:
      let cells = members.map { member in
        if case .text(let text) = member.1 { CellText.csv(text) } else { member.1.line() }
      }
      return [members.map(\.0).joined(separator: ","), cells.joined(separator: ",")]
    case .json: return [JSONTree.object(members).line()]
    }
  }

  private func show(
    _ name: String, _ date: CalendarDate?, _ versions: DataDirectoryReading.Versions?,
    _ limit: Int, _ format: OutputFormat, in directory: DataDirectoryReading, _ console: Console
  ) throws {
    let dataset = try directory.dataset(name)
    let summary = DatasetSummary(name: name, dataset)
    if let versions, !dataset.hasVersions {
      throw UsageError(
        "dataset \(name) keeps one version of each row, only mode changes keeps all; leave "
          + "\(versions == .all ? "--versions" : "--as-of") out")
    }
    if date != nil, summary.days == nil, summary.parts > 0 {
      throw UsageError("dataset \(name) has no days; leave --date out")
    }
    let rows = try directory.rows(
      of: name, on: date, versions: versions ?? .latest, limit: limit)
    console.print(RowText(rows.fields, rows.batches, total: rows.total).lines(format))
    if let date, rows.total == 0, let days = summary.days {
      console.report(
        "\(name) has no row on \(date); it has \(days.lowerBound) to \(days.upperBound)")
    }
  }

  private func verify(_ format: OutputFormat, _ console: Console) throws {
    let result = try SnapshotVerification(path: dataPath)
    console.print(VerificationText(result).lines(format))
    if !result.damages.isEmpty {
      noteDamage(result.damages.map(\.path), in: dataPath, console)
      throw DataDirectoryError.damagedParts(
        count: result.damages.count, total: result.parts, path: dataPath)
    }
  }
}

/// `almanac compact`: short for `almanac datasets compact`.
package struct CompactCommand: Command {
  package static let name = "compact"
  package static let summary = "join the parts of days that have many"
  package static let help = """
    Usage: almanac compact [NAME] [--data DIR] [--format FORMAT]

    Short for `almanac datasets compact`: joins the parts of days that have more
    than eight, of one dataset or of all. The rows stay the same. While a run is at
    work it ends with 75.

    Options:
      --data DIR       the folder of snapshots (default: var/data)
      --format FORMAT  table, csv or json (default: table)

    Examples:
      almanac compact
      almanac compact events --data var/data
    """

  private let dataPath: String
  private let dataset: String?
  private let format: OutputFormat

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    dataPath = try scanner.value("--data") ?? "var/data"
    format = try scanner.value("--format").map { try OutputFormat(option: $0) } ?? .table
    dataset = scanner.operand()
  }

  package func run(in setting: CommandSetting) throws {
    let directory = try DataDirectoryReading(path: dataPath)
    try interruptibly(setting.console) {
      try DatasetsCommand.compact(dataset, format, in: directory.path, setting.console)
    }
  }
}
