import AlmanacCore
import Columns
import FoundationEssentials
import Parquet

/// Reads Parquet files of events to columns in memory, in a process of its own as the peers do.
struct ReadBack: Codable {
  /// The word of a command line that asks for it; the paths of files follow.
  static let command = "read-back"

  /// The seconds from the first open file to the last column.
  let seconds: Double
  /// The totals of each column as text: their number and their sum.
  let totals: [[String]]

  /// The totals of each column.
  var columnTotals: [ColumnTotals] {
    totals.map { ColumnTotals(count: Int128($0[0]) ?? -1, total: Int128($0[1]) ?? -1) }
  }

  /// Reads files in a process of its own.
  static func runInOwnProcess(
    _ paths: [String], _ options: BenchmarkOptions
  ) throws -> ReadBack {
    try options.runForJSON(["/proc/self/exe", command] + paths, program: "almanac-bench")
  }

  /// Lets other engines read files; the results by engine.
  static func runPeers(
    _ paths: [String], _ options: BenchmarkOptions
  ) throws -> [String: ReadBack] {
    try options.runPeer("bench_read_back.py", paths)
  }

  /// Reads files on a thread each and prints the result as JSON.
  static func printResult(_ paths: [String]) throws {
    let read = try timed { try inParallel(paths) { try ReadBack.batches(of: $0) } }
    let batches: [Batch] = read.result.flatMap { $0 }
    let totals = (batches.first?.fields ?? []).map { field in
      let totals = ColumnTotals(of: field.name, in: batches)
      return ["\(totals.count)", "\(totals.total)"]
    }
    let result = ReadBack(seconds: read.seconds, totals: totals)
    print(String(decoding: try JSONEncoder().encode(result), as: UTF8.self))
  }

  private static func batches(of path: String) throws -> [Batch] {
    let file = try InputFile(path: path)
    let reader = try ParquetReader(byteCount: file.byteCount) { try file.read($0) }
    return try reader.metadata.rowGroups.indices.map { try reader.decode(rowGroups: [$0]) }
  }
}
