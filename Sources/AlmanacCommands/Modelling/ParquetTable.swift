import Codecs
import Columns
import Files
import Parquet
import Regression
import Synchronization

/// A Parquet file as a table whose columns are read when they are asked for.
///
/// The file stays open, so all columns are of one version of it.
final class ParquetTable: Sendable {
  private struct State {
    let file: RandomAccessFile
    /// The column read last: what is asked of a column is mostly asked in a row.
    var last: (name: String, column: TableColumn)?
    var failure: (any Error)?
  }

  private let state: Mutex<State>

  init(_ path: String) throws {
    state = Mutex(State(file: try RandomAccessFile(path)))
  }

  /// The table and the digest of the file.
  ///
  /// - Parameter heldCells: the most rows times columns that are read at once; the columns of a larger
  ///   file are read anew each time, so that its fit takes little more memory than its design.
  /// - Returns: the table, its columns held or to be read.
  /// - Throws: `FileError`, `ParquetError`, and `TableError` where the file has become shorter.
  func load(heldCells: Int = 4_000_000) throws -> LoadedTable {
    try state.withLock { state in
      let reader = try ParquetTable.reader(state.file)
      let digest = try ParquetTable.digest(of: state.file)
      let names = reader.metadata.columns.map(\.name)
      let rowCount = reader.metadata.rowCount
      let (cells, overflows) = rowCount.multipliedReportingOverflow(by: names.count)
      guard overflows || cells > heldCells else {
        return LoadedTable(table: TableInference.table(of: [try reader.decode()]), digest: digest)
      }
      // Without a row group nothing but the schema is read: it may hold what cannot be.
      _ = try reader.decode(rowGroups: [])
      var table = Table(rowCount: rowCount)
      for name in names { table.add(name, reading: { self.column(name) }) }
      return LoadedTable(
        table: table, digest: digest, failure: { self.state.withLock { $0.failure } })
    }
  }

  private func column(_ name: String) -> TableColumn? {
    state.withLock { state in
      if let last = state.last, last.name == name { return last.column }
      guard state.failure == nil else { return nil }
      do {
        state.last = nil
        let batch = try ParquetTable.reader(state.file).decode(columns: [name])
        let column = TableInference.table(of: [batch])[name]
        state.last = column.map { (name, $0) }
        return column
      } catch {
        state.failure = error
        return nil
      }
    }
  }

  private static func reader(_ file: RandomAccessFile) throws -> ParquetReader {
    try ParquetReader(byteCount: file.byteCount) { range in
      let bytes = try file.read(range)
      guard bytes.count == range.count else {
        throw TableError("\(file.path) became shorter while it was read")
      }
      return bytes
    }
  }

  private static func digest(of file: RandomAccessFile) throws -> String {
    var hash = SHA256()
    let step = 1 << 20
    for start in stride(from: 0, to: file.byteCount, by: step) {
      let bytes = try file.read(start..<min(file.byteCount, start + step))
      hash.update(bytes.span)
    }
    return SHA256.hexadecimal(hash.finalize())
  }
}
