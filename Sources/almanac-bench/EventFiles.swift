import Columns
import FoundationEssentials
import Parquet

/// Parquet files of events, each of whole batches with about a million rows.
struct EventFiles {
  /// The rows from which on a file is written: whole batches of 65,536.
  static let rowsPerFile = 16 * 65_536

  /// The folder of the files.
  let folder: String
  /// The files that were written.
  private(set) var paths: [String] = []
  /// The bytes of all files.
  private(set) var byteCount = 0
  private var waiting: [Batch] = []
  private var waitingRows = 0

  /// No files yet, in `folder`.
  init(folder: String) {
    self.folder = folder
  }

  /// Adds the rows of a batch.
  mutating func append(_ batch: Batch) throws {
    waiting.append(batch)
    waitingRows += batch.rowCount
    if waitingRows >= EventFiles.rowsPerFile { try flush() }
  }

  /// Writes what still waits.
  mutating func finish() throws {
    if !waiting.isEmpty { try flush() }
  }

  /// The rows of all files.
  func read() throws -> [Batch] {
    try paths.map { try ParquetFile.decode([UInt8](Data(contentsOf: URL(filePath: $0)))) }
  }

  private mutating func flush() throws {
    let file = ParquetFile.encode(Batch.concatenating(waiting))
    waiting = []
    waitingRows = 0
    let path = "\(folder)/events-\(paths.count).parquet"
    try writeFile(file, to: path)
    paths.append(path)
    byteCount += file.count
  }
}
