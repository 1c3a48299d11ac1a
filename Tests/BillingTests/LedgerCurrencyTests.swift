import AlmanacCore
import Billing
import Columns
import Testing

/// Rates and amounts, with the expected values written out.
@Suite("Currencies of the MRR ledger")
struct LedgerCurrencyTests {
  @Test("a missing rate names currency and day; a rate corrected later restates")
  func rates() throws {
    var history = History()
    try history.add("A", .new, "01-15", "100", in: "EUR")
    history.rates = [try rate("EURUSD", "2026-01-07", "1.10")]
    let failure = BillingError.conversion(
      .missingRate(from: try currency("EUR"), to: try currency("USD"), date: try day("2026-01-15")))
    #expect(throws: failure) { try history.ledger(through: "02-01") }
    history.rates = [
      try rate("EURUSD", "2026-01-08", "1.10"),
      try rate("EURUSD", "2026-01-08", "1.25", recorded: "2026-02-03"),
    ]
    #expect(
      try history.ledger(through: "02-01", knownBy: "02-01").totalLines == ["01 110.0000"])
    #expect(
      try history.ledger(through: "02-01", knownBy: "02-04").totalLines == ["01 125.0000"])
  }

  @Test("the rates a ledger took are told, each once, and no others")
  func rateUses() throws {
    var history = History()
    try history.add("A", .new, "01-15", "100", in: "EUR")
    try history.add("A", .quantity, "02-10", "150", in: "EUR")
    try history.add("B", .new, "01-15", "100", in: "EUR")
    try history.add("C", .new, "01-16", "10")
    try history.add("D", .trialStart, "01-17", "0", in: "EUR")
    history.rates = [
      try rate("EURUSD", "2026-01-10", "1.10"), try rate("EURUSD", "2026-02-10", "1.20"),
      try rate("EURUSD", "2026-01-31", "1.15"),
    ]
    func dates(_ ledger: RevenueLedger) -> [String] {
      ledger.rateUses.map { "\($0.source)\($0.target) \($0.date)" }
    }
    #expect(
      dates(try history.ledger(through: "02-20")) == ["EURUSD 2026-01-15", "EURUSD 2026-02-10"])
    #expect(
      dates(try history.ledger(through: "02-20") { $0.fx = .monthEnd })
        == ["EURUSD 2026-01-15", "EURUSD 2026-01-31", "EURUSD 2026-02-10"])
  }

  @Test("a trial in a currency without a rate needs none")
  func trialWithoutRate() throws {
    var history = History()
    try history.add("A", .trialStart, "01-15", "0", in: "EUR")
    try history.add("A", .cancel, "01-20", "0", in: "EUR")
    #expect(try history.ledger(through: "02-01").companies.isEmpty)
  }

  @Test("the rate of a change is held until the price changes")
  func heldRate() throws {
    var history = History()
    try history.add("A", .new, "01-15", "100", in: "EUR", plan: 1)
    try history.add("A", .cancel, "04-01", "100", in: "EUR", requested: "02-01")
    try history.add("A", .cancelWithdrawn, "02-10", "100", in: "EUR")
    try history.add("A", .upgrade, "02-12", "100", in: "EUR", plan: 2)
    try history.add("A", .pause, "02-15", "100", in: "EUR")
    try history.add("A", .resume, "02-20", "100", in: "EUR")
    try history.add("A", .quantity, "03-15", "200", in: "EUR")
    history.rates = [
      try rate("EURUSD", "2026-01-15", "1.10"), try rate("EURUSD", "2026-02-11", "1.20"),
      try rate("EURUSD", "2026-02-19", "1.30"), try rate("EURUSD", "2026-03-13", "1.40"),
    ]
    #expect(
      try history.ledger(through: "04-01") { $0.pause = .keep }.movementLines == [
        "A 01 new 110.0000", "A 03 expansion 170.0000",
      ])
    #expect(
      try history.ledger(through: "04-01") { $0.recognition = .event }.movementLines == [
        "A 01 new 110.0000", "A 02 churned -110.0000", "A 02 reactivation 130.0000",
        "A 03 expansion 150.0000",
      ])
  }

  @Test("values at the rates of month ends move by fx, and only then")
  func revaluation() throws {
    var history = History()
    try history.add("A", .new, "01-15", "100", in: "EUR")
    try history.add("A", .quantity, "02-10", "150", in: "EUR")
    try history.add("A", .cancel, "03-20", "150", in: "EUR")
    try history.add("B", .new, "01-15", "10")
    for (date, text) in [
      ("2026-01-15", "1.10"), ("2026-01-31", "1.20"), ("2026-02-10", "1.30"),
      ("2026-02-28", "1.25"),
    ] {
      history.rates.append(try rate("EURUSD", date, text))
    }
    for recognition in LedgerSettings.Recognition.allCases {
      let ledger = try history.ledger(through: "04-01") {
        $0.fx = .monthEnd
        $0.recognition = recognition
      }
      #expect(
        ledger.movementLines == [
          "A 01 new 110.0000", "A 01 fx 10.0000", "A 02 expansion 75.0000", "A 02 fx -7.5000",
          "A 03 churned -187.5000", "B 01 new 10.0000",
        ])
      #expect(ledger.totalLines == ["01 130.0000", "02 197.5000", "03 10.0000"])
    }
    // A month that is not over is not valued again.
    let open = try history.ledger(through: "02-20") { $0.fx = .monthEnd }
    #expect(open.totalLines == ["01 130.0000", "02 205.0000"])
    #expect(open.companies[0].levels.map(\.isComplete) == [true, false])
  }

  @Test("amounts of zero, below zero and of 15 digits are exact")
  func amounts() throws {
    var history = History()
    try history.add("A", .new, "01-10", "0")
    try history.add("B", .new, "01-10", "999999999999.999")
    try history.add("B", .quantity, "02-10", "999999999999.9991")
    try history.add("C", .new, "01-10", "-5")
    try history.add("C", .discount, "02-10", "5")
    let ledger = try history.ledger(through: "03-01")
    #expect(
      ledger.movementLines == [
        "B 01 new 999999999999.9990", "B 02 expansion 0.0001", "C 01 contraction -5.0000",
        "C 02 new 10.0000",
      ])
  }

  @Test("currencies of 0, 2 and 3 decimals are worth a month what the exact quotient is")
  func currencies() throws {
    var history = History()
    try history.add("A", .new, "01-10", "10000", per: 12, in: "JPY")
    try history.add("B", .new, "01-10", "10.125", per: 3, in: "KWD")
    history.rates = [
      try rate("JPYUSD", "2026-01-10", "0.0067"), try rate("KWDUSD", "2026-01-10", "3.25"),
    ]
    let ledger = try history.ledger(through: "02-01")
    // 10,000 × 0.0067 ÷ 12 = 5.58333…, 10.125 × 3.25 ÷ 3 = 10.96875.
    #expect(ledger.movementLines == ["A 01 new 5.5833", "B 01 new 10.9688"])
  }
}
