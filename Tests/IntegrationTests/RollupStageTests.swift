import AlmanacCore
import Postgres
import Rollups
import TestSupport
import Testing

@testable import Pipelines

@Suite("The rollup stage", .database)
struct RollupStageTests {
  /// Days with late rows are computed in part however few rows they have.
  private static let stage = RollupStage(grains: [.hour, .day, .month], rowsPerLateRow: 1)

  private func fact(_ name: String, _ outcome: StageOutcome) -> Int? {
    outcome.facts.first { $0.name == name }.flatMap { Int($0.value) }
  }

  @Test(
    "equals SQL after any sequence of late events and late rates",
    arguments: zip(RollupHistory.cases, Array(UInt64(1)...7)))
  func equalsSQL(each: RollupHistory.Case, seed: UInt64) throws {
    try migrate()
    let history = try RollupHistory(each, seed: seed)
    let place = try RunPlace(RollupHistory.datasets)
    let context = try place.context(
      run: RunPlace.firstRun, jobs: 2, date: history.end, zone: history.zone)
    func night() throws -> StageOutcome {
      try place.extract(in: context)
      return try Self.stage.run(in: context)
    }
    try history.addEvents(300)
    try place.recorded(Self.stage.name, in: context) { try night() }
    #expect(try history.differences() == [:])
    #expect(try history.value("SELECT count(*) FROM analytics.restatements") == "0")
    #expect(fact("days_computed", try night()) == 0)
    try history.keepMonths()
    for count in [40, 1, 7] {
      try history.addEvents(count)
      let outcome = try night()
      let days = try #require(fact("days_computed_in_part", outcome))
      #expect(days == fact("days_computed", outcome) || count < 40)
      #expect(try history.differences() == [:])
    }
    // A late row with the key of an older one of another group, recorded before it and after it.
    for (place, seconds) in [(0, -5), (3, 5)] {
      _ = try history.value(
        """
        INSERT INTO app.events
        SELECT event_id, 'é', company_id, user_id, module_id, metadata, "timestamp",
          created_at + interval '\(seconds) seconds'
        FROM app.events WHERE event_type = 'a_used' ORDER BY event_id OFFSET \(place) LIMIT 1
        RETURNING 1
        """)
      _ = try night()
      #expect(try history.differences() == [:])
    }
    // Late rows of two groups on two days, one of which displaces an older row of the other group.
    _ = try history.value(
      """
      INSERT INTO app.events
      SELECT CASE n WHEN 1 THEN event_id ELSE gen_random_uuid() END,
        CASE n WHEN 1 THEN 'Z_used' ELSE event_type END, company_id, user_id, module_id, metadata,
        "timestamp" - (n - 1) * interval '1 day', created_at - interval '7 seconds'
      FROM (SELECT * FROM app.events WHERE event_type = 'é' ORDER BY event_id LIMIT 1) AS e,
        generate_series(1, 3) AS n
      RETURNING 1
      """)
    _ = try night()
    #expect(try history.differences() == [:])
    try history.correct(history.end.adding(days: -50), to: "0.7")
    _ = try night()
    #expect(try history.differences() == [:])
    // Each change of a closed month is told once, from the first value to the last; one that was
    // taken back is told both ways.
    let restated = """
      SELECT company_id, metric_name, period, (array_agg(old_value ORDER BY restated_at))[1],
        (array_agg(new_value ORDER BY restated_at DESC))[1]
      FROM analytics.restatements GROUP BY 1, 2, 3
      HAVING (array_agg(old_value ORDER BY restated_at))[1]
        IS DISTINCT FROM (array_agg(new_value ORDER BY restated_at DESC))[1]
      """
    let changed = """
      SELECT company_id, metric, month, k.value::numeric(28,10), m.value::numeric(28,10)
      FROM kept k FULL JOIN month_values m USING (company_id, metric, month)
      WHERE k.value IS DISTINCT FROM m.value
      """
    #expect(
      try history.value(
        "SELECT count(*) FROM ((\(restated)) EXCEPT ALL (\(changed))) AS extra") == "0")
    #expect(
      try history.value(
        "SELECT count(*) FROM ((\(changed)) EXCEPT ALL (\(restated))) AS missing") == "0")
  }

  @Test("computes only the days that use a corrected rate, and keeps the rows it used")
  func correctedRate() throws {
    try migrate()
    let history = try RollupHistory(RollupHistory.cases[1], seed: 9)
    let place = try RunPlace(RollupHistory.datasets)
    let context = try place.context(run: RunPlace.firstRun, date: history.end, zone: history.zone)
    try history.addEvents(200)
    try place.extract(in: context)
    _ = try Self.stage.run(in: context)
    // A rate of every third day serves that day and the two after it.
    let date = try #require(
      try history.value(
        """
        SELECT rate_date FROM almanac.interval_rates WHERE base = 'EUR'
        GROUP BY 1 ORDER BY count(DISTINCT interval_start) DESC, 1 LIMIT 1
        """
      ).flatMap { CalendarDate($0) })
    let days = try history.value(
      """
      SELECT count(DISTINCT interval_start) FROM almanac.interval_rates
      WHERE base = 'EUR' AND rate_date = '\(date)'
      """)
    try history.correct(date, to: "0.5")
    try place.extract(in: context)
    let outcome = try Self.stage.run(in: context)
    #expect(days == fact("days_computed", outcome).map { "\($0)" })
    #expect(try history.differences() == [:])
    #expect(
      try history.value(
        "SELECT DISTINCT rate FROM almanac.interval_rates WHERE base = 'EUR' AND rate_date = '\(date)'"
      ) == "0.5000000000")
  }

  @Test("a day without a rate stops the night with currency and day, and no day is written")
  func missingRate() throws {
    try migrate()
    let history = try RollupHistory(RollupHistory.cases[1], seed: 3)
    let connection = try TestDatabase.current.connect()
    // A row that repeats another one counts for nothing, so it needs no rate.
    try connection.run(
      """
      INSERT INTO app.events
      SELECT md5('twice')::uuid, 'a', md5('c')::uuid, NULL, NULL,
        jsonb_build_object('amount', '1', 'currency', currency), '2025-04-02 12:00Z', recorded
      FROM (VALUES ('GBP', '2025-04-02 12:00Z'::timestamptz), ('CHF', '2025-04-02 13:00Z'))
        AS v (currency, recorded)
      """)
    let place = try RunPlace(RollupHistory.datasets)
    let context = try place.context(run: RunPlace.firstRun, date: history.end, zone: history.zone)
    try place.extract(in: context)
    _ = try Self.stage.run(in: context)
    let rows = "SELECT string_agg(d::text, ' ' ORDER BY d) FROM analytics.daily_rollups AS d"
    let before = try history.value(rows)
    #expect(before?.contains("1.0000") == true)
    // The first of these days is in another transaction than the last.
    try connection.run(
      """
      INSERT INTO app.events
      SELECT md5(happened::text)::uuid, 'a', md5('c')::uuid, NULL, NULL,
        '{"amount": "1", "currency": "CHF"}'::jsonb || extra::jsonb, happened, happened
      FROM (VALUES ('2024-09-01 12:00Z'::timestamptz, '{"currency": "GBP"}'),
        ('2025-04-01 12:00Z', '{}')) AS v (happened, extra)
      """)
    try place.extract(in: context)
    let franc = try #require(CurrencyCode("CHF"))
    let pound = try #require(CurrencyCode("GBP"))
    let day = try #require(CalendarDate("2025-04-01"))
    let error = RollupError.noRate(currency: franc, reporting: pound, date: day)
    #expect(throws: error) { try Self.stage.run(in: context) }
    #expect(error.exitStatus == .badData)
    #expect(error.description.contains("from CHF to GBP for 2025-04-01"))
    #expect(try history.value(rows) == before)
  }

  @Test("a day less what was recorded later is the day as a run saw it then")
  func asOf() throws {
    try migrate()
    let history = try RollupHistory(RollupHistory.cases[0], seed: 4)
    let place = try RunPlace(RollupHistory.datasets)
    let context = try place.context(run: RunPlace.firstRun, date: history.end, zone: history.zone)
    try history.addEvents(400)
    try place.extract(in: context)
    _ = try Self.stage.run(in: context)
    for back in [0, 3, 20, 40] {
      let known = history.end.adding(days: -back)
      let table = """
        SELECT company_id, event_type, module_id, date,
          d.event_count - coalesce(l.events, 0), d.unique_users - coalesce(l.users, 0),
          coalesce(d.amount_sum, 0) - coalesce(l.amount, 0)
        FROM analytics.daily_rollups d LEFT JOIN (
          SELECT company_id, event_type, module_id, date, sum(event_count) AS events,
            sum(new_users) AS users, sum(amount_sum) AS amount
          FROM analytics.daily_rollup_recordings WHERE recorded_date > '\(known)'
          GROUP BY 1, 2, 3, 4) l USING (company_id, event_type, module_id, date)
        WHERE date <= '\(known)' AND d.event_count > coalesce(l.events, 0)
        """
      let run = """
        SELECT company_id, event_type, module_id, date, count(*), count(DISTINCT user_id),
          coalesce(sum(amount), 0)::numeric(28,4)
        FROM happened WHERE date <= '\(known)' AND recorded <= '\(known)' GROUP BY 1, 2, 3, 4
        """
      for (left, right) in [(table, run), (run, table)] {
        #expect(
          try history.value("SELECT count(*) FROM ((\(left)) EXCEPT ALL (\(right))) AS d") == "0",
          "as of \(known)")
      }
    }
  }
}
