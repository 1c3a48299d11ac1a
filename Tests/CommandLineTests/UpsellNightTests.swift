import TestSupport
import Testing

/// Nights over a simulated world that end with what each company may buy.
@Suite("A night that predicts upsell", .database)
struct UpsellNightTests {
  private func workplace(companies: Int, months: Int) throws -> Workplace {
    let place = try Workplace(isFilled: false)
    try place.edit("pipelines/nightly.yaml", "currency: GBP", "currency: USD")
    for stage in [
      "cohorts", "funnels", "usage", "anomalies", "metrics",
      "rollup: {grains: [hour, day, month]}",
    ] {
      try place.edit("pipelines/nightly.yaml", "  - \(stage)\n", "")
    }
    try place.edit("pipelines/nightly.yaml", "fit: [revenue]", "fit: [upsell]")
    try place.edit("pipelines/nightly.yaml", "predict: [revenue]", "predict: [upsell]")
    let made = try place.almanac([
      "simulate", "--target", place.url, "--simulations", "0", "--companies", "\(companies)",
      "--months", "\(months)", "--end", "2025-06-30",
    ])
    try #require(made.status == 0, "\(made.stderr)")
    return place
  }

  @Test("offers what companies have not, at the price list, with reasons that add up")
  func offers() throws {
    let place = try workplace(companies: 60, months: 16)
    let night = try place.night("2025-06-30")
    try #require(night.status == 0, "\(night.stderr)")
    func holds(_ condition: String, _ sourceLocation: SourceLocation = #_sourceLocation) throws {
      #expect(
        try place.value("SELECT (\(condition))::text") == "true", sourceLocation: sourceLocation)
    }
    try holds(
      """
      SELECT count(*) > 50 AND count(DISTINCT kind) = 2 AND bool_and(probability > 0
        AND probability < 1 AND expected_mrr_uplift IS NOT NULL) AND count(*) = (
          SELECT rows FROM almanac.published_runs WHERE model = 'upsell')
      FROM predictions.upsell_opportunities
      """)
    try holds(
      """
      SELECT bool_and(abs((SELECT sum((r->>'contribution')::float8)
        FROM jsonb_array_elements(reasons) AS r) - ln(probability / (1 - probability))) < 1e-9)
      FROM predictions.upsell_opportunities
      """)
    try holds(
      """
      SELECT bool_and(rank = place) FROM (SELECT rank, row_number() OVER (PARTITION BY company_id
        ORDER BY expected_mrr_uplift DESC, probability DESC, kind, target_id) AS place
        FROM predictions.upsell_opportunities) AS ranked
      """)
    // No module that is had or on its way, none of a company that does not pay.
    try holds(
      """
      SELECT count(*) = 0 FROM predictions.upsell_opportunities AS o
      WHERE kind = 'module_cross_sell' AND EXISTS (
        SELECT FROM billing.subscription_changes AS c
        JOIN billing.subscriptions AS s ON s.id = c.subscription_id AND s.status <> 'canceled'
        WHERE c.company_id = o.company_id AND c.module_id = o.target_id
          AND c.change = 'module_added' AND c.created_at < '2025-07-01Z' AND NOT EXISTS (
            SELECT FROM billing.subscription_changes AS r WHERE r.subscription_id = c.subscription_id
              AND r.sequence > c.sequence AND (r.change = 'new' OR r.change = 'module_removed'
              AND r.module_id = c.module_id)))
      """)
    // The next tier of the plan that the changes known by then say.
    try holds(
      """
      SELECT count(*) > 10 AND bool_and(p.tier_rank = held.tier + 1)
      FROM predictions.upsell_opportunities AS o JOIN billing.plans AS p ON p.id = o.target_id
      JOIN LATERAL (
        SELECT max(tier_rank) AS tier FROM (
          SELECT DISTINCT ON (c.subscription_id) c.change, p.tier_rank
          FROM billing.subscription_changes AS c JOIN billing.plans AS p ON p.id = c.plan_id
          WHERE c.company_id = o.company_id AND c.created_at < '2025-07-01Z'
            AND c.effective_at < '2025-07-01Z'
          ORDER BY c.subscription_id, c.effective_at DESC, c.sequence DESC) AS last
        WHERE change <> 'cancel' AND change <> 'trial_start') AS held ON true
      WHERE o.kind = 'tier_upgrade'
      """)
    // Readers of the api see the best first.
    #expect(
      try place.value(
        """
        SELECT bool_and((api.upsell_opportunities(company_id)->'rows'->0->>'rank') = '1')::text
        FROM (SELECT DISTINCT company_id FROM predictions.upsell_opportunities) AS companies
        """) == "true")
  }

  @Test("joins what was offered to what was bought, once 90 days are over")
  func outcomes() throws {
    let place = try workplace(companies: 40, months: 12)
    for date in ["2025-03-01", "2025-06-30"] {
      let night = try place.night(date)
      try #require(night.status == 0, "\(night.stderr)")
    }
    #expect(
      try place.value(
        """
        SELECT (count(*) = (SELECT count(*) FROM predictions.upsell_opportunities
            WHERE as_of = '2025-03-01') AND count(DISTINCT measure) = 2
          AND bool_and(actual IN (0, 1)) AND sum(actual) > 0)::text
        FROM predictions.outcomes WHERE as_of = '2025-03-01' AND model = 'upsell'
        """) == "true")
    // Modules that were bought, by the source.
    #expect(
      try place.value(
        """
        SELECT (sum(actual) = (SELECT count(DISTINCT (c.company_id, c.module_id))
          FROM billing.subscription_changes AS c
          JOIN predictions.outcomes AS o ON o.measure = 'upsell_module_90d'
            AND o.company_id = c.company_id AND o.subject_id = c.module_id::text
          WHERE c.change = 'module_added' AND c.effective_at < '2025-05-31Z'
            AND c.effective_at >= '2025-03-02Z' AND c.created_at < '2025-07-01Z'))::text
        FROM predictions.outcomes WHERE measure = 'upsell_module_90d' AND as_of = '2025-03-01'
        """) == "true")
    #expect(
      try place.value(
        "SELECT count(DISTINCT measure) FROM predictions.accuracy_by_month WHERE model = 'upsell'")
        == "2")
  }
}
