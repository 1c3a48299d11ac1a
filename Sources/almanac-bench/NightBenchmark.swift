import AlmanacCore

/// Loads the events through the pipeline, and then night after night one new row for every hundred.
struct NightBenchmark {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions
  /// The events.
  let workload: EventWorkload

  /// The most that a night with one new row in a hundred may take of the first load's time.
  static let nightShare = 0.03

  /// The seconds of every run of a measure.
  private struct Seconds {
    var loads: [Double] = []
    var nights: [Double] = []
    var checks: [Double] = []
    var firstChecks: [Double] = []
    var peakMemory = 0

    mutating func add(load: NightProcess) {
      loads.append(load.extraction)
      firstChecks.append(load.checks)
      peakMemory = max(peakMemory, load.peakBytes)
    }

    mutating func add(night: NightProcess) {
      nights.append(night.extraction)
      checks.append(night.checks)
      peakMemory = max(peakMemory, night.peakBytes)
    }
  }

  /// The figures of a night with and without a bound on the recorded clock.
  func run() throws -> [Figure] {
    let source = try NightSource(workload, options: options)
    let places = [
      try NightPlace(
        "bounded", bound: "1h", options: options, database: NightSource.database),
      try NightPlace(
        "unbounded", bound: nil, options: options, database: NightSource.database),
    ]
    var seconds = [Seconds(), Seconds()]
    var date = CalendarDate(daysSinceEpoch: 20_543)
    let copy = try source.copy()
    var bytes = 0
    for (index, place) in places.enumerated() {
      note("night: first load \(index + 1) of \(places.count)")
      seconds[index].add(load: try NightProcess.run(place, date: date))
      bytes = try place.check("the first load")
    }
    var scans: [Double] = []
    for night in 1...options.runs {
      note("night: night \(night) of \(options.runs)")
      try source.addRows(night: night)
      scans.append(try source.scan())
      date = date.adding(days: 1)
      for (index, place) in places.enumerated() {
        let run = try NightProcess.run(place, date: date)
        seconds[index].add(night: run)
        // Ten rows repeat a key, the companies are read whole.
        let expected = options.rows / 100 + 10 + 5_000
        guard run.rowsRead == expected else {
          throw BenchmarkError.wrongResult(
            of: "the rows of a night", found: "\(run.rowsRead)", expected: "\(expected)")
        }
        try place.check("night \(night)")
      }
    }
    return figures(seconds, copy: copy, scan: median(scans), bytes: bytes)
  }

  private func figures(
    _ seconds: [Seconds], copy: Double, scan: Double, bytes: Int
  ) -> [Figure] {
    let load = median(seconds.flatMap(\.loads))
    let isAtTargetSize = options.rows >= BenchmarkOptions.targetRows
    let rows = Double(options.rows)
    return [
      Figure(measure: "first load, 2 jobs / psql", ours: load, peer: copy),
      Figure(measure: "first load, ns a row", ours: load / rows * 1e9),
      Figure(
        measure: "day parts, bytes a row", ours: Double(bytes) / rows,
        comparison: .share(atMost: 30), isAtTargetSize: isAtTargetSize),
      Figure(
        measure: "night with increment_bound / first load", ours: median(seconds[0].nights),
        peer: load, comparison: .share(atMost: NightBenchmark.nightShare),
        isAtTargetSize: isAtTargetSize),
      Figure(
        measure: "night without bound / scan and share of first load",
        ours: median(seconds[1].nights), peer: scan + NightBenchmark.nightShare * load,
        comparison: .share(atMost: 1), isAtTargetSize: isAtTargetSize),
      Figure(
        measure: "contracts of a night / of the first load",
        ours: median(seconds.flatMap(\.checks)), peer: median(seconds.flatMap(\.firstChecks))),
      Figure(
        measure: "peak memory of loads and nights, MB",
        ours: Double(seconds.map(\.peakMemory).max() ?? 0) / 1e6,
        comparison: .share(atMost: options.rows > BenchmarkOptions.targetRows ? 450 : 400),
        isAtTargetSize: isAtTargetSize),
    ]
  }
}
