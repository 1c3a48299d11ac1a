import FoundationEssentials

/// The Python clients that read the events, in one process for each run.
struct ExtractPeers {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions
  /// The events.
  let workload: EventWorkload

  /// The seconds of each client.
  struct Seconds: Decodable {
    /// ADBC over one connection.
    let adbc: Double
    /// ConnectorX over two connections.
    let connectorX: Double
    /// The number of rows that each client read.
    let rows: [Int]
  }

  /// Reads a query by one connection, and the same rows as the two `halves` by two.
  func run(_ query: String, _ halves: [String], rows: Int128) throws -> Seconds {
    let seconds: Seconds = try options.runPeer(
      "bench_extract.py", [workload.url, query] + halves)
    guard seconds.rows.allSatisfy({ $0 == rows }) else {
      throw BenchmarkError.wrongResult(
        of: "peers of extract", found: "\(seconds.rows) rows", expected: "\(rows)")
    }
    return seconds
  }
}

extension BenchmarkOptions {
  /// Runs a script of peers and reads the JSON object it prints.
  func runPeer<Output: Decodable>(_ script: String, _ arguments: [String]) throws -> Output {
    let output = "\(folder)/peer.json"
    let words = [python, "\(scripts)/\(script)"] + arguments
    try Shell.run(
      words.map(Shell.quoted).joined(separator: " ") + " > " + Shell.quoted(output),
      program: script)
    return try JSONDecoder().decode(Output.self, from: Data(contentsOf: URL(filePath: output)))
  }
}
