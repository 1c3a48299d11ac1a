import AlmanacCore
import Billing
import Codecs
import Columns

/// The billing periods that begin in a month.
struct UsageMonth: Sendable {
  /// What the ledger has of them.
  var entry: IntervalEntry
  var periods: [UsagePeriod]
  /// What each of the periods is made from.
  var marks: [UsageMemo.Mark]
  /// The periods to compute.
  var pending: [UsagePeriod] = []
  /// The periods whose rows stay.
  var kept: [UsagePeriod] = []

  /// Chooses the periods to compute, those of which a target does not hold what it would be now.
  mutating func choose(but written: Set<UsageMemo.Mark>) {
    for (period, mark) in zip(periods, marks) {
      if written.contains(mark) { kept.append(period) } else { pending.append(period) }
    }
  }
}

extension UsageStage {
  /// The billing periods that have begun, those of the last ten years.
  func periods(
    in context: RunContext, _ zones: CompanyZones, _ over: DatesOver,
    through newest: CalendarDate, _ outcome: inout StageOutcome
  ) throws -> [UsagePeriod] {
    let hasInvoices = try context.hasDataset("invoices")
    let hasSubscriptions = try context.hasDataset("subscriptions")
    if !hasInvoices, !hasSubscriptions {
      outcome.notices.append(
        "neither invoices nor subscriptions are there; usage by billing period is switched off")
      return []
    }
    if !hasSubscriptions {
      outcome.notices.append(
        "subscriptions: is not there; usage of periods without an invoice is switched off")
    }
    var invoices: [Invoice] = []
    if hasInvoices {
      invoices = try Invoice.rows(
        in: try context.rows(
          of: "invoices",
          [
            "id", "company_id", "subscription_id", "status", "billing_reason", "currency",
            "subtotal", "total", "issued_at", "due_at", "paid_at", "voided_at", "period_start",
            "period_end", "created_at",
          ]))
    }
    return UsagePeriod.periods(
      invoices: invoices, current: try current(in: context), zones: zones,
      dates: MetricsPlan.earliest(newest)...newest
    ).filter { over.isOver($0.start, $0.company) }
  }

  /// The periods that subscriptions which are not over say they are in.
  private func current(in context: RunContext) throws -> [CurrentPeriod] {
    var periods: [CurrentPeriod] = []
    for batch in try context.rows(
      of: "subscriptions",
      ["id", "company_id", "status", "current_period_start", "current_period_end"])
    {
      guard case .uuid(let ids)? = batch["id"]?.storage,
        case .uuid(let companies)? = batch["company_id"]?.storage,
        case .text(let words)? = batch["status"]?.storage,
        let start = batch["current_period_start"], case .int64(let starts) = start.storage,
        let end = batch["current_period_end"], case .int64(let ends) = end.storage
      else { continue }
      for row in 0..<batch.rowCount where !start.isNull(row) && !end.isNull(row) {
        if String(decoding: words.row(row), as: UTF8.self) == "canceled" { continue }
        periods.append(
          CurrentPeriod(
            company: companies.row(row), subscription: ids.row(row),
            start: Timestamp(microseconds: starts[row]), end: Timestamp(microseconds: ends[row])))
      }
    }
    return periods
  }

  /// The periods by month of beginning, each month with the digest of all it is made from.
  func months(
    of periods: [UsagePeriod], _ content: DatasetDays, _ settings: String, _ zones: CompanyZones,
    _ over: DatesOver
  ) -> [UsageMonth] {
    let groups = Dictionary(grouping: periods, by: \.start.monthStart)
    var marks = PeriodMarks(content, zones, over)
    return groups.keys.sorted().map { month in
      let periods = groups[month] ?? []
      let last = periods.map { $0.end(over).adding(days: -1) }.max() ?? month
      var inputs = content.digest(zones.rollupDays(of: month...max(month, last)))
      for period in periods {
        inputs +=
          "\n\(period.company) \(period.subscription) \(period.start) \(period.end) "
          + "\(period.end(over))"
        if let zone = zones.own[period.company] { inputs += " \(zone.name)" }
      }
      return UsageMonth(
        entry: IntervalEntry(
          start: month, end: month.monthStart(adding: 1),
          inputs: SHA256.hexadecimalDigest(of: inputs), settings: settings, outputs: "", rows: 0),
        periods: periods, marks: periods.map { marks.mark($0) })
    }
  }
}
