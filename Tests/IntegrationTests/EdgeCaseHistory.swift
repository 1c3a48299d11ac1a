import Postgres
import TestSupport

/// A history with one company for each edge case of the source contract, as a person would write it.
///
/// What the tables hold of it is written out in ``EdgeCaseTests``.
enum EdgeCaseHistory {
  /// Fills the tables of the source.
  static func make() throws -> SourceBooks {
    var books = try SourceBooks()
    for letter in "ABCDEFGHIJKLNOPQRTUV" { try books.company(letter) }
    try books.company("M", deleted: "2026-03-15 00:00")
    try rates(books)
    try subscriptions(&books)
    try prices(&books)
    try books.connection.runScript(money)
    try books.connection.runScript(events)
    return books
  }

  private static func rates(_ books: SourceBooks) throws {
    try books.connection.runScript(
      """
      INSERT INTO billing.exchange_rates (base, quote, rate_date, rate, created_at) VALUES
        ('EUR', 'USD', '2026-01-08', 1.10, '2026-01-08'),
        -- Corrected later: this one counts.
        ('EUR', 'USD', '2026-01-08', 1.12, '2026-03-01'),
        ('EUR', 'USD', '2026-02-02', 1.20, '2026-02-02'),
        ('USD', 'JPY', '2026-01-10', 156.25, '2026-01-10'),
        ('KWD', 'USD', '2026-01-11', 3.25, '2026-01-11');
      """)
  }

  /// Subscriptions whose life is out of the ordinary.
  private static func subscriptions(_ books: inout SourceBooks) throws {
    // Two subscriptions, one of which ends: less of one customer.
    try books.change("A", "new", "2026-01-05", "100")
    try books.change("A", "new", "2026-01-20", "40", subscription: 2)
    try books.change("A", "cancel", "2026-03-10", nil)
    // A trial that is converted, and one that is not.
    try books.change("D", "trial_start", "2026-01-20", "0")
    try books.change("D", "trial_convert", "2026-02-03", "50")
    try books.change("E", "trial_start", "2026-01-04", "0")
    try books.change("E", "cancel", "2026-01-18", nil)
    // A pause over the end of a month.
    try books.change("F", "new", "2026-01-02", "30")
    try books.change("F", "pause", "2026-02-05", nil)
    try books.change("F", "resume", "2026-03-10", "30")
    // A cancellation for the first of March, withdrawn before.
    try books.change("G", "new", "2026-01-03", "60")
    try books.change("G", "cancel", "2026-03-01", nil, recorded: "2026-02-01 09:00")
    try books.change("G", "cancel_withdrawn", "2026-02-20", nil)
    // Changed twice in one day.
    try books.change("H", "new", "2026-01-03", "20")
    try books.change("H", "upgrade", "2026-03-07 09:00", "40")
    try books.change("H", "downgrade", "2026-03-07 15:00", "25")
    // Migrated, with a gap of two days over the end of a month.
    try books.change("I", "new", "2026-01-01", "30")
    try books.change("I", "cancel", "2026-02-27", nil)
    try books.change("I", "new", "2026-03-01 08:00", "35", subscription: 2)
    // Past due from March on, ended by the last day of it.
    try books.change("J", "new", "2026-01-06", "45")
    try books.change("J", "cancel", "2026-03-31 12:00", nil)
    // Deleted in the middle of March.
    try books.change("M", "new", "2026-01-09", "70")
    // Dated in the future.
    try books.change("R", "new", "2026-06-01", "500", recorded: "2026-04-01 00:00")
    // A company that the table of companies does not know.
    try books.change("S", "new", "2026-04-01", "5")
    // From the first instant of one month to the first instant of another.
    try books.change("T", "new", "2026-02-01", "12")
    try books.change("T", "cancel", "2026-04-01", nil)
    try books.connection.runScript(
      """
      INSERT INTO billing.subscriptions (id, company_id, status, migrated_from) VALUES
        (public.subscription('I', 1), public.company('I'), 'canceled', NULL),
        (public.subscription('I', 2), public.company('I'), 'active', public.subscription('I', 1)),
        (public.subscription('J', 1), public.company('J'), 'past_due', NULL);
      """)
  }

  /// Periods, currencies and amounts that are out of the ordinary.
  private static func prices(_ books: inout SourceBooks) throws {
    try books.change("B", "new", "2026-01-12", "100", per: "quarter")
    try books.change("C", "new", "2026-01-12", "1000", per: "year")
    // The rate of the day was corrected; the latest rate is seven days old.
    try books.change("K", "new", "2026-01-08", "100", in: "EUR")
    try books.change("L", "new", "2026-02-09", "50", in: "EUR")
    // No and three decimals: 15,000 / 156.25, and 12.345 x 3.25 = 40.12125, half of a ten-thousandth.
    try books.change("N", "new", "2026-01-10", "15000", in: "JPY")
    try books.change("O", "new", "2026-01-11", "12.345", in: "KWD")
    // Fifteen digits.
    try books.change("P", "new", "2026-01-05", "987654321012.345")
    // Nothing, something, and nothing again.
    try books.change("Q", "new", "2026-01-05", "0")
    try books.change("Q", "upgrade", "2026-02-05", "10")
    try books.change("Q", "downgrade", "2026-03-05", "0")
  }

