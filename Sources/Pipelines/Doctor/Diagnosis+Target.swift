import AlmanacCore
import Files
import Postgres

/// The schemas, the ledger and the folder of snapshots.
extension Diagnosis {
  /// Whether the target is initialised, and as the migrations make it.
  ///
  /// - Returns: whether the tables can be looked at.
  mutating func examineSchema(_ side: Side) -> Bool {
    do {
      try SchemaCheck.run(on: side.connection)
    } catch let error as any ExitStatusConvertible {
      let isForbidden = error.exitStatus == .noPermission
      add(
        "target schemas", .error, error.description,
        fix: isForbidden ? grant(side) : "almanac init --target \"$ALMANAC_TARGET\"",
        status: error.exitStatus)
      return false
    } catch {
      add("target schemas", .error, "they cannot be looked at", status: .internalError)
      return false
    }
    do {
      let drift = try SchemaDrift(Migrator(side.connection))
      if let first = drift.differences.first {
        let more = drift.differences.count - 1
        add(
          "target schemas", .error,
          first.description + (more > 0 ? ", and \(more) more differences" : ""),
          fix: "almanac init --check --target \"$ALMANAC_TARGET\"")
      } else {
        add("target schemas", .ok, "as version \(drift.version) makes them")
      }
    } catch MigrationError.mayNotCompare {
      // That takes rights which no night needs.
      add("target schemas", .ok, "of this version; an owner may compare them: almanac init --check")
    } catch let error as any ExitStatusConvertible {
      add(
        "target schemas", .warning, error.description,
        fix: "almanac init --check --target \"$ALMANAC_TARGET\"")
    } catch {
      add("target schemas", .error, "they cannot be compared", status: .internalError)
    }
    return true
  }

  /// What makes the login of a side one that may write.
  private func grant(_ side: Side) -> String {
    let role = (try? side.role()).map(quoteIdentifier) ?? "CURRENT_USER"
    return "GRANT \(Role.writer.rawValue), \(Role.api.rawValue) TO \(role);"
  }

  /// What the role of the pipeline may do, and what readers may that they should not.
  mutating func examineTargetRights(_ side: Side) {
    look("target rights") { diagnosis in
      let role = quoteIdentifier(try side.role())
      let rows = try side.connection.query(
        """
        WITH tables AS (
          SELECT n.nspname || '.' || c.relname AS name,
            pg_catalog.has_schema_privilege(n.oid, 'USAGE')
              AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
              AND pg_catalog.has_table_privilege(c.oid, 'INSERT')
              AND pg_catalog.has_table_privilege(c.oid, 'UPDATE')
              AND pg_catalog.has_table_privilege(c.oid, 'DELETE') AS allowed
          FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('almanac', 'analytics', 'predictions')
            AND pg_catalog.pg_get_userbyid(c.relowner) = '\(Role.writer.rawValue)')
        SELECT pg_catalog.count(*) FILTER (WHERE NOT allowed) AS lacking,
          min(name) FILTER (WHERE NOT allowed) AS first,
          pg_catalog.pg_has_role('\(Role.writer.rawValue)', 'USAGE') AS member,
          (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) AS super
        FROM tables
        """)
      let lacking = rows[0, "lacking"].flatMap { Int($0) } ?? 0
      if lacking > 0 {
        diagnosis.add(
          "target rights", .error,
          "the role \(role) may not write \(counted(lacking, "table")), "
            + "\(rows[0, "first"] ?? "") among them",
          fix: rows[0, "member"] == "t"
            ? "GRANT ALL ON ALL TABLES IN SCHEMA almanac, analytics, predictions "
              + "TO \(Role.writer.rawValue);"
            : diagnosis.grant(side),
          status: .noPermission)
      } else {
        diagnosis.add("target rights", .ok, "the role \(role) may write every table")
      }
      if rows[0, "super"] == "t" {
        diagnosis.add(
          "target rights too many", .warning,
          "the role \(role) is a superuser, while a member of \(Role.writer.rawValue) and "
            + "\(Role.api.rawValue) is enough",
          fix: "CREATE ROLE almanac LOGIN IN ROLE \(Role.writer.rawValue), \(Role.api.rawValue);")
      }
      try diagnosis.examineReaders(side)
    }
  }

