import AlmanacCore
import Billing
import Testing

@Suite("Worked example of the definitions")
struct WorkedExampleTests {
  /// Companies A to K as the definitions describe them.
  private func example() throws -> History {
    var history = History()
    try history.add("A", .new, "01-10", "100")
    try history.add("B", .new, "01-15", "1200", per: 12)
    try history.add("B", .upgrade, "03-05", "2400", per: 12)
    try history.add("C", .trialStart, "01-20", "0")
    try history.add("C", .trialConvert, "02-03", "50")
    try history.add("C", .cancel, "04-01", "50", requested: "03-12")
    try history.add("D", .new, "01-05", "80")
    try history.add("D", .cancel, "02-10", "80")
    try history.add("D", .reactivate, "04-02", "60")
    try history.add("E", .new, "01-05", "80")
    try history.add("E", .cancel, "02-10", "80")
    try history.add("E", .new, "02-20", "90", subscription: 2)
    try history.add("F", .new, "01-01", "30")
    try history.add("F", .cancel, "02-15", "30")
    try history.add("F", .new, "02-15", "35", subscription: 2)
    history.migrate("F", to: 2, from: 1)
    try history.add("G", .new, "01-08", "100", in: "EUR")
    try history.add("G", .upgrade, "03-03", "150", in: "EUR")
    try history.add("H", .new, "01-02", "30")
    try history.add("H", .pause, "02-05", "30")
    try history.add("H", .resume, "03-10", "30")
    try history.add("I", .new, "01-12", "100", per: 3)
    try history.add("J", .new, "01-03", "20")
    try history.add("J", .upgrade, "03-07 09:00", "40")
    try history.add("J", .downgrade, "03-07 15:00", "25")
    try history.add("K", .trialStart, "01-04", "0")
    history.rates = [
      try rate("EURUSD", "2026-01-08", "1.10"), try rate("EURUSD", "2026-02-04", "1.20"),
      try rate("EURUSD", "2026-03-03", "1.15"),
    ]
    return history
  }

  private static let levels = ["01 583.3333", "02 538.3333", "03 735.8333", "04 745.8333"]

  @Test("movements at the ends of months, and MRR at each end, are those of the table")
  func monthEnd() throws {
    let ledger = try example().ledger(through: "05-01")
    #expect(
      ledger.movementLines == [
        "A 01 new 100.0000",
        "B 01 new 100.0000", "B 03 expansion 100.0000",
        "C 02 new 50.0000", "C 04 churned -50.0000",
        "D 01 new 80.0000", "D 02 churned -80.0000", "D 04 reactivation 60.0000",
        "E 01 new 80.0000", "E 02 expansion 10.0000",
        "F 01 new 30.0000", "F 02 expansion 5.0000",
        "G 01 new 110.0000", "G 03 expansion 62.5000",
        "H 01 new 30.0000", "H 02 churned -30.0000", "H 03 reactivation 30.0000",
        "I 01 new 33.3333",
        "J 01 new 20.0000", "J 03 expansion 5.0000",
      ])
    #expect(ledger.totalLines == WorkedExampleTests.levels)
    #expect(ledger.notes == LedgerNotes())
  }

  @Test("movements at every instant differ for E in February and J in March only")
  func event() throws {
    let ledger = try example().ledger(through: "05-01") { $0.recognition = .event }
    #expect(
      ledger.movementLines == [
        "A 01 new 100.0000",
        "B 01 new 100.0000", "B 03 expansion 100.0000",
        "C 02 new 50.0000", "C 04 churned -50.0000",
        "D 01 new 80.0000", "D 02 churned -80.0000", "D 04 reactivation 60.0000",
        "E 01 new 80.0000", "E 02 churned -80.0000", "E 02 reactivation 90.0000",
        "F 01 new 30.0000", "F 02 expansion 5.0000",
        "G 01 new 110.0000", "G 03 expansion 62.5000",
        "H 01 new 30.0000", "H 02 churned -30.0000", "H 03 reactivation 30.0000",
        "I 01 new 33.3333",
        "J 01 new 20.0000", "J 03 expansion 20.0000", "J 03 contraction -15.0000",
      ])
    #expect(ledger.totalLines == WorkedExampleTests.levels)
  }
}
