package import Postgres

/// The versions of models that the ledger keeps, and which of them serves.
package struct ModelVersions {
  /// One version.
  package struct Version: Sendable, Equatable {
    package var model: String
    package var version: String
    /// `champion`, `challenger`, `rejected` or `retired`.
    package var status: String
    /// The first day that it was learned from, and the day after the last.
    package var trainingStart: String
    package var trainingEnd: String
    /// When it was fitted, `YYYY-MM-DD HH:MM:SS` UTC, and by which run.
    package var fittedAt: String
    package var run: String
    package var dataDigest: String
    /// Whether its gate let it through; `nil` where no decision is kept.
    package var isPassed: Bool?
    /// What the last night decided that fitted it: `promoted`, `kept` or `baseline`, and why.
    package var decision: String?
    package var reason: String?
  }

  /// A choice that a person made.
  package struct Choice: Sendable, Equatable {
    /// `promote` or `rollback`.
    package var decision: String
    package var version: String
    package var previous: String?
    package var user: String
    package var reason: String
    /// When, `YYYY-MM-DD HH:MM:SS` UTC.
    package var time: String
  }

  /// A figure or word of a version's scores or gate.
  package struct Figure: Sendable, Equatable {
    /// `scores`, `gate` or `comparison`.
    package var part: String
    /// Which of the version's models, such as `days_0_30` or `month`; empty for all of them.
    package var span: String
    /// The path of its name within the span.
    package var name: String
    package var value: String
  }

  private let connection: Connection

  /// A reading of the target.
  package init(_ connection: Connection) {
    self.connection = connection
  }

  /// The versions, of one model or of all, by model and the newest first.
  ///
  /// - Parameters:
  ///   - model: the model's name; `nil` for all.
  ///   - limit: how many of each model at most.
  /// - Returns: the versions, and the number that there are.
  /// - Throws: ``PipelineError/noSuchVersion(what:)`` for a model of which nothing is kept; a
  ///   `PostgresError`.
  package func list(model: String?, limit: Int) throws -> (versions: [Version], total: Int) {
    if let model { try checkModel(model) }
    let rows = try connection.query(
      ModelVersions.query + """
         WHERE ($1::text IS NULL OR model = $1) AND place <= $2
        ORDER BY model COLLATE "C", place
        """, [model, String(limit)])
    let total = try connection.query(
      "SELECT count(*) AS n FROM almanac.model_versions WHERE $1::text IS NULL OR model = $1",
      [model])
    return (
      (0..<rows.count).map { ModelVersions.version(rows, $0) },
      total[0, "n"].flatMap { Int($0) } ?? 0
    )
  }

  /// One version.
  ///
  /// - Parameters:
  ///   - model: the model's name.
  ///   - name: the version, or its first characters, with or without the model's name; `nil` for the
  ///     champion, or where none serves the newest one.
  /// - Returns: the version.
  /// - Throws: ``PipelineError/noSuchVersion(what:)`` where it is none or several; a
  ///   `PostgresError`.
  package func version(of model: String, _ name: String?) throws -> Version {
    try checkModel(model)
    let rows = try connection.query(
      ModelVersions.query + """
         WHERE model = $1 AND ($2::text IS NULL
          OR starts_with(model_version, $2) OR starts_with(model_version, $1 || '-' || $2))
        ORDER BY model_version = $2 DESC, $2::text IS NULL AND status = 'champion' DESC, place LIMIT 2
        """, [model, name])
    guard rows.count > 0 else {
      throw PipelineError.noSuchVersion(
        what: "there is no version \(name ?? "") of \(model)")
    }
    let first = ModelVersions.version(rows, 0)
    if let name, rows.count > 1, first.version != name {
      throw PipelineError.noSuchVersion(
        what: "several versions of \(model) begin with \(name); give more of it")
    }
    return first
  }

  /// The version that a run fitted, whatever came of it; `nil` where it fitted none.
  package func fitted(_ model: String, by run: String) throws -> Version? {
    let rows = try connection.query(
      ModelVersions.query + """
         WHERE model = $1 AND model_version = (SELECT model_version FROM almanac.gate_results
          WHERE run_id = $2 AND model = $1 ORDER BY decided_at DESC LIMIT 1)
        """, [model, run])
    return rows.count > 0 ? ModelVersions.version(rows, 0) : nil
  }

  /// The newest version beside another one.
  package func newest(of model: String, besides other: String) throws -> Version {
    let rows = try connection.query(
      ModelVersions.query + " WHERE model = $1 AND model_version <> $2 ORDER BY place LIMIT 1",
      [model, other])
    guard rows.count > 0 else {
      throw PipelineError.noSuchVersion(what: "\(model) has no version besides \(other)")
    }
    return ModelVersions.version(rows, 0)
  }

  /// What people chose of a version, the newest first.
  package func choices(of version: Version) throws -> [Choice] {
    let rows = try connection.query(
      """
      SELECT decision, model_version, previous_version, decided_by, reason,
        to_char(decided_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS at
      FROM almanac.model_decisions WHERE model = $1 AND $2 IN (model_version, previous_version)
      ORDER BY decision_id DESC
      """, [version.model, version.version])
    return (0..<rows.count).map { row in
      Choice(
        decision: rows[row, "decision"] ?? "", version: rows[row, "model_version"] ?? "",
        previous: rows[row, "previous_version"], user: rows[row, "decided_by"] ?? "",
        reason: rows[row, "reason"] ?? "", time: rows[row, "at"] ?? "")
    }
  }

  /// Each figure of a version's scores and gate, by part, span and name.
  package func figures(of version: Version) throws -> [Figure] {
    try figures(
      """
      SELECT v.part, ARRAY[e.key] AS path, e.value FROM almanac.model_versions AS m,
        LATERAL (VALUES ('scores', m.scores), ('gate', m.gate)) AS v (part, document),
        LATERAL jsonb_each(CASE WHEN jsonb_typeof(v.document) = 'object' THEN v.document END) AS e
      WHERE m.model = $1 AND m.model_version = $2
      """, [version.model, version.version])
  }

  /// What a night found that held one version against another, if one did.
  package func comparison(_ version: Version, _ champion: Version) throws -> [Figure] {
    try figures(
      """
      SELECT 'comparison' AS part, ARRAY['', e.key] AS path, e.value
      FROM (SELECT checks FROM almanac.gate_results WHERE model = $1 AND model_version = $2
          AND champion_version = $3 ORDER BY decided_at DESC LIMIT 1) AS g,
        LATERAL jsonb_each(g.checks) AS e
      WHERE e.key = 'log_loss_gain_over_champion'
      """, [version.model, version.version, champion.version])
  }

  /// The documents of what was fitted, by span.
  func fitTexts(of version: Version) throws -> [(span: String, text: String)] {
    let rows = try connection.query(
      """
      SELECT e.key, e.value FROM almanac.model_versions AS m, LATERAL jsonb_each(m.coefficients) AS e
      WHERE m.model = $1 AND m.model_version = $2 AND jsonb_typeof(e.value) = 'object'
        AND e.value ?& ARRAY['judgement', 'model']
      ORDER BY e.key
      """, [version.model, version.version])
    return (0..<rows.count).map { (rows[$0, "key"] ?? "", rows[$0, "value"] ?? "") }
  }

  private func figures(_ start: String, _ parameters: [String?]) throws -> [Figure] {
    let rows = try connection.query(
      """
      WITH RECURSIVE flat (part, path, value) AS (
        \(start)
        UNION ALL
        SELECT part, path || e.key, e.value FROM flat,
          LATERAL jsonb_each(CASE WHEN jsonb_typeof(flat.value) = 'object' THEN flat.value END) AS e)
      SELECT part, CASE WHEN cardinality(path) > 1 THEN path[1] ELSE '' END AS span,
        array_to_string(CASE WHEN cardinality(path) > 1 THEN path[2:] ELSE path END, '.') AS name,
        value #>> '{}' AS value
      FROM flat WHERE jsonb_typeof(value) NOT IN ('object', 'array', 'null')
      ORDER BY part DESC, path COLLATE "C"
      """, parameters)
    return (0..<rows.count).map { row in
      Figure(
        part: rows[row, "part"] ?? "", span: rows[row, "span"] ?? "",
        name: rows[row, "name"] ?? "", value: rows[row, "value"] ?? "")
    }
  }

  private func checkModel(_ model: String) throws {
    let rows = try connection.query(
      "SELECT DISTINCT model FROM almanac.model_versions ORDER BY model")
    let known = (0..<rows.count).compactMap { rows[$0, "model"] }
    guard !known.contains(model) else { return }
    throw PipelineError.noSuchVersion(
      what: "no version of a model \(model) is kept"
        + (known.isEmpty ? "; none was fitted yet" : ", only of \(known.joined(separator: ", "))"))
  }

  private static func version(_ rows: ResultRows, _ row: Int) -> Version {
    Version(
      model: rows[row, "model"] ?? "", version: rows[row, "model_version"] ?? "",
      status: rows[row, "status"] ?? "", trainingStart: rows[row, "training_start"] ?? "",
      trainingEnd: rows[row, "training_end"] ?? "", fittedAt: rows[row, "fitted_at"] ?? "",
      run: rows[row, "run_id"] ?? "", dataDigest: rows[row, "data_digest"] ?? "",
      isPassed: rows[row, "passed"].map { $0 == "t" }, decision: rows[row, "decision"],
      reason: rows[row, "reason"])
  }

  private static let query = """
    SELECT * FROM (
      SELECT v.model, v.model_version, v.status, v.training_start, v.training_end, v.run_id,
        v.data_digest,
        to_char(v.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS fitted_at,
        g.passed, g.decision, g.reason, row_number() OVER (PARTITION BY v.model
          ORDER BY v.training_end DESC, v.created_at DESC, v.model_version) AS place
      FROM almanac.model_versions AS v LEFT JOIN LATERAL (
        SELECT passed, decision, reason FROM almanac.gate_results AS g
        WHERE g.model = v.model AND g.model_version = v.model_version
        ORDER BY decided_at DESC LIMIT 1) AS g ON true) AS versions
    """
}
