import AlmanacCore
import Codecs
import Columns
import Files
import Parquet

/// Writes parts into a data directory; threads may share it.
struct PartWriter: Sendable {
  let path: String
  /// Parts with fewer bytes get no index.
  var minimumIndexedBytes = PartIndex.minimumPartBytes

  /// How loose parts are laid out: they are read once, and soon, so compressing them costs more than
  /// the bytes that it saves.
  private static let loose = ParquetWriteOptions(compressionLevel: nil)

  /// A writer into the data directory at a path.
  init(path: String) {
    self.path = path
  }

  /// Writes rows as one part and returns its entry; the manifest is left as it is.
  ///
  /// The name is made of the content, so a part that is there already, byte for byte, is not
  /// written again. A loose part has no date, whatever its rows' days are. Rows get an index beside
  /// them, with a filter of their keys.
  func write(
    dataset: String, date: CalendarDate?, batch: Batch, kind: Manifest.Part.Kind = .rows,
    key: [String]
  ) throws -> Manifest.Part {
    let bytes = ParquetFile.encode(
      batch, options: kind == .loose ? PartWriter.loose : ParquetWriteOptions())
    let digest = SHA256.hexadecimalDigest(of: bytes)
    let folder = dataset + (date.map { "/date=\($0)" } ?? "")
    let name = "\(folder)/\(kind.fileName)-\(digest.prefix(16)).parquet"
    let target = path + "/" + name
    let isNew = try !FileSystem.exists(target) || FileSystem.read(target) != bytes
    if isNew {
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
    if kind == .rows, bytes.count >= minimumIndexedBytes {
      let target = path + "/" + PartIndex.path(of: part)
      let filter = key.isEmpty ? nil : KeyFilter(batch.keyHashes(of: key))
      let index = PartIndex.encoded(part, bytes: bytes, filter: filter, key: key)
      // A writer that met a full disk may have left half of one.
      if try isNew || !FileSystem.exists(target) || FileSystem.read(target) != index {
        try FileSystem.write(index, to: target)
      }
    }
    return part
  }

  /// Removes the file of a part that no manifest lists; one that is gone already is fine.
  func remove(_ part: Manifest.Part) throws {
    try FileSystem.removeTree(path + "/" + part.path)
    try FileSystem.removeTree(path + "/" + PartIndex.path(of: part))
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
