import AlmanacCore
import Glibc
import Predictions
import Regression
import Testing

/// What companies are said to be, as of an instant.
@Suite("Attributes of companies")
struct FeatureAttributeTests {
  private struct Version {
    var company: Int
    var seen: Int64
    var value: String?
  }

  private static let day: Int64 = 86_400_000_000
  private static let start = CalendarDate(daysSinceEpoch: 18_262)
  private static let companies = 60
  private static let instants = (1...16).map { start.monthStart(adding: $0) }
  private static let rows = instants.indices.flatMap { period in
    (0..<companies).map { PanelRow(company: $0, period: period) }
  }
  private static let features = [
    FeatureSpecification("segment", .attribute("segment")),
    FeatureSpecification("uses", .plain(.count(tally: "use", days: 30))),
  ]

  /// Versions seen at different instants, so that their order is that of time alone.
  private func versions(_ random: inout SplitMix64) -> [Version] {
    (0..<300).map { number in
      let at = Int64.random(in: 0..<(500 * Self.day), using: &random) / 300 * 300
      return Version(
        company: Int.random(in: 0..<Self.companies, using: &random),
        seen: Self.start.startUTC.microseconds + at + Int64(number),
        value: ["small", "middle", "large", nil].randomElement(using: &random) ?? nil)
    }
  }

  private func panel(_ versions: [Version]) throws -> FeaturePanel {
    var history = FeatureHistory(
      companyCount: Self.companies, asOf: Self.instants, from: Self.start, zone: .utc,
      tallies: ["use"], states: [], attributes: ["segment"])
    for version in versions {
      history.describe(
        "segment", company: version.company, seen: Timestamp(microseconds: version.seen),
        value: version.value)
    }
    return try FeaturePanel(Self.features, of: history, rows: Self.rows)
  }

  @Test(
    "are those of the latest version seen before T, in whatever order versions come",
    arguments: 1...4)
  func matchVersions(seed: Int) throws {
    var random = SplitMix64(seed: UInt64(seed))
    let versions = versions(&random)
    let panel = try panel(versions.shuffled(using: &random))
    let found = try #require(panel.table["segment"]).labels
    for (row, label) in zip(Self.rows, found) {
      let end = Self.instants[row.period].startUTC.microseconds
      let expected = versions.filter { $0.company == row.company && $0.seen < end }
        .max { $0.seen < $1.seen }?.value
      #expect(label == expected, "seed \(seed), \(row)")
    }
    #expect(Set(found).count == 4)
  }

  @Test("do not change with versions that were seen at T or later", arguments: 1...4)
  func nothingLeaks(seed: Int) throws {
    var random = SplitMix64(seed: UInt64(seed))
    let versions = versions(&random)
    let before = try #require(try panel(versions).table["segment"]).labels
    for (period, date) in Self.instants.enumerated() {
      // The row of the source was rewritten since: whatever it says now, T saw another version.
      let rewritten = versions.map { version in
        var version = version
        if version.seen >= date.startUTC.microseconds { version.value = "rewritten" }
        return version
      }
      let after = try #require(try panel(rewritten).table["segment"]).labels
      for (position, row) in Self.rows.enumerated() where row.period == period {
        #expect(before[position] == after[position], "seed \(seed), \(row)")
      }
    }
  }

  @Test("tell companies apart, and say so in words that add up to the log-odds")
  func areLearned() throws {
    var random = SplitMix64(seed: 3)
    let kinds = (0..<Self.companies).map { ["small", "large", nil][$0 % 3] }
    let panel = try panel(
      kinds.enumerated().map {
        Version(company: $0, seen: Self.start.startUTC.microseconds, value: $1)
      })
    let outcomes = Self.rows.map { row in
      random.nextUnit() < (kinds[row.company] == "small" ? 0.7 : 0.2) ? 1.0 : 0
    }
    let asOf = Self.instants.map(\.startUTC)
    let data = RiskRows(
      rows: Self.rows, table: panel.table, outcomes: outcomes,
      segments: Self.rows.map { _ in 0 }, asOf: asOf, maturity: asOf,
      terms: ["segment": .categorical(minimumCount: 30, maximumLevels: 20)])
    guard case .model(let model) = try RiskRecipe().learn(data, by: asOf[asOf.count - 1]) else {
      Issue.record("no model was fitted")
      return
    }
    #expect(model.constantFeatures == ["uses"])
    let scores = try model.scores(panel.table)
    for (row, score) in scores.enumerated() {
      let kind = kinds[Self.rows[row].company]
      #expect(abs(score.probability - (kind == "small" ? 0.7 : 0.2)) < 0.1)
      let reasons = Reason.all(
        of: score, names: model.reasonNames, features: Self.features, panel: panel, row: row)
      let sum = reasons.reduce(score.base) { $0 + $1.contribution }
      #expect(abs(sum - log(score.probability / (1 - score.probability))) < 1e-9)
      #expect(reasons.map(\.text) == ["segment: \(kind ?? "not known")"])
    }
  }

  @Test("that the history does not hold are refused")
  func unknown() throws {
    let history = FeatureHistory(
      companyCount: 1, asOf: Self.instants, from: Self.start, zone: .utc, tallies: [], states: [])
    #expect(throws: FeatureError.unknownMeasure(feature: "a", measure: "industry")) {
      try FeaturePanel(
        [FeatureSpecification("a", .attribute("industry"))], of: history, rows: [])
    }
  }
}
