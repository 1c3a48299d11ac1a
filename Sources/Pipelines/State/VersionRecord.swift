import AlmanacCore
import Postgres

/// What the ledger keeps of one fit: the version with its scores, and what its gate decided.
struct VersionRecord {
  /// The model's name.
  let model: String
  /// What stands in for a version that is not published.
  let baseline: String
  /// The version; `nil` where nothing could be fitted, of which only the decision is kept.
  let version: String?
  /// The definition as JSON.
  let specificationJSON: String
  /// What was fitted, as JSON.
  let coefficientsJSON: String
  /// The first day that is learned from, and the day after the last.
  let training: (start: CalendarDate, end: CalendarDate)
  /// The digest of what is learned from.
  let dataDigest: String
  /// The scores as JSON.
  let scoresJSON: String
  /// Each check of the gate with its figures, as JSON.
  let gateJSON: String
  /// Why the gate decided as it did, in one line.
  let gateReason: String
  /// Whether the gate passed.
  let isPublished: Bool

  /// Writes the version and the decision, and retires another version that was the champion.
  ///
  /// - Throws: `PostgresError`.
  func write(run: UUIDValue, on connection: Connection) throws {
    try connection.run(
      """
      UPDATE almanac.model_versions SET status = 'retired'
      WHERE model = $1 AND status = 'champion' AND model_version <> $2
      """, [model, version ?? ""])
    if let version {
      try connection.run(
        """
        INSERT INTO almanac.model_versions (model, model_version, specification, coefficients,
          training_start, training_end, data_digest, scores, gate, status, created_at, run_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, now(), $11)
        ON CONFLICT (model, model_version) DO UPDATE SET status = excluded.status,
          run_id = excluded.run_id
        """,
        [
          model, version, specificationJSON, coefficientsJSON, training.start.description,
          training.end.description, dataDigest, scoresJSON, gateJSON,
          isPublished ? "champion" : "rejected", run.description,
        ])
    }
    try connection.run(
      """
      INSERT INTO almanac.gate_results (run_id, model, model_version, baseline, passed, decision,
        reason, checks, decided_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now())
      """,
      [
        run.description, model, version, baseline, String(isPublished),
        isPublished ? "promoted" : "baseline", gateReason, gateJSON,
      ])
  }
}
