import AlmanacCore
import Postgres

/// What a source told just before a cut was taken.
///
/// To be asked before the transaction of the cut: a transaction that begins in between began later,
/// and one that ends in between is still counted. What the source showed then, the cut shows.
struct SourceMoment: Hashable, Sendable {
  /// How far a standby had replayed its log; `nil` for a primary, and where the role may not ask.
  let replayed: LogPosition?
  /// When the last transaction ended that a standby had replayed, by its primary's clock, ISO 8601;
  /// `nil` for a primary, where nothing was replayed since the standby was started, and where the
  /// role may not ask.
  let lastReplayed: String?
  /// When the oldest transaction began that was open, ISO 8601; `nil` where that is hidden from the
  /// role, and on a standby, which does not know.
  ///
  /// Transactions without an identifier count as well, since the rows they may still write are dated
  /// with their begin.
  private let oldestOpen: String?
  /// Whether a transaction was prepared, of which nobody knows when it began.
  private let hasPrepared: Bool

  /// Asks a source, outside of any transaction.
  init(_ connection: Connection) throws {
    let rows = try connection.query(
      """
      SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery()
          AND pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
        THEN \(SourceCut.text(of: """
          least(pg_catalog.now(),
            (SELECT min(xact_start) FROM pg_catalog.pg_stat_activity
              WHERE datname = pg_catalog.current_database()))
          """)) END AS oldest,
        EXISTS (SELECT FROM pg_catalog.pg_prepared_xacts
          WHERE database = pg_catalog.current_database()) AS prepared
      """)
    oldestOpen = rows[0, "oldest"]
    hasPrepared = rows[0, "prepared"] == "t"
    replayed = try LogPosition.replayed(by: connection)
    lastReplayed = try SourceMoment.lastReplayed(by: connection)
  }

  private static func lastReplayed(by connection: Connection) throws -> String? {
    let function = "pg_catalog.pg_last_xact_replay_timestamp()"
    let rows = try connection.query(
      """
      SELECT pg_catalog.pg_is_in_recovery()
        AND pg_catalog.has_function_privilege('\(function)', 'EXECUTE')
      """)
    guard rows[0, 0] == "t" else { return nil }
    return try connection.query("SELECT \(SourceCut.text(of: function))")[0, 0]
  }

  /// An instant at or before the begin of every transaction that was open or prepared, ISO 8601;
  /// `nil` where none is known.
  ///
  /// The server keeps when a transaction was prepared and not when it began. It began after the cut
  /// before, or was open there and counted, so the instant of that cut's oldest transaction holds.
  func oldestTransaction(since earlier: Watermark?) -> String? {
    guard hasPrepared, let oldestOpen else { return oldestOpen }
    return earlier?.oldestTransaction.map { min($0, oldestOpen) }
  }
}

/// A position in the write-ahead log of a cluster.
struct LogPosition: Hashable, Comparable, CustomStringConvertible, Sendable {
  /// The number of bytes before it.
  private let bytes: UInt64

  /// A position as PostgreSQL prints a `pg_lsn`, `nil` if the text is none.
  init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let high = UInt32(parts[0], radix: 16),
      let low = UInt32(parts[1], radix: 16)
    else { return nil }
    bytes = UInt64(high) << 32 | UInt64(low)
  }

  /// The position, and that of the end of a page instead of one behind the next page's header.
  ///
  /// A record that ends with its page ends there for a standby, and behind the header for a primary
  /// that is about to write the next one.
  private init?(_ text: String, pageSize: UInt64) {
    guard let position = LogPosition(text), pageSize > 64 else { return nil }
    let offset = position.bytes % pageSize
    // The headers of pages and of segments have 24 and 40 bytes, records at least 24.
    bytes = position.bytes - (offset == 24 || offset == 40 ? offset : 0)
  }

  static func < (left: LogPosition, right: LogPosition) -> Bool { left.bytes < right.bytes }

  /// As PostgreSQL prints it.
  var description: String {
    String(bytes >> 32, radix: 16, uppercase: true) + "/"
      + String(bytes & 0xFFFF_FFFF, radix: 16, uppercase: true)
  }

  /// A position behind everything that the server shows by now.
  static func shown(by connection: Connection, of source: SourceIdentity) throws -> LogPosition? {
    if source.isStandby { return try replayed(by: connection) }
    guard source.writesLog else { return nil }
    return try read("pg_catalog.pg_current_wal_insert_lsn()", on: connection)
  }

  /// How far the log of a primary is on its disk.
  static func flushed(by connection: Connection) throws -> LogPosition? {
    try read("pg_catalog.pg_current_wal_flush_lsn()", on: connection)
  }

  /// How far a standby has replayed; `nil` for a primary, and where the role may not ask.
  static func replayed(by connection: Connection) throws -> LogPosition? {
    let rows = try connection.query(
      """
      SELECT pg_catalog.pg_is_in_recovery() AND pg_catalog.has_function_privilege(
        'pg_catalog.pg_last_wal_replay_lsn()', 'EXECUTE')
      """)
    guard rows[0, 0] == "t" else { return nil }
    return try read("pg_catalog.pg_last_wal_replay_lsn()", on: connection)
  }

  private static func read(_ function: String, on connection: Connection) throws -> LogPosition? {
    let rows = try connection.query(
      "SELECT \(function) AS position, pg_catalog.current_setting('wal_block_size') AS page")
    guard let text = rows[0, "position"], let page = rows[0, "page"].flatMap({ UInt64($0) })
    else { return nil }
    return LogPosition(text, pageSize: page)
  }
}