  /// Invoices, payments, refunds and credit notes.
  private static let money = """
    INSERT INTO billing.invoices (id, company_id, status, currency, total, issued_at, due_at, paid_at,
      voided_at, created_at)
    SELECT md5('invoice ' || letter)::uuid, public.company(letter), status, currency, total,
      (issued || ' 09:00Z')::timestamptz, (due || ' 00:00Z')::timestamptz,
      (paid || ' 10:00Z')::timestamptz, (voided || ' 10:00Z')::timestamptz,
      (issued || ' 09:00Z')::timestamptz
    FROM (VALUES
      ('A', 'paid', 'USD', 100, '2026-01-05', '2026-01-12', '2026-01-06', NULL),
      -- Reduced by a credit note and paid in part, then owed for good.
      ('J', 'past_due', 'USD', 45, '2026-03-01', '2026-03-15', NULL, NULL),
      ('K', 'void', 'EUR', 100, '2026-01-08', '2026-01-09', NULL, '2026-01-10'),
      ('Q', 'draft', 'USD', 10, '2026-02-05', '2026-02-05', NULL, NULL)
    ) AS i (letter, status, currency, total, issued, due, paid, voided);
    INSERT INTO billing.credit_notes (id, invoice_id, company_id, amount, currency, issued_at,
      created_at)
    VALUES (md5('note')::uuid, md5('invoice J')::uuid, public.company('J'), 5, 'USD',
      '2026-03-20 10:00Z', '2026-03-20 10:00Z');
    INSERT INTO billing.transactions (id, company_id, invoice_id, amount, currency, status,
      succeeded_at, created_at)
    SELECT md5('transaction ' || letter)::uuid, public.company(letter),
      md5('invoice ' || letter)::uuid, amount, currency, status,
      (succeeded || ' 10:00Z')::timestamptz, (day || ' 10:00Z')::timestamptz
    FROM (VALUES
      ('A', 100, 'USD', 'refunded', '2026-01-06', '2026-01-06'),
      -- Without attempts; refunded since, but paid on its day.
      ('B', 33.33, 'USD', 'refunded', '2026-01-12', '2026-01-12'),
      ('J', 10, 'USD', 'succeeded', '2026-03-25', '2026-03-24'),
      ('K', 112, 'EUR', 'failed', NULL, '2026-01-08'),
      ('N', 15000, 'JPY', 'succeeded', '2026-01-10', '2026-01-10'),
      ('P', 987654321012.345, 'USD', 'succeeded', '2026-01-05', '2026-01-05')
    ) AS t (letter, amount, currency, status, succeeded, day);
    INSERT INTO billing.payment_attempts (id, company_id, transaction_id, amount, currency, outcome,
      attempted_at, created_at)
    SELECT md5('attempt ' || letter || day)::uuid, public.company(letter),
      md5('transaction ' || letter)::uuid, amount, currency, outcome,
      (day || ' 10:00Z')::timestamptz, (day || ' 10:00Z')::timestamptz
    FROM (VALUES
      ('A', 100, 'USD', 'succeeded', '2026-01-06'), ('J', 10, 'USD', 'failed', '2026-03-24'),
      ('J', 10, 'USD', 'succeeded', '2026-03-25'), ('K', 112, 'EUR', 'failed', '2026-01-08')
    ) AS a (letter, amount, currency, outcome, day);
    INSERT INTO billing.refunds (id, transaction_id, company_id, amount, currency, status,
      succeeded_at, created_at)
    SELECT md5('refund ' || letter || status)::uuid, md5('transaction ' || letter)::uuid,
      public.company(letter), amount, 'USD', status, (succeeded || ' 10:00Z')::timestamptz,
      '2026-02-20 10:00Z'
    FROM (VALUES
      ('A', 30, 'succeeded', '2026-02-20'), ('A', 70, 'pending', NULL),
      ('B', 33.33, 'succeeded', '2026-01-31')
    ) AS r (letter, amount, status, succeeded);
    """

  /// Events of an unknown type, of an unknown company, dated in the future, repeated, and with odd
  /// amounts.
  private static let events = """
    INSERT INTO app.events (event_id, event_type, company_id, user_id, metadata, "timestamp",
      created_at)
    SELECT md5('event ' || name)::uuid, type, public.company(letter), md5(person)::uuid,
      metadata::jsonb, happened::timestamptz, coalesce(recorded, happened)::timestamptz
    FROM (VALUES
      (1, 'thing_invented', 'A', 'ann', '{}', '2026-04-02 00:00Z', NULL),
      (2, 'user_logged_in', 'S', 'sue', '{}', '2026-04-02 23:59:59.999999Z', NULL),
      (3, 'user_logged_in', 'A', 'ann', '{}', '2027-01-01 00:00Z', '2026-04-02 10:00Z'),
      (4, 'call_completed', 'A', 'ann', '{"duration_ms": 7}', '2026-04-02 10:00Z', NULL),
      (4, 'call_completed', 'A', 'ann', '{"duration_ms": 7}', '2026-04-02 10:00Z',
        '2026-04-02 11:00Z'),
      (5, 'invoice_paid', 'A', NULL, '{"amount": "0", "currency": "USD"}', '2026-04-02 10:00Z', NULL),
      (6, 'invoice_paid', 'A', NULL, '{"amount": "-3.5", "currency": "USD"}', '2026-04-02 11:00Z',
        '2026-04-04 11:00Z'),
      (7, 'invoice_paid', 'P', NULL, '{"amount": "987654321012.345", "currency": "USD"}',
        '2026-04-02 11:00Z', NULL),
      (8, 'invoice_paid', 'P', NULL, '{"amount": "twelve", "currency": "USD"}',
        '2026-04-02 12:00Z', NULL)
    ) AS e (name, type, letter, person, metadata, happened, recorded);
    """
}
