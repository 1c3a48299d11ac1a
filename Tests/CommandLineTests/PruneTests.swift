import Foundation
import TestSupport
import Testing

/// `almanac prune` on a ledger of made-up nights.
@Suite("Pruning")
struct PruneTests {
  /// Four hundred nights by SQL: a run each, every second one published, each with predictions; a
  /// rollback to the oldest publication 20 days ago; a champion from night 390; and failed runs.
  private static let nights = """
    INSERT INTO almanac.runs (run_id, pipeline, logical_date, settings_digest, status, started_at,
      finished_at, jobs, program_version)
    SELECT md5('run' || n)::uuid, CASE WHEN n % 50 = 1 THEN 'hourly' ELSE 'nightly' END,
      current_date - n, 'x', CASE WHEN n % 7 = 3 THEN 'failed' ELSE 'succeeded' END,
      now() - make_interval(days => n), now() - make_interval(days => n), 1, '1'
    FROM generate_series(1, 400) n;
    INSERT INTO almanac.stage_runs (run_id, stage, sequence, status, started_at, finished_at)
    SELECT run_id, 'publish', 1, status, started_at, finished_at FROM almanac.runs;
    INSERT INTO almanac.published (publication_id, published_at, pipeline, run_id, token, as_of,
      valid_until)
    SELECT 1000 - n, now() - make_interval(days => n), 'nightly', md5('run' || n)::uuid, 1,
      current_date - n, now() FROM generate_series(2, 400, 2) n;
    INSERT INTO almanac.published (publication_id, published_at, pipeline, run_id, token, restores,
      as_of, valid_until)
    VALUES (1000, now() - interval '20 days', 'nightly', md5('run400')::uuid, 1, 600,
      current_date - 400, now());
    INSERT INTO almanac.published_runs (publication_id, model, run_id, model_version, as_of,
      recorded_cut, valid_until, rows)
    SELECT publication_id, 'churn', run_id, 'v', as_of, now(), now(), 1 FROM almanac.published;
    INSERT INTO predictions.churn_risk (company_id, run_id, probability, risk_band, reasons, actions,
      as_of, recorded_cut, model, model_version, feature_digest, valid_until)
    SELECT '00000000-0000-4000-8000-000000000001', run_id, 0.5, 'high', '[]', '[]', logical_date,
      now(), 'churn', 'v', 'd', now() FROM almanac.runs;
    INSERT INTO almanac.model_versions (model, model_version, specification, coefficients,
      data_digest, status, created_at, run_id)
    VALUES ('churn', 'v', '{}', '{}', 'd', 'champion', now(), md5('run390')::uuid);
    INSERT INTO almanac.model_versions (model, model_version, specification, coefficients,
      data_digest, status, created_at, run_id)
    SELECT 'churn', 'v' || run_id, '{}', '{}', 'd', 'retired', now(), run_id FROM almanac.runs;
    INSERT INTO almanac.source_contract_results (run_id, dataset, check_name, level, status,
      checked_at)
    SELECT run_id, 'events', 'unique(id)', 'error', 'passed', started_at FROM almanac.runs;
    """

  @Test("removes what is old, and nothing that is shown, brought back or still needed", .database)
  func prune() throws {
    let place = try Workplace(isFilled: false)
    func prune(_ more: String...) throws -> ProcessOutcome {
      try place.almanac(["prune", "nightly", "--target", place.url] + more)
    }
    let unset = try prune()
    #expect(unset.status == 78 && unset.stderr.contains("add `retention:"), "\(unset.stderr)")
    try place.edit(
      "pipelines/nightly.yaml", "currency: GBP",
      "currency: GBP\nretention: {publications: 30d, runs: 200d}")
    // A horizon of ten days, so that what is still to happen does not keep everything.
    try place.edit(
      "models/revenue.yaml", "horizon: {day: 90, month: 6}", "horizon: {day: 10, month: 1}")
    try place.sql(Self.nights)
    let shown = "SELECT string_agg(v::text, ',' ORDER BY v::text) FROM api.churn_risk_v1 AS v"
    try place.sql(
      "ALTER DATABASE \(TestDatabase.current.name) "
        + "SET almanac.company_id = '00000000-0000-4000-8000-000000000001'")
    let before = try #require(try place.value(shown))
    let all =
      "SELECT (SELECT count(*) FROM almanac.runs) || ' ' || "
      + "(SELECT count(*) FROM almanac.published) || ' ' || "
      + "(SELECT count(*) FROM predictions.churn_risk)"
    #expect(try place.value(all) == "400 201 400")

    let preview = try prune("--dry-run", "--format", "json")
    #expect(preview.status == 0, "\(preview.stderr)")
    #expect(try place.value(all) == "400 201 400")
    let done = try prune("--format", "json")
    #expect(done.status == 0, "\(done.stderr)")
    #expect(done.stdout == preview.stdout)
    #expect(try place.value(shown) == before)

    // By outcomes a publication is kept for 90 + 62 days, which is longer than 30; the one of 400
    // days ago is brought back by the one in force.
    #expect(
      try place.value(
        """
        SELECT count(*) FILTER (WHERE as_of < current_date - 152) || ' '
          || count(*) FILTER (WHERE as_of >= current_date - 152) || ' ' || count(DISTINCT as_of)
        FROM almanac.published
        """) == "2 76 77")
    // Every run that is shown keeps its row, stages and predictions.
    #expect(
      try place.value(
        """
        SELECT count(*) FROM almanac.published_runs AS p
        WHERE NOT EXISTS (SELECT FROM almanac.runs AS r WHERE r.run_id = p.run_id)
          OR NOT EXISTS (SELECT FROM almanac.stage_runs AS s WHERE s.run_id = p.run_id)
          OR NOT EXISTS (SELECT FROM predictions.churn_risk AS c WHERE c.run_id = p.run_id)
        """) == "0")
    // Runs: the nights up to 200 days ago, that of 400, the champion's of 390, and those of another
    // pipeline (n = 201, 251, 301, 351).
    #expect(
      try place.value(
        """
        SELECT string_agg(n::text, ' ' ORDER BY n) FROM generate_series(1, 400) n
          JOIN almanac.runs ON run_id = md5('run' || n)::uuid WHERE n > 200
        """) == "201 251 301 351 390 400")
    #expect(
      try place.value(
        """
        SELECT string_agg(n::text, ' ' ORDER BY n) FROM generate_series(1, 40) n
          JOIN predictions.churn_risk ON run_id = md5('run' || n)::uuid WHERE n > 28
        """) == "29 30 32 34 36 38 40")
    #expect(try place.value("SELECT count(*) FROM almanac.gate_results") == "0")
    #expect(try prune().stdout == "nothing is old enough to be removed\n")
  }
}
