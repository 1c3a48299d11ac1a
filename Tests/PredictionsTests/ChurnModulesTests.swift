import AlmanacCore
import Billing
import Predictions
import Regression
import Testing

@Suite("The modules that churn looks at")
struct ChurnModulesTests {
  @Test("are those that companies have, whatever they cost now")
  func pricesDoNotCount() throws {
    let currency = try #require(CurrencyCode("USD"))
    let start = CalendarDate(daysSinceEpoch: 19_723)
    let company = UUIDValue(high: 1, low: 1)
    let modules = (1...2).map { UUIDValue(high: 5, low: $0) }
    func change(
      _ sequence: Int64, _ kind: ChangeKind, month: Int, _ module: UUIDValue? = nil
    ) -> SubscriptionChange {
      let at = start.monthStart(adding: month).adding(days: 10).startUTC
      return SubscriptionChange(
        id: UUIDValue(high: 2, low: UInt64(sequence)), subscription: UUIDValue(high: 3, low: 1),
        company: company, sequence: sequence, kind: kind, plan: UUIDValue(high: 4, low: 1),
        module: module, quantity: 1, recurringAmount: 1_000_000, periodMonths: 1,
        currency: currency, effectiveAt: at, recordedAt: at)
    }
    let changes = [
      change(1, .new, month: 0), change(2, .moduleAdded, month: 1, modules[0]),
      change(3, .moduleAdded, month: 2, modules[1]),
      change(4, .moduleRemoved, month: 3, modules[0]),
    ]
    let days = (1...4).map { start.monthStart(adding: $0) }
    let settings = LedgerSettings(currency: currency)
    func seen(_ prices: [UUIDValue: ModulePrice]) throws -> [Double] {
      let inputs = days.map { day in
        LedgerInput(
          changes: changes, modules: prices, rates: ExchangeRates([]), zones: CompanyZones(.utc),
          knownBy: Timestamp(microseconds: day.startUTC.microseconds - 1), end: day.startUTC)
      }
      let history = FeatureHistory(
        companyCount: 1, asOf: days, from: start, zone: .utc, tallies: [],
        states: ChurnStates.names)
      let panel = try ChurnPanel(
        [FeatureSpecification("modules", .plain(.level(state: ChurnStates.modules)))], of: history,
        companies: [company], changes: changes,
        known: try inputs.map { try RevenueLedger($0, settings: settings) },
        held: inputs.map { SubscriptionHoldings($0, settings: settings) })
      return try #require(panel.features.table["modules"]).numbers
    }
    func price(_ amount: Int128) -> ModulePrice {
      ModulePrice(unitAmount: amount, currency: currency)
    }
    for prices in [
      [:], [modules[0]: price(10_000)], [modules[0]: price(10_000), modules[1]: price(900_000)],
      [modules[0]: price(5_000_000), modules[1]: price(0)],
    ] {
      #expect(try seen(prices) == [0, 1, 2, 1])
    }
  }
}
