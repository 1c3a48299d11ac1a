import AlmanacCore
import Billing
import Predictions

extension RunContext {
  /// What is sold, by the datasets of plans and modules.
  ///
  /// - Throws: `BillingError`, ``PipelineError``.
  func priceList(_ notices: inout [String]) throws -> PriceList {
    let list = try PriceList(
      plans: try rows(
        of: "plans",
        [
          "id", "tier_rank", "interval", "interval_count", "unit_amount", "currency", "seat_based",
          "active_from", "active_to",
        ]),
      modules: try rows(of: "modules", ["id", "code", "unit_amount", "currency"]))
    if !list.plans.values.contains(where: { $0.tier != nil }) {
      notices.append(
        "plans: none says its tier_rank, so no move to a higher tier is foretold; "
          + "map datasets/plans.yaml to a table that does")
    }
    return list
  }

  /// What companies have as known at the instants and now, with what is sold.
  ///
  /// - Throws: ``PipelineError``.
  func upsellInput(
    _ book: CompanyBook, _ prices: PriceList, _ model: RiskDefinition, _ notices: inout [String]
  ) throws -> UpsellInput {
    var modules: [String: UUIDValue] = [:]
    for (module, code) in prices.moduleCodes { modules[code] = module }
    let named = Set(model.prerequisites.keys).union(model.prerequisites.values.joined())
    for code in named.sorted() where modules[code] == nil {
      notices.append(
        "\(model.name): prerequisites name the module \(code), which the source does not sell")
    }
    var prerequisites: [UUIDValue: [UUIDValue]] = [:]
    for (code, needed) in model.prerequisites {
      // What needs a module that is not sold cannot be added.
      if let module = modules[code] { prerequisites[module] = needed.map { modules[$0] ?? .zero } }
    }
    return UpsellInput(
      companies: book.companies, known: book.known, outlooks: try holdings(of: book),
      now: book.holdings, prices: prices, prerequisites: prerequisites)
  }

  /// What companies had, as it was known at each instant of a panel.
  func holdings(of book: CompanyBook) throws -> [SubscriptionHoldings] {
    try mapConcurrently(
      book.instants.map { zone.start(of: $0) }, jobs: jobs, context: {},
      work: { _, instant in book.holdings(knownAt: instant) })
  }
}

extension CompanyBook {
  /// What companies have, as known now, up to the end of the logical date.
  var holdings: SubscriptionHoldings { SubscriptionHoldings(input, settings: settings) }

  /// What companies have by what was recorded before an instant, up to the end of the span after it.
  func holdings(knownAt instant: Timestamp) -> SubscriptionHoldings {
    var input = source.known(before: instant)
    input.end = UpsellLabels.maturity(of: instant)
    return SubscriptionHoldings(input, settings: settings)
  }
}
