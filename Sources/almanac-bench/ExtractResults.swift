/// What is timed in each run.
enum ExtractMeasure {
  /// The server's own client, over one connection and over two.
  case psql, psqlTwice
  /// Ours to columns.
  case columns, columnsTwice
  /// Ours to columns and Parquet over two connections.
  case files
  /// The files read to columns.
  case readBack, readBackArrow, readBackDuck
  /// Other clients to columns.
  case adbc, adbcTwice, connectorX, connectorXTwice
}

/// The seconds of every run of the measures of one set of columns.
struct ExtractResults {
  /// The set of columns.
  let name: String
  /// The number of events.
  let rows: Int
  /// Whether targets hold at that number.
  let isAtTargetSize: Bool
  /// The bytes of the Parquet files.
  var bytes = 0
  private var seconds: [ExtractMeasure: [Double]] = [:]

  /// No measures yet.
  init(name: String, rows: Int, isAtTargetSize: Bool) {
    self.name = name
    self.rows = rows
    self.isAtTargetSize = isAtTargetSize
  }

  /// Adds the seconds of one run.
  mutating func add(_ measure: ExtractMeasure, _ seconds: Double) {
    self.seconds[measure, default: []].append(seconds)
  }

  /// The medians beside those of the peers, as far as both were taken.
  func figures(bytesPerRow: Double) -> [Figure] {
    let figures: [Figure?] = [
      figure("to columns, 1 connection / psql", .columns, .psql, .share(atMost: 1.05)),
      figure(
        "to columns, 2 connections / psql × 2", .columnsTwice, .psqlTwice, .share(atMost: 1.2)),
      figure("to columns, 1 / ConnectorX × 1", .columns, .connectorX, .speed(atLeast: 2)),
      figure("to columns, 2 / ConnectorX × 2", .columnsTwice, .connectorXTwice, .speed(atLeast: 2)),
      figure("to columns, 1 / ADBC × 1", .columns, .adbc, .speed(atLeast: 2)),
      figure("to columns, 2 / ADBC × 2", .columnsTwice, .adbcTwice, .speed(atLeast: 2)),
      figure("and Parquet, 2 / to columns, 2", .files, .columnsTwice, .share(atMost: 1.25)),
      Figure(
        measure: "\(name): Parquet, bytes a row", ours: Double(bytes) / Double(rows),
        comparison: .share(atMost: bytesPerRow), isAtTargetSize: isAtTargetSize),
      figure("read back, 2 threads / pyarrow", .readBack, .readBackArrow, .share(atMost: 1)),
      figure("read back, 2 threads / DuckDB", .readBack, .readBackDuck, .share(atMost: 1.3)),
    ]
    return figures.compactMap { $0 }
  }

  private func figure(
    _ measure: String, _ ours: ExtractMeasure, _ peer: ExtractMeasure, _ comparison: Comparison
  ) -> Figure? {
    guard let ours = seconds[ours], let peer = seconds[peer] else { return nil }
    return Figure(
      measure: "\(name): \(measure)", ours: median(ours), peer: median(peer),
      comparison: comparison, isAtTargetSize: isAtTargetSize)
  }
}
