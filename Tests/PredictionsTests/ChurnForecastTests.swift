import AlmanacCore
import Billing
import Predictions
import Regression
import Testing

/// Companies of one plan whose leaving follows their logins, with what may be wrong about them.
private struct SmallWorld {
  var companies = 90
  /// The plan of each company.
  var plan: (Int) -> UInt64 = { _ in 1 }
  var leaves = true
  /// Whether a company logs in on a day.
  var logsIn: (_ company: Int, _ day: CalendarDate) -> Bool = { _, _ in true }
  /// Further logins: happened, recorded.
  var more: [(company: Int, happened: Timestamp, recorded: Timestamp)] = []

  /// 1 January 2024.
  static let start = CalendarDate(daysSinceEpoch: 19_723)
  static let now = start.monthStart(adding: 14)
  static let instants = (1...14).map { start.monthStart(adding: $0) }
  static let features = [
    FeatureSpecification("days", .plain(.activeDays(tally: "logins", days: 30))),
    FeatureSpecification("quiet", .plain(.sinceLast(tally: "logins", cap: 60))),
    FeatureSpecification("calls", .plain(.count(tally: "calls", days: 30))),
    FeatureSpecification("mrr", .logarithm(.level(state: "mrr"))),
  ]

  static func id(_ company: Int) -> UUIDValue { UUIDValue(high: 1, low: UInt64(company)) }

  /// What is said at the end of 14 months, and of whom.
  func forecast(months: Int = 14) throws -> (panel: ChurnPanel, forecast: ChurnForecast) {
    var random = SplitMix64(seed: 5)
    var changes: [SubscriptionChange] = []
    let days = Array(SmallWorld.instants.prefix(months))
    var history = FeatureHistory(
      companyCount: companies, asOf: days, from: SmallWorld.start, zone: .utc,
      tallies: ["logins", "calls"], states: ChurnStates.names)
    for company in 0..<companies {
      func change(_ sequence: Int64, _ kind: ChangeKind, _ at: Timestamp) {
        changes.append(
          SubscriptionChange(
            id: UUIDValue(high: UInt64(sequence), low: UInt64(company)),
            subscription: UUIDValue(high: 2, low: UInt64(company)), company: SmallWorld.id(company),
            sequence: sequence, kind: kind, plan: UUIDValue(high: 3, low: plan(company)),
            quantity: 1, recurringAmount: Int128(100_000 * (1 + company % 4)), periodMonths: 1,
            currency: CurrencyCode("USD"), effectiveAt: at, recordedAt: at))
      }
      let began = SmallWorld.start.adding(days: company * 4 + 14)
      change(1, .new, began.startUTC)
      for (period, day) in days.enumerated() where began < day {
        let isIdle = random.nextUnit() < 0.3
        let isLeaving = random.nextUnit() < (isIdle ? 0.4 : 0.01)
        let before = day.monthStart(adding: -1)
        for login in max(began, before)..<day
        where login.distance(to: day) % (isIdle ? 9 : 2) == 0 && logsIn(company, login) {
          let at = login.startUTC
          history.add(to: "logins", company: company, happened: at, recorded: at)
        }
        if leaves, isLeaving, period < days.count - 1 {
          change(2, .cancel, day.adding(days: 4 + company % 20).startUTC)
          break
        }
      }
    }
    for row in more {
      history.add(
        to: "logins", company: row.company, happened: row.happened, recorded: row.recorded)
    }
    let currency = try #require(CurrencyCode("USD"))
    let settings = LedgerSettings(currency: currency)
    let inputs = days.map { day in
      LedgerInput(
        changes: changes, rates: ExchangeRates([]), zones: CompanyZones(.utc),
        knownBy: Timestamp(microseconds: day.startUTC.microseconds - 1), end: day.startUTC)
    }
    let panel = try ChurnPanel(
      SmallWorld.features, of: history, companies: (0..<companies).map { SmallWorld.id($0) },
      changes: changes, known: try inputs.map { try RevenueLedger($0, settings: settings) },
      held: inputs.map { SubscriptionHoldings($0, settings: settings) })
    return (
      panel, try ChurnForecast(panel, features: SmallWorld.features, bands: ChurnRisk.Bands())
    )
  }
}

