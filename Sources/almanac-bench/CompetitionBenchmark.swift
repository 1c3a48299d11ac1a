import Codecs
import FoundationEssentials

/// Forecasts the series of the M3 and of the hourly part of the M4 competition with the program, and
/// scores them against what followed.
///
/// The data is no part of the repository. It is looked for in `ALMANAC_BENCH_DATA`, else beside the
/// repository, as `m3/{train,test,series}.csv` and `m4-hourly/{train,test}.csv`, the long ones packed
/// with Zstandard; where it is missing, nothing is measured.
struct CompetitionBenchmark {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions

  /// One part of a competition: its series are forecast by one run of the program.
  private struct Part {
    let name: String
    let season: Int
    let horizon: Int
    let training: [Series]
    let actual: [String: [Double]]
  }

  private struct Series {
    let id: String
    let values: [Double]
  }

  /// sMAPE and MASE of the mean of AutoETS, AutoTheta, AutoCES and AutoARIMA of statsforecast 2.0.2,
  /// which takes 778 s for all of M3 on two cores, and 82 s without AutoARIMA.
  private static let peers: [String: (smape: Double, mase: Double)] = [
    "all": (12.49, 1.341), "yearly": (15.80, 2.666), "quarterly": (9.13, 1.076),
    "monthly": (13.76, 0.823), "other": (4.32, 1.833),
  ]
  private static let peerSeconds = (all: 778.0, fast: 82.0)
  /// What this project asks of itself, where that is more than to beat the peers.
  private static let targets: [String: (smape: Double, mase: Double)] = [
    "all": (12.40, 1.335), "monthly": (13.55, 0.820),
  ]

  /// Where the data is looked for.
  static var folder: String {
    ProcessInfo.processInfo.environment["ALMANAC_BENCH_DATA"] ?? "../shared/data"
  }

  /// The figures, or none where the data is missing.
  func run() throws -> [Figure] {
    let folder = CompetitionBenchmark.folder
    guard FileManager.default.fileExists(atPath: "\(folder)/m3/train.csv.zst"),
      FileManager.default.fileExists(atPath: "\(folder)/m4-hourly/train.csv.zst")
    else {
      note("forecast: no competition data in \(folder); its figures are left out")
      return []
    }
    return try m3(folder) + hourly(folder)
  }

  private func m3(_ folder: String) throws -> [Figure] {
    let training = try series("\(folder)/m3/train.csv.zst")
    let actual = try actuals("\(folder)/m3/test.csv.zst")
    var kinds: [String: (period: String, horizon: Int)] = [:]
    for line in try lines("\(folder)/m3/series.csv") where line.count >= 4 {
      kinds[line[0]] = (line[1], Int(line[3]) ?? 0)
    }
    var scores: [String: Scores] = [:]
    var total = Scores()
    var seconds = 0.0
    for (period, season) in [("yearly", 1), ("quarterly", 4), ("monthly", 12), ("other", 1)] {
      let chosen = training.filter { kinds[$0.id]?.period == period }
      guard let horizon = chosen.first.flatMap({ kinds[$0.id]?.horizon }) else { continue }
      let part = Part(
        name: period, season: season, horizon: horizon, training: chosen, actual: actual)
      let (found, taken) = try forecast(part)
      seconds += taken
      scores[period] = found
      total.add(found)
    }
    scores["all"] = total
    var figures: [Figure] = []
    for name in ["all", "yearly", "quarterly", "monthly", "other"] {
      guard let found = scores[name], let peer = CompetitionBenchmark.peers[name] else { continue }
      let target = CompetitionBenchmark.targets[name]
      figures.append(
        Figure(
          measure: "M3 \(name), sMAPE in %", ours: found.smape, peer: peer.smape,
          comparison: .share(atMost: target.map { $0.smape / peer.smape })))
      figures.append(
        Figure(
          measure: "M3 \(name), MASE", ours: found.mase, peer: peer.mase,
          comparison: .share(atMost: target.map { $0.mase / peer.mase })))
    }
    if let monthly = scores["monthly"] {
      for level in [0, 1] {
        let name = level == 0 ? "80" : "95"
        figures.append(
          Figure(
            measure: "M3 monthly, coverage of \(name) %", ours: 100 * monthly.coverage[level],
            comparison: .share(atMost: nil)))
        figures.append(
          Figure(
            measure: "M3 monthly, MSIS at \(name) %", ours: monthly.msis[level],
            comparison: .share(atMost: level == 0 ? 4.3 : 7.0)))
      }
    }
    let peer = CompetitionBenchmark.peerSeconds
    figures.append(
      Figure(
        measure: "M3, all series against four models", ours: seconds, peer: peer.all,
        comparison: .speed(atLeast: 40)))
    figures.append(
      Figure(
        measure: "M3, all series against three fast ones", ours: seconds, peer: peer.fast,
        comparison: .speed(atLeast: 5)))
    return figures
  }

