import AlmanacCore
import Billing
import Testing

@testable import Predictions

@Suite("Churn risk")
struct ChurnRiskTests {
  private func change(
    _ sequence: Int64, _ kind: ChangeKind, recorded: String, effective: String
  ) throws -> SubscriptionChange {
    SubscriptionChange(
      id: UUIDValue(high: 3, low: UInt64(sequence)), subscription: UUIDValue(high: 2, low: 1),
      company: UUIDValue(high: 1, low: 1), sequence: sequence, kind: kind,
      plan: UUIDValue(high: 4, low: 1), quantity: 1, recurringAmount: 1_000_000, periodMonths: 1,
      currency: CurrencyCode("USD"), effectiveAt: try #require(Timestamp(effective)),
      recordedAt: try #require(Timestamp(recorded)))
  }

  private func falls(_ changes: [SubscriptionChange], from first: Int, to end: Int) throws -> Bool {
    let ledger = try RevenueLedger(
      LedgerInput(
        changes: changes, rates: ExchangeRates([]), zones: CompanyZones(.utc),
        end: try #require(Timestamp("2026-01-01T00:00:00Z"))),
      settings: LedgerSettings(currency: try #require(CurrencyCode("USD"))))
    let company = try #require(ledger.ledger(of: UUIDValue(high: 1, low: 1)))
    return ChurnLabels.falls(
      company, after: try #require(Timestamp("2025-03-01T00:00:00Z")), from: first, to: end)
  }

  private let start = "2025-01-05T00:00:00Z"

  @Test("a fall counts on the span's first instant, not at its end")
  func spans() throws {
    let new = try change(1, .new, recorded: start, effective: start)
    func end(_ at: String) throws -> [SubscriptionChange] {
      [new, try change(2, .cancel, recorded: start, effective: at)]
    }
    #expect(try falls(end("2025-03-01T00:00:00Z"), from: 0, to: 30))
    #expect(try falls(end("2025-03-30T23:59:59Z"), from: 0, to: 30))
    #expect(try !falls(end("2025-03-31T00:00:00Z"), from: 0, to: 30))
    #expect(try falls(end("2025-03-31T00:00:00Z"), from: 30, to: 90))
    #expect(try !falls(end("2025-02-28T23:59:59Z"), from: 0, to: 30))
    #expect(try !falls([new], from: 0, to: 90))
  }

  @Test("a company that comes back within seven days has not churned")
  func confirmation() throws {
    func back(_ at: String) throws -> [SubscriptionChange] {
      [
        try change(1, .new, recorded: start, effective: start),
        try change(2, .cancel, recorded: start, effective: "2025-03-10T00:00:00Z"),
        try change(3, .reactivate, recorded: at, effective: at),
      ]
    }
    #expect(try !falls(back("2025-03-17T00:00:00Z"), from: 0, to: 30))
    #expect(try falls(back("2025-03-17T00:00:01Z"), from: 0, to: 30))
  }

  @Test("a cancellation is scheduled while it is recorded, ahead and not withdrawn")
  func scheduled() throws {
    let instant = try #require(Timestamp("2025-03-01T00:00:00Z"))
    let cancel = try change(
      2, .cancel, recorded: "2025-02-20T00:00:00Z", effective: "2025-03-15T00:00:00Z")
    let withdrawn = try change(
      3, .cancelWithdrawn, recorded: "2025-02-25T00:00:00Z", effective: "2025-02-25T00:00:00Z")
    let later = try change(
      3, .cancelWithdrawn, recorded: "2025-03-02T00:00:00Z", effective: "2025-03-02T00:00:00Z")
    let unknown = try change(
      2, .cancel, recorded: "2025-03-01T00:00:00Z", effective: "2025-03-15T00:00:00Z")
    func isScheduled(_ changes: [SubscriptionChange], within days: Int = 30) -> Bool {
      ChurnLabels.isScheduled(
        ChurnLabels.scheduledEnd(changes, at: instant), within: days, after: instant)
    }
    #expect(isScheduled([cancel]))
    // 15 March is the end of a span of 14 days, and inside one of 15.
    #expect(!isScheduled([cancel], within: 14) && isScheduled([cancel], within: 15))
    #expect(!isScheduled([withdrawn, cancel]))
    #expect(isScheduled([cancel, later]))
    #expect(!isScheduled([unknown]))
  }

  @Test("a company is scheduled when each subscription that it pays for ends")
  func scheduledWhole() throws {
    let instant = try #require(Timestamp("2025-03-01T00:00:00Z"))
    let new = try change(1, .new, recorded: start, effective: start)
    let cancel = try change(
      2, .cancel, recorded: "2025-02-20T00:00:00Z", effective: "2025-03-15T00:00:00Z")
    let other = UUIDValue(high: 2, low: 2)
    func second(_ kind: ChangeKind, recorded: String? = nil) throws -> SubscriptionChange {
      var change = try change(1, kind, recorded: recorded ?? start, effective: start)
      change.subscription = other
      return change
    }
    func isScheduled(
      _ more: [SubscriptionChange], _ origins: [UUIDValue: UUIDValue] = [:],
      recorded: Timestamp? = nil
    ) -> Bool {
      let origins = origins.map { one, other in
        (one, SubscriptionOrigin(subscription: one, predecessor: other, recordedAt: recorded))
      }
      return ChurnLabels.isScheduled(
        ChurnLabels.scheduledEnd(
          [cancel, new] + more, origins: Dictionary(uniqueKeysWithValues: origins), at: instant),
        within: 30, after: instant)
    }
    #expect(isScheduled([]))
    #expect(!isScheduled([try second(.new)]))
    #expect(!isScheduled([try second(.upgrade)]))
    #expect(isScheduled([try second(.trialStart), try second(.quantity)]))
    #expect(isScheduled([try second(.new, recorded: "2025-03-02T00:00:00Z")]))
    var ended = try second(.cancel)
    ended.sequence = 5
    #expect(isScheduled([try second(.new), ended]))
    ended.effectiveAt = try #require(Timestamp("2025-03-20T00:00:00Z"))
    #expect(isScheduled([try second(.new), ended]))
    // The other was left for the one that ends.
    #expect(isScheduled([try second(.new)], [cancel.subscription: other]))
    #expect(!isScheduled([try second(.new)], [other: cancel.subscription]))
    // Which one it continues is known once its row is recorded.
    let before = Timestamp(microseconds: instant.microseconds - 1)
    #expect(isScheduled([try second(.new)], [cancel.subscription: other], recorded: before))
    #expect(!isScheduled([try second(.new)], [cancel.subscription: other], recorded: instant))
  }

  @Test("two factors make the probability of 90 days, and MRR times it the loss")
  func factors() {
    let risk = ChurnRisk(first: 0.1, second: 0.2, mrr: 1_000_000)
    #expect(abs(risk.probability90 - 0.28) < 1e-15)
    #expect(risk.expectedLoss == 280_000)
    #expect(risk.band == .high)
    #expect(ChurnRisk(first: 0, second: 0, mrr: 5).expectedLoss == 0)
    #expect(ChurnRisk(first: 0.2, second: 0, mrr: 5).band == .critical)
    #expect(ChurnRisk(first: 0.02, second: 0, mrr: 5).band == .low)
  }

  @Test("values are said in words")
  func words() {
    let drop = FeatureSpecification(
      "drop",
      .logRatio(
        .count(tally: "logins", days: 28, before: 28), to: .count(tally: "logins", days: 28),
        prior: 1))
    #expect(drop.words([41, 12]) == "logins fell from 41 to 12 in 28 days")
    #expect(drop.words([12, 12]) == "logins stayed at 12 in 28 days")
    let turned = FeatureSpecification(
      "rise",
      .logRatio(
        .count(tally: "logins", days: 28), to: .count(tally: "logins", days: 28, before: 28),
        prior: 1))
    #expect(turned.words([41, 12]) == "logins rose from 12 to 41 in 28 days")
    #expect(turned.words([41, .nan]) == "too new to compare logins with those before")
    let recency = FeatureSpecification("r", .plain(.sinceLast(tally: "module_use", cap: 60)))
    #expect(recency.words([60]) == "no module use for 60 days or more")
    #expect(recency.words([3]) == "last module use 3 days ago")
  }
}
