import AlmanacCore
import Billing
import Simulation
import Testing

/// The MRR ledger, which knows the rows alone, against the state the rows came from.
@Suite("The ledger of a simulated world")
struct LedgerTests {
  /// A row of the changes as the ledger reads it.
  private func change(_ row: ChangeRow, of record: CompanyRecord) throws -> SubscriptionChange {
    SubscriptionChange(
      id: row.id, subscription: row.subscriptionID, company: record.profile.id,
      sequence: Int64(row.sequence), kind: try #require(ChangeKind(rawValue: row.change.rawValue)),
      plan: row.planID, module: row.module.map(Catalogue.moduleID), quantity: Int64(row.quantity),
      recurringAmount: Int128(row.recurringAmount), periodMonths: row.interval.rawValue,
      currency: CurrencyCode(record.profile.currency.code),
      requestedAt: Timestamp(microseconds: row.requestedAt),
      effectiveAt: Timestamp(microseconds: row.effectiveAt),
      recordedAt: Timestamp(microseconds: row.recordedAt))
  }

  @Test("gives the revenue of every company at the end of every month")
  func monthEnds() throws {
    let world = try world(companies: 240, months: 10, seed: 12)
    var compared = 0
    for record in records(of: world) {
      let currency = try #require(CurrencyCode(record.profile.currency.code))
      let origins = record.subscriptions.compactMap { row in
        row.migratedFrom.map { SubscriptionOrigin(subscription: row.id, predecessor: $0) }
      }
      let ledger = try RevenueLedger(
        LedgerInput(
          changes: try record.changes.map { try change($0, of: record) }, origins: origins,
          rates: ExchangeRates([]), zones: CompanyZones(.utc), end: world.settings.cut),
        settings: LedgerSettings(currency: currency))
      for state in record.monthStates {
        let found =
          ledger.ledger(of: record.profile.id)?.amount(
            atEnd: Timestamp(microseconds: state.at)) ?? 0
        let expected = state.mrrDollars * record.profile.currency.perDollar * 10_000
        #expect(
          abs(Double(found) - expected) <= 2 + abs(expected) * 1e-9,
          "company \(record.profile.index): \(found), truly \(expected)")
        if found > 0 { compared += 1 }
      }
    }
    #expect(compared > 500)
  }
}
