import AlmanacCore
import Postgres
import TestSupport

/// Hundreds of small companies, each a random history with the edge cases of the source contract.
///
/// Amounts, times and kinds of change are drawn from few values, so that much coincides: at the
/// first instant of a day or month, at changes of daylight-saving time, at equal instants.
struct RandomBusiness {
  /// The first day of subscriptions: more than a year back, so that retention has a year to look to.
  static let start = CalendarDate(daysSinceEpoch: 20_120)  // 2025-02-01
  /// The last day of the night that is compared.
  static let end = CalendarDate(daysSinceEpoch: 20_579)  // 2026-05-06

  private let connection: Connection
  private var random: SplitMix64
  private var rows: [String: [String]] = [:]
  private var number = 0
  private var companies = 0
  private var sequences: [String: Int] = [:]

  /// Rates of every currency, modules, and no company yet.
  init(seed: UInt64) throws {
    random = SplitMix64(seed: seed)
    connection = try TestDatabase.current.connect()
    for module in 1...3 {
      add(
        "billing.modules (id, code, unit_amount, currency)",
        "\(uuid("module \(module)")), 'm\(module)', \(["3", "4.125", "900"][module - 1]), "
          + ["'USD'", "'KWD'", "'JPY'"][module - 1])
    }
    // The yen has only its inverse, the dinar only ways through two others, of which one is fresher.
    for (base, quote, rate, step) in [
      ("EUR", "USD", 1.0837, 4), ("USD", "JPY", 151.37, 6), ("GBP", "JPY", 191.13, 4),
      ("KWD", "GBP", 2.5713, 5),
      ("KWD", "EUR", 3.0119, 7), ("GBP", "USD", 1.2719, 3),
    ] {
      var day = Self.start.adding(days: -10)
      while day <= Self.end.adding(days: 5) {
        addRate(base, quote, day, rate)
        if chance(8) { addRate(base, quote, day, rate * 1.01) }
        day = day.adding(days: chance(3) ? step : Int.random(in: 1...step, using: &random))
      }
    }
    try flush()
  }

  private mutating func addRate(
    _ base: String, _ quote: String, _ day: CalendarDate, _ rate: Double
  ) {
    number += 1
    let factor = 0.98 + Double(random.next() % 400) / 10_000
    let rounded = (rate * factor * 1_000_000).rounded() / 1_000_000
    add(
      "billing.exchange_rates (base, quote, rate_date, rate, created_at)",
      "'\(base)', '\(quote)', '\(day)', \(rounded), "
        + "timestamptz '2025-01-01 00:00Z' + \(number) * interval '1 second'")
  }

  // MARK: Draws

  private mutating func chance(_ oneIn: UInt64) -> Bool { random.next() % oneIn == 0 }

  private mutating func pick(_ choices: [String]) -> String {
    choices.randomElement(using: &random) ?? ""
  }

  private func uuid(_ name: String) -> String { "md5('\(name)')::uuid" }

  private mutating func add(_ table: String, _ values: String) {
    rows[table, default: []].append(values)
  }

  /// Writes what was added; the order of the rows says nothing.
  private mutating func flush() throws {
    for table in rows.keys.sorted() {
      let own = (rows[table] ?? []).shuffled(using: &random)
      let values = own.map { "(\($0))" }.joined(separator: ",\n")
      try connection.runScript("INSERT INTO \(table) VALUES\n\(values)")
    }
    rows = [:]
  }

  /// Times at which a local day begins or ends somewhere, and others.
  private static let times = [
    "00:00:00", "00:00:00", "23:59:59.999999", "05:00:00", "04:00:00", "04:59:59.999999",
    "23:00:00",
    "10:00:00", "18:15:00", "12:00:00", "09:30:00", "07:00:00", "06:59:59.5", "01:30:00",
  ]

  /// Days on which clocks change in Europe and America, and on which months begin and end.
  private static let days = [
    "2025-03-09", "2025-03-30", "2025-10-26", "2025-11-02", "2026-03-08", "2026-03-29",
    "2026-02-28",
    "2026-03-01", "2026-03-31", "2026-04-01", "2026-04-30", "2026-05-01", "2025-12-31",
    "2026-01-01", "2026-05-06",
  ]

  /// An instant of some days, often one of those that are easily got wrong.
  private mutating func instant(_ first: CalendarDate, _ last: CalendarDate) -> String {
    var day = first.adding(days: Int.random(in: 0...first.distance(to: last), using: &random))
    if chance(3), let special = CalendarDate(pick(Self.days)), special >= first, special <= last {
      day = special
    }
    if chance(6) { day = max(first, min(last, day.monthStart)) }
    return "'\(day) \(pick(Self.times))Z'"
  }

