import AlmanacCore
import Columns
import Parquet

/// The rows that are held already and that the next increment may send again: those that
/// transactions at or above the horizon wrote.
struct HeldRows: Sendable {
  private struct Identity: Hashable {
    var writer: Int64
    var key: [ColumnValue?]
  }

  private var identities: Set<Identity> = []
  private let key: [String]

  /// Reads the rows from the parts that may hold one.
  init(
    _ parts: [Manifest.Part], reader: PartReader, key: [String], horizon: Int64
  ) throws {
    self.key = key
    for part in parts where part.holdsRows && part.maximumXID ?? 0 >= horizon {
      let batch = try reader.decode(part, columns: key + [StoredColumn.xid])
      let columns = key.compactMap { batch[$0] }
      guard case .int64(let writers)? = batch[StoredColumn.xid]?.storage else { continue }
      for row in writers.indices where writers[row] >= horizon {
        identities.insert(
          Identity(writer: writers[row], key: columns.map { $0.value(row) }))
      }
    }
  }

  /// The rows of a batch that are not held.
  func removingHeld(from batch: Batch) -> (Batch, dropped: Int) {
    let columns = key.compactMap { batch[$0] }
    guard !identities.isEmpty, case .int64(let writers)? = batch[StoredColumn.xid]?.storage
    else { return (batch, 0) }
    let kept = writers.indices.filter { row in
      !identities.contains(Identity(writer: writers[row], key: columns.map { $0.value(row) }))
    }
    if kept.count == batch.rowCount { return (batch, 0) }
    return (batch.taking(kept), batch.rowCount - kept.count)
  }
}
