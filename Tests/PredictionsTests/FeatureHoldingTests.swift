import AlmanacCore
import Billing
import Predictions
import Regression
import Testing

/// The plan that companies hold, as a feature.
@Suite("The plan of a company")
struct FeatureHoldingTests {
  private static let start = CalendarDate(daysSinceEpoch: 19_723)
  private static let features = [
    FeatureSpecification("plan", .holding(.plan)),
    FeatureSpecification("mrr", .plain(.level(state: "mrr"))),
  ]

  private static func plan(_ number: Int) -> UUIDValue {
    UUIDValue(high: 4, low: UInt64(number))
  }

  /// A change of a subscription of a company, some days after the start; recorded at once unless a day
  /// is given.
  private func change(
    _ company: Int, _ kind: ChangeKind, plan: Int?, day: Int, recorded: Int? = nil,
    subscription: Int = 0, amount: Int128 = 1_000_000
  ) -> SubscriptionChange {
    func at(_ day: Int) -> Timestamp {
      Timestamp(
        microseconds: Self.start.adding(days: day).startUTC.microseconds
          + 9 * Timestamp.microsecondsPerHour)
    }
    return SubscriptionChange(
      id: UUIDValue(high: UInt64(1_000 * day + subscription), low: UInt64(company)),
      subscription: UUIDValue(high: UInt64(10 + subscription), low: UInt64(company)),
      company: UUIDValue(high: 1, low: UInt64(company)), sequence: Int64(day + 1), kind: kind,
      plan: plan.map(Self.plan), quantity: 1, recurringAmount: amount, periodMonths: 1,
      currency: CurrencyCode("USD"), effectiveAt: at(day), recordedAt: at(recorded ?? day))
  }

