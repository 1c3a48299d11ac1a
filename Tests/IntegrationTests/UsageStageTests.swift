import AlmanacCore
import Files
import Postgres
import Rollups
import TestSupport
import Testing

@testable import Pipelines

@Suite("The usage stage", .database)
struct UsageStageTests {
  private func fact(_ name: String, _ outcome: StageOutcome) -> Int? {
    outcome.facts.first { $0.name == name }.flatMap { Int($0.value) }
  }

  /// Extracts, rolls up and computes usage.
  private func night(_ place: RunPlace, _ context: RunContext) throws -> StageOutcome {
    try place.extract(in: context)
    _ = try RollupStage(grains: [.day]).run(in: context)
    return try UsageStage().run(in: context)
  }

  @Test(
    "equals SQL after late events and bills, and after a change of zone",
    arguments: zip(
      [
        ("Europe/London", "2025-04-10"), ("America/New_York", "2025-11-12"),
        ("Pacific/Apia", "2012-01-10"), ("UTC", "2025-01-01"),
      ], [UInt64(21), 22, 23, 24]))
  func equalsSQL(each: (zone: String, end: String), seed: UInt64) throws {
    let place = try RunPlace(shippedIn: "USD", agents: seed % 2 == 0)
    let agent = seed % 2 == 0 ? "(metadata->>'agent_id')::uuid" : "user_id"
    let history = try UsageHistory(each.zone, end: each.end, seed: seed, agent: agent)
    do {
      let context = try place.context(
        run: RunPlace.firstRun, jobs: 2, date: history.end, zone: history.zone)
      try history.addEvents(1_500)
      try history.addBills()
      _ = try night(place, context)
      #expect(try history.differences() == [:], "seed \(seed)")
      let rows = "SELECT count(*) FROM analytics.module_usage_periods"
      #expect(try history.value(rows).flatMap { Int($0) } ?? 0 > 20)
      let again = try night(place, context)
      #expect(fact("days_computed", again) == 0 && fact("periods_computed", again) == 0)
      #expect(again.rowsOut == 0)
      for _ in 0..<3 {
        try history.addEvents(15)
        let late = try night(place, context)
        #expect(try history.differences() == [:], "seed \(seed)")
        #expect(fact("days_computed", late) ?? 0 < fact("days", late) ?? 0)
      }
      try history.addBills()
      _ = try night(place, context)
      #expect(try history.differences() == [:], "seed \(seed)")
      try history.run("DELETE FROM billing.invoices WHERE draw(id::text, 3) = 0")
      _ = try night(place, context)
      #expect(try history.differences() == [:], "seed \(seed)")
    }
    let zone = try UsageHistory.rules("Asia/Kathmandu")
    try history.useZone("Asia/Kathmandu", agent: agent)
    let context = try place.context(
      run: RunPlace.secondRun, jobs: 1, date: history.end, zone: zone)
    _ = try night(place, context)
    #expect(try history.differences() == [:], "seed \(seed)")
  }

  @Test(
    "computes the periods of a month whose days changed, and all of them without knowing better",
    arguments: [UInt64(41), 42])
  func periodsOfAMonth(seed: UInt64) throws {
    let (place, history) = try start(seed: seed)
    let context = try place.context(
      run: RunPlace.firstRun, jobs: 2, date: history.end, zone: history.zone)
    let first = try night(place, context)
    let all = try #require(fact("periods_computed", first))
    // A month before the last one, an event of which is late: the periods that hold the day.
    let day = history.end.monthStart(adding: -1).adding(days: 4)
    func addLate() throws -> Int {
      try history.run(
        """
        INSERT INTO app.events (event_id, event_type, company_id, user_id, module_id, metadata,
          "timestamp", created_at)
        SELECT gen_random_uuid(), event_type, company_id, gen_random_uuid(), module_id, metadata,
          '\(day) 12:00+00', now()
        FROM app.events WHERE event_type = 'module_used' AND company_id IN (
          SELECT company_id FROM kept WHERE start <= '\(day)' AND stop > '\(day)')
        LIMIT 1
        """)
      let holding = "SELECT count(*) FROM kept WHERE start <= '\(day)' AND stop > '\(day)'"
      return try #require(try history.value(holding).flatMap { Int($0) })
    }
    let holding = try addLate()
    #expect(holding > 0 && holding < all, "seed \(seed)")
    let late = try night(place, context)
    #expect(fact("periods_computed", late) == holding, "seed \(seed)")
    #expect(try history.differences() == [:], "seed \(seed)")
    // What was kept is of an older night: nothing of it is believed.
    let path = "\(context.directory.path)/events/\(UsageMemo.name)"
    let older = try FileSystem.read(path)
    _ = try addLate()
    _ = try night(place, context)
    let newer = try FileSystem.read(path)
    for (name, bytes) in [
      ("older", older), ("damaged", newer.map { $0 ^ 1 }), ("short", Array(newer.dropLast(9))),
    ] {
      try FileSystem.write(bytes, to: path)
      _ = try addLate()
      let whole = try night(place, context)
      #expect(fact("periods_computed", whole) ?? 0 > holding, "\(name), seed \(seed)")
      #expect(try history.differences() == [:], "\(name), seed \(seed)")
    }
    // A company's period that is gone goes, and what the table should hold stays.
    try history.run("DELETE FROM billing.invoices WHERE draw(id::text, 3) = 0")
    _ = try night(place, context)
    #expect(try history.differences() == [:], "seed \(seed)")
  }

