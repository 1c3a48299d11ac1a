import Files
import Foundation
import TestSupport
import Testing

/// Nights whose source rewrites what it said before, and goes on afterwards.
@Suite("A night over rows that were rewritten", .database)
struct ChurnRewriteNightTests {
  /// Rows of every table of current state, as they are before the first night.
  private static let state = """
    UPDATE billing.companies SET segment = 'small', industry = 'mining', size_band = '1-10',
      timezone = CASE WHEN id::text < '8' THEN 'Asia/Tokyo' ELSE 'America/New_York' END;
    -- Some were deleted, which ends what they pay.
    UPDATE billing.companies SET deleted_at = '2025-02-10Z' WHERE id::text < '03';
    INSERT INTO billing.users (id, company_id, role, invited_at, created_at)
      SELECT md5('user of ' || id)::uuid, id, 'admin', created_at, created_at FROM billing.companies;
    INSERT INTO billing.plans (id, code, tier_rank, "interval", unit_amount, currency, seat_based)
      SELECT md5('plan' || n)::uuid, 'plan ' || n, n, 'month', 10 + n, 'USD', true
      FROM generate_series(0, 2) AS n;
    INSERT INTO billing.modules (id, code, unit_amount, currency) SELECT md5('module')::uuid, 'm', 2, 'USD';
    INSERT INTO billing.subscriptions (id, company_id, plan_id, quantity, status, started_at,
        created_at, updated_at)
      SELECT subscription_id, company_id, plan_id, quantity, 'active', effective_at, created_at, created_at
      FROM billing.subscription_changes WHERE change = 'new';
    INSERT INTO billing.invoices (id, company_id, subscription_id, status, currency, total, issued_at,
        due_at, created_at, updated_at)
      SELECT md5('invoice ' || id)::uuid, company_id, id, 'open', 'USD', 20, started_at, started_at,
        created_at, created_at FROM billing.subscriptions;
    INSERT INTO billing.payment_methods (id, company_id, type, brand, exp_month, exp_year, is_active,
        is_default, created_at, updated_at)
      SELECT md5('card ' || id)::uuid, id, 'card', 'visa', 5, 2027, true, true, created_at, created_at
      FROM billing.companies;
    INSERT INTO billing.transactions (id, invoice_id, company_id, amount, currency, status, created_at,
        updated_at)
      SELECT md5('transaction ' || id)::uuid, id, company_id, 20, 'USD', 'pending', created_at, created_at
      FROM billing.invoices;
    -- More of those that leave have the third plan.
    UPDATE billing.subscription_changes SET plan_id = md5('plan2')::uuid WHERE company_id::text < '9'
      AND company_id IN (SELECT company_id FROM billing.subscription_changes WHERE change = 'cancel');
    """

  /// Rewrites every column of theirs that may change, however old the row is; who a row belongs to, when
  /// it was recorded and what happened at a date stay.
  private static let rewrite = """
    UPDATE billing.companies SET tenant_id = id, name = 'other', country = 'FR', industry = 'banking',
      size_band = '500+', segment = CASE WHEN id::text < 'c' THEN 'large' END, currency = 'EUR',
      timezone = 'Pacific/Kiritimati', updated_at = '2025-04-18Z';
    UPDATE billing.companies SET deleted_at = '2025-04-17Z' WHERE id::text > 'd';
    UPDATE billing.users SET role = 'none', activated_at = '2025-04-17Z', last_seen_at = '2025-04-18Z',
      deactivated_at = '2025-04-18Z';
    UPDATE billing.plans SET code = 'other ' || tier_rank, name = 'other', tier_rank = 7 - tier_rank,
      unit_amount = 99, active_to = '2024-06-01Z';
    UPDATE billing.modules SET code = 'other', unit_amount = 77;
    UPDATE billing.subscriptions SET plan_id = md5('plan1')::uuid, quantity = 9, status = 'canceled',
      current_period_end = '2025-04-18Z', cancel_at = '2025-04-18Z', canceled_at = '2025-04-18Z',
      ended_at = '2025-04-18Z', cancel_reason = 'payment', updated_at = '2025-04-18Z';
    UPDATE billing.invoices SET status = 'uncollectible', total = 900, amount_paid = 1,
      uncollectible_at = '2025-04-18Z', updated_at = '2025-04-18Z';
    UPDATE billing.payment_methods SET brand = 'other', exp_year = 2020, is_active = false,
      is_default = false, updated_at = '2025-04-18Z';
    UPDATE billing.transactions SET status = 'failed', amount = 900, error_message = 'refused',
      updated_at = '2025-04-18Z';
    """

