import AlmanacCore
import Columns
import Synchronization

/// Finds the keys that are held and that a source no longer has.
///
/// All keys of the source are seen under one cut, on any threads and in any order; what is held and
/// was not seen gets a tombstone (DECISIONS.md, D-132). Memory: some forty bytes a key of the source.
final class KeySweep: Sendable {
  private let key: [String]
  private let seen = Mutex(KeyTable())

  /// A sweep that has seen nothing.
  init(key: [String]) {
    self.key = key
  }

  /// Takes the keys of some rows of the source.
  func see(_ batch: Batch) {
    let keys = batch.keyValues(of: key)
    seen.withLock { table in
      for key in keys { _ = table.insert(key) }
    }
  }

  /// Takes the keys of the rows of some parts that were read under the same cut.
  func see(_ parts: [Manifest.Part], reader: PartReader) throws {
    for part in parts where part.holdsSourceRows { see(try reader.decode(part, columns: key)) }
  }

  /// Writes a tombstone for each key that some parts hold, that is not deleted there yet and that
  /// was not seen.
  ///
  /// - Parameters:
  ///   - parts: all parts of the dataset, those of this cut included.
  ///   - dataset: its name.
  ///   - instant: the clock of the cut.
  ///   - reader: the way to the files of the parts.
  ///   - writer: the way to the data directory.
  /// - Returns: the part, or `nil` if no key is gone.
  /// - Throws: ``PipelineError/damagedPart(path:reason:)``; `FileError`.
  func tombstones(
    over parts: [Manifest.Part], of dataset: String, at instant: Timestamp, reader: PartReader,
    writer: PartWriter
  ) throws -> Manifest.Part? {
    let latest = try LatestVersions(parts, reader: reader, key: key)
    let places = seen.withLock { seen in
      latest.places { seen.index(of: $0) == nil }
    }
    if places.isEmpty { return nil }
    var batches: [Batch] = []
    for (part, members) in Dictionary(grouping: places, by: \.part).sorted(by: { $0.key < $1.key })
    {
      batches.append(
        try reader.decode(parts[part], columns: key).taking(members.map(\.row).sorted()))
    }
    var keys = Batch.joining(batches)
    keys = keys.settledOrder(by: key).map { keys.taking($0) } ?? keys
    let clock = Column(
      StoredColumn.seenField,
      .int64([Int64](repeating: instant.microseconds, count: keys.rowCount)))
    return try writer.write(
      dataset: dataset, date: nil, batch: Batch(keys.columns + [clock]), kind: .tombstones,
      key: key)
  }
}
