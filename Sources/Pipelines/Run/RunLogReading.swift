import AlmanacCore
package import Postgres

/// What the ledger tells of one run, as lines in the order in which they came about.
package struct RunLogReading: Sendable {
  /// One line.
  package struct Line: Sendable, Equatable {
    /// When, `YYYY-MM-DD HH:MM:SS` UTC; empty for what has not ended.
    package var time: String
    /// `info`, `warning` or `error`.
    package var level: String
    /// The stage, empty for the run as a whole.
    package var stage: String
    /// What happened.
    package var message: String

    /// A line of the given parts.
    package init(time: String, level: String, stage: String, message: String) {
      self.time = time
      self.level = level
      self.stage = stage
      self.message = message
    }
  }

  /// The run's identifier.
  package var run: String
  /// The lines.
  package var lines: [Line]

  /// A log of the given lines.
  package init(run: String, lines: [Line]) {
    self.run = run
    self.lines = lines
  }

  /// Reads a run under one snapshot.
  ///
  /// - Parameters:
  ///   - connection: a connection to the target.
  ///   - name: eight or more digits of the run's identifier, or `last`.
  /// - Throws: ``PipelineError/noSuchRun(what:)``, `PostgresError`.
  package init(_ connection: Connection, run name: String) throws {
    (run, lines) = try connection.transaction(.repeatableReadReadOnly(snapshot: nil)) {
      let run = try RunLogReading.identifier(connection, name)
      let rows = try connection.query(RunLogReading.query, [run])
      let lines = (0..<rows.count).map { row in
        Line(
          time: rows[row, "at"] ?? "", level: rows[row, "level"] ?? "",
          stage: rows[row, "stage"] ?? "", message: rows[row, "message"] ?? "")
      }
      return (run, lines)
    }
  }

  private static func identifier(_ connection: Connection, _ name: String) throws -> String {
    guard name == "last" else {
      return try LedgerReading(connection).run(beginningWith: name).run.description
    }
    let rows = try connection.query(
      "SELECT run_id FROM almanac.runs ORDER BY started_at DESC LIMIT 1")
    guard rows.count == 1, let run = rows[0, "run_id"] else {
      throw PipelineError.noSuchRun(what: "there is no run yet")
    }
    return run
  }

  /// The lines of the run `$1`: its begin, each stage with its facts and notices, and its end.
  private static let query = """
    WITH stages AS (
      SELECT *, sequence AS place, coalesce(detail::jsonb, '{}') AS facts
      FROM almanac.stage_runs WHERE run_id = $1::uuid)
    SELECT coalesce(to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), '') AS at, level, stage,
      message
    FROM (
      SELECT started_at AS at, 0 AS place, 0 AS part, 'info' AS level, '' AS stage,
        pipeline || ' for ' || logical_date || ' begins' || CASE WHEN forced THEN ', forced' ELSE '' END
          || ', jobs ' || jobs || ', version ' || program_version || coalesce(', on ' || host, '')
          AS message
      FROM almanac.runs WHERE run_id = $1::uuid
      UNION ALL
      SELECT started_at, place, 1, 'info', stage, 'begins' FROM stages WHERE status <> 'skipped'
      UNION ALL
      SELECT finished_at, place, 2, 'info', stage, key || ': ' || value
      FROM stages, jsonb_each_text(facts - 'notices')
      UNION ALL
      SELECT finished_at, place, 3, 'warning', stage, notice
      FROM stages, jsonb_array_elements_text(coalesce(facts->'notices', '[]')) AS notice
      UNION ALL
      SELECT finished_at, place, 4, CASE WHEN status = 'failed' THEN 'error' ELSE 'info' END, stage,
        CASE WHEN status = 'failed' THEN coalesce(error, 'failed')
          WHEN status = 'skipped' THEN 'not done: ' || coalesce(error, 'its input is absent')
          ELSE status || coalesce(' in '
            || round(extract(epoch FROM finished_at - started_at)::numeric, 3) || ' s, ' || rows_in
            || ' rows in, ' || rows_out || ' rows out', '') END
      FROM stages
      UNION ALL
      SELECT finished_at, 1000000, 5, CASE WHEN status = 'failed' THEN 'error' ELSE 'info' END, '',
        status || coalesce(' in '
          || round(extract(epoch FROM finished_at - started_at)::numeric, 3) || ' s', '')
          || coalesce(': ' || error, '')
      FROM almanac.runs WHERE run_id = $1::uuid) AS lines
    ORDER BY place, part, message
    """
}