  /// The panel of companies by their changes, as of the starts of months.
  private func panel(
    _ changes: [SubscriptionChange], companies: Int, months: Int,
    features: [FeatureSpecification] = Self.features, names: [String: String] = [:]
  ) throws -> ChurnPanel {
    let days = (1...months).map { Self.start.monthStart(adding: $0) }
    let settings = LedgerSettings(currency: try #require(CurrencyCode("USD")))
    let inputs = days.map { day in
      LedgerInput(
        changes: changes, rates: ExchangeRates([]), zones: CompanyZones(.utc), end: day.startUTC
      ).known(before: day.startUTC)
    }
    var history = FeatureHistory(
      companyCount: companies, asOf: days, from: Self.start, zone: .utc, tallies: [],
      states: ChurnStates.names)
    history.holdingNames = names
    return try ChurnPanel(
      features, of: history,
      companies: (0..<companies).map { UUIDValue(high: 1, low: UInt64($0)) }, changes: changes,
      known: try inputs.map { try RevenueLedger($0, settings: settings) },
      held: inputs.map { SubscriptionHoldings($0, settings: settings) })
  }

  private func plans(_ panel: ChurnPanel, of company: Int) throws -> [String?] {
    let labels = try #require(panel.features.table["plan"]).labels
    return panel.features.rows.indices.filter { panel.features.rows[$0].company == company }
      .map { labels[$0] }
  }

  private func names(_ numbers: [Int?]) -> [String?] {
    numbers.map { $0.map { Self.plan($0).description } }
  }

  @Test("is the one with the largest part of MRR, by what had happened and been recorded by then")
  func asOf() throws {
    let changes = [
      // Moves up in the third month; told of at once, or only two months later.
      change(0, .new, plan: 1, day: 3), change(0, .upgrade, plan: 2, day: 70),
      change(1, .new, plan: 1, day: 3), change(1, .upgrade, plan: 2, day: 70, recorded: 130),
      // Told of two months ahead.
      change(2, .new, plan: 1, day: 3), change(2, .upgrade, plan: 2, day: 110, recorded: 50),
      // A larger subscription, which ends again; then one as large, whose plan comes after it.
      change(3, .new, plan: 2, day: 3),
      change(3, .new, plan: 1, day: 40, subscription: 1, amount: 3_000_000),
      change(3, .cancel, plan: 1, day: 100, subscription: 1),
      change(3, .new, plan: 3, day: 130, subscription: 2),
      // Nobody says which.
      change(4, .new, plan: nil, day: 3),
    ]
    let panel = try panel(changes, companies: 5, months: 6)
    // The starts of months are days 31, 60, 91, 121, 152 and 182.
    #expect(try plans(panel, of: 0) == names([1, 1, 2, 2, 2, 2]))
    #expect(try plans(panel, of: 1) == names([1, 1, 1, 1, 2, 2]))
    #expect(try plans(panel, of: 2) == names([1, 1, 1, 2, 2, 2]))
    #expect(try plans(panel, of: 3) == names([2, 1, 1, 2, 2, 2]))
    #expect(try plans(panel, of: 4) == names([nil, nil, nil, nil, nil, nil]))
  }

  @Test("does not change with what happened or was recorded at T or later", arguments: 1...4)
  func nothingLeaks(seed: Int) throws {
    var random = SplitMix64(seed: UInt64(seed))
    var changes: [SubscriptionChange] = []
    for company in 0..<30 {
      changes.append(change(company, .new, plan: 1 + company % 3, day: 1))
      for day in 2..<200 where random.nextUnit() < 0.04 {
        changes.append(
          change(
            company, .upgrade, plan: Int.random(in: 1...5, using: &random), day: day,
            recorded: day + Int.random(in: -30...60, using: &random)))
      }
    }
    let before = try panel(changes, companies: 30, months: 7)
    for month in 1...7 {
      let end = Self.start.monthStart(adding: month).startUTC
      let later = changes.map { change in
        var other = change
        if max(change.effectiveAt, change.recordedAt) >= end { other.plan = Self.plan(9) }
        return other
      }
      let after = try panel(later, companies: 30, months: month)
      for company in 0..<30 {
        let expected = try plans(before, of: company).prefix(month)
        #expect(try plans(after, of: company) == Array(expected), "seed \(seed), \(company)")
      }
    }
  }

  @Test("is learned from, said by its code, and one that was never seen is scored all the same")
  func areLearned() throws {
    var random = SplitMix64(seed: 8)
    var changes: [SubscriptionChange] = []
    let companies = 160
    for company in 0..<companies {
      let plan = company % 2 == 0 ? 1 : 2
      changes.append(change(company, .new, plan: plan, day: 1 + company % 20))
      for month in 1..<14 where random.nextUnit() < (plan == 1 ? 0.15 : 0.02) {
        let day = Self.start.distance(to: Self.start.monthStart(adding: month)) + 5
        changes.append(change(company, .cancel, plan: plan, day: day))
        break
      }
    }
    // The last company moves to a plan that nobody had before, in the last days.
    let last = Self.start.distance(to: Self.start.monthStart(adding: 14)) - 2
    changes.removeAll { $0.company.low == UInt64(companies - 1) && $0.kind == .cancel }
    changes.append(change(companies - 1, .upgrade, plan: 7, day: last))
    let codes = [Self.plan(1).description: "starter", Self.plan(2).description: "pro"]
    let panel = try panel(changes, companies: companies, months: 14, names: codes)
    guard case .model(let model) = try RiskRecipe().learn(panel.first, by: panel.cut) else {
      Issue.record("no model was fitted")
      return
    }
    let scores = try model.scores(panel.features.table)
    let words = Set(
      panel.today.map { row in
        Reason.all(
          of: scores[row], names: model.reasonNames, features: Self.features,
          panel: panel.features, row: row
        ).first { $0.feature == "plan" }?.text ?? "none"
      })
    #expect(words == ["plan: starter", "plan: pro", "plan: \(Self.plan(7))"])
    func mean(_ plan: Int) throws -> Double {
      let held = try #require(panel.features.table["plan"]).labels
      let rows = panel.today.filter { held[$0] == Self.plan(plan).description }
      try #require(!rows.isEmpty)
      return rows.reduce(0) { $0 + scores[$1].probability } / Double(rows.count)
    }
    let (starter, pro, new) = (try mean(1), try mean(2), try mean(7))
    #expect(starter > 2 * pro)
    #expect(new > pro && new < starter, "\(new) is not between \(pro) and \(starter)")
  }

  @Test("that the history does not hold is refused, where no panel tells it")
  func unknown() throws {
    let history = FeatureHistory(
      companyCount: 1, asOf: [Self.start], from: Self.start, zone: .utc, tallies: [], states: [])
    #expect(throws: FeatureError.unknownMeasure(feature: "plan", measure: "plan")) {
      try FeaturePanel([Self.features[0]], of: history, rows: [])
    }
  }
}
