import AlmanacCore
import Forecasting
import FoundationEssentials

/// Forecasts 5,000 daily series of two years for 90 days with the program, by default and by harmonic
/// regression alone, beside Prophet and MSTL with AutoETS on the first of these series.
///
/// The peers' time is that of their series, scaled to all; their errors are compared with ours on the
/// same series and the same days.
struct DailyBenchmark {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions

  private static let seriesCount = 5_000
  private static let horizon = 90
  /// How many of the series the peers forecast.
  private static let sample = 40

  /// What a peer says.
  private struct Peer: Decodable {
    var seconds: Double
    var forecasts: [String: [Double]]
  }

  /// The figures.
  func run() throws -> [Figure] {
    let count = DailyBenchmark.seriesCount
    let whole = (0..<count).map {
      TimeSeries.simulated(UInt64($0), days: 730 + DailyBenchmark.horizon)
    }
    let all = "\(options.folder)/days.csv"
    let some = "\(options.folder)/days-sample.csv"
    try write(whole, to: all)
    try write(Array(whole.prefix(DailyBenchmark.sample)), to: some)
    note("forecast: \(DailyBenchmark.sample) daily series by Prophet and MSTL")
    let peers: [String: Peer] = try options.runPeer(
      "bench_forecast.py", [some, "\(DailyBenchmark.horizon)"])
    guard let prophet = peers["prophet"], let mstl = peers["mstl"] else {
      throw BenchmarkError.wrongResult(
        of: "daily series", found: peers.keys.sorted().joined(separator: ", "),
        expected: "prophet and mstl")
    }
    note("forecast: \(count) daily series")
    let usual = try forecast(all, [])
    let harmonic = try forecast(all, ["--models", "harmonic"])
    let scale = Double(count) / Double(DailyBenchmark.sample)
    let scores = try [usual.forecasts, harmonic.forecasts, prophet.forecasts, mstl.forecasts].map {
      try meanScaledError($0, of: whole)
    }
    let size = "5,000 daily series"
    func speed(_ name: String, _ seconds: Double, _ peer: Peer, _ bound: Double) -> Figure {
      Figure(
        measure: "\(size), \(name) (scaled from \(DailyBenchmark.sample))", ours: seconds,
        peer: peer.seconds * scale, comparison: .speed(atLeast: bound))
    }
    func error(_ name: String, _ ours: Double, _ peer: Double) -> Figure {
      Figure(
        measure: "\(DailyBenchmark.sample) daily series, MASE, \(name)", ours: ours, peer: peer,
        comparison: .share(atMost: 1))
    }
    return [
      speed("default against MSTL + AutoETS", usual.seconds, mstl, 20),
      speed("default against Prophet", usual.seconds, prophet, 20),
      speed("harmonic against Prophet", harmonic.seconds, prophet, 300),
      error("default against MSTL + AutoETS", scores[0], scores[3]),
      error("default against Prophet", scores[0], scores[2]),
      error("harmonic against Prophet", scores[1], scores[2]),
    ]
  }

  /// Writes all but the last days of series.
  private func write(_ series: [TimeSeries], to path: String) throws {
    var text = "unique_id,ds,y\n"
    for (position, values) in series.enumerated() {
      for period in 0..<(values.values.count - DailyBenchmark.horizon) {
        text += "\(position),\(values.periodStart(period)),\(values.values[period])\n"
      }
    }
    try writeFile([UInt8](text.utf8), to: path)
  }

  /// Runs the program, and reads the forecasts of the first series.
  private func forecast(
    _ path: String, _ more: [String]
  ) throws -> (seconds: Double, forecasts: [String: [Double]]) {
    let output = "\(options.folder)/days-forecasts.csv"
    let words =
      [
        options.almanac, "forecast", "--data", path, "--horizon", "\(DailyBenchmark.horizon)",
        "--out", output,
      ] + more
    let (_, seconds) = try timed {
      try Shell.run(words.map(Shell.quoted).joined(separator: " "), program: "almanac forecast")
    }
    var found: [String: [Double]] = [:]
    let text = String(decoding: try Data(contentsOf: URL(filePath: output)), as: UTF8.self)
    for line in text.split(separator: "\n").dropFirst() {
      let fields = line.split(separator: ",", maxSplits: 3, omittingEmptySubsequences: false)
      guard fields.count > 3, let value = Double(fields[2]) else {
        throw BenchmarkError.wrongResult(
          of: "almanac forecast", found: String(line), expected: "a forecast")
      }
      guard let position = Int(fields[0]), position < DailyBenchmark.sample else { break }
      found[String(fields[0]), default: []].append(value)
    }
    return (seconds, found)
  }

  /// The mean over the sample of errors in units of the mean change over a week.
  private func meanScaledError(
    _ forecasts: [String: [Double]], of series: [TimeSeries]
  ) throws -> Double {
    var sum = 0.0
    for position in 0..<DailyBenchmark.sample {
      let values = series[position].values
      let training = Array(values.dropLast(DailyBenchmark.horizon))
      let actual = Array(values.suffix(DailyBenchmark.horizon))
      guard let predicted = forecasts["\(position)"], predicted.count == actual.count,
        let error = ForecastMeasures.mase(
          actual: actual, predicted: predicted, scale: changeScale(training, seasonLength: 7))
      else {
        throw BenchmarkError.wrongResult(
          of: "series \(position)", found: "\(forecasts["\(position)"]?.count ?? 0) days",
          expected: "\(actual.count)")
      }
      sum += error
    }
    return sum / Double(DailyBenchmark.sample)
  }
}
