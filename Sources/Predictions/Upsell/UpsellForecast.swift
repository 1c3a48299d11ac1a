package import AlmanacCore
import Billing
package import Regression

/// What the upsell model learned, or why it did not, and what companies may buy now.
package struct UpsellForecast: Sendable {
  /// What may be bought.
  package enum Kind: String, CaseIterable, Comparable, Sendable {
    /// A module more.
    case module = "module_cross_sell"
    /// A plan of a higher tier.
    case tier = "tier_upgrade"

    /// Orders by name.
    package static func < (left: Kind, right: Kind) -> Bool { left.rawValue < right.rawValue }
  }

  /// Something that one company may buy.
  package struct Row: Sendable {
    /// The company.
    package var company: UUIDValue
    /// What kind of thing it is.
    package var kind: Kind
    /// The plan or module.
    package var target: UUIDValue
    /// The probability of the next 90 days.
    package var probability: Double
    /// What MRR would gain times the probability, in ten-thousandths of the reporting currency; `nil`
    /// where a price is not known.
    package var expectedUplift: Int128?
    /// Its place among the company's, 1 first.
    package var rank: Int
    /// Why, largest first and the base last; they sum to the log-odds of the probability.
    package var reasons: [Reason]
  }

  /// Brings a price to the reporting currency, over so many months; `nil` where no rate is known.
  package typealias Conversion = (_ amount: Int128, _ currency: CurrencyCode, _ months: Int) ->
    Int128?

  /// What gives the probability of a higher tier.
  package let tier: RiskSource
  /// What gives those of modules.
  package let modules: RiskSource
  /// By company, each by rank.
  package let rows: [Row]
  package let drifts: [(part: String, drift: RiskDrift)]

  /// Learns from a panel and scores its rows of now.
  ///
  /// - Parameters:
  ///   - panel: the panel.
  ///   - recipe: how probabilities are learned.
  ///   - convert: brings prices to the reporting currency.
  /// - Throws: `RegressionError`.
  package init(
    _ panel: UpsellPanel, recipe: RiskRecipe = RiskRecipe(), convert: Conversion
  ) throws(RegressionError) {
    try self.init(
      panel, tier: RiskSource(try recipe.learn(panel.tier, by: panel.cut)),
      modules: RiskSource(try recipe.learn(panel.modules, by: panel.cut)), convert)
  }

  /// Scores the rows of now with models that were fitted before, moved to what is known now.
  ///
  /// - Parameters:
  ///   - panel: the panel, with the features of the models.
  ///   - kept: what gives the probabilities.
  ///   - convert: brings prices to the reporting currency.
  /// - Throws: `RegressionError`.
  package init(
    _ panel: UpsellPanel, kept: (tier: RiskSource, modules: RiskSource), convert: Conversion
  ) throws(RegressionError) {
    try self.init(
      panel, tier: try kept.tier.refreshed(panel.tier, by: panel.cut),
      modules: try kept.modules.refreshed(panel.modules, by: panel.cut), convert)
  }

  private init(
    _ panel: UpsellPanel, tier: RiskSource, modules: RiskSource, _ convert: Conversion
  ) throws(RegressionError) {
    self.tier = tier
    self.modules = modules
    let tierRows = panel.tierOffers.offers.map(\.row)
    let moduleRows = panel.moduleOffers.offers.map(\.row)
    let tiers = panel.tier.table.selecting(rows: tierRows)
    let pairs = panel.modules.table.selecting(rows: moduleRows)
    drifts =
      tier.drift(tiers).map { (UpsellPanel.partNames[0], $0) }
      + modules.drift(pairs).map { (UpsellPanel.partNames[1], $0) }
    var rows = UpsellForecast.rows(
      .tier, panel.tierOffers.offers, try tier.scores(tiers), panel.companies, panel.tier.rows
    ) { position, score in
      tier.reasons(score, panel.tierFeatures, panel.tierOffers.panel, row: position)
    } uplift: { offer in
      panel.prices.tierUplift(offer, convert)
    }
    rows += UpsellForecast.rows(
      .module, panel.moduleOffers.offers,
      try modules.scores(pairs, groups: panel.modules.groups?.selecting(moduleRows)),
      panel.companies, panel.modules.rows
    ) { position, score in
      modules.reasons(score, panel.moduleFeatures, panel.moduleOffers.panel, row: position)
    } uplift: { offer in
      panel.prices.moduleUplift(offer, convert)
    }
    self.rows = UpsellForecast.ranked(rows)
  }

  private static func rows(
    _ kind: Kind, _ offers: [UpsellPanel.Offer], _ scores: [RiskModel.Score]?,
    _ companies: [UUIDValue], _ panelRows: [PanelRow],
    reasons: (Int, RiskModel.Score) -> [Reason], uplift: (UpsellPanel.Offer) -> Int128?
  ) -> [Row] {
    guard let scores else { return [] }
    return zip(offers, scores).enumerated().map { position, pair in
      let (offer, score) = pair
      return Row(
        company: companies[panelRows[offer.row].company], kind: kind, target: offer.target,
        probability: score.probability,
        expectedUplift: uplift(offer).map {
          Int128((Double($0) * score.probability).rounded(.toNearestOrEven))
        }, rank: 0, reasons: reasons(position, score) + [.base(score.base)])
    }
  }

  /// Rows by company, the largest uplift first, those without one last by their probability
  /// (DECISIONS.md, D-529).
  private static func ranked(_ rows: [Row]) -> [Row] {
    var ordered = rows.sorted { left, right in
      if left.company != right.company { return left.company < right.company }
      let (one, other) = (left.expectedUplift ?? .min, right.expectedUplift ?? .min)
      if one != other { return one > other }
      if left.probability != right.probability { return left.probability > right.probability }
      return (left.kind, left.target) < (right.kind, right.target)
    }
    for index in ordered.indices {
      let isFirst = index == 0 || ordered[index - 1].company != ordered[index].company
      ordered[index].rank = isFirst ? 1 : ordered[index - 1].rank + 1
    }
    return ordered
  }
}

