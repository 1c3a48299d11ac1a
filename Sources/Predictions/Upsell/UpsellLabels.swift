package import AlmanacCore
package import Billing
import Glibc

/// What the upsell model is to foretell, read from what companies have (DECISIONS.md, D-526).
package enum UpsellLabels {
  /// The length of the span after T in days.
  package static let span = 90

  /// When the labels of T are known for good.
  package static func maturity(of instant: Timestamp) -> Timestamp { instant.adding(days: span) }

  /// Whether a company is on a higher tier on one of the days after T.
  ///
  /// - Parameters:
  ///   - holdings: what the company has, as now known; `nil` if it never had anything.
  ///   - tier: its tier at T, as known then.
  ///   - instant: T.
  ///   - prices: what says which tier a plan is of.
  /// - Returns: whether there is such a day.
  package static func rises(
    _ holdings: CompanyHoldings?, above tier: Int64, after instant: Timestamp, by prices: PriceList
  ) -> Bool {
    holdings?.holdings(from: instant, to: instant.adding(days: span))
      .contains { prices.tier(of: $0.plans).map { $0 > tier } ?? false } ?? false
  }

  /// Whether a company has a module on one of the days after T; see
  /// ``rises(_:above:after:by:)``.
  package static func adopts(
    _ holdings: CompanyHoldings?, _ module: UUIDValue, after instant: Timestamp
  ) -> Bool {
    holdings?.holdings(from: instant, to: instant.adding(days: span))
      .contains { $0.modules.contains(module) } ?? false
  }
}

/// What a company has at an instant and will have by what is recorded already.
struct UpsellOutlook {
  /// What it has.
  let held: Holding
  /// What it has in the span after the instant, by what was recorded before it.
  private let ahead: [Holding]

  /// The outlook of a company.
  ///
  /// - Parameters:
  ///   - holdings: what it has, by what was recorded before the instant, up to the end of the span.
  ///   - instant: the instant.
  init(_ holdings: CompanyHoldings?, at instant: Timestamp) {
    held = holdings?.holding(before: instant) ?? .nothing
    ahead =
      holdings?.holdings(from: instant, to: instant.adding(days: UpsellLabels.span)) ?? []
  }

  /// Whether all it has ends within the span.
  var isEnding: Bool { ahead.contains { $0.plans.isEmpty } }

  /// Whether its tier changes within the span.
  func changesTier(_ prices: PriceList) -> Bool {
    let tier = prices.tier(of: held.plans)
    return ahead.contains { prices.tier(of: $0.plans) != tier }
  }

  /// Whether a module may be added: it is not had, not on its way, and what it needs is had
  /// throughout.
  func mayAdd(_ module: UUIDValue, needing prerequisites: [UUIDValue]) -> Bool {
    ahead.allSatisfy { holding in
      !holding.modules.contains(module)
        && prerequisites.allSatisfy { holding.modules.contains($0) }
    }
  }
}

/// How much more often companies have a module that have others (DECISIONS.md, D-528).
struct ModuleAffinity {
  private let positions: [UUIDValue: Int]
  private let count: Double
  private let owners: [Double]
  private let joint: [Double]

  /// The rows of the general share that are mixed into that of owners.
  static let mixed = 20.0

  /// Counts who has what.
  ///
  /// - Parameters:
  ///   - modules: the modules that count.
  ///   - holdings: what each company has.
  init(_ modules: [UUIDValue], of holdings: [Holding]) {
    let positions = Dictionary(uniqueKeysWithValues: modules.enumerated().map { ($1, $0) })
    self.positions = positions
    count = Double(holdings.count)
    var owners = [Double](repeating: 0, count: modules.count)
    var joint = [Double](repeating: 0, count: modules.count * modules.count)
    for holding in holdings {
      let own = holding.modules.compactMap { positions[$0] }
      for one in own {
        owners[one] += 1
        for other in own { joint[one * modules.count + other] += 1 }
      }
    }
    self.owners = owners
    self.joint = joint
  }

  /// The logarithms, over the modules that one has, of how much larger the share of owners of a
  /// module is among theirs than among all, added up.
  func value(of module: UUIDValue, for holding: Holding) -> Double {
    guard let one = positions[module] else { return 0 }
    let share = (owners[one] + 0.5) / (count + 1)
    return holding.modules.compactMap { positions[$0] }.reduce(0) { sum, other in
      let both = joint[one * owners.count + other]
      return sum
        + log(
          (both + ModuleAffinity.mixed * share)
            / ((owners[other] + ModuleAffinity.mixed) * share))
    }
  }
}
