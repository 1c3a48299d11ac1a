import Glibc

/// The scale on which the model is additive.
package enum ResponseScale: String, CaseIterable, Sendable {
  /// The values themselves: season and trend add up.
  case level
  /// Square roots: between additive and multiplicative, and zeros are allowed.
  case squareRoot = "square_root"
  /// Natural logarithms: season and trend multiply.
  case logarithm

  /// Whether every known value has an image on this scale.
  ///
  /// What holds for a series holds for each shorter part of it, so a scale open to a training
  /// window was open at each earlier origin.
  func admits(_ values: [Double], isNonnegative: Bool) -> Bool {
    switch self {
    case .level: true
    case .squareRoot: isNonnegative && values.allSatisfy { $0 >= 0 }
    case .logarithm: values.allSatisfy { $0 > 0 }
    }
  }

  /// The image of a value.
  func transform(_ value: Double) -> Double {
    switch self {
    case .level: value
    case .squareRoot: value.squareRoot()
    case .logarithm: log(value)
    }
  }

  /// The mean of the value whose image is `image` plus an error distributed as the residuals.
  ///
  /// The plain inverse of a mean of logarithms is the geometric mean, which is too small for sums;
  /// `correction` repairs it: the mean square residual for square roots, the mean of their
  /// exponentials for logarithms.
  ///
  /// - SeeAlso: Duan, *JASA* 78(383), 1983, doi:10.1080/01621459.1983.10478017.
  func invert(_ image: Double, correction: Double) -> Double {
    switch self {
    case .level:
      return image
    case .squareRoot:
      let root = max(0, image)
      return root * root + correction
    case .logarithm:
      return exp(image) * correction
    }
  }

  /// The correction that ``invert(_:correction:)`` takes, from the residuals of a fit.
  func correction(residuals: Span<Double>) -> Double {
    guard !residuals.isEmpty else { return self == .logarithm ? 1 : 0 }
    var sum = 0.0
    for index in residuals.indices {
      switch self {
      case .level: break
      case .squareRoot: sum += residuals[index] * residuals[index]
      case .logarithm: sum += exp(residuals[index])
      }
    }
    // A bound far beyond any real correction, which keeps a product with zero from being NaN.
    return min(sum / Double(residuals.count), 1e100)
  }
}
