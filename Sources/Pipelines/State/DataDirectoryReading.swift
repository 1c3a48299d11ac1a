package import AlmanacCore
import Codecs
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
  /// The digest of the manifest's file.
  let digest: String
  /// What was noticed on opening, in words.
  package let notice: String?

  /// Reads the manifest of a folder.
  ///
  /// - Throws: ``DataDirectoryError``, or ``PipelineError/newerManifest(path:version:)``.
  package init(path: String) throws {
    let manifestPath = path + "/" + DataDirectory.manifestName
    guard try FileSystem.isDirectory(path) else {
      throw DataDirectoryError.missingFolder(path: path)
    }
    guard try FileSystem.exists(manifestPath) else {
      throw DataDirectoryError.missingManifest(path: path)
    }
    let (manifest, digest) = try DataDirectoryReading.readManifest(of: path)
    let identityPath = path + "/directory-id"
    let identity =
      try FileSystem.exists(identityPath)
      ? UUIDValue(String(decoding: try FileSystem.read(identityPath), as: UTF8.self).prefix(36))
      : nil
    self.path = path
    self.manifest = manifest
    self.digest = digest
    notice =
      identity?.description == manifest.directoryID
      ? nil
      : "\(manifestPath) belongs to another folder; the next run extracts everything again"
  }

  /// Reads the manifest of a folder that has one.
  ///
  /// - Returns: the manifest, and the SHA-256 of its file in hexadecimal.
  /// - Throws: ``PipelineError/newerManifest(path:version:)``,
  ///   ``DataDirectoryError/unreadableManifest(path:)``, `FileError`.
  static func readManifest(of path: String) throws -> (manifest: Manifest, digest: String) {
    let manifestPath = path + "/" + DataDirectory.manifestName
    let bytes = try FileSystem.read(manifestPath)
    let manifest = Manifest.decode(bytes)
    // The form of a newer manifest is unknown, but it says its version.
    if let version = manifest?.version ?? Manifest.version(of: bytes),
      version > Manifest.currentVersion
    {
      throw PipelineError.newerManifest(path: manifestPath, version: version)
    }
    // Rows that the source no longer has are in files that only the manifest makes sense of.
    guard let manifest else { throw DataDirectoryError.unreadableManifest(path: path) }
    return (manifest, SHA256.hexadecimalDigest(of: bytes))
  }

  /// What the manifest says of each dataset, ordered by name.
  package var summaries: [DatasetSummary] {
    manifest.datasets.sorted { $0.key < $1.key }.map { DatasetSummary(name: $0, $1) }
  }

  /// How far the loads are that have not ended, ordered by name.
  package var loads: [LoadSummary] {
    (manifest.loads ?? [:]).sorted { $0.key < $1.key }.map { LoadSummary(name: $0, $1) }
  }

  /// What the manifest says of a dataset.
  ///
  /// - Throws: ``DataDirectoryError/unknownDataset(name:suggestion:known:)``.
  package func dataset(_ name: String) throws -> Manifest.Dataset {
    if let dataset = manifest.datasets[name] { return dataset }
    throw DataDirectoryError.unknown(name, in: manifest)
  }

  /// Which versions of a row are looked at.
  package enum Versions: Equatable, Sendable {
    /// The latest one, unless the row was deleted.
    case latest
    /// Every one that is held.
    case all
    /// The one that the last cut at or before an instant saw.
    case asOf(Timestamp)
  }

  /// The first rows of a dataset, in the order of its parts, one batch a part; those that another
  /// day counts are left out, as readers leave them out.
  ///
  /// - Parameters:
  ///   - name: the dataset.
  ///   - day: the only UTC day to read, or `nil` for all parts.
  ///   - versions: which versions count; of a dataset that keeps one they are all the same.
  ///   - limit: the most rows wanted; where all versions count, parts behind them are not read.
  /// - Returns: the columns, known as long as the dataset has a part, the batches, and the number of
  ///   rows that were asked for without the limit.
  /// - Throws: ``PipelineError/damagedPart(path:reason:)`` if a part is not the one listed.
  package func rows(
    of name: String, on day: CalendarDate?, versions: Versions = .latest, limit: Int
  ) throws -> (fields: [Field], batches: [Batch], total: Int) {
    let dataset = try dataset(name)
    if dataset.hasVersions, versions != .all {
      return try rows(of: name, dataset, on: day, versions, limit: limit)
    }
    let fields = try fields(of: dataset)
    let repeating = Set(dataset.parts.filter { $0.kind == .repeats }.compactMap(\.date))
    var batches: [Batch] = []
    var (wanted, total) = (limit, 0)
    for part in reader.rowParts(of: dataset, days: day.map { $0...$0 })
    where day == nil || part.date != nil {
      let hasRepeats = part.date.map(repeating.contains) ?? false
      if wanted == 0, !hasRepeats {
        total += part.rows
        continue
      }
      let columns = wanted > 0 ? fields.map(\.name) : []
      let batch = try reader.rows(of: part, in: dataset, columns: columns)
      let kept = min(wanted, batch.rowCount)
      if wanted > 0 { batches.append(batch.prefix(kept)) }
      wanted -= kept
      total += batch.rowCount
    }
    return (fields, batches, total)
  }

  /// The first rows of a dataset of versions, as some cut saw them.
  private func rows(
    of name: String, _ dataset: Manifest.Dataset, on day: CalendarDate?, _ versions: Versions,
    limit: Int
  ) throws -> (fields: [Field], batches: [Batch], total: Int) {
    var instant: Timestamp?
    if case .asOf(let given) = versions { instant = given }
    let fields = try fields(of: dataset)
    let found = try reader.readVersions(
      name, asOf: instant, days: day.map { $0...$0 }, columns: fields.map(\.name))
    var batches: [Batch] = []
    var wanted = limit
    for batch in found where wanted > 0 && batch.rowCount > 0 {
      let kept = min(wanted, batch.rowCount)
      batches.append(batch.prefix(kept))
      wanted -= kept
    }
    return (fields, batches, found.reduce(0) { $0 + $1.rowCount })
  }

  /// The columns of a dataset, as its first part has them.
  private func fields(of dataset: Manifest.Dataset) throws -> [Field] {
    try dataset.parts.first(where: \.holdsRows).map {
      try metadata(of: $0).columns.compactMap(\.field)
    } ?? []
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

  var reader: PartReader { PartReader(path: path, manifest: manifest) }
}

extension Manifest.Dataset {
  /// Whether several versions of a row are kept.
  package var hasVersions: Bool { layout?.mode == DatasetDefinition.Mode.changes.rawValue }
}

extension Batch {
  /// The first rows.
  fileprivate func prefix(_ count: Int) -> Batch {
    count == rowCount ? self : taking(Array(0..<count))
  }
}
