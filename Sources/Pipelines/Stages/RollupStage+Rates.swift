import AlmanacCore
import Billing
import Codecs
import Postgres
import Rollups

/// The exchange rates of a rollup: what they are, which were taken, and what changed since.
struct RollupConversion: Sendable {
  /// The rates; `nil` where the source has none.
  let rates: ExchangeRates?
  /// The reporting currency.
  let currency: CurrencyCode

  /// Converts amounts with the rates, if there are any.
  func apply(to settings: inout RollupSettings) {
    guard let rates else { return }
    let currency = currency
    settings.rate = { source, date in
      guard case .success(let rate) = rates.rate(from: source, to: currency, on: date) else {
        return nil
      }
      return RollupRate(numerator: rate.numerator, denominator: rate.denominator)
    }
  }

  /// The digest of a day's input: of its rows, and of the rates that its amounts were converted by.
  ///
  /// Which rates those are follows from the rows. Without any it is the digest of the rows.
  func inputsDigest(
    rows: String, uses: some Sequence<(currency: CurrencyCode, date: CalendarDate)>
  ) -> String {
    let lines = Set(
      uses.map { use in
        let rate = rates?.rate(from: use.currency, to: currency, on: use.date)
        let legs = (try? rate?.get())?.rows ?? []
        return legs.reduce("\(use.currency) \(use.date)") { text, row in
          text + " \(row.base)\(row.quote) \(row.date) \(row.tenBillionths)"
        }
      })
    if lines.isEmpty { return rows }
    return SHA256.hexadecimalDigest(of: rows + "\n" + lines.sorted().joined(separator: "\n"))
  }

  /// Records the rates that a day's amounts were converted by, in place of earlier ones.
  func record(
    _ uses: [RollupRateUse], of date: CalendarDate, on connection: Connection
  ) throws {
    try connection.run(
      "DELETE FROM almanac.interval_rates WHERE stage = 'rollup' AND interval_start = $1",
      [date.description])
    for use in uses {
      let rate = rates?.rate(from: use.currency, to: currency, on: use.date)
      for (index, row) in ((try? rate?.get())?.rows ?? []).enumerated() {
        try connection.run(
          """
          INSERT INTO almanac.interval_rates (stage, interval_start, currency, local_date, leg,
            base, quote, rate_date, rate, recorded_at)
          VALUES ('rollup', $1, $2, $3, $4, $5, $6, $7, $8::numeric / 10000000000, $9)
          ON CONFLICT DO NOTHING
          """,
          [
            date.description, use.currency.description, use.date.description, "\(index + 1)",
            row.base.description, row.quote.description, row.date.description,
            row.tenBillionths.description, row.recordedAt.description,
          ])
      }
    }
  }
}

/// What a broken rate says: a contract of the source, named with currency and day.
extension RollupStage {
  /// The rates of the run, and a line about those that cannot be meant.
  func conversion(
    in context: RunContext
  ) throws -> (conversion: RollupConversion, notices: [String]) {
    let rates = try context.exchangeRates()
    let unusable = rates?.unusableRows ?? 0
    return (
      RollupConversion(rates: rates, currency: context.pipeline.currency),
      unusable == 0
        ? []
        : ["\(RunContext.ratesDataset): \(unusable) rates that cannot be meant were left out"]
    )
  }
}
