package import AlmanacCore
package import Billing
import Regression

/// What the upsell model is told of companies besides features.
package struct UpsellInput: Sendable {
  /// The companies by position.
  package var companies: [UUIDValue]
  /// MRR as it was known at each instant, where its time ends.
  package var known: [RevenueLedger]
  /// What companies have, as it was known at each instant, up to the end of the span after it.
  package var outlooks: [SubscriptionHoldings]
  /// What companies have, as known now.
  package var now: SubscriptionHoldings
  /// What is sold.
  package var prices: PriceList
  /// The modules that each module needs.
  package var prerequisites: [UUIDValue: [UUIDValue]]

  /// An input of the given parts.
  package init(
    companies: [UUIDValue], known: [RevenueLedger], outlooks: [SubscriptionHoldings],
    now: SubscriptionHoldings, prices: PriceList, prerequisites: [UUIDValue: [UUIDValue]] = [:]
  ) {
    self.companies = companies
    self.known = known
    self.outlooks = outlooks
    self.now = now
    self.prices = prices
    self.prerequisites = prerequisites
  }
}

/// What the upsell model learns from and says something of: each company that paid at the end of a
/// month with the next tier and with each module that it could add, as it was known then, and
/// whether it did as far as that is known now (DECISIONS.md, D-526, D-527).
package struct UpsellPanel: Sendable {
  /// Something that a company may buy now.
  struct Offer: Sendable {
    /// The row of the part.
    var row: Int
    /// The plan or module.
    var target: UUIDValue
    /// What the company has.
    var held: Holding
  }

  /// The companies; rows name them by position.
  package let companies: [UUIDValue]
  /// Companies below the highest tier, with whether they move to a higher one.
  package let tier: RiskRows
  /// Companies with modules that they could add, with whether they do; groups are modules.
  package let modules: RiskRows
  /// What is sold.
  let prices: PriceList
  /// The next tier of each company, and the features of these rows.
  let tierOffers: (offers: [Offer], panel: FeaturePanel)
  /// The modules that each company could add, and the features of these rows.
  let moduleOffers: (offers: [Offer], panel: FeaturePanel)
  /// The features of module rows, in the order of their panel.
  let moduleFeatures: [FeatureSpecification]
  /// Those of tier rows.
  let tierFeatures: [FeatureSpecification]

  /// The name of the state that tells how a module goes with those a company has.
  package static let affinity = "affinity"

  /// Brings together features and outcomes.
  ///
  /// - Parameters:
  ///   - features: the columns; one that reads the level of ``affinity`` is of modules alone.
  ///   - history: what is counted of the companies at the instants, and the state `seats`; the other
  ///     states of ``ChurnStates`` and what companies hold are filled in here.
  ///   - input: what else is known.
  /// - Throws: ``FeatureError``.
  package init(
    _ features: [FeatureSpecification], of history: FeatureHistory, _ input: UpsellInput
  ) throws(FeatureError) {
    precondition(input.known.count == history.asOf.count, "a ledger for each instant")
    precondition(input.outlooks.count == history.asOf.count, "an outlook for each instant")
    var history = history
    ChurnStates.fill(
      &history, companies: input.companies, known: input.known, held: input.outlooks,
      for: features)
    let found = UpsellRows(input, asOf: history.asOf)
    tierFeatures = features.filter { !$0.readsAffinity }
    moduleFeatures = tierFeatures + features.filter(\.readsAffinity)
    let base = try FeaturePanel(tierFeatures, of: history, rows: found.rows)
    let maturity = history.asOf.map { UpsellLabels.maturity(of: $0) }
    tier = RiskRows(
      rows: found.tiers.map { found.rows[$0.row] },
      table: base.table.selecting(rows: found.tiers.map(\.row)),
      outcomes: found.tiers.map(\.outcome),
      segments: found.tiers.map(\.segment), asOf: history.asOf, maturity: maturity,
      terms: tierFeatures.terms)
    let affinities = found.pairs.map(\.affinity)
    let added = moduleFeatures.dropFirst(tierFeatures.count)
    var table = base.table.selecting(rows: found.pairs.map(\.row))
    for feature in added { table.add(feature.name, .numbers(affinities)) }
    modules = RiskRows(
      rows: found.pairs.map { found.rows[$0.row] }, table: table,
      outcomes: found.pairs.map(\.outcome), segments: found.pairs.map(\.module),
      asOf: history.asOf, maturity: maturity,
      groups: RiskGroups(
        names: found.modules.map(\.description), of: found.pairs.map(\.module)),
      terms: moduleFeatures.terms)
    companies = input.companies
    prices = input.prices
    let last = history.asOf.count - 1
    let tiers = found.tiers.indices.filter { found.rows[found.tiers[$0].row].period == last }
    tierOffers = (
      tiers.compactMap { position in
        input.prices.next(after: found.tiers[position].held, at: history.asOf[last]).map {
          Offer(row: position, target: $0.id, held: found.tiers[position].held)
        }
      }, base.selecting(tiers.map { found.tiers[$0].row })
    )
    let pairs = found.pairs.indices.filter { found.rows[found.pairs[$0].row].period == last }
    moduleOffers = (
      pairs.map { position in
        Offer(
          row: position, target: found.modules[found.pairs[position].module],
          held: found.pairs[position].held)
      },
      base.selecting(
        pairs.map { found.pairs[$0].row },
        adding: added.map { ($0, pairs.map { affinities[$0] }) })
    )
  }
}

