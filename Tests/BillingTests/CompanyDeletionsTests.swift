import AlmanacCore
import Billing
import Testing

@Suite("Deletions as they were known")
struct CompanyDeletionsTests {
  private static let company = UUIDValue(high: 1, low: 1)

  private func at(_ day: Int, hour: Int = 0) -> Timestamp {
    Timestamp(
      microseconds: Int64(day) * Timestamp.microsecondsPerDay
        + Int64(hour) * Timestamp.microsecondsPerHour)
  }

  /// The first and the last day of 0 to 60 at whose start the company is known to be deleted; `nil` where
  /// it never is.
  private func known(_ versions: [(seen: Timestamp, deleted: Timestamp?)]) -> ClosedRange<Int>? {
    let deletions = CompanyDeletions(
      versions.map {
        CompanyDeletions.Version(company: Self.company, seenAt: $0.seen, deletedAt: $0.deleted)
      })
    let days = (0...60).filter { deletions.known(before: at($0))[Self.company] != nil }
    guard let first = days.first, let last = days.last else { return nil }
    #expect(days == Array(first...last))
    return first...last
  }

  @Test("count from their date on where the first version has them, however late that was seen")
  func firstVersion() {
    #expect(known([(at(50), at(20))]) == 21...60)
    #expect(known([(at(50), at(20, hour: 3))]) == 21...60)
    #expect(known([(at(50), nil)]) == nil)
  }

  @Test("of a later version count once a cut had seen it, of the night of the day at the latest")
  func laterVersion() {
    let first = (seen: at(5, hour: 2), deleted: Timestamp?.none)
    // Seen by the night after the day of the deletion.
    #expect(known([first, (at(21, hour: 2), at(20, hour: 9))]) == 21...60)
    // Told of late.
    #expect(known([first, (at(40, hour: 2), at(20, hour: 9))]) == 40...60)
    // Dated ahead.
    #expect(known([first, (at(10, hour: 2), at(30))]) == 31...60)
    // Taken back.
    #expect(known([first, (at(21, hour: 2), at(20)), (at(33, hour: 2), nil)]) == 21...32)
  }

  @Test("after an instant leave the ledger of it equal, and so do origins recorded after it")
  func ledgers() throws {
    let settings = LedgerSettings(currency: try currency("USD"))
    func subscription(_ number: Int) -> UUIDValue { UUIDValue(high: 2, low: UInt64(number)) }
    func change(_ number: Int, _ kind: ChangeKind, _ day: Int) throws -> SubscriptionChange {
      SubscriptionChange(
        id: UUIDValue(high: UInt64(number), low: UInt64(day)), subscription: subscription(number),
        company: Self.company, sequence: Int64(day), kind: kind, plan: UUIDValue(high: 3, low: 1),
        quantity: 1, recurringAmount: 100_000, periodMonths: 1, currency: try currency("USD"),
        effectiveAt: at(day), recordedAt: at(day))
    }
    var input = LedgerInput(
      changes: [try change(1, .new, 1), try change(2, .new, 20)], rates: ExchangeRates([]),
      zones: CompanyZones(.utc), end: at(60))
    func amount(_ instant: Timestamp) throws -> Int128? {
      try RevenueLedger(input.known(before: instant), settings: settings)
        .ledger(of: Self.company)?.amount(atEnd: instant)
    }
    #expect(try amount(at(30)) == 200_000)
    input.deletions = [Self.company: at(30)]
    #expect(try [30, 31].map { try amount(at($0)) } == [200_000, 0])
    #expect(
      SubscriptionHoldings(input.known(before: at(30)), settings: settings).companies[0]
        .holding(before: at(30)).plans.count == 2)
    input.deletions = [:]
    input.origins = [
      SubscriptionOrigin(
        subscription: subscription(2), predecessor: subscription(1), recordedAt: at(30))
    ]
    #expect(try [30, 31].map { try amount(at($0)) } == [200_000, 100_000])
    input.origins[0].recordedAt = nil
    #expect(try amount(at(30)) == 100_000)
  }
}
