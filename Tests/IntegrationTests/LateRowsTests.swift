import AlmanacCore
import Postgres
import TestSupport
import Testing

@testable import Pipelines

/// What late rows leave in the tables of metrics, cohorts, funnels and rollups.
@Suite("Nights with late rows", .database)
struct LateRowsTests {
  private static let settings = [
    "settings: {}\n", "settings: {recognition: event, fx: month_end}\n",
    "settings: {churn_at: cancellation, pause: keep}\n",
  ]

  /// The shipped metrics under other settings.
  private func place(_ settings: String) throws -> RunPlace {
    try RunPlace(
      shippedIn: "USD",
      metrics: settings + """
        metrics:
          dau: {distinct: user_id, from: events, window: 1d}
          mau: {distinct: user_id, from: events, window: 30d}
          stickiness: {ratio: [dau, mau]}
          event_money: {sum: amount, from: events}
          module_usage: {count: events, where: event_type = module_used, by: module_id}
          payments: {count: transactions, at: succeeded_at, by: {method: payment_method}}

        """)
  }

  private func tables(_ run: String) throws -> [RunDigest.Table] {
    try RunDigest(try TestDatabase.current.connect(), run: run).tables
  }

  @Test("several nights leave what one night from scratch leaves, for any jobs", arguments: 1...3)
  func incremental(seed: UInt64) throws {
    let settings = Self.settings[Int(seed) % Self.settings.count]
    let place = try place(settings)
    var rows = try LateRows(seed: seed)
    var last = ""
    for (index, text) in ["2026-02-27", "2026-03-10", "2026-04-02", "2026-05-06"].enumerated() {
      let date = try #require(CalendarDate(text))
      try rows.add(through: date)
      last = "00000000-0000-4000-8000-00000000000\(index)"
      try place.compute(text, run: last, jobs: index % 2 == 0 ? 1 : 4, withRollups: true)
    }
    // The last rows come late for a date that was computed.
    try rows.add(through: try #require(CalendarDate("2026-05-06")))
    last = "00000000-0000-4000-8000-000000000009"
    try place.compute("2026-05-06", run: last, withRollups: true)
    let nights = try tables(last)
    #expect(nights.count >= 9, "\(nights.map(\.name))")
    try TestDatabase.current.connect().runScript(
      """
      DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
          WHERE schemaname = 'analytics' OR (schemaname, tablename) IN (
            ('almanac', 'intervals'), ('almanac', 'interval_rates'), ('almanac', 'watermarks'))
        LOOP EXECUTE 'TRUNCATE ' || name || ' CASCADE'; END LOOP; END $$;
      """)
    let scratch = try self.place(settings)
    let run = "00000000-0000-4000-8000-00000000000a"
    try scratch.compute("2026-05-06", run: run, jobs: 4, withRollups: true)
    let once = try tables(run)
    #expect(nights.map(\.name) == once.map(\.name), "seed \(seed)")
    for (left, right) in zip(nights, once) { #expect(left == right, "seed \(seed)") }
  }
}
