package import AlmanacCore
package import Billing

/// What the churn model learns from and says something of: each company that paid at the end of a
/// month, as it was known then, with what became of it as far as that is known now.
package struct ChurnPanel: Sendable {
  /// The companies that ever paid, ascending; rows name them by position.
  package let companies: [UUIDValue]
  /// The features of each row, of which the last instant is now.
  package let features: FeaturePanel
  /// The rows with whether MRR falls to 0 on days 0 to 30 after the instant; a row whose end was
  /// scheduled by then has no outcome.
  package let first: RiskRows
  /// The same rows with whether it does on days 31 to 90, where it did not before.
  package let second: RiskRows
  /// MRR of each row in ten-thousandths, as known at its instant.
  package let recurring: [Int128]
  /// The rows whose end within 30 days was recorded by their instant.
  package let scheduled: [Bool]
  /// The rows whose end within 90 days was.
  package let scheduledLater: [Bool]
  /// Scheduled rows with a known outcome, and how many of them fell within 30 days.
  package let measured: ScheduledCounts
  /// The same of days 31 to 90, of those that did not fall before.
  package let measuredLater: ScheduledCounts

  /// What became of companies whose end was scheduled.
  package struct ScheduledCounts: Equatable, Sendable {
    /// Company-months.
    package var rows = 0
    /// Those of them that fell.
    package var falls = 0

    /// The rate of not withdrawing, with ten further rows of which one withdraws
    /// (DECISIONS.md, D-517).
    package var rate: Double { Double(falls + 9) / Double(rows + 10) }
  }

  /// The length of the first span in days.
  package static let firstSpan = 30
  /// The end of the second span in days.
  package static let secondSpan = 90

  /// The rows of now, by position.
  package var today: Range<Int> {
    let last = first.asOf.count - 1
    let start = first.rows.firstIndex { $0.period == last } ?? first.rows.count
    return start..<first.rows.count
  }

  /// Brings together features and outcomes.
  ///
  /// - Parameters:
  ///   - features: the columns.
  ///   - history: what is counted of the companies at the instants, and the state `seats`; the other
  ///     states of ``ChurnStates`` and what companies hold are filled in here.
  ///   - companies: the companies by position.
  ///   - changes: all changes of subscriptions known now.
  ///   - origins: the subscriptions that continue another.
  ///   - known: MRR as it was known at each instant, where its time ends; the last is that of now.
  ///   - held: what companies had, as it was known at each instant.
  /// - Throws: ``FeatureError``.
  package init(
    _ features: [FeatureSpecification], of history: FeatureHistory,
    companies: [UUIDValue], changes: [SubscriptionChange], origins: [SubscriptionOrigin] = [],
    known: [RevenueLedger], held: [SubscriptionHoldings]
  ) throws(FeatureError) {
    precondition(known.count == history.asOf.count && !known.isEmpty, "a ledger for each instant")
    precondition(held.count == known.count, "what companies had at each instant")
    let asOf = history.asOf
    let cut = asOf[asOf.count - 1]
    var history = history
    ChurnStates.fill(&history, companies: companies, known: known, held: held, for: features)
    let originOf = Dictionary(
      origins.map { ($0.subscription, $0) }, uniquingKeysWith: { $1 })
    let changesOf = Dictionary(grouping: changes, by: \.company)
    let ownChanges = companies.map { changesOf[$0] ?? [] }
    let mature = [ChurnPanel.firstSpan, ChurnPanel.secondSpan].map { days in
      asOf.map { ChurnLabels.maturity(of: $0, spanEnd: days) }
    }
    var rows: [PanelRow] = []
    var outcomes: ([Double], [Double]) = ([], [])
    var plans: [UUIDValue] = []
    var recurring: [Int128] = []
    var scheduled: ([Bool], [Bool]) = ([], [])
    var measured = ScheduledCounts()
    var measuredLater = ScheduledCounts()
    for (period, instant) in asOf.enumerated() {
      var ledgers = known[period].cursor
      var latest = known[known.count - 1].cursor
      for (company, id) in companies.enumerated() {
        guard let then = ledgers.element(of: id), let now = latest.element(of: id) else {
          continue
        }
        let amount = then.amount(atEnd: instant)
        guard amount > 0 else { continue }
        let ending = ChurnLabels.scheduledEnd(
          ownChanges[company], origins: originOf, at: instant)
        let isScheduled = ChurnLabels.isScheduled(
          ending, within: ChurnPanel.firstSpan, after: instant)
        let isScheduledLater = ChurnLabels.isScheduled(
          ending, within: ChurnPanel.secondSpan, after: instant)
        let falls = ChurnLabels.falls(now, after: instant, from: 0, to: ChurnPanel.firstSpan)
        let fallsLater = ChurnLabels.falls(
          now, after: instant, from: ChurnPanel.firstSpan, to: ChurnPanel.secondSpan)
        let isKnown = mature[0][period] <= cut
        let isKnownLater = mature[1][period] <= cut
        rows.append(PanelRow(company: company, period: period))
        plans.append(then.largestPlan)
        recurring.append(amount)
        scheduled.0.append(isScheduled)
        scheduled.1.append(isScheduledLater)
        outcomes.0.append(isKnown && !isScheduled ? (falls ? 1 : 0) : .nan)
        outcomes.1.append(
          isKnownLater && !isScheduledLater && !falls ? (fallsLater ? 1 : 0) : .nan)
        if isScheduled, isKnown {
          measured.rows += 1
          if falls { measured.falls += 1 }
        }
        if isScheduledLater, !isScheduled, isKnownLater, !falls {
          measuredLater.rows += 1
          if fallsLater { measuredLater.falls += 1 }
        }
      }
    }
    let panel = try FeaturePanel(features, of: history, rows: rows)
    let numbers = Dictionary(
      uniqueKeysWithValues: Set(plans).sorted().enumerated().map { ($1, $0) })
    let segments = plans.map { numbers[$0] ?? 0 }
    first = RiskRows(
      rows: rows, table: panel.table, outcomes: outcomes.0, segments: segments, asOf: asOf,
      maturity: mature[0], terms: features.terms)
    second = RiskRows(
      rows: rows, table: panel.table, outcomes: outcomes.1, segments: segments, asOf: asOf,
      maturity: mature[1], terms: features.terms)
    self.companies = companies
    self.features = panel
    self.recurring = recurring
    self.scheduled = scheduled.0
    scheduledLater = scheduled.1
    self.measured = measured
    self.measuredLater = measuredLater
  }
}

