package import AlmanacCore
import Postgres

/// The runs, stage runs and intervals recorded in schema `almanac`.
package struct Ledger {
  private let lock: RunLock
  /// The run that writes.
  package let run: UUIDValue

  /// The ledger as the run that holds the lock writes it.
  package init(_ lock: RunLock, run: UUIDValue) {
    self.lock = lock
    self.run = run
  }

  /// What a run is, recorded when it begins.
  package struct RunRecord: Sendable {
    package var pipeline: String
    package var logicalDate: CalendarDate
    package var settingsDigest: String
    package var jobs: Int
    package var isForced: Bool
    package var programVersion: String
    package var host: String
    package var processID: Int32

    /// A record of the given parts.
    package init(
      pipeline: String, logicalDate: CalendarDate, settingsDigest: String, jobs: Int,
      isForced: Bool, programVersion: String, host: String, processID: Int32
    ) {
      self.pipeline = pipeline
      self.logicalDate = logicalDate
      self.settingsDigest = settingsDigest
      self.jobs = jobs
      self.isForced = isForced
      self.programVersion = programVersion
      self.host = host
      self.processID = processID
    }
  }

  /// Records that every run still marked as running has crashed.
  ///
  /// The lock is held, so no other run can be at work.
  ///
  /// - Returns: the number of crashed runs found.
  package func markCrashed() throws -> Int {
    try lock.write { connection in
      try connection.run(
        """
        UPDATE almanac.stage_runs SET status = 'failed', finished_at = now(),
          error = 'ended without a word' WHERE status = 'running'
        """)
      return try connection.run(
        """
        UPDATE almanac.runs SET status = 'failed', finished_at = now(),
          error = 'ended without a word: killed, or its host stopped' WHERE status = 'running'
        """)
    }
  }

  /// Records that the run begins.
  package func begin(_ record: RunRecord) throws {
    try lock.write { connection in
      try connection.run(
        """
        INSERT INTO almanac.runs (run_id, pipeline, logical_date, settings_digest, status,
          started_at, jobs, forced, program_version, host, pid)
        VALUES ($1, $2, $3, $4, 'running', now(), $5, $6, $7, $8, $9)
        """,
        [
          run.description, record.pipeline, record.logicalDate.description, record.settingsDigest,
          String(record.jobs), String(record.isForced), record.programVersion, record.host,
          String(record.processID),
        ])
    }
  }

  /// Records what the extraction saw: the source, the data directory and the cut.
  package func recordExtraction(
    source: String, directory: UUIDValue, manifestDigest: String, cut: String
  ) throws {
    try lock.write { connection in
      try connection.run(
        """
        UPDATE almanac.runs SET source_system_identifier = $2, data_directory_id = $3,
          manifest_digest = $4, recorded_cut = $5 WHERE run_id = $1
        """,
        [run.description, source, directory.description, manifestDigest, cut])
    }
  }

  /// Records how far each dataset is extracted.
  package func recordWatermarks(
    _ datasets: [(name: String, entry: Manifest.Dataset)], directory: UUIDValue,
    manifestDigest: String
  ) throws {
    try lock.write { connection in
      for (name, entry) in datasets {
        try connection.run(
          """
          INSERT INTO almanac.watermarks (dataset, data_directory_id, manifest_digest, snapshot,
            system_identifier, database_oid, table_oid, rows, run_id, recorded_at)
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
          ON CONFLICT (dataset) DO UPDATE SET data_directory_id = excluded.data_directory_id,
            manifest_digest = excluded.manifest_digest, snapshot = excluded.snapshot,
            system_identifier = excluded.system_identifier, database_oid = excluded.database_oid,
            table_oid = excluded.table_oid, rows = excluded.rows, run_id = excluded.run_id,
            recorded_at = excluded.recorded_at
          """,
          [
            name, directory.description, manifestDigest, entry.watermark.snapshot,
            entry.watermark.systemIdentifier, entry.watermark.databaseOID,
            entry.watermark.tableOID, String(entry.rows), run.description,
            entry.watermark.takenAt,
          ])
      }
    }
  }

  /// Records that a stage begins.
  package func beginStage(_ stage: String, sequence: Int) throws {
    try lock.write { connection in
      try connection.run(
        """
        INSERT INTO almanac.stage_runs (run_id, stage, sequence, status, started_at)
        VALUES ($1, $2, $3, 'running', now())
        """, [run.description, stage, String(sequence)])
    }
  }

  /// Records that a stage ended well, and by how many bytes the process grew at the most meanwhile.
  package func finishStage(_ stage: String, _ outcome: StageOutcome, memory: Int? = nil) throws {
    try lock.write { try finishStage(stage, outcome, memory: memory, on: $0) }
  }

  /// The same within a transaction that passed the fence.
  func finishStage(
    _ stage: String, _ outcome: StageOutcome, memory: Int? = nil, on connection: Connection
  ) throws {
    try connection.run(
      """
      UPDATE almanac.stage_runs SET status = 'succeeded', finished_at = now(), rows_in = $3,
        rows_out = $4, bytes = $5, detail = $6, memory_bytes = $7
      WHERE run_id = $1 AND stage = $2
      """,
      [
        run.description, stage, String(outcome.rowsIn), String(outcome.rowsOut),
        String(outcome.bytes), outcome.detailJSON, memory.map(String.init),
      ])
  }

  /// Records that a stage failed in a run that goes on.
  package func failStage(_ stage: String, error: String) throws {
    try lock.write { connection in
      try connection.run(
        """
        UPDATE almanac.stage_runs SET status = 'failed', finished_at = now(), error = $3
        WHERE run_id = $1 AND stage = $2
        """, [run.description, stage, error])
    }
  }

  /// Records that a stage is not done, and why.
  package func skipStage(_ stage: String, sequence: Int, reason: String) throws {
    try lock.write { connection in
      try connection.run(
        """
        INSERT INTO almanac.stage_runs (run_id, stage, sequence, status, started_at, finished_at, error)
        VALUES ($1, $2, $3, 'skipped', now(), now(), $4)
        """, [run.description, stage, String(sequence), reason])
    }
  }

  /// Records that the run ended, with its error if it failed, and its open stage with it.
  package func finish(failure: String?) throws {
    try lock.write { try Ledger.finish(run, token: lock.token, failure: failure, on: $0) }
  }

  /// Records the end of a run that has none yet, and that the lock is free again.
  private static func finish(
    _ run: UUIDValue, token: Int64, failure: String?, on connection: Connection
  ) throws {
    if let failure {
      try connection.run(
        """
        UPDATE almanac.stage_runs SET status = 'failed', finished_at = now(), error = $2
        WHERE run_id = $1 AND status = 'running'
        """, [run.description, failure])
    }
    try connection.run(
      """
      UPDATE almanac.runs SET status = $2, finished_at = now(), error = $3
      WHERE run_id = $1 AND status = 'running'
      """, [run.description, failure == nil ? "succeeded" : "failed", failure])
    try release(token: token, on: connection)
  }
}

