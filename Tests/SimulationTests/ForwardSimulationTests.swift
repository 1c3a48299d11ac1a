import AlmanacCore
import Simulation
import Testing

/// The probabilities of labels, against what happened and against the decisions' own.
@Suite("Forward simulations")
struct ForwardSimulationTests {
  private static let simulations = 30

  /// Whether revenue falls to 0 within 30 days after an instant and is still 0 seven days later,
  /// from the changes of the subscriptions alone.
  private func churns(_ record: CompanyRecord, at: Int64) -> Bool {
    let spans = record.subscriptions.flatMap { subscription in
      paidSpans(record.changes.filter { $0.subscriptionID == subscription.id })
    }
    func pays(_ day: Int) -> Bool {
      let end = at + Int64(day) * Timestamp.microsecondsPerDay
      return spans.contains {
        $0.begin.effectiveAt < end && $0.end >= end && $0.begin.recurringAmount > 0
      }
    }
    return (1...30).contains { pays($0 - 1) && !pays($0) && !pays($0 + 7) }
  }

  @Test("agree with what happens, and are not below the decision's own probability")
  func churn() throws {
    let world = try world(companies: 150, months: 8, seed: 21)
    let last = world.settings.cut.microseconds - 40 * Timestamp.microsecondsPerDay
    var expected = 0.0
    var variance = 0.0
    var happened = 0
    var decided = 0.0
    var pairs = 0
    for index in 0..<world.companyCount {
      let labels = world.labelProbabilities(
        of: index, simulations: ForwardSimulationTests.simulations)
      let churn = labels.filter { $0.label == .churn30 && $0.at < last }
      guard !churn.isEmpty else { continue }
      let record = world.company(index, includesUse: false)
      for label in churn {
        guard
          let decision = record.decisions.first(where: {
            $0.question == .churn && $0.at == label.at
          })
        else { continue }
        pairs += 1
        decided += decision.probability
        expected += label.probability
        variance += decision.probability * (1 - decision.probability)
        if churns(record, at: label.at) { happened += 1 }
      }
    }
    try #require(pairs > 50)
    let noise = variance.squareRoot()
    let draws = (variance / Double(ForwardSimulationTests.simulations)).squareRoot()
    #expect(abs(Double(happened) - expected) < 4 * noise, "\(happened) of \(expected)")
    #expect(expected > decided - 4 * draws, "\(expected) from decisions of \(decided)")
    #expect(expected < decided + 0.06 * Double(pairs), "\(expected) from decisions of \(decided)")
  }

  @Test("leave no trace: the same call gives the same numbers, and the world stays as it is")
  func purity() throws {
    let world = try world(companies: 30, months: 4, seed: 6)
    let before = world.company(21, includesUse: false).events.map(\.id)
    func probabilities() -> [Double] {
      (20..<30).flatMap { world.labelProbabilities(of: $0, simulations: 5) }.map(\.probability)
    }
    let first = probabilities()
    #expect(!first.isEmpty)
    #expect(probabilities() == first)
    #expect(world.company(21, includesUse: false).events.map(\.id) == before)
  }
}
