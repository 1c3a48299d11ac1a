import Testing

@testable import Predictions

@Suite("Actions")
struct RiskActionTests {
  private static func reason(_ feature: String, _ contribution: Double) -> Reason {
    Reason(feature: feature, value: 1, contribution: contribution, text: "\(feature) in words")
  }

  private let reasons = [
    reason("mrr", -2), reason("quiet", 1.5), reason("errors", 0.9), reason("tickets", 0.4),
    reason("seats", 0.3), reason("base", 0.1),
  ]

  private func action(
    _ name: String, _ reasons: [String], saves: Double = 0.1, cost: Double = 10
  ) -> RiskAction {
    RiskAction(name: name, reasons: reasons, saves: saves, cost: cost, months: 12)
  }

  private func names(_ actions: [RiskAction], loss: Int128 = 1_000_000) -> [String] {
    RiskAction.proposed(actions, for: reasons, expectedLoss: loss).map(\.action)
  }

  @Test("are worth the loss they save less their cost, and say why")
  func values() {
    // Of 100 a month 10 % for 12 months, less 10.
    #expect(
      RiskAction.proposed(
        [action("call", ["tickets", "quiet"])], for: reasons, expectedLoss: 1_000_000)
        == [RiskAction.Proposal(action: "call", why: "quiet in words", expectedValue: 110)])
  }

  @Test("answer one of the three reasons that raise the risk most")
  func matching() {
    let all = ["mrr", "quiet", "errors", "tickets", "seats", "base", "other"]
    #expect(names(all.map { action($0, [$0]) }) == ["errors", "quiet", "tickets"])
  }

  @Test("are at most three, the largest value first, and none that costs more than it brings")
  func order() {
    let some = [
      action("a", ["quiet"], saves: 0.1), action("b", ["quiet"], saves: 0.3),
      action("c", ["errors"], saves: 0.2), action("d", ["errors"], saves: 0.2),
      action("e", ["errors"], saves: 1, cost: 1_200),
    ]
    #expect(names(some) == ["b", "c", "d"])
    #expect(names(some, loss: 40_000) == ["b"])
    #expect(names(some, loss: 0).isEmpty)
    #expect(names([]).isEmpty)
  }
}
