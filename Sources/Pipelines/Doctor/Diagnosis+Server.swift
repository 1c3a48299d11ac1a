import AlmanacCore
import Postgres

/// What is the same for both databases, and what only a standby has.
extension Diagnosis {
  /// Seconds that two clocks may differ without a word (DECISIONS.md, D-553).
  static let clockTolerance = 2.0
  /// Seconds from which rows of one machine count as of the future on another: what the shipped
  /// datasets allow.
  static let clockLimit = 600.0

  /// Version, pooler, clock, settings and free connections.
  mutating func examine(_ side: Side, _ request: Request) {
    let connection = side.connection
    let version = connection.serverVersion
    add(
      "\(side.name) version", .ok,
      "PostgreSQL \(version / 10_000).\(version % 10_000), 14 or later is needed")
    look("\(side.name) pooler") { diagnosis in
      guard try connection.isPooledByTransaction(side.settings) else {
        diagnosis.add("\(side.name) pooler", .ok, "each connection has a session of its own")
        return
      }
      diagnosis.add(
        "\(side.name) pooler", .error,
        "a pooler in transaction mode is in between: locks, snapshots and settings of a session "
          + "get lost",
        fix: "connect to the server itself, or set pool_mode = session for this database")
    }
    look("\(side.name) clock") { diagnosis in try diagnosis.examineClock(side, request.clock) }
    look("\(side.name) settings") { diagnosis in
      try diagnosis.examineSettings(side, jobs: request.jobs)
    }
  }

  private mutating func examineClock(_ side: Side, _ clock: () -> Timestamp) throws {
    let before = clock()
    let rows = try side.connection.query(
      """
      SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::pg_catalog.int8 AS micros
      """)
    let after = clock()
    guard let micros = rows[0, "micros"].flatMap({ Int64($0) }) else {
      throw PipelineError.unexpectedAnswer(what: "no clock")
    }
    // Between asking and the answer the server's clock may have been read at any instant.
    let ahead = Double(max(0, micros - after.microseconds)) * 1e-6
    let behind = Double(max(0, before.microseconds - micros)) * 1e-6
    let skew = max(ahead, behind)
    let check = "\(side.name) clock"
    guard skew > Diagnosis.clockTolerance else {
      add(check, .ok, "agrees with this machine's to \(Diagnosis.clockTolerance) s")
      return
    }
    let way = ahead > 0 ? "ahead of" : "behind"
    add(
      check, skew < Diagnosis.clockLimit ? .warning : .error,
      "\(Int(skew.rounded())) s \(way) this machine's", fix: "timedatectl set-ntp true",
      status: .badData)
  }

  private mutating func examineSettings(_ side: Side, jobs: Int) throws {
    let check = "\(side.name) settings"
    let rows = try side.connection.query(
      """
      SELECT
        (SELECT setting::pg_catalog.int8 FROM pg_catalog.pg_settings
          WHERE name = 'statement_timeout') AS timeout,
        pg_catalog.current_setting('max_connections')::pg_catalog.int8
          - pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int8
          - (SELECT pg_catalog.sum(numbackends) FROM pg_catalog.pg_stat_database) AS free,
        pg_catalog.pg_is_in_recovery() AS standby
      """)
    func number(_ name: String) -> Int { rows[0, name].flatMap { Int($0) } ?? 0 }
    let before = findings.count
    if (1..<3_600_000).contains(number("timeout")) {
      add(
        check, .warning,
        "statement_timeout is \(number("timeout") / 1_000) s, which a first extraction may exceed",
        fix: "ALTER ROLE \(quoteIdentifier(try side.role())) SET statement_timeout = 0;")
    }
    // One holds the lock or the snapshot, each thread has one to work with, and in the target so has
    // each stage that is at work beside others.
    let stages = jobs > 1 && side.name == "target" ? min(jobs, PipelineRunner.maximumStages) : 0
    let needed = jobs + 1 + stages
    if number("free") < needed {
      add(
        check, .warning,
        "\(max(0, number("free"))) connections are free, a run takes \(needed)",
        fix: "almanac run nightly --jobs \(max(1, (number("free") - 1) / 2))")
    }
    if side.name == "target", rows[0, "standby"] == "t" {
      add(
        check, .error, "the target is a standby, which cannot be written",
        fix: "name the primary with --target or ALMANAC_TARGET")
    }
    if findings.count == before { add(check, .ok, "timeouts and free connections suffice") }
  }

  /// Milliseconds that a standby should wait for a query before it cancels it.
  static let standbyDelay = 300_000

  /// Whether a standby lets a long extraction end, and knows which cluster it is.
  mutating func examineStandby(_ side: Side) {
    look("source standby") { diagnosis in
      let connection = side.connection
      let identity = try SourceIdentity(connection)
      if identity.systemIdentifier == SourceIdentity.unknown || identity.timeline == nil {
        let role = quoteIdentifier(try side.role())
        diagnosis.add(
          "source identity", .warning,
          "the role may not read which cluster this is, so every night reads all tables whole",
          fix: "GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system(), "
            + "pg_catalog.pg_control_checkpoint() TO \(role);")
      }
      guard identity.isStandby else {
        diagnosis.add("source standby", .ok, "the source is a primary")
        return
      }
      let rows = try connection.query(
        """
        SELECT (SELECT setting::pg_catalog.int8 FROM pg_catalog.pg_settings
            WHERE name = 'max_standby_streaming_delay') AS delay,
          pg_catalog.current_setting('max_standby_streaming_delay') AS text,
          pg_catalog.current_setting('hot_standby_feedback') AS feedback
        """)
      let delay = rows[0, "delay"].flatMap { Int($0) } ?? 0
      let text = "max_standby_streaming_delay is \(rows[0, "text"] ?? "")"
      guard delay >= 0, delay < Diagnosis.standbyDelay, rows[0, "feedback"] != "on" else {
        diagnosis.add("source standby", .ok, text)
        return
      }
      diagnosis.add(
        "source standby", .warning,
        "\(text): a vacuum on the primary cancels an extraction that takes longer",
        fix: "ALTER SYSTEM SET max_standby_streaming_delay = '1h'; SELECT pg_reload_conf();")
    }
  }
}
