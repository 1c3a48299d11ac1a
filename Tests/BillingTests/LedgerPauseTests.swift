import AlmanacCore
import Billing
import Testing

/// Ways in which a subscription comes to count, stops and ends, with the expected table written out.
@Suite("Trials, pauses and cancellations in the MRR ledger")
struct LedgerPauseTests {
  @Test("a trial is worth nothing until it is converted, and leaves no trace if it is not")
  func trial() throws {
    var history = History()
    try history.add("A", .trialStart, "01-05", "0")
    try history.add("A", .quantity, "01-10", "0", quantity: 4)
    try history.add("A", .trialConvert, "02-03", "50")
    try history.add("B", .trialStart, "01-05", "0")
    try history.add("B", .cancel, "02-05", "0")
    let ledger = try history.ledger(through: "03-01")
    #expect(ledger.movementLines == ["A 02 new 50.0000"])
    #expect(ledger.companies.map(\.company) == [History.company("A")])
  }

  @Test("a trial paused and resumed is a trial still")
  func pausedTrial() throws {
    var history = History()
    try history.add("A", .trialStart, "01-05", "0")
    try history.add("A", .pause, "01-10", "0")
    try history.add("A", .resume, "01-20", "0")
    try history.add("A", .trialConvert, "02-03", "50")
    #expect(try history.ledger(through: "03-01").movementLines == ["A 02 new 50.0000"])
  }

  @Test("a pause is worth nothing, or what it was worth before")
  func pause() throws {
    var history = History()
    try history.add("A", .new, "01-05", "30")
    try history.add("A", .pause, "02-05", "0")
    try history.add("A", .quantity, "02-20", "45")
    try history.add("A", .resume, "03-10", "45")
    #expect(
      try history.ledger(through: "04-01").movementLines == [
        "A 01 new 30.0000", "A 02 churned -30.0000", "A 03 reactivation 45.0000",
      ])
    #expect(
      try history.ledger(through: "04-01") { $0.pause = .keep }.movementLines == [
        "A 01 new 30.0000", "A 02 expansion 15.0000",
      ])
  }

  @Test("a cancellation counts at the end of service, or when it is asked for")
  func cancellation() throws {
    var history = History()
    try history.add("A", .new, "01-05", "30")
    try history.add("A", .cancel, "04-01", "30", requested: "02-10")
    #expect(
      try history.ledger(through: "05-01").movementLines == [
        "A 01 new 30.0000", "A 04 churned -30.0000",
      ])
    #expect(
      try history.ledger(through: "05-01") { $0.churnAt = .cancellation }.movementLines == [
        "A 01 new 30.0000", "A 02 churned -30.0000",
      ])
  }

  @Test("an end agreed on at the start is a term: it counts at the end of service")
  func endAskedForAtStart() throws {
    var history = History()
    try history.add("A", .new, "01-05", "30", requested: "01-02")
    try history.add("A", .cancel, "04-01", "30", requested: "01-02")
    try history.add("B", .new, "01-05", "30")
    try history.add("B", .cancel, "02-05", "30", requested: nil)
    try history.add("C", .new, "01-05", "30")
    try history.add("C", .cancel, "02-05", "30", requested: "03-05")
    let ledger = try history.ledger(through: "05-01") {
      $0.churnAt = .cancellation
      $0.recognition = .event
    }
    #expect(
      ledger.movementLines == [
        "A 01 new 30.0000", "A 04 churned -30.0000", "B 01 new 30.0000", "B 02 churned -30.0000",
        "C 01 new 30.0000", "C 02 churned -30.0000",
      ])
  }

  @Test("a cancellation scheduled and withdrawn before its moment never counts")
  func withdrawnCancellation() throws {
    var history = History()
    try history.add("A", .new, "01-05", "30")
    try history.add("A", .cancel, "03-01", "30", requested: "02-03")
    try history.add("A", .quantity, "02-10", "40")
    try history.add("A", .cancelWithdrawn, "02-20", "40")
    for churnAt in LedgerSettings.ChurnTime.allCases {
      #expect(
        try history.ledger(through: "05-01") { $0.churnAt = churnAt }.movementLines == [
          "A 01 new 30.0000", "A 02 expansion 10.0000",
        ])
    }
  }

  @Test("a withdrawal at the moment of the cancellation, or of an earlier one, comes too late")
  func lateWithdrawal() throws {
    var history = History()
    try history.add("A", .new, "01-05", "30")
    try history.add("A", .cancel, "02-10", "30")
    try history.add("A", .cancelWithdrawn, "02-10", "30")
    // The withdrawal of B precedes by time, but was made before the cancellation.
    try history.add("B", .new, "01-05", "30")
    try history.add("B", .cancelWithdrawn, "02-01", "30")
    try history.add("B", .cancel, "02-10", "30")
    #expect(
      try history.ledger(through: "03-01").movementLines == [
        "A 01 new 30.0000", "A 02 churned -30.0000", "B 01 new 30.0000", "B 02 churned -30.0000",
      ])
  }
}
