import Files
import TestSupport
import Testing

/// A night whose model of churn passes its gate, against the same said by SQL from the source.
@Suite("A night with a model of churn", .database)
struct ChurnModelNightTests {
  @Test("publishes calibrated and explained probabilities of who pays, and nothing of the future")
  func publishes() throws {
    let place = try ChurnWorld.workplace()
    let night = try place.night(ChurnWorld.date)
    try #require(night.status == 0, "\(night.stderr)")

    func holds(_ condition: String, _ sourceLocation: SourceLocation = #_sourceLocation) throws {
      #expect(
        try place.value("SELECT (\(condition))::text") == "true", sourceLocation: sourceLocation)
    }
    func agrees(
      _ what: Comment, _ found: String, _ expected: String,
      _ sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      #expect(
        try place.value(
          """
          WITH found AS (\(found)), expected AS (\(expected))
          SELECT (SELECT count(*) > 0 FROM found) || ', '
            || (SELECT count(*) FROM (TABLE found EXCEPT ALL TABLE expected) AS extra) || ' extra, '
            || (SELECT count(*) FROM (TABLE expected EXCEPT ALL TABLE found) AS missing)
            || ' missing'
          """) == "true, 0 extra, 0 missing", what, sourceLocation: sourceLocation)
    }

    // The gate let the model through.
    #expect(
      try place.value(
        "SELECT decision || ', ' || passed || ', ' || reason FROM almanac.gate_results")
        == "promoted, true, the model beats every baseline and is calibrated")
    try holds(
      """
      SELECT count(DISTINCT model_version) = 1 AND bool_and(model_version = (
          SELECT model_version FROM almanac.model_versions WHERE status = 'champion'))
        AND count(DISTINCT probability) > 20 AND count(*) = (
          SELECT rows FROM almanac.published_runs WHERE model = 'churn')
      FROM predictions.churn_risk
      """)

    // Who is scored, at what MRR, and who is known to leave.
    let now = "oracle.company_months WHERE t = '2025-04-16Z'"
    try agrees(
      "companies", "SELECT company_id FROM predictions.churn_risk", "SELECT company FROM \(now)")
    try agrees(
      "scheduled",
      """
      SELECT company_id, round(probability::numeric, 12) FROM predictions.churn_risk
      WHERE reasons @> '[{"feature": "scheduled"}]'
      """,
      """
      SELECT company, (SELECT round((count(*) FILTER (WHERE falls) + 9) / (count(*) + 10.0), 12)
        FROM oracle.company_months WHERE is_scheduled AND t <= '2025-03-10') FROM \(now) AND is_scheduled
      """)
    try holds(
      """
      SELECT bool_and(probability > 0 AND probability <= probability_90d AND probability_90d < 1
        AND abs(expected_mrr_loss - mrr * probability_90d::numeric) <= 0.00005001
        AND risk_band = CASE WHEN probability >= 0.2 THEN 'critical' WHEN probability >= 0.08
          THEN 'high' WHEN probability >= 0.03 THEN 'medium' ELSE 'low' END)
      FROM predictions.churn_risk
      JOIN oracle.company_months ON company = company_id AND t = '2025-04-16Z'
      """)

    // Reasons sum to the log-odds, the largest first, the base last.
    try holds(
      """
      SELECT bool_and(abs(total - ln(probability / (1 - probability))) < 1e-9
        AND is_ordered AND reasons->-1->>'feature' = 'base')
      FROM predictions.churn_risk, LATERAL (
        SELECT sum(size) AS total, bool_and(place = count OR abs(size) <= coalesce(abs(before),
          'Infinity')) AS is_ordered
        FROM (SELECT (r->>'contribution')::float8 AS size, place, count(*) OVER () AS count,
            lag((r->>'contribution')::float8) OVER (ORDER BY place) AS before
          FROM jsonb_array_elements(reasons) WITH ORDINALITY AS e (r, place)) AS reason) AS sums
      """)

    // Actions bring what they save of the loss in 12 months, beyond their cost.
    try agrees(
      "actions",
      """
      SELECT company_id, a->>'action' AS action, round((a->>'expected_value')::numeric, 2) AS value
      FROM predictions.churn_risk, jsonb_array_elements(actions) AS a
      """,
      """
      SELECT company_id, action, round(value, 2) FROM (
        SELECT company_id, action, value,
          row_number() OVER (PARTITION BY company_id ORDER BY value DESC, action) AS place
        FROM (
          SELECT DISTINCT r.company_id, t.action, r.expected_mrr_loss * 12 * t.saves - t.cost AS value
          FROM predictions.churn_risk AS r, LATERAL (
            SELECT e->>'feature' AS feature FROM jsonb_array_elements(r.reasons) AS e
            WHERE e->>'feature' <> 'base' AND (e->>'contribution')::float8 > 0
            ORDER BY (e->>'contribution')::float8 DESC LIMIT 3) AS f
          JOIN (VALUES
            ('call_the_customer', '{use_ratio,use_slope,active_days,days_quiet,users}'::text[], 0.15, 60),
            ('offer_training', '{users,users_per_seat,active_days}', 0.10, 120),
            ('solve_their_problems', '{errors,tickets}', 0.20, 150),
            ('ask_for_another_payment_method', '{failed_payments}', 0.30, 5),
            ('offer_a_smaller_plan', '{mrr_change,downgrades,users_per_seat}', 0.10, 30),
            ('win_back', '{scheduled}', 0.10, 60)) AS t (action, reasons, saves, cost)
            ON f.feature = ANY (t.reasons)) AS priced WHERE value > 0) AS placed WHERE place <= 3
      """)

    // Features as of the end of the date, from the source.
    let logins = """
      SELECT c.company, e.at::date AS day, e.user_id FROM oracle.company_months AS c LEFT JOIN LATERAL (
        SELECT "timestamp" AT TIME ZONE 'UTC' AS at, user_id FROM app.events
        WHERE company_id = c.company AND "timestamp" < '2025-04-16Z'
          AND created_at < '2025-04-16Z') AS e ON true
      WHERE c.t = '2025-04-16Z'
      """
    let features: [(name: String, sql: String)] = [
      ("active_days", "count(DISTINCT day) FILTER (WHERE day >= '2025-03-17')"),
      (
        "use_ratio",
        """
        ln((count(*) FILTER (WHERE day >= '2025-03-17') + 10)::float8 / (count(*) FILTER
          (WHERE day >= '2025-02-15' AND day < '2025-03-17') + 10))
        """
      ),
      ("days_quiet", "least(60, coalesce(date '2025-04-16' - max(day), 60))"),
      ("users", "ln(1 + count(DISTINCT user_id) FILTER (WHERE day >= '2025-03-17')::float8)"),
    ]
    for (name, sql) in features {
      try agrees(
        "\(name)",
        """
        SELECT company_id, round((r->>'value')::numeric, 9)
        FROM predictions.churn_risk, jsonb_array_elements(reasons) AS r
        WHERE r->>'feature' = '\(name)'
        """,
        """
        SELECT company, round((\(sql))::numeric, 9) FROM (\(logins)) AS login
        WHERE company IN (SELECT company FROM \(now) AND NOT is_scheduled) GROUP BY 1
        """)
    }
    for (name, sql) in [
      ("mrr", "ln(1 + mrr::float8)"), ("seats", "ln(1 + seats::float8)"),
      ("tenure", "ln(1 + (date '2025-04-16' - (began AT TIME ZONE 'UTC')::date)::float8)"),
    ] {
      try agrees(
        "\(name)",
        """
        SELECT company_id, round((r->>'value')::numeric, 9)
        FROM predictions.churn_risk, jsonb_array_elements(reasons) AS r
        WHERE r->>'feature' = '\(name)'
        """, "SELECT company, round((\(sql))::numeric, 9) FROM \(now) AND NOT is_scheduled")
    }

    // What the gate was judged by: outcomes from the seventh month on that are known for good.
    #expect(
      try place.value(
        """
        SELECT scores->'days_0_30'->>'count' || ' ' || round((scores->'days_0_30'->>'prevalence')
          ::numeric, 12) FROM almanac.model_versions
        """)
        == place.value(
          """
          SELECT count(*) || ' ' || round(avg(falls::int), 12) FROM oracle.company_months
          WHERE NOT is_scheduled AND t BETWEEN '2024-08-01Z' AND '2025-03-10Z'
          """))

    try explains(place)
  }

  /// What `almanac explain` says of a company, and what its statements find in the source.
  private func explains(_ place: Workplace) throws {
    let company = try #require(
      try place.value(
        """
        SELECT company_id FROM predictions.churn_risk
        WHERE NOT reasons @> '[{"feature": "scheduled"}]' ORDER BY 1 LIMIT 1
        """))
    let options = ["--target", place.url, "--project", place.folder.path]
    let told = try place.almanac(["explain", "churn", company, "--format", "json"] + options)
    try #require(told.status == 0, "\(told.stderr)")
    let json = "$told$" + told.stdout + "$told$::jsonb"
    let text = try place.almanac(
      ["explain", "churn", company, "--rows", "2", "--source", place.url] + options)
    #expect(text.stdout.contains("together: log-odds") && text.stdout.contains("coefficients"))
    var compared = 0
    for feature in ["active_days", "days_quiet", "tickets", "failed_payments"] {
      let value = try place.value(
        """
        SELECT max((r->>'value')::float8::int) FROM predictions.churn_risk,
          jsonb_array_elements(reasons) AS r
        WHERE company_id = '\(company)' AND r->>'feature' = '\(feature)'
        """)
      // A feature that is the same for all is left out.
      guard let value else { continue }
      compared += 1
      let sql = try #require(
        try place.value(
          """
          SELECT max(rtrim(e->>'value', ';')) FROM jsonb_array_elements(\(json)) AS e
          WHERE e->>'part' = 'sql' AND e->>'name' = '\(feature)'
          """))
      #expect(try place.value(sql) == value, "\(feature)")
      // The program itself, asked to look in the source, finds the same.
      let shown = try #require(text.stdout.split(separator: "-- \(feature)\n").last)
      #expect(shown.contains("now there: \(value)\n"), "\(feature)")
    }
    #expect(compared >= 2 && text.stdout.contains("the newest 2 of "))
    for (arguments, message) in [
      (["churn", "00000000-0000-0000-0000-00000000abcd"], "says nothing of company"),
      (["churn", company, "--as-of", "2024-01-01"], "the nearest day is 2025-04-15"),
      (["chrun", company], "there is something of churn"),
      (["churn", "acme"], "is no identifier of a company"),
    ] {
      let failed = try place.almanac(["explain"] + arguments + options)
      let status: Int32 = arguments.contains("acme") ? 64 : 66
      #expect(
        failed.status == status && failed.stderr.contains(message),
        "\(failed.status): \(failed.stderr)")
    }
  }
}

extension ChurnWorld {
  /// A folder and a database with this world, whose nightly pipeline says nothing but churn.
  static func workplace() throws -> Workplace {
    let place = try Workplace(isFilled: false)
    let schema = try FileSystem.read(place.folder.path + "/datasets/source-schema.sql")
    try place.sql(String(decoding: schema, as: UTF8.self) + fill + oracle)
    try place.edit("pipelines/nightly.yaml", "currency: GBP", "currency: USD")
    for stage in [
      "rollup: {grains: [hour, day, month]}", "metrics", "cohorts", "funnels", "usage", "anomalies",
    ] {
      try place.edit("pipelines/nightly.yaml", "  - \(stage)\n", "")
    }
    try place.edit("pipelines/nightly.yaml", "fit: [revenue]", "fit: [churn]")
    try place.edit("pipelines/nightly.yaml", "predict: [revenue]", "predict: [churn]")
    return place
  }
}
