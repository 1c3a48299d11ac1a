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
  /// The instant of the cut, or the least one after all that earlier cuts were taken at: versions are
  /// ordered by it, whatever became of the clock (DECISIONS.md, D-148).
  func clock(after earlier: [String]) -> Timestamp {
    let last = earlier.compactMap { Timestamp($0)?.microseconds }.max() ?? .min
    return Timestamp(microseconds: max(clock.microseconds, last == .min ? last : last + 1))
  }
  /// Which database it is of.
  let source: SourceIdentity
  /// Every transaction below was finished, so all it wrote is in the cut.
  let horizon: Int64
  /// No transaction at or above was begun, so none of its rows is in the cut.
  let next: Int64
  /// What the source told before the cut was taken; `nil` where it was not asked.
  let before: SourceMoment?
  /// An instant up to which the cut shows all that was committed, ISO 8601; `nil` where a standby does
  /// not tell (DECISIONS.md, D-144).
  var changedThrough: String? {
    source.isStandby ? before?.lastReplayed.map { min($0, takenAt) } : takenAt
  }
  /// A position in the log of the source behind all that the cut shows, `nil` where the role may not
  /// read it: of a primary the end of its log, of a standby what it had replayed, read after the cut
  /// was taken.
  let logPosition: LogPosition?
  /// How far a primary's log was on its disk, which no crash takes back; `nil` for a standby.
  let flushedPosition: LogPosition?

  /// Takes the cut of the connection's transaction.
  ///
  /// The clock is read after the snapshot is taken, so no row of the cut was recorded later.
  ///
  /// - Parameters:
  ///   - connection: a connection within a transaction that sees one state.
  ///   - isShared: whether other connections are to import it.
  ///   - moment: what the connection told before the transaction.
  /// - Throws: what the server reports.
  init(_ connection: Connection, isShared: Bool, after moment: SourceMoment? = nil) throws {
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
    before = moment
    source = try SourceIdentity(connection)
    logPosition = try LogPosition.shown(by: connection, of: source)
    flushedPosition = source.writesLog ? try LogPosition.flushed(by: connection) : nil
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
    // A standby shows only what is on its primary's disk.
    guard source.writesLog, let logPosition else { return true }
    let step = 20
    for attempt in 0...max(0, patience / step) {
      if attempt > 0 { usleep(UInt32(step) * 1_000) }
      let rows = try connection.query(
        "SELECT pg_catalog.pg_current_wal_flush_lsn() >= $1::pg_catalog.pg_lsn",
        [logPosition.description])
      if rows[0, 0] == "t" { return true }
    }
    return false
  }

  /// The watermark of what was read of a table at this cut; `horizon` may be an earlier one, and
  /// `earlier` is the watermark that the rows were added to.
  func watermark(
    of table: SourceTable?, horizon: Int64?, after earlier: Watermark? = nil
  ) -> Watermark {
    var watermark = Watermark(
      snapshot: snapshot, takenAt: takenAt, systemIdentifier: source.systemIdentifier,
      databaseOID: source.databaseOID, tableOID: table?.oid)
    guard let table, table.obstacle == nil else { return watermark }
    watermark.logPosition = logPosition?.description
    watermark.flushedPosition = flushedPosition?.description
    watermark.timeline = source.timeline
    watermark.relations = table.watermarkRelations
    watermark.horizon = horizon
    watermark.oldestTransaction = before?.oldestTransaction(since: earlier)
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
