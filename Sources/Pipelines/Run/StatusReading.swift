package import Postgres

/// What the ledger says about the runs so far.
package struct StatusReading: Sendable {
  /// One run.
  package struct Run: Sendable {
    package var id: String
    package var pipeline: String
    package var date: String
    package var status: String
    /// The start, `YYYY-MM-DD HH:MM` UTC.
    package var startedAt: String
    /// Seconds it took, or has taken so far.
    package var seconds: Double
    package var error: String?
  }

  /// One stage of the newest run.
  package struct StageRun: Sendable {
    package var name: String
    package var status: String
    package var rowsIn: Int?
    package var rowsOut: Int?
    package var seconds: Double
  }

  /// What readers see now.
  package struct Publication: Sendable {
    package var id: String
    package var publishedAt: String
    package var asOf: String
    package var run: String
    package var isStale: Bool
  }

  /// The newest runs, newest first.
  package var runs: [Run]
  /// The stages of the newest run.
  package var stages: [StageRun]
  /// The publication in force, `nil` before the first.
  package var publication: Publication?
  /// How many days the rollups cover, first and last.
  package var rollupDays: (count: Int, first: String, last: String)?
  /// Days within that range without a rollup.
  package var missingDays: [String]
  /// Days from the newest covered day up to yesterday.
  package var daysBehind: Int
  /// How the contracts of the newest run ended, `nil` where it checked none.
  package var contracts: Contracts?

  /// The contracts of one run.
  package struct Contracts: Sendable {
    /// The number of checks.
    package var checks: Int
    /// The checks that stopped the run, as `dataset check`.
    package var failed: [String]
    /// The checks that warned, as `dataset check`.
    package var warned: [String]
  }
}

extension StatusReading {
  /// Reads the ledger under one snapshot, with the newest `last` runs.
  package init(_ connection: Connection, last: Int) throws {
    self = try connection.transaction(.repeatableReadReadOnly(snapshot: nil)) {
      try StatusReading(reading: connection, last: last)
    }
  }

  private init(reading connection: Connection, last: Int) throws {
    let runRows = try connection.query(
      """
      SELECT run_id, pipeline, logical_date, status, error,
        to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS started,
        extract(epoch FROM coalesce(finished_at, now()) - started_at)::float8 AS seconds
      FROM almanac.runs ORDER BY started_at DESC LIMIT $1
      """, [String(last)])
    runs = (0..<runRows.count).map { row in
      Run(
        id: runRows[row, "run_id"] ?? "", pipeline: runRows[row, "pipeline"] ?? "",
        date: runRows[row, "logical_date"] ?? "", status: runRows[row, "status"] ?? "",
        startedAt: runRows[row, "started"] ?? "",
        seconds: runRows[row, "seconds"].flatMap { Double($0) } ?? 0, error: runRows[row, "error"])
    }
    let stageRows = try connection.query(
      """
      SELECT stage, status, rows_in, rows_out,
        extract(epoch FROM coalesce(finished_at, now()) - started_at)::float8 AS seconds
      FROM almanac.stage_runs WHERE run_id = $1 ORDER BY sequence
      """, [runs.first?.id])
    stages = (0..<stageRows.count).map { row in
      StageRun(
        name: stageRows[row, "stage"] ?? "", status: stageRows[row, "status"] ?? "",
        rowsIn: stageRows[row, "rows_in"].flatMap { Int($0) },
        rowsOut: stageRows[row, "rows_out"].flatMap { Int($0) },
        seconds: stageRows[row, "seconds"].flatMap { Double($0) } ?? 0)
    }
    let published = try connection.query(
      """
      SELECT publication_id, run_id, as_of, valid_until < now() AS stale,
        to_char(published_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS published
      FROM almanac.published ORDER BY publication_id DESC LIMIT 1
      """)
    if published.count == 1 {
      publication = Publication(
        id: published[0, "publication_id"] ?? "", publishedAt: published[0, "published"] ?? "",
        asOf: published[0, "as_of"] ?? "", run: published[0, "run_id"] ?? "",
        isStale: published[0, "stale"] == "t")
    }
    let days = try connection.query(
      """
      SELECT count(*) AS days, min(interval_start) AS first, max(interval_start) AS last,
        (now() AT TIME ZONE 'UTC')::date - 1 - max(interval_start) AS behind
      FROM almanac.intervals WHERE stage = 'rollup'
      """)
    daysBehind = days[0, "behind"].flatMap { Int($0) } ?? 0
    if let first = days[0, "first"], let last = days[0, "last"],
      let count = days[0, "days"].flatMap({ Int($0) })
    {
      rollupDays = (count, first, last)
    }
    let missing = try connection.query(
      """
      SELECT day::date AS day
      FROM generate_series(
        (SELECT greatest(min(interval_start), max(interval_start) - 3652)
          FROM almanac.intervals WHERE stage = 'rollup')::timestamp,
        (SELECT max(interval_start) FROM almanac.intervals WHERE stage = 'rollup')::timestamp,
        interval '1 day') AS day
      WHERE NOT EXISTS (
        SELECT FROM almanac.intervals WHERE stage = 'rollup' AND interval_start = day::date)
      ORDER BY day
      """)
    missingDays = (0..<missing.count).compactMap { missing[$0, "day"] }
    contracts = try StatusReading.contracts(of: runs.first?.id, on: connection)
  }

  private static func contracts(of run: String?, on connection: Connection) throws -> Contracts? {
    let rows = try connection.query(
      """
      SELECT dataset || ' ' || check_name AS name, status FROM almanac.source_contract_results
      WHERE run_id = $1 ORDER BY dataset, check_name
      """, [run])
    guard rows.count > 0 else { return nil }
    func names(_ status: String) -> [String] {
      (0..<rows.count).filter { rows[$0, "status"] == status }.compactMap { rows[$0, "name"] }
    }
    return Contracts(checks: rows.count, failed: names("failed"), warned: names("warned"))
  }
}
