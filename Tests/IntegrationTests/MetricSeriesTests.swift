import AlmanacCore
import Postgres
import TestSupport
import Testing

@testable import Pipelines

@Suite("Series of metrics to judge", .database)
struct MetricSeriesTests {
  @Test("hold a metric's days from its first one, and only what comes on four of five days")
  func series() throws {
    let connection = try TestDatabase.current.connect()
    try Migrator(connection).migrate()
    // In no order: of all companies a day is missing and one is null; of company 1 metric a has four
    // days of five, b three of five, c is a quotient, and of d one row is another's.
    try connection.runScript(
      """
      INSERT INTO analytics.daily_metrics (company_id, metric_name, dimension, dimension_value, date,
        value, numerator, denominator, unit, settings_digest)
      SELECT ('00000000-0000-0000-0000-00000000000' || company)::uuid, metric, dimension,
        CASE WHEN dimension = '' THEN '' ELSE 'x' END, day::date, value, coalesce(value, 0),
        CASE WHEN value IS NULL THEN 0 END, unit, 'd'
      FROM (VALUES
        ('1', 'a', '', '2026-06-05', 5.5, 'money'), ('0', 'z', '', '2026-06-03', NULL, 'ratio'),
        ('1', 'a', '', '2026-06-01', 1, 'money'), ('1', 'b', '', '2026-06-01', 1, 'count'),
        ('0', 'z', '', '2026-06-01', 0.25, 'ratio'), ('1', 'c', '', '2026-06-04', 1, 'ratio'),
        ('1', 'a', '', '2026-06-02', 2, 'money'), ('1', 'b', '', '2026-06-03', 1, 'count'),
        ('1', 'a', '', '2026-06-04', 4, 'money'), ('1', 'b', '', '2026-06-05', 1, 'count'),
        ('0', 'A', '', '2026-06-05', 9, 'count'), ('1', 'c', '', '2026-06-05', 1, 'ratio'),
        ('1', 'd', 'plan', '2026-06-04', 7, 'count'), ('1', 'd', '', '2026-06-05', 3, 'count'),
        ('1', 'd', '', '2026-06-06', 8, 'count'), ('1', 'd', '', '2025-01-01', 8, 'count')
      ) AS t (company, metric, dimension, day, value, unit);
      """)
    let date = try #require(CalendarDate("2026-06-05"))
    let zones = CompanyZones(.utc)
    let found = try MetricSeries.read(
      connection, through: date, over: DatesOver(zones, at: date.adding(days: 1).startUTC))
    let texts = found.map { series in
      "\(series.company.low) \(series.metric) \(series.start) \(series.values)"
    }
    #expect(
      texts == [
        "0 A 2026-06-05 [9.0]", "0 z 2026-06-01 [0.25, nan, nan, nan, nan]",
        "1 a 2026-06-01 [1.0, 2.0, 0.0, 4.0, 5.5]", "1 d 2026-06-05 [3.0]",
      ])
  }
}
