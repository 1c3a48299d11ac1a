import Postgres

/// Which database a source is: another cluster or database is another source.
struct SourceIdentity: CustomStringConvertible, Hashable, Sendable {
  /// The cluster's system identifier, or `unknown` where the role may not read it.
  let systemIdentifier: String
  /// The oid of the database.
  let databaseOID: String
  /// The timeline of the cluster's write-ahead log, `nil` where the role may not read it.
  let timeline: Int?

  /// Whether the server follows another one.
  let isStandby: Bool
  /// Whether the server writes its own log, and tells how far: a primary does.
  let writesLog: Bool

  /// The word for an identifier that may not be read.
  static let unknown = "unknown"

  /// Reads the identity of the database a connection leads to.
  init(_ connection: Connection) throws {
    let rows = try connection.query(
      """
      SELECT
        (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
          AS database,
        pg_catalog.pg_is_in_recovery() AS standby,
        pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
          AS identifiable,
        pg_catalog.has_function_privilege('pg_catalog.pg_control_checkpoint()', 'EXECUTE')
          AS readable,
        pg_catalog.has_function_privilege('pg_catalog.pg_current_wal_lsn()', 'EXECUTE')
          AND pg_catalog.has_function_privilege('pg_catalog.pg_current_wal_insert_lsn()', 'EXECUTE')
          AND pg_catalog.has_function_privilege('pg_catalog.pg_current_wal_flush_lsn()', 'EXECUTE')
          AND pg_catalog.has_function_privilege('pg_catalog.pg_walfile_name(pg_lsn)', 'EXECUTE')
          AS written
      """)
    func holds(_ column: String) -> Bool { rows[0, column] == "t" }
    databaseOID = rows[0, "database"] ?? ""
    systemIdentifier =
      holds("identifiable")
      ? try connection.query(
        "SELECT system_identifier FROM pg_catalog.pg_control_system()")[0, 0]
        ?? SourceIdentity.unknown : SourceIdentity.unknown
    // The name of a segment of the log begins with the timeline in eight hexadecimal digits, but
    // only a primary tells the segment it writes to.
    isStandby = holds("standby")
    writesLog = !isStandby && holds("written")
    if writesLog {
      let name = try connection.query(
        "SELECT pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn())")[0, 0]
      timeline = name.flatMap { Int($0.prefix(8), radix: 16) }
    } else if holds("readable") {
      timeline = try connection.query(
        "SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()")[0, 0].flatMap { Int($0) }
    } else {
      timeline = nil
    }
  }

  /// Cluster and database as the ledger records them.
  var description: String { "\(systemIdentifier)/\(databaseOID)" }
}
