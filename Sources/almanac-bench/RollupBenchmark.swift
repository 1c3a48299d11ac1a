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
    let expected = try workload.expectedTotals(fields)
    note("rollup: reading the events and the server's own rollups")
    let events = try read(workload.query(fields), fields, workload.settings())
    try ColumnTotals.check(events, fields, against: expected, measure: "columns")
    var files = EventFiles(folder: options.folder)
    for batch in events { try files.append(batch) }
    try files.finish()
    let cases = try cases(events)
    var seconds: [String: [Double]] = [:]
    for run in 1...options.runs {
      note("rollup: run \(run) of \(options.runs)")
      for each in cases {
        for threads in 1...(each.events.count == 2 ? 2 : 1) {
          let tables = try timed { try rollup(each.events, each.grain, threads: threads) }
          seconds["\(each.key) \(threads)", default: []].append(tables.seconds)
          try check(RollupTotals(tables.result), each, count(threads, "thread"))
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
    let tables = TableRollupBenchmark(
      options: options, workload: workload, rollupSettings: RollupBenchmark.settings)
    return try figures(seconds.mapValues(median)) + tables.run()
  }

  private func cases(_ events: [Batch]) throws -> [Case] {
    let hours = try workload.expectedRollup(bucket: "hour")
    let days = try workload.expectedRollup(bucket: "day")
    let whole = Batch.concatenating(events).dictionaryCoded()
    let halves = split(whole)
    return [
      Case(name: "hourly", key: "hour", events: halves, grain: .hour, expected: hours),
      Case(name: "daily", key: "day", events: halves, grain: .day, expected: days),
      Case(
        name: "hourly, shuffled", key: "shuffled", events: split(shuffle(whole)), grain: .hour,
        expected: hours),
      Case(name: "hourly, as read", key: "read", events: events, grain: .hour, expected: hours),
    ]
  }

  private func figures(_ seconds: [String: Double]) -> [Figure] {
    func figure(
      _ name: String, _ key: String, threads: Int, _ engine: String?, atLeast target: Double? = nil
    ) -> Figure {
      Figure(
        measure: "\(name), \(count(threads, "thread"))" + (engine.map { " / \($0)" } ?? ""),
        ours: seconds["\(key) \(threads)"] ?? .nan,
        peer: engine.flatMap { seconds["\(key) \($0)"] },
        comparison: .speed(atLeast: target),
        isAtTargetSize: options.rows == BenchmarkOptions.targetRows)
    }
    // The engines use both cores as well.
    return [
      figure("hourly", "hour", threads: 2, "Polars", atLeast: 3),
      figure("hourly", "hour", threads: 2, "DuckDB", atLeast: 8),
      figure("hourly", "hour", threads: 1, "Polars"),
      figure("daily", "day", threads: 2, "Polars", atLeast: 2),
      figure("daily", "day", threads: 2, "DuckDB", atLeast: 5),
      figure("daily", "day", threads: 1, "Polars"),
      figure("hourly, shuffled", "shuffled", threads: 2, "Polars", atLeast: 2),
      figure("hourly, shuffled", "shuffled", threads: 1, "Polars"),
      figure("hourly from batches as read", "read", threads: 1, nil),
    ]
  }

  /// Local days are those of UTC, and amounts are in one currency.
  private static var settings: RollupSettings {
    guard let currency = CurrencyCode("USD") else { preconditionFailure("USD is a currency") }
    var settings = RollupSettings(zone: .utc, currency: currency)
    settings.currencyColumn = nil
    settings.durationColumn = nil
    return settings
  }

  /// Rolls events up, on two threads one half of the days on each, as a nightly run does it.
  private func rollup(
    _ events: [Batch], _ grain: RollupGrain, threads: Int
  ) throws -> [RollupTable] {
    let settings = RollupBenchmark.settings
    return try inParallel(Array(0..<threads)) { part in
      let days = RollupBenchmark.days(part, of: threads)
      let buckets: RollupBuckets =
        grain == .day
        ? .days(days) : .hours(days.lowerBound.startUTC.hour..<days.upperBound.startUTC.hour)
      return try Rollups.rollup(
        threads == 1 ? events : [events[part]], into: buckets, settings: settings)
    }
  }

  /// One part of the days of all events.
  static func days(_ part: Int, of parts: Int) -> Range<CalendarDate> {
    let count = EventWorkload.dayCount
    let first = EventWorkload.firstDate
    return first.adding(days: count * part / parts)..<first.adding(days: count * (part + 1) / parts)
  }

  /// The events of each half of the days, identifiers as codes of one dictionary: typed columns,
  /// such as the peers begin with.
  private func split(_ events: Batch) -> [Batch] {
    guard case .int64(let times)? = events["timestamp"]?.storage else { return [] }
    let middle = RollupBenchmark.days(1, of: 2).lowerBound.startUTC.microseconds
    return [true, false].map { isBefore in
      events.taking(times.indices.filter { (times[$0] < middle) == isBefore }).compacted()
    }
  }

  /// The events in random order.
  private func shuffle(_ events: Batch) -> Batch {
    var random = SplitMix64(seed: 1)
    return events.taking((0..<events.rowCount).shuffled(using: &random))
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

extension Batch {
  /// The same rows with every column of identifiers as codes of one dictionary.
  fileprivate func dictionaryCoded() -> Batch {
    let coded = columns.map { column in
      guard case .uuid(let plain) = column.storage, plain.codes == nil else { return column }
      var storage = UUIDStorage(codes: [])
      var known: [UUIDValue: UInt32] = [:]
      for value in plain.values {
        let code = known[value] ?? UInt32(known.count)
        if Int(code) == known.count {
          known[value] = code
          storage.values.append(value)
        }
        storage.codes?.append(code)
      }
      return Column(column.field, .uuid(storage), validity: column.validity)
    }
    return Batch(coded, rowCount: rowCount)
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
  /// The totals of tables that have no group in common.
  fileprivate init(_ tables: [RollupTable]) {
    func sum(_ name: String) -> Int {
      tables.reduce(0) { sum, table in
        guard case .int64(let values)? = table.batch[name]?.storage else { return -1 }
        return values.reduce(sum) { $0 + Int($1) }
      }
    }
    self.init(
      groups: tables.reduce(0) { $0 + $1.rowCount }, events: sum("event_count"),
      users: sum("unique_users"), amount: sum("amount_sum"))
  }
}
