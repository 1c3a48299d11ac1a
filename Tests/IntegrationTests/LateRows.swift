import AlmanacCore
import Postgres
import TestSupport

@testable import Pipelines

/// Random rows of every table that metrics, cohorts and funnels are made of, many of them for days
/// that earlier nights have told about.
struct LateRows {
  private let connection: Connection
  private var random: SplitMix64
  private var number = 0
  private var sequences: [String: Int] = [:]

  /// Companies, users, and rates of every day; everything else comes with ``add(through:)``.
  init(seed: UInt64) throws {
    random = SplitMix64(seed: seed)
    let books = try SourceBooks()
    connection = books.connection
    for letter in "ABCDEFGH" { try books.company(letter) }
    try connection.runScript(
      """
      INSERT INTO billing.exchange_rates
      SELECT 'EUR', 'USD', day::date, 1 + extract(day FROM day)::numeric / 100,
        timestamptz '2025-12-01 00:00Z'
      FROM generate_series(date '2025-12-28', date '2026-06-01', '1 day') AS day;
      INSERT INTO billing.modules (id, code, unit_amount, currency)
      VALUES (md5('module 1')::uuid, 'one', 3, 'USD'), (md5('module 2')::uuid, 'two', 4.5, 'EUR');
      INSERT INTO billing.users (id, company_id, created_at, invited_at)
      SELECT md5('user ' || letter || n)::uuid, public.company(letter), '2026-01-01 00:00Z',
        timestamptz '2026-01-01 00:00Z' + n * interval '17 days'
      FROM unnest(string_to_array('A,B,C,D,E,F,G,H', ',')) AS letter, generate_series(1, 3) AS n;
      """)
  }

  private mutating func pick(_ choices: [String]) -> String {
    choices.randomElement(using: &random) ?? ""
  }

  /// An instant up to the end of a date, on a coarse grid.
  private mutating func instant(_ date: CalendarDate) -> String {
    let start = CalendarDate(daysSinceEpoch: 20_454)
    let day = start.adding(days: Int.random(in: 0...start.distance(to: date), using: &random))
    return "\(day) \(pick(["00:00:00", "09:30:00", "23:59:59.999999"]))Z"
  }

  /// Adds rows that happened up to a date, changes some, and corrects a rate.
  mutating func add(through date: CalendarDate) throws {
    var script = ""
    for _ in 0..<60 {
      number += 1
      script += event(date) + change(date) + payment(date)
    }
    let corrected = Int.random(in: 0...100, using: &random)
    script += """
      INSERT INTO billing.exchange_rates
      SELECT 'EUR', 'USD', date '2025-12-30' + \(corrected), 1.\(Int.random(in: 10...99, using: &random)),
        clock_timestamp() - interval '1 second';
      UPDATE billing.users SET activated_at = '\(instant(date))'
      WHERE id = md5('user \(pick(["A", "B", "C"]))\(pick(["1", "2", "3"]))')::uuid;
      """
    if number > 120 {
      script += """
        UPDATE billing.companies SET deleted_at = '\(instant(date))' WHERE id = public.company('H');
        DELETE FROM billing.refunds WHERE id = (SELECT min(id::text)::uuid FROM billing.refunds);
        """
    }
    try connection.runScript(script)
  }

  private mutating func event(_ date: CalendarDate) -> String {
    let type = pick([
      "trial_started", "trial_converted", "trial_expired", "module_subscribed", "payment_failed",
      "payment_attempted", "payment_recovered", "user_activated", "user_logged_in", "module_used",
      "error_occurred",
    ])
    let letter = pick(["A", "B", "C", "D", "E", "F", "G", "H", "Z"])
    let at = instant(date)
    let amount = pick([
      "{}", "{\"amount\": \"12.345\", \"currency\": \"EUR\"}", "{\"amount\": \"x\"}",
    ])
    return """
      INSERT INTO app.events VALUES (md5('event \(number)')::uuid, '\(type)',
        public.company('\(letter)'), md5('user \(letter)\(pick(["1", "2", "3"]))')::uuid,
        md5('module \(pick(["1", "2"]))')::uuid, '\(amount)', '\(at)', '\(at)');

      """
  }

