package import AlmanacCore
package import Columns

/// A plan of the price list: a row of `billing.plans`.
package struct ListedPlan: Hashable, Sendable {
  /// The plan.
  package var id: UUIDValue
  /// Its place among the tiers, a higher one is better; `nil` where none is said.
  package var tier: Int64?
  /// The months of a period.
  package var months: Int
  /// The price of a period, of a seat where the plan is seat-based, in ten-thousandths; `nil` where
  /// none is said.
  package var unitAmount: Int128?
  /// The currency of the price.
  package var currency: CurrencyCode?
  /// Whether the price is for each seat.
  package var isPerSeat: Bool
  /// When it came on offer; `nil` if it always was.
  package var activeFrom: Timestamp?
  /// When it went off; `nil` while it is on offer.
  package var activeTo: Timestamp?

  /// A plan of the given parts.
  package init(
    id: UUIDValue, tier: Int64?, months: Int = 1, unitAmount: Int128? = nil,
    currency: CurrencyCode? = nil, isPerSeat: Bool = true, activeFrom: Timestamp? = nil,
    activeTo: Timestamp? = nil
  ) {
    self.id = id
    self.tier = tier
    self.months = months
    self.unitAmount = unitAmount
    self.currency = currency
    self.isPerSeat = isPerSeat
    self.activeFrom = activeFrom
    self.activeTo = activeTo
  }

  /// Whether it is on offer at an instant.
  package func isOnOffer(at instant: Timestamp) -> Bool {
    (activeFrom.map { $0 <= instant } ?? true) && (activeTo.map { instant < $0 } ?? true)
  }
}

/// What is sold, at what price.
package struct PriceList: Sendable {
  /// The plans.
  package var plans: [UUIDValue: ListedPlan]
  /// The codes of the modules.
  package var moduleCodes: [UUIDValue: String]
  /// The prices of modules, where they are known.
  package var modules: [UUIDValue: ModulePrice]

  /// A list of the given parts.
  package init(
    plans: [UUIDValue: ListedPlan], moduleCodes: [UUIDValue: String],
    modules: [UUIDValue: ModulePrice]
  ) {
    self.plans = plans
    self.moduleCodes = moduleCodes
    self.modules = modules
  }

  /// The highest tier among plans; `nil` where none is known.
  package func tier(of held: [HeldPlan]) -> Int64? {
    held.compactMap { plans[$0.plan]?.tier }.max()
  }

  /// The list in batches of `plans` and `modules`.
  ///
  /// - Parameters:
  ///   - plans: `id`, `tier_rank`, `interval`, `interval_count`, `unit_amount`, `currency`,
  ///     `seat_based`, `active_from` and `active_to`.
  ///   - modules: `id`, `code`, `unit_amount` and `currency`.
  /// - Throws: ``BillingError``: a column that is missing or of another type, a row without an
  ///   identifier, or an unknown interval.
  package init(plans: [Batch], modules: [Batch]) throws(BillingError) {
    var listed: [UUIDValue: ListedPlan] = [:]
    var table = TableReader(dataset: "plans")
    for batch in plans {
      table.start(batch)
      let ids = try table.identifiers("id")
      let tiers = try table.integers("tier_rank")
      let intervals = try table.words("interval") { PlanInterval(rawValue: $0) }
      let counts = try table.integers("interval_count")
      let amounts = try table.amounts("unit_amount")
      let currencies = try table.currencies("currency")
      let seats = try table.flags("seat_based")
      let from = try table.instants("active_from")
      let to = try table.instants("active_to")
      for row in 0..<batch.rowCount {
        let id = try table.required(ids(row), "id", row)
        let count = counts(row) ?? 1
        guard let interval = intervals(row) else { throw table.unknown("interval", row) }
        guard (1...1_200).contains(count) else { throw table.unknown("interval_count", row) }
        listed[id] = ListedPlan(
          id: id, tier: tiers(row), months: interval.months * Int(count),
          unitAmount: amounts(row), currency: currencies(row), isPerSeat: seats(row) ?? false,
          activeFrom: from(row), activeTo: to(row))
      }
    }
    var codes: [UUIDValue: String] = [:]
    table = TableReader(dataset: "modules")
    for batch in modules {
      table.start(batch)
      let ids = try table.identifiers("id")
      let words = try table.words("code") { $0 }
      for row in 0..<batch.rowCount {
        let id = try table.required(ids(row), "id", row)
        codes[id] = words(row) ?? id.description
      }
    }
    self.init(
      plans: listed, moduleCodes: codes, modules: try ModulePrice.rows(in: modules))
  }
}