  private mutating func recorded(_ at: String) -> String {
    let late = pick(["0 hours", "0 hours", "0 hours", "3 hours", "30 hours", "200 hours"])
    return "least(timestamptz \(at) + interval '\(late)', now())"
  }

  private mutating func amount(_ currency: String) -> String {
    switch currency {
    case "JPY": pick(["15000", "100", "0", "1"])
    case "KWD": pick(["12.345", "0.001", "30", "7.12345", "7.12355"])
    default: pick(["30", "100", "99.99", "33.3333", "0.0001", "0", "12.34565", "1200.01"])
    }
  }

  // MARK: Companies

  /// Adds companies with their whole histories.
  mutating func addCompanies(_ count: Int) throws {
    for _ in 0..<count {
      companies += 1
      let company = companies
      // Some are in the books and not in the table of companies.
      if !chance(12) {
        let deleted = chance(7) ? instant(Self.start.adding(days: 60), Self.end) : "NULL"
        let at = instant(Self.start, Self.end.adding(days: 2))
        let signedUp = chance(15) ? "NULL" : at
        add(
          "billing.companies (id, name, signed_up_at, deleted_at, created_at)",
          "\(uuid("company \(company)")), 'c\(company)', \(signedUp), \(deleted), '2025-01-01'")
      }
      addSubscriptions(company)
      addUsers(company)
      addEvents(company, Int.random(in: 0...16, using: &random))
      addInvoices(company, Int.random(in: 0...4, using: &random))
    }
    try flush()
  }

  private mutating func addSubscriptions(_ company: Int) {
    let count = Int(pick(["0", "1", "1", "1", "2", "2", "3"])) ?? 1
    for subscription in 0..<count {
      let kinds = ["new", "new", "new", "trial_start", "trial_start", "upgrade"]
      let from = CalendarDate(
        daysSinceEpoch: Self.start.daysSinceEpoch + Int32(random.next() % 420))
      // The first says all terms, and nothing comes before it.
      let first = "'\(from) \(pick(Self.times))Z'"
      addChange(company, subscription, pick(kinds), at: first, currency: currency())
      for _ in 0..<Int.random(in: 0...6, using: &random) {
        let at = chance(6) ? first : laterInstant(from.adding(days: 1))
        addChange(company, subscription, laterKind(), at: at, currency: nil)
      }
      var origin = "NULL"
      if subscription > 0, chance(2) {
        origin = uuid("subscription \(company) \(subscription - 1)")
      }
      if chance(20) { origin = uuid("subscription \(max(1, company - 1)) 0") }
      add(
        "billing.subscriptions (id, company_id, status, migrated_from, created_at)",
        "\(uuid("subscription \(company) \(subscription)")), \(uuid("company \(company)")), "
          + "'\(pick(["active", "past_due", "canceled", "paused"]))', \(origin), '2025-01-01'")
    }
  }

  private mutating func currency() -> String { pick(["USD", "USD", "USD", "EUR", "JPY", "KWD"]) }

  private mutating func laterKind() -> String {
    pick([
      "upgrade", "downgrade", "quantity", "module_added", "module_added", "module_removed",
      "discount", "pause", "resume", "cancel", "cancel", "cancel_withdrawn", "reactivate",
      "trial_convert", "new",
    ])
  }

  /// Few distances, so that changes of one subscription meet at one instant or come out of order.
  private mutating func laterInstant(_ from: CalendarDate) -> String {
    let step = Int(pick(["0", "0", "9", "31", "31", "61", "140"])) ?? 0
    let first = min(from.adding(days: step), Self.end)
    return instant(first, min(first.adding(days: chance(2) ? 0 : 20), Self.end.adding(days: 9)))
  }

