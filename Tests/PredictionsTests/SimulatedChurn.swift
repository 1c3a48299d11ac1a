import AlmanacCore
import Billing
import Simulation

@testable import Predictions

/// A simulated world as the churn model sees it, beside the probabilities it was drawn by.
struct SimulatedChurn {
  /// The company-months, of companies that pay and have no cancellation scheduled.
  let data: RiskRows
  /// The probability by which the world decided, for each row; `nil` where it did not decide.
  let truth: [Double?]

  static let features: [FeatureSpecification] = [
    FeatureSpecification(
      "usage_drop",
      .logRatio(
        .count(tally: "use", days: 30, before: 30), to: .count(tally: "use", days: 30), prior: 10)),
    FeatureSpecification("active_days", .plain(.activeDays(tally: "use", days: 30))),
    FeatureSpecification("recency", .plain(.sinceLast(tally: "use", cap: 60))),
    FeatureSpecification("users", .logarithm(.distinct(tally: "use", days: 30))),
    FeatureSpecification("tickets", .plain(.count(tally: "tickets", days: 30))),
    FeatureSpecification("refusals", .plain(.count(tally: "refusals", days: 30))),
    FeatureSpecification("tenure", .logarithm(.sinceFirst(tally: "service"))),
    FeatureSpecification("team", .plain(.level(state: "tier1"))),
    FeatureSpecification("business", .plain(.level(state: "tier2"))),
    FeatureSpecification("enterprise", .plain(.level(state: "tier3"))),
    FeatureSpecification("seats", .logarithm(.level(state: "seats"))),
    FeatureSpecification("errors", .plain(.count(tally: "errors", days: 30))),
  ]

  /// The tier of each plan.
  private static let tiers: [UUIDValue: Int] = {
    var found: [UUIDValue: Int] = [:]
    for tier in Catalogue.tiers.indices {
      for interval in BillingInterval.allCases {
        for currency in 0..<Geography.currencies.count {
          for isLegacy in [false, true] {
            found[
              Catalogue.planID(
                tier: tier, interval: interval, currency: currency, isLegacy: isLegacy)] = tier
          }
        }
      }
    }
    return found
  }()

  private static let useTypes: Set<EventType> = [
    .userLoggedIn, .moduleUsed, .callStarted, .callCompleted, .callFailed, .agentUsed,
    .reportExported, .slowRequest, .errorOccurred, .userLoginFailed, .moduleUsageAlert,
  ]

  /// - Parameters:
  ///   - world: the world.
  ///   - spanEnd: the days after a month's end within which MRR is to fall.
  /// - Throws: what the ledger and the panel throw.
  init(_ world: World, spanEnd: Int = 30) throws {
    let settings = world.settings
    let instants = (1...settings.months).map { settings.start.monthStart(adding: $0) }
      .filter { $0 <= settings.end.adding(days: 1) }
    var history = FeatureHistory(
      companyCount: world.companyCount, asOf: instants, from: settings.start, zone: .utc,
      tallies: ["use", "tickets", "refusals", "service", "errors"],
      states: ["tier1", "tier2", "tier3", "seats"])
    var rows: [PanelRow] = []
    var outcomes: [Double] = []
    var segments: [Int] = []
    var truth: [Double?] = []
    let asOf = history.asOf
    let maturity = asOf.map { ChurnLabels.maturity(of: $0, spanEnd: spanEnd) }
    for company in 0..<world.companyCount {
      let record = world.company(company)
      guard let currency = CurrencyCode(record.profile.currency.code) else {
        preconditionFailure("currency \(record.profile.currency.code)")
      }
      SimulatedChurn.tally(record, company, into: &history)
      let changes = record.changes.map { SimulatedChurn.change($0, of: record) }
      SimulatedChurn.set(record, company, into: &history)
      let origins = record.subscriptions.compactMap { row in
        row.migratedFrom.map { SubscriptionOrigin(subscription: row.id, predecessor: $0) }
      }
      let ledgers = try RevenueLedger(
        LedgerInput(
          changes: changes, origins: origins, rates: ExchangeRates([]), zones: CompanyZones(.utc),
          end: settings.cut),
        settings: LedgerSettings(currency: currency))
      guard let ledger = ledgers.ledger(of: record.profile.id) else { continue }
      let originOf = Dictionary(uniqueKeysWithValues: origins.map { ($0.subscription, $0) })
      var decided: [Int64: Double] = [:]
      for decision in record.decisions where decision.question == .churn {
        decided[decision.at] = decision.probability
      }
      for (period, instant) in asOf.enumerated() where ledger.amount(atEnd: instant) > 0 {
        let ending = ChurnLabels.scheduledEnd(changes, origins: originOf, at: instant)
        if ChurnLabels.isScheduled(ending, within: spanEnd, after: instant) { continue }
        rows.append(PanelRow(company: company, period: period))
        let isKnown = maturity[period] <= settings.cut
        let falls = ChurnLabels.falls(ledger, after: instant, from: 0, to: spanEnd)
        outcomes.append(isKnown ? (falls ? 1 : 0) : .nan)
        segments.append(record.monthStates.last { $0.at <= instant.microseconds }?.tier ?? 0)
        truth.append(decided[instant.microseconds])
      }
    }
    let panel = try FeaturePanel(SimulatedChurn.features, of: history, rows: rows)
    data = RiskRows(
      rows: rows, table: panel.table, outcomes: outcomes, segments: segments, asOf: asOf,
      maturity: maturity)
    self.truth = truth
  }

