import AlmanacCore
import Files
import Forecasting

/// `almanac forecast`: forecasts the series of a file.
package struct ForecastCommand: Command {
  package static let name = "forecast"
  package static let summary = "forecast the series of a CSV file, with intervals"
  package static let help = """
    Usage: almanac forecast --data FILE --horizon N [OPTIONS]

    Forecasts each series of a CSV file with the columns unique_id, ds and y. ds is
    a date, a moment or a whole number; an empty y is unknown, and so are periods
    without a line. Writes the columns unique_id, ds, yhat, lo_L and hi_L for each
    level L, model_used and fallback_reason. A series that cannot be forecast has
    one line that says why, and does not stop the others. The result is the same on
    every run, whatever --jobs says. As JSON it is an array with an object for each
    line, of the same members and digits; what is empty in CSV is null.

    The forecast is a weighted mean of several methods; weights and the widths of
    the intervals come from forecasts of earlier parts of the series. Series of the
    same step and season share what they say about the intervals. A value that
    stands alone, five robust deviations from its neighbours and rarely so, is left
    out of the fits and named on standard error; a new level is followed.

    Options:
      --data FILE      the series
      --horizon N      periods to forecast
      --season S       length of the season in periods, several between commas, 1
                       for none, or auto to find them (default: auto)
      --level L,...    levels of the intervals in per cent (default: 80,95)
      --models M,...   methods to combine: ets, theta, log_theta, ces,
                       aggregated_ets, aggregated_theta, global_trend,
                       seasonal_smoothing, log_seasonal_smoothing, harmonic,
                       seasonal_naive, short_seasonal_naive, naive, drift, mean,
                       tsb (default: the first six; of at most 128 years, quarters
                       or other periods with a season of four or none, the first
                       four and global_trend; with two longer seasons or more,
                       harmonic as well; with 24, ces, theta and those on seasons)
      --holidays FILE  days that come again and are unlike others; see below
      --format FORMAT  csv or json (default: csv)
      --out FILE       where the result goes (default: standard output)
      --jobs N         threads (default: the processors)
      --plot           also draw each series in the terminal
      --svg DIR        also draw each series into DIR/NUMBER.svg

    A file of holidays names each with its rule, and with before: and after: as many
    days around it as are unlike others as well. What such a day brings more or less
    than the same weekday around it is taken from the series:

      holidays:
        christmas: {date: 12-25, before: 1}
        thanksgiving: {weekday: thursday, nth: 4, month: 11, after: 1}
        memorial_day: {weekday: monday, nth: -1, month: 5}
        good_friday: {easter: -2}
        payday: {day: last}
        sale: {dates: [2025-06-13, 2026-06-12], after: 2}

    Examples:
      almanac forecast --data series.csv --horizon 18 --out forecasts.csv
      almanac forecast --data days.csv --horizon 90 --holidays holidays.yaml
      almanac forecast --data series.csv --horizon 6 --format json
    """

  private let options: SeriesOptions
  private let horizon: Int
  private let levels: [Int]
  private let members: [EnsembleMember]
  private let format: RowFormat
  private let isPlotted: Bool
  private let svg: String?

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    options = try SeriesOptions(&scanner)
    guard let horizon = try scanner.integer("--horizon", in: 1...10_000) else {
      throw UsageError("--horizon N is needed: the number of periods to forecast")
    }
    self.horizon = horizon
    let text = try scanner.value("--level") ?? "80,95"
    levels = Array(Set(try SeriesOptions.numbers(text, "--level", 1...99))).sorted()
    members = try scanner.value("--models").map(SeriesOptions.members) ?? EnsembleMember.standard
    format = try RowFormat.option(&scanner)
    isPlotted = try scanner.flag("--plot")
    guard !isPlotted || format == .csv || options.out != nil else {
      throw UsageError("--plot would draw behind the JSON; give --out FILE for the result")
    }
    svg = try scanner.value("--svg")
  }

  package func run(in setting: CommandSetting) throws {
    let file = try options.read(processors: setting.processors)
    var run = SeriesRun(
      file: file, options: options, horizon: horizon, levels: levels.map { Double($0) / 100 },
      members: members)
    run.holidays = try options.readHolidays()
    let jobs = options.jobs ?? setting.processors
    let results = run.forecasts(jobs: jobs)
    let table = ForecastTable(file.series, results, levels: levels, format)
    try options.write(table.partCount, jobs: jobs, to: setting.console) { table.part($0) }
    options.reportUnusedHolidays(results, to: setting.console)
    reportPulses(file, results, to: setting.console)
    if isPlotted {
      for (series, result) in zip(file.series, results) {
        guard case .success(let found) = result else { continue }
        setting.console.print(SeriesChart(id: series.id, found).terminalLines())
      }
    }
    if let svg {
      try FileSystem.createDirectories(svg)
      for (number, (series, result)) in zip(file.series, results).enumerated() {
        guard case .success(let found) = result else { continue }
        let text = SeriesChart(id: series.id, found).svg()
        try FileSystem.writeAtomically([UInt8](text.utf8), to: "\(svg)/\(number + 1).svg")
      }
    }
    if results.isEmpty {
      setting.console.report("almanac: \(options.path) has a first line and no series")
    }
    let failed = results.count { if case .failure = $0 { true } else { false } }
    if failed > 0 {
      setting.console.report(
        "almanac: \(failed) of \(file.series.count) series without a forecast; "
          + "fallback_reason says why")
    }
  }

  /// Says which values were left out of the fits, the first few by name.
  private func reportPulses(
    _ file: LongFormFile, _ results: [Result<SeriesResult, SeriesProblem>], to console: Console
  ) {
    var count = 0
    var names: [String] = []
    for case (let series, .success(let found)) in zip(file.series, results) {
      for period in found.forecast.ensemble.pulses {
        count += 1
        guard names.count < 3 else { continue }
        let label = SeriesLabel.text(
          found.axis.label(period), kind: found.axis.kind, style: series.style)
        names.append("\(shown(series.id)) at \(label)")
      }
    }
    guard count > 0 else { return }
    let rest = count > names.count ? ", …" : ""
    console.report(
      "almanac: \(count) value\(count == 1 ? " stands" : "s stand") alone and "
        + "\(count == 1 ? "was" : "were") left out of the fits: "
        + names.joined(separator: ", ") + rest + " (`almanac decompose` shows pulses)")
  }
}
