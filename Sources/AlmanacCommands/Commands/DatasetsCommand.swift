import AlmanacCore
import Pipelines

/// `almanac datasets`: what the snapshots hold, and whether they are sound.
package struct DatasetsCommand: Command {
  package static let name = "datasets"
  package static let summary = "list, describe, show or verify the snapshots"
  package static let help = """
    Usage: almanac datasets [--data DIR] [--format FORMAT]
           almanac datasets describe NAME [--data DIR]
           almanac datasets show NAME [--date DATE] [--limit N] [--data DIR]
                                      [--format FORMAT]
           almanac datasets verify [--data DIR]

    Looks into the folder of snapshots. No database is needed, nothing is locked
    and nothing is changed.

    Without another word it lists the datasets with rows, size, parts and UTC
    days. Days are missing where they have no part; a quiet day has none.
    describe shows the columns, the parts and the cut of the source; show prints
    rows; verify reads every part again and names each that is damaged, truncated
    or missing, which ends with 65, and each file that no manifest lists.

    Options:
      --data DIR       the folder of snapshots (default: var/data)
      --date DATE      only the rows of this UTC day
      --limit N        how many rows to show (default: 20)
      --format FORMAT  table, csv or json (default: table)

    CSV is safe to open in a spreadsheet: text that it would take for a formula
    begins with an apostrophe.

    Examples:
      almanac datasets
      almanac datasets show events --date 2026-01-31 --format csv
      almanac datasets verify --data var/data
    """

  /// What to do with the snapshots.
  private enum Action {
    case list(OutputFormat)
    case describe(String)
    case show(String, date: CalendarDate?, limit: Int, OutputFormat)
    case verify
  }

  private let dataPath: String
  private let action: Action

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    dataPath = try scanner.value("--data") ?? "var/data"
    let date = try scanner.date("--date")
    let limit = try scanner.integer("--limit", in: 1...1_000_000_000)
    let format = try scanner.value("--format").map { try OutputFormat(option: $0) }
    let word = scanner.operand()
    let given = [
      ("--date", date != nil), ("--limit", limit != nil), ("--format", format != nil),
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
      try allow([])
      action = .describe(try DatasetsCommand.dataset(&scanner, for: "describe"))
    case "show":
      action = .show(
        try DatasetsCommand.dataset(&scanner, for: "show"), date: date, limit: limit ?? 20,
        format ?? .table)
    case "verify":
      try allow([])
      action = .verify
    case .some(let other):
      let known = ["describe", "show", "verify"]
      throw UsageError(
        "almanac datasets has no \(shown(other))" + Suggestion.didYouMean(other, among: known)
          + "; known: \(known.joined(separator: ", "))")
    }
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
    let console = setting.console
    if case .verify = action {
      try verify(console)
      return
    }
    let directory = try DataDirectoryReading(path: dataPath)
    if let notice = directory.notice { console.report("warning: \(notice)") }
    switch action {
    case .list(let format):
      console.print(DatasetListText(directory.summaries, path: dataPath).lines(format))
    case .describe(let name):
      let dataset = try directory.dataset(name)
      let description = try DatasetDescription(of: name, in: directory)
      console.print(DatasetDescriptionText(name, dataset, description).lines())
    case .show(let name, let date, let limit, let format):
      try show(name, date, limit, format, in: directory, console)
    case .verify: break
    }
  }

  private func show(
    _ name: String, _ date: CalendarDate?, _ limit: Int, _ format: OutputFormat,
    in directory: DataDirectoryReading, _ console: Console
  ) throws {
    let summary = DatasetSummary(name: name, try directory.dataset(name))
    if date != nil, summary.days == nil, summary.parts > 0 {
      throw UsageError("dataset \(name) has no days; leave --date out")
    }
    let rows = try directory.rows(of: name, on: date, limit: limit)
    console.print(RowText(rows.fields, rows.batches, total: rows.total).lines(format))
    if let date, rows.total == 0, let days = summary.days {
      console.report(
        "\(name) has no row on \(date); it has \(days.lowerBound) to \(days.upperBound)")
    }
  }

  private func verify(_ console: Console) throws {
    let result = try SnapshotVerification(path: dataPath)
    console.print(VerificationText(result).lines())
    if !result.damages.isEmpty {
      throw DataDirectoryError.damagedParts(
        count: result.damages.count, total: result.parts, path: dataPath)
    }
  }
}
