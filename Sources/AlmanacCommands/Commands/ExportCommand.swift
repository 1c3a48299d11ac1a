import AlmanacCore
import Files
import Pipelines
import Postgres

/// `almanac export`: predictions, metrics or rollups as files.
package struct ExportCommand: Command {
  package static let name = "export"
  package static let summary = "write predictions, metrics or rollups into files"
  package static let verbs = ExportSubject.allCases.map(\.rawValue)
  package static let help = """
    Usage: almanac export predictions|metrics|rollups --format csv|json|parquet
                          --to FILE|FOLDER [OPTIONS]

    Writes the tables of a kind into files, one for each table that has rows, in
    the order of their keys: of predictions the published ones. All files are of
    one instant. A file gets its name when it is whole, so nobody ever reads half
    of one.

    A --to that ends in .csv, .json or .parquet is a file and holds one table;
    anything else is a folder, which is made where it is missing. An export into a
    folder that was interrupted goes on where it ended when it is called again,
    and begins anew if the tables have changed meanwhile; export.json in the
    folder keeps book of it.

    Options:
      --format FORMAT  csv, json or parquet
      --to PATH        the file or folder to write
      --table NAME     only this table, such as churn_risk or daily_metrics
      --company UUID   only this company; 00000000-0000-0000-0000-000000000000 is
                       what all of them have together
      --target URL     the database that was written (default: $ALMANAC_TARGET,
                       else $ALMANAC_SOURCE, else PG*)

    CSV is safe to open in a spreadsheet: text that it would take for a formula
    begins with an apostrophe.

    Examples:
      almanac export predictions --format parquet --to out/predictions
      almanac export metrics --table monthly_metrics --format csv --to metrics.csv
    """

  private let subject: ExportSubject
  private let format: ExportFormat
  private let path: String
  private let table: String?
  private let company: String?
  private let target: ConnectionSettings

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    target = try targetSettings(&scanner, environment: environment)
    format = try ExportCommand.choice(
      try scanner.value("--format"), of: "--format", among: ExportFormat.allCases)
    let given = try scanner.value("--to")
    table = try scanner.value("--table")
    company = try scanner.value("--company").map { text in
      guard let company = UUIDValue(text) else {
        throw UsageError("--company is a uuid, found \(shown(text))")
      }
      return company.description
    }
    subject = try ExportCommand.choice(
      scanner.operand(), of: "what to export", among: ExportSubject.allCases)
    guard let given else { throw UsageError("--to is missing; give a file or a folder") }
    path = given.count > 1 && given.hasSuffix("/") ? String(given.dropLast()) : given
    if let table, !subject.tables.contains(table) {
      throw UsageError(
        "--table is one of \(subject.tables.joined(separator: ", ")), found \(shown(table))"
          + Suggestion.didYouMean(table, among: subject.tables))
    }
    if let kind = fileKind, kind != format {
      throw UsageError("--to ends in .\(kind.rawValue) and --format is \(format.rawValue)")
    }
  }

  /// The format that the path's ending names; nil for a folder.
  private var fileKind: ExportFormat? {
    ExportFormat.allCases.first { path.hasSuffix("." + $0.rawValue) }
  }

  private static func choice<Choice: RawRepresentable & CaseIterable>(
    _ text: String?, of what: String, among choices: [Choice]
  ) throws(UsageError) -> Choice where Choice.RawValue == String {
    let known = choices.map(\.rawValue)
    guard let text else {
      throw UsageError("\(what) is missing; one of \(known.joined(separator: ", "))")
    }
    guard let choice = Choice(rawValue: text) else {
      throw UsageError(
        "\(what) is one of \(known.joined(separator: ", ")), found \(shown(text))"
          + Suggestion.didYouMean(text, among: known))
    }
    return choice
  }

  package func run(in setting: CommandSetting) throws {
    try interruptibly(setting.console) { try export(in: setting) }
  }

  private func export(in setting: CommandSetting) throws {
    let connection = try Connection(target, purpose: .target)
    try SchemaCheck.run(on: connection)
    try connection.transaction(.repeatableReadReadOnly(snapshot: nil)) {
      let reading = ExportReading(connection: connection, subject: subject, company: company)
      let state = try reading.state()
      let tables = try reading.tables(table)
      if tables.isEmpty { setting.console.report("there are no rows to export") }
      if fileKind == nil {
        try export(tables, reading, state: state, setting.console)
      } else {
        guard tables.count <= 1 else { throw ExportError.severalTables(tables) }
        let written = try reading.copy(
          tables.first ?? table ?? subject.tables[0], to: path, format: format)
        setting.console.print("\(path): \(Display.counted(written.rows, "row"))")
      }
    }
  }

  /// Writes the tables into the folder, but for those that an earlier call has written.
  private func export(
    _ tables: [String], _ reading: ExportReading, state: String, _ console: Console
  ) throws {
    try FileSystem.createDirectories(path)
    let lock = try DirectoryLock(directory: path)
    defer { _ = lock }
    try FileSystem.removeTemporaries(in: path)
    let request = [subject.rawValue, format.rawValue, table ?? "", company ?? ""]
      .joined(separator: " ")
    let earlier = try ExportRecord.read(in: path)
    var record = ExportRecord(request: request, state: state)
    if let earlier, earlier.request == request, earlier.state == state {
      record.files = earlier.files
    } else {
      // What an earlier export wrote and this one will not may not pass for a part of it.
      try record.write(in: path)
      for file in (earlier?.files ?? []).map({ path + "/" + $0.name })
      where try FileSystem.exists(file) {
        try FileSystem.remove(file)
      }
    }
    for name in tables {
      try Interruption.check()
      let file = "\(name).\(format.rawValue)"
      if try record.holds(file, in: path) {
        console.print("\(file): written already")
        continue
      }
      let written = try reading.copy(name, to: path + "/" + file, format: format)
      record.files.removeAll { $0.name == file }
      record.files.append(
        ExportRecord.File(
          name: file, rows: written.rows, bytes: written.bytes, sha256: written.sha256))
      try record.write(in: path)
      console.print("\(file): \(Display.counted(written.rows, "row"))")
    }
    try record.write(in: path)
  }
}
