import Files
import TestSupport
import Testing

/// A night that learns which charges fail, over charges made by SQL: a prepaid card fails one time in
/// four, another card hardly ever, either three times as often before six in the morning, and what
/// failed is tried again three days later.
@Suite("A night with a model of failing payments", .database)
struct PaymentNightTests {
  private static let fill = """
    CREATE FUNCTION pg_temp.chance(key text) RETURNS float8 IMMUTABLE LANGUAGE sql AS
      $$ SELECT ('x' || left(md5(key), 8))::bit(32)::bigint / 4294967296.0 $$;
    CREATE TEMPORARY TABLE companies AS
      SELECT n, md5('company ' || n)::uuid AS id, timestamptz '2024-01-01 08:00Z' AS began
      FROM generate_series(1, 220) AS n;
    INSERT INTO billing.companies (id, name, country, currency, signed_up_at, created_at)
      SELECT id, 'Company ' || n, 'US', 'USD', began, began FROM companies;
    INSERT INTO billing.payment_methods (id, company_id, type, brand, funding, exp_month, exp_year,
        is_default, is_active, created_at, updated_at)
      SELECT md5('card ' || n || part)::uuid, id, 'card', CASE WHEN n % 2 = 0 THEN 'visa' ELSE
          'mastercard' END, CASE WHEN n % 3 = 0 AND part = 'a' THEN 'prepaid' ELSE 'credit' END, 5, 2027,
        part = 'a', true, began, began
      FROM companies, (VALUES ('a'), ('b')) AS parts (part) WHERE part = 'a' OR n % 2 = 0;
    CREATE TEMPORARY TABLE invoices AS
      SELECT n, id AS company, month, md5('invoice ' || n || month)::uuid AS id,
        month + make_interval(days => n % 25, hours => n % 24) AS at,
        pg_temp.chance(n || '/' || month) < CASE WHEN n % 3 = 0 THEN 0.25 ELSE 0.02 END
          * CASE WHEN n % 24 < 6 THEN 3 ELSE 1 END AS fails,
        pg_temp.chance(n || '/again' || month) < 0.3 AS fails_again
      FROM companies, generate_series(timestamptz '2024-02-01Z', '2025-04-01Z', '1 month') AS month;
    DELETE FROM invoices WHERE at > '2025-04-15';
    CREATE TEMPORARY TABLE attempts AS
      SELECT id, company, n, 1 AS number, at AS tried, fails AS failed FROM invoices
      UNION ALL
      SELECT id, company, n, 2, at + interval '3 days', fails_again FROM invoices
        WHERE fails AND at + interval '3 days' < '2025-04-15';
    INSERT INTO billing.invoices (id, company_id, number, status, currency, subtotal, tax, total,
        issued_at, due_at, paid_at, uncollectible_at, created_at, updated_at)
      SELECT i.id, company, i.id, CASE WHEN paid IS NOT NULL THEN 'paid' WHEN at < '2025-04-01' THEN
          'uncollectible' ELSE 'open' END, 'USD', 40 + n, 0, 40 + n, at - interval '1 hour',
        at + interval '3 days', paid, CASE WHEN paid IS NULL AND at < '2025-04-01' THEN at
          + interval '10 days' END, at - interval '1 hour', at
      FROM invoices AS i LEFT JOIN LATERAL (
        SELECT min(tried) AS paid FROM attempts AS a WHERE a.id = i.id AND NOT failed) AS p ON true;
    INSERT INTO billing.payment_attempts (id, transaction_id, invoice_id, company_id,
        payment_method_id, attempt_number, amount, currency, outcome, decline_code, decline_class,
        attempted_at, created_at)
      SELECT md5('attempt ' || id || number)::uuid, md5('transaction ' || id)::uuid, id, company,
        md5('card ' || n || 'a')::uuid, number, 40 + n, 'USD',
        CASE WHEN failed THEN 'failed' ELSE 'succeeded' END,
        CASE WHEN failed THEN 'insufficient_funds' END,
        CASE WHEN failed THEN CASE WHEN n = 6 THEN 'never' ELSE 'soft' END END, tried, tried
      FROM attempts;
    """

