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
        "SELECT max(model_version) FROM almanac.model_versions WHERE status = 'champion'") ?? "none"
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

    try night("2025-01-20")
    #expect(try decision("2025-01-20")?.hasPrefix("baseline, rejected") == true)
    try checkRefused(in: place)
    try night("2025-04-16")
    let first = try champion()
    try night("2025-04-17")
    let second = try champion()
    #expect(first != second)
    #expect(
      try decision("2025-04-17")
        == "promoted, \(first), champion, a refit of the champion's recipe, not significantly worse "
        + "than it")
    #expect(try rows("2025-04-17") == second)

    try checkOutcomes(in: place)

    // A recipe without what matters most passes its gate, but is not better.
    let file = "models/churn.yaml"
    try place.edit(file, "  use_ratio: {ratio: use, window: 30d, prior: 10}\n", "")
    try place.edit(file, "  use_slope: {slope: use, window: 84d}\n", "")
    try place.edit(file, "for: [use_ratio, use_slope, ", "for: [")
    try night("2025-04-18")
    let kept = try decision("2025-04-18") ?? ""
    #expect(kept.hasPrefix("kept, \(second), "), "\(kept)")
    // By how much the night moved the champion is kept beside what it decided, as rows have it.
    #expect(
      try place.value(
        """
        SELECT (max(abs((SELECT (r->>'contribution')::float8
            FROM jsonb_array_elements(c.reasons) AS r WHERE r->>'feature' = 'base')
          - (SELECT (r->>'contribution')::float8 FROM jsonb_array_elements(f.reasons) AS r
            WHERE r->>'feature' = 'base')
          - (n.checks #>> '{shift,days_0_30}')::float8 + (o.checks #>> '{shift,days_0_30}')::float8
          )) < 1e-9 AND count(*) > 20 AND bool_and(n.checks #>> '{shift,days_0_30}' IS NOT NULL))::text
        FROM predictions.churn_risk AS c JOIN predictions.churn_risk AS f USING (company_id)
        JOIN almanac.gate_results AS n ON n.run_id = c.run_id
        JOIN almanac.gate_results AS o ON o.run_id = f.run_id
        WHERE c.as_of = '2025-04-18' AND f.as_of = '2025-04-17'
          AND NOT c.reasons @> '[{"feature": "scheduled"}]'
          AND NOT f.reasons @> '[{"feature": "scheduled"}]'
        """) == "true")
    #expect(try champion() == second)
    #expect(try rows("2025-04-18") == second)
    #expect(
      try place.value(
        """
        SELECT (bool_and(abs(total - ln(probability / (1 - probability))) < 1e-9)
          AND bool_or(reasons @> '[{"feature": "use_slope"}]'))::text
        FROM predictions.churn_risk, LATERAL (SELECT sum((r->>'contribution')::float8) AS total
          FROM jsonb_array_elements(reasons) AS r) AS sums
        WHERE as_of = '2025-04-18'
        """) == "true")

    // A day of long ago decides nothing.
    try night("2025-04-17")
    let late = try decision("2025-04-17") ?? ""
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
    // What is shown again with another model's rows is no choice of this one.
    let shown = try place.value(
      "SELECT run_id FROM almanac.published ORDER BY publication_id DESC LIMIT 1")
    let again = try place.almanac(["publish", "--run", shown ?? "", "--target", place.url])
    #expect(again.status == 0, "\(again.stderr)")
    #expect(try champion() == first)
    try place.edit(
      file, "  active_days:",
      "  use_ratio: {ratio: use, window: 30d, prior: 10}\n  active_days:")
    try night("2025-04-19")
    let chosen = try decision("2025-04-19") ?? ""
    #expect(chosen.hasPrefix("kept, \(first), challenger, it was chosen by hand"), "\(chosen)")
    #expect(try rows("2025-04-19") == first)
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
            = CASE decision_id WHEN 1 THEN date '2025-04-19' ELSE '2025-04-20' END)
        FROM almanac.model_decisions
        """)
        == "promote \(first) knows the price list; rollback \(second) wrong after all; "
        + "rollback \(first) further true")
    #expect(try place.value("SELECT count(*) FROM almanac.locks WHERE released_at IS NULL") == "0")

    // What there is can be listed, shown and compared; what there is not is said in a line.
    #expect(try models("list", "churn", "--format", "csv").split(separator: "\n").count == 7)
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
      (["show", "churn", ""], 64, "the name of a version is empty"),
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
      try models("promote", "churn", second, "--reason", "x", status: 65)
        .contains("its gate refused it"))
  }

  /// Where no version serves, the card is that of the newest one, and says that it was refused.
  private func checkRefused(in place: Workplace) throws {
    let shown = try place.almanac(["models", "show", "churn", "--target", place.url])
    #expect(shown.status == 0, "\(shown.stderr)")
    for words in [
      "rejected of churn", "refused by its gate: it serves nothing", "log-odds: ",
      "for the rate of the last months",
    ] {
      let flat = shown.stdout.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      #expect(flat.contains(words), "\(words) in \(shown.stdout)")
    }
    let company = try #require(
      try place.value("SELECT min(company_id::text) FROM predictions.churn_risk"))
    let told = try place.almanac(
      ["explain", "churn", company, "--target", place.url, "--project", place.folder.path])
    #expect(told.status == 0, "\(told.stderr)")
    #expect(told.stdout.contains("by base_rate, run ") && told.stdout.contains("rejected of churn"))
  }

  /// What the first night said of 30 days is over by the second, which counts it.
  private func checkOutcomes(in place: Workplace) throws {
    let compared = """
      WITH stops AS (
        SELECT company, max(stop) AS stop FROM oracle.stops('2025-04-17Z') GROUP BY 1),
      expected AS (
        SELECT r.company_id, r.probability::numeric(28,10) AS predicted, r.model_version,
          (stop >= '2025-01-21Z' AND stop < '2025-02-20Z')::int AS actual
        FROM predictions.churn_risk AS r JOIN stops ON company = company_id
        WHERE as_of = '2025-01-20'),
      found AS (
        SELECT company_id, predicted, model_version, actual::int FROM predictions.outcomes
        WHERE model = 'churn' AND measure = 'churn_30d' AND as_of = '2025-01-20'
          AND subject_id = company_id::text AND period_start = '2025-01-21'
          AND matured_at = '2025-04-17Z' AND lower IS NULL)
      """
    #expect(
      try place.value(
        """
        \(compared)
        SELECT concat_ws(', ', (SELECT count(*) > 100 FROM found),
          (SELECT count(*) FROM (TABLE found EXCEPT ALL TABLE expected) AS extra),
          (SELECT count(*) FROM (TABLE expected EXCEPT ALL TABLE found) AS missing),
          (SELECT count(*) FROM predictions.outcomes) - (SELECT count(*) FROM found))
        """) == "t, 0, 0, 0")
    // By month: against pairs and sums over the rows.
    #expect(
      try place.value(
        """
        \(compared), pairs AS (
          SELECT avg(CASE WHEN y.predicted > n.predicted THEN 1.0 WHEN y.predicted = n.predicted
            THEN 0.5 ELSE 0 END) AS auc FROM found AS y, found AS n WHERE y.actual = 1 AND n.actual = 0)
        SELECT concat_ws(', ', month, a.rows = f.rows, events = f.sum,
          abs(roc_auc - auc) < 1e-9, abs(log_loss - loss) < 1e-9, abs(predicted_rate - mean) < 1e-9,
          roc_auc > 0.5)
        FROM predictions.accuracy_by_month AS a, pairs, (
          SELECT count(*) AS rows, sum(actual) AS sum, avg(predicted) AS mean,
            avg(-ln(CASE actual WHEN 1 THEN predicted ELSE 1 - predicted END)) AS loss
          FROM found) AS f
        """) == "2025-01-01, t, t, t, t, t, t")
    let lift = try place.value(
      """
      \(compared), top AS (
        SELECT actual FROM found ORDER BY predicted DESC, company_id
        LIMIT (SELECT ceil(count(*) * 0.1) FROM found))
      SELECT concat_ws(', ', l.rows = (SELECT count(*) FROM top), l.events = (SELECT sum(actual)
          FROM top), abs(share_of_events - (SELECT sum(actual) FROM top)::float8
          / (SELECT sum(actual) FROM found)) < 1e-9, lift > 1,
        (SELECT (count(*), sum(rows), sum(events)) = (SELECT 10, count(*), sum(actual)
          FROM found) FROM predictions.calibration_by_month))
      FROM predictions.lift_by_month AS l WHERE share = 0.1
      """)
    #expect(lift == "t, t, t, t, t")
  }
}
