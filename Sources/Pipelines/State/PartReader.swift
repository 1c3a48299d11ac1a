package import AlmanacCore
import Codecs
package import Columns
import Files
import Parquet

/// Reads the parts a manifest lists; every byte that is believed was held against a digest.
package struct PartReader: Sendable {
  /// The path of the data directory.
  package let path: String
  /// The manifest to read by.
  package let manifest: Manifest
  /// Whether indexes that are missing or damaged are made again; only with the directory's lock.
  let makesIndexes: Bool
  /// Parts with fewer bytes are read whole.
  var minimumIndexedBytes = PartIndex.minimumPartBytes

  /// What is known of rows that repeat others; `nil` where nothing is kept.
  var repeatedRows: RepeatedRowsMemo?

  /// An instant of the source's clock to look back to, and the columns that say when a row of each
  /// dataset was recorded; `nil` for rows as they are now.
  var known: (instant: Timestamp, recorded: [String: String])?

  /// A reader of the data directory at a path.
  package init(path: String, manifest: Manifest) {
    self.init(path: path, manifest: manifest, makesIndexes: false)
  }

  /// A reader that makes indexes where it may.
  init(path: String, manifest: Manifest, makesIndexes: Bool) {
    self.path = path
    self.manifest = manifest
    self.makesIndexes = makesIndexes
  }

  /// The rows of a dataset as they are now, one batch a part, in the order of the parts.
  ///
  /// Of a dataset of versions these are the latest ones, without those of keys that were deleted.
  /// Rows that another day counts are left out; so are those below the floor.
  ///
  /// - Parameters:
  ///   - dataset: the dataset's name; unknown names have no rows.
  ///   - days: UTC days to read, or `nil` for all parts.
  ///   - columns: the columns to read.
  /// - Returns: batches with exactly these columns.
  /// - Throws: ``PipelineError/damagedPart(path:reason:)`` if a part is missing, or is not the one
  ///   the manifest lists.
  package func read(
    _ dataset: String, days: ClosedRange<CalendarDate>? = nil, columns: [String]
  ) throws -> [Batch] {
    try manifest.entries(of: dataset).flatMap { entry in
      try read(dataset, entry, days: days, columns: columns)
    }
  }

  /// The rows of one of a dataset's entries.
  private func read(
    _ dataset: String, _ entry: Manifest.Dataset, days: ClosedRange<CalendarDate>?,
    columns: [String]
  ) throws -> [Batch] {
    if let known {
      return try read(
        dataset, entry, days: days, columns: columns, known.recorded[dataset], by: known.instant)
    }
    if entry.layout?.mode == DatasetDefinition.Mode.changes.rawValue {
      return try versions(entry, days: days, columns: columns, asOf: nil)
    }
    return try rowParts(of: entry, days: days).map {
      try rows(of: $0, in: entry, columns: columns)
    }
  }

  /// Some columns of the rows of a part, without the rows that another day counts.
  func rows(
    of part: Manifest.Part, in entry: Manifest.Dataset, columns: [String]
  ) throws -> Batch {
    let repeats = repeats(of: part, in: entry)
    return repeats.isEmpty
      ? try decode(part, columns: columns) : try rows(of: part, without: repeats, columns: columns)
  }

  /// The lists of keys on the day of a part that another day counts.
  func repeats(of part: Manifest.Part, in entry: Manifest.Dataset) -> [Manifest.Part] {
    guard let date = part.date else { return [] }
    // By position: a copy of each part costs more than the comparison.
    return entry.parts.indices.filter {
      entry.parts[$0].kind == .repeats && entry.parts[$0].date == date
    }.map { entry.parts[$0] }
  }

  /// The rows of a dataset of versions as they were at an instant of the source's clock.
  ///
  /// What an earlier cut saw and no later one up to `instant` replaced or missed. Of a dataset of
  /// another mode these are the rows as they are now.
  ///
  /// - Parameters:
  ///   - dataset: the dataset's name; unknown names have no rows.
  ///   - instant: the instant; `nil` for the last cut.
  ///   - days: UTC days to read, or `nil` for all parts.
  ///   - columns: the columns to read.
  /// - Returns: batches with exactly these columns, one for each part that has such rows.
  /// - Throws: ``PipelineError/damagedPart(path:reason:)``.
  package func readVersions(
    _ dataset: String, asOf instant: Timestamp?, days: ClosedRange<CalendarDate>? = nil,
    columns: [String]
  ) throws -> [Batch] {
    try manifest.entries(of: dataset).flatMap { entry in
      entry.layout?.mode == DatasetDefinition.Mode.changes.rawValue
        ? try versions(entry, days: days, columns: columns, asOf: instant)
        : try read(dataset, entry, days: days, columns: columns)
    }
  }

  /// The rows of a dataset that were recorded by an instant.
  ///
  /// Of a dataset of versions the one that the last cut up to then saw; before its first cut the
  /// versions of that one, whose dates tell what had happened by then (DECISIONS.md, D-404).
  private func read(
    _ name: String, _ entry: Manifest.Dataset, days: ClosedRange<CalendarDate>?, columns: [String],
    _ recorded: String?, by instant: Timestamp
  ) throws -> [Batch] {
    let all = columns + [recorded].compactMap { $0 }.filter { !columns.contains($0) }
    var batches: [Batch]
    if entry.layout?.mode == DatasetDefinition.Mode.changes.rawValue {
      let first = entry.firstCut.flatMap { Timestamp($0) } ?? instant
      batches = try versions(entry, days: days, columns: all, asOf: max(instant, first))
    } else {
      var now = self
      now.known = nil
      batches = try now.read(name, entry, days: days, columns: all)
    }
    guard let recorded else { return batches }
    return batches.map { batch in
      guard let column = batch[recorded], case .int64(let times) = column.storage else {
        return batch
      }
      let rows = times.indices.filter {
        column.isNull($0) || times[$0] <= instant.microseconds
      }
      let kept = rows.count == batch.rowCount ? batch : batch.taking(rows)
      return Batch(columns.compactMap { kept[$0] }, rowCount: kept.rowCount)
    }
  }

  /// The parts with rows of some days that are not below the floor.
  func rowParts(
    of entry: Manifest.Dataset, days: ClosedRange<CalendarDate>?
  ) -> [Manifest.Part] {
    // Dates as manifests write them are in the order of their text, in the years with four digits;
    // by position, as a copy of each part costs more than the comparison.
    let (first, last) = (days?.lowerBound.description, days?.upperBound.description)
    let isPlain = first?.utf8.count == 10 && last?.utf8.count == 10
    return entry.parts.indices.filter { index in
      guard entry.parts[index].holdsRows else { return false }
      guard let date = entry.parts[index].date else { return true }
      if let floor = entry.floor, date < floor { return false }
      guard let days, let first, let last else { return true }
      if isPlain, date.utf8.count == 10 { return date >= first && date <= last }
      return CalendarDate(date).map { days.contains($0) } ?? true
    }.map { entry.parts[$0] }
  }

  private func versions(
    _ entry: Manifest.Dataset, days: ClosedRange<CalendarDate>?, columns: [String],
    asOf instant: Timestamp?
  ) throws -> [Batch] {
    let latest = try LatestVersions(
      entry.parts, reader: self, key: entry.layout?.key ?? [], asOf: instant
    ).rowsByPart
    let wanted = Set(rowParts(of: entry, days: days).map(\.path))
    return try entry.parts.enumerated().compactMap { index, part in
      guard wanted.contains(part.path), let rows = latest[index] else { return nil }
      let batch = try decode(part, columns: columns)
      return rows.count == batch.rowCount ? batch : batch.taking(rows)
    }
  }

  /// The rows of a part whose keys are in none of some lists.
  private func rows(
    of part: Manifest.Part, without lists: [Manifest.Part], columns: [String]
  ) throws -> Batch {
    var keys = KeyTable()
    var key: [String] = []
    for list in lists {
      let batch = try decode(list, columns: nil)
      key = batch.fields.map(\.name)
      for value in batch.keyValues(of: key) { _ = keys.insert(value) }
    }
    let batch = try decode(part, columns: columns + key.filter { !columns.contains($0) })
    let values = batch.keyValues(of: key)
    let kept = values.indices.filter { keys.index(of: values[$0]) == nil }
    let rows = kept.count == batch.rowCount ? batch : batch.taking(kept)
    return rows.selecting(columns) ?? rows
  }

  /// Whether a part is the one that the manifest lists.
  ///
  /// - Throws: what reading the file throws, unless it is missing.
  package func isSound(_ part: Manifest.Part) throws -> Bool {
    do {
      _ = try bytes(of: part)
      return true
    } catch let error as PipelineError {
      guard case .damagedPart = error else { throw error }
      return false
    }
  }

  /// The bytes of a part, which are those that the manifest lists.
  ///
  /// - Throws: ``PipelineError/damagedPart(path:reason:)``.
  package func bytes(of part: Manifest.Part) throws -> [UInt8] {
    guard try FileSystem.exists(path + "/" + part.path) else {
      throw PipelineError.damagedPart(path: part.path, reason: "it is missing")
    }
    let bytes = try FileSystem.read(path + "/" + part.path)
    guard SHA256.hexadecimalDigest(of: bytes) == part.sha256 else {
      throw PipelineError.damagedPart(path: part.path, reason: "its bytes changed")
    }
    return bytes
  }
}
