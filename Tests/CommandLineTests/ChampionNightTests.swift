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

    // A person may choose otherwise, and is on record.
    func models(_ arguments: String..., status: Int32 = 0) throws -> String {
      let result = try place.almanac(["models"] + arguments + ["--target", place.url])
      #expect(result.status == status, "\(arguments): \(result.stderr)")
      return status == 0 ? result.stdout : result.stderr
    }
    let digits = String(first.dropFirst("churn-".count).prefix(6))
    #expect(
      try models("promote", "churn", digits, "--reason", " knows  the price list ")
        == "\(first) serves from the next night on, instead of \(second)\n")
    #expect(try champion() == first)
    try place.edit(
      file, "  active_days:",
      "  use_ratio: {ratio: use, window: 30d, prior: 10}\n  active_days:")
    try night("2025-04-18")
    let chosen = try decision("2025-04-18") ?? ""
    #expect(chosen.hasPrefix("kept, \(first), challenger, it was chosen by hand"), "\(chosen)")
    #expect(try rows("2025-04-18") == first)
    #expect(
      try models("rollback", "churn", "--reason", "wrong after all")
        == "\(second) serves from the next night on, instead of \(first)\n")
    #expect(
      try models("rollback", "churn", "--reason", "further")
        == "\(first) serves from the next night on, instead of \(second)\n")
    #expect(
      try models("rollback", "churn", "--reason", "further", status: 66)
        .contains("had no other champion before"))
    #expect(
      try place.value(
        """
        SELECT string_agg(decision || ' ' || model_version || ' ' || reason, '; '
          ORDER BY decision_id) || ' ' || bool_and(decided_by LIKE '_% on _%' AND known_until
            = CASE decision_id WHEN 1 THEN date '2025-04-18' ELSE '2025-04-19' END)
        FROM almanac.model_decisions
        """)
        == "promote \(first) knows the price list; rollback \(second) wrong after all; "
        + "rollback \(first) further true")
    #expect(try place.value("SELECT count(*) FROM almanac.locks WHERE released_at IS NULL") == "0")

    // What there is can be listed, shown and compared; what there is not is said in a line.
    #expect(try models("list", "churn", "--format", "csv").split(separator: "\n").count == 6)
    let card = try models("show", "churn")
    #expect(card.hasPrefix("\(first), champion of churn\n"), "\(card)")
    for words in ["by ", "wrong after all", "roc_auc", "days_0_30: coefficients", "use_ratio"] {
      let flat = card.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      #expect(flat.contains(words), "\(words) in \(card)")
    }
    let compared = try models("compare", "churn", first, second)
    #expect(compared.contains("log_loss_gain_over_champion") == false)
    #expect(compared.contains("log_loss_gain_over.base_rate.estimate"), "\(compared)")
    for (arguments, status, words) in [
      (["promote", "churn", first], 64, "--reason is missing"),
      (["promote", "churn", first, "--reason", " "], 64, "--reason is missing"),
      (["promote", "churn", "--reason", "x"], 64, "name the version"),
      (["show", "churn", "nothing"], 66, "there is no version nothing of churn"),
      (["show", "churn", "churn-"], 66, "several versions of churn begin with churn-"),
      (["show", "revenue"], 66, "no version of a model revenue is kept, only of churn"),
      (["shwo"], 64, "did you mean \"show\"?"),
      (["list", "--reason", "x"], 64, "--reason means nothing"),
    ] {
      let result = try place.almanac(["models"] + arguments + ["--target", place.url])
      #expect(result.status == Int32(status), "\(arguments): \(result.stderr)")
      #expect(result.stderr.contains(words), "\(result.stderr)")
      #expect(result.stderr.split(separator: "\n").count == 1)
    }
    try place.sql(
      """
      UPDATE almanac.gate_results SET passed = false WHERE model_version = '\(second)';
      """)
    #expect(
      try models("promote", "churn", second, "--reason", "x", status: 66)
        .contains("its gate refused it"))
  }
}
