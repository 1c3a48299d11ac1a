import AlmanacCore
import Billing
import Postgres

extension MetricsPlan {
  /// The names under which the ledger of intervals keeps the rates of MRR and of revenue.
  private static let rateStages = ["metrics/mrr", "metrics/revenue"]

  /// Stores the rows of exchange rates that MRR and revenue were converted by, in place of those of
  /// an earlier run: an interval is the local date that amounts belong to.
  func recordRates(
    _ records: BillingRecords, from first: CalendarDate, in context: RunContext
  ) throws {
    let days = MetricPeriods(.day, from: first, through: context.date)
    let uses = [
      records.ledger?.rateUses ?? [],
      records.hasPayments ? records.books.revenueRateUses(days) : [],
    ]
    var values = [[String]](repeating: [], count: 8)
    let rates = try context.exchangeRates()
    for (stage, uses) in zip(MetricsPlan.rateStages, uses) {
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
      try connection.run(
        "DELETE FROM almanac.interval_rates WHERE stage = ANY ($1::text[]) AND local_date <= $2",
        [array(MetricsPlan.rateStages), context.date.description])
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
