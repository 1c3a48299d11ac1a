import AlmanacCore
import Billing
import Postgres

extension MetricsPlan {
  /// Stores the rows of exchange rates that metrics of billing records were converted by, in place of
  /// those of an earlier run: an interval is the local date that amounts belong to.
  ///
  /// What was paid or credited in another currency than its invoice's was converted into that one:
  /// these rates stand under the name of that currency.
  func recordRates(
    _ records: BillingRecords, from first: CalendarDate, owed: Set<RateUse>,
    _ tallies: [DeclaredTally], in context: RunContext
  ) throws {
    let days = MetricPeriods(.day, from: first, through: newest)
    var uses = [
      "metrics/mrr": records.ledger?.rateUses ?? [],
      "metrics/revenue": records.hasPayments ? records.books.revenueRateUses(days) : [],
      "metrics/declared": tallies.reduce(into: Set<RateUse>()) { $0.formUnion($1.rateUses) }
        .sorted(),
    ]
    for (target, own) in Dictionary(grouping: owed, by: \.target) {
      let name = target == settings.currency ? "" : "/\(target)"
      uses["metrics/overdue\(name)"] = own.sorted()
    }
    try record(uses, in: context) { connection in
      try connection.run(
        """
        DELETE FROM almanac.interval_rates
        WHERE stage IN ('metrics/mrr', 'metrics/revenue', 'metrics/declared')
          OR stage LIKE 'metrics/overdue%'
        """)
    }
  }

  /// Stores the rates of declared metrics that are made by day, in place of those of the same days.
  func recordDeclaredRates(
    _ uses: Set<RateUse>, of days: [CalendarDate], in context: RunContext
  ) throws {
    if days.isEmpty { return }
    let own = Set(days)
    try record(
      ["metrics/rows": uses.filter { own.contains($0.date) }.sorted()], in: context
    ) { connection in
      try connection.run(
        """
        DELETE FROM almanac.interval_rates
        WHERE stage = 'metrics/rows' AND local_date = ANY ($1::date[])
        """, [array(days.map(\.description))])
    }
  }

  private func record(
    _ uses: [String: [RateUse]], in context: RunContext, removing: (Connection) throws -> Void
  ) throws {
    var values = [[String]](repeating: [], count: 8)
    let rates = try context.exchangeRates()
    for (stage, uses) in uses.sorted(by: { $0.key < $1.key }) {
      for use in uses {
        let rate = rates?.rate(from: use.source, to: use.target, on: use.date)
        for (leg, row) in ((try? rate?.get())?.rows ?? []).enumerated() {
          let line = [
            stage, use.date.description, use.source.description, "\(leg + 1)",
            row.base.description + row.quote.description, row.date.description,
            row.tenBillionths.description, "\"\(row.recordedAt)\"",
          ]
          for (index, value) in line.enumerated() { values[index].append(value) }
        }
      }
    }
    try context.lock.write { connection in
      try removing(connection)
      try connection.run(
        """
        INSERT INTO almanac.interval_rates (stage, interval_start, currency, local_date, leg, base,
          quote, rate_date, rate, recorded_at)
        SELECT stage, day, currency, day, leg, left(pair, 3), right(pair, 3), rate_date,
          rate / 10000000000, recorded_at
        FROM unnest($1::text[], $2::date[], $3::text[], $4::smallint[], $5::text[], $6::date[],
          $7::numeric[], $8::timestamptz[])
          AS u (stage, day, currency, leg, pair, rate_date, rate, recorded_at)
        """, values.map(array))
    }
  }
}
