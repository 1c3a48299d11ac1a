package import AlmanacCore
import Glibc

/// A row of `billing.exchange_rates`: units of a currency for one US dollar.
package struct SimulatedRateRow: Sendable {
  /// The position in ``Geography/currencies``; the base is the dollar.
  package let currency: Int
  package let date: CalendarDate
  /// Ten decimals, as the contract's `numeric(20,10)`.
  package let tenBillionths: Int128
  package let recordedAt: Int64
}

/// The daily rates of a world.
///
/// A rate is published at 16:00 UTC of every working day, so none is dated on a weekend; on some
/// days one is left out, for up to four working days in a row, which with a weekend is less than
/// the seven days a last known rate may be old. About one rate in 200 was wrong and is corrected by
/// a further row within three days.
package enum SimulatedRates {
  /// The days of rates before the first day of the world.
  private static let lead = 14

  /// The rows of one currency recorded from `start` on and before `end`, in that order of days.
  package static func rows(
    currency: Int, in settings: WorldSettings, from start: Int64?, to end: Int64
  ) -> [SimulatedRateRow] {
    let draws = Draws(seed: settings.seed, entity: Draws.world)
    var rows: [SimulatedRateRow] = []
    var level = 0.0
    let usual = Geography.currencies[currency].perDollar
    for date in settings.start.adding(days: -lead)..<settings.end.adding(days: 1) {
      let step = Int(date.daysSinceEpoch)
      level = 0.998 * level + 0.004 * draws.normal(.rates, step, currency)
      let isGap = draws.unit(.rates, step / 28, 1_000 + currency) < 0.1 && step % 28 >= 24
      if date.weekday >= 6 || isGap { continue }
      let published = date.startUTC.microseconds + 16 * microsecondsPerHour
      let rate = usual * exp(level)
      let block = draws.block(.rates, step, 2_000 + currency)
      func add(_ rate: Double, _ recordedAt: Int64) {
        guard recordedAt >= start ?? .min, recordedAt < end else { return }
        rows.append(
          SimulatedRateRow(
            currency: currency, date: date,
            tenBillionths: Int128((rate * 1e10).rounded()), recordedAt: recordedAt))
      }
      if block.unit < 0.005 {
        add(rate * 1.01, published)
        add(rate, published + Int64((0.2 + 2.8 * block.secondUnit) * Double(microsecondsPerDay)))
      } else {
        add(rate, published)
      }
    }
    return rows
  }
}
