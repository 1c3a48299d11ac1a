import AlmanacCore
import Testing

@testable import AlmanacCommands
@testable import Pipelines

@Suite("The explanation of a prediction")
struct ExplanationTextTests {
  private static let explanation = RiskExplanation(
    model: "churn", company: UUIDValue(high: 1, low: 2),
    asOf: CalendarDate(daysSinceEpoch: 20_453), run: "4b1f0c9e-0000-4000-8000-000000000002",
    version: "churn-81c2aa10930d",
    predictions: [
      .init(
        part: "days_0_30",
        figures: [
          ("as_of", "2025-12-31"), ("expected_mrr_loss", "12.5000"), ("probability", "0.125"),
          ("risk_band", "high"),
        ],
        reasons: [
          .init(
            feature: "days_quiet", value: 31, contribution: 1.25, text: "last use 31 days ago"),
          .init(
            feature: "tickets", value: nil, contribution: -0.195, text: "tickets not\u{1B} known"),
          .init(feature: "base", value: nil, contribution: -3, text: "the average company"),
        ])
    ],
    checks: [
      .init(
        feature: "days_quiet",
        values: ["SELECT least(60, 1) FROM \"app\".\"events\"\nWHERE \"company_id\" = 'x';"],
        rows: ["SELECT \"id\" FROM \"app\".\"events\"\nWHERE \"company_id\" = 'x';"])
    ])

  @Test("is text for people, CSV and JSON", arguments: OutputFormat.allCases)
  func formats(format: OutputFormat) throws {
    var text = ExplanationText(Self.explanation)
    text.coefficients = ["days_0_30": ["days_quiet": 0.75]]
    let lines = text.lines(format)
    if format == .table { expectFits(lines) }
    try expectGolden(lines.joined(separator: "\n"), "explain-\(format.rawValue)")
  }

  @Test("shows what the statements find in the source")
  func found() throws {
    var text = ExplanationText(Self.explanation)
    text.found = [
      (
        values: ["31"],
        rows: [
          .init(
            columns: ["id", "occurred_at"], rows: [["7\u{1B}", "2025-12-01"], ["3", nil]],
            total: "48")
        ]
      )
    ]
    let lines = text.lines(.table)
    expectFits(lines)
    try expectGolden(lines.joined(separator: "\n"), "explain-rows")
    let json = text.lines(.json).joined()
    #expect(json.contains(#""part": "found", "span": "", "name": "days_quiet", "value": "31""#))
    #expect(
      json.contains(#""part": "row 2", "span": "days_quiet", "name": "occurred_at", "value": null"#)
    )
  }
}
