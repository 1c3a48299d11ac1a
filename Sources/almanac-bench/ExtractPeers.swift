import FoundationEssentials

/// The Python clients that read the events, in one process for each run.
struct ExtractPeers {
  /// The sizes and paths of the run.
  let options: BenchmarkOptions
  /// The events.
  let workload: EventWorkload

  /// The seconds of each client.
  struct Seconds: Decodable {
    /// ADBC over one connection, and over two.
    let adbc: Double
    let adbcTwice: Double
    /// ConnectorX over one connection, and over two.
    let connectorX: Double
    let connectorXTwice: Double
    /// The number of rows that each of these read.
    let rows: [Int]
  }

  /// Reads a query by one connection, and the same rows as the two `halves` by two.
  func run(_ query: String, _ halves: [String], rows: Int128) throws -> Seconds {
    let seconds: Seconds = try options.runPeer(
      "bench_extract.py", [workload.url, query] + halves)
    guard seconds.rows.count == 4, seconds.rows.allSatisfy({ $0 == rows }) else {
      throw BenchmarkError.wrongResult(
        of: "peers of extract", found: "\(seconds.rows) rows", expected: "\(rows)")
    }
    return seconds
  }
}

extension BenchmarkOptions {
  /// Runs a script of peers and reads the JSON object it prints.
  func runPeer<Output: Decodable>(_ script: String, _ arguments: [String]) throws -> Output {
    try runForJSON([python, "\(scripts)/\(script)"] + arguments, program: script)
  }

  /// Runs a program and reads the JSON object it prints.
  func runForJSON<Output: Decodable>(_ words: [String], program: String) throws -> Output {
    let output = "\(folder)/peer.json"
    // The shell would be "self" in /proc by the time it runs the program.
    let words = try words.map { word in
      word == "/proc/self/exe"
        ? try FileManager.default.destinationOfSymbolicLink(atPath: word) : word
    }
    try Shell.run(
      words.map(Shell.quoted).joined(separator: " ") + " > " + Shell.quoted(output),
      program: program)
    return try JSONDecoder().decode(Output.self, from: Data(contentsOf: URL(filePath: output)))
  }
}
