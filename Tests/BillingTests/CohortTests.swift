import AlmanacCore
import Billing
import Testing

@Suite("Cohorts")
struct CohortTests {
  private func lines(_ rows: [CohortRow]) -> [String] {
    rows.map { row in
      let amounts = [row.revenueStart, row.revenueRetainedGross, row.revenueRetainedNet]
        .map { String(Money.text($0).dropLast(5)) }
      return "\(RevenueLedger.short(row.month))+\(row.period): \(row.retained)/\(row.size) "
        + amounts.joined(separator: " ") + (row.isComplete ? "" : " open")
    }
  }

  private func signups(_ texts: [(Character, String)]) throws -> [UUIDValue: Timestamp] {
    var firsts: [UUIDValue: Timestamp] = [:]
    for (company, text) in texts {
      firsts[History.company(company)] = try History.instant(text)
    }
    return firsts
  }

  @Test("retention of sign-ups is that of a table made by hand")
  func signup() throws {
    var history = History()
    try history.add("A", .new, "01-10", "100")
    try history.add("A", .upgrade, "02-10", "150")
    try history.add("B", .new, "01-20", "100")
    try history.add("B", .downgrade, "02-20", "60")
    try history.add("B", .cancel, "03-20", "60")
    try history.add("C", .new, "02-20", "30")
    let firsts = try signups([("A", "01-05"), ("B", "01-06"), ("C", "01-07"), ("D", "02-07")])
    let end = try History.instant("03-25")
    let rows = Cohorts(.signup, firsts: firsts, zones: history.zones, end: end)
      .retention(in: try history.ledger(through: "03-25"))
    #expect(
      lines(rows) == [
        "01+0: 2/3 200 200 200", "01+1: 3/3 200 160 240", "01+2: 2/3 200 100 180 open",
        "02+0: 0/1 0 0 0", "02+1: 0/1 0 0 0 open",
      ])
    #expect(rows.allSatisfy { $0.kind == .signup })
  }

  @Test("a cohort of first payments is retained by payments in the period")
  func firstPayment() throws {
    func paid(_ company: Character, _ at: String, _ amount: String) throws -> PaymentAttempt {
      PaymentAttempt(
        id: id(Int(try History.instant(at).microseconds % 1_000_003)), transaction: nil,
        invoice: nil, company: History.company(company), amount: try money(amount),
        currency: try currency("USD"), outcome: .succeeded, attemptedAt: try History.instant(at),
        recordedAt: try History.instant(at))
    }
    let books = PaymentBooks(
      attempts: [
        try paid("A", "01-10", "10"), try paid("A", "01-20", "20"), try paid("A", "03-01", "50"),
        try paid("B", "01-31", "40"), try paid("B", "02-28 23:59", "5"),
        try paid("C", "04-02", "1"),
      ], rates: ExchangeRates([]), zones: CompanyZones(.utc), currency: try currency("USD"))
    let end = try History.instant("04-01")
    let firsts = books.firstPayments(end: end)
    #expect(firsts == (try signups([("A", "01-10"), ("B", "01-31")])))
    let rows = try Cohorts(.firstPayment, firsts: firsts, zones: CompanyZones(.utc), end: end)
      .retention(in: books)
    #expect(
      lines(rows) == ["01+0: 2/2 70 70 70", "01+1: 1/2 70 5 5", "01+2: 1/2 70 30 50"])
  }

  @Test("a first module is the earliest addition that is known and has taken effect")
  func firstModule() throws {
    var history = History()
    try history.add("A", .moduleAdded, "02-10", "1", module: 1)
    try history.add("A", .moduleAdded, "01-10", "1", module: 2, recorded: "03-01")
    try history.add("B", .moduleRemoved, "01-10", "1", module: 2)
    try history.add("C", .moduleAdded, "05-10", "1", module: 2, recorded: "01-01")
    let end = try History.instant("05-10")
    #expect(
      Cohorts.firstModules(in: history.changes, end: end) == (try signups([("A", "01-10")])))
    #expect(
      Cohorts.firstModules(in: history.changes, knownBy: try History.instant("02-28"), end: end)
        == (try signups([("A", "02-10")])))
  }

  @Test("a period is complete when its month is over for every member")
  func completeInZones() throws {
    let zones = CompanyZones(
      .utc,
      own: [
        History.company("A"): try zone("Pacific/Kiritimati"),
        History.company("B"): try zone("Etc/GMT+12"),
      ])
    let firsts = try signups([("A", "01-10"), ("B", "01-10")])
    let ledger = try History().ledger(through: "02-01")
    for (end, expected) in [
      ("01-31 09:59", ["01+0: 0/2 0 0 0 open"]),
      ("01-31 10:30", ["01+0: 0/2 0 0 0 open", "01+1: 0/2 0 0 0 open"]),
      ("02-01 12:00", ["01+0: 0/2 0 0 0", "01+1: 0/2 0 0 0 open"]),
      ("02-01 12:01", ["01+0: 0/2 0 0 0", "01+1: 0/2 0 0 0 open"]),
    ] {
      let rows = Cohorts(.signup, firsts: firsts, zones: zones, end: try History.instant(end))
        .retention(in: ledger)
      #expect(lines(rows) == expected, "at \(end)")
    }
  }

  @Test("agrees with a count member by member, and splits add up", arguments: UInt64(0)..<60)
  func agreesWithCount(seed: UInt64) throws {
    let random = try RandomLedger(seed: seed)
    let ledger = try RevenueLedger(random.input, settings: random.settings)
    let oracle = LedgerOracle(input: random.input, settings: random.settings)
    var firsts: [UUIDValue: Timestamp] = [:]
    for change in random.input.changes {
      firsts[change.company] = max(firsts[change.company] ?? change.recordedAt, change.recordedAt)
    }
    let (zones, end) = (random.input.zones, random.input.end)
    let rows = Cohorts(.signup, firsts: firsts, zones: zones, end: end).retention(in: ledger)
    #expect(rows.isEmpty == firsts.values.allSatisfy { $0 >= end })
    for row in rows {
      let members = firsts.filter {
        $0.value < end && zones.zone(of: $0.key).localDate(at: $0.value).monthStart == row.month
      }.keys
      #expect(row.size == members.count)
      var (retained, gross, net, start): (Int, Int128, Int128, Int128) = (0, 0, 0, 0)
      var isComplete = true
      for member in members {
        let zone = zones.zone(of: member)
        func revenue(_ period: Int) throws -> Int128 {
          let next = zone.start(of: row.month.monthStart(adding: period + 1))
          return try oracle.amount(member, before: min(next, end), closing: next <= end)
        }
        if zone.start(of: row.month.monthStart(adding: row.period + 1)) > end { isComplete = false }
        start += try revenue(0)
        // A month that has not begun for a member has nothing of it yet.
        guard zone.start(of: row.month.monthStart(adding: row.period)) < end else { continue }
        let (now, before) = (try revenue(row.period), try revenue(0))
        if now > 0 { retained += 1 }
        gross += min(now, before)
        net += now
      }
      #expect(row.retained == retained)
      #expect(row.revenueRetainedGross == gross)
      #expect(row.revenueRetainedNet == net)
      #expect(row.revenueStart == start)
      #expect(row.isComplete == isComplete)
    }
    let halves = [0, 1].map { half in
      Cohorts(
        .signup, firsts: firsts.filter { $0.key.low % 2 == half }, zones: zones, end: end
      ).retention(in: ledger)
    }
    for row in rows {
      let parts = halves.flatMap { $0 }.filter {
        $0.month == row.month && $0.period == row.period
      }
      #expect(parts.reduce(0) { $0 + $1.retained } == row.retained)
      #expect(parts.reduce(0) { $0 + $1.revenueRetainedNet } == row.revenueRetainedNet)
    }
  }
}
