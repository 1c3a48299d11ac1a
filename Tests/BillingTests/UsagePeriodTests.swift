import AlmanacCore
import Billing
import Testing

@Suite("Billing periods of usage")
struct UsagePeriodTests {
  private func invoice(
    _ number: Int, _ start: String, _ end: String, subscription: Int? = 7,
    status: InvoiceStatus = .paid, reason: BillingReason? = .cycle, voided: String? = nil,
    recorded: String = "2026-01-01"
  ) throws -> Invoice {
    Invoice(
      id: id(number), company: id(1), subscription: subscription.map { id($0) }, status: status,
      reason: reason, currency: try currency("USD"), total: 0, issuedAt: nil,
      voidedAt: try voided.map { try instant($0) }, periodStart: try instant(start),
      periodEnd: try instant(end), recordedAt: try instant(recorded))
  }

  private func current(_ start: String, _ end: String, subscription: Int = 7) throws
    -> CurrentPeriod
  {
    CurrentPeriod(
      company: id(1), subscription: id(subscription), start: try instant(start),
      end: try instant(end))
  }

  private func lines(
    _ invoices: [Invoice], _ current: [CurrentPeriod] = [], zone: ZoneRules = .utc
  ) throws -> [String] {
    let dates = try day("2026-01-01")...day("2026-06-30")
    return UsagePeriod.periods(
      invoices: invoices, current: current, zones: CompanyZones(zone), dates: dates
    )
    .map { "\($0.subscription.low): \($0.start) to \($0.end)" }
  }

  @Test("are those of invoices, and of subscriptions where nothing was billed yet")
  func fromBoth() throws {
    let invoices = [
      try invoice(1, "2026-02-10 08:00", "2026-03-10 08:00"),
      try invoice(2, "2026-03-10 08:00", "2026-04-10 08:00"),
    ]
    #expect(
      try lines(
        invoices,
        [
          try current("2026-03-10 09:00", "2026-05-01"), try current("2026-04-10", "2026-05-10"),
          try current("2026-07-01", "2026-08-01", subscription: 8),
        ]) == [
          "7: 2026-02-10 to 2026-03-10", "7: 2026-03-10 to 2026-04-10",
          "7: 2026-04-10 to 2026-05-10",
        ])
  }

  @Test("leave out what bills no period")
  func leftOut() throws {
    #expect(
      try lines([
        try invoice(1, "2026-02-01", "2026-03-01", status: .void),
        try invoice(2, "2026-02-02", "2026-03-01", status: .draft),
        try invoice(3, "2026-02-03", "2026-03-01", reason: .update),
        try invoice(4, "2026-02-04", "2026-03-01", reason: .manual),
        try invoice(5, "2026-02-05", "2026-03-01", voided: "2026-02-06"),
        try invoice(6, "2026-02-06", "2026-03-01", subscription: nil),
        try invoice(7, "2026-02-07 01:00", "2026-02-07 23:00"),
        try invoice(8, "2025-12-31", "2026-03-01"),
      ]) == [])
  }

  @Test("hold no day twice, and take the invoice recorded last")
  func overlaps() throws {
    let invoices = [
      try invoice(1, "2026-01-05", "2026-02-05", recorded: "2026-01-07"),
      try invoice(2, "2026-01-05", "2026-04-05", recorded: "2026-01-06"),
      try invoice(3, "2026-02-01", "2026-03-01", reason: nil),
      try invoice(4, "2026-01-20", "2026-02-20", subscription: 9),
    ]
    let expected = [
      "7: 2026-01-05 to 2026-02-01", "7: 2026-02-01 to 2026-03-01", "9: 2026-01-20 to 2026-02-20",
    ]
    #expect(try lines(invoices) == expected)
    #expect(try lines(invoices.reversed()) == expected)
  }

  @Test("are counted in days of the zone")
  func localDays() throws {
    let invoices = [try invoice(1, "2026-02-10 20:00", "2026-03-10 02:00")]
    #expect(try lines(invoices, zone: zone("Asia/Tokyo")) == ["7: 2026-02-11 to 2026-03-10"])
    #expect(
      try lines(invoices, zone: zone("America/New_York")) == ["7: 2026-02-10 to 2026-03-09"])
  }
}
