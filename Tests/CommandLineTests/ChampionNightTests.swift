import TestSupport
import Testing

/// Nights one after another, of which each has to do with the model of the one before.
@Suite("Nights with a champion of churn", .database)
struct ChampionNightTests {
  @Test("a refit replaces the champion, a new recipe has to be better, and both are recorded")
  func champions() throws {
    let place = try ChurnWorld.workplace()
    func night(_ date: String) throws {
      let night = try place.night(date)
      try #require(night.status == 0, "\(night.stderr)")
    }
    func champion() throws -> String {
      try place.value(
        "SELECT model_version FROM almanac.model_versions WHERE status = 'champion'") ?? "none"
    }
    func decision(_ date: String) throws -> String? {
      try place.value(
        """
        SELECT concat_ws(', ', decision, champion_version, (SELECT status FROM almanac.model_versions
            AS v WHERE v.model_version = g.model_version), g.reason)
        FROM almanac.gate_results AS g JOIN almanac.runs USING (run_id)
        WHERE logical_date = '\(date)' ORDER BY started_at DESC LIMIT 1
        """)
    }
    func rows(_ date: String) throws -> String? {
      try place.value(
        """
        SELECT string_agg(DISTINCT model_version, ' ') FROM predictions.churn_risk
        WHERE run_id = (SELECT run_id FROM almanac.runs WHERE logical_date = '\(date)'
          ORDER BY started_at DESC LIMIT 1)
        """)
    }

    try night("2025-04-15")
    let first = try champion()
    try night("2025-04-16")
    let second = try champion()
    #expect(first != second)
    #expect(
      try decision("2025-04-16")
        == "promoted, \(first), champion, a refit of the champion's recipe, not significantly worse "
        + "than it")
    #expect(try rows("2025-04-16") == second)

    // A recipe without what matters most passes its gate, but is not better.
    let file = "models/churn.yaml"
    try place.edit(file, "  use_ratio: {ratio: use, window: 30d, prior: 10}\n", "")
    try place.edit(file, "  use_slope: {slope: use, window: 84d}\n", "")
    try night("2025-04-17")
    let kept = try decision("2025-04-17") ?? ""
    #expect(kept.hasPrefix("kept, \(second), "), "\(kept)")
    #expect(try champion() == second)
    #expect(try rows("2025-04-17") == second)
    #expect(
      try place.value(
        """
        SELECT (bool_and(abs(total - ln(probability / (1 - probability))) < 1e-9)
          AND bool_or(reasons @> '[{"feature": "use_slope"}]'))::text
        FROM predictions.churn_risk, LATERAL (SELECT sum((r->>'contribution')::float8) AS total
          FROM jsonb_array_elements(reasons) AS r) AS sums
        WHERE as_of = '2025-04-17'
        """) == "true")

    // A day of long ago decides nothing.
    try night("2025-04-16")
    let late = try decision("2025-04-16") ?? ""
    #expect(late.hasPrefix("kept, \(second), "), "\(late)")
    #expect(try champion() == second)
  }
}
