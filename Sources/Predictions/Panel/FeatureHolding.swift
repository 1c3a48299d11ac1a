import AlmanacCore
import Billing

/// What a company holds at an instant, as one of several: read from its ledger, and a text.
package enum FeatureHolding: String, CaseIterable, Sendable {
  /// The plan with the largest part of MRR, as its identifier.
  case plan
}

extension FeatureHistory {
  /// Says which plan each company pays for at each instant, as it was known then: the one with the largest
  /// part of its MRR (DECISIONS.md, D-582).
  ///
  /// - Parameters:
  ///   - companies: the companies by position, ascending.
  ///   - known: MRR as it was known at each instant, where its time ends.
  mutating func tellPlans(of companies: [UUIDValue], by known: [RevenueLedger]) {
    var plans = FeatureAttribute(companyCount: companies.count)
    var ledgers = known.map(\.cursor)
    for (company, id) in companies.enumerated() {
      var told: UUIDValue = .zero
      for (period, instant) in asOf.enumerated() {
        let plan = ledgers[period].element(of: id)?.largestPlan ?? .zero
        // What stays as it is needs no telling.
        guard plan != told else { continue }
        told = plan
        plans.add(
          plan == .zero ? nil : plan.description, company: company,
          seen: Timestamp(microseconds: instant.microseconds - 1))
      }
    }
    holdings[.plan] = plans
  }
}

extension CompanyLedger {
  /// The plan with the largest part of MRR where time ends, of equal parts that of the smallest
  /// identifier; all-zero where there is none, or it is not named.
  var largestPlan: UUIDValue {
    var sums: [UUIDValue: Int128] = [:]
    for part in levels.last?.parts ?? [] { sums[part.plan, default: 0] += part.amount }
    return sums.min { ($1.value, $0.key) < ($0.value, $1.key) }?.key ?? .zero
  }
}
