package import AlmanacCore

/// The length of a billing period, in months.
package enum BillingInterval: Int, CaseIterable, Sendable {
  case month = 1
  case quarter = 3
  case year = 12

  /// The word of the source contract.
  var word: String {
    switch self {
    case .month: "month"
    case .quarter: "quarter"
    case .year: "year"
    }
  }

  /// What is paid for, in months: two months of a year are free.
  var monthsPaid: Double { self == .year ? 10 : self == .quarter ? 2.85 : 1 }
}

/// What is sold: plans of four tiers in every interval and currency, and modules on top.
///
/// A tier and a module have one price in dollars for a seat and a month; a price list in another
/// currency is that price at the usual rate, rounded to three digits. `unit_amount` of a module is
/// in dollars, for a seat and a month.
package enum Catalogue {
  /// The codes of the tiers, lowest first; the rank is the position plus one.
  package static let tiers = ["starter", "team", "business", "enterprise"]
  /// The dollar price of each tier for a seat and a month.
  static let tierPrices: [Double] = [9, 19, 39, 79]
  /// The events of 30 days for each seat from which on a plan counts as used up.
  static let tierQuotas: [Double] = [90, 160, 280, 520]
  /// The codes of the modules, in pairs that are often adopted together.
  package static let modules = [
    "analytics", "exports", "automation", "agents", "voice", "recording", "audit", "sso",
  ]
  static let moduleCategories = [
    "insight", "insight", "work", "work", "calls", "calls", "security", "security",
  ]
  /// The dollar price of each module for a seat and a month.
  static let modulePrices: [Double] = [4, 2, 6, 8, 5, 3, 7, 4]

  /// The modules that make the adoption of each module more likely.
  static func companions(of module: Int) -> [Int] {
    [module ^ 1, (module + 2) % modules.count, (module + 3) % modules.count]
  }

  /// The identity of a module, the same in every world.
  package static func moduleID(_ module: Int) -> UUIDValue {
    Draws(seed: 0, entity: Draws.world - 1).identifier(.identifier, module)
  }

  /// The identity of a plan; `isLegacy` is the team plan that companies are moved away from.
  package static func planID(
    tier: Int, interval: BillingInterval, currency: Int, isLegacy: Bool
  ) -> UUIDValue {
    Draws(seed: 0, entity: Draws.world - 2).identifier(
      .identifier, currency, (isLegacy ? 100 : 0) + tier * 16 + interval.rawValue)
  }

  /// A price list's amount for a seat and a month, in ten-thousandths.
  static func listPrice(dollars: Double, currency: SimulatedCurrency) -> Double {
    let exact = dollars * currency.perDollar
    var step = 1.0
    while exact / step >= 1_000 { step *= 10 }
    while exact / step < 100 { step /= 10 }
    return (exact / step).rounded() * step * 10_000
  }

  /// The price of a seat for a whole period, in ten-thousandths.
  static func seatPrice(
    tier: Int, interval: BillingInterval, currency: SimulatedCurrency, isLegacy: Bool
  ) -> Int64 {
    let list = listPrice(dollars: tierPrices[tier] * (isLegacy ? 0.8 : 1), currency: currency)
    return currency.rounded(list * interval.monthsPaid)
  }

  /// The whole amount of a period: seats times plan and modules, less the discount.
  static func recurringAmount(
    tier: Int, interval: BillingInterval, currency: SimulatedCurrency, isLegacy: Bool, seats: Int,
    modules owned: UInt8, discountPercent: Int
  ) -> Int64 {
    var seat = seatPrice(tier: tier, interval: interval, currency: currency, isLegacy: isLegacy)
    for module in modules.indices where owned >> UInt8(module) & 1 == 1 {
      let list = listPrice(dollars: modulePrices[module], currency: currency)
      seat += currency.rounded(list * Double(interval.rawValue))
    }
    let whole = Double(seat) * Double(seats) * Double(100 - discountPercent) / 100
    return currency.rounded(whole)
  }
}
