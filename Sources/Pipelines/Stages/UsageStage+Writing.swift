import AlmanacCore
import Billing
import Columns
import Postgres

extension UsageStage {
  /// Replaces days and periods, a month of them in each transaction, and removes what is gone.
  ///
  /// The periods of the counts are numbered through those to compute of the months in their order.
  func write(
    _ days: [IntervalEntry], _ months: [UsageMonth], _ counts: UsageCounts, _ over: DatesOver,
    _ agents: (ledger: IntervalLedger, gone: [CalendarDate]),
    _ usage: (ledger: IntervalLedger, gone: [CalendarDate]), in context: RunContext,
    _ outcome: inout StageOutcome
  ) throws {
    if !agents.gone.isEmpty || !usage.gone.isEmpty {
      try context.lock.write { connection in
        try connection.run(
          "DELETE FROM analytics.agent_metrics WHERE date = ANY ($1::date[])",
          [array(agents.gone.map(\.description))])
        try agents.ledger.forget(agents.gone, on: connection)
        for month in usage.gone { try delete(month, but: [], on: connection) }
        try usage.ledger.forget(usage.gone, on: connection)
      }
    }
    var agentRows = 0
    var usageRows = 0
    let calls = Dictionary(grouping: counts.calls, by: \.key.date.monthStart)
    let dayGroups = Dictionary(grouping: days, by: \.start.monthStart)
    for month in dayGroups.keys.sorted() {
      let days = dayGroups[month] ?? []
      let rows = calls[month] ?? []
      try context.lock.write { connection in
        let batch = batch(rows)
        let dates = days.map { "date '\($0.start)'" }.joined(separator: ", ")
        let table = QualifiedName(schema: "analytics", name: "agent_metrics")
        try RowRenewal(table: table, keyCount: 3)
          .renew(where: "date IN (\(dates))", by: batch, on: connection)
        agentRows += batch.rowCount
        try agents.ledger.record(days, on: connection)
      }
    }
    let used = Dictionary(grouping: counts.modules, by: \.key.period)
    var number = 0
    for month in months {
      var rows: [UsageRow] = []
      for period in month.pending {
        rows += (used[number] ?? []).sorted { $0.key.module < $1.key.module }
          .map { UsageRow(period: period, module: $0.key.module, sums: $0.value) }
        number += 1
      }
      try context.lock.write { connection in
        try delete(month.entry.start, but: month.kept, on: connection)
        usageRows += try connection.copyIn(
          batch(rows, over),
          into: QualifiedName(schema: "analytics", name: "module_usage_periods"))
        try usage.ledger.record([month.entry], on: connection)
      }
    }
    outcome.rowsOut += agentRows + usageRows
    outcome.note("agent_metrics", agentRows)
    outcome.note("module_usage_periods", usageRows)
  }

  /// Deletes the periods that begin in a month, but for some.
  private func delete(
    _ month: CalendarDate, but kept: [UsagePeriod], on connection: Connection
  ) throws {
    try connection.run(
      """
      DELETE FROM analytics.module_usage_periods AS u
      WHERE period_start >= $1::date AND period_start < $2::date AND NOT EXISTS (
        SELECT FROM unnest($3::uuid[], $4::uuid[], $5::date[]) AS k (company, subscription, start)
        WHERE k.company = u.company_id AND k.subscription = u.subscription_id
          AND k.start = u.period_start)
      """,
      [
        month.description, month.monthStart(adding: 1).description,
        array(kept.map(\.company.description)), array(kept.map(\.subscription.description)),
        array(kept.map(\.start.description)),
      ])
  }

  private func batch(_ rows: [(key: AgentDay, value: CallSums)]) -> Batch {
    var company = ColumnBuilder(Field("company_id", .uuid))
    var agent = ColumnBuilder(Field("agent_id", .uuid))
    var date = ColumnBuilder(Field("date", .date))
    var counts = ["calls_started", "calls_completed", "calls_failed", "agent_uses"].map {
      ColumnBuilder(Field($0, .int64))
    }
    var duration = ColumnBuilder(Field("duration_ms_sum", .decimal(scale: 0), isNullable: true))
    for (key, sums) in rows {
      company.append(key.company)
      agent.append(key.agent)
      date.append(key.date)
      for type in CallSums.types.indices { counts[type].append(Int64(sums.counts[type])) }
      duration.appendInteger(sums.duration)
    }
    return Batch(
      [company.finish(), agent.finish(), date.finish()] + counts.map { $0.finish() }
        + [duration.finish()])
  }

  /// A row of usage.
  private struct UsageRow {
    var period: UsagePeriod
    var module: UUIDValue
    var sums: ModuleSums
  }

  private func batch(_ rows: [UsageRow], _ over: DatesOver) -> Batch {
    var company = ColumnBuilder(Field("company_id", .uuid))
    var subscription = ColumnBuilder(Field("subscription_id", .uuid))
    var start = ColumnBuilder(Field("period_start", .date))
    var module = ColumnBuilder(Field("module_id", .uuid))
    var after = ColumnBuilder(Field("period_end", .date))
    var count = ColumnBuilder(Field("event_count", .int64))
    var users = ColumnBuilder(Field("unique_users", .int64))
    var duration = ColumnBuilder(Field("duration_ms_sum", .decimal(scale: 0), isNullable: true))
    var complete = ColumnBuilder(Field("complete", .bool))
    for row in rows {
      company.append(row.period.company)
      subscription.append(row.period.subscription)
      start.append(row.period.start)
      module.append(row.module)
      after.append(row.period.end)
      count.append(Int64(row.sums.count))
      users.append(Int64(row.sums.users))
      duration.appendInteger(row.sums.duration)
      complete.append(row.period.end(over) == row.period.end)
    }
    return Batch([
      company.finish(), subscription.finish(), start.finish(), module.finish(), after.finish(),
      count.finish(), users.finish(), duration.finish(), complete.finish(),
    ])
  }
}
