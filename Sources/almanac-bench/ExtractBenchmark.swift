import AlmanacCore
import Columns
import Postgres

/// Reads the events from PostgreSQL to columns and to Parquet, beside other clients.
struct ExtractBenchmark {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions
  /// The events.
  let workload: EventWorkload

  /// The figures for the columns of a rollup and for all columns.
  func run() throws -> [Figure] {
    let six = try ExtractMeasures(
      options: options, workload: workload, fields: EventWorkload.rollupFields, name: "6 columns")
    let nine = try ExtractMeasures(
      options: options, workload: workload, fields: EventWorkload.allFields, name: "9 columns")
    var figures = try six.run().figures(bytesPerRow: 11.5)
    figures += try nine.run().figures(bytesPerRow: 30)
    figures.append(
      Figure(
        measure: "peak memory of the process, MB", ours: Double(peakMemory()) / 1e6,
        comparison: .share(atMost: options.rows > BenchmarkOptions.targetRows ? 450 : 400),
        isAtTargetSize: options.rows >= BenchmarkOptions.targetRows))
    return figures
  }
}

/// The measures of one set of columns.
struct ExtractMeasures {
  private let options: BenchmarkOptions
  private let workload: EventWorkload
  private let fields: [Field]
  private let name: String
  private let expected: [ColumnTotals]
  private let settings: ConnectionSettings
  /// The query of all rows, and those of each half of the table's pages.
  private let query: String
  private let halves: [String]

  /// The measures of `fields`, whose rows are made where there are none.
  init(
    options: BenchmarkOptions, workload: EventWorkload, fields: [Field], name: String
  ) throws {
    self.options = options
    self.workload = workload
    self.fields = fields
    self.name = name
    expected = try workload.expectedTotals(fields)
    settings = try workload.settings()
    query = workload.query(fields)
    halves = try workload.halves().map { workload.query(fields, condition: $0) }
  }

  /// Takes every measure a few times and checks each result.
  ///
  /// Of more rows than targets ask for, which peers would hold in memory all at once, only ours are
  /// taken, and once: they show that its memory does not grow.
  func run() throws -> ExtractResults {
    var results = ExtractResults(
      name: name, rows: options.rows,
      isAtTargetSize: options.rows == BenchmarkOptions.targetRows)
    if options.rows > BenchmarkOptions.targetRows {
      note("extract, \(name): without peers")
      try measureColumns(into: &results)
      _ = try measureFiles(into: &results)
      return results
    }
    for run in 1...options.runs {
      note("extract, \(name): run \(run) of \(options.runs)")
      try measureServersClient(into: &results)
      try measureColumns(into: &results)
      let paths = try measureFiles(into: &results)
      try measureReadBack(of: paths, into: &results)
      try measurePeers(into: &results)
    }
    return results
  }

  private func measureServersClient(into results: inout ExtractResults) throws {
    let one = workload.psqlCommand(query)
    results.add(.psql, try timed { try Shell.run(one, program: "psql") }.seconds)
    let clients = halves.map(workload.psqlCommand)
    // The status of a background job is that of `wait` for it.
    let both = "\(clients[0]) & \(clients[1]) && wait $!"
    results.add(.psqlTwice, try timed { try Shell.run(both, program: "psql") }.seconds)
  }

  private func measureColumns(into results: inout ExtractResults) throws {
    for (measure, queries) in [(ExtractMeasure.columns, [query]), (.columnsTwice, halves)] {
      let read = try timed {
        try inParallel(queries) { [fields, settings] in
          try ExtractMeasures.totals(of: $0, fields, settings)
        }
      }
      results.add(measure, read.seconds)
      try check(merged(read.result), "columns, \(count(queries.count, "connection"))")
    }
  }

  /// The totals of a query's columns, batch by batch: no batch is kept.
  private static func totals(
    of query: String, _ fields: [Field], _ settings: ConnectionSettings
  ) throws -> [ColumnTotals] {
    var totals = [ColumnTotals](repeating: ColumnTotals(), count: fields.count)
    let connection = try Connection(settings, purpose: .source)
    try connection.copyOut(query, fields: fields, source: "events") { batch in
      for index in totals.indices { totals[index].add(batch.columns[index]) }
    }
    return totals
  }

  /// Writes a file for each half; their paths.
  private func measureFiles(into results: inout ExtractResults) throws -> [String] {
    let parts = Array(halves.enumerated().map { (number: $0.offset, query: $0.element) })
    let files = try timed {
      try inParallel(parts) { [fields, settings, folder = options.folder] part in
        var files = EventFiles(
          folder: folder, name: "events-\(part.number)", sortsByTime: true)
        let connection = try Connection(settings, purpose: .source)
        try connection.copyOut(part.query, fields: fields, source: "events") {
          try files.append($0)
        }
        try files.finish()
        return (paths: files.paths, bytes: files.byteCount)
      }
    }
    results.add(.files, files.seconds)
    results.bytes = files.result.reduce(0) { $0 + $1.bytes }
    return files.result.flatMap(\.paths)
  }

  private func measureReadBack(of paths: [String], into results: inout ExtractResults) throws {
    let ours = try ReadBack.runInOwnProcess(paths, options)
    results.add(.readBack, ours.seconds)
    try check(ours.columnTotals, "Parquet read back")
    let peers = try ReadBack.runPeers(paths, options)
    for (measure, engine) in [(ExtractMeasure.readBackArrow, "pyarrow"), (.readBackDuck, "duckdb")]
    {
      guard let found = peers[engine] else { continue }
      results.add(measure, found.seconds)
      try check(found.columnTotals, "Parquet read back by \(engine)")
    }
  }

  private func measurePeers(into results: inout ExtractResults) throws {
    let peers = try ExtractPeers(options: options, workload: workload)
      .run(query, halves, rows: expected.map(\.count).max() ?? 0)
    results.add(.adbc, peers.adbc)
    results.add(.adbcTwice, peers.adbcTwice)
    results.add(.connectorX, peers.connectorX)
    results.add(.connectorXTwice, peers.connectorXTwice)
  }

  private func merged(_ parts: [[ColumnTotals]]) -> [ColumnTotals] {
    fields.indices.map { index in
      parts.reduce(ColumnTotals()) { $0.merged(with: $1[index], fields[index].type) }
    }
  }

  private func check(_ totals: [ColumnTotals], _ measure: String) throws(BenchmarkError) {
    try ColumnTotals.check(totals, fields, against: expected, measure: measure)
  }
}

/// Reads the rows of a query over a connection of its own.
func read(
  _ query: String, _ fields: [Field], _ settings: ConnectionSettings
) throws -> [Batch] {
  var batches: [Batch] = []
  let connection = try Connection(settings, purpose: .source)
  try connection.copyOut(query, fields: fields, source: "events") { batches.append($0) }
  return batches
}
