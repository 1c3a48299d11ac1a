import AlmanacCore
import Foundation
import Postgres
import TestSupport
import Testing

@testable import Pipelines

/// The tables of hundreds of random histories beside SQL that says the same in another way.
@Suite("Random histories, all tables", .database)
struct RandomBusinessTests {
  /// A zone and the settings of a history.
  private static func settings(_ seed: UInt64) -> BusinessOracle.Settings {
    var random = SplitMix64(seed: seed)
    func pick(_ choices: [String]) -> String { choices.randomElement(using: &random) ?? "" }
    var settings = BusinessOracle.Settings(end: RandomBusiness.end.description)
    settings.zone = pick([
      "America/New_York", "Europe/London", "Asia/Kathmandu", "Pacific/Kiritimati", "Etc/GMT+12",
    ])
    settings.recognition = pick(["month_end", "event"])
    settings.churnAt = pick(["service_end", "cancellation"])
    settings.pause = pick(["zero", "keep"])
    settings.fx = pick(["at_change", "month_end"])
    return settings
  }

  private static func zone(_ name: String) throws -> ZoneRules {
    let file = try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/" + name))
    return try #require(ZoneRules(name: name, file: Array(file)))
  }

  /// The first history of the suite, or as many as `ALMANAC_HISTORIES` says, from
  /// `ALMANAC_HISTORY_SEED` on.
  private static var seeds: ClosedRange<UInt64> {
    let environment = ProcessInfo.processInfo.environment
    let first = environment["ALMANAC_HISTORY_SEED"].flatMap { UInt64($0) } ?? 1
    let count = environment["ALMANAC_HISTORIES"].flatMap { UInt64($0) } ?? 1
    return first...(first + max(count, 1) - 1)
  }

  @Test(
    "200 companies come out as SQL says, also after a batch of late rows", arguments: seeds)
  func histories(seed: UInt64) throws {
    let settings = Self.settings(seed)
    let zone = try Self.zone(settings.zone)
    let place = try RunPlace(
      shippedIn: "USD", metrics: try RunPlace.shippedMetrics(settings.text))
    var business = try RandomBusiness(seed: seed)
    try business.addCompanies(200)
    for night in 1...2 {
      if night == 2 { try business.addLate() }
      try place.compute(
        settings.end, run: "00000000-0000-4000-8000-00000000000\(night)", jobs: 2,
        withRollups: true, zone: zone)
      // In the suite the rows of both nights are compared at once.
      if night == 1, Self.seeds.count == 1 { continue }
      let connection = try TestDatabase.current.connect()
      let oracle = try BusinessOracle(connection, settings)
      let differences = try oracle.differences() + Self.brokenSums(connection)
      for difference in differences {
        Issue.record("seed \(seed), night \(night), \(settings): \(difference)")
      }
    }
  }

  /// Where the rows of companies, plans or modules do not add up to what all companies have.
  private static func brokenSums(_ connection: Connection) throws -> [String] {
    let rows = try connection.query(
      """
      WITH sums AS (
        SELECT metric_name, month AS start,
          sum(numerator) FILTER (WHERE company_id = oracle.zero()) AS whole,
          coalesce(sum(numerator) FILTER (WHERE company_id <> oracle.zero()), 0) AS parts
        FROM analytics.monthly_metrics
        WHERE dimension = '' AND metric_name NOT IN ('dau', 'wau', 'mau', 'stickiness', 'ltv')
        GROUP BY 1, 2
        UNION ALL
        SELECT metric_name, date, sum(numerator) FILTER (WHERE company_id = oracle.zero()),
          coalesce(sum(numerator) FILTER (WHERE company_id <> oracle.zero()), 0)
        FROM analytics.daily_metrics
        WHERE dimension = '' AND metric_name IN ('revenue', 'revenue_net', 'errors',
          'slow_requests', 'payment_failure_rate', 'payment_recovery_rate')
        GROUP BY 1, 2
        UNION ALL
        SELECT 'mrr by ' || d.dimension, m.month, m.value, coalesce((
          SELECT sum(s.value) FROM analytics.monthly_metrics AS s
          WHERE (s.company_id, s.metric_name, s.dimension, s.month)
            = (m.company_id, 'mrr', d.dimension, m.month)), 0)
        FROM analytics.monthly_metrics AS m CROSS JOIN (VALUES ('plan'), ('module'))
          AS d (dimension)
        WHERE m.metric_name = 'mrr' AND m.dimension = '')
      SELECT metric_name || ' of ' || start || ': ' || parts || ' in parts, ' || whole AS line
      FROM sums WHERE whole IS DISTINCT FROM parts LIMIT 5
      """)
    return (0..<rows.count).map { rows[$0, "line"] ?? "a sum without a whole" }
  }
}