  private static func tally(
    _ record: CompanyRecord, _ company: Int, into history: inout FeatureHistory
  ) {
    for event in record.events {
      guard let type = event.type, !event.isMalformed, !event.isOfUnknownCompany else { continue }
      let happened = Timestamp(microseconds: event.happenedAt)
      let recorded = Timestamp(microseconds: event.recordedAt)
      func add(_ tally: String) {
        history.add(
          to: tally, company: company, happened: happened, recorded: recorded,
          subject: event.user.map { Int($0) })
      }
      if useTypes.contains(type) { add("use") }
      switch type {
      case .ticketOpened: add("tickets")
      case .paymentFailed: add("refusals")
      case .errorOccurred: add("errors")
      default: break
      }
    }
    for change in record.changes where change.change == .new || change.change == .trialConvert {
      history.add(
        to: "service", company: company, happened: Timestamp(microseconds: change.effectiveAt),
        recorded: Timestamp(microseconds: change.recordedAt))
    }
  }

  private static func set(
    _ record: CompanyRecord, _ company: Int, into history: inout FeatureHistory
  ) {
    var keys: [UUIDValue: Int] = [:]
    for row in record.changes where row.change != .cancelWithdrawn {
      let key = keys[row.subscriptionID, default: keys.count]
      keys[row.subscriptionID] = key
      let isOver = row.change == .cancel
      let tier = tiers[row.planID]
      for (name, value) in [
        ("tier1", tier == 1 ? 1 : 0), ("tier2", tier == 2 ? 1 : 0), ("tier3", tier == 3 ? 1 : 0),
        ("seats", row.quantity),
      ] {
        history.set(
          name, company: company, key: key, sequence: Int64(row.sequence),
          effective: Timestamp(microseconds: row.effectiveAt),
          recorded: Timestamp(microseconds: row.recordedAt), value: isOver ? 0 : Double(value))
      }
    }
  }

  private static func change(_ row: ChangeRow, of record: CompanyRecord) -> SubscriptionChange {
    SubscriptionChange(
      id: row.id, subscription: row.subscriptionID, company: record.profile.id,
      sequence: Int64(row.sequence), kind: row.change, plan: row.planID,
      module: row.module.map(Catalogue.moduleID), quantity: Int64(row.quantity),
      recurringAmount: Int128(row.recurringAmount), periodMonths: row.interval.rawValue,
      currency: CurrencyCode(record.profile.currency.code),
      requestedAt: Timestamp(microseconds: row.requestedAt),
      effectiveAt: Timestamp(microseconds: row.effectiveAt),
      recordedAt: Timestamp(microseconds: row.recordedAt))
  }
}
