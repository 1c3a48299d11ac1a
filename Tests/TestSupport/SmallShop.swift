package import Postgres

/// A small source database with a year of payments, made by SQL: the same rows in every test.
package enum SmallShop {
  /// The first day with a payment.
  package static let firstDate = "2025-01-01"
  /// The last day with a payment.
  package static let lastDate = "2025-12-31"

  /// Creates the source contract's schema and fills it.
  ///
  /// Three companies pay every day but Sundays, more towards the end of the week and of the year;
  /// each payment is an invoice, a transaction, an attempt and two events. One event in seven has
  /// a user, one in five a module.
  package static func create(on connection: Connection, schemaSQL: String) throws {
    try connection.runScript(schemaSQL)
    try connection.runScript(fill)
  }

  private static let fill = """
    INSERT INTO billing.companies (id, name, country, currency, timezone, signed_up_at, created_at)
    SELECT ('00000000-0000-4000-8000-00000000000' || n)::uuid, 'Company ' || n, 'GB', 'GBP',
      'Europe/London', '2025-01-01 09:00+00', '2025-01-01 09:00+00'
    FROM generate_series(1, 3) n;
    CREATE TEMPORARY TABLE payments AS
    SELECT md5('payment ' || n || ' ' || day::date)::uuid AS id,
      ('00000000-0000-4000-8000-00000000000' || n)::uuid AS company_id,
      day + make_interval(hours => 8 + n, mins => extract(doy FROM day)::int % 60) AS paid_at,
      round((100 * n * (1 + 0.1 * extract(isodow FROM day))
        * (1 + 0.3 * cos(2 * pi() * extract(doy FROM day) / 365.25)))::numeric, 2) AS amount,
      row_number() OVER (ORDER BY day, n) AS position
    FROM generate_series('2025-01-01 00:00+00'::timestamptz, '2025-12-31 00:00+00', '1 day') day,
      generate_series(1, 3) n
    WHERE extract(isodow FROM day) < 7;
    INSERT INTO billing.invoices (id, company_id, number, status, currency, subtotal, tax, total,
      amount_paid, issued_at, paid_at, billing_reason, created_at, updated_at)
    SELECT md5('invoice' || id)::uuid, company_id, 'N' || position, 'paid', 'GBP', amount, 0, amount,
      amount, paid_at, paid_at, 'manual', paid_at, paid_at FROM payments;
    INSERT INTO billing.transactions (id, invoice_id, company_id, amount, currency, status,
      payment_method, succeeded_at, created_at, updated_at)
    SELECT md5('transaction' || id)::uuid, md5('invoice' || id)::uuid, company_id, amount, 'GBP',
      'succeeded', 'bank_transfer', paid_at, paid_at, paid_at FROM payments;
    INSERT INTO billing.payment_attempts (id, transaction_id, invoice_id, company_id,
      attempt_number, amount, currency, outcome, attempted_at, created_at)
    SELECT md5('attempt' || id)::uuid, md5('transaction' || id)::uuid, md5('invoice' || id)::uuid,
      company_id, 1, amount, 'GBP', 'succeeded', paid_at, paid_at FROM payments;
    INSERT INTO app.events (event_id, event_type, company_id, user_id, module_id, metadata,
      "timestamp", created_at)
    SELECT md5(kind || id)::uuid, kind, company_id,
      CASE WHEN position % 7 = 0 THEN md5('user' || position % 5)::uuid END,
      CASE WHEN position % 5 = 0 THEN md5('module' || position % 2)::uuid END,
      jsonb_build_object('amount', amount, 'currency', 'GBP', 'duration_ms', position % 1000),
      paid_at, paid_at
    FROM payments, (VALUES ('invoice_generated'), ('payment_received')) AS kinds (kind);
    DROP TABLE payments;
    """
}
