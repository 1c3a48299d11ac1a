import AlmanacCore
import Codecs
import Columns
import Files
import Parquet

/// Writes parts into a data directory; threads may share it.
struct PartWriter: Sendable {
  let path: String

  /// Writes rows as one part and returns its entry; the manifest is left as it is.
  ///
  /// The name is made of the content, so a part that is there already, byte for byte, is not
  /// written again. A loose part has no date, whatever its rows' days are.
  func write(
    dataset: String, date: CalendarDate?, batch: Batch, kind: Manifest.Part.Kind = .rows
  ) throws -> Manifest.Part {
    let bytes = ParquetFile.encode(batch)
    let digest = SHA256.hexadecimalDigest(of: bytes)
    let folder = dataset + (date.map { "/date=\($0)" } ?? "")
    let name = "\(folder)/\(kind.fileName)-\(digest.prefix(16)).parquet"
    let target = path + "/" + name
    if try !FileSystem.exists(target) || FileSystem.read(target) != bytes {
      try FileSystem.createDirectoriesUnsynchronized(path + "/" + folder)
      try FileSystem.write(bytes, to: target)
    }
    var part = Manifest.Part(
      path: name, date: date?.description, rows: batch.rowCount, bytes: bytes.count, sha256: digest)
    if kind != .rows { part.kind = kind }
    if case .int64(let writers)? = batch[StoredColumn.xid]?.storage {
      part.maximumXID = writers.max()
      part.minimumXID = writers.min()
    }
    return part
  }

  /// Removes the file of a part that no manifest lists; one that is gone already is fine.
  func remove(_ part: Manifest.Part) throws {
    try FileSystem.removeTree(path + "/" + part.path)
  }
}

extension Manifest.Part.Kind {
  /// What the names of such files begin with.
  fileprivate var fileName: String { self == .rows ? "part" : rawValue }
}

extension Manifest.Part {
  /// Whether the part holds rows that the source sent, be they sorted by day or not.
  var holdsSourceRows: Bool { holdsRows || kind == .loose }
}
