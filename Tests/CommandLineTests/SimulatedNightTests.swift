import TestSupport
import Testing

/// Nights that follow each other over a simulated world that goes on.
@Suite("Nights over a simulated world", .database)
struct SimulatedNightTests {
  @Test("night after night, across a month's end, the rollups hold every event once")
  func nightAfterNight() throws {
    let place = try Workplace(isFilled: false)
    try place.edit("pipelines/nightly.yaml", "currency: GBP", "currency: USD")
    let others = [
      "cohorts", "funnels", "usage", "anomalies", "fit: [revenue]", "predict: [revenue]", "publish",
    ]
    for stage in others {
      try place.edit("pipelines/nightly.yaml", "  - \(stage)\n", "")
    }
    let target = ["simulate", "--target", place.url, "--simulations", "0"]
    let made = try place.almanac(
      target + ["--companies", "15", "--months", "2", "--end", "2025-03-30"])
    try #require(made.status == 0, "\(made.stderr)")
    for date in ["2025-03-30", "2025-03-31", "2025-04-01"] {
      if date != "2025-03-30" {
        let next = try place.almanac(target + ["--continue", "day"])
        try #require(next.status == 0, "\(next.stderr)")
        #expect(
          try place.value(
            """
            SELECT (count(*) > 0)::text FROM app.events
            WHERE created_at >= '\(date) 00:00Z' AND "timestamp" < '\(date) 00:00Z'
            """) == "true", "no late event on \(date)")
      }
      let night = try place.night(date)
      try #require(night.status == 0, "\(night.stderr)")
      for (table, column, bucket) in [
        ("daily_rollups", "date", "(\"timestamp\" AT TIME ZONE 'UTC')::date"),
        ("monthly_rollups", "month", "date_trunc('month', \"timestamp\" AT TIME ZONE 'UTC')::date"),
      ] {
        let columns = "company_id, event_type, module_id, \(column), event_count, unique_users"
        let expected = """
          SELECT company_id, event_type,
            coalesce(module_id, '00000000-0000-0000-0000-000000000000') AS module_id,
            \(bucket) AS bucket, count(DISTINCT event_id) AS event_count,
            count(DISTINCT user_id) AS unique_users
          FROM app.events WHERE ("timestamp" AT TIME ZONE 'UTC')::date <= '\(date)'
          GROUP BY 1, 2, 3, 4
          """
        let found = "SELECT \(columns) FROM analytics.\(table)"
        #expect(
          try place.value(
            """
            SELECT (SELECT count(*) FROM (\(expected) EXCEPT ALL \(found)) AS missing)
              || ' missing, '
              || (SELECT count(*) FROM (\(found) EXCEPT ALL \(expected)) AS extra) || ' extra'
            """) == "0 missing, 0 extra", "\(table) of \(date)")
      }
    }
    #expect(
      try place.value("SELECT (count(*) > count(DISTINCT event_id))::text FROM app.events")
        == "true")
  }
}
