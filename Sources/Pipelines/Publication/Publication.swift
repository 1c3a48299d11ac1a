package import Postgres

/// What readers see from one instant on: the run of each model.
package struct Publication: Sendable, Equatable {
  /// Its identity, ever greater.
  package var id: Int
  /// The latest day its models predicted for.
  package var asOf: String
  /// Its models and the number of rows of each, by name.
  package var models: [(name: String, rows: Int)]

  package static func == (one: Publication, other: Publication) -> Bool {
    one.id == other.id && one.asOf == other.asOf
      && one.models.map(\.name) == other.models.map(\.name)
      && one.models.map(\.rows) == other.models.map(\.rows)
  }

  /// The channel on which listeners hear of a publication.
  package static let channel = "almanac_published"
}

/// Moves the pointer that readers follow, in one fenced transaction.
///
/// Such a transaction adds a few rows whatever the number of predictions, because these are in
/// their tables already. Its commit is the instant at which all readers see all models of the
/// publication, and at which listeners are told.
package struct Publisher {
  private let lock: RunLock

  /// A publisher that writes as the holder of the lock.
  package init(_ lock: RunLock) {
    self.lock = lock
  }

  /// Publishes what a run predicted; models it did not predict keep the run they have.
  ///
  /// - Parameters:
  ///   - predictions: what the run predicted, counted under the same lock.
  ///   - pipeline: the name of the pipeline.
  ///   - isByHand: whether a person asked for this run, so that its versions become champions again.
  ///   - recording: what else the transaction does, such as noting it in the ledger.
  /// - Returns: the publication.
  /// - Throws: ``PipelineError/nothingToPublish(run:)`` for a run without rows,
  ///   ``PipelineError/lockLost``, a `PostgresError`; nothing has changed then.
  @discardableResult
  package func publish(
    _ predictions: RunPredictions, pipeline: String, isByHand: Bool = false,
    recording: (Connection, Publication) throws -> Void = { _, _ in }
  ) throws -> Publication {
    guard let first = predictions.models.first else {
      throw PipelineError.nothingToPublish(run: predictions.run)
    }
    let names =
      "[" + predictions.models.map { JSONText.quoted($0.name) }.joined(separator: ",") + "]"
    let latest = predictions.models.map(\.asOf).max() ?? first.asOf
    return try lock.write { connection in
      let published = try connection.query(
        """
        WITH ours AS (SELECT json_array_elements_text($5::json) AS model)
        INSERT INTO almanac.published (pipeline, run_id, token, as_of, valid_until)
        SELECT $1, $2, $3, greatest($4::date, max(before.as_of)),
          least(\(Publisher.least(predictions.models.count)), min(before.valid_until))
        FROM almanac.published_runs AS before
        WHERE before.publication_id = (SELECT max(publication_id) FROM almanac.published)
          AND before.model NOT IN (SELECT model FROM ours)
        RETURNING publication_id
        """,
        [pipeline, predictions.run, String(lock.token), latest, names]
          + predictions.models.map(\.validUntil))
      let publication = published[0, "publication_id"] ?? ""
      for model in predictions.models {
        try connection.run(
          """
          INSERT INTO almanac.published_runs (publication_id, model, run_id, model_version, as_of,
            recorded_cut, valid_until, rows) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
          """,
          [
            publication, model.name, predictions.run, model.version, model.asOf,
            model.recordedCut, model.validUntil, String(model.rows),
          ])
      }
      try connection.run(
        """
        INSERT INTO almanac.published_runs (publication_id, model, run_id, model_version, as_of,
          recorded_cut, valid_until, rows)
        SELECT $1::bigint, before.model, before.run_id, before.model_version, before.as_of,
          before.recorded_cut, before.valid_until, before.rows
        FROM almanac.published_runs AS before
        WHERE before.publication_id = (
            SELECT max(publication_id) FROM almanac.published WHERE publication_id < $1::bigint)
          AND before.model NOT IN (SELECT json_array_elements_text($2::json))
        """, [publication, names])
      return try conclude(publication, isByHand: isByHand, on: connection, recording)
    }
  }

  /// Brings an earlier publication back, as a new one that names the same runs.
  ///
  /// - Parameter wanted: the publication; `nil` is the one before what is in force.
  /// - Returns: the new publication and the one it brings back; the former is `nil` if that one is
  ///   in force already and nothing was done.
  /// - Throws: ``PipelineError/noSuchRun(what:)`` if there is none,
  ///   ``PipelineError/cannotRestore(publication:model:)`` if its predictions are not kept,
  ///   ``PipelineError/lockLost``, a `PostgresError`; nothing has changed then.
  package func rollBack(to wanted: Int?) throws -> (new: Publication?, restored: Int) {
    let target = try restorable(wanted)
    if target.isInForce { return (nil, target.id) }
    let kept = try lock.connection.query(
      "SELECT model, run_id, rows FROM almanac.published_runs WHERE publication_id = $1",
      [String(target.id)])
    var counted: [String: RunPredictions] = [:]
    for row in 0..<kept.count {
      let run = kept[row, "run_id"] ?? ""
      let predictions = try counted[run] ?? RunPredictions(lock.connection, run: run)
      counted[run] = predictions
      let model = kept[row, "model"] ?? ""
      let rows = predictions.models.first { $0.name == model }?.rows
      guard rows == kept[row, "rows"].flatMap({ Int($0) }) else {
        throw PipelineError.cannotRestore(publication: target.id, model: model)
      }
    }
    let publication = try lock.write { connection in
      let published = try connection.query(
        """
        INSERT INTO almanac.published (pipeline, run_id, token, restores, as_of, valid_until)
        SELECT pipeline, run_id, $2, publication_id, as_of, valid_until
        FROM almanac.published WHERE publication_id = $1 RETURNING publication_id
        """, [String(target.id), String(lock.token)])
      let publication = published[0, "publication_id"] ?? ""
      try connection.run(
        """
        INSERT INTO almanac.published_runs (publication_id, model, run_id, model_version, as_of,
          recorded_cut, valid_until, rows)
        SELECT $2::bigint, model, run_id, model_version, as_of, recorded_cut, valid_until, rows
        FROM almanac.published_runs WHERE publication_id = $1
        """, [String(target.id), publication])
      return try conclude(publication, isByHand: true, on: connection) { _, _ in }
    }
    return (publication, target.id)
  }

  /// The publication to bring back, and whether its runs are in force.
  ///
  /// A publication that itself brought another back counts as that other one, so that going back
  /// twice goes two steps back.
  private func restorable(_ wanted: Int?) throws -> (id: Int, isInForce: Bool) {
    let rows = try lock.connection.query(
      "SELECT publication_id, restores FROM almanac.published ORDER BY publication_id")
    var roots: [Int: Int] = [:]
    var ids: [Int] = []
    for row in 0..<rows.count {
      guard let id = rows[row, "publication_id"].flatMap({ Int($0) }) else { continue }
      let restored = rows[row, "restores"].flatMap { Int($0) }
      roots[id] = restored.map { roots[$0] ?? $0 } ?? id
      ids.append(id)
    }
    guard let last = ids.last, let current = roots[last] else {
      throw PipelineError.noSuchRun(what: "nothing was published yet")
    }
    if let wanted {
      guard let root = roots[wanted] else {
        throw PipelineError.noSuchRun(what: "there is no publication \(wanted)")
      }
      return (root, root == current)
    }
    guard let before = ids.last(where: { $0 < current }), let root = roots[before] else {
      throw PipelineError.noSuchRun(what: "there is no publication before \(current)")
    }
    return (root, root == current)
  }

  /// The parameters from the sixth on, as arguments of a function.
  private static func least(_ count: Int) -> String {
    (0..<count).map { "$\($0 + 6)::timestamptz" }.joined(separator: ", ")
  }

  /// Does what every publication ends with, and tells listeners once it is committed.
  private func conclude(
    _ publication: String, isByHand: Bool, on connection: Connection,
    _ recording: (Connection, Publication) throws -> Void
  ) throws -> Publication {
    if isByHand { try restoreChampions(of: publication, on: connection) }
    let row = try connection.query(
      """
      SELECT pipeline, run_id, restores, as_of,
        to_char(published_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS published_at,
        to_char(valid_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS valid_until
      FROM almanac.published WHERE publication_id = $1
      """, [publication])
    let models = try connection.query(
      """
      SELECT model, rows FROM almanac.published_runs WHERE publication_id = $1
      ORDER BY model COLLATE "C"
      """, [publication])
    let result = Publication(
      id: Int(publication) ?? 0, asOf: row[0, "as_of"] ?? "",
      models: (0..<models.count).map { index in
        (models[index, "model"] ?? "", models[index, "rows"].flatMap { Int($0) } ?? 0)
      })
    try recording(connection, result)
    var payload = JSONText()
    payload.add("publication_id", raw: publication)
    payload.add("published_at", text: row[0, "published_at"])
    payload.add("pipeline", text: row[0, "pipeline"])
    payload.add("run_id", text: row[0, "run_id"])
    payload.add("restores", raw: row[0, "restores"] ?? "null")
    payload.add("as_of", text: row[0, "as_of"])
    payload.add("valid_until", text: row[0, "valid_until"])
    let short = payload.finish()
    payload.add("models", texts: result.models.map(\.name))
    let whole = payload.finish()
    // The server takes less than 8000 bytes.
    try connection.run(
      "SELECT pg_notify($1, $2)",
      [Publication.channel, whole.utf8.count < 8_000 ? whole : short])
    return result
  }

  /// Makes the versions of a publication champions that a later one retired, or that were kept
  /// beside a champion.
  ///
  /// What it only takes over from the publication before stays as it is: somebody may have chosen
  /// another champion since.
  private func restoreChampions(of publication: String, on connection: Connection) throws {
    let others = """
      SELECT v.model, v.model_version FROM almanac.published_runs AS r
      JOIN almanac.model_versions AS v ON v.model = r.model AND v.model_version = r.model_version
      WHERE r.publication_id = $1 AND v.status IN ('retired', 'challenger')
        AND NOT EXISTS (SELECT FROM almanac.published_runs AS before
          WHERE before.publication_id = (SELECT max(publication_id) FROM almanac.published
              WHERE publication_id < $1)
            AND before.model = r.model AND before.run_id = r.run_id
            AND before.model_version = r.model_version)
      """
    let versions = try connection.query(others, [publication])
    for row in 0..<versions.count {
      let model = versions[row, "model"]
      try connection.run(
        """
        UPDATE almanac.model_versions SET status = 'retired'
        WHERE model = $1 AND status = 'champion'
        """, [model])
      try connection.run(
        """
        UPDATE almanac.model_versions SET status = 'champion'
        WHERE model = $1 AND model_version = $2
        """, [model, versions[row, "model_version"]])
    }
  }
}
