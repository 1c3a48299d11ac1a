import AlmanacCore
import Postgres

/// What the ledger keeps of one fit: the version with its scores, and what was decided of it.
struct VersionRecord {
  /// What serves from now on.
  enum Decision: String {
    /// What was fitted.
    case promoted
    /// The champion that was there.
    case kept
    /// Neither, but what stands in for a model.
    case baseline
  }

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
  /// Whether the gate let the version through.
  let isPublished: Bool
  /// What serves from now on.
  let decision: Decision
  /// Why, in one line.
  let reason: String
  /// The champion that the version was held against; `nil` if there was none.
  var champion: String?
  /// The checks that led to the decision, as JSON; `nil` for those of ``gateJSON``.
  var checksJSON: String?

  /// Writes the version and the decision, and retires another version that was the champion unless
  /// that one is kept.
  ///
  /// - Throws: `PostgresError`.
  func write(run: UUIDValue, on connection: Connection) throws {
    if decision != .kept {
      try connection.run(
        """
        UPDATE almanac.model_versions SET status = 'retired'
        WHERE model = $1 AND status = 'champion' AND model_version <> $2
        """, [model, version ?? ""])
    }
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
          training.end.description, dataDigest, scoresJSON, gateJSON, status, run.description,
        ])
    }
    try connection.run(
      """
      INSERT INTO almanac.gate_results (run_id, model, model_version, champion_version, baseline,
        passed, decision, reason, checks, decided_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now())
      """,
      [
        run.description, model, version, champion, baseline, String(isPublished),
        decision.rawValue, reason, checksJSON ?? gateJSON,
      ])
  }

  private var status: String {
    if decision == .promoted { return "champion" }
    return isPublished ? "challenger" : "rejected"
  }
}
