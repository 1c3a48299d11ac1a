import AlmanacCore

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