extension UpsellPanel: RiskPanel {
  /// The names of the two kinds of rows.
  package static let partNames = ["tier", "modules"]

  package var parts: [RiskPart] {
    [
      RiskPart(
        name: UpsellPanel.partNames[0], title: "moves to a higher tier", rows: tier, decides: true),
      RiskPart(
        name: UpsellPanel.partNames[1], title: "added modules", rows: modules, decides: true),
    ]
  }
}

extension FeatureSpecification {
  /// Whether the feature is of a company and a module, not of a company alone.
  package var readsAffinity: Bool {
    kind.quantities.contains { $0.readsState && $0.measure == UpsellPanel.affinity }
  }
}

/// The rows of the panel while they are found.
private struct UpsellRows {
  /// A company below the highest tier at an instant.
  struct Tier {
    var row: Int
    var outcome: Double
    var segment: Int
    var held: Holding
  }

  /// A company and a module that it could add at an instant.
  struct Pair {
    var row: Int
    var outcome: Double
    var module: Int
    var affinity: Double
    var held: Holding
  }

  /// Each company that pays at an instant, by instant and company.
  var rows: [PanelRow] = []
  var tiers: [Tier] = []
  var pairs: [Pair] = []
  /// The modules that are sold, ascending.
  let modules: [UUIDValue]

  init(_ input: UpsellInput, asOf: [Timestamp]) {
    let seen = input.now.companies.flatMap { $0.steps.flatMap(\.holding.modules) }
    let listed = Set(input.prices.moduleCodes.keys)
    modules = (listed.isEmpty ? Set(seen) : listed).sorted()
    for period in asOf.indices { add(period, asOf, input) }
  }

  private mutating func add(_ period: Int, _ asOf: [Timestamp], _ input: UpsellInput) {
    let instant = asOf[period]
    let isNow = period == asOf.count - 1
    let isKnown = UpsellLabels.maturity(of: instant) <= asOf[asOf.count - 1]
    var active: [(row: Int, company: Int, outlook: UpsellOutlook)] = []
    var ledgers = input.known[period].cursor
    var outlooks = input.outlooks[period].cursor
    var latest = input.now.cursor
    for (company, id) in input.companies.enumerated() {
      guard let ledger = ledgers.element(of: id), ledger.amount(atEnd: instant) > 0
      else { continue }
      rows.append(PanelRow(company: company, period: period))
      active.append(
        (
          rows.count - 1, company,
          UpsellOutlook(outlooks.element(of: id), at: instant)
        ))
    }
    // A module is sold from when on somebody has it; now, all that are listed are.
    let had = Set(
      input.outlooks[period].companies.flatMap { holdings in
        holdings.steps.filter { $0.instant < instant }.flatMap(\.holding.modules)
      })
    let affinity = ModuleAffinity(modules, of: active.map(\.outlook.held))
    let highest = input.prices.plans.values.filter { $0.isOnOffer(at: instant) }
      .compactMap(\.tier).max()
    func outcome(_ isYes: Bool) -> Double { isKnown ? (isYes ? 1 : 0) : .nan }
    for (row, company, outlook) in active where !outlook.isEnding {
      let now = latest.element(of: input.companies[company])
      let held = outlook.held
      if let tier = input.prices.tier(of: held.plans), let highest, tier < highest,
        !outlook.changesTier(input.prices)
      {
        tiers.append(
          Tier(
            row: row,
            outcome: outcome(
              UpsellLabels.rises(now, above: tier, after: instant, by: input.prices)),
            segment: Int(tier), held: held))
      }
      for (number, module) in modules.enumerated()
      where (isNow || had.contains(module))
        && outlook.mayAdd(module, needing: input.prerequisites[module] ?? [])
      {
        pairs.append(
          Pair(
            row: row, outcome: outcome(UpsellLabels.adopts(now, module, after: instant)),
            module: number, affinity: affinity.value(of: module, for: held), held: held))
      }
    }
  }
}

extension PriceList {
  /// The plan of the next higher tier that is on offer: that of the same period and currency if there
  /// is one.
  ///
  /// - Parameters:
  ///   - holding: what a company has.
  ///   - instant: when it is to be on offer.
  /// - Returns: `nil` where no higher tier is.
  func next(after holding: Holding, at instant: Timestamp) -> ListedPlan? {
    guard let tier = tier(of: holding.plans), let present = largest(of: holding) else {
      return nil
    }
    let higher = plans.values.filter { $0.isOnOffer(at: instant) && ($0.tier ?? tier) > tier }
    guard let next = higher.compactMap(\.tier).min() else { return nil }
    let months = present.months ?? plans[present.plan]?.months
    let currency = present.currency ?? plans[present.plan]?.currency
    return higher.filter { $0.tier == next }.min { left, right in
      func order(_ plan: ListedPlan) -> (Int, Int, UUIDValue) {
        (plan.months == months ? 0 : 1, plan.currency == currency ? 0 : 1, plan.id)
      }
      return order(left) < order(right)
    }
  }

  /// The held plan of the highest tier, of several the one with most seats.
  func largest(of holding: Holding) -> HeldPlan? {
    func order(_ held: HeldPlan) -> (Int64, Int64) {
      (plans[held.plan]?.tier ?? .min, held.quantity)
    }
    return holding.plans.indices.max {
      order(holding.plans[$0]) < order(holding.plans[$1])
    }.map { holding.plans[$0] }
  }
}
