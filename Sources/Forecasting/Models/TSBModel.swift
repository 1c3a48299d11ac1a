/// The method of Teunter, Syntetos and Babai for series that are mostly zero.
///
/// The probability of demand is smoothed in each period and its size where there is demand; the
/// forecast is their product. Unlike Croston's method it falls while demand stays away.
///
/// - SeeAlso: Teunter, Syntetos & Babai, *European Journal of Operational Research* 214(3), 2011,
///   doi:10.1016/j.ejor.2011.05.018.
package struct FittedTSB: Equatable, Sendable {
  /// The weight of the newest size.
  package let sizeWeight: Double
  /// The weight of the newest period in the probability.
  package let probabilityWeight: Double
  private let final: Double

  /// The steps of the grid of weights that ``init(_:)`` searches.
  private static let grid = [0.05, 0.1, 0.2, 0.3]

  /// Chooses both weights from a small grid by the squared one-step errors.
  ///
  /// - Parameter values: known values, at least one; demand is whatever is not zero.
  package init(_ values: [Double]) {
    var best: (error: Double, FittedTSB)?
    for size in FittedTSB.grid {
      for probability in FittedTSB.grid {
        let (fit, error) = FittedTSB.run(values, size: size, probability: probability)
        if error < best?.error ?? .infinity { best = (error, fit) }
      }
    }
    self =
      best?.1 ?? FittedTSB.run(values, size: FittedTSB.grid[0], probability: FittedTSB.grid[0]).0
  }

  /// A fit with given weights.
  package init(_ values: [Double], sizeWeight: Double, probabilityWeight: Double) {
    self = FittedTSB.run(values, size: sizeWeight, probability: probabilityWeight).0
  }

  private init(sizeWeight: Double, probabilityWeight: Double, final: Double) {
    self.sizeWeight = sizeWeight
    self.probabilityWeight = probabilityWeight
    self.final = final
  }

  private static func run(
    _ values: [Double], size sizeWeight: Double, probability probabilityWeight: Double
  ) -> (FittedTSB, Double) {
    var size = values.first { $0 != 0 } ?? 0
    var probability = values[0] != 0 ? 1.0 : 0
    var squares = 0.0
    for (index, value) in values.enumerated() {
      if index > 0 {
        let error = value - size * probability
        squares += error * error
        probability += probabilityWeight * ((value != 0 ? 1 : 0) - probability)
      }
      if value != 0 { size += sizeWeight * (value - size) }
    }
    let fit = FittedTSB(
      sizeWeight: sizeWeight, probabilityWeight: probabilityWeight, final: size * probability)
    return (fit, squares)
  }

  /// The point forecasts: one value, held.
  package func forecast(horizon: Int) -> [Double] {
    [Double](repeating: final, count: horizon)
  }
}
