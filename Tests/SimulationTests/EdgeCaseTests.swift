import AlmanacCore
import Billing
import Simulation
import Testing

/// What every world has, however rare it is.
@Suite("Edge cases of a simulated world")
struct EdgeCaseTests {
  /// A world of the least size that has every case, and its companies.
  private func made(
    seed: UInt64, kind: WorldKind = .logistic
  ) throws -> (World, [CompanyRecord]) {
    let world = try world(companies: 200, months: 3, seed: seed, kind: kind)
    return (world, records(of: world))
  }

  /// The name of each edge case, and how to count it in a company.
  private static let cases: [(name: String, count: @Sendable (CompanyRecord) -> Int)] = [
    (
      "several subscriptions",
      { $0.subscriptions.count { $0.migratedFrom == nil } > 1 ? 1 : 0 }
    ),
    ("quarterly plan", { $0.changes.contains { $0.interval == .quarter } ? 1 : 0 }),
    ("yearly plan", { $0.changes.contains { $0.interval == .year } ? 1 : 0 }),
    ("trial", { $0.changes.count { $0.change == .trialStart } }),
    ("trial converted", { $0.changes.count { $0.change == .trialConvert } }),
    ("trial extended", { $0.events.count { $0.type == .trialExtended } }),
    ("trial expired", { $0.events.count { $0.type == .trialExpired } }),
    ("pause", { $0.changes.count { $0.change == .pause } }),
    ("resume", { $0.changes.count { $0.change == .resume } }),
    (
      "scheduled cancellation",
      { $0.changes.count { $0.change == .cancel && $0.effectiveAt > $0.requestedAt } }
    ),
    ("withdrawn cancellation", { $0.changes.count { $0.change == .cancelWithdrawn } }),
    (
      "two plan changes in a day",
      { record in
        record.changes.count { up in
          up.change == .upgrade
            && record.changes.contains {
              $0.change == .downgrade && $0.subscriptionID == up.subscriptionID
                && $0.effectiveAt / Timestamp.microsecondsPerDay
                  == up.effectiveAt / Timestamp.microsecondsPerDay
            }
        }
      }
    ),
    ("migration", { $0.subscriptions.count { $0.migratedFrom != nil } }),
    ("reactivation", { $0.changes.count { $0.change == .reactivate } }),
    ("past due", { $0.events.count { $0.type == .invoiceOverdue } }),
    ("uncollectible", { $0.invoices.count { $0.status == "uncollectible" } }),
    ("refund", { $0.refunds.count }),
    ("credit note", { $0.creditNotes.count }),
    ("deleted company", { $0.deletedAt == nil ? 0 : 1 }),
    ("unknown type", { $0.events.count { $0.type == nil } }),
    ("unknown company", { $0.events.count { $0.isOfUnknownCompany } }),
    (
      "dated in the future",
      { $0.events.count { $0.happenedAt > $0.recordedAt + 80_000_000_000 } }
    ),
    ("amount of zero", { $0.invoices.count { $0.total == 0 } }),
    ("negative amount", { $0.invoices.count { $0.total < 0 } }),
    ("15 digits", { $0.invoices.count { $0.total / 10_000 >= 100_000_000_000_000 } }),
    ("no decimals", { $0.profile.currency.decimals == 0 ? 1 : 0 }),
    ("two decimals", { $0.profile.currency.decimals == 2 ? 1 : 0 }),
    ("three decimals", { $0.profile.currency.decimals == 3 ? 1 : 0 }),
    ("zone of -12 or +14", { ["UM", "KI"].contains($0.profile.country.code) ? 1 : 0 }),
    (
      "zone with daylight-saving changes",
      { ["US", "GB", "DE", "FR", "AU", "CL"].contains($0.profile.country.code) ? 1 : 0 }
    ),
    ("failed attempt", { $0.attempts.count { $0.outcome == "failed" } }),
  ]

  @Test(
    "each is there at least ten times among 200 companies in three months, whatever the seed",
    arguments: [0, 3, 7, 2_026], WorldKind.allCases)
  func tenTimes(seed: UInt64, kind: WorldKind) throws {
    let (_, records) = try made(seed: seed, kind: kind)
    for edge in EdgeCaseTests.cases {
      let count = records.reduce(0) { $0 + edge.count($1) }
      #expect(count >= 10, "\(edge.name): \(count)")
    }
    #expect(Set(records.map(\.profile.country.code)).count >= 30)
  }

  @Test("exchange rates leave out weekends and more, never seven days, and are corrected")
  func rates() throws {
    let (world, _) = try made(seed: 3)
    #expect(Geography.currencies.count >= 40)
    #expect(Geography.countries.count >= 30)
    var corrections = 0
    var gaps = 0
    for currency in Geography.currencies.indices.dropFirst() {
      let rows = SimulatedRates.rows(
        currency: currency, in: world.settings, from: nil, to: world.settings.cut.microseconds)
      let byDate = Dictionary(grouping: rows, by: \.date)
      corrections += byDate.values.count { $0.count > 1 }
      let dates = byDate.keys.sorted()
      for (date, next) in zip(dates, dates.dropFirst()) {
        #expect(date.weekday < 6 && date.distance(to: next) <= 7)
        if date.distance(to: next) > 3 { gaps += 1 }
      }
      #expect(rows.allSatisfy { $0.recordedAt >= $0.date.startUTC.microseconds })
    }
    #expect(corrections >= 10 && gaps >= 10, "\(corrections) corrections, \(gaps) gaps")
  }

  @Test("every kind of change and every type of event occurs")
  func everyKind() throws {
    let world = try world(companies: 300, months: 14, seed: 2)
    var changes: Set<ChangeKind> = []
    var types: Set<EventType> = []
    for index in 0..<world.companyCount {
      let record = world.company(index, includesUse: index == 0)
      changes.formUnion(record.changes.map(\.change))
      types.formUnion(record.events.compactMap(\.type))
    }
    #expect(changes == Set(ChangeKind.allCases))
    #expect(types == Set(EventType.allCases))
  }
}
