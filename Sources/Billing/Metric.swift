package import AlmanacCore

/// The named metrics of ledger, payments and invoices (DECISIONS.md, D-164 to D-167), by name.
package enum Metric: Int, CaseIterable, Sendable, Comparable {
  case arpa
  case arr
  case customersActive
  case customersChurned
  case customersNew
  case grossMRRChurnRate
  case grossRevenueRetention
  case invoicesOverdue
  case invoicesPending
  case logoChurnRate
  case ltv
  case mrr
  case netMRRChurnRate
  case netRevenueRetention
  case overdueAmount
  case paymentFailureRate
  case paymentRecoveryRate
  case quickRatio
  case revenue
  case revenueNet

  /// The name under which it is stored.
  package var name: String {
    switch self {
    case .arpa: "arpa"
    case .arr: "arr"
    case .customersActive: "customers_active"
    case .customersChurned: "customers_churned"
    case .customersNew: "customers_new"
    case .grossMRRChurnRate: "gross_mrr_churn_rate"
    case .grossRevenueRetention: "gross_revenue_retention"
    case .invoicesOverdue: "invoices_overdue"
    case .invoicesPending: "invoices_pending"
    case .logoChurnRate: "logo_churn_rate"
    case .ltv: "ltv"
    case .mrr: "mrr"
    case .netMRRChurnRate: "net_mrr_churn_rate"
    case .netRevenueRetention: "net_revenue_retention"
    case .overdueAmount: "overdue_amount"
    case .paymentFailureRate: "payment_failure_rate"
    case .paymentRecoveryRate: "payment_recovery_rate"
    case .quickRatio: "quick_ratio"
    case .revenue: "revenue"
    case .revenueNet: "revenue_net"
    }
  }

  /// Orders by name, which is the order of the cases.
  package static func < (left: Metric, right: Metric) -> Bool { left.rawValue < right.rawValue }

  /// What its values are.
  package var unit: MetricUnit {
    switch self {
    case .revenue, .revenueNet, .mrr, .arr, .arpa, .ltv, .overdueAmount: .money
    case .customersActive, .customersNew, .customersChurned, .invoicesPending, .invoicesOverdue:
      .count
    case .logoChurnRate, .grossMRRChurnRate, .netMRRChurnRate, .netRevenueRetention,
      .grossRevenueRetention, .quickRatio, .paymentFailureRate, .paymentRecoveryRate:
      .ratio
    }
  }

  /// Ten-billionths of the unit in one of the numerator, over one of the denominator.
  fileprivate var scale: UInt128 {
    if self == .ltv { return 10_000_000_000 }
    return unit == .money ? 1_000_000 : 10_000_000_000
  }
}

extension Metric {
  /// Whether the numerator is money.
  fileprivate var hasMoneyAbove: Bool { unit == .money || hasMoneyBelow }

  /// Whether the denominator is money.
  fileprivate var hasMoneyBelow: Bool {
    switch self {
    case .grossMRRChurnRate, .netMRRChurnRate, .netRevenueRetention, .grossRevenueRetention,
      .quickRatio:
      true
    default: false
    }
  }
}

extension MetricRow {
  /// ``numerator`` in ten-billionths of a unit of money or of a thing.
  package var scaledNumerator: Int128 {
    metric == .ltv ? numerator : numerator * (metric.hasMoneyAbove ? 1_000_000 : 10_000_000_000)
  }

  /// ``denominator`` in ten-billionths of a unit of money or of a thing.
  package var scaledDenominator: Int128? {
    denominator.map { below in
      metric == .ltv ? below : below * (metric.hasMoneyBelow ? 1_000_000 : 10_000_000_000)
    }
  }
}

/// What the values of a metric are.
package enum MetricUnit: String, Sendable {
  /// Units of the reporting currency; numerators are ten-thousandths.
  case money
  /// Whole things.
  case count
  /// A share or a quotient, without a unit.
  case ratio
}

/// Along what a metric is split.
package enum MetricDimension: Int, Sendable, Comparable {
  /// Not at all.
  case none
  /// By plan.
  case plan
  /// By module; all-zero is what belongs to plans themselves.
  case module

  /// The name under which it is stored; empty for none.
  package var name: String {
    switch self {
    case .none: ""
    case .plan: "plan"
    case .module: "module"
    }
  }

  /// Orders as the cases stand.
  package static func < (left: MetricDimension, right: MetricDimension) -> Bool {
    left.rawValue < right.rawValue
  }
}

/// A value of a metric: a row of `daily_metrics` or `monthly_metrics`.
package struct MetricRow: Hashable, Sendable {
  /// The company; all-zero for all companies (D-005).
  package var company: UUIDValue
  /// Which metric.
  package var metric: Metric
  /// Along what it is split.
  package var dimension = MetricDimension.none
  /// The plan or module; all-zero where it is not split.
  package var member = UUIDValue.zero
  /// The day, or the first day of the month.
  package var date: CalendarDate
  /// Ten-thousandths for money, else whole things; for `ltv` ten-billionths.
  package var numerator: Int128
  /// What the numerator is divided by, in the same unit or in whole things; `nil` where it is the
  /// value itself.
  package var denominator: Int128?

  /// The value in ten-billionths (`numeric(28,10)`), rounded half to even; `nil` where the
  /// denominator is 0.
  package var value: Int128? {
    guard let denominator else { return scaledHalfEven(numerator, by: metric.scale, over: 1) }
    if denominator == 0 { return nil }
    return scaledHalfEven(
      denominator < 0 ? -numerator : numerator, by: metric.scale, over: denominator.magnitude)
  }

  /// A value of the given parts.
  package init(
    company: UUIDValue, metric: Metric, dimension: MetricDimension = .none,
    member: UUIDValue = .zero, date: CalendarDate, numerator: Int128, denominator: Int128? = nil
  ) {
    self.company = company
    self.metric = metric
    self.dimension = dimension
    self.member = member
    self.date = date
    self.numerator = numerator
    self.denominator = denominator
  }
}
