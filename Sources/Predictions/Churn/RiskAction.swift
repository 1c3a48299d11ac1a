/// Something to do about a company that may leave, for whom, at what cost and to what effect
/// (DECISIONS.md, D-525).
package struct RiskAction: Hashable, Sendable {
  /// Its name.
  package var name: String
  /// The reasons that call for it: one of them has to be among those that raise the risk most.
  package var reasons: [String]
  /// The share of companies about to leave that it keeps.
  package var saves: Double
  /// What it costs, in units of the reporting currency.
  package var cost: Double
  /// The months for which a company that is kept goes on paying.
  package var months: Int

  /// An action for a company.
  package struct Proposal: Equatable, Sendable {
    /// The action's name.
    package var action: String
    /// The reason that calls for it, in words.
    package var why: String
    /// What it is expected to bring beyond its cost, in units of the reporting currency.
    package var expectedValue: Double
  }

  /// An action of the given parts.
  package init(name: String, reasons: [String], saves: Double, cost: Double, months: Int) {
    self.name = name
    self.reasons = reasons
    self.saves = saves
    self.cost = cost
    self.months = months
  }

  /// How many actions a company gets at most, and how many of its reasons are looked at.
  package static let most = 3

  /// The name of the reason of a company whose end is recorded already.
  package static let scheduled = "scheduled"

  /// The actions that bring more than they cost, the largest value first; equal ones in the order of
  /// their names.
  ///
  /// - Parameters:
  ///   - actions: those to choose from.
  ///   - reasons: why the company may leave.
  ///   - expectedLoss: MRR times the probability of 90 days, in ten-thousandths.
  /// - Returns: at most ``most``.
  package static func proposed(
    _ actions: [RiskAction], for reasons: [Reason], expectedLoss: Int128
  ) -> [Proposal] {
    let raising = reasons.filter { $0.contribution > 0 && $0.feature != Reason.baseName }
      .sorted { ($1.contribution, $0.feature) < ($0.contribution, $1.feature) }.prefix(most)
    let loss = Double(expectedLoss) / 10_000
    let proposals = actions.compactMap { action -> Proposal? in
      guard let reason = raising.first(where: { action.reasons.contains($0.feature) }) else {
        return nil
      }
      let value = loss * Double(action.months) * action.saves - action.cost
      guard value > 0 else { return nil }
      return Proposal(action: action.name, why: reason.text, expectedValue: value)
    }
    return Array(
      proposals.sorted { ($1.expectedValue, $0.action) < ($0.expectedValue, $1.action) }
        .prefix(most))
  }
}
