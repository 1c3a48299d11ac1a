import AlmanacCore
import Forecasting

/// `almanac backtest`: how well the series of a file could have been forecast (D-335).
package struct BacktestCommand: Command {
  package static let name = "backtest"
  package static let summary = "score forecasts of a CSV file's series against what followed"
  package static let help = """
    Usage: almanac backtest --data FILE --horizon N [OPTIONS]

    Holds back the last periods of each series, forecasts them as `almanac forecast`
    does from what is left, and compares; then again from an earlier point, for each
    origin. Nothing that follows an origin is used before it. Prints for the
    combination, each of its methods and the naive ones:

      smape   200 |error| / (|actual| + |forecast|), in per cent
      mase    absolute error in units of the mean change over a season
      rmsse   the same with squares
      wape    sum of absolute errors over sum of absolute values, in per cent
      owa     mean of smape and mase, each over that of seasonal naive

    and for the intervals their coverage, pinball loss, CRPS and scaled interval
    score (msis). The skill is the share of seasonal naive's mase that the
    combination saves, with the 95 % interval of a bootstrap over series.

    Options:
      --data FILE      the series, as for `almanac forecast`
      --horizon N      periods to forecast
      --origins N      points to forecast from, a horizon apart (default: 3)
      --season S, --level L,..., --models M,..., --holidays FILE, --jobs N
                       as for `almanac forecast`
      --format FORMAT  text or json, with all digits and shares of 1 instead of per
                       cent (default: text)
      --out FILE       where the result goes (default: standard output)

    Example:
      almanac backtest --data series.csv --horizon 12 --origins 4
    """

  private let options: SeriesOptions
  private let horizon: Int
  private let origins: Int
  private let levels: [Int]
  private let members: [EnsembleMember]
  private let format: ReportFormat

  package init(_ scanner: inout ArgumentScanner, environment: [String: String]) throws {
    options = try SeriesOptions(&scanner)
    guard let horizon = try scanner.integer("--horizon", in: 1...10_000) else {
      throw UsageError("--horizon N is needed: the number of periods to forecast")
    }
    self.horizon = horizon
    format = try ReportFormat.option(&scanner)
    origins = try scanner.integer("--origins", in: 1...1_000) ?? 3
    let text = try scanner.value("--level") ?? "80,95"
    levels = Array(Set(try SeriesOptions.numbers(text, "--level", 1...99))).sorted()
    members = try scanner.value("--models").map(SeriesOptions.members) ?? EnsembleMember.standard
  }

  package func run(in setting: CommandSetting) throws {
    let file = try options.read(processors: setting.processors)
    let holidays = try options.readHolidays()
    var scores = BacktestScores(levels: levels.map { Double($0) / 100 })
    for origin in 1...origins {
      var run = SeriesRun(
        file: file, options: options, horizon: horizon, levels: scores.levels, members: members)
      run.heldBack = origin * horizon
      run.holidays = holidays
      let results = run.forecasts(jobs: options.jobs ?? setting.processors)
      if origin == 1 { options.reportUnusedHolidays(results, to: setting.console) }
      for (position, result) in results.enumerated() {
        if case .success(let found) = result { scores.add(found, series: position) }
      }
    }
    guard scores.count > 0 else {
      throw BacktestCommand.NothingScored(path: options.path, horizon: horizon)
    }
    let text =
      switch format {
      case .text: scores.lines(origins: origins, horizon: horizon).joined(separator: "\n")
      case .json: scores.json(origins: origins, horizon: horizon).lines()
      }
    try options.write(text + "\n", to: setting.console)
  }

  /// No series is long enough.
  struct NothingScored: ExitStatusConvertible {
    let path: String
    let horizon: Int

    var description: String {
      "no series of \(path) can be scored: each needs \(horizon + 2) periods or more and no fault; "
        + "`almanac forecast` says what is wrong with each"
    }
    var exitStatus: ExitStatus { .missingInput }
  }
}
