import AlmanacCore
import Billing
import Columns
import FoundationEssentials
import Postgres
import Simulation

/// `almanac simulate` into an empty database, and the generation of the same world in memory.
///
/// Every column of every table is compared with the world as it is generated here: the number of
/// values and their sum.
struct SimulateBenchmark {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions

  private static let database = "almanac_bench_simulate"
  private static let months = 18
  private static let seed = 7
  /// Companies whose rows are held at a time.
  private static let companiesPerPiece = 8

  /// The totals of the columns of each table, by its qualified name.
  private typealias Totals = [String: [ColumnTotals]]

  /// A company makes about 11,700 events in 18 months, in a large world.
  private var companies: Int { max(1, (options.rows + 11_499) / 11_500) }

  /// Makes the world a few times, and checks it each time.
  func run() throws -> [Figure] {
    guard let end = CalendarDate("2026-06-30") else { preconditionFailure("a date that exists") }
    let world = try World(
      WorldSettings(
        companies: companies, months: SimulateBenchmark.months,
        seed: UInt64(SimulateBenchmark.seed), kind: .logistic, end: end),
      zone: { name in
        (try? Data(contentsOf: URL(filePath: "/usr/share/zoneinfo/\(name)"))).flatMap {
          ZoneRules(name: name, file: [UInt8]($0))
        }
      })
    note("simulate: generating \(companies) companies in memory")
    let generated = try timed { try SimulateBenchmark.totals(of: world) }
    var runs: [ProgramRun] = []
    for run in 1...options.runs {
      note("simulate: run \(run) of \(options.runs)")
      try options.createDatabase(SimulateBenchmark.database)
      runs.append(
        try ProgramRun.measure(
          [
            options.almanac, "simulate", "--companies", "\(companies)", "--months",
            "\(SimulateBenchmark.months)", "--seed", "\(SimulateBenchmark.seed)", "--end",
            end.description, "--target", url, "--quiet",
          ], options))
      try check(generated.result)
    }
    let events = Int(generated.result[SourceContract.events.qualifiedName]?.first?.count ?? 0)
    let isAtTargetSize = events >= BenchmarkOptions.targetRows
    return [
      Figure(
        measure: "\(events) events and all tables to PostgreSQL, truth included",
        ours: median(runs.map(\.seconds)), comparison: .share(atMost: 120),
        isAtTargetSize: isAtTargetSize),
      Figure(
        measure: "peak memory of the program, MB",
        ours: median(runs.map { Double($0.peakMemory) / 1e6 }), comparison: .share(atMost: 500),
        isAtTargetSize: isAtTargetSize),
      Figure(
        measure: "seconds on processors", ours: median(runs.map(\.processorSeconds))),
      Figure(
        measure: "generating and adding up in memory, 2 threads", ours: generated.seconds),
    ]
  }

  private var url: String { options.url(database: SimulateBenchmark.database) }

  /// The totals of a world as it is generated.
  private static func totals(of world: World) throws -> Totals {
    let common =
      CatalogueRows.priceLists(in: world.settings) + [
        CatalogueRows.exchangeRates(in: world.settings, from: nil)
      ]
    var totals: Totals = [:]
    for (table, batch) in common { add(batch, of: table, to: &totals) }
    let parts = inParallel([0, 1]) { part in
      var totals: Totals = [:]
      for first in stride(
        from: part * companiesPerPiece, to: world.companyCount, by: 2 * companiesPerPiece)
      {
        var rows = WorldRows(from: nil, to: world.settings.cut)
        for index in first..<min(world.companyCount, first + companiesPerPiece) {
          rows.append(world.company(index))
        }
        for (table, batch) in rows.finish() { add(batch, of: table, to: &totals) }
      }
      return totals
    }
    for table in SimulatedTables.all {
      for part in parts {
        guard let found = part[table.qualifiedName] else { continue }
        totals[table.qualifiedName] = zip(
          table.fields, zip(found, totals[table.qualifiedName] ?? none(table))
        ).map { field, pair in pair.0.merged(with: pair.1, field.type) }
      }
    }
    return totals
  }

  private static func none(_ table: SourceTable) -> [ColumnTotals] {
    table.fields.map { _ in ColumnTotals() }
  }

  private static func add(_ batch: Batch, of table: SourceTable, to totals: inout Totals) {
    for (index, field) in table.fields.enumerated() {
      guard let column = batch[field.name] else { continue }
      totals[table.qualifiedName, default: none(table)][index].add(column)
    }
  }

  /// Throws if a table does not hold what was generated.
  private func check(_ expected: Totals) throws {
    let connection = try options.connect(database: SimulateBenchmark.database)
    for table in SimulatedTables.all {
      let names = table.fields.map { quoteIdentifier($0.name) }.joined(separator: ", ")
      let name = QualifiedName(schema: table.schema, name: table.name)
      var found = SimulateBenchmark.none(table)
      try connection.copyOut(
        "SELECT \(names) FROM \(name.quoted)", fields: table.fields, source: table.name
      ) { batch in
        for (index, field) in table.fields.enumerated() {
          if let column = batch[field.name] { found[index].add(column) }
        }
      }
      try ColumnTotals.check(
        found, table.fields,
        against: expected[table.qualifiedName] ?? SimulateBenchmark.none(table),
        measure: table.qualifiedName)
    }
  }
}
