package import AlmanacCore

extension RevenueLedger {
  /// The metrics of the ledger by month (DECISIONS.md, D-164).
  ///
  /// `mrr`, `arr`, `arpa`, `customers_*`, the churn and retention rates, `quick_ratio` and, for all
  /// companies, `ltv`; `mrr` also by plan and by module. A company has a row where its numerator is
  /// not zero, all companies together have one for every month.
  ///
  /// - Parameters:
  ///   - periods: months that are over for every company.
  ///   - margin: the share of revenue that `ltv` counts, in ten-thousandths.
  /// - Returns: rows by company, metric, dimension and month.
  package func monthlyMetrics(_ periods: MetricPeriods, margin: Int = 10_000) -> [MetricRow] {
    precondition(periods.grain == .month, "monthly metrics by \(periods.grain)")
    var rows = MetricCollector(
      periods,
      metrics: [
        .mrr, .arr, .arpa, .customersActive, .customersNew, .customersChurned, .logoChurnRate,
        .grossMRRChurnRate, .netMRRChurnRate, .netRevenueRetention, .grossRevenueRetention,
        .quickRatio,
      ])
    for company in companies {
      var position = 0
      for (index, month) in periods.starts.enumerated() {
        var moved: [MovementKind: Int128] = [:]
        while position < company.movements.count, company.movements[position].month <= month {
          let movement = company.movements[position]
          if movement.month == month { moved[movement.kind, default: 0] += movement.amount }
          position += 1
        }
        company.addState(to: &rows, at: index, company.amount(ofMonth: month))
        company.addMovements(moved, to: &rows, at: index, month)
        company.addRetention(to: &rows, at: index, month)
        company.addParts(to: &rows, at: index, month)
      }
    }
    addLifetimeValue(to: &rows, margin: margin)
    return rows.finish()
  }

  /// `arpa` × margin over the mean logo churn of the last three months, each rounded to ten
  /// decimals; months that began without a customer have no churn rate and are left out.
  private func addLifetimeValue(to rows: inout MetricCollector, margin: Int) {
    guard let first = rows.periods.starts.first, let last = rows.periods.starts.last else { return }
    let all = MetricPeriods(.month, from: first.monthStart(adding: -2), through: last.monthEnd)
    let churn = all.starts.map(logoChurn)
    for index in rows.periods.starts.indices {
      let rates = churn[index...(index + 2)].filter { $0.active > 0 }.map { month in
        MetricRow(
          company: .zero, metric: .logoChurnRate, date: all.starts[index],
          numerator: month.churned, denominator: month.active
        ).value ?? 0
      }
      let mean =
        rates.isEmpty
        ? 0
        : scaledHalfEven(
          rates.reduce(0, +), by: 1, over: UInt128(rates.count)) ?? 0
      let arpa = rows.total(.arpa, at: index)
      let active = UInt128(max(arpa.denominator ?? 0, 0))
      let value =
        active == 0
        ? 0
        : scaledHalfEven(
          arpa.numerator, by: UInt128(margin) * 100, over: active) ?? 0
      rows.append(
        MetricRow(
          company: .zero, metric: .ltv, date: rows.periods.starts[index], numerator: value,
          denominator: mean))
    }
  }

  /// Companies churned in a month, and those active at its start.
  private func logoChurn(_ month: CalendarDate) -> (churned: Int128, active: Int128) {
    var (churned, active): (Int128, Int128) = (0, 0)
    for company in companies {
      if company.amount(ofMonth: month.monthStart(adding: -1)) > 0 { active += 1 }
      if company.hasMovement(.churned, in: month) { churned += 1 }
    }
    return (churned, active)
  }

