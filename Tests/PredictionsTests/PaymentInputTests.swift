import AlmanacCore
import Predictions
import Regression
import Simulation
import Testing

@testable import Billing

/// Charges and methods with what may be wrong about them.
@Suite("Payments with gaps")
struct PaymentInputTests {
  private static let end = CalendarDate(daysSinceEpoch: 20_453)

  private static let shared = Result {
    SimulatedPayments(
      try World(
        WorldSettings(companies: 300, months: 15, seed: 12, kind: .logistic, end: end),
        zone: { _ in .utc }))
  }

  private func forecast(
    _ world: SimulatedPayments, _ attempts: [ChargeAttempt], more: [PaymentMethodHistory] = [],
    due: [DueInvoice]
  ) throws -> PaymentForecast {
    try PaymentForecast(
      PaymentPanel(
        SimulatedPayments.features,
        of: ChargeHistory(
          attempts: attempts, methods: Array(world.history.methods.values) + more,
          zones: CompanyZones(.utc)), cut: world.cut, months: world.months, due: due),
      policy: RetryPolicy())
  }

  private func attempts(_ world: SimulatedPayments) -> [ChargeAttempt] {
    world.history.companies.flatMap { world.history.attempts(of: $0) }
  }

  @Test("a method that was never charged is scored by what it is, with reasons that add up")
  func newMethod() throws {
    let world = try Self.shared.get()
    let company = try #require(world.history.companies.first)
    let known = Timestamp(microseconds: world.cut.microseconds - Timestamp.microsecondsPerHour)
    let new = PaymentMethodHistory(
      id: UUIDValue(high: 77, low: 1), company: company, recordedAt: known,
      // No words that any other method has.
      attributes: ["type": "voucher", "brand": "of nobody"],
      versions: [PaymentMethodHistory.Version(knownFrom: known, expiresAt: nil)])
    let found = try forecast(
      world, attempts(world), more: [new],
      due: [DueInvoice(id: .zero, company: company, dueAt: nil, owed: 50)])
    #expect(found.source.published != nil)
    let row = try #require(found.invoices.first { $0.method == new.id })
    #expect(row.probability > 0 && row.probability < 1)
    let sum = row.reasons.reduce(0) { $0 + $1.contribution }
    #expect(abs(sum - logit(row.probability)) < 1e-9)
    // Nothing that was tried with it speaks for or against it.
    #expect(!row.reasons.contains { $0.feature == PaymentForecast.neverCharged })
    let method = try #require(found.methods.first { $0.method == new.id })
    #expect(method.probability > 0 && method.probability < 1)
  }

  @Test("an amount is in money of the rate that was known when it was charged")
  func knownRates() throws {
    let (euro, dollar) = (try #require(CurrencyCode("EUR")), try #require(CurrencyCode("USD")))
    let noon = try #require(Timestamp("2025-03-05T12:00:00Z"))
    func hours(_ count: Int) -> Timestamp {
      Timestamp(microseconds: noon.microseconds + Int64(count) * Timestamp.microsecondsPerHour)
    }
    func rate(_ tenth: Int, recorded: Timestamp) -> ExchangeRate {
      ExchangeRate(
        base: euro, quote: dollar, date: noon.dateUTC, tenBillionths: Int128(tenth) * 1_000_000_000,
        recordedAt: recorded)
    }
    func amount(_ rates: [ExchangeRate]) -> [Double] {
      let row = CollectionAttempt(
        id: .zero, company: .zero, amount: 1_000_000, currency: euro, outcome: .failed,
        attemptedAt: noon, recordedAt: hours(1))
      return ChargeAttempt.all(
        of: [row], invoices: [:], currency: dollar, rates: ExchangeRates(rates),
        clocks: CompanyClocks(CompanyZones(.utc))
      ).map(\.amount)
    }
    let known = rate(11, recorded: hours(-1))
    #expect(amount([known]) == [110])
    #expect(amount([rate(12, recorded: hours(-2)), known]) == [110])
    #expect(amount([rate(22, recorded: noon), known]) == [110])
    // Of rates that were loaded long after, the first one recorded.
    #expect(amount([rate(13, recorded: hours(90)), rate(12, recorded: hours(80))]) == [120])
    #expect(amount([]).allSatisfy { $0.isNaN })
  }

  @Test("a month without a charge, and charges of the future, leave a model of the others")
  func missingMonth() throws {
    let world = try Self.shared.get()
    let all = attempts(world)
    let due = [DueInvoice(id: .zero, company: all[0].company, dueAt: nil, owed: 50)]
    let gap = world.months[8]..<world.months[9]
    let fewer = try forecast(world, all.filter { !gap.contains($0.attemptedAt) }, due: due)
    #expect(fewer.source.fitted != nil)
    #expect(fewer.invoices.allSatisfy { $0.probability > 0 && $0.probability < 1 })
    // Clocks that are ahead: tried or recorded at the end of what is known, or after it.
    let usual = try forecast(world, all, due: due)
    let day = 24 * Timestamp.microsecondsPerHour
    let ahead = all.prefix(300).enumerated().map { place, attempt in
      var ahead = attempt
      ahead.id = UUIDValue(high: 78, low: UInt64(place))
      ahead.outcome = .failed
      if place % 2 == 0 {
        ahead.attemptedAt = Timestamp(microseconds: world.cut.microseconds + Int64(place % 3) * day)
      }
      ahead.recordedAt = Timestamp(microseconds: world.cut.microseconds + Int64(place % 5) * day)
      return ahead
    }
    let disturbed = try forecast(world, all + ahead, due: due)
    #expect(usual.source.fitted?.fitted == disturbed.source.fitted?.fitted)
    #expect(usual.invoices.map(\.probability) == disturbed.invoices.map(\.probability))
    #expect(usual.methods.map(\.probability) == disturbed.methods.map(\.probability))
  }

  @Test("the clock of a company is that of the newest version seen before, or the first one")
  func clocks() throws {
    let ids = (1...4).map { UUIDValue(high: 1, low: $0) }
    let (near, far) = (try zone("America/New_York"), try zone("Asia/Tokyo"))
    let end = try #require(Timestamp("2025-03-06T00:00:00Z"))
    func at(_ days: Int) -> Timestamp {
      Timestamp(microseconds: end.microseconds + Int64(days) * Timestamp.microsecondsPerDay)
    }
    func version(_ company: Int, _ days: Int, _ zone: ZoneRules?) -> CompanyClocks.Version {
      CompanyClocks.Version(company: ids[company], seenAt: at(days), zone: zone)
    }
    let clocks = CompanyClocks(
      [
        version(0, -3, far), version(0, -9, near), version(1, -9, near), version(1, -3, nil),
        // Seen by the night of the date, and by later ones.
        version(2, -9, near), version(2, 1, far), version(0, 2, near), version(3, 2, far),
      ], standard: .utc, at: end)
    func name(_ company: Int, _ days: Int) -> String {
      clocks.zone(of: ids[company], knownBefore: at(days)).name
    }
    #expect([-20, -9, -3].map { name(0, $0) } == [near.name, near.name, near.name])
    #expect([-2, 0].map { name(0, $0) } == [far.name, far.name])
    #expect([-3, -2].map { name(1, $0) } == [near.name, ZoneRules.utc.name])
    #expect([-1, 0].map { name(2, $0) } == [near.name, far.name])
    #expect(name(3, 0) == far.name)
    #expect(
      clocks.zone(of: .zero, knownBefore: end).name == ZoneRules.utc.name)
  }
}