  @Test("publishes what will fail, when to try again and by which other method")
  func publishes() throws {
    let place = try Workplace(isFilled: false)
    let schema = try FileSystem.read(place.folder.path + "/datasets/source-schema.sql")
    try place.sql(String(decoding: schema, as: UTF8.self) + Self.fill)
    try place.edit("pipelines/nightly.yaml", "currency: GBP", "currency: USD")
    for stage in [
      "rollup: {grains: [hour, day, month]}", "metrics", "cohorts", "funnels", "usage", "anomalies",
    ] {
      try place.edit("pipelines/nightly.yaml", "  - \(stage)\n", "")
    }
    try place.edit("pipelines/nightly.yaml", "fit: [revenue]", "fit: [payment_failure]")
    try place.edit("pipelines/nightly.yaml", "predict: [revenue]", "predict: [payment_failure]")
    let night = try place.night("2025-04-15")
    try #require(night.status == 0, "\(night.stderr)")

    func holds(_ condition: String, _ sourceLocation: SourceLocation = #_sourceLocation) throws {
      #expect(
        try place.value("SELECT (\(condition))::text") == "true", sourceLocation: sourceLocation)
    }
    #expect(
      try place.value(
        "SELECT decision || ', ' || passed || ', ' || reason FROM almanac.gate_results")
        == "promoted, true, the model beats every baseline and is calibrated")
    // Every open invoice by every method, what is owed on it, and nothing else.
    try holds(
      """
      SELECT count(*) > 3 AND count(*) = (
          SELECT count(*) FROM billing.invoices AS i JOIN billing.payment_methods USING (company_id)
          WHERE i.status = 'open')
        AND bool_and(amount_at_risk = (SELECT total FROM billing.invoices WHERE id = invoice_id))
        AND bool_and(model_version <> 'base_rate') FROM predictions.payment_failure_risk
      """)
    try holds(
      """
      SELECT count(*) = (SELECT count(*) FROM billing.payment_methods)
        AND avg(probability) FILTER (WHERE funding = 'prepaid' AND number <> 6) BETWEEN 0.15 AND 0.35
        AND avg(probability) FILTER (WHERE funding = 'credit') BETWEEN 0.01 AND 0.06
        AND bool_and(expires_in_days BETWEEN 770 AND 780)
      FROM predictions.payment_method_risk AS r JOIN billing.payment_methods AS m
        ON m.id = payment_method_id
      JOIN (SELECT id, substring(name FROM 9)::int AS number FROM billing.companies) AS c
        ON c.id = r.company_id
      """)
    // Reasons sum to the log-odds, in both tables.
    for table in ["payment_failure_risk", "payment_method_risk"] {
      try holds(
        """
        SELECT bool_and(abs((SELECT sum((r->>'contribution')::float8)
            FROM jsonb_array_elements(reasons) AS r) - ln(probability / (1 - probability))) < 1e-9)
        FROM predictions.\(table)
        """)
    }
    // What failed is tried again within seven days, what was refused for good never.
    let tried = "invoice_id IN (SELECT invoice_id FROM billing.payment_attempts AS a WHERE "
    try holds(
      """
      SELECT bool_and((retry_at IS NOT NULL) = (decline_class_expected = 'soft' AND \(tried)
          a.payment_method_id = r.payment_method_id)))
        AND bool_and(retry_at > '2025-04-16' AND retry_at <= '2025-04-23')
        AND count(retry_at) > 3 AND bool_and((retry_at IS NULL)
          = (retry_success_probability IS NULL))
      FROM predictions.payment_failure_risk AS r
      WHERE company_id <> md5('company 6')::uuid
      """)
    try holds(
      """
      SELECT count(*) = count(*) FILTER (WHERE retry_at IS NULL AND abs(probability - 0.999999) < 1e-9
        AND reasons->0->>'feature' = 'never_charged_again')
      FROM predictions.payment_failure_risk WHERE payment_method_id = md5('card 6a')::uuid
      """)
    // A second card that is not prepaid is the better way.
    try holds(
      """
      SELECT bool_and(alternative_payment_method_id = md5('card ' || number || 'b')::uuid
          AND alternative_success_probability > 0.9)
      FROM predictions.payment_failure_risk AS r JOIN (
        SELECT id, substring(name FROM 9)::int AS number FROM billing.companies) AS c
        ON c.id = r.company_id
      WHERE number % 6 = 0 AND number <> 6 AND payment_method_id = md5('card ' || number || 'a')::uuid
      """)
    // A reader of the api sees its own company's.
    try place.sql(
      """
      DO $$
      DECLARE
        company text := (SELECT min(company_id::text) FROM predictions.payment_failure_risk);
        rows integer;
      BEGIN
        PERFORM set_config('almanac.company_id', company, true);
        SET LOCAL ROLE almanac_reader;
        rows := json_array_length(api.payment_failure_risk()->'rows');
        IF rows = 0 OR (SELECT count(*) FROM api.payment_method_risk_v1) = 0
          OR EXISTS (SELECT FROM api.payment_failure_risk_v1 WHERE company_id::text <> company)
        THEN
          RAISE EXCEPTION 'a reader sees % rows', rows;
        END IF;
      END
      $$;
      """)

    // The card has what proposed retries are worth, or why that cannot be said.
    let card = try place.almanac(["models", "show", "payment_failure", "--target", place.url])
    #expect(
      card.stdout.contains("retries not_estimable: ")
        || card.stdout.contains("success_as_proposed"), "\(card.stdout)\(card.stderr)")

    // What is said of a company can be explained, with the charges behind it.
    let company = try #require(
      try place.value("SELECT min(company_id::text) FROM predictions.payment_failure_risk"))
    let told = try place.almanac([
      "explain", "payment_failure", company, "--rows", "1", "--source", place.url, "--target",
      place.url, "--project", place.folder.path,
    ])
    let charges = try #require(
      try place.value(
        "SELECT count(*) FROM billing.payment_attempts WHERE company_id = '\(company)'"))
    #expect(told.status == 0, "\(told.stderr)")
    #expect(told.stdout.contains("the newest 1 of \(charges) rows behind it:"))
    #expect(told.stdout.contains("next_charge:") && told.stdout.contains("together: log-odds"))

    // The next night refits and keeps a champion; what was said is joined to what happened.
    try place.sql(
      """
      INSERT INTO billing.payment_attempts (id, transaction_id, invoice_id, company_id,
          payment_method_id, attempt_number, amount, currency, outcome, attempted_at, created_at)
        SELECT md5('last ' || i.id)::uuid, md5('transaction ' || i.id)::uuid, i.id, company_id,
          m.id, 3, total, 'USD', 'failed', '2025-04-16 09:00Z', '2025-04-16 09:00Z'
        FROM billing.invoices AS i JOIN billing.payment_methods AS m USING (company_id)
        WHERE i.status = 'open' AND is_default AND company_id <> ALL (\(Self.waiting));
      INSERT INTO billing.invoices (id, company_id, number, status, currency, subtotal, tax, total,
          issued_at, due_at, paid_at, created_at, updated_at)
        VALUES (md5('new')::uuid, md5('company 2')::uuid, 'new', 'paid', 'USD', 42, 0, 42,
          '2025-04-16 08:00Z', '2025-04-19 08:00Z', '2025-04-16 10:00Z', '2025-04-16 08:00Z',
          '2025-04-16 10:00Z');
      INSERT INTO billing.payment_attempts (id, transaction_id, invoice_id, company_id,
          payment_method_id, attempt_number, amount, currency, outcome, attempted_at, created_at)
        VALUES (md5('new')::uuid, md5('new')::uuid, md5('new')::uuid, md5('company 2')::uuid,
          md5('card 2a')::uuid, 1, 42, 'USD', 'succeeded', '2025-04-16 10:00Z',
          '2025-04-16 10:00Z');
      """)
    let second = try place.night("2025-04-16")
    try #require(second.status == 0, "\(second.stderr)")
    try holds(
      """
      SELECT count(*) > 3 AND bool_and(actual = 1) AND bool_and(as_of = '2025-04-15')
        AND count(*) = (SELECT count(*) FROM billing.payment_attempts WHERE attempt_number = 3)
      FROM predictions.outcomes WHERE measure = 'payment_failure'
      """)
    // Their accuracy, calibration and lift by month are those of the outcomes.
    let known = "predictions.outcomes WHERE measure = 'payment_failure'"
    try holds(
      """
      SELECT count(*) = 1 AND bool_and(rows = (SELECT count(*) FROM \(known))
        AND events = rows AND measure = 'payment_failure' AND month = '2025-04-01'
        AND abs(log_loss - (SELECT avg(-ln(predicted::float8)) FROM \(known))) < 1e-9)
      FROM predictions.accuracy_by_month WHERE measure = 'payment_failure'
      """)
    try holds(
      """
      SELECT sum(rows) = (SELECT count(*) FROM \(known)) AND bool_and(actual_rate = 1)
      FROM predictions.calibration_by_month WHERE measure = 'payment_failure'
      """)
    try holds(
      """
      SELECT count(*) = 5 AND bool_and(lift = 1) FROM predictions.lift_by_month
      WHERE measure = 'payment_failure'
      """)
    for view in ["accuracy_by_month", "calibration_by_month", "lift_by_month"] {
      try holds(
        """
        SELECT col_description('predictions.\(view)'::regclass, attnum) LIKE '%payment_failure%'
          AND col_description('predictions.\(view)'::regclass, attnum) LIKE '%payment_retry_success%'
        FROM pg_attribute WHERE attrelid = 'predictions.\(view)'::regclass AND attname = 'measure'
        """)
    }

    // A night after months without one records what was decided while it was waited for: the other
    // method of both dates, the only one when it was proposed, and of what came later nothing.
    try place.sql(
      """
      INSERT INTO billing.payment_attempts (id, transaction_id, invoice_id, company_id,
          payment_method_id, attempt_number, amount, currency, outcome, attempted_at, created_at)
        SELECT md5('proposed ' || invoice_id)::uuid, md5('transaction ' || invoice_id)::uuid,
          invoice_id, company_id, payment_method_id, 6, amount_at_risk, 'USD', 'succeeded', retry_at,
          retry_at
        FROM predictions.payment_failure_risk AS r
        WHERE as_of = '2025-04-15' AND company_id = ANY (\(Self.waiting)) AND NOT EXISTS (
          SELECT FROM billing.payment_methods AS m
          WHERE m.company_id = r.company_id AND NOT is_default);
      INSERT INTO billing.payment_attempts (id, transaction_id, invoice_id, company_id,
          payment_method_id, attempt_number, amount, currency, outcome, attempted_at, created_at)
        SELECT md5('late ' || i.id || m.id)::uuid, md5('transaction ' || i.id)::uuid, i.id,
          company_id, m.id, CASE WHEN is_default THEN 5 ELSE 4 END, total, 'USD', 'succeeded', at, at
        FROM billing.invoices AS i JOIN billing.payment_methods AS m USING (company_id),
          LATERAL (SELECT timestamptz '2025-05-20 09:00Z'
            + CASE WHEN is_default THEN interval '40 days' ELSE interval '0' END AS at) AS at
        WHERE i.status = 'open';
      """)
    let late = try place.night("2025-07-20")
    try #require(late.status == 0, "\(late.stderr)")
    try holds(
      """
      SELECT count(*) > 3 AND count(*) = (
          SELECT sum(CASE attempt_number WHEN 4 THEN 2
            WHEN 6 THEN 1 + (attempted_at >= '2025-04-17')::int END)
          FROM billing.payment_attempts)
        AND bool_and(actual = 0 AND subject_id IN (SELECT invoice_id || ' ' || payment_method_id
          FROM billing.payment_attempts WHERE attempt_number IN (4, 6)))
        AND min(as_of) = '2025-04-15' AND max(as_of) = '2025-04-16'
      FROM \(known) AND matured_at > '2025-07-01'
      """)
    // Methods, proposed times and proposed methods are joined as well, each to what was done so.
    for (measure, expected) in [
      ("payment_method_failure", PaymentNightTests.decidedMethods),
      ("payment_retry_success", PaymentNightTests.followedTimes),
      ("payment_alternative_success", PaymentNightTests.followedMethods),
    ] {
      let found = """
        SELECT as_of, subject_id, round(predicted, 6), actual::int FROM predictions.outcomes
        WHERE measure = '\(measure)'
        """
      let count = try place.value("SELECT count(*) FROM (\(expected)) AS rows")
      #expect(count.flatMap { Int($0) } ?? 0 > 0, "\(measure)")
      try holds(
        """
        SELECT count(*) = 0 FROM (((\(found)) EXCEPT (\(expected)))
          UNION ALL ((\(expected)) EXCEPT (\(found)))) AS rows
        """)
    }

    // Rewritten methods and companies leave what was learned of earlier charges as it was.
    func learned() throws -> String? {
      try place.value(
        """
        SELECT count(*) || ' ' || string_agg(model_version, ' ' ORDER BY model_version)
        FROM almanac.model_versions
        """)
    }
    let before = try learned()
    try place.sql(
      """
      UPDATE billing.payment_methods SET type = 'paypal', provider = 'other', brand = 'other',
        funding = 'debit', issuer_country = 'FR', exp_month = 1, exp_year = 2020, is_default = false,
        updated_at = '2025-07-19Z';
      UPDATE billing.companies SET timezone = 'Asia/Tokyo', country = 'JP', currency = 'JPY',
        updated_at = '2025-07-19Z';
      """)
    let again = try place.night("2025-07-20", "--force")
    try #require(again.status == 0, "\(again.stderr)")
    #expect(try learned() == before)
  }

  /// Companies with an open invoice that nothing is tried of at first: two with one card, two with another.
  private static let waiting = """
    ARRAY[md5('company 27'), md5('company 201'), md5('company 36'), md5('company 60')]::uuid[]
    """

  /// What was tried in the 62 days after each published date.
  private static let published = """
    published AS (
      SELECT run_id, as_of FROM almanac.published_runs
      WHERE model = 'payment_failure' AND as_of < '2025-07-20'),
    tries AS (
      SELECT *, min(attempted_at) OVER (PARTITION BY invoice_id) AS first
      FROM billing.payment_attempts),
    next AS (
      SELECT p.run_id, p.as_of, t.*, (t.outcome = 'failed')::int AS failed,
        min(attempted_at) OVER (PARTITION BY p.as_of, invoice_id) AS earliest
      FROM published AS p JOIN tries AS t ON attempted_at >= p.as_of + 1
        AND attempted_at < p.as_of + 1 + 62)
    """

  private static let decidedMethods = """
    WITH \(published)
    SELECT DISTINCT ON (as_of, payment_method_id) n.as_of, payment_method_id::text,
      round(probability::numeric, 6), failed
    FROM next AS n JOIN predictions.payment_method_risk AS r USING (run_id, payment_method_id)
    WHERE attempted_at = first ORDER BY as_of, payment_method_id, attempted_at
    """

  private static let followedTimes = """
    WITH \(published)
    SELECT n.as_of, n.invoice_id || ' ' || n.payment_method_id,
      round(retry_success_probability::numeric, 6), 1 - failed
    FROM next AS n JOIN predictions.payment_failure_risk AS r
      USING (run_id, invoice_id, payment_method_id)
    WHERE attempted_at = earliest
      AND abs(extract(epoch FROM attempted_at - retry_at)) <= 3 * 3600
    """

  private static let followedMethods = """
    WITH \(published)
    SELECT n.as_of, n.invoice_id || ' ' || r.payment_method_id,
      round(alternative_success_probability::numeric, 6), 1 - failed
    FROM next AS n JOIN predictions.payment_failure_risk AS r USING (run_id, invoice_id)
    WHERE attempted_at = earliest AND n.payment_method_id = alternative_payment_method_id
    """
}
