import Postgres

/// Makes a version the champion because a person says so, in one fenced transaction that records who
/// and why (DECISIONS.md, D-522).
package struct ModelChoice {
  private let lock: RunLock
  private let user: String
  private let reason: String

  /// A choice of a user for a reason.
  package init(_ lock: RunLock, user: String, reason: String) {
    self.lock = lock
    self.user = user
    self.reason = reason
  }

  /// Makes a version the champion of its model.
  ///
  /// - Returns: the champion that was there before.
  /// - Throws: ``PipelineError/cannotChoose(version:reason:)`` for one that may not serve,
  ///   ``PipelineError/lockLost``, a `PostgresError`; nothing has changed then.
  @discardableResult
  package func promote(_ version: ModelVersions.Version) throws -> String? {
    try lock.write { try choose(version, "promote", on: $0) }
  }

  /// Makes the version the champion that was it before the present one; called again, the one before
  /// that.
  ///
  /// - Parameter model: the model's name.
  /// - Returns: the new champion, and the one before.
  /// - Throws: as ``promote(_:)``, and ``PipelineError/noSuchVersion(what:)`` where there was none
  ///   before.
  package func rollBack(
    _ model: String
  ) throws -> (version: ModelVersions.Version, previous: String?) {
    try lock.write { connection in
      let name = try ModelChoice.before(model, on: connection)
      let version = try ModelVersions(connection).version(of: model, name)
      return (version, try choose(version, "rollback", on: connection))
    }
  }

  private func choose(
    _ version: ModelVersions.Version, _ decision: String, on connection: Connection
  ) throws -> String? {
    // Of other models each night serves what it fitted, and would undo the choice.
    let rows = try connection.query(
      """
      SELECT jsonb_path_exists(coefficients, '$.*.judgement') AS is_kept, (SELECT model_version
          FROM almanac.model_versions WHERE model = $1 AND status = 'champion') AS champion
      FROM almanac.model_versions WHERE model = $1 AND model_version = $2
      """, [version.model, version.version])
    func refused(_ reason: String) -> PipelineError {
      .cannotChoose(version: version.version, reason: reason)
    }
    guard rows.count == 1, rows[0, "is_kept"] == "t" else {
      throw refused(
        "each night fits \(version.model) anew and serves that; "
          + "`almanac publish --run` shows what an earlier night said")
    }
    guard version.isPassed == true else {
      throw refused("its gate refused it: \(version.reason ?? "no decision is kept")")
    }
    let previous = rows[0, "champion"]
    try connection.run(
      """
      UPDATE almanac.model_versions SET status = 'retired'
      WHERE model = $1 AND status = 'champion' AND model_version <> $2
      """, [version.model, version.version])
    try connection.run(
      """
      UPDATE almanac.model_versions SET status = 'champion' WHERE model = $1 AND model_version = $2
      """, [version.model, version.version])
    try connection.run(
      """
      INSERT INTO almanac.model_decisions (model, model_version, previous_version, decision,
        decided_by, reason, known_until)
      SELECT $1, $2, $3, $4, $5, $6, max(training_end) FROM almanac.model_versions WHERE model = $1
      """, [version.model, version.version, previous, decision, user, reason])
    return previous
  }

  /// The champion before the present one.
  ///
  /// A rollback counts as the place in history that it went back to.
  private static func before(_ model: String, on connection: Connection) throws -> String {
    let rows = try connection.query(
      """
      SELECT version, is_back FROM (
        SELECT decided_at AS at, 0 AS place, CASE WHEN decision = 'promoted' THEN model_version END
          AS version, false AS is_back
        FROM almanac.gate_results WHERE model = $1 AND decision <> 'kept'
        UNION ALL
        SELECT decided_at, decision_id, model_version, decision = 'rollback'
        FROM almanac.model_decisions WHERE model = $1) AS history ORDER BY at, place
      """, [model])
    let history = (0..<rows.count).map { (rows[$0, "version"], rows[$0, "is_back"] == "t") }
    var current = history.count
    for (index, (version, isBack)) in history.enumerated() {
      current =
        isBack ? history[..<current].lastIndex { $0.0 == version && !$0.1 } ?? index : index
    }
    // An earlier publication that is shown again brings its champion back and is no decision here.
    let present = try connection.query(
      "SELECT model_version FROM almanac.model_versions WHERE model = $1 AND status = 'champion'",
      [model])
    if present.count == 1, let version = present[0, 0],
      current < history.count && history[current].0 != version,
      let place = history.lastIndex(where: { $0.0 == version && !$0.1 })
    {
      current = place
    }
    let passed = try connection.query(
      """
      SELECT DISTINCT model_version FROM almanac.gate_results AS g
      JOIN almanac.model_versions USING (model, model_version) WHERE model = $1 AND passed
      """, [model])
    let known = Set((0..<passed.count).compactMap { passed[$0, "model_version"] })
    let champion = current < history.count ? history[current].0 : nil
    let earlier = history[..<min(current, history.count)].last { version, isBack in
      !isBack && version != champion && version.map { known.contains($0) } ?? false
    }
    guard let version = earlier?.0 else {
      throw PipelineError.noSuchVersion(what: "\(model) had no other champion before")
    }
    return version
  }
}
