import AlmanacCore
import Columns
import Forecasting
import Predictions
import Testing

@Suite("The month that is going on")
struct RunningMonthTests {
  private func revenue(_ start: String, _ amounts: [Int128]) throws -> DailyRevenue {
    DailyRevenue(start: try #require(CalendarDate(start)), amounts: amounts)
  }

  @Test(
    "is known by the sum of its days, and none once the last of them is in",
    arguments: [
      ("2026-01-30", 2 + 9, "2026-02-01", 9), ("2026-02-03", 4, "2026-02-01", 4),
      ("2026-01-01", 31 + 27, "2026-02-01", 27), ("2026-02-01", 1, "2026-02-01", 1),
    ])
  func known(start: String, days: Int, month: String, count: Int) throws {
    let amounts = (0..<days).map { Int128(1) << Int128($0) }
    let revenue = try revenue(start, amounts)
    let running = try #require(revenue.runningMonth)
    #expect(running.start == CalendarDate(month))
    #expect(running.knownThrough == revenue.end)
    // Each day has a bit of its own, so the sum tells which days are in it.
    #expect(running.known == (Int128(1) << Int128(days)) - (Int128(1) << Int128(days - count)))
    #expect(running.isFloor)
  }

  @Test("is over with the last day of the month", arguments: [31, 59, 365])
  func over(days: Int) throws {
    #expect(
      try revenue("2026-01-01", [Int128](repeating: 1, count: days)).runningMonth == nil)
  }

  @Test("begins where the whole months end", arguments: 1...70)
  func followsWholeMonths(days: Int) throws {
    let revenue = try revenue("2026-01-01", [Int128](repeating: 7, count: days))
    let months = revenue.wholeMonths
    #expect(
      revenue.runningMonth.map(\.start)
        == (revenue.end.day == revenue.end.daysInMonth
          ? nil : months.start.monthStart(adding: months.amounts.count)))
    #expect(
      months.amounts.reduce(0, +) + (revenue.runningMonth?.known ?? 0)
        == revenue.amounts.reduce(0, +))
  }

  @Test("is no floor where any day has taken revenue back, and none for another month")
  func floor() throws {
    let refunds = try #require(try revenue("2026-01-01", [5, -1, 5]).runningMonth)
    #expect(refunds.known == 9)
    #expect(refunds.floor(of: refunds.start) == nil)
    let payments = try #require(try revenue("2026-01-01", [5, 0, 5]).runningMonth)
    #expect(payments.floor(of: payments.start) == 10)
    #expect(payments.floor(of: payments.start.monthStart(adding: 1)) == nil)
  }

  @Test(
    "raises point and ends to what is known, nothing else, and keeps them nested",
    arguments: 0..<200 as Range<UInt64>)
  func raising(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let sorted = (0..<5).map { _ in Int128.random(in: -1_000...1_000, using: &random) }.sorted()
    let amounts = ForecastAmounts(
      predicted: sorted[2], lower80: sorted[1], upper80: sorted[3], lower95: sorted[0],
      upper95: sorted[4])
    let floor = Int128.random(in: -1_200...1_200, using: &random)
    let raised = amounts.raised(to: floor)
    let ends = [raised.lower95, raised.lower80, raised.predicted, raised.upper80, raised.upper95]
    #expect(ends == ends.sorted())
    for (before, after) in zip(sorted, ends) {
      #expect(after == (before < floor ? floor : before))
    }
    #expect(raised.raised(to: floor) == raised)
  }

  @Test("changes the row of its own month only, and by what is known")
  func rows() throws {
    let start = try #require(CalendarDate("2023-01-01"))
    let history = (0..<36).map { Double(1_000 + 100 * ($0 % 12)) }
    let months = try forecast(
      TimeSeries(grain: .month, start: start, values: history),
      settings: .defaults(for: .month))
    let days = try forecast(
      TimeSeries(
        grain: .day, start: try #require(CalendarDate("2025-11-01")),
        values: (0..<61).map { Double(30 + $0 % 7) }), settings: .defaults(for: .day))
    let end = try #require(CalendarDate("2026-01-10"))
    let rows = RevenueForecastRows(
      run: .zero, model: "m", modelVersion: "v", featureDigest: "d", asOf: end,
      recordedCut: Timestamp(microseconds: 0), validUntil: Timestamp(microseconds: 0),
      currency: try #require(CurrencyCode("GBP")))
    let known = Int128(5_000 * Money.scale)
    let running = try #require(
      DailyRevenue(start: end.adding(days: -9), amounts: [Int128](repeating: known / 10, count: 10))
        .runningMonth)
    #expect(running.start == months.points[0].periodStart)
    let grains = [("day", days), ("month", months)]
    let before = try rows.batch(grains, runningMonth: nil)
    let after = try rows.batch(grains, runningMonth: running)
    let row = days.points.count
    for name in ["predicted", "lower_80", "upper_80", "lower_95", "upper_95"] {
      let old = try amounts(before, name)
      var new = try amounts(after, name)
      #expect(old[row] < known)
      #expect(new[row] == known)
      new[row] = old[row]
      #expect(new == old)
    }
  }

  private func amounts(_ batch: Batch, _ name: String) throws -> [Int128] {
    let column = try #require(batch[name])
    switch column.storage {
    case .int64(let values): return (0..<batch.rowCount).map { Int128(values[$0]) }
    case .int128(let values): return (0..<batch.rowCount).map { values[$0] }
    default:
      Issue.record("\(name) is no amount")
      return []
    }
  }
}
