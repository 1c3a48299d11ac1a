import Testing

@testable import AlmanacCommands
@testable import Pipelines

@Suite("Versions of models")
struct ModelVersionTextTests {
  private static func version(
    _ digits: String, _ status: String, day: Int, _ decision: String, _ reason: String
  ) -> ModelVersions.Version {
    ModelVersions.Version(
      model: "churn", version: "churn-\(digits)", status: status, trainingStart: "2024-02-01",
      trainingEnd: "2026-01-\(day)", fittedAt: "2026-01-\(day) 02:15:09",
      run: "4b1f0c9e-0000-4000-8000-000000000002", dataDigest: String(repeating: "ab12", count: 16),
      isPassed: status != "rejected", decision: decision, reason: reason)
  }

  private let newer = version(
    "3f9a51c07b12", "challenger", day: 31, "kept", "the new recipe is not significantly better")
  private let older = version(
    "81c2aa10930d", "champion", day: 30, "promoted",
    "a refit of the champion's recipe, not significantly worse than it")
  private let choices = [
    ModelVersions.Choice(
      decision: "promote", version: "churn-81c2aa10930d", previous: "churn-3f9a51c07b12",
      user: "anna on db", reason: "knows the new\u{1B} price list", time: "2026-01-31 09:12:44")
  ]
  private let figures: [ModelVersions.Figure] = [
    .init(part: "scores", span: "days_0_30", name: "log_loss", value: "0.13625123"),
    .init(part: "scores", span: "days_0_30", name: "roc_auc", value: "0.73"),
    .init(part: "scores", span: "days_31_90", name: "log_loss", value: "0.21"),
    .init(part: "gate", span: "days_0_30", name: "calibration_slope.estimate", value: "1.02"),
    .init(part: "gate", span: "days_0_30", name: "published", value: "model"),
    .init(part: "gate", span: "days_31_90", name: "published", value: "base_rate"),
    .init(
      part: "gate", span: "days_31_90", name: "reason",
      value: "the model is not surely better than segment_rate, not surely better than one_feature"),
  ]

  @Test("are listed in three formats", arguments: OutputFormat.allCases)
  func list(format: OutputFormat) throws {
    let lines = ModelListText([newer, older], total: 12).lines(format)
    if format == .table { expectFits(lines) }
    try expectGolden(lines.joined(separator: "\n"), "models-list-\(format.rawValue)")
  }

  @Test("are shown in three formats", arguments: OutputFormat.allCases)
  func card(format: OutputFormat) throws {
    let lines = ModelCardText(older, choices: choices, figures: figures, fits: []).lines(format)
    if format == .table { expectFits(lines) }
    try expectGolden(lines.joined(separator: "\n"), "models-show-\(format.rawValue)")
  }

  @Test("are compared in three formats", arguments: OutputFormat.allCases)
  func comparison(format: OutputFormat) throws {
    var others = Array(figures.dropFirst(2))
    others.append(.init(part: "scores", span: "days_0_30", name: "log_loss", value: "0.1365"))
    let lines = ModelComparisonText(
      older, newer, figures, others,
      found: [
        .init(
          part: "comparison", span: "", name: "log_loss_gain_over_champion.low", value: "-0.0012")
      ]
    ).lines(format)
    if format == .table { expectFits(lines) }
    try expectGolden(lines.joined(separator: "\n"), "models-compare-\(format.rawValue)")
  }
}
