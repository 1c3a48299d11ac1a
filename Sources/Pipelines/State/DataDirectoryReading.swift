package import AlmanacCore
package import Columns
import Files
package import Parquet

/// A data directory for commands that only look: it takes no lock and changes nothing.
///
/// A run may replace the manifest meanwhile and remove what the old one listed.
package struct DataDirectoryReading: Sendable {
  /// The path of the folder.
  package let path: String
  /// What the folder holds.
  package let manifest: Manifest
  /// What was noticed on opening, in words.
  package let notice: String?

  /// Reads the manifest of a folder.
  ///
  /// - Throws: ``DataDirectoryError``, or ``PipelineError/newerManifest(path:version:)``.
  package init(path: String) throws {
    let manifestPath = path + "/manifest.json"
    guard try FileSystem.isDirectory(path) else {
      throw DataDirectoryError.missingFolder(path: path)
    }
    guard try FileSystem.exists(manifestPath) else {
      throw DataDirectoryError.missingManifest(path: path)
    }
    let bytes = try FileSystem.read(manifestPath)
    if let version = Manifest.version(of: bytes), version > Manifest.currentVersion {
      throw PipelineError.newerManifest(path: manifestPath, version: version)
    }
    guard let manifest = Manifest.decode(bytes) else {
      throw DataDirectoryError.unreadableManifest(path: path)
    }
    let identityPath = path + "/directory-id"
    let identity =
      try FileSystem.exists(identityPath)
      ? UUIDValue(String(decoding: try FileSystem.read(identityPath), as: UTF8.self).prefix(36))
      : nil
    self.path = path
    self.manifest = manifest
    notice =
      identity?.description == manifest.directoryID
      ? nil
      : "\(manifestPath) belongs to another folder; the next run extracts everything again"
  }

  /// What the manifest says of each dataset, ordered by name.
  package var summaries: [DatasetSummary] {
    manifest.datasets.sorted { $0.key < $1.key }.map { DatasetSummary(name: $0, $1) }
  }

  /// What the manifest says of a dataset.
  ///
  /// - Throws: ``DataDirectoryError/unknownDataset(name:suggestion:known:)``.
  package func dataset(_ name: String) throws -> Manifest.Dataset {
    if let dataset = manifest.datasets[name] { return dataset }
    throw DataDirectoryError.unknown(name, in: manifest)
  }

  /// The first rows of a dataset, in the order of its parts, one batch a part.
  ///
  /// - Parameters:
  ///   - name: the dataset.
  ///   - day: the only UTC day to read, or `nil` for all parts.
  ///   - limit: the most rows wanted; parts behind them are not read.
  /// - Returns: the columns, known as long as the dataset has a part, the batches, and the number of
  ///   rows that were asked for without the limit.
  /// - Throws: ``PipelineError/damagedPart(path:reason:)`` if a part is not the one listed.
  package func rows(
    of name: String, on day: CalendarDate?, limit: Int
  ) throws -> (fields: [Field], batches: [Batch], total: Int) {
    let dataset = try dataset(name)
    let parts = dataset.parts.filter {
      $0.holdsRows && (day == nil || $0.date == day?.description)
    }
    var batches: [Batch] = []
    var wanted = limit
    for part in parts where wanted > 0 {
      let batch = try reader.decode(part, columns: nil)
      let kept = min(wanted, batch.rowCount)
      batches.append(kept == batch.rowCount ? batch : batch.taking(Array(0..<kept)))
      wanted -= kept
    }
    let fields =
      try batches.first?.fields
      ?? dataset.parts.first(where: \.holdsRows).map {
        try metadata(of: $0).columns.compactMap(\.field)
      } ?? []
    return (fields, batches, parts.reduce(0) { $0 + $1.rows })
  }

  /// What the footer of a part tells, once its bytes are those that the manifest lists.
  package func metadata(of part: Manifest.Part) throws -> ParquetMetadata {
    let bytes = try reader.bytes(of: part)
    do throws(ParquetError) {
      return try ParquetFile.metadata(of: bytes)
    } catch {
      throw PipelineError.damagedPart(path: part.path, reason: error.description)
    }
  }

  private var reader: PartReader { PartReader(path: path, manifest: manifest) }
}
