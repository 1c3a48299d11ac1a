import AlmanacCore
import Columns
import Postgres
import Rollups

/// Rolls events in memory up to hours and days, beside other engines.
struct RollupBenchmark {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions
  /// The events.
  let workload: EventWorkload

  /// The figures of both grains, and of hours from shuffled events.
  func run() throws -> [Figure] {
    let fields = EventWorkload.rollupFields
    let expectedColumns = try workload.expectedTotals(fields)
    note("rollup: reading the events and the server's own rollups")
    let events = try read(workload.query(fields), fields, workload.settings())
    try ColumnTotals.check(events, fields, against: expectedColumns, measure: "columns")
    var files = EventFiles(folder: options.folder)
    for batch in events { try files.append(batch) }
    try files.finish()
    let hours = try workload.expectedRollup(bucket: "hour")
    let days = try workload.expectedRollup(bucket: "day")
    let shuffled = shuffle(events)
    let cases = [
      Case(name: "hourly", key: "hour", events: events, grain: .hour, expected: hours),
      Case(name: "daily", key: "day", events: events, grain: .day, expected: days),
      Case(
        name: "hourly, shuffled", key: "shuffled", events: shuffled, grain: .hour, expected: hours),
    ]
    var seconds: [String: [Double]] = [:]
    for run in 1...BenchmarkOptions.runs {
      note("rollup: run \(run) of \(BenchmarkOptions.runs)")
      for each in cases {
        for threads in [1, 2] {
          let table = try timed { try rollup(each.events, each.grain, threads: threads) }
          seconds["\(each.key) \(threads)", default: []].append(table.seconds)
          try check(RollupTotals(table.result), each, "\(threads) threads")
        }
      }
      let peers: [String: [String: PeerRollup]] = try options.runPeer(
        "bench_rollup.py", files.paths)
      for (engine, results) in peers {
        for each in cases {
          guard let result = results[each.key] else { continue }
          seconds["\(each.key) \(engine)", default: []].append(result.seconds)
          try check(result.totals, each, engine)
        }
      }
    }
    return figures(seconds.mapValues(median))
  }

  private func figures(_ seconds: [String: Double]) -> [Figure] {
    let targets: [(name: String, key: String, peer: String, target: Double)] = [
      ("hourly", "hour", "Polars", 3), ("hourly", "hour", "DuckDB", 8),
      ("daily", "day", "Polars", 2), ("daily", "day", "DuckDB", 5),
      ("hourly, shuffled", "shuffled", "Polars", 2),
    ]
    return targets.flatMap { name, key, peer, target in
      [1, 2].map { threads in
        Figure(
          measure: "\(name), \(threads) thread\(threads == 1 ? "" : "s") / \(peer)",
          ours: seconds["\(key) \(threads)"] ?? .nan, peer: seconds["\(key) \(peer)"],
          // The engines use both cores as well.
          comparison: .speed(atLeast: threads == 1 ? nil : target),
          isAtTargetSize: options.rows == BenchmarkOptions.targetRows)
      }
    }
  }

  /// Local days are those of UTC, and amounts are in one currency.
  private static var settings: RollupSettings {
    guard let currency = CurrencyCode("USD") else { preconditionFailure("USD is a currency") }
    var settings = RollupSettings(zone: .utc, currency: currency)
    settings.currencyColumn = nil
    settings.durationColumn = nil
    return settings
  }

  /// Rolls events up on one thread, or each half of the batches on a thread of its own.
  private func rollup(
    _ events: [Batch], _ grain: RollupGrain, threads: Int
  ) throws -> RollupTable {
    let settings = RollupBenchmark.settings
    let start = EventWorkload.firstDate
    let end = start.adding(days: EventWorkload.dayCount)
    let buckets: RollupBuckets =
      grain == .hour ? .hours(start.startUTC.hour..<end.startUTC.hour) : .days(start..<end)
    if threads == 1 { return try Rollups.rollup(events, into: buckets, settings: settings) }
    let middle = events.count / 2
    let states = try concurrently([events[..<middle], events[middle...]]) { batches in
      var state = RollupState(buckets, settings: settings)
      for batch in batches { try state.accumulate(batch) }
      return state
    }
    var whole = states[0]
    try whole.combine(states[1])
    return try whole.finish()
  }

  /// The events in random order, in batches as large as those that were read.
  private func shuffle(_ events: [Batch]) -> [Batch] {
    let whole = Batch.concatenating(events)
    var random = SplitMix64(seed: 1)
    let order = (0..<whole.rowCount).shuffled(using: &random)
    return stride(from: 0, to: order.count, by: 65_536).map { start in
      whole.taking(Array(order[start..<min(order.count, start + 65_536)])).compacted()
    }
  }

  private func check(
    _ found: RollupTotals, _ each: Case, _ by: String
  ) throws(BenchmarkError) {
    guard found == each.expected else {
      throw .wrongResult(
        of: "\(each.name) rollup, \(by)", found: "\(found)", expected: "\(each.expected)")
    }
  }
}

/// One rollup that every engine makes.
private struct Case {
  let name: String
  /// Its name in the results of the peers.
  let key: String
  let events: [Batch]
  let grain: RollupGrain
  let expected: RollupTotals
}

/// What the script of the peers tells of one rollup.
private struct PeerRollup: Decodable {
  let seconds: Double
  let totals: RollupTotals
}

extension RollupTotals {
  /// The totals of a table.
  fileprivate init(_ table: RollupTable) {
    func sum(_ name: String) -> Int {
      guard case .int64(let values)? = table.batch[name]?.storage else { return -1 }
      return values.reduce(0) { $0 + Int($1) }
    }
    self.init(
      groups: table.rowCount, events: sum("event_count"), users: sum("unique_users"),
      amount: sum("amount_sum"))
  }
}
