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

/// The days or months a metric is asked for.
package struct MetricPeriods: Hashable, Sendable {
  /// How long a period is.
  package enum Grain: String, Sendable {
    /// Local days.
    case day
    /// Local months.
    case month
  }

  /// How long a period is.
  package let grain: Grain
  /// The first day of each period, ascending.
  package let starts: [CalendarDate]

  /// The days, or the whole months, of a range of dates.
  ///
  /// - Parameters:
  ///   - grain: days or months.
  ///   - first: the first day; months begin with the one it lies in.
  ///   - last: the last day; a month that ends after it is left out.
  package init(_ grain: Grain, from first: CalendarDate, through last: CalendarDate) {
    self.grain = grain
    var starts: [CalendarDate] = []
    var start = grain == .day ? first : first.monthStart
    while true {
      let next = grain == .day ? start.adding(days: 1) : start.monthStart(adding: 1)
      guard next.adding(days: -1) <= last else { break }
      starts.append(start)
      start = next
    }
    self.starts = starts
  }

  /// The number of periods.
  package var count: Int { starts.count }

  /// The last day of a period.
  package func lastDay(_ index: Int) -> CalendarDate {
    grain == .day ? starts[index] : starts[index].monthEnd
  }

  /// The period that holds a day, `nil` outside.
  package func index(of date: CalendarDate) -> Int? {
    guard let first = starts.first, date >= first else { return nil }
    let index =
      grain == .day
      ? first.distance(to: date) : date.monthsSinceYearZero - first.monthsSinceYearZero
    return index < count ? index : nil
  }
}

extension CalendarDate {
  /// The last day of the month.
  var monthEnd: CalendarDate { monthStart.adding(days: daysInMonth - 1) }

  /// A number of the month that grows by one from month to month.
  var monthsSinceYearZero: Int {
    let (year, month, _) = parts
    return year * 12 + month - 1
  }
}

/// Collects rows of companies and adds them up for all companies.
struct MetricCollector {
  private struct Split: Hashable {
    var metric: Metric
    var dimension: MetricDimension
    var member: UUIDValue
  }
  private struct Sum {
    var numerator: Int128 = 0
    var denominator: Int128?

    mutating func add(_ more: Int128, _ moreBelow: Int128?) {
      numerator += more
      if let moreBelow { denominator = (denominator ?? 0) + moreBelow }
    }
  }

  let periods: MetricPeriods
  private var rows: [MetricRow] = []
  /// What all companies have, by metric and period; empty for metrics that are not asked for.
  private var totals = [[Sum]](repeating: [], count: Metric.allCases.count)
  /// The same of metrics that are split.
  private var splits: [Split: [Sum]] = [:]

  /// Nothing yet, but for a row of each of `metrics` in every period: metrics that are sums begin
  /// with 0, ratios with 0 over 0.
  init(_ periods: MetricPeriods, metrics: [Metric]) {
    self.periods = periods
    for metric in metrics {
      let isQuotient = metric.unit == .ratio || metric == .arpa
      totals[metric.rawValue] = Array(
        repeating: Sum(denominator: isQuotient ? 0 : nil), count: periods.count)
    }
  }

  /// Adds a company's part of a period; it has a row of its own only if the numerator is not zero.
  mutating func add(
    _ company: UUIDValue, _ metric: Metric, at index: Int, _ numerator: Int128,
    over denominator: Int128? = nil
  ) {
    if numerator == 0, denominator ?? 0 == 0 { return }
    totals[metric.rawValue][index].add(numerator, denominator)
    if numerator == 0 { return }
    rows.append(
      MetricRow(
        company: company, metric: metric, date: periods.starts[index], numerator: numerator,
        denominator: denominator))
  }

  /// Adds the part of a company's amount that belongs to one plan or module.
  mutating func add(
    _ company: UUIDValue, _ metric: Metric, dimension: MetricDimension, member: UUIDValue,
    at index: Int, _ numerator: Int128
  ) {
    if numerator == 0 { return }
    let split = Split(metric: metric, dimension: dimension, member: member)
    splits[split, default: Array(repeating: Sum(), count: periods.count)][index].add(
      numerator, nil)
    rows.append(
      MetricRow(
        company: company, metric: metric, dimension: dimension, member: member,
        date: periods.starts[index], numerator: numerator))
  }

  /// Sets what all companies have in a period, whatever was added for it.
  mutating func setTotal(
    _ metric: Metric, at index: Int, _ numerator: Int128, over denominator: Int128? = nil
  ) {
    totals[metric.rawValue][index] = Sum(numerator: numerator, denominator: denominator)
  }

  /// Adds a row of all companies as it is.
  mutating func append(_ row: MetricRow) { rows.append(row) }

  /// What all companies have in a period, of a metric that was asked for.
  func total(_ metric: Metric, at index: Int) -> (numerator: Int128, denominator: Int128?) {
    let sum = totals[metric.rawValue][index]
    return (sum.numerator, sum.denominator)
  }

  /// All rows: those of all companies first, then by company, metric, dimension, member and date.
  consuming func finish() -> [MetricRow] {
    for metric in Metric.allCases {
      for (index, sum) in totals[metric.rawValue].enumerated() {
        rows.append(
          MetricRow(
            company: .zero, metric: metric, date: periods.starts[index],
            numerator: sum.numerator, denominator: sum.denominator))
      }
    }
    for (split, sums) in splits {
      for (index, sum) in sums.enumerated() where sum.numerator != 0 {
        rows.append(
          MetricRow(
            company: .zero, metric: split.metric, dimension: split.dimension,
            member: split.member, date: periods.starts[index], numerator: sum.numerator))
      }
    }
    return MetricCollector.sorted(rows)
  }

  /// The rows in order: one company after the other, so that each sort is a small one.
  private static func sorted(_ rows: [MetricRow]) -> [MetricRow] {
    var byCompany: [UUIDValue: [MetricRow]] = [:]
    for row in rows { byCompany[row.company, default: []].append(row) }
    var ordered: [MetricRow] = []
    ordered.reserveCapacity(rows.count)
    for company in byCompany.keys.sorted() {
      ordered += (byCompany[company] ?? []).sorted { left, right in
        if left.metric != right.metric { return left.metric < right.metric }
        if left.dimension != right.dimension { return left.dimension < right.dimension }
        return left.member != right.member ? left.member < right.member : left.date < right.date
      }
    }
    return ordered
  }
}
