import AlmanacCore
import Pipelines
import Postgres

/// `almanac digest`: the digest of a run's rows.
package struct DigestCommand: Command {
  package static let name = "digest"
  package static let summary = "print the SHA-256 over a run's rows, table by table"
  package static let help = """
    Usage: almanac digest [--target URL] [--run ID] [--format FORMAT]

    Prints a SHA-256 over the rows of each table, ordered by key, and below them
    one over all. It covers the tables of the schemas analytics and predictions:
    what a run made. A row of the source that feeds none of them, such as the name
    of a company, does not change it. Columns that name a run or a moment of the
    clock are left out, so two runs over the same source give equal digests,
    whatever --jobs said.

    Options:
      --target URL     the database that was written (default: $ALMANAC_TARGET,
                       else $ALMANAC_SOURCE, else PG*)
      --run ID         the run whose predictions count (default: the published one)
      --format FORMAT  table, csv or json (default: table)

    Example:
      almanac digest --target service=dw
    """

  private let target: ConnectionSettings
  private let run: String?
  private let format: OutputFormat

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    target = try targetSettings(&scanner, environment: environment)
    run = try scanner.value("--run")
    format = try scanner.value("--format").map { try OutputFormat(option: $0) } ?? .table
  }

  package func run(in setting: CommandSetting) throws {
    let connection = try Connection(target, purpose: .target)
    try SchemaCheck.run(on: connection)
    let digest = try RunDigest(connection, run: run)
    setting.console.print(DigestCommand.lines(digest, format))
  }

  /// The digest in a format; over all of them the table is named `all` in CSV.
  static func lines(_ digest: RunDigest, _ format: OutputFormat) -> [String] {
    switch format {
    case .table: return lines(tables: digest.tables, sha256: digest.sha256, run: digest.run)
    case .csv:
      return ["table,rows,sha256"]
        + digest.tables.map { "\($0.name),\($0.rows),\($0.sha256)" } + ["all,,\(digest.sha256)"]
    case .json:
      let tables = digest.tables.map { table in
        JSONTree.object([
          ("table", .text(table.name)), ("rows", .integer(table.rows)),
          ("sha256", .text(table.sha256)),
        ])
      }
      return [
        JSONTree.object([
          ("run", .text(digest.run)), ("sha256", .text(digest.sha256)), ("tables", .array(tables)),
        ]).lines()
      ]
    }
  }

  /// Each table with its digest below it, whole, and at the end the digest over all of them.
  static func lines(tables: [RunDigest.Table], sha256: String, run: String) -> [String] {
    var table = TextTable([("table", .left), ("rows", .right)])
    for entry in tables { table.add([entry.name, Display.count(entry.rows)]) }
    let tableLines = table.lines(indent: 0)
    var lines = Array(tableLines.prefix(1))
    for (entry, line) in zip(tables, tableLines.dropFirst()) {
      lines += [line, "  \(entry.sha256)"]
    }
    lines += ["", "sha256 over all tables of run \(run.prefix(8))", sha256]
    return lines
  }
}
