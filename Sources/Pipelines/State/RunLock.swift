package import AlmanacCore
package import Postgres

/// The target database as one run sees it: every write passes the fence.
///
/// Only one run at a time holds the session advisory lock; each holder gets a higher token. A
/// writing transaction begins by locking the token's row `FOR SHARE`, so a run that lost its lock
/// (its server process ended, its host slept) cannot write once another run has taken over.
package final class RunLock {
  /// The key of the advisory lock: the ASCII codes of `almanac`.
  package static let advisoryKey: Int64 = 0x61_6C_6D_61_6E_61_63

  /// The settings every further connection of the run uses.
  package let settings: ConnectionSettings
  /// The connection that holds the lock.
  package let connection: Connection
  /// The run's fencing token.
  package let token: Int64

  /// Takes the lock for a run.
  ///
  /// - Parameters:
  ///   - connection: the session that holds the lock for as long as it lives.
  ///   - settings: how to open more connections to the same database.
  ///   - run: the run's identifier.
  ///   - holder: who takes it, for the message another run shows.
  ///   - patience: milliseconds to wait for a write of a run that lost the lock to end.
  /// - Throws: ``PipelineError/alreadyRunning(holder:)`` when another run holds it.
  package init(
    _ connection: Connection, settings: ConnectionSettings, run: UUIDValue, holder: String,
    patience: Int = 10_000
  ) throws {
    guard try connection.tryAdvisoryLock(RunLock.advisoryKey) else {
      throw PipelineError.alreadyRunning(holder: try RunLock.holder(connection))
    }
    do {
      token = try RunLock.nextToken(
        connection, run: run, holder: holder, patience: patience)
    } catch let error as PostgresError {
      // A run that lost its lock, and was stopped with a transaction open, keeps the old token.
      guard case .server(let failure) = error, failure.state == .lockNotAvailable else {
        throw error
      }
      throw PipelineError.alreadyRunning(
        holder: "a stopped one with an open transaction: \(try RunLock.holder(connection))")
    }
    self.connection = connection
    self.settings = settings
  }

  /// The target as a plan sees it: no lock is taken, and every write is refused.
  ///
  /// Tokens count from 1, so the fence finds none like this one.
  init(reading connection: Connection, settings: ConnectionSettings) {
    token = 0
    self.connection = connection
    self.settings = settings
  }

  /// The way of a run to the target on a session of its own, for a stage beside others.
  ///
  /// The lock stays with the session that took it; the fence is the same for all.
  ///
  /// - Throws: what connecting throws.
  init(joining fence: Fence, settings: ConnectionSettings) throws {
    connection = try Connection(settings, purpose: .target)
    token = fence.token
    self.settings = settings
  }

  /// Whether this is the lock of a run, which may write.
  var isHeld: Bool { token > 0 }

  /// Who took the lock last, in words.
  private static func holder(_ connection: Connection) throws -> String {
    let rows = try connection.query(
      """
      SELECT coalesce(holder, 'unknown') || ', run ' || coalesce(left(run_id::text, 8), '-')
        || ', since '
        || to_char(acquired_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC' AS holder
      FROM almanac.locks WHERE name = 'run'
      """)
    return rows.count > 0 ? rows[0, "holder"] ?? "unknown" : "it is just starting"
  }

  /// The next token, recorded with who holds it.
  private static func nextToken(
    _ connection: Connection, run: UUIDValue, holder: String, patience: Int
  ) throws -> Int64 {
    try connection.transaction {
      try connection.run("SET LOCAL lock_timeout = \(patience)")
      let rows = try connection.query(
        """
        INSERT INTO almanac.locks AS held (name, token, run_id, holder, acquired_at)
        VALUES ('run', 1, $1, $2, now())
        ON CONFLICT (name) DO UPDATE SET token = held.token + 1, run_id = excluded.run_id,
          holder = excluded.holder, acquired_at = excluded.acquired_at, released_at = NULL
        RETURNING token
        """, [run.description, holder])
      guard let token = rows[0, "token"].flatMap({ Int64($0) }) else {
        throw PipelineError.unexpectedAnswer(what: "no fencing token")
      }
      return token
    }
  }

  /// The server's process that serves the lock's session.
  func backend() throws -> Int32 {
    let rows = try connection.query("SELECT pg_catalog.pg_backend_pid() AS pid")
    guard let pid = rows[0, "pid"].flatMap({ Int32($0) }) else {
      throw PipelineError.unexpectedAnswer(what: "no process number")
    }
    return pid
  }

  /// The fence of this run, for connections on other threads.
  package var fence: Fence { Fence(token: token) }

  /// Runs a writing transaction on the lock's own connection, behind the fence.
  @discardableResult
  package func write<Result>(_ body: (Connection) throws -> Result) throws -> Result {
    try fence.write(on: connection, body)
  }
}

/// The token that every writing transaction of a run must still find in place.
package struct Fence: Sendable {
  /// The token of the run.
  package let token: Int64

  /// Runs a transaction that first checks the token and keeps it from changing until its end.
  ///
  /// - Throws: ``PipelineError/lockLost`` when another run holds the lock by now; what `body`
  ///   throws otherwise. In both cases nothing is written.
  @discardableResult
  package func write<Result>(
    on connection: Connection, _ body: (Connection) throws -> Result
  ) throws -> Result {
    try connection.transaction {
      let rows = try connection.query(
        "SELECT 1 AS held FROM almanac.locks WHERE name = 'run' AND token = $1 FOR SHARE",
        [String(token)])
      guard rows.count == 1 else { throw PipelineError.lockLost }
      return try body(connection)
    }
  }
  /// Whether no other run has taken over.
  func holds(on connection: Connection) throws -> Bool {
    try connection.query(
      "SELECT 1 AS held FROM almanac.locks WHERE name = 'run' AND token = $1", [String(token)]
    ).count == 1
  }

  /// Ends the session of the lock, which `backend` serves, and those that are within the fence, unless
  /// another run has taken over; does not wait for their end.
  func endSessions(backend: Int32, through connection: Connection) throws {
    _ = try connection.query(
      """
      SELECT pg_catalog.pg_terminate_backend(pid) FROM (
        SELECT pid FROM pg_catalog.pg_locks
        WHERE relation = 'almanac.locks'::regclass AND mode = 'RowShareLock' AND granted
          AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
        UNION SELECT pid FROM pg_catalog.pg_stat_activity WHERE pid = $1::integer) AS sessions
      WHERE pid <> pg_catalog.pg_backend_pid()
        AND EXISTS (SELECT FROM almanac.locks WHERE name = 'run' AND token = $2)
      """, [String(backend), String(token)])
  }
}
