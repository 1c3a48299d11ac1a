import Pipelines
import Postgres

/// `almanac plan PIPELINE`: what a run would do, and why.
package struct PlanCommand: Command {
  package static let name = "plan"
  package static let summary = "show what a run would do now, and why; change nothing"
  package static let help = """
    Usage: almanac plan PIPELINE [OPTIONS]

    Shows which stages `almanac run PIPELINE` would do for a date, why, on how many
    days, and about how many rows and how much time that takes, by the last five
    runs. The database is only read and the data folder only looked at. In the
    source the events are counted that were recorded since the last extraction, so
    that earlier days to which rows came late are named; where that takes an index
    the source has not, or too long, or the source cannot be reached, the plan says
    so and does without. What other datasets got is not known before they are read.

    Options:
      --date DATE      the day to compute, such as 2026-01-31
                       (default: yesterday in the pipeline's zone)
      --source URL     the database to read (default: $ALMANAC_SOURCE, else PG*)
      --target URL     the database to write (default: $ALMANAC_TARGET, else the
                       source)
      --data DIR       the folder of snapshots (default: var/data)
      --only STAGES    only these stages; see `almanac run --help`
      --skip STAGES    not these stages
      --force          as if a finished date were done again
      --from DATE      as if days from this one were done again,
      --to DATE        to this one
      --company IDS    of these days only those with numbers of these companies
      --jobs N, --memory SIZE
                       as for a run
      --project DIR    the folder with pipelines, models and datasets (default: .)
      --format FORMAT  table, csv or json (default: table)

    Examples:
      almanac plan nightly
      almanac plan nightly --only rollup+ --format json
    """

  private let options: RunOptions
  private let format: OutputFormat

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    format = try scanner.value("--format").map { try OutputFormat(option: $0) } ?? .table
    options = try RunOptions(&scanner, of: PlanCommand.name, environment: environment)
  }

  package func run(in setting: CommandSetting) throws {
    setting.console.print(PlanText(try options.runner(in: setting).plan()).lines(format))
  }
}
