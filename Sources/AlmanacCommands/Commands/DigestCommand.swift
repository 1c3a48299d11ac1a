import AlmanacCore
import Pipelines
import Postgres

/// `almanac digest`: the digest of a run's rows.
package struct DigestCommand: Command {
  package static let name = "digest"
  package static let summary = "print the SHA-256 over a run's rows, table by table"
  package static let help = """
    Usage: almanac digest [--target URL] [--run ID]

    Prints a SHA-256 over the rows of each table, ordered by key, and one over all
    of them. Columns that name a run or a moment of the clock are left out, so two
    runs over the same source give equal digests, whatever --jobs said.

    Options:
      --target URL  the database that was written (default: $ALMANAC_TARGET,
                    else $ALMANAC_SOURCE, else PG*)
      --run ID      the run whose predictions count (default: the published one)

    Example:
      almanac digest --target service=dw
    """

  private let target: ConnectionSettings
  private let run: String?

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    target = try targetSettings(&scanner, environment: environment)
    run = try scanner.value("--run")
  }

  package func run(in setting: CommandSetting) throws {
    let connection = try Connection(target, purpose: .target)
    try SchemaCheck.run(on: connection)
    let digest = try RunDigest(connection, run: run)
    var table = TextTable([("sha256", .left), ("rows", .right), ("table", .left)])
    for entry in digest.tables {
      table.add([String(entry.sha256.prefix(32)), Display.count(entry.rows), entry.name])
    }
    setting.console.print(table.lines(indent: 0))
    setting.console.print("\(digest.sha256)  run \(digest.run.prefix(8))")
  }
}
