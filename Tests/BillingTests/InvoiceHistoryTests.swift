import AlmanacCore
import Billing
import Testing

@Suite("Ledger from invoices")
struct InvoiceHistoryTests {
  private func invoice(
    _ number: Int, _ company: Character, _ amount: String, _ start: String?, _ end: String?,
    subscription: Int? = 1, reason: BillingReason? = .cycle, status: InvoiceStatus = .open,
    recorded: String? = nil
  ) throws -> Invoice {
    let from = try start.map { try History.instant($0) }
    return Invoice(
      id: id(number), company: History.company(company),
      subscription: subscription.map { History.subscription(company, $0) }, status: status,
      reason: reason, currency: try currency("USD"), subtotal: try money(amount),
      total: try money(amount) * 2, issuedAt: from, periodStart: from,
      periodEnd: try end.map { try History.instant($0) },
      recordedAt: try recorded.map { try History.instant($0) } ?? from ?? instant("2026-01-01"))
  }

  private func lines(_ invoices: [Invoice], through end: String) throws -> [String] {
    var history = History()
    history.changes = SubscriptionChange.shown(by: invoices)
    return try history.ledger(through: end).movementLines
  }

  @Test("an invoice is worth its amount before tax over its months, from start to end")
  func values() throws {
    #expect(
      try lines(
        [
          try invoice(1, "A", "30", "01-10", "02-10", reason: .create),
          try invoice(2, "A", "40", "02-10", "03-10"),
          try invoice(3, "B", "1200", "01-15", "2027-01-15"),
          try invoice(4, "C", "90", "01-31", "04-30"),
        ], through: "05-01") == [
          "A 01 new 30.0000", "A 02 expansion 10.0000", "A 03 churned -40.0000",
          "B 01 new 100.0000", "C 01 new 30.0000", "C 04 churned -30.0000",
        ])
  }

  @Test("a period less than a day after the last goes on, a later one is a reactivation")
  func gaps() throws {
    #expect(
      try lines(
        [
          try invoice(1, "A", "30", "01-01", "01-31 23:59"),
          try invoice(2, "A", "30", "02-01", "03-01"),
          try invoice(3, "A", "50", "04-01", "06-01"),
        ], through: "05-01") == [
          "A 01 new 30.0000", "A 03 churned -30.0000", "A 04 reactivation 25.0000",
        ])
  }

  @Test("manual, void and draft invoices, corrections and those without a period show nothing")
  func others() throws {
    #expect(
      SubscriptionChange.shown(by: [
        try invoice(1, "A", "30", "01-01", "02-01", reason: .manual),
        try invoice(2, "A", "30", "01-01", "02-01", reason: .update),
        try invoice(3, "A", "30", "01-01", "02-01", status: .void),
        try invoice(4, "A", "30", "01-01", "02-01", status: .draft),
        try invoice(5, "A", "30", "01-01", nil), try invoice(6, "A", "30", nil, "01-01"),
        try invoice(7, "A", "30", "02-01", "02-01"),
      ]).isEmpty)
  }

  @Test("invoices of one period add up, those of several subscriptions do in the company")
  func sums() throws {
    #expect(
      try lines(
        [
          try invoice(1, "A", "30", "01-01", "02-01"), try invoice(2, "A", "5", "01-01", "02-01"),
          try invoice(3, "A", "7", "01-01", "02-01", subscription: 2),
          try invoice(4, "A", "1", "01-01", "02-01", subscription: nil, reason: nil),
        ], through: "02-01") == ["A 01 new 43.0000"])
  }

  @Test("an invoice counts once it is recorded, and the ledger says where it comes from")
  func recorded() throws {
    let invoices = [
      try invoice(1, "A", "30", "01-01", "02-01"),
      try invoice(2, "A", "30", "02-01", "03-01", recorded: "02-20"),
    ]
    var history = History()
    history.changes = SubscriptionChange.shown(by: invoices, knownBy: try History.instant("02-19"))
    var input = try history.input(through: "02-19")
    input.source = .invoices
    let ledger = try RevenueLedger(input, settings: LedgerSettings(currency: try currency("USD")))
    #expect(ledger.movementLines == ["A 01 new 30.0000", "A 02 churned -30.0000"])
    #expect(ledger.source == .invoices)
    #expect(ledger.companies[0].movements.map(\.causes) == [[id(1)], [id(1)]])
  }

  @Test(
    "equals the ledger of changes where these take effect between periods",
    arguments: UInt64(0)..<60)
  func equalsChanges(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var changes = History()
    var invoices: [Invoice] = []
    for company in "ABCD" {
      for subscription in 1...Int.random(in: 1...2, using: &random) {
        let length = random.pick([1, 1, 3])
        var month = Int.random(in: 1...4, using: &random)
        var isOn = false
        var amount = 0
        for _ in 0..<6 {
          let start = try day("2026-01-01").monthStart(adding: month).startUTC
          let next = try day("2026-01-01").monthStart(adding: month + length).startUTC
          let text = String(start.description.dropLast(1))
          if random.next() % 4 != 0 {
            let before = amount
            if !isOn || random.next() % 2 == 0 { amount = Int(random.next() % 900) + 1 }
            if !isOn || amount != before {
              try changes.add(
                company, isOn ? .quantity : .reactivate, text, "\(amount)", per: length,
                subscription: subscription)
            }
            invoices.append(
              try invoice(
                invoices.count + 1, company, "\(amount)", text,
                String(next.description.dropLast(1)), subscription: subscription))
            isOn = true
          } else if isOn {
            try changes.add(company, .cancel, text, subscription: subscription)
            isOn = false
          }
          month += length
        }
        if isOn {
          let end = try day("2026-01-01").monthStart(adding: month).startUTC
          try changes.add(
            company, .cancel, String(end.description.dropLast(1)), subscription: subscription)
        }
      }
    }
    var shown = History()
    shown.changes = SubscriptionChange.shown(by: invoices.shuffled(using: &random))
    let recognition = random.pick(LedgerSettings.Recognition.allCases)
    let expected = try changes.ledger(through: "2028-01-01") { $0.recognition = recognition }
    let found = try shown.ledger(through: "2028-01-01") { $0.recognition = recognition }
    #expect(found.movementLines == expected.movementLines)
    #expect(found.totals == expected.totals)
    #expect(found.companies.map(\.levels) == expected.companies.map(\.levels))
  }
}
