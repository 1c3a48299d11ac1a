import AlmanacCore
import Billing
import Columns
import Testing

/// One company per edge case of the source contract, with the expected table written out.
@Suite("Edge cases of the MRR ledger")
struct LedgerEdgeCaseTests {
  @Test("a company with several subscriptions is one customer")
  func severalSubscriptions() throws {
    var history = History()
    try history.add("A", .new, "01-05", "50")
    try history.add("A", .new, "01-20", "30", subscription: 2)
    try history.add("A", .cancel, "02-10", "50")
    try history.add("A", .cancel, "03-10", "30", subscription: 2)
    let ledger = try history.ledger(through: "04-01")
    #expect(
      ledger.movementLines == [
        "A 01 new 80.0000", "A 02 contraction -50.0000", "A 03 churned -30.0000",
      ])
    let event = try history.ledger(through: "04-01") { $0.recognition = .event }
    #expect(
      event.movementLines == [
        "A 01 new 50.0000", "A 01 expansion 30.0000", "A 02 contraction -50.0000",
        "A 03 churned -30.0000",
      ])
  }

  @Test(
    "a quarterly or yearly plan is worth its whole amount over its months",
    arguments: [(1, "100.0000"), (3, "33.3333"), (6, "16.6667"), (12, "8.3333"), (24, "4.1667")])
  func longPeriods(months: Int, value: String) throws {
    var history = History()
    try history.add("A", .new, "01-05", "100", per: months)
    #expect(try history.ledger(through: "02-01").totalLines == ["01 \(value)"])
  }

  @Test("a plan changed twice in one day ends as the later change says, by sequence at one instant")
  func twoChangesInOneDay() throws {
    var history = History()
    try history.add("A", .new, "01-05", "20", plan: 1)
    try history.add("A", .upgrade, "02-07 09:00", "40", plan: 2)
    try history.add("A", .downgrade, "02-07 15:00", "25", plan: 3)
    try history.add("B", .new, "01-05", "20")
    try history.add("B", .upgrade, "02-07 09:00", "40")
    try history.add("B", .downgrade, "02-07 09:00", "10")
    let ledger = try history.ledger(through: "03-01")
    #expect(
      ledger.movementLines == [
        "A 01 new 20.0000", "A 02 expansion 5.0000", "B 01 new 20.0000",
        "B 02 contraction -10.0000",
      ])
    let parts = try #require(ledger.companies[0].levels.last).parts
    #expect(parts == [try part(plan: 3, module: 0, "25", of: ledger)])
    // At one instant there is one change, whatever the recognition.
    #expect(
      try history.ledger(through: "03-01") { $0.recognition = .event }.movementLines == [
        "A 01 new 20.0000", "A 02 expansion 20.0000", "A 02 contraction -15.0000",
        "B 01 new 20.0000", "B 02 contraction -10.0000",
      ])
  }

  /// The part of a ledger's last level with a plan and module, if it has the amount.
  private func part(
    plan: Int, module: Int, _ amount: String, of ledger: RevenueLedger
  ) throws -> LevelPart? {
    let expected = try money(amount)
    return ledger.companies[0].levels.last?.parts.first {
      $0.plan == id(plan) && $0.module == id(module) && $0.amount == expected
    }
  }

  @Test("a downgrade scheduled for later counts after an upgrade that was asked for after it")
  func scheduledDowngrade() throws {
    var history = History()
    try history.add("A", .new, "01-05", "50")
    try history.add("A", .downgrade, "03-01", "20", requested: "01-20")
    try history.add("A", .upgrade, "02-01", "80")
    #expect(
      try history.ledger(through: "04-01").totalLines == ["01 50.0000", "02 80.0000", "03 20.0000"])
  }

  @Test(
    "a migrated subscription is one customer that moves, with a gap, an overlap or neither",
    arguments: ["02-15", "02-03", "03-20"])
  func migration(canceled: String) throws {
    var history = History()
    try history.add("A", .new, "01-05", "30")
    try history.add("A", .cancel, canceled, "30")
    try history.add("A", .new, "02-15", "35", subscription: 2)
    history.migrate("A", to: 2, from: 1)
    let event = try history.ledger(through: "05-01") { $0.recognition = .event }
    #expect(event.movementLines == ["A 01 new 30.0000", "A 02 expansion 5.0000"])
    #expect(event.totalLines == ["01 30.0000", "02 35.0000", "03 35.0000", "04 35.0000"])
    let monthEnd = try history.ledger(through: "05-01")
    #expect(monthEnd.movementLines == event.movementLines)
  }

  @Test("a migration that is announced already holds the value over the gap")
  func announcedMigration() throws {
    var history = History()
    try history.add("A", .new, "01-05", "30")
    try history.add("A", .cancel, "02-15", "30")
    try history.add("A", .new, "03-02", "35", subscription: 2, recorded: "02-14")
    history.migrate("A", to: 2, from: 1)
    #expect(
      try history.ledger(through: "03-01", knownBy: "02-28").totalLines
        == ["01 30.0000", "02 30.0000"])
    #expect(
      try history.ledger(through: "03-01", knownBy: "02-13").totalLines
        == ["01 30.0000", "02 30.0000"])
    history.changes.removeLast()
    #expect(
      try history.ledger(through: "03-01").totalLines == ["01 30.0000", "02 0.0000"])
  }

  @Test("a predecessor of another company, later, unknown or in a ring is ignored and noted")
  func unusableOrigins() throws {
    var history = History()
    try history.add("A", .new, "01-05", "30")
    try history.add("A", .new, "01-04", "35", subscription: 2)
    history.migrate("A", to: 2, from: 1)
    try history.add("B", .new, "01-05", "10")
    try history.add("B", .new, "01-05", "15", subscription: 2)
    history.migrate("B", to: 2, from: 1)
    history.migrate("B", to: 1, from: 2)
    try history.add("C", .new, "01-05", "7")
    history.migrate("C", to: 1, from: 9)
    let ledger = try history.ledger(through: "02-01")
    #expect(ledger.movementLines == ["A 01 new 65.0000", "B 01 new 25.0000", "C 01 new 7.0000"])
    #expect(ledger.notes.unusableOrigins == 4)
  }

  @Test("past due counts until the subscription ends")
  func pastDue() throws {
    // No change says that a subscription is past due: only its end does.
    var history = History()
    try history.add("A", .new, "01-05", "30")
    try history.add("A", .cancel, "04-10", "30", requested: "04-10")
    #expect(
      try history.ledger(through: "05-01").totalLines
        == ["01 30.0000", "02 30.0000", "03 30.0000", "04 0.0000"])
  }

  @Test("a month is a local month, from UTC+14 to UTC-12 and across changes of clocks")
  func zones() throws {
    // The same two instants: midnight of 1 February and of 30 March 2026 in UTC.
    for (name, expected) in [
      ("UTC", ["02 new 10.0000", "03 expansion 5.0000"]),
      ("Pacific/Kiritimati", ["02 new 10.0000", "03 expansion 5.0000"]),
      ("Etc/GMT+12", ["01 new 10.0000", "03 expansion 5.0000"]),
      ("Asia/Kathmandu", ["02 new 10.0000", "03 expansion 5.0000"]),
    ] {
      var history = History()
      history.zones = CompanyZones(.utc, own: [History.company("A"): try zone(name)])
      try history.add("A", .new, "02-01 00:00", "10")
      try history.add("A", .quantity, "03-31 23:59", "15")
      let ledger = try history.ledger(through: "05-03")
      let isEast = name == "Pacific/Kiritimati" || name == "Asia/Kathmandu"
      let lines = ledger.movementLines.map { String($0.dropFirst(2)) }
      #expect(
        lines == (isEast ? [expected[0], "04 expansion 5.0000"] : expected), "\(name)")
    }
    // London goes to summer time on 29 March: its April begins at 23:00 UTC.
    var history = History()
    history.zones = CompanyZones(try zone("Europe/London"))
    try history.add("A", .new, "03-31 22:59", "10")
    try history.add("B", .new, "03-31 23:00", "10")
    #expect(
      try history.ledger(through: "05-03").movementLines == [
        "A 03 new 10.0000", "B 04 new 10.0000",
      ])
  }

  @Test("a company is complete where its own month is over at the cut")
  func pendingMonths() throws {
    var history = History()
    try history.add("A", .new, "01-10", "10")
    try history.add("B", .new, "01-10", "10")
    history.zones.own = [
      History.company("A"): try zone("Pacific/Kiritimati"),
      History.company("B"): try zone("Etc/GMT+12"),
    ]
    let ledger = try history.ledger(through: "02-01 02:00")
    #expect(ledger.companies[0].levels.map(\.isComplete) == [true, false])
    #expect(ledger.companies[1].levels.map(\.isComplete) == [false])
    #expect(ledger.totalLines == ["01 20.0000"])
  }

  @Test("a deleted company has no revenue from its deletion on, and keeps its history")
  func deletedCompany() throws {
    var history = History()
    try history.add("A", .new, "01-10", "10")
    try history.add("A", .quantity, "03-10", "20")
    history.deletions[History.company("A")] = try instant("2026-02-10")
    let ledger = try history.ledger(through: "04-01")
    #expect(ledger.movementLines == ["A 01 new 10.0000", "A 02 churned -10.0000"])
    #expect(ledger.companies[0].movements.map(\.causes) == [[id(1)], []])
  }

  @Test("a company that the company table does not know counts like any other")
  func unknownCompany() throws {
    var history = History()
    try history.add("?", .new, "01-10", "10")
    #expect(try history.ledger(through: "02-01").totalLines == ["01 10.0000"])
  }

  @Test("what is dated in the future does not count yet")
  func future() throws {
    var history = History()
    try history.add("A", .new, "01-10", "10")
    try history.add("A", .quantity, "02-01", "20", recorded: "01-11")
    try history.add("A", .quantity, "3026-02-01", "20", recorded: "01-11")
    #expect(try history.ledger(through: "02-01").totalLines == ["01 10.0000"])
    #expect(try history.ledger(through: "02-01 00:01").totalLines == ["01 10.0000", "02 20.0000"])
  }

  @Test("a subscription whose rows begin in the middle counts from there and is noted")
  func beginsInTheMiddle() throws {
    var history = History()
    try history.add("A", .upgrade, "02-10", "40")
    try history.add("B", .pause, "02-10", "30")
    try history.add("B", .resume, "03-10", "30")
    let ledger = try history.ledger(through: "04-01")
    #expect(ledger.movementLines == ["A 02 new 40.0000", "B 03 new 30.0000"])
    #expect(ledger.notes.startsInTheMiddle == 2)
  }

  @Test("changes of an ended subscription do not revive it; only a start does")
  func endedSubscription() throws {
    var history = History()
    try history.add("A", .new, "01-10", "40")
    try history.add("A", .cancel, "02-10", "40")
    try history.add("A", .quantity, "02-20", "80")
    try history.add("A", .resume, "02-21", "80")
    try history.add("A", .reactivate, "04-10", nil, per: nil, in: nil)
    #expect(
      try history.ledger(through: "05-01").movementLines == [
        "A 01 new 40.0000", "A 02 churned -40.0000", "A 04 reactivation 80.0000",
      ])
  }

  @Test("what came and went within a month is a movement only at every instant")
  func withinOneMonth() throws {
    var history = History()
    try history.add("A", .new, "01-10", "40")
    try history.add("A", .cancel, "01-20", "40")
    try history.add("A", .reactivate, "03-10", "50")
    #expect(try history.ledger(through: "04-01").movementLines == ["A 03 new 50.0000"])
    #expect(
      try history.ledger(through: "04-01") { $0.recognition = .event }.movementLines == [
        "A 01 new 40.0000", "A 01 churned -40.0000", "A 03 reactivation 50.0000",
      ])
  }

  @Test("revenue by module is quantity times price within the amount, the rest is the plan's")
  func modules() throws {
    var history = History()
    history.modules = [
      id(7): ModulePrice(unitAmount: try money("10"), currency: try currency("USD")),
      id(8): ModulePrice(unitAmount: try money("100"), currency: try currency("EUR")),
    ]
    history.rates = [
      try rate("EURUSD", "2026-03-08", "1.10"), try rate("EURUSD", "2026-04-08", "1.10"),
    ]
    try history.add("A", .new, "01-10", "50", plan: 1, quantity: 2)
    try history.add("A", .moduleAdded, "02-10", "70", module: 7)
    try history.add("A", .moduleAdded, "03-10", "80", module: 8)
    try history.add("A", .moduleAdded, "03-11", "85", module: 9)
    try history.add("A", .moduleRemoved, "04-10", "60", module: 7)
    let ledger = try history.ledger(through: "05-01")
    #expect(ledger.notes.unpricedModules == [id(9)])
    let levels = ledger.companies[0].levels
    let lines = levels.map { level in
      level.parts.map { "\($0.plan.low)/\($0.module.low) \(Money.text($0.amount))" }
    }
    #expect(
      lines == [
        ["1/0 50.0000"], ["1/0 50.0000", "1/7 20.0000"],
        // 2 × 100 EUR are more than is left; the module without a price belongs to the plan.
        ["1/7 20.0000", "1/8 65.0000"], ["1/8 60.0000"],
      ])
  }

  @Test("causes are the changes behind a movement, in order of effect")
  func causes() throws {
    var history = History()
    try history.add("A", .new, "01-05", "80")
    try history.add("A", .cancel, "02-10", "80")
    try history.add("A", .new, "02-20", "90", subscription: 2)
    try history.add("A", .upgrade, "02-21", "90", subscription: 2, plan: 4)
    let ledger = try history.ledger(through: "03-01")
    #expect(ledger.companies[0].movements.map(\.causes) == [[id(1)], [id(2), id(3)]])
    let event = try history.ledger(through: "03-01") { $0.recognition = .event }
    #expect(event.companies[0].movements.map(\.causes) == [[id(1)], [id(2)], [id(3)]])
  }

  @Test("a subscription of two companies, or an amount without a currency, is refused")
  func refusals() throws {
    var history = History()
    try history.add("A", .new, "01-05", "80")
    try history.add("B", .new, "01-05", "80")
    history.changes[1].subscription = history.changes[0].subscription
    let two = BillingError.subscriptionOfTwoCompanies(subscription: history.changes[0].subscription)
    #expect(throws: two) { try history.ledger(through: "02-01") }
    #expect(!two.description.contains("0000"))
    #expect(two.debugDescription.contains(history.changes[0].subscription.description))
    for (amount, months, code, term) in [
      ("80", 1, nil, "currency"), (nil, 1, "USD", "recurring_amount"),
      ("80", nil, "USD", "interval"),
    ] as [(String?, Int?, String?, String)] {
      var history = History()
      try history.add("A", .new, "01-05", amount, per: months, in: code)
      #expect(throws: BillingError.missingTerms(change: id(1), term: term)) {
        try history.ledger(through: "02-01")
      }
    }
  }

  @Test("an empty history has an empty ledger")
  func empty() throws {
    let ledger = try History().ledger(through: "02-01")
    #expect(ledger.companies.isEmpty)
    #expect(ledger.months.isEmpty)
    #expect(ledger.totals.isEmpty)
  }
}
