import AlmanacCore
import Columns

/// The rows that are held already and that the next increment may send again: those that
/// transactions at or above the horizon wrote.
///
/// A transaction is visible as a whole or not at all, so a row is held exactly if its key is held
/// from the same transaction. Connections may share the set.
struct HeldRows: Sendable {
  private var identities = KeyTable()
  private let key: [String]

  /// Reads the rows from the parts that may hold one.
  ///
  /// - Throws: ``PipelineError/damagedPart(path:reason:)``.
  init(
    _ parts: [Manifest.Part], reader: PartReader, key: [String], horizon: Int64
  ) throws {
    self.key = key
    for part in parts where part.holdsSourceRows && part.maximumXID ?? 0 >= horizon {
      let batch = try reader.decode(part, columns: key + [StoredColumn.xid])
      guard case .int64(let writers)? = batch[StoredColumn.xid]?.storage else { continue }
      let keys = batch.keyValues(of: key)
      for row in writers.indices where writers[row] >= horizon {
        _ = identities.insert(keys[row], tag: writers[row])
      }
    }
  }

  /// The number of rows with different keys or transactions.
  var count: Int { identities.count }

  /// The rows of a batch that are not held, and how many are.
  func removingHeld(from batch: Batch) -> (Batch, dropped: Int) {
    guard identities.count > 0, case .int64(let writers)? = batch[StoredColumn.xid]?.storage
    else { return (batch, 0) }
    let keys = batch.keyValues(of: key)
    let kept = writers.indices.filter { row in
      identities.index(of: keys[row], tag: writers[row]) == nil
    }
    if kept.count == batch.rowCount { return (batch, 0) }
    return (batch.taking(kept), batch.rowCount - kept.count)
  }
}
