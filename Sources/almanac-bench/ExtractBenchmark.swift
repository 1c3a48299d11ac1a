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
    try run(EventWorkload.rollupFields, name: "6 columns", bytesPerRow: 11.5)
      + run(EventWorkload.allFields, name: "9 columns", bytesPerRow: 30)
  }

  private func run(_ fields: [Field], name: String, bytesPerRow: Double) throws -> [Figure] {
    let expected = try workload.expectedTotals(fields)
    let halves = try workload.halves()
    let query = workload.query(fields)
    let settings = try workload.settings()
    var seconds: [Measure: [Double]] = [:]
    var bytes = 0
    for run in 1...BenchmarkOptions.runs {
      note("extract, \(name): run \(run) of \(BenchmarkOptions.runs)")
      let client = workload.psqlCommand(query)
      seconds[.client, default: []].append(try timed { try shell(client) }.seconds)
      let columns = try timed { try read(query, fields, settings) }
      seconds[.columns, default: []].append(columns.seconds)
      try check(columns.result, fields, expected, "columns")
      let files = try timed { try writeFiles(query, fields, settings) }
      seconds[.files, default: []].append(files.seconds)
      bytes = files.result.byteCount
      let back = try timed { try files.result.read() }
      seconds[.readBack, default: []].append(back.seconds)
      try check(back.result, fields, expected, "Parquet")
      let clients = halves.map { workload.psqlCommand(workload.query(fields, condition: $0)) }
      // The status of a background job is that of `wait` for it.
      let both = "\(clients[0]) & \(clients[1]) && wait $!"
      seconds[.twoClients, default: []].append(try timed { try shell(both) }.seconds)
      let queries = halves.map { workload.query(fields, condition: $0) }
      let twice = try timed {
        try concurrently(queries) { try read($0, fields, settings) }.flatMap { $0 }
      }
      seconds[.twoConnections, default: []].append(twice.seconds)
      try check(twice.result, fields, expected, "columns, 2 connections")
      let peers = try ExtractPeers(options: options, workload: workload)
        .run(query, queries, rows: expected.map(\.count).max() ?? 0)
      seconds[.adbc, default: []].append(peers.adbc)
      seconds[.connectorX, default: []].append(peers.connectorX)
    }
    return figures(seconds.mapValues(median), name: name, bytes: bytes, bytesPerRow: bytesPerRow)
  }

  private func figures(
    _ seconds: [Measure: Double], name: String, bytes: Int, bytesPerRow: Double
  ) -> [Figure] {
    func figure(
      _ measure: String, _ ours: Measure, _ peer: Measure?, _ comparison: Comparison
    ) -> Figure {
      Figure(
        measure: "\(name): \(measure)", ours: seconds[ours] ?? .nan,
        peer: peer.flatMap { seconds[$0] }, comparison: comparison,
        isAtTargetSize: options.rows == BenchmarkOptions.targetRows)
    }
    return [
      figure("to columns, 1 connection / psql", .columns, .client, .share(atMost: 1.05)),
      figure(
        "to columns, 2 connections / psql × 2", .twoConnections, .twoClients, .share(atMost: 1.2)),
      figure("to columns, 2 / ConnectorX × 2", .twoConnections, .connectorX, .speed(atLeast: 2)),
      figure("to columns, 1 / ADBC × 1", .columns, .adbc, .speed(atLeast: 2)),
      figure("to Parquet / to columns", .files, .columns, .share(atMost: 1.25)),
      Figure(
        measure: "\(name): Parquet, bytes a row", ours: Double(bytes) / Double(options.rows),
        comparison: .share(atMost: bytesPerRow),
        isAtTargetSize: options.rows == BenchmarkOptions.targetRows),
      figure("Parquet read back", .readBack, nil, .share(atMost: nil)),
    ]
  }

  private func shell(_ line: String) throws(BenchmarkError) {
    try Shell.run(line, program: "psql")
  }

  private func check(
    _ batches: [Batch], _ fields: [Field], _ expected: [ColumnTotals], _ measure: String
  ) throws(BenchmarkError) {
    try ColumnTotals.check(batches, fields, against: expected, measure: measure)
  }

  private func writeFiles(
    _ query: String, _ fields: [Field], _ settings: ConnectionSettings
  ) throws -> EventFiles {
    var files = EventFiles(folder: options.folder)
    let connection = try Connection(settings, purpose: .source)
    try connection.copyOut(query, fields: fields, source: "events") { try files.append($0) }
    try files.finish()
    return files
  }
}

/// What is timed in each run.
private enum Measure {
  case client, twoClients, columns, twoConnections, files, readBack, adbc, connectorX
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
