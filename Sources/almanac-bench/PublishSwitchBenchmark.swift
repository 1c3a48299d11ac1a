import AlmanacCore
import Columns
import Pipelines
import Postgres

/// A run's predictions copied, checked and shown, against `psql \copy` of the same rows.
///
/// Both put the same rows in the same order into the same empty table with its key and index; only
/// ours counts and checks them, and moves the pointer of readers.
struct PublishSwitchBenchmark {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions

  private static let table = PredictionTable.revenueForecasts
  private static let targetRows = 1_000_000

  /// Takes both measures in turn.
  func run() throws -> [Figure] {
    let place = try PublishPlace(options, database: "almanac_bench_publish")
    let connection = try options.connect(database: place.database)
    let batches = PublishPlace.forecasts(run: 1, rows: options.rows)
    let file = "\(options.folder)/predictions.copy"
    var ours: [Double] = []
    var switches: [Double] = []
    var peers: [Double] = []
    for turn in 0..<options.runs {
      note("publish: \(options.rows) predictions, turn \(turn + 1)")
      try empty(connection)
      do {
        let lock = try place.lock()
        let whole = try timed {
          try lock.copyPredictions(
            batches, into: Self.table, run: PublishPlace.run(1), model: PublishPlace.model)
          let predictions = try RunPredictions(lock.connection, run: PublishPlace.run(1))
          switches.append(
            try timed { try Publisher(lock).publish(predictions, pipeline: "bench") }.seconds)
        }
        ours.append(whole.seconds)
        try lock.connection.run("SELECT pg_advisory_unlock_all()")
      }
      let expected = try content(connection)
      if turn == 0 {
        try psql(
          place,
          "\\copy (SELECT * FROM \(Self.table.name) ORDER BY company_id, run_id, scope, scope_id, "
            + "grain, period_start) TO '\(file)' (FORMAT binary)")
      }
      try empty(connection)
      peers.append(
        try timed {
          try psql(place, "\\copy \(Self.table.name) FROM '\(file)' (FORMAT binary)")
        }.seconds)
      let found = try content(connection)
      guard found == expected else {
        throw BenchmarkError.wrongResult(of: "psql \\copy", found: found, expected: expected)
      }
    }
    let isAtTargetSize = options.rows >= Self.targetRows
    return [
      Figure(
        measure: "publish: copied, checked, switched / psql \\copy", ours: median(ours),
        peer: median(peers), comparison: .share(atMost: 1.3), isAtTargetSize: isAtTargetSize),
      Figure(
        measure: "publish: the switch alone, longest", ours: switches.max() ?? 0,
        comparison: .share(atMost: 0.05), isAtTargetSize: isAtTargetSize),
    ]
  }

  private func empty(_ connection: Connection) throws {
    try connection.run("TRUNCATE \(Self.table.name)")
    try connection.run("CHECKPOINT")
  }

  /// The number of rows and a number that changes with each of them.
  private func content(_ connection: Connection) throws -> String {
    let rows = try connection.query(
      "SELECT count(*) || ' ' || sum(hashtextextended(t::text, 0)::numeric) FROM \(Self.table.name) t"
    )
    return rows[0, 0] ?? ""
  }

  private func psql(_ place: PublishPlace, _ command: String) throws {
    try Shell.run(
      [options.psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", place.url, "-c", command]
        .map(Shell.quoted).joined(separator: " "), program: "psql")
  }
}