extension Ledger {
  /// Records, through a connection of its own, that a run was interrupted which did not end by itself.
  ///
  /// The sessions of the run are ended first: that of the lock, and those that are within the fence,
  /// whose writes are rolled back. Others of its sessions may come to the fence meanwhile: they wait
  /// for the table or are ended as well, and once the end is recorded the fence lets none of them
  /// through. Where another run has taken over, nothing is done.
  ///
  /// - Throws: `PostgresError`, where the sessions of the run do not end in ``recordingAttempts``.
  static func recordInterruption(
    _ reason: PipelineError, of run: UUIDValue, _ fence: Fence, backend: Int32,
    _ target: ConnectionSettings
  ) throws {
    let connection = try Connection(target, purpose: .target)
    try connection.runScript("SET lock_timeout = 100; SET statement_timeout = 1000;")
    var attempts = recordingAttempts
    while true {
      try fence.endSessions(backend: backend, through: connection)
      do {
        try connection.transaction {
          // Whoever enters the fence now waits behind this.
          try connection.runScript("LOCK TABLE almanac.locks IN EXCLUSIVE MODE")
          guard try fence.holds(on: connection) else { return }
          try finish(run, token: fence.token, failure: reason.description, on: connection)
          try connection.run(
            "UPDATE almanac.locks SET token = token + 1 WHERE name = 'run' AND token = $1",
            [String(fence.token)])
        }
        return
      } catch let error as PostgresError {
        attempts -= 1
        guard attempts > 0, case .server(let failure) = error, failure.state == .lockNotAvailable
        else { throw error }
      }
    }
  }

  /// How often the end of an interrupted run is tried to be recorded, a tenth of a second each.
  private static let recordingAttempts = 14

  /// Records that the lock is free again, which it is once the connection is closed.
  package func release() throws {
    try lock.write { try Ledger.release(token: lock.token, on: $0) }
  }

  private static func release(token: Int64, on connection: Connection) throws {
    try connection.run(
      "UPDATE almanac.locks SET released_at = now() WHERE name = 'run' AND token = $1",
      [String(token)])
  }
}