  /// Changes every row that happened or was recorded after the night's date, and adds such rows.
  private static let disturbance = """
    UPDATE app.events SET event_type = 'error_occurred', user_id = md5('nobody')::uuid
      WHERE "timestamp" >= '2025-04-16Z' OR created_at >= '2025-04-16Z';
    INSERT INTO app.events (event_id, event_type, company_id, user_id, "timestamp", created_at)
      SELECT md5('late ' || id || day)::uuid, 'user_logged_in', id, id, day, '2025-04-16Z'
      FROM billing.companies, generate_series(timestamptz '2024-06-01Z', '2025-04-15Z', '9 days') AS day;
    UPDATE billing.subscription_changes SET plan_id = md5('plan9')::uuid, quantity = 50,
        recurring_amount = 5000 WHERE created_at >= '2025-04-16Z';
    INSERT INTO billing.subscription_changes (id, subscription_id, company_id, sequence, change,
        plan_id, quantity, recurring_amount, "interval", currency, effective_at, created_at)
      SELECT md5('late ' || subscription_id)::uuid, subscription_id, company_id, 90, 'upgrade',
        md5('plan2')::uuid, 30, 700, 'month', 'USD', '2024-12-20Z', '2025-04-16Z'
      FROM billing.subscription_changes WHERE change = 'new' AND company_id::text < '9';
    """

  @Test("learns and says the same, whether versions are kept or all is read anew")
  func rewritten() throws {
    let place = try ChurnWorld.workplace()
    for feature in ["segment: {attribute: segment}", "plan: {holding: plan}"] {
      try place.edit("models/churn.yaml", "  # \(feature)\n", "  \(feature)\n")
    }
    try place.sql(Self.state)
    func night() throws {
      let night = try place.night(ChurnWorld.date, "--force")
      try #require(night.status == 0, "\(night.stderr)")
    }
    func said() throws -> String {
      try #require(
        try place.value(
          """
          SELECT count(*) || ' ' || md5(string_agg(concat_ws(' ', company_id, probability,
            probability_90d, expected_mrr_loss, risk_band, reasons), '; ' ORDER BY company_id))
          FROM (SELECT company_id, probability, probability_90d, expected_mrr_loss, risk_band, (
              SELECT string_agg(concat_ws(' ', r->>'feature', r->>'value', r->>'contribution'), ', ')
              FROM jsonb_array_elements(reasons) AS r) AS reasons
            FROM predictions.churn_risk WHERE run_id = (SELECT run_id FROM almanac.runs
              WHERE status = 'succeeded' ORDER BY started_at DESC LIMIT 1)) AS rows
          """))
    }
    // What was learned of all months, to the last digit.
    func learned() throws -> String? {
      try place.value(
        "SELECT string_agg(DISTINCT md5(coefficients::text), ' ') FROM almanac.model_versions")
    }
    try night()
    let first = (said: try said(), learned: try #require(try learned()))
    #expect(
      try place.value("SELECT string_agg(decision, ', ') FROM almanac.gate_results") == "promoted")
    #expect(
      try place.value(
        """
        SELECT (count(*) > 50 AND bool_and(r->>'text' IN ('plan: plan 0', 'plan: plan 1',
          'plan: plan 2')))::text
        FROM predictions.churn_risk, jsonb_array_elements(reasons) AS r
        WHERE r->>'feature' = 'plan'
        """) == "true")
    // Explained by its words, and by the changes behind it.
    let company = try #require(
      try place.value(
        """
        SELECT min(company_id::text) FROM predictions.churn_risk
        WHERE reasons @> '[{"feature": "plan"}]'
        """))
    let told = try place.almanac([
      "explain", "churn", company, "--rows", "2", "--source", place.url, "--target", place.url,
      "--project", place.folder.path,
    ])
    #expect(told.status == 0, "\(told.stderr)")
    #expect(told.stdout.contains("  plan: plan: plan "), "\(told.stdout)")
    let behind = try #require(told.stdout.components(separatedBy: "-- plan\n").last)
    #expect(behind.contains("rows behind it:") && behind.contains("plan_id"), "\(behind)")

    try place.sql(Self.rewrite)
    try night()
    #expect(try said() == first.said)
    #expect(try learned() == first.learned)
    try place.sql(Self.disturbance)
    try FileSystem.removeTree(place.folder.path + "/data")
    try night()
    #expect(try said() == first.said)
    #expect(try learned() == first.learned)
  }
}
