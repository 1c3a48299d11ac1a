import AlmanacCore
import Forecasting

/// `almanac decompose`: the trend, seasons and jumps of the series of a file.
package struct DecomposeCommand: Command {
  package static let name = "decompose"
  package static let summary = "take the series of a CSV file apart into trend and seasons"
  package static let help = """
    Usage: almanac decompose --data FILE [OPTIONS]

    Takes each series apart by robust local regression (STL, for several seasons in
    turns). Writes the columns unique_id, ds, y, trend, season_N for each season of
    N periods that any series has, remainder and note. y is empty where it was
    unknown; trend, seasons and remainder then sum to what was filled in. The note
    is shift at the first value of a new level, pulse at a value that stands alone,
    and names what is wrong with a series that cannot be taken apart.

    With --out, a table with the strength of trend and seasons, from 0 to 1, goes to
    standard output. With --format json both are arrays of objects: that of the rows
    has the same members and digits as CSV, and null for what is empty there.

    Options:
      --data FILE      the series, as for `almanac forecast`
      --season S       length of the season in periods, several between commas, 1
                       for none, or auto to find them (default: auto)
      --format FORMAT  csv or json (default: csv)
      --out FILE       where the result goes (default: standard output)
      --jobs N         threads (default: the processors)

    Example:
      almanac decompose --data series.csv --season 7,365 --out parts.csv
    """

  private let options: SeriesOptions
  private let format: RowFormat

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    options = try SeriesOptions(&scanner, forecasts: false)
    format = try RowFormat.option(&scanner)
  }

  package func run(in setting: CommandSetting) throws {
    let file = try options.read(processors: setting.processors)
    let results = inParallel(file.series.count, jobs: options.jobs ?? setting.processors) {
      position -> Result<DecomposedSeries, SeriesProblem> in
      do throws(SeriesProblem) {
        return .success(try parts(file.series[position]))
      } catch {
        return .failure(error)
      }
    }
    let table = DecompositionTable(series: file.series, results: results)
    try options.write(table.text(format), to: setting.console)
    if options.out != nil { setting.console.print(table.strengths(format)) }
    let failed = results.count { if case .failure = $0 { true } else { false } }
    if failed > 0 {
      setting.console.report(
        "almanac: \(failed) of \(file.series.count) series were not taken apart; "
          + "the note says why")
    }
  }

  private func parts(_ series: LongSeries) throws(SeriesProblem) -> DecomposedSeries {
    let (axis, values) = try series.spine()
    guard values.contains(where: { !$0.isNaN }) else {
      throw SeriesProblem("no value is known")
    }
    guard !values.contains(where: { abs($0) > 1e100 }) else {
      throw SeriesProblem("a value is infinite or beyond 1e100 in size")
    }
    let lengths = options.seasonLengths(axis, values)
    let complete = filled(values, seasonLength: lengths.first ?? 1)
    let decomposition = decompose(complete, lengths: lengths)
    let rest = complete.indices.map { period in
      decomposition.trend[period] + decomposition.remainder[period]
    }
    return DecomposedSeries(
      axis: axis, values: values, decomposition: decomposition, changes: LevelChanges(rest))
  }
}