  private mutating func addChange(
    _ company: Int, _ subscription: Int, _ kind: String, at: String, currency: String?
  ) {
    number += 1
    let key = "\(company) \(subscription)"
    let sequence = (sequences[key] ?? 0) + 1
    sequences[key] = sequence
    let isFirst = sequence == 1
    let money = currency ?? (chance(9) ? self.currency() : nil)
    var terms = "NULL, NULL, NULL, NULL"
    if let money {
      let sum = kind == "trial_start" ? "0" : amount(money)
      terms =
        "\(sum), '\(pick(["month", "month", "quarter", "year"]))', "
        + "\(pick(["1", "1", "2"])), '\(money)'"
    } else if chance(2) {
      terms = "\(pick(["30", "100", "0", "45.5"])), NULL, NULL, NULL"
    }
    let module = kind.hasPrefix("module") ? uuid("module \(1 + random.next() % 4)") : "NULL"
    let plan = isFirst || chance(4) ? uuid("plan \(random.next() % 3)") : "NULL"
    let quantity = chance(5) ? "\(1 + random.next() % 3)" : "NULL"
    let asked =
      chance(3) ? "timestamptz \(at) - interval '\(pick(["0", "20 days", "70 days"]))'" : "NULL"
    add(
      """
      billing.subscription_changes (id, subscription_id, company_id, sequence, change, plan_id,
        module_id, quantity, recurring_amount, interval, interval_count, currency, requested_at,
        effective_at, created_at)
      """,
      "\(uuid("change \(number)")), \(uuid("subscription \(key)")), \(uuid("company \(company)")), "
        + "\(sequence), '\(kind)', \(plan), \(module), \(quantity), \(terms), \(asked), \(at), "
        + recorded(at))
  }

  private mutating func addUsers(_ company: Int) {
    for user in 0..<Int.random(in: 0...3, using: &random) {
      let from = Self.end.adding(days: -100)
      let invited = chance(6) ? "NULL" : instant(from, Self.end)
      let activated = chance(3) ? "NULL" : instant(from, Self.end.adding(days: 3))
      add(
        "billing.users (id, company_id, invited_at, activated_at, created_at)",
        "\(uuid("user \(company) \(user)")), \(uuid("company \(company)")), \(invited), "
          + "\(activated), '2025-01-01'")
    }
  }

  // MARK: Events

  private static let types = [
    "trial_started", "trial_started", "trial_converted", "subscription_activated", "trial_expired",
    "module_subscribed", "module_subscribed", "user_activated", "user_activated", "user_logged_in",
    "user_logged_in", "user_deactivated", "payment_failed", "payment_failed",
    "payment_retry_scheduled", "payment_attempted", "payment_recovered", "module_used",
    "error_occurred", "slow_request", "call_completed", "invoice_paid", "thing_invented",
  ]

  private mutating func addEvents(_ company: Int, _ count: Int) {
    let from = Self.end.adding(days: -90 + Int(random.next() % 60))
    for _ in 0..<count {
      number += 1
      let last = min(
        from.adding(days: chance(3) ? 75 : 20), Self.end.adding(days: chance(9) ? 2 : 0))
      let at = instant(from, max(from, last))
      let user = random.next() % 4
      let module = random.next() % 3
      let money = pick(["USD", "EUR", "KWD", "JPY", "usd"])
      let metadata = pick([
        "{}", "{\"duration_ms\": 7}",
        "{\"amount\": \"\(amount(money))\", \"currency\": \"\(money)\"}",
        "{\"amount\": -3.5, \"currency\": \"USD\", \"duration_ms\": \"x\"}",
        "{\"amount\": \"twelve\", \"currency\": \"USD\"}", "{\"amount\": \"5\"}",
        "{\"amount\": \"987654321012.345\", \"currency\": \"USD\"}",
      ])
      let values =
        "\(uuid("event \(number)")), '\(pick(Self.types))', \(uuid("company \(company)")), "
        + "\(user == 3 ? "NULL" : uuid("user \(company) \(user)")), "
        + "\(module == 2 ? "NULL" : uuid("module \(module)")), '\(metadata)', \(at), "
      let known = recorded(at)
      add("app.events", values + known)
      // Sent twice; what comes later does not count.
      if chance(10) { add("app.events", values + "\(known) + interval '2 hours'") }
    }
  }

  // MARK: Money

  private mutating func addInvoices(_ company: Int, _ count: Int) {
    let owner = uuid("company \(company)")
    for _ in 0..<count {
      number += 1
      let invoice = uuid("invoice \(number)")
      let money = currency()
      let from = Self.end.adding(days: -110)
      let issued = instant(from, Self.end)
      let status = pick(["paid", "paid", "open", "past_due", "void", "uncollectible", "draft"])
      let due =
        chance(6) ? "NULL" : "timestamptz \(issued) + interval '\(pick(["0", "9", "31"])) days'"
      let paid = status == "paid" && !chance(9) ? instant(from.adding(days: 40), Self.end) : "NULL"
      let voided =
        status == "void" && !chance(9) ? instant(from.adding(days: 40), Self.end) : "NULL"
      add(
        "billing.invoices (id, company_id, status, currency, total, issued_at, due_at, paid_at, "
          + "voided_at, created_at)",
        "\(invoice), \(owner), '\(status)', '\(money)', \(amount(money)), "
          + "\(chance(12) ? "NULL" : issued), \(due), \(paid), \(voided), \(recorded(issued))")
      for part in 0..<Int.random(in: 0...2, using: &random) {
        addTransaction("\(number) \(part)", owner, invoice, from)
      }
      if chance(4) {
        let noted = instant(from, Self.end)
        let money = pick([money, "USD"])
        add(
          "billing.credit_notes (id, invoice_id, company_id, amount, currency, issued_at, created_at)",
          "\(uuid("note \(number)")), \(chance(9) ? "NULL" : invoice), \(owner), "
            + "\(amount(money)), '\(money)', \(noted), \(recorded(noted))")
      }
    }
  }

