package import AlmanacCore
package import Postgres

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
  /// whose writes are rolled back. Where another run has taken over, nothing is done.
  static func recordInterruption(
    _ reason: PipelineError, of run: UUIDValue, _ fence: Fence, backend: Int32,
    _ target: ConnectionSettings
  ) throws {
    let connection = try Connection(target, purpose: .target)
    try connection.runScript("SET lock_timeout = 500; SET statement_timeout = 1000;")
    let held = try connection.query(
      "SELECT 1 AS held FROM almanac.locks WHERE name = 'run' AND token = $1",
      [String(fence.token)])
    guard held.count == 1 else { return }
    _ = try connection.query(
      """
      SELECT pg_catalog.pg_terminate_backend(pid, 500) FROM (
        SELECT pid FROM pg_catalog.pg_locks
        WHERE relation = 'almanac.locks'::regclass AND mode = 'RowShareLock' AND granted
        UNION SELECT pid FROM pg_catalog.pg_stat_activity WHERE pid = $1::integer) AS sessions
      WHERE pid <> pg_catalog.pg_backend_pid()
      """, [String(backend)])
    try fence.write(on: connection) {
      try finish(
        run, token: fence.token, failure: reason.description, on: $0)
    }
  }

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

/// What the ledger says about the past, for deciding what is left to do.
package struct LedgerReading {
  let connection: Connection

  /// Reads the ledger through a connection.
  package init(_ connection: Connection) {
    self.connection = connection
  }

  /// What stands for the digest of the definitions of a run that did some stages only, or what it
  /// begins with.
  static let partialDigest = "partial"

  /// The SQL condition that a row of `almanac.runs` is of a run that did its night whole.
  static let isWhole = "NOT starts_with(settings_digest, '\(partialDigest)')"

  /// What stands for the digest of the definitions of a run that did some days again, with some stages.
  static func backfillMark(
    _ range: ClosedRange<CalendarDate>, companies: [UUIDValue], stages: [StageKind],
    settingsDigest: String
  ) -> String {
    "\(partialDigest) backfill \(range.lowerBound) \(range.upperBound) "
      + companies.map { "\($0) " }.joined()
      + stages.map(\.rawValue).joined(separator: ",") + " \(settingsDigest)"
  }

  /// The newest run of a date.
  package struct NewestRun: Sendable {
    /// The run's identifier.
    package var run: String
    /// Whether it ended well.
    package var hasSucceeded: Bool
    /// When it ended, in words.
    package var finishedAt: String
    /// The digest of its definitions, or a word where it ran only some stages.
    package var settingsDigest: String
    /// The source it extracted from, as ``SourceIdentity`` describes it.
    package var source: String?
  }

  /// The newest run of a pipeline and date, whatever came of it.
  package func newestRun(pipeline: String, date: CalendarDate) throws -> NewestRun? {
    let rows = try connection.query(
      """
      SELECT run_id, status, settings_digest, source_system_identifier,
        to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS finished
      FROM almanac.runs WHERE pipeline = $1 AND logical_date = $2
      ORDER BY started_at DESC LIMIT 1
      """, [pipeline, date.description])
    guard rows.count == 1, let run = rows[0, "run_id"] else { return nil }
    return NewestRun(
      run: run, hasSucceeded: rows[0, "status"] == "succeeded",
      finishedAt: (rows[0, "finished"] ?? "") + " UTC",
      settingsDigest: rows[0, "settings_digest"] ?? "",
      source: rows[0, "source_system_identifier"])
  }

  /// Whether the last run of all, of whatever pipeline and date, did every stage with the definitions
  /// of a digest.
  package func lastRunWasWhole(_ digest: String) throws -> Bool {
    let rows = try connection.query(
      """
      SELECT status = 'succeeded' AND settings_digest = $1 AS whole FROM almanac.runs
      ORDER BY started_at DESC LIMIT 1
      """, [digest])
    return rows.count == 1 && rows[0, "whole"] == "t"
  }

  /// The newest date whose forecasts readers see, `nil` before the first publication.
  package func publishedDate() throws -> CalendarDate? {
    let rows = try connection.query(
      "SELECT as_of FROM almanac.published ORDER BY publication_id DESC LIMIT 1")
    return rows.count == 1 ? rows[0, "as_of"].flatMap { CalendarDate($0) } : nil
  }

  /// The run whose identifier begins with the given digits, and its pipeline.
  ///
  /// - Throws: ``PipelineError/noSuchRun(what:)`` if there is none or more than one.
  package func run(beginningWith text: String) throws -> (run: UUIDValue, pipeline: String) {
    let digits = text.utf8.allSatisfy { byte in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
        || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
    }
    guard digits, text.utf8.count >= 8, text.utf8.count <= 36 else {
      throw PipelineError.noSuchRun(
        what: "a run is named by eight or more digits of its identifier")
    }
    let rows = try connection.query(
      """
      SELECT run_id, pipeline FROM almanac.runs
      WHERE starts_with(run_id::text, lower($1)) LIMIT 2
      """, [text])
    guard rows.count > 0, let run = rows[0, "run_id"].flatMap({ UUIDValue($0) }) else {
      throw PipelineError.noSuchRun(what: "there is no run \(text)")
    }
    guard rows.count == 1 else {
      throw PipelineError.noSuchRun(what: "several runs begin with \(text)")
    }
    return (run, rows[0, "pipeline"] ?? "")
  }

  /// The run that published last.
  ///
  /// - Throws: ``PipelineError/noSuchRun(what:)`` before the first publication.
  package func publishedRun() throws -> UUIDValue {
    let rows = try connection.query(
      "SELECT run_id FROM almanac.published ORDER BY publication_id DESC LIMIT 1")
    guard rows.count == 1, let run = rows[0, "run_id"].flatMap({ UUIDValue($0) }) else {
      throw PipelineError.noSuchRun(what: "nothing was published yet")
    }
    return run
  }

  /// The data directory and manifest that the newest extraction into this target recorded.
  package func lastExtraction() throws -> (directoryID: String, manifestDigest: String)? {
    let rows = try connection.query(
      """
      SELECT data_directory_id, manifest_digest FROM almanac.runs
      WHERE manifest_digest IS NOT NULL ORDER BY started_at DESC LIMIT 1
      """)
    guard rows.count == 1, let directory = rows[0, "data_directory_id"],
      let digest = rows[0, "manifest_digest"]
    else { return nil }
    return (directory, digest)
  }

  /// The end of each interval that a stage has done, by its start.
  package func intervalEnds(of stage: String) throws -> [CalendarDate: CalendarDate] {
    let rows = try connection.query(
      "SELECT interval_start, interval_end FROM almanac.intervals WHERE stage = $1", [stage])
    var ends: [CalendarDate: CalendarDate] = [:]
    for row in 0..<rows.count {
      guard let start = rows[row, "interval_start"].flatMap({ CalendarDate($0) }) else { continue }
      ends[start] = rows[row, "interval_end"].flatMap { CalendarDate($0) }
    }
    return ends
  }

  /// The currencies that a stage converted for each of its intervals, with the local dates whose
  /// rates it took.
  package func rateUses(
    of stage: String
  ) throws -> [CalendarDate: [(currency: CurrencyCode, date: CalendarDate)]] {
    let rows = try connection.query(
      """
      SELECT DISTINCT interval_start, currency, local_date FROM almanac.interval_rates
      WHERE stage = $1
      """, [stage])
    var uses: [CalendarDate: [(currency: CurrencyCode, date: CalendarDate)]] = [:]
    for row in 0..<rows.count {
      guard let start = rows[row, "interval_start"].flatMap({ CalendarDate($0) }),
        let currency = rows[row, "currency"].flatMap({ CurrencyCode($0) }),
        let date = rows[row, "local_date"].flatMap({ CalendarDate($0) })
      else { continue }
      uses[start, default: []].append((currency, date))
    }
    return uses
  }

  /// The digests under which a stage has done each of its days.
  package func intervals(of stage: String) throws -> [CalendarDate: IntervalDigests] {
    let rows = try connection.query(
      """
      SELECT interval_start, inputs_digest, settings_digest FROM almanac.intervals
      WHERE stage = $1
      """, [stage])
    var intervals: [CalendarDate: IntervalDigests] = [:]
    for row in 0..<rows.count {
      guard let date = rows[row, "interval_start"].flatMap({ CalendarDate($0) }) else { continue }
      intervals[date] = IntervalDigests(
        inputs: rows[row, "inputs_digest"] ?? "", settings: rows[row, "settings_digest"] ?? "")
    }
    return intervals
  }
}

/// What an interval was computed from.
package struct IntervalDigests: Equatable, Sendable {
  /// The digest of the input parts.
  package var inputs: String
  /// The digest of the settings.
  package var settings: String

  /// The given digests.
  package init(inputs: String, settings: String) {
    self.inputs = inputs
    self.settings = settings
  }
}