  @Test("stops before anything is written where calls of a day are not those of the rollups")
  func callsDiffer() throws {
    let (place, history) = try start(seed: 31)
    let context = try place.context(run: RunPlace.firstRun, date: history.end, zone: history.zone)
    try place.extract(in: context)
    _ = try RollupStage(grains: [.day]).run(in: context)
    let row = try #require(
      try history.value(
        """
        UPDATE analytics.daily_rollups SET event_count = event_count + 3
        WHERE (company_id, event_type, module_id, date) = (
          SELECT company_id, event_type, module_id, date FROM analytics.daily_rollups
          WHERE event_type = 'call_failed' ORDER BY date DESC, company_id LIMIT 1)
        RETURNING company_id || ' ' || date
        """)
    ).split(separator: " ")
    let (company, date) = (try #require(UUIDValue(String(row[0]))), String(row[1]))
    let events = try #require(
      try history.value(
        """
        SELECT count(*) FROM happened WHERE event_type = 'call_failed' AND date = '\(date)'
          AND company_id = '\(company)'
        """
      ).flatMap { Int($0) })
    let error = PipelineError.usageMismatch(
      what: "call_failed events", company: company, period: date, counted: "\(events)",
      rolledUp: "\(events + 3)")
    #expect(throws: error) { try UsageStage().run(in: context) }
    #expect(error.exitStatus == .badData)
    #expect(error.description.hasPrefix("company \(company) has \(events) call_failed events on"))
    try expectNothing(history)
  }

  @Test("stops before anything is written where use of a period is not that of its days")
  func usageDiffers() throws {
    let (place, history) = try start(seed: 32)
    let context = try place.context(run: RunPlace.firstRun, date: history.end, zone: history.zone)
    try place.extract(in: context)
    _ = try RollupStage(grains: [.day]).run(in: context)
    try history.run(
      "UPDATE analytics.daily_rollups SET duration_ms_sum = coalesce(duration_ms_sum, 0) + 1 "
        + "WHERE event_type = 'module_used'")
    let error = #expect(throws: PipelineError.self) { try UsageStage().run(in: context) }
    guard case .usageMismatch(let what, _, let period, _, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(what.hasPrefix("milliseconds of module "))
    #expect(period.contains(" to "))
    try expectNothing(history)
  }

  private func start(seed: UInt64) throws -> (RunPlace, UsageHistory) {
    let place = try RunPlace(shippedIn: "USD")
    let history = try UsageHistory("UTC", end: "2025-06-30", seed: seed, agent: "user_id")
    try history.addEvents(600)
    try history.addBills()
    return (place, history)
  }

  private func expectNothing(_ history: UsageHistory) throws {
    #expect(
      try history.value(
        """
        SELECT (SELECT count(*) FROM analytics.agent_metrics)
          + (SELECT count(*) FROM analytics.module_usage_periods)
          + (SELECT count(*) FROM almanac.intervals WHERE stage LIKE 'usage%')
        """) == "0")
  }
}