extension ChurnPanel: RiskPanel {
  /// The names of the two probabilities.
  package static let partNames = ["days_0_30", "days_31_90"]

  package var parts: [RiskPart] {
    [
      RiskPart(
        name: ChurnPanel.partNames[0], title: "30 days", rows: first, decides: true),
      RiskPart(
        name: ChurnPanel.partNames[1], title: "days 31 to 90", rows: second, decides: false),
    ]
  }
}

/// The states that a history of churn has: what companies have at an instant.
package enum ChurnStates {
  /// The name of the state of MRR in units of the currency.
  package static let recurring = "mrr"
  /// That of the number of modules that companies have, whatever they pay for them.
  package static let modules = "modules"
  /// That of seats or units of subscriptions.
  package static let seats = "seats"
  /// All of them.
  package static let names = [recurring, modules, seats]

  /// Sets MRR and modules as they were known at each instant, and what companies hold where features read
  /// it.
  ///
  /// What the ledger of one instant says of an earlier day takes the place of what that of an earlier
  /// instant said, so a change over a window is of two levels as known at its end. Modules are counted
  /// by what companies have: their parts of MRR go by the price list, which is that of now
  /// (DECISIONS.md, D-533).
  static func fill(
    _ history: inout FeatureHistory, companies: [UUIDValue], known: [RevenueLedger],
    held: [SubscriptionHoldings], for features: [FeatureSpecification]
  ) {
    if features.contains(where: { $0.holding == .plan }) {
      history.tellPlans(of: companies, by: known)
    }
    var ledgers = known.map(\.cursor)
    var holdings = held.map(\.cursor)
    for (company, id) in companies.enumerated() {
      var sequence: Int64 = 0
      var told: ArraySlice<LevelStep> = []
      var count: Int?
      for (period, instant) in history.asOf.enumerated() {
        guard let ledger = ledgers[period].element(of: id) else { continue }
        let before = Timestamp(microseconds: instant.microseconds - 1)
        let steps = ledger.steps.prefix { $0.instant < instant }
        // Mostly the ledger only grows, and what was told already stands.
        var news = steps
        if steps.starts(with: told) {
          news = steps.dropFirst(told.count)
        } else {
          sequence += 1
          history.set(
            recurring, company: company, key: 0, sequence: sequence,
            effective: Timestamp(microseconds: .min), recorded: before, value: 0)
        }
        for step in news {
          sequence += 1
          history.set(
            recurring, company: company, key: 0, sequence: sequence, effective: step.instant,
            recorded: before, value: Double(step.amount) / Double(Money.scale))
        }
        told = steps
        let holding = holdings[period].element(of: id)?.holding(before: instant) ?? .nothing
        // What stays as it is needs no telling.
        guard holding.modules.count != count else { continue }
        count = holding.modules.count
        sequence += 1
        history.set(
          modules, company: company, key: 0, sequence: sequence, effective: before,
          recorded: before, value: Double(holding.modules.count))
      }
    }
  }

  /// Sets the seats of each subscription from its changes.
  ///
  /// - Parameters:
  ///   - history: where they are set.
  ///   - changes: the changes of subscriptions, in any order.
  ///   - companies: the companies by position; others are passed over.
  package static func setSeats(
    in history: inout FeatureHistory, _ changes: [SubscriptionChange], companies: [UUIDValue]
  ) {
    let positions = Dictionary(uniqueKeysWithValues: companies.enumerated().map { ($1, $0) })
    let ordered = changes.sorted { ($0.subscription, $0.sequence) < ($1.subscription, $1.sequence) }
    var keys: [Int: Int] = [:]
    var start = 0
    while start < ordered.count {
      var end = start
      while end < ordered.count, ordered[end].subscription == ordered[start].subscription {
        end += 1
      }
      let own = ordered[start..<end]
      start = end
      guard let first = own.first, let company = positions[first.company] else { continue }
      let key = keys[company, default: 0]
      keys[company] = key + 1
      for change in own {
        // What a change does not say is what the changes known with it said before it.
        let said = own.last {
          $0.sequence <= change.sequence && $0.recordedAt <= change.recordedAt
            && $0.quantity != nil && $0.kind != .cancel
        }
        let isOver = change.kind == .cancel || change.kind == .trialStart
        history.set(
          seats, company: company, key: key, sequence: change.sequence,
          effective: change.effectiveAt, recorded: change.recordedAt,
          value: isOver ? 0 : Double(said?.quantity ?? 1))
      }
    }
  }
}