  /// `mrr`, `arr`, `arpa` and `customers_active` at the end of each day (D-164).
  ///
  /// A company has rows on the days on which its MRR changes and on the last days of months, where
  /// they are not zero; all companies together have one every day.
  ///
  /// - Parameters:
  ///   - periods: days that are over for every company.
  ///   - zones: the zones the ledger was made with.
  /// - Returns: rows by company, metric and day.
  package func dailyMetrics(_ periods: MetricPeriods, zones: CompanyZones) -> [MetricRow] {
    precondition(periods.grain == .day, "daily metrics by \(periods.grain)")
    var rows = MetricCollector(periods, metrics: [.mrr, .arr, .arpa, .customersActive])
    guard let first = periods.starts.first else { return rows.finish() }
    var moved = [Int128](repeating: 0, count: periods.count)
    var joined = [Int128](repeating: 0, count: periods.count)
    var opening: (mrr: Int128, active: Int128) = (0, 0)
    let monthEnds = periods.starts.map { $0.day == $0.daysInMonth }
    for company in companies {
      let zone = zones.zone(of: company.company)
      let days = company.steps.map { step in
        zone.localDate(
          at: Timestamp(microseconds: step.instant.microseconds - (step.isRevaluation ? 1 : 0)))
      }
      var position = days.firstIndex { $0 >= first } ?? days.count
      var amount = position == 0 ? 0 : company.steps[position - 1].amount
      opening.mrr += amount
      opening.active += amount > 0 ? 1 : 0
      for (index, day) in periods.starts.enumerated() {
        let before = amount
        while position < days.count, days[position] <= day {
          amount = company.steps[position].amount
          position += 1
        }
        moved[index] += amount - before
        joined[index] += (amount > 0 ? 1 : 0) - (before > 0 ? 1 : 0)
        if amount != before || monthEnds[index] { company.addState(to: &rows, at: index, amount) }
      }
    }
    var (total, active) = opening
    for index in periods.starts.indices {
      total += moved[index]
      active += joined[index]
      rows.setTotal(.mrr, at: index, total)
      rows.setTotal(.arr, at: index, total * 12)
      rows.setTotal(.arpa, at: index, total, over: active)
      rows.setTotal(.customersActive, at: index, active)
    }
    return rows.finish()
  }
}

extension CompanyLedger {
  /// Whether the company has a movement of a kind in a month.
  func hasMovement(_ kind: MovementKind, in month: CalendarDate) -> Bool {
    var low = 0
    var high = movements.count
    while low < high {
      let middle = (low + high) / 2
      if movements[middle].month < month { low = middle + 1 } else { high = middle }
    }
    while low < movements.count, movements[low].month == month {
      if movements[low].kind == kind { return true }
      low += 1
    }
    return false
  }

  fileprivate func addState(
    to rows: inout MetricCollector, at index: Int, _ amount: Int128
  ) {
    if amount == 0 { return }
    let active: Int128 = amount > 0 ? 1 : 0
    rows.add(company, .mrr, at: index, amount)
    rows.add(company, .arr, at: index, amount * 12)
    rows.add(company, .arpa, at: index, amount, over: active)
    rows.add(company, .customersActive, at: index, active)
  }

  fileprivate func addMovements(
    _ moved: [MovementKind: Int128], to rows: inout MetricCollector, at index: Int,
    _ month: CalendarDate
  ) {
    let start = amount(ofMonth: month.monthStart(adding: -1))
    if moved.isEmpty, start == 0 { return }
    let lost = -(moved[.churned] ?? 0) - (moved[.contraction] ?? 0)
    let regained = (moved[.expansion] ?? 0) + (moved[.reactivation] ?? 0)
    let churned: Int128 = moved[.churned] == nil ? 0 : 1
    rows.add(company, .customersNew, at: index, moved[.new] == nil ? 0 : 1)
    rows.add(company, .customersChurned, at: index, churned)
    rows.add(company, .logoChurnRate, at: index, churned, over: start > 0 ? 1 : 0)
    rows.add(company, .grossMRRChurnRate, at: index, lost, over: start)
    rows.add(company, .netMRRChurnRate, at: index, lost - regained, over: start)
    rows.add(company, .quickRatio, at: index, (moved[.new] ?? 0) + regained, over: lost)
  }

  fileprivate func addRetention(
    to rows: inout MetricCollector, at index: Int, _ month: CalendarDate
  ) {
    let before = amount(ofMonth: month.monthStart(adding: -12))
    guard before > 0 else { return }
    let now = amount(ofMonth: month)
    rows.add(company, .netRevenueRetention, at: index, now, over: before)
    rows.add(company, .grossRevenueRetention, at: index, min(now, before), over: before)
  }

  fileprivate func addParts(
    to rows: inout MetricCollector, at index: Int, _ month: CalendarDate
  ) {
    guard let parts = level(ofMonth: month)?.parts else { return }
    var plans: [UUIDValue: Int128] = [:]
    var modules: [UUIDValue: Int128] = [:]
    for part in parts {
      plans[part.plan, default: 0] += part.amount
      modules[part.module, default: 0] += part.amount
    }
    for (plan, amount) in plans {
      rows.add(company, .mrr, dimension: .plan, member: plan, at: index, amount)
    }
    for (module, amount) in modules {
      rows.add(company, .mrr, dimension: .module, member: module, at: index, amount)
    }
  }
}
