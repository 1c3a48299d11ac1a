import AlmanacCore
import Columns

/// The rows that are held already and that the next increment may send again.
///
/// A transaction is visible as a whole or not at all, so a row is held exactly if its key is held
/// from the same transaction. Rows keep 32 bits of the transaction's identifier, so those that
/// transactions with the same bits wrote long ago, one or more times around the circle of
/// identifiers, come again as well: transactions are compared by these bits. Connections may share
/// the set.
struct HeldRows: Sendable {
  private var identities = KeyTable()
  private let key: [String]
  private let window: TransactionWindow

  /// Reads the rows from the parts that may hold one.
  ///
  /// - Throws: ``PipelineError/damagedPart(path:reason:)``.
  init(
    _ parts: [Manifest.Part], reader: PartReader, key: [String], window: TransactionWindow
  ) throws {
    self.key = key
    self.window = window
    for part in parts where part.holdsSourceRows {
      guard let newest = part.maximumXID,
        window.mayHold(part.minimumXID ?? 0, through: newest)
      else { continue }
      let batch = try reader.decode(part, columns: key + [StoredColumn.xid])
      guard case .int64(let writers)? = batch[StoredColumn.xid]?.storage else { continue }
      let keys = batch.keyValues(of: key)
      for row in writers.indices where window.holds(writers[row]) {
        _ = identities.insert(keys[row], tag: window.offset(writers[row]))
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
      identities.index(of: keys[row], tag: window.offset(writers[row])) == nil
    }
    if kept.count == batch.rowCount { return (batch, 0) }
    return (batch.taking(kept), batch.rowCount - kept.count)
  }
}

/// The transactions whose rows an increment sends, and those that 32 bits cannot tell from them.
struct TransactionWindow: Hashable, Sendable {
  /// The first transaction of the increment.
  let horizon: Int64
  /// The transaction after its last one.
  let next: Int64

  /// The length of the circle of identifiers.
  private static let circle: Int64 = 1 << 32

  /// Whether rows of a transaction may come: it has the bits of one in the window.
  func holds(_ transaction: Int64) -> Bool { offset(transaction) < next - horizon }

  /// How far behind the horizon a transaction is, by its 32 bits.
  func offset(_ transaction: Int64) -> Int64 {
    (transaction - horizon) & (TransactionWindow.circle - 1)
  }

  /// Whether rows of one of some transactions may come.
  func mayHold(_ first: Int64, through last: Int64) -> Bool {
    // 0 stands for transactions that mean nothing.
    if last == 0 { return false }
    return holds(first) || holds(last) || last - first >= TransactionWindow.circle
      || offset(first) > offset(last)
  }
}
