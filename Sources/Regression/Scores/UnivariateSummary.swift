import LinearAlgebra

/// Mean, standard deviation and lag-1 autocorrelation of a series, computed with twice the digits.
package struct UnivariateSummary: Equatable, Sendable {
  /// The number of values.
  package let count: Int
  /// The mean.
  package let mean: Double
  /// The root of the squared deviations over `n − 1`; `nil` for fewer than two values.
  package let standardDeviation: Double?
  /// `Σ(yᵢ − ȳ)(yᵢ₋₁ − ȳ) / Σ(yᵢ − ȳ)²`; `nil` where all values are equal.
  package let lagOneAutocorrelation: Double?

  /// The summary of a series; `nil` for an empty one.
  package init?(_ values: [Double]) {
    guard !values.isEmpty else { return nil }
    count = values.count
    let sum = values.reduce(DoubleDouble(0)) { $0 + $1 }
    let mean = sum / DoubleDouble(Double(values.count))
    var squares = DoubleDouble(0)
    var products = DoubleDouble(0)
    var last: DoubleDouble?
    for value in values {
      let deviation = DoubleDouble(value) - mean
      squares = squares + deviation * deviation
      if let last { products = products + deviation * last }
      last = deviation
    }
    self.mean = mean.rounded
    standardDeviation =
      values.count > 1
      ? (squares / DoubleDouble(Double(values.count - 1))).squareRoot().rounded : nil
    lagOneAutocorrelation = squares.high > 0 ? (products / squares).rounded : nil
  }
}