  /// Logins of readers that policies do not hold back.
  private mutating func examineReaders(_ side: Side) throws {
    let rows = try side.connection.query(
      """
      SELECT rolname, pg_catalog.pg_has_role(oid, '\(Role.writer.rawValue)', 'member') AS writes
      FROM pg_catalog.pg_roles
      WHERE rolcanlogin AND NOT rolsuper
        AND pg_catalog.pg_has_role(oid, '\(Role.reader.rawValue)', 'member')
        AND (rolbypassrls OR pg_catalog.pg_has_role(oid, '\(Role.writer.rawValue)', 'member'))
      ORDER BY rolname
      """)
    for row in 0..<rows.count {
      let role = quoteIdentifier(rows[row, "rolname"] ?? "")
      add(
        "target rights too many", .warning,
        "the reader \(role) sees the rows of every company",
        fix: rows[row, "writes"] == "t"
          ? "REVOKE \(Role.writer.rawValue) FROM \(role);" : "ALTER ROLE \(role) NOBYPASSRLS;")
    }
  }

  /// What the runs left to be done.
  mutating func examineLedger(_ side: Side, pipelines: [String]) {
    let nightly = pipelines.contains("nightly") ? "nightly" : pipelines.first ?? "nightly"
    let run = "almanac run \(nightly)"
    look("nights") { diagnosis in
      let status = try StatusReading(side.connection, last: 1)
      guard let newest = status.runs.first else {
        diagnosis.add("nights", .warning, "there was no run yet", fix: run)
        return
      }
      if newest.status == "failed" {
        diagnosis.add(
          "nights", .warning,
          "the newest run, of \(newest.pipeline) for \(newest.date), failed",
          fix: "almanac logs last")
      }
      if let contracts = status.contracts, let first = contracts.failed.first {
        diagnosis.add(
          "nights", .warning, "\(contracts.failed.count) checks of the newest run failed, \(first)",
          fix: "almanac logs last")
      }
      diagnosis.examineIntervals(status, run)
      if let publication = status.publication, publication.isStale {
        diagnosis.add(
          "publication", .warning,
          "readers see predictions as of \(publication.asOf), which are stale",
          fix: run)
      }
    }
  }

  private mutating func examineIntervals(_ status: StatusReading, _ run: String) {
    guard let days = status.rollupDays else {
      add("intervals", .warning, "no day is rolled up yet", fix: run)
      return
    }
    if let first = status.missingDays.first {
      add(
        "intervals", .warning,
        "\(counted(status.missingDays.count, "day")) between \(days.first) and \(days.last) "
          + "\(status.missingDays.count == 1 ? "is" : "are") missing, the oldest \(first)", fix: run
      )
    } else if status.daysBehind > 0, let last = CalendarDate(days.last) {
      add(
        "intervals", .warning,
        "the oldest missing day is \(last.adding(days: 1)), "
          + "\(counted(status.daysBehind, "day")) up to yesterday", fix: run)
    } else {
      add("intervals", .ok, "\(counted(days.count, "day")) up to \(days.last), none is missing")
    }
  }

  /// Bytes of a disk below which a run is likely to fail, and below which it is tight.
  static let leastSpace = (error: 256 << 20, warning: 2 << 30)

  /// Room and rights for the snapshots (DECISIONS.md, D-553).
  mutating func examineDisk(_ request: Request) {
    look("disk space") { diagnosis in
      let path = request.dataPath
      guard try FileSystem.mayWrite(in: path) else {
        diagnosis.add(
          "disk space", .error, "the folder \(path) may not be written",
          fix: "chown \"$(id -un)\" \(path)", status: .cannotCreate)
        return
      }
      let free = try FileSystem.freeBytes(at: path)
      // A merge of one dataset writes its new parts beside the old ones.
      let held =
        try DataDirectory(reading: path).manifest.datasets.values.map(\.bytes).max() ?? 0
      let text = "\(free >> 20) MiB are free for \(path)"
      let fix = "almanac datasets compact --data \(path)"
      if free < max(Diagnosis.leastSpace.error, held) {
        diagnosis.add("disk space", .error, text + ", too little", fix: fix, status: .inputOutput)
      } else if free < max(Diagnosis.leastSpace.warning, 2 * held) {
        diagnosis.add("disk space", .warning, text + ", which is tight", fix: fix)
      } else {
        diagnosis.add("disk space", .ok, text)
      }
    }
  }
}