@Suite("A churn forecast")
struct ChurnForecastTests {
  /// Probabilities are within bounds and explained, whatever gave them.
  private func check(
    _ forecast: ChurnForecast, _ sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(!forecast.rows.isEmpty, sourceLocation: sourceLocation)
    for row in forecast.rows {
      #expect(row.probability > 0 && row.probability < 1, sourceLocation: sourceLocation)
      if let later = row.probability90 {
        #expect(row.probability <= later && later < 1, sourceLocation: sourceLocation)
      }
      let sum = row.reasons.reduce(0) { $0 + $1.contribution }
      #expect(abs(sum - logit(row.probability)) < 1e-9, sourceLocation: sourceLocation)
      #expect(row.reasons.allSatisfy { !$0.text.isEmpty }, sourceLocation: sourceLocation)
    }
  }

  private func refusal(of forecast: ChurnForecast) throws -> String {
    check(forecast)
    guard case .baseline(let rate, let reason, nil) = forecast.first else {
      Issue.record("a model")
      return ""
    }
    #expect(forecast.rows.allSatisfy { $0.probability == rate })
    #expect(
      forecast.rows.allSatisfy {
        $0.reasons.map(\.feature) == ["base_rate", "base"] && $0.reasons[0].text.hasSuffix(reason)
      })
    return reason
  }

  @Test("of a kept model is what that model said, while nothing new is known")
  func keptModel() throws {
    let (panel, forecast) = try SmallWorld().forecast()
    #expect(forecast.first.reason == nil)
    let kept = try ChurnForecast(
      panel, features: SmallWorld.features, kept: (forecast.first, forecast.second),
      bands: ChurnRisk.Bands())
    #expect(kept.rows.count == forecast.rows.count && !kept.rows.isEmpty)
    for (one, other) in zip(kept.rows, forecast.rows) {
      #expect(one.company == other.company)
      #expect(one.reasons.map(\.text) == other.reasons.map(\.text))
      #expect(one.reasons.map(\.contribution) == other.reasons.map(\.contribution))
      #expect(one.probability == other.probability && one.expectedLoss == other.expectedLoss)
    }
  }

  @Test("says which features have moved away from what was learned, beyond chance")
  func drift() throws {
    let (panel, forecast) = try SmallWorld().forecast()
    // What companies pay is as before; each feature is looked at, the farthest first.
    #expect(!forecast.drift.isEmpty)
    #expect(Set(forecast.drift.map(\.feature)).isSubset(of: SmallWorld.features.map(\.name)))
    let mrr = try #require(forecast.drift.first { $0.feature == "mrr" })
    #expect(!mrr.isWarned && mrr.stabilityIndex >= 0, "\(mrr)")
    for (one, next) in zip(forecast.drift, forecast.drift.dropFirst()) {
      #expect(one.stabilityIndex >= next.stabilityIndex)
    }
    // In the last month nobody logs in any more.
    let last = SmallWorld.now.monthStart(adding: -1)
    let silent = try SmallWorld(logsIn: { _, day in day < last }).forecast().panel
    let moved = try ChurnForecast(
      silent, features: SmallWorld.features, kept: (forecast.first, forecast.second),
      bands: ChurnRisk.Bands())
    let (before, after) = (
      forecast.drift.first { $0.feature == "days" }, moved.drift.first { $0.feature == "days" }
    )
    let (less, more) = (try #require(before), try #require(after))
    #expect(more.isWarned && more.stabilityIndex > less.stabilityIndex + 1, "\(more) \(less)")
    #expect(moved.drift.first { $0.feature == "mrr" }?.isWarned == false)
    #expect(panel.today.count > 20)
  }

  @Test("without churn is the labelled share of none, which is not 0")
  func noChurn() throws {
    let (panel, forecast) = try SmallWorld(leaves: false).forecast()
    #expect(
      try refusal(of: forecast) == "the rarer outcome occurred 0 times, a model needs 20")
    let known = panel.first.outcomes.count { !$0.isNaN }
    #expect(forecast.rows[0].probability == 0.5 / Double(known + 1))
  }

  @Test("of one company, or of seven months, is the labelled share with the reason")
  func little() throws {
    #expect(
      try refusal(of: SmallWorld(companies: 1, leaves: false).forecast().forecast)
        == "the history is of 1 company, a model needs at least 2")
    #expect(
      try refusal(of: SmallWorld().forecast(months: 8).forecast)
        == "6 months have a known outcome, a model needs 8; wait for more history")
  }

  @Test("has its model of 30 days where nothing can be said of those after")
  func oneOfTwo() throws {
    let forecast = try SmallWorld().forecast(months: 11).forecast
    check(forecast)
    #expect(forecast.first.fitted != nil)
    guard case .baseline(_?, let reason, nil) = forecast.second else {
      Issue.record("a model of days 31 to 90")
      return
    }
    #expect(reason == "7 months have a known outcome, a model needs 8; wait for more history")
    #expect(forecast.rows.allSatisfy { ($0.probability90 ?? 0) >= $0.probability })
  }

  @Test("before any outcome is known says nothing of anybody")
  func nothingKnown() throws {
    let forecast = try SmallWorld().forecast(months: 1).forecast
    guard case .baseline(nil, let reason, nil) = forecast.first else {
      Issue.record("a share of nothing")
      return
    }
    #expect(forecast.rows.isEmpty && reason.contains("0 companies"))
  }

  @Test("has no reason that is the same for everyone")
  func constantFeature() throws {
    let (_, forecast) = try SmallWorld().forecast()
    check(forecast)
    let model = try #require(forecast.first.fitted)
    #expect(model.constantFeatures == ["calls"])
    #expect(!model.reasonNames.contains("calls"))
  }

  @Test("of a company without events is as of the least active one")
  func silentCompany() throws {
    let silent = 88
    let (panel, forecast) = try SmallWorld(logsIn: { company, _ in company != silent }).forecast()
    check(forecast)
    let row = try #require(forecast.rows.first { $0.company == SmallWorld.id(silent) })
    let place = try #require(
      panel.today.first { panel.companies[panel.first.rows[$0].company] == row.company })
    #expect(panel.features.table["days"]?.numbers[place] == 0)
    #expect(panel.features.table["quiet"]?.numbers[place] == 60)
    let model = try #require(forecast.first.fitted)
    #expect(model.reasonNames.contains("quiet"))
  }

  @Test("of a plan that nobody had before is as of any other plan")
  func unseenPlan() throws {
    let (_, usual) = try SmallWorld().forecast()
    let (panel, other) = try SmallWorld(plan: { $0 == 89 ? 7 : 1 }).forecast()
    check(other)
    // Company 89 came in the last months, after those with known outcomes.
    let known = panel.first.rows.indices.filter { !panel.first.outcomes[$0].isNaN }
    #expect(!known.contains { panel.first.rows[$0].company == 89 })
    #expect(usual.rows.map(\.probability) == other.rows.map(\.probability))
  }

  @Test("stands a month without events")
  func missingMonth() throws {
    let gap = SmallWorld.start.monthStart(adding: 6)..<SmallWorld.start.monthStart(adding: 7)
    let (usualPanel, usual) = try SmallWorld().forecast()
    let (panel, forecast) = try SmallWorld(logsIn: { _, day in !gap.contains(day) }).forecast()
    check(forecast)
    // Nobody was active on the days before the month's end, and nothing else is different.
    let silent = try #require(SmallWorld.instants.firstIndex(of: gap.upperBound))
    #expect(panel.first.rows == usualPanel.first.rows)
    let found = try #require(panel.first.table["days"]).numbers
    let expected = try #require(usualPanel.first.table["days"]).numbers
    let rows = panel.first.rows.indices
    #expect(rows.contains { panel.first.rows[$0].period == silent && expected[$0] > 0 })
    for row in rows {
      #expect(found[row] == (panel.first.rows[row].period == silent ? 0 : expected[row]))
    }
    let quiet = try #require(panel.first.table["quiet"]).numbers
    #expect(rows.allSatisfy { panel.first.rows[$0].period != silent || quiet[$0] >= 31 })
    // The month is learned from as it is: the same companies are scored by another model.
    #expect(forecast.first.fitted != nil)
    #expect(forecast.rows.map(\.company) == usual.rows.map(\.company))
    #expect(forecast.rows.map(\.probability) != usual.rows.map(\.probability))
  }

  @Test("takes no notice of clocks in the future")
  func future() throws {
    let now = SmallWorld.now.startUTC
    let later = SmallWorld.now.adding(days: 3).startUTC
    let before = SmallWorld.now.adding(days: -2).startUTC
    let usual = try SmallWorld().forecast().forecast
    let disturbed = try SmallWorld(more: [
      (3, later, later), (4, before, later), (5, now, before), (60, later, before),
    ]).forecast().forecast
    #expect(usual.rows.map(\.probability) == disturbed.rows.map(\.probability))
    #expect(
      usual.rows.map { $0.reasons.map(\.text) } == disturbed.rows.map { $0.reasons.map(\.text) })
  }
}