  private mutating func change(_ date: CalendarDate) -> String {
    let letter = pick(["A", "B", "C", "D", "E", "F", "G", "H", "Z"])
    let subscription = pick(["1", "2"])
    let sequence = (sequences[letter + subscription] ?? 0) + 1
    sequences[letter + subscription] = sequence
    let kind =
      sequence == 1
      ? pick(["new", "new", "trial_start"])
      : pick([
        "upgrade", "downgrade", "pause", "resume", "cancel", "cancel_withdrawn", "reactivate",
        "trial_convert", "module_added", "module_removed", "quantity",
      ])
    let module = kind.hasPrefix("module") ? "md5('module \(pick(["1", "2"]))')::uuid" : "NULL"
    let amount = pick(["30", "100.55", "0", "1200.01"])
    let at = instant(date)
    return """
      INSERT INTO billing.subscription_changes (id, subscription_id, company_id, sequence, change,
        plan_id, module_id, quantity, recurring_amount, interval, interval_count, currency,
        requested_at, effective_at, created_at)
      VALUES (md5('change \(number)')::uuid, public.subscription('\(letter)', \(subscription)),
        public.company('\(letter)'), \(sequence), '\(kind)', md5('plan \(pick(["1", "2"]))')::uuid,
        \(module), \(pick(["1", "2"])), \(amount), '\(pick(["month", "quarter", "year"]))', 1,
        '\(pick(["USD", "EUR"]))', '\(at)', '\(at)', '\(at)');

      """
  }

  private mutating func payment(_ date: CalendarDate) -> String {
    let letter = pick(["A", "B", "C", "D", "E", "F", "G", "H", "Z"])
    let at = instant(date)
    let outcome = pick(["succeeded", "succeeded", "failed", "action_required"])
    let currency = pick(["USD", "EUR"])
    let paid = outcome == "succeeded" ? "'\(at)'" : "NULL"
    var script = """
      INSERT INTO billing.invoices (id, company_id, status, currency, total, issued_at, due_at, paid_at,
        created_at)
      VALUES (md5('invoice \(number)')::uuid, public.company('\(letter)'),
        '\(outcome == "succeeded" ? "paid" : "open")', '\(currency)', 25.5, '\(at)',
        timestamptz '\(at)' + interval '5 days', \(paid), '\(at)');
      INSERT INTO billing.transactions (id, invoice_id, company_id, amount, currency, status,
        payment_method, succeeded_at, created_at)
      VALUES (md5('transaction \(number)')::uuid, md5('invoice \(number)')::uuid,
        public.company('\(letter)'), 25.5, '\(currency)', 'pending', 'stripe', \(paid), '\(at)');

      """
    if pick(["1", "2", "3"]) != "1" {
      script += """
        INSERT INTO billing.payment_attempts (id, transaction_id, company_id, amount, currency, outcome,
          attempted_at, created_at)
        VALUES (md5('attempt \(number)')::uuid, md5('transaction \(number)')::uuid,
          public.company('\(letter)'), 25.5, '\(currency)', '\(outcome)', '\(at)', '\(at)');

        """
    }
    if pick(["1", "2", "3", "4"]) == "1" {
      script += """
        INSERT INTO billing.refunds (id, transaction_id, company_id, amount, currency, status,
          succeeded_at, created_at)
        VALUES (md5('refund \(number)')::uuid, md5('transaction \(number)')::uuid,
          public.company('\(letter)'), 5, '\(currency)', 'succeeded', '\(instant(date))', '\(at)');
        INSERT INTO billing.credit_notes (id, invoice_id, company_id, amount, currency, issued_at,
          created_at)
        VALUES (md5('note \(number)')::uuid, md5('invoice \(max(1, number - 7))')::uuid,
          public.company('\(letter)'), 1.25, 'EUR', '\(instant(date))', '\(at)');
        """
    }
    return script
  }
}
