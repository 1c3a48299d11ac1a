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
    standard output.

    Options:
      --data FILE      the series, as for `almanac forecast`
      --season S       length of the season in periods, several between commas, 1
                       for none, or auto to find them (default: auto)
      --out FILE       where the result goes (default: standard output)
      --jobs N         threads (default: the processors)

    Example:
      almanac decompose --data series.csv --season 7,365 --out parts.csv
    """

  private let options: SeriesOptions

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    options = try SeriesOptions(&scanner, forecasts: false)
  }

  /// One series with its parts.
  private struct Parts: Sendable {
    let axis: TimeAxis
    let values: [Double]
    let decomposition: SeriesDecomposition
    let changes: LevelChanges
  }

  package func run(in setting: CommandSetting) throws {
    let file = try options.read(processors: setting.processors)
    let results = inParallel(file.series.count, jobs: options.jobs ?? setting.processors) {
      position -> Result<Parts, SeriesProblem> in
      do throws(SeriesProblem) {
        return .success(try parts(file.series[position]))
      } catch {
        return .failure(error)
      }
    }
    try options.write(table(file, results), to: setting.console)
    if options.out != nil { setting.console.print(strengths(file, results)) }
    let failed = results.count { if case .failure = $0 { true } else { false } }
    if failed > 0 {
      setting.console.report(
        "almanac: \(failed) of \(file.series.count) series were not taken apart; "
          + "the column note says why")
    }
  }

  private func parts(_ series: LongSeries) throws(SeriesProblem) -> Parts {
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
    return Parts(
      axis: axis, values: values, decomposition: decomposition, changes: LevelChanges(rest))
  }

  /// The result as CSV.
  private func table(
    _ file: LongFormFile, _ results: [Result<Parts, SeriesProblem>]
  ) -> String {
    var all: Set<Int> = []
    for case .success(let parts) in results {
      all.formUnion(parts.decomposition.seasons.map(\.length))
    }
    let lengths = all.sorted()
    var text = "unique_id,ds,y,trend"
    for length in lengths { text += ",season_\(length)" }
    text += ",remainder,note\n"
    for (series, result) in zip(file.series, results) {
      let id = csvField(series.id)
      switch result {
      case .failure(let problem):
        text += id + ",,," + String(repeating: ",", count: lengths.count)
        text += ",," + csvField("not taken apart: " + problem.text) + "\n"
      case .success(let parts):
        let found = parts.decomposition
        let shifts = Set(parts.changes.shifts)
        let pulses = Set(parts.changes.pulses)
        for period in parts.values.indices {
          let label = SeriesLabel.text(
            parts.axis.label(period), kind: parts.axis.kind, style: series.style)
          let value = parts.values[period]
          text += "\(id),\(label),\(value.isNaN ? "" : "\(value)"),\(found.trend[period])"
          for length in lengths {
            let season = found.seasons.first { $0.length == length }
            text += "," + (season.map { "\($0.values[period])" } ?? "")
          }
          let note = shifts.contains(period) ? "shift" : pulses.contains(period) ? "pulse" : ""
          text += ",\(found.remainder[period]),\(value.isNaN ? "" : note)\n"
        }
      }
    }
    return text
  }

  /// The strength of the parts of each series.
  private func strengths(
    _ file: LongFormFile, _ results: [Result<Parts, SeriesProblem>]
  ) -> String {
    var table = TextTable([
      ("series", .left), ("trend", .right), ("seasons", .left), ("shifts", .right),
      ("pulses", .right),
    ])
    for case (let series, .success(let parts)) in zip(file.series, results) {
      let found = parts.decomposition
      let seasons = found.seasons.indices.map { position in
        "\(found.seasons[position].length): \(hundredths(found.seasonStrength(position)))"
      }
      table.add([
        shown(series.id), hundredths(found.trendStrength), seasons.joined(separator: ", "),
        "\(parts.changes.shifts.count)", "\(parts.changes.pulses.count)",
      ])
    }
    return table.lines(indent: 0).joined(separator: "\n")
  }

  private func hundredths(_ share: Double) -> String {
    let whole = Int((share * 100).rounded())
    return whole >= 100 ? "1.00" : whole < 10 ? "0.0\(whole)" : "0.\(whole)"
  }
}
