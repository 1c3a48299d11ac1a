import AlmanacCore
import Glibc
import Postgres

/// The state of the source that one transaction sees, and the instant it was taken at.
struct SourceCut: Sendable {
  /// The name by which other connections import the snapshot; `nil` where it is not shared.
  let exportedName: String?
  /// The snapshot as PostgreSQL prints a `pg_snapshot`.
  let snapshot: String
  /// When it was taken by the source's clock, ISO 8601.
  let takenAt: String
  /// The same instant; of the clock of an unreadable one nothing is known.
  var clock: Timestamp { Timestamp(takenAt) ?? Timestamp(microseconds: 0) }
  /// Which database it is of.
  let source: SourceIdentity
  /// Every transaction below was finished, so all it wrote is in the cut.
  let horizon: Int64
  /// No transaction at or above was begun, so none of its rows is in the cut.
  let next: Int64
  /// When the oldest transaction began that was open or prepared, ISO 8601; `nil` if unknown.
  let oldestTransaction: String?
  /// How far the server's log went once the cut was taken; `nil` for a standby, which shows only
  /// what its log holds.
  private let logPosition: String?

  /// Takes the cut of the connection's transaction.
  ///
  /// The clock is read after the snapshot is taken, so no row of the cut was recorded later.
  ///
  /// - Parameters:
  ///   - connection: a connection within a transaction that sees one state.
  ///   - isShared: whether other connections are to import it.
  ///   - oldestTransaction: what ``oldestTransaction(_:)`` gave before.
  /// - Throws: what the server reports.
  init(_ connection: Connection, isShared: Bool, oldestTransaction: String? = nil) throws {
    let rows = try connection.query(
      """
      SELECT \(isShared ? "pg_catalog.pg_export_snapshot()" : "NULL") AS name,
        pg_catalog.pg_current_snapshot() AS snapshot,
        pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()) AS horizon,
        pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) AS next,
        \(SourceCut.text(of: "pg_catalog.clock_timestamp()")) AS taken
      """)
    guard let horizon = rows[0, "horizon"].flatMap({ Int64($0) }),
      let next = rows[0, "next"].flatMap({ Int64($0) })
    else { throw PipelineError.unexpectedAnswer(what: "no snapshot") }
    exportedName = rows[0, "name"]
    snapshot = rows[0, "snapshot"] ?? ""
    takenAt = rows[0, "taken"] ?? ""
    self.horizon = horizon
    self.next = next
    self.oldestTransaction = oldestTransaction
    source = try SourceIdentity(connection)
    logPosition =
      source.writesLog
      ? try connection.query("SELECT pg_catalog.pg_current_wal_insert_lsn()")[0, 0] : nil
  }

  /// Whether a crash of the server can no longer undo what the cut shows.
  ///
  /// Until its log is on the disk, a server may forget transactions that readers have seen, and give
  /// their identifiers out again: rows of those would lie below the horizon (DECISIONS.md, D-113).
  /// The server writes its log several times a second, so this waits for a while.
  ///
  /// - Parameters:
  ///   - connection: a connection to the server.
  ///   - patience: the milliseconds to wait at the most.
  /// - Returns: whether the log is on the disk.
  /// - Throws: what the server reports.
  func isDurable(_ connection: Connection, patience: Int) throws -> Bool {
    guard let logPosition else { return true }
    let step = 20
    for attempt in 0...max(0, patience / step) {
      if attempt > 0 { usleep(UInt32(step) * 1_000) }
      let rows = try connection.query(
        "SELECT pg_catalog.pg_current_wal_flush_lsn() >= $1::pg_catalog.pg_lsn", [logPosition])
      if rows[0, 0] == "t" { return true }
    }
    return false
  }

  /// When the oldest transaction began that is open or prepared in the database now, ISO 8601.
  ///
  /// To be asked before the cut is taken: a transaction that begins in between began later, and one
  /// that ends in between is still counted. Transactions that have no identifier yet count as well,
  /// since the rows they may still write are dated with their begin.
  ///
  /// - Returns: `nil` where that is hidden from the role, and on a standby, which does not know.
  static func oldestTransaction(_ connection: Connection) throws -> String? {
    let rows = try connection.query(
      """
      SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery()
          AND pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
        THEN \(text(of: """
          least(pg_catalog.now(),
            (SELECT min(xact_start) FROM pg_catalog.pg_stat_activity
              WHERE datname = pg_catalog.current_database()),
            (SELECT min(prepared) FROM pg_catalog.pg_prepared_xacts
              WHERE database = pg_catalog.current_database()))
          """)) END AS oldest
      """)
    return rows[0, "oldest"]
  }

  /// The watermark of what was read of a table at this cut; `horizon` may be an earlier one.
  func watermark(of table: SourceTable?, horizon: Int64?) -> Watermark {
    var watermark = Watermark(
      snapshot: snapshot, takenAt: takenAt, systemIdentifier: source.systemIdentifier,
      databaseOID: source.databaseOID, tableOID: table?.oid)
    guard let table, table.obstacle == nil else { return watermark }
    watermark.timeline = source.timeline
    watermark.relations = table.watermarkRelations
    watermark.horizon = horizon
    watermark.oldestTransaction = oldestTransaction
    watermark.unboundedAt = takenAt
    return watermark
  }

  /// The SQL of an instant as ISO 8601 in UTC.
  static func text(of instant: String) -> String {
    "pg_catalog.to_char((\(instant)) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
  }
}

/// Widens the identifiers of transactions to 64 bits.
struct TransactionCounter: Hashable, Sendable {
  /// The identifier that is given out next.
  let next: Int64

  /// The wide form of the 32 bits that a row stores: the greatest identifier with these bits that
  /// was given out already.
  ///
  /// A row that was frozen long ago may have been written by an earlier one with the same bits. The
  /// special identifiers 1 and 2, of rows older than any transaction, become 0.
  func widened(_ stored: Int64) -> Int64 {
    if stored < 3 { return 0 }
    let wide = next & ~0xFFFF_FFFF | stored
    return wide < next ? wide : max(0, wide - 0x1_0000_0000)
  }
}
