import AlmanacCore
import Files
import Postgres
import Simulation

/// `almanac simulate`: fills the source contract's schema with a business whose truth is known.
package struct SimulateCommand: Command {
  package static let name = "simulate"
  package static let summary = "fill the source contract's schema with a simulated business"
  package static let help = """
    Usage: almanac simulate --companies N --months M --seed S --target URL [OPTIONS]
           almanac simulate --continue day|month --target URL [--jobs N]

    Creates the schemas app and billing where they are missing and fills them with
    a simulated subscription business: companies, users, events, subscriptions,
    invoices, payments. The same settings give the same rows, whatever --jobs says.
    What companies decide, and by which probability, is kept in the schema
    simulation_truth, which only the role almanac_simulator may read. Tables that
    hold rows are refused.

    --continue adds the next day or month to the world that is there: new rows, late
    rows for earlier days, and changes of rows.

    The connecting role needs CREATE on the database, and CREATEROLE unless it is a
    member of almanac_simulator.

    Options:
      --companies N   companies that sign up (default: 500)
      --months M      months of history (default: 18)
      --seed S        the seed of all draws (default: 1)
      --target URL    the database to fill (default: $ALMANAC_SOURCE, else PG*)
      --world KIND    logistic: decisions are logistic in what can be observed;
                      hard: also hidden effects, thresholds and a shift
                      (default: logistic)
      --end DATE      the last day (default: 2026-06-30)
      --continue STEP add the next day or month
      --simulations N forward simulations for each probability of a label in the
                      truth, 0 for none (default: 1000)
      --jobs N        threads and connections (default: the processors)
      --quiet         no progress lines
      --format FORMAT text or json: the world and its new rows (default: text)

    Example:
      almanac simulate --companies 500 --months 18 --seed 7 --target service=shop
    """

  /// What is to be done.
  private enum Request {
    case create(WorldSettings)
    case extend(isMonth: Bool)
  }

  private let request: Request
  private let target: ConnectionSettings
  private let jobs: Int?
  private let simulations: Int
  private let isQuiet: Bool
  private let format: ReportFormat
  private let schemaPath = "datasets/source-schema.sql"

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    target = try ConnectionOptions(environment: environment).settings(
      option: "--target", value: try scanner.value("--target"), variable: "ALMANAC_SOURCE")
    jobs = try scanner.integer("--jobs", in: 1...256)
    simulations =
      try scanner.integer("--simulations", in: 0...Int(UInt16.max)) ?? World.simulations
    isQuiet = try scanner.flag("--quiet")
    format = try ReportFormat.option(&scanner)
    let step = try scanner.value("--continue")
    let companies = try scanner.integer("--companies", in: 1...10_000_000)
    let months = try scanner.integer("--months", in: 1...240)
    let seed = try scanner.integer("--seed", in: 0...Int.max)
    let kind = try scanner.value("--world")
    let end = try scanner.date("--end")
    if let step {
      guard step == "day" || step == "month" else {
        throw UsageError("--continue is day or month, found \(shown(step))")
      }
      guard companies == nil, months == nil, seed == nil, kind == nil, end == nil else {
        throw UsageError("--continue takes the settings of the world that is there, and no others")
      }
      request = .extend(isMonth: step == "month")
      return
    }
    guard let world = WorldKind(rawValue: kind ?? WorldKind.logistic.rawValue) else {
      throw UsageError("--world is logistic or hard, found \(shown(kind ?? ""))")
    }
    guard let standard = CalendarDate(year: 2026, month: 6, day: 30) else {
      preconditionFailure("a date that exists")
    }
    let last = end ?? standard
    guard (1_990...2_200).contains(last.year) else {
      throw UsageError("--end is a date from 1990 to 2200, found \(last)")
    }
    request = .create(
      WorldSettings(
        companies: companies ?? 500, months: months ?? 18, seed: UInt64(seed ?? 1), kind: world,
        end: last))
  }

  package func run(in setting: CommandSetting) throws {
    let writer = WorldWriter(
      target: target, jobs: jobs ?? setting.processors, simulations: simulations, zone: systemZone,
      schema: String(decoding: try FileSystem.read(schemaPath), as: UTF8.self),
      log: setting.console.logSink(threshold: isQuiet ? .warning : .info))
    let summary: WorldWriter.Summary
    switch request {
    case .create(let settings): summary = try writer.create(settings)
    case .extend(let isMonth):
      summary = try writer.extend { end in
        isMonth ? SimulateCommand.monthAfter(end) : end.adding(days: 1)
      }
    }
    switch format {
    case .text: setting.console.print(SimulateCommand.lines(summary))
    case .json: setting.console.print(SimulateCommand.json(summary).lines())
    }
  }

  /// The world and the rows that were written, for people.
  private static func lines(_ summary: WorldWriter.Summary) -> [String] {
    let settings = summary.settings
    let world =
      "A \(settings.kind.rawValue) world of \(settings.companyCount) companies, "
      + "\(settings.start) to \(settings.end), seed \(settings.seed)"
    return [world]
      + summary.rows.filter { $0.rows > 0 }.map { "  \($0.table): \(counted($0.rows, "row"))" }
  }

  /// The same for programs, with the tables that got no row; the seed is text, which may be beyond
  /// what a number of JSON holds.
  private static func json(_ summary: WorldWriter.Summary) -> JSONTree {
    let settings = summary.settings
    return .object([
      ("world", .text(settings.kind.rawValue)), ("companies", .integer(settings.companyCount)),
      ("start", .text("\(settings.start)")), ("end", .text("\(settings.end)")),
      ("seed", .text("\(settings.seed)")),
      (
        "tables",
        .array(
          summary.rows.map {
            .object([("table", .text($0.table)), ("rows", .integer($0.rows))])
          })
      ),
    ])
  }

  /// The last day of the month of days that follows a last day.
  static func monthAfter(_ end: CalendarDate) -> CalendarDate {
    let first = end.adding(days: 1)
    let month = first.monthStart(adding: 1)
    return month.adding(days: min(first.day, month.daysInMonth) - 2)
  }
}