  private func hourly(_ folder: String) throws -> [Figure] {
    let part = Part(
      name: "hourly", season: 24, horizon: 48,
      training: try series("\(folder)/m4-hourly/train.csv.zst"),
      actual: try actuals("\(folder)/m4-hourly/test.csv.zst"))
    let (found, seconds) = try forecast(part)
    // Naive2 of the competition's organisers: 18.383 and 2.395.
    let owa = (found.smape / 18.383 + found.mase / 2.395) / 2
    return [
      Figure(
        measure: "M4 hourly, OWA (peer: seasonal naive)", ours: owa, peer: 0.627,
        comparison: .share(atMost: 0.48 / 0.627)),
      Figure(measure: "M4 hourly, all series", ours: seconds),
    ]
  }

  /// Sums of scores over series.
  private struct Scores {
    private var count = 0.0
    private var smapeSum = 0.0
    private var maseSum = 0.0
    private var inside = [0.0, 0.0]
    private var msisSum = [0.0, 0.0]

    var smape: Double { smapeSum / count }
    var mase: Double { maseSum / count }
    var coverage: [Double] { inside.map { $0 / count } }
    var msis: [Double] { msisSum.map { $0 / count } }

    mutating func add(_ other: Scores) {
      count += other.count
      smapeSum += other.smapeSum
      maseSum += other.maseSum
      for level in [0, 1] {
        inside[level] += other.inside[level]
        msisSum[level] += other.msisSum[level]
      }
    }

    /// Adds one series; each row is a forecast and the ends of its intervals at 80 and 95 %.
    mutating func add(rows: [[Double]], actual: [Double], training: [Double], season: Int) {
      var changes = 0.0
      for index in season..<training.count {
        changes += abs(training[index] - training[index - season])
      }
      let scale = changes / Double(training.count - season)
      let horizon = Double(actual.count)
      for (row, value) in zip(rows, actual) {
        let error = abs(row[0] - value)
        smapeSum += 200 * error / (abs(row[0]) + abs(value)) / horizon
        maseSum += error / scale / horizon
        for level in [0, 1] {
          let (low, high) = (row[1 + 2 * level], row[2 + 2 * level])
          let penalty = level == 0 ? 10.0 : 40
          inside[level] += low <= value && value <= high ? 1 / horizon : 0
          msisSum[level] +=
            ((high - low) + penalty * (max(0, low - value) + max(0, value - high))) / scale
            / horizon
        }
      }
      count += 1
    }
  }

  /// Runs the program on a part and scores what it wrote.
  private func forecast(_ part: Part) throws -> (Scores, seconds: Double) {
    let input = "\(options.folder)/series-\(part.name).csv"
    let output = "\(options.folder)/forecasts-\(part.name).csv"
    var text = "unique_id,ds,y\n"
    for series in part.training {
      for (period, value) in series.values.enumerated() {
        text += "\(series.id),\(period + 1),\(value)\n"
      }
    }
    try writeFile([UInt8](text.utf8), to: input)
    let words = [
      options.almanac, "forecast", "--data", input, "--horizon", "\(part.horizon)", "--season",
      "\(part.season)", "--out", output,
    ]
    note("forecast: \(part.training.count) series, \(part.name)")
    let (_, seconds) = try timed {
      try Shell.run(words.map(Shell.quoted).joined(separator: " "), program: "almanac forecast")
    }
    var rows: [String: [[Double]]] = [:]
    for line in try lines(output) where line.count >= 7 {
      rows[line[0], default: []].append(line[2..<7].map { Double($0) ?? .nan })
    }
    var scores = Scores()
    for series in part.training {
      guard let found = rows[series.id], let actual = part.actual[series.id],
        found.count == actual.count
      else {
        throw BenchmarkError.wrongResult(
          of: "forecast of \(series.id)", found: "\(rows[series.id]?.count ?? 0) periods",
          expected: "\(part.actual[series.id]?.count ?? 0)")
      }
      scores.add(rows: found, actual: actual, training: series.values, season: part.season)
    }
    return (scores, seconds)
  }

  private func series(_ path: String) throws -> [Series] {
    var ids: [String] = []
    var values: [String: [Double]] = [:]
    for line in try lines(path) where line.count >= 3 {
      if values[line[0]] == nil { ids.append(line[0]) }
      values[line[0], default: []].append(Double(line[2]) ?? .nan)
    }
    return ids.map { Series(id: $0, values: values[$0] ?? []) }
  }

  private func actuals(_ path: String) throws -> [String: [Double]] {
    try series(path).reduce(into: [:]) { $0[$1.id] = $1.values }
  }

  /// The fields of the lines of a file after the first.
  private func lines(_ path: String) throws -> [[String]] {
    var bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    if path.hasSuffix(".zst") { bytes = try Zstd.decompress(bytes, maximumSize: 1 << 30) }
    return bytes.split(separator: 10).dropFirst().map { line in
      line.split(separator: 44, omittingEmptySubsequences: false).map { field in
        String(decoding: field.last == 13 ? field.dropLast() : field, as: UTF8.self)
      }
    }
  }
}
