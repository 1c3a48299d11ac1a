import Columns
import Parquet

/// A Parquet file of events, written from batches as they come.
struct EventFiles: ~Copyable {
  /// The paths of the files: one, once there was a batch.
  private(set) var paths: [String] = []
  /// The bytes of the file.
  private(set) var byteCount = 0
  private let path: String
  private let sortsByTime: Bool
  private var writer: ParquetWriter?
  private var output: OutputFile?

  /// No file yet, in `folder`; its batches are ordered by time one by one where that is asked for.
  init(folder: String, name: String = "events", sortsByTime: Bool = false) {
    path = "\(folder)/\(name).parquet"
    self.sortsByTime = sortsByTime
  }

  /// Adds the rows of a batch; all batches have the same columns.
  mutating func append(_ batch: Batch) throws {
    if output == nil {
      output = try OutputFile(path: path)
      writer = ParquetWriter(batch.fields)
      paths = [path]
    }
    let rows = sortsByTime ? batch.taking(batch.order(by: ["timestamp"])) : batch
    try writer?.append(rows)
    try write(writer?.takePieces() ?? [])
  }

  /// Writes what still waits.
  mutating func finish() throws {
    try write(writer.take()?.finish() ?? [])
    output = nil
  }

  private mutating func write(_ pieces: [[UInt8]]) throws(BenchmarkError) {
    for piece in pieces {
      try output?.append(piece)
      byteCount += piece.count
    }
  }
}
