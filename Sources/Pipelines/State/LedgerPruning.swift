import Postgres

/// Removes what a pipeline's runs left in the target longer ago than `retention:` says, never what
/// readers see or a later night needs (DECISIONS.md, D-556).
///
/// Three transactions behind the fence: publications, then predictions, then runs. Each finds by
/// itself what is left to do, so a call that ended in between is simply made again.
package struct LedgerPruning {
  /// A table and the number of rows that are removed from it.
  package struct Removal: Sendable, Equatable {
    /// The table as `schema.name`.
    package var table: String
    /// The rows.
    package var rows: Int
  }

  private let pipeline: String
  private let retention: LedgerRetention
  private let outcomeDays: Int

  /// The newest runs of a pipeline that always stay, for times, status and what is left to do.
  static let newestRuns = 10
  /// Days behind the end of a forecast in which what became of it may still be recorded.
  static let outcomeGrace = 62
  /// Days that the models of risks look ahead at most.
  static let riskDays = 90

  /// Pruning by a pipeline's retention.
  ///
  /// - Parameters:
  ///   - pipeline: the pipeline.
  ///   - retention: its retention.
  ///   - models: the forecasts of the installation: while what they forecast is still to happen,
  ///     forecasts are needed to be compared with it.
  package init(_ pipeline: String, _ retention: LedgerRetention, models: [ModelDefinition]) {
    self.pipeline = pipeline
    self.retention = retention
    let longest = models.map { max($0.horizon.days, $0.horizon.months * 31) }.max() ?? 0
    outcomeDays = max(longest, LedgerPruning.riskDays) + LedgerPruning.outcomeGrace
  }

  /// Removes it.
  ///
  /// - Parameter lock: the run lock, which keeps runs from publishing meanwhile.
  /// - Returns: the tables of which rows were removed.
  /// - Throws: ``PipelineError/lockLost``, a `PostgresError`; steps before that are done.
  package func run(_ lock: RunLock) throws -> [Removal] {
    var removals = try lock.write { try publications(on: $0) }
    removals += try lock.write { try predictions(on: $0) }
    removals += try lock.write { try runs(on: $0) }
    return removals.filter { $0.rows > 0 }
  }

  /// What would be removed now, found by doing it in a transaction that is rolled back.
  package func preview(_ lock: RunLock) throws -> [Removal] {
    struct Previewed: Error {
      let removals: [Removal]
    }
    do {
      try lock.write { connection in
        let removals =
          try publications(on: connection) + predictions(on: connection) + runs(on: connection)
        throw Previewed(removals: removals.filter { $0.rows > 0 })
      }
    } catch let error as Previewed {
      return error.removals
    }
    return []
  }

  /// Publications but the one in force, those that a kept one brings back, and those by which the
  /// forecasts of a day will be compared with what happens.
  private func publications(on connection: Connection) throws -> [Removal] {
    try connection.runScript(
      """
      CREATE TEMPORARY TABLE IF NOT EXISTS pruned_publications (id bigint) ON COMMIT DELETE ROWS;
      TRUNCATE pg_temp.pruned_publications;
      """)
    try connection.run(
      """
      INSERT INTO pg_temp.pruned_publications
      WITH RECURSIVE kept (id) AS (
        SELECT publication_id FROM almanac.published
          WHERE pipeline <> $1 OR published_at >= now() - make_interval(days => $2)
        UNION SELECT max(publication_id) FROM almanac.published
        UNION SELECT id FROM (
          SELECT DISTINCT ON (model, as_of) publication_id AS id, as_of
          FROM almanac.published_runs ORDER BY model, as_of, publication_id DESC) AS last
          WHERE as_of >= current_date - $3::integer
        UNION SELECT p.restores FROM almanac.published AS p JOIN kept ON kept.id = p.publication_id
          WHERE p.restores IS NOT NULL)
      SELECT publication_id FROM almanac.published
      WHERE publication_id NOT IN (SELECT id FROM kept WHERE id IS NOT NULL)
      """, [pipeline, String(retention.publicationDays), String(outcomeDays)])
    return try ["published_runs", "published"].map { table in
      Removal(
        table: "almanac.\(table)",
        rows: try connection.run(
          """
          DELETE FROM almanac.\(table)
          WHERE publication_id IN (SELECT id FROM pg_temp.pruned_publications)
          """))
    }
  }

  /// Runs that a publication shows, or has shown.
  private static let published =
    "(SELECT run_id FROM almanac.published UNION SELECT run_id FROM almanac.published_runs)"

  /// Predictions of old runs that no publication shows any more.
  private func predictions(on connection: Connection) throws -> [Removal] {
    let rows = try connection.query(
      """
      SELECT run_id FROM almanac.runs
      WHERE pipeline = $1 AND status <> 'running'
        AND finished_at < now() - make_interval(days => $2)
        AND run_id NOT IN \(Self.published)
      ORDER BY started_at
      """, [pipeline, String(retention.publicationDays)])
    let runs = (0..<rows.count).compactMap { rows[$0, "run_id"] }
    if runs.isEmpty { return [] }
    let tables = PredictionTable.allCases.map(\.name.description) + ["predictions.feature_drift"]
    return try tables.map { table in
      Removal(
        table: table,
        rows: try connection.run(
          "DELETE FROM \(table) WHERE run_id = ANY ($1::uuid[])",
          ["{" + runs.joined(separator: ",") + "}"]))
    }
  }

  /// Old runs that nothing refers to, with what belongs to them.
  ///
  /// The last result of each check stays, for the next night; so do decisions about models.
  private func runs(on connection: Connection) throws -> [Removal] {
    let rows = try connection.query(
      """
      SELECT run_id FROM almanac.runs AS r
      WHERE pipeline = $1 AND status <> 'running'
        AND finished_at < now() - make_interval(days => $2)
        AND run_id NOT IN \(Self.published)
        AND run_id NOT IN (SELECT run_id FROM almanac.model_versions AS v
            WHERE status IN ('champion', 'challenger') OR EXISTS (
              SELECT FROM almanac.model_decisions AS d
              WHERE d.model = v.model AND v.model_version IN (d.model_version, d.previous_version))
          UNION SELECT run_id FROM almanac.watermarks
          UNION (SELECT run_id FROM almanac.runs WHERE manifest_digest IS NOT NULL
            ORDER BY started_at DESC LIMIT 1)
          UNION (SELECT DISTINCT ON (s.stage) s.run_id FROM almanac.stage_runs AS s
            JOIN almanac.runs AS newest ON newest.run_id = s.run_id WHERE s.status = 'succeeded'
            ORDER BY s.stage, newest.logical_date DESC, newest.started_at DESC)
          UNION SELECT run_id FROM almanac.locks WHERE run_id IS NOT NULL)
        AND run_id NOT IN (SELECT run_id FROM almanac.runs WHERE pipeline = $1
          ORDER BY started_at DESC LIMIT \(Self.newestRuns))
        AND run_id NOT IN (SELECT run_id FROM almanac.runs
          WHERE pipeline = $1 AND status = 'succeeded' AND \(LedgerReading.isWhole)
          ORDER BY started_at DESC LIMIT \(Self.newestRuns))
      """, [pipeline, String(retention.runDays)])
    let list = "{" + (0..<rows.count).compactMap { rows[$0, "run_id"] }.joined(separator: ",") + "}"
    var removals: [Removal] = []
    removals.append(
      Removal(
        table: "almanac.source_contract_results",
        rows: try connection.run(
          """
          DELETE FROM almanac.source_contract_results AS old
          WHERE run_id = ANY ($1::uuid[]) AND EXISTS (
            SELECT FROM almanac.source_contract_results AS new
            WHERE new.dataset = old.dataset AND new.check_name = old.check_name
              AND new.checked_at > old.checked_at AND new.run_id <> ALL ($1::uuid[]))
          """, [list])))
    for table in ["stage_runs", "runs"] {
      removals.append(
        Removal(
          table: "almanac.\(table)",
          rows: try connection.run(
            "DELETE FROM almanac.\(table) WHERE run_id = ANY ($1::uuid[])", [list])))
    }
    removals.append(
      Removal(
        table: "almanac.notifications",
        rows: try connection.run(
          """
          DELETE FROM almanac.notifications AS old WHERE pipeline = $1
            AND created_at < now() - make_interval(days => $2)
            AND NOT (kind IN ('failure', 'recovery') AND occurred_at >= (
              SELECT max(occurred_at) FROM almanac.notifications AS new
              WHERE new.pipeline = old.pipeline AND new.kind = old.kind))
          """, [pipeline, String(retention.runDays)])))
    return removals
  }
}