extension UpsellForecast: RiskForecast {
  package var sources: [RiskSource] { [tier, modules] }
}

extension PriceList {
  /// What MRR gains by a move to a plan, by the price list: its price for the company's seats less
  /// that of the present plan.
  fileprivate func tierUplift(
    _ offer: UpsellPanel.Offer, _ convert: UpsellForecast.Conversion
  ) -> Int128? {
    guard let present = largest(of: offer.held), let after = plans[offer.target],
      let before = plans[present.plan],
      let new = monthly(after, present.quantity, convert),
      let old = monthly(before, present.quantity, convert)
    else { return nil }
    return new - old
  }

  private func monthly(
    _ plan: ListedPlan, _ seats: Int64, _ convert: UpsellForecast.Conversion
  ) -> Int128? {
    guard let amount = plan.unitAmount, let currency = plan.currency else { return nil }
    let (whole, overflows) = amount.multipliedReportingOverflow(
      by: plan.isPerSeat ? Int128(seats) : 1)
    return overflows ? nil : convert(whole, currency, plan.months)
  }

  /// What MRR gains by a module: its price times the seats of the company's plan, over the months of
  /// a period, as MRR by module counts it (DECISIONS.md, D-161).
  fileprivate func moduleUplift(
    _ offer: UpsellPanel.Offer, _ convert: UpsellForecast.Conversion
  ) -> Int128? {
    guard let present = largest(of: offer.held), let price = modules[offer.target] else {
      return nil
    }
    let (whole, overflows) = price.unitAmount.multipliedReportingOverflow(
      by: Int128(present.quantity))
    guard !overflows, let months = present.months ?? plans[present.plan]?.months else { return nil }
    return convert(whole, price.currency, months)
  }
}