  private mutating func addTransaction(
    _ name: String, _ owner: String, _ invoice: String, _ from: CalendarDate
  ) {
    let money = currency()
    let sum = amount(money)
    let at = instant(from, Self.end)
    let paid = chance(3) ? "NULL" : instant(from, Self.end.adding(days: 1))
    let method = pick(["'stripe'", "'paypal'", "'bank_transfer'", "NULL"])
    add(
      "billing.transactions (id, invoice_id, company_id, amount, currency, status, payment_method, "
        + "succeeded_at, created_at)",
      "\(uuid("transaction \(name)")), \(chance(8) ? "NULL" : invoice), \(owner), \(sum), "
        + "'\(money)', '\(pick(["succeeded", "refunded", "failed", "pending"]))', \(method), \(paid), "
        + recorded(at))
    for attempt in 0..<Int.random(in: 0...3, using: &random) {
      let tried = instant(from, Self.end)
      add(
        "billing.payment_attempts (id, transaction_id, invoice_id, company_id, amount, currency, "
          + "outcome, attempted_at, created_at)",
        "\(uuid("attempt \(name) \(attempt)")), "
          + "\(chance(6) ? "NULL" : uuid("transaction \(name)")), "
          + "\(chance(2) ? "NULL" : invoice), \(owner), \(sum), '\(money)', "
          + "'\(pick(["succeeded", "failed", "failed", "action_required"]))', \(tried), "
          + recorded(tried))
    }
    if chance(3) {
      let back = chance(5) ? "NULL" : instant(from, Self.end)
      add(
        "billing.refunds (id, transaction_id, company_id, amount, currency, status, succeeded_at, "
          + "created_at)",
        "\(uuid("refund \(name)")), \(chance(9) ? "NULL" : uuid("transaction \(name)")), \(owner), "
          + "\(amount(money)), '\(money)', '\(pick(["succeeded", "succeeded", "pending", "failed"]))', "
          + "\(back), \(recorded(at))")
    }
  }

  // MARK: Late rows

  /// Adds rows for days that were told about, changes some, and deletes some.
  mutating func addLate() throws {
    for _ in 0..<(companies / 3) {
      let company = 1 + Int(random.next() % UInt64(max(companies, 1)))
      if sequences["\(company) 0"] != nil {
        let at = laterInstant(Self.end.adding(days: -200))
        addChange(company, 0, laterKind(), at: at, currency: currency())
      }
      addEvents(company, Int.random(in: 0...2, using: &random))
      if chance(2) { addInvoices(company, 1) }
    }
    for day in [-60, -30, -3] { addRate("EUR", "USD", Self.end.adding(days: day), 1.1) }
    try flush()
    try connection.runScript(
      """
      UPDATE billing.invoices SET status = 'paid', paid_at = \(instant(Self.end.monthStart, Self.end))
      WHERE status = 'open' AND left(id::text, 1) IN ('0', '7', 'c');
      UPDATE billing.refunds SET status = 'succeeded', succeeded_at = '2026-04-01 00:00Z'
      WHERE status = 'pending' AND left(id::text, 1) < '8';
      UPDATE billing.users SET activated_at = '2026-04-30 23:00Z'
      WHERE activated_at IS NULL AND left(id::text, 1) < '4';
      UPDATE billing.companies SET deleted_at = '2026-03-31 10:00Z'
      WHERE deleted_at IS NULL AND left(id::text, 1) = '5';
      DELETE FROM billing.refunds WHERE left(id::text, 1) = '9';
      DELETE FROM billing.users WHERE left(id::text, 1) = 'e';
      DELETE FROM billing.invoices WHERE left(id::text, 2) = 'a1';
      DELETE FROM billing.transactions WHERE left(id::text, 2) = 'b2';
      DELETE FROM billing.companies WHERE left(id::text, 2) = '1f';
      """)
  }
}
