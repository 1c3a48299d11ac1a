import TestSupport
import Testing

/// The stage `anomalies`.
@Suite("Anomalies of metrics", .database)
struct AnomalyTests {
  /// What was found of a metric, a line for each day.
  private func found(_ place: Workplace, _ metric: String) throws -> String? {
    try place.value(
      """
      SELECT string_agg(left(company_id::text, 13) || ' ' || at || ' ' || kind || ' '
        || coalesce(round(actual::numeric)::text, '-'), ', ' ORDER BY company_id, at)
      FROM analytics.anomalies WHERE metric_name = '\(metric)'
      """)
  }

  @Test("planted days are found for all companies and for one, and only once")
  func planted() throws {
    let place = try Workplace()
    try #require(try place.night("2025-12-31").status == 0)
    try place.sql(AnomalyTests.metricRows)
    func run() throws {
      let result = try place.night("2025-12-31", "--only", "anomalies", "--force")
      try #require(result.status == 0, "\(result.stderr)")
    }
    try run()
    #expect(
      try found(place, "planted")
        == "00000000-0000 2025-11-20 missing -, 00000000-0000 2025-12-03 spike 9000, "
        + "00000000-0000 2025-12-17 drop 90")
    // A company that has a metric on few days only is not judged.
    #expect(try found(place, "rare") == nil)
    #expect(
      try place.value("SELECT count(*)::text FROM analytics.anomalies WHERE kind = 'drop'") != "0")
    // A run for an older date takes nothing back.
    try #require(
      try place.night("2025-12-10", "--only", "anomalies").status == 0)
    #expect(try found(place, "planted")?.contains("2025-12-17 drop 90") == true)
    let before = try place.value(
      "SELECT string_agg(xmin::text, ' ' ORDER BY company_id, at) FROM analytics.anomalies")
    try run()
    #expect(
      try place.value(
        "SELECT string_agg(xmin::text, ' ' ORDER BY company_id, at) FROM analytics.anomalies")
        == before)
    try place.sql("DELETE FROM analytics.daily_metrics WHERE metric_name = 'planted'")
    try run()
    #expect(try found(place, "planted") == nil)
  }

  private static let metricRows = """
    INSERT INTO analytics.daily_metrics (company_id, metric_name, dimension, dimension_value,
      date, value, numerator, denominator, unit, currency, settings_digest)
    SELECT c, m, '', '', day, v, v, NULL, 'count', NULL, 'abc' FROM (
      SELECT '00000000-0000-0000-0000-000000000000'::uuid, 'planted', day::date,
        CASE day::date WHEN '2025-12-03' THEN 9000
          ELSE 2000 + 100 * extract(isodow FROM day) + abs(hashint4(day::date - '2020-01-01')) % 90
        END
      FROM generate_series(timestamp '2025-03-01', '2025-12-31', '1 day') day
      WHERE day::date <> '2025-11-20'
      UNION ALL
      SELECT '00000000-0000-4000-8000-000000000002', 'planted', day::date,
        CASE day::date WHEN '2025-12-17' THEN 90
          ELSE 300 + 10 * extract(isodow FROM day) + abs(hashint4(day::date - '2021-01-01')) % 20
        END
      FROM generate_series(timestamp '2025-03-01', '2025-12-31', '1 day') day
      UNION ALL
      SELECT '00000000-0000-4000-8000-000000000001', 'rare', day::date,
        CASE WHEN day::date = '2025-12-24' THEN 900 ELSE 5 END
      FROM generate_series(timestamp '2025-03-03', '2025-12-31', '3 days') day
    ) AS r (c, m, day, v);
    """
}
