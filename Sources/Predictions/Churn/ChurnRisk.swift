/// What is said of one company's churn as of T.
package struct ChurnRisk: Equatable, Sendable {
  /// How urgent it is.
  package enum Band: String, CaseIterable, Sendable {
    case low, medium, high, critical
  }

  /// The probabilities of the next 30 days from which each band but the lowest begins.
  package struct Bands: Hashable, Sendable {
    package var medium = 0.03
    package var high = 0.08
    package var critical = 0.2

    /// The usual bands.
    package init() {}
  }

  /// The probability that MRR falls to 0 within 30 days.
  package let probability: Double
  /// The probability that it does within 90 days.
  package let probability90: Double
  /// The band of ``probability``.
  package let band: Band
  /// MRR times ``probability90``, in ten-thousandths, rounded half-even.
  package let expectedLoss: Int128

  /// Joins the two factors of the hazard (DECISIONS.md, D-514).
  ///
  /// - Parameters:
  ///   - first: the probability of a fall on days 0 to 30, within 0 and 1.
  ///   - second: that of one on days 31 to 90, given none before.
  ///   - mrr: MRR at T, in ten-thousandths.
  ///   - bands: where bands begin.
  package init(first: Double, second: Double, mrr: Int128, bands: Bands = Bands()) {
    precondition((0...1).contains(first) && (0...1).contains(second), "\(first), \(second)")
    probability = first
    probability90 = 1 - (1 - first) * (1 - second)
    band =
      first >= bands.critical
      ? .critical : first >= bands.high ? .high : first >= bands.medium ? .medium : .low
    expectedLoss = Int128((Double(mrr) * probability90).rounded(.toNearestOrEven))
  }
}
