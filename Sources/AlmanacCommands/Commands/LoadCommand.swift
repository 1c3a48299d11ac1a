import AlmanacCore
import Billing
import Codecs
import Columns
import Files
import Pipelines
import Postgres
import SampleSources

/// `almanac load online-retail`: fills the source contract's schema with real data.
package struct LoadCommand: Command {
  package static let name = "load"
  package static let summary = "load a sample dataset into the source contract's schema"
  package static let verbs = ["online-retail"]
  package static let help = """
    Usage: almanac load online-retail --target URL [OPTIONS]

    Creates the schemas app and billing where they are missing and loads two years
    of real invoices of an online wholesaler, in one transaction. Every row of the
    files is used, or refused for a reason that is counted; nothing is dropped
    silently. Loading the same data again changes nothing; tables that hold other
    rows are refused.

    Options:
      --target URL    the database to fill (default: $ALMANAC_SOURCE, else PG*)
      --from DIR      the folder of the files (default: datasets/online-retail)
      --rejects FILE  write the refused rows as CSV: file, line, invoice, reason,
                      amount
      --format FORMAT text or json: what became of the rows (default: text)

    Example:
      almanac load online-retail --target service=shop --rejects refused.csv
    """

  private let target: ConnectionSettings
  private let folder: String
  private let rejectsPath: String?
  private let schemaPath: String
  private let format: ReportFormat

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    target = try ConnectionOptions(environment: environment).settings(
      option: "--target", value: try scanner.value("--target"), variable: "ALMANAC_SOURCE")
    folder = try scanner.value("--from") ?? "datasets/online-retail"
    rejectsPath = try scanner.value("--rejects")
    schemaPath = "datasets/source-schema.sql"
    format = try ReportFormat.option(&scanner)
    guard let dataset = scanner.operand() else {
      throw UsageError("name the dataset to load: online-retail")
    }
    guard dataset == "online-retail" else {
      throw UsageError(
        "there is no dataset \(shown(dataset))"
          + Suggestion.didYouMean(dataset, among: ["online-retail"]) + "; known: online-retail")
    }
  }

  package func run(in setting: CommandSetting) throws {
    try interruptibly(setting.console) { try load(in: setting) }
  }

  private func load(in setting: CommandSetting) throws {
    guard let zone = systemZone("Europe/London") else {
      throw PipelineError.unknownZone(name: "Europe/London")
    }
    let names = try FileSystem.list(folder).filter { $0.hasSuffix(".csv.zst") }.sorted()
    let files = try names.map { name in
      (
        name: name,
        bytes: try Zstd.decompress(
          try FileSystem.read(folder + "/" + name), maximumSize: LoadCommand.maximumFileSize)
      )
    }
    let load = try OnlineRetail.convert(files: files, zone: zone)
    try Interruption.check()
    let schema = String(decoding: try FileSystem.read(schemaPath), as: UTF8.self)
    let connection = try Connection(target, purpose: .target)
    let wasLoaded = try connection.transaction {
      try connection.runScript(schema)
      return try fill(load.tables, on: connection)
    }
    if let rejectsPath {
      try FileSystem.writeAtomically(Rejection.csv(load.rejections), to: rejectsPath)
    }
    switch format {
    case .text:
      setting.console.print(load.summary.lines())
      if wasLoaded {
        setting.console.print("The tables held these rows already; nothing was changed.")
      }
      if let rejectsPath { setting.console.print("Refused rows are listed in \(rejectsPath).") }
    case .json: setting.console.print(json(load.summary, wasLoaded: wasLoaded).lines())
    }
  }

  /// What became of the rows for programs; amounts are text, with all their decimals.
  private func json(_ summary: OnlineRetailSummary, wasLoaded: Bool) -> JSONTree {
    func tally(_ tally: OnlineRetailSummary.Tally) -> [(String, JSONTree)] {
      [("rows", .integer(tally.rows)), ("amount", .text(Money.text(tally.amount)))]
    }
    let files = summary.files.map { file in
      JSONTree.object([
        ("file", .text(file.name)),
        ("first_day", .optional(file.days.map { "\($0.lowerBound)" })),
        ("last_day", .optional(file.days.map { "\($0.upperBound)" })),
        ("read", .object(tally(file.read))), ("invoice_lines", .object(tally(file.invoiceLines))),
        ("cancelled_lines", .object(tally(file.cancelledLines))),
        ("partly_cancelled_lines", .integer(file.partlyCancelledLines)),
        (
          "refused",
          .array(
            RejectionReason.allCases.compactMap { reason in
              file.rejected[reason].map {
                .object([("reason", .text(reason.rawValue))] + tally($0))
              }
            })
        ),
      ])
    }
    return .object([
      ("dataset", "online-retail"), ("currency", "GBP"), ("already_loaded", .truth(wasLoaded)),
      ("is_reconciled", .truth(summary.isReconciled)), ("files", .array(files)),
      (
        "tables",
        .array(
          summary.tables.map {
            .object([("table", .text($0.table)), ("rows", .integer($0.rows))])
          })
      ),
      ("companies_without_country", .integer(summary.companiesWithoutCountry)),
      ("rejects", .optional(rejectsPath)),
    ])
  }

  /// The most bytes a file of the dataset may unpack to.
  private static let maximumFileSize = 1 << 30

  /// Copies the tables in; returns whether they held the same rows already.
  private func fill(_ tables: [(table: SourceTable, batch: Batch)], on connection: Connection)
    throws -> Bool
  {
    var held: [Int] = []
    for (table, _) in tables {
      let name = QualifiedName(schema: table.schema, name: table.name)
      let rows = try connection.query("SELECT count(*) AS rows FROM \(name.quoted)")
      held.append(rows[0, "rows"].flatMap { Int($0) } ?? 0)
    }
    if zip(tables, held).allSatisfy({ $0.batch.rowCount == $1 }) { return true }
    if let index = held.firstIndex(where: { $0 > 0 }) {
      throw LoadError.tableHoldsRows(
        table: tables[index].table.qualifiedName, rows: held[index])
    }
    for (table, batch) in tables {
      try Interruption.check()
      _ = try connection.copyIn(
        batch, into: QualifiedName(schema: table.schema, name: table.name))
    }
    return false
  }
}

/// What stops a load.
enum LoadError: ExitStatusConvertible, Equatable {
  /// The table to fill holds rows that are not this dataset's.
  case tableHoldsRows(table: String, rows: Int)

  var exitStatus: ExitStatus { .cannotCreate }

  var description: String {
    switch self {
    case .tableHoldsRows(let table, let rows):
      "\(table) already holds \(rows) rows that are not this dataset; load into an empty database"
    }
  }
}
